"""Which interpreter and which ulab a benchmark ran: a stand-in's speed is no figure."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass

from virtual_board.interpreter import find_interpreter

STAND_IN = "stand-in"
_LOOK = """
import json, sys
try:
    import ulab
    version = ulab.__version__
except (ImportError, AttributeError):
    version = None
numbers = [str(part) for part in sys.implementation.version if part != ""]
name = ".".join(numbers[:3]) + "".join(["-" + part for part in numbers[3:]])
print(json.dumps([name, version, 1.0 + 1e-9 != 1.0]))
"""


@dataclass(frozen=True)
class Interpreter:
    """A MicroPython interpreter: its path, what it says of itself, its ulab's version and its floats."""

    path: str
    version: str
    ulab: str
    double: bool

    @property
    def real_ulab(self) -> bool:
        """Whether the real ulab is built in, so that its times say something about a board's."""
        return self.ulab != STAND_IN

    def sentence(self) -> str:
        """Return what ran, for people."""
        ulab = f"ulab {self.ulab}" if self.real_ulab else "the virtual board's stand-in for ulab"
        return (
            f"MicroPython {self.version}, {'double' if self.double else 'single'} precision, {ulab}"
        )


def look(micropython: str | None) -> Interpreter:
    """Return what the interpreter of this path is, without one the packaged interpreter."""
    path = str(find_interpreter(micropython))
    # Without the folders of the user's: a ulab there would be the interpreter's own for no one else.
    run = subprocess.run(
        [path, "-c", _LOOK],
        env={**os.environ, "MICROPYPATH": ".frozen"},
        capture_output=True,
        text=True,
        check=True,
    )
    version, ulab, double = json.loads(run.stdout.splitlines()[-1])
    return Interpreter(path, version, ulab or STAND_IN, double)
