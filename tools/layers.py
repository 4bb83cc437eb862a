"""Who may import whom, read from the code itself.

firmware_app: itself and the board's modules; one room for each vendor module; nothing of
MicroPython's missing parts. host_client: of firmware_app only what is pure. virtual_board: the
same, and never host_client.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

# Vendor module -> the one firmware file that touches it.
VENDOR_ROOMS = {
    "nncase_runtime": "npu",
    "ulab": "arrays",
    "media": "camera",
    "machine": "hardware",
    "network": "nic",
    "aicube": "decoders",
    "aidemo": "decoders",
    "image": "pictures",
}
# The launcher runs before, and without, everything else: it has to restart the board by itself.
LAUNCHER = {("main", "machine")}
BOARD_MODULES = {
    "_thread",
    "asyncio",
    "deflate",
    "errno",
    "gc",
    "hashlib",
    "json",
    "math",
    "micropython",
    "os",
    "select",
    "socket",
    "struct",
    "sys",
    "time",
    "ubinascii",
}
# The host's side of wire.py, behind a test of sys.implementation.
HOST_SIDE = {("wire", "zlib"), ("wire", "msgpack")}
# What the host may use of the firmware: files without any I/O.
PURE = {
    "gallery_format",
    "deploy_fields",
    "fit",
    "kmodel",
    "package",
    "schema",
    "seal",
    "service_fields",
    "settings",
    "task_fields",
    "version",
    "wire",
    "yaml_subset",
}


def _imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted module) of every import; `from a import b` counts as a.b too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield node.lineno, name.name
        elif isinstance(node, ast.ImportFrom) and node.module:
            for name in node.names:
                yield node.lineno, f"{node.module}.{name.name}"


def faults(root: Path) -> list[str]:
    """Return one sentence for each import that goes the wrong way."""
    found: list[str] = []
    for path in sorted((root / "firmware_app").glob("*.py")):
        for line, module in _imports(ast.parse(path.read_text())):
            top = module.split(".")[0]
            if top == "firmware_app" or top in BOARD_MODULES or (path.stem, top) in HOST_SIDE:
                continue
            if (path.stem, top) in LAUNCHER:
                continue
            if VENDOR_ROOMS.get(top) == path.stem:
                continue
            found.append(
                f"firmware_app/{path.name}:{line}: imports {module}"
                f" (its room is {VENDOR_ROOMS[top]}.py)"
                if top in VENDOR_ROOMS
                else f"firmware_app/{path.name}:{line}: imports {module}, which the board has not"
            )
    for path in sorted((root / "host_client").rglob("*.py")):
        for line, module in _imports(ast.parse(path.read_text())):
            parts = module.split(".")
            if parts[0] == "firmware_app" and (len(parts) < 2 or parts[1] not in PURE):
                found.append(
                    f"{path.relative_to(root)}:{line}: imports {module}, which is not pure"
                )
    for path in sorted((root / "virtual_board").rglob("*.py")):
        for line, module in _imports(ast.parse(path.read_text())):
            parts = module.split(".")
            if parts[0] == "host_client" or (parts[0] == "firmware_app" and parts[1] not in PURE):
                found.append(f"{path.relative_to(root)}:{line}: imports {module}")
    return found
