"""Run a script in MicroPython with the ulab stand-in, its operations served from this process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from virtual_board.silicon.base.errors import Death, NativeFault
from virtual_board.silicon.base.server import Server
from virtual_board.silicon.ulab.ops import OPS

MODULES = Path(__file__).resolve().parents[2] / "virtual_board" / "modules"


class Outcome(NamedTuple):
    """What a script left behind; fault is the sentence of a native fault, if it ended in one."""

    output: str
    fault: str | None
    returncode: int


def micropython() -> str | None:
    """Return the interpreter beside this Python or on PATH."""
    beside = Path(sys.executable).parent / "micropython"
    return str(beside) if beside.exists() else shutil.which("micropython")


def run_script(text: str, timeout: float = 120.0) -> Outcome:
    """Run text as a board script and return what it printed and how it ended."""
    interpreter = micropython()
    assert interpreter is not None
    with tempfile.TemporaryDirectory() as folder:
        pipes = [os.path.join(folder, name) for name in ("request", "reply", "request2", "reply2")]
        for pipe in pipes:
            os.mkfifo(pipe)
        script = Path(folder) / "script.py"
        boot = f"from _k230 import silicon\nsilicon.connect({{'channels': [{pipes[:2]!r}, {pipes[2:]!r}]}})\n"
        script.write_text(boot + text)
        process = subprocess.Popen(
            [interpreter, "-X", "heapsize=64M", str(script)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "MICROPYPATH": f"{MODULES}:.frozen"},
        )
        fault: list[str] = []

        def end(message: str) -> None:
            fault.append(message)
            process.kill()

        def die(death: Death) -> None:
            end(death.message)

        def told(args: list[Any], _: list[memoryview]) -> tuple[Any, list[Any]]:
            raise NativeFault(args[0])

        server = Server({**OPS, "board.fault": told}, die, end)
        for request, reply in (pipes[:2], pipes[2:]):
            server.serve(Path(request), Path(reply))
        try:
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
        return Outcome(output.decode(), fault[0] if fault else None, process.returncode)
