"""Who may import whom, read from the code itself.

A room is a folder of a package, or a file that lies beside the folders. Rooms stand on floors and
import only from floors below; no two files import each other, not even in a roundabout way.
Imports inside functions and for type checkers count like all others.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

# The rooms of each package, floor by floor, the ground floor last. A folder that is named in none
# is a fault: a new room must be added here.
FLOORS: dict[str, tuple[tuple[str, ...], ...]] = {
    "firmware_app": (
        ("main", "fallback", "boot"),
        ("service",),
        ("commands",),
        ("run",),
        ("tasks",),
        ("link", "gallery", "card"),
        ("board",),
        ("package", "events"),
        ("settings", "base"),
        ("wire", "version", ""),
    ),
    "host_client": (
        ("cli",),
        ("check",),
        ("installer", "drawing"),
        ("sync", ""),
        ("board",),
        ("commands",),
        ("link",),
        ("replay", "ros2"),
        ("recording", "convert"),
        ("results", "flashing"),
        ("base",),
    ),
    "board_hub": (
        ("dashboard_demo",),
        ("dashboard_cli",),
        ("cli",),
        ("hub", "demo", "trial"),
        ("dashboard", "homeassistant"),
        ("web", "mqtt", "files"),
        ("sessions",),
        ("feed",),
        ("session",),
        ("memory",),
        ("configuration",),
        ("base", ""),
    ),
    "virtual_board": (
        ("supervisor",),
        ("board", "card", "death"),
        ("archive", "interpreter", "silicon", "modules", ""),
    ),
    "virtual_board/silicon": (
        ("chip",),
        ("nncase",),
        ("camera",),
        ("wires",),
        ("clock",),
        ("kpu", "ai2d", "native", "ulab"),
        ("base", ""),
    ),
}
# Folders that MicroPython searches: the files in them import each other by bare names.
SEARCHED = ("virtual_board.modules",)
# Which packages a package may import, beside itself.
BELOW = {
    "firmware_app": (),
    "board_types": ("firmware_app",),
    "host_client": ("firmware_app", "board_types", "virtual_board"),
    "virtual_board": ("firmware_app", "board_types"),
    "board_hub": ("firmware_app", "board_types", "host_client", "virtual_board"),
    "models": ("firmware_app", "host_client", "virtual_board"),
}
# Modules that exist on the board alone: they are touched in firmware_app/board/, each in one file.
VENDOR = (
    *("aicube", "aidemo", "image", "machine", "media", "network", "nncase_runtime", "ucryptolib"),
    "ulab",
)
# They run before, and without, everything else: they have to restart the board by themselves.
LAUNCHERS = (("main", "machine"), ("fallback", "machine"))
BOARD_MODULES = {
    "_thread",
    "array",
    "asyncio",
    "builtins",
    "errno",
    "gc",
    "hashlib",
    "io",
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
# The host's side of the wire, behind a test of sys.implementation.
HOST_SIDE = {("wire", "zlib"), ("wire", "msgpack")}
# What the host may use of the firmware: rooms and files without any I/O.
PURE_ROOMS = ("wire", "settings", "package", "events")
PURE_FILES = (
    "firmware_app",
    "firmware_app.version",
    "firmware_app.base.places",
    "firmware_app.base.problems",
    "firmware_app.base.restarts",
    "firmware_app.gallery.contents",
    "firmware_app.gallery.format",
)
# Nothing of these reaches outside, and package/ reads folders by functions that the caller may replace.
PURE_MODULES = {"builtins", "hashlib", "math", "os", "struct", "sys", "ubinascii"}


class Module(NamedTuple):
    """One file: its place, its dotted name, and (line, dotted name) of each import."""

    path: Path
    name: str
    imports: tuple[tuple[int, str], ...]


def read_modules(root: Path, package: str) -> dict[str, Module]:
    """Return every file of a package by its dotted name."""
    found = {}
    for path in sorted((root / package).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found[name] = Module(path, name, tuple(_imports(tree)))
    return {name: _with_full_names(module, found) for name, module in found.items()}


def _with_full_names(module: Module, modules: dict[str, Module]) -> Module:
    """Return the module with its bare imports of files in the same searched folder made full."""
    imports = module.imports
    for folder in SEARCHED:
        if module.name.startswith(f"{folder}."):
            full = [(line, name, f"{folder}.{name}") for line, name in imports]
            imports = tuple(
                (line, long if _in_folder(long, folder, modules) else name)
                for line, name, long in full
            )
    return module._replace(imports=imports)


def _in_folder(name: str, folder: str, modules: dict[str, Module]) -> bool:
    target = _target(name, modules)
    return target is not None and target != folder


def _imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield every import; `from a import b` as a.b, whether b is a file or a name in it.

    `if 0: from typing import ...`, which the board's compiler leaves out, is none.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Constant) and not node.test.value:
            node.body = [
                part
                for part in node.body
                if not (isinstance(part, ast.ImportFrom) and part.module == "typing")
            ]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                yield node.lineno, f"{node.module}.{alias.name}"


def _target(name: str, modules: dict[str, Module]) -> str | None:
    """Return the file that an imported dotted name stands for."""
    if name in modules:
        return name
    parent = name.rpartition(".")[0]
    return parent if parent in modules else None


def graph(modules: dict[str, Module]) -> dict[str, set[str]]:
    """Return which files each file imports."""
    arrows: dict[str, set[str]] = {}
    for module in modules.values():
        targets = {_target(name, modules) for _, name in module.imports}
        arrows[module.name] = {each for each in targets if each and each != module.name}
    return arrows


def circles(arrows: dict[str, set[str]]) -> list[list[str]]:
    """Return the sets of nodes that reach each other (Tarjan's strongly connected components)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in arrows.get(node, ()):
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            members = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(members) > 1:
                found.append(sorted(members))

    for node in sorted(arrows):
        if node not in index:
            visit(node)
    return found


def room_of(name: str, package: str) -> str:
    """Return the room of a file within a package: its folder, its own name beside folders, or ""."""
    rest = name[len(package) + 1 :].split(".")
    return rest[0]


def room_arrows(modules: dict[str, Module], package: str) -> dict[str, set[str]]:
    """Return which rooms of a package (dotted) each of its rooms imports."""
    rooms: dict[str, set[str]] = {}
    for name, targets in graph(modules).items():
        if name != package and not name.startswith(f"{package}."):
            continue
        here = rooms.setdefault(room_of(name, package), set())
        for target in targets:
            if target == package or target.startswith(f"{package}."):
                here.add(room_of(target, package))
    for room, targets in rooms.items():
        targets.discard(room)
    return rooms


def _floor_faults(root: Path, place: str, modules: dict[str, Module]) -> Iterator[str]:
    package = place.replace("/", ".")
    floor_of = {
        room: len(FLOORS[place]) - number
        for number, rooms in enumerate(FLOORS[place], 1)
        for room in rooms
    }
    for module in modules.values():
        if module.name != package and not module.name.startswith(f"{package}."):
            continue
        here = room_of(module.name, package)
        where = module.path.relative_to(root)
        if here not in floor_of:
            yield f"{where}: the room {place}/{here} stands on no floor: add it to FLOORS in {__name__}"
            continue
        for line, name in module.imports:
            target = _target(name, modules)
            if target is None or (target != package and not target.startswith(f"{package}.")):
                continue
            there = room_of(target, package)
            if there != here and floor_of.get(there, 0) >= floor_of[here]:
                yield (
                    f"{where}:{line}: {here or package} imports {target}, which is not on a floor "
                    "below it"
                )


def _board_faults(root: Path, modules: dict[str, Module]) -> Iterator[str]:
    """The firmware: vendor modules in board/ alone, each in one file; nothing that the board lacks."""
    touched: dict[str, set[str]] = {}
    for module in modules.values():
        room = room_of(module.name, "firmware_app")
        where = module.path.relative_to(root)
        for line, name in module.imports:
            top = name.split(".")[0]
            if top in VENDOR:
                if (room, top) in LAUNCHERS:
                    continue
                touched.setdefault(top, set()).add(str(where))
                if room != "board":
                    yield f"{where}:{line}: imports {name}; only files in firmware_app/board may"
            elif top != "firmware_app" and top not in BOARD_MODULES | {
                each for place, each in HOST_SIDE if place == room
            }:
                yield f"{where}:{line}: imports {name}, which the board does not have"
            elif (
                room in PURE_ROOMS
                and top != "firmware_app"
                and top not in PURE_MODULES
                and (room, top) not in HOST_SIDE
            ):
                yield f"{where}:{line}: imports {name}; firmware_app/{room} does no I/O"
    for name, files in touched.items():
        if len(files) > 1:
            yield f"{name}: expected one file that imports it, found {', '.join(sorted(files))}"


def _package_faults(
    root: Path, package: str, modules: dict[str, Module], firmware: dict[str, Module]
) -> Iterator[str]:
    """Between packages: only downwards, and of the firmware only what is pure."""
    for module in modules.values():
        where = module.path.relative_to(root)
        for line, name in module.imports:
            top = name.split(".")[0]
            if top == package or top not in BELOW:
                continue
            if top not in BELOW[package]:
                yield f"{where}:{line}: {package} imports {name}"
            elif top == "firmware_app":
                file = _target(name, firmware) or name
                pure = file in PURE_FILES or room_of(file, top) in PURE_ROOMS
                if not pure:
                    yield f"{where}:{line}: imports {name}, which is not one of the pure rooms"


def faults(root: Path) -> list[str]:
    """Return one sentence for each import that goes the wrong way."""
    found: list[str] = []
    firmware = read_modules(root, "firmware_app")
    packages = [path.parent.name for path in sorted(root.glob("*/__init__.py"))]
    everything: dict[str, Module] = {}
    for package in packages:
        modules = read_modules(root, package)
        everything.update(modules)
        for place in FLOORS:
            if place.split("/")[0] == package:
                found += _floor_faults(root, place, modules)
        if package in BELOW:
            found += _package_faults(root, package, modules, firmware)
    found += _board_faults(root, firmware)
    for members in circles(graph(everything)):
        found.append(f"these files import each other: {', '.join(members)}")
    return found


def summary(root: Path) -> str:
    """Return how many rooms, arrows, floors and circles each package has, a line each."""
    lines = []
    for place, floors in FLOORS.items():
        package = place.replace("/", ".")
        arrows = room_arrows(read_modules(root, place.split("/")[0]), package)
        arrows.pop("", None)
        count = sum(len(targets - {""}) for targets in arrows.values())
        lines.append(
            f"{place}: {len(arrows)} rooms, {count} arrows, {len(floors)} floors, "
            f"{len(circles(arrows))} circles"
        )
    return "\n".join(lines)


def table(place: str, floors: tuple[tuple[str, ...], ...]) -> str:
    """Return the floors of a package as docs/architecture.md has them, the highest floor first."""
    rows = [f"| floor | rooms of `{place}/` |", "|---|---|"]
    for number, rooms in enumerate(floors):
        named = " · ".join(f"`{room}`" for room in rooms if room)
        rows.append(f"| {len(floors) - number} | {named} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    for name, rooms_by_floor in FLOORS.items():
        print(table(name, rooms_by_floor))
