"""Run a script in MicroPython with the ulab stand-in, its operations served from this process."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import BinaryIO, NamedTuple

from virtual_board.silicon.errors import NativeFault, SiliconError
from virtual_board.silicon.ulab_ops import OPS

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
        boot = (
            f"import _silicon\n_silicon.connect({{'channels': [{pipes[:2]!r}, {pipes[2:]!r}]}})\n"
        )
        script.write_text(boot + text)
        process = subprocess.Popen(
            [interpreter, "-X", "heapsize=64M", str(script)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "MICROPYPATH": f"{MODULES}:.frozen"},
        )
        fault: list[str] = []
        server = threading.Thread(target=_serve, args=(pipes, process, fault), daemon=True)
        server.start()
        try:
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
        return Outcome(output.decode(), fault[0] if fault else None, process.returncode)


def _serve(pipes: list[str], process: subprocess.Popen[bytes], fault: list[str]) -> None:
    with (
        open(pipes[0], "rb") as request,
        open(pipes[1], "wb") as reply,
        open(pipes[2], "rb"),
        open(pipes[3], "wb"),
    ):
        while head := request.read(8):
            size, count = struct.unpack("<II", head)
            sizes = struct.unpack(f"<{count}I", request.read(4 * count))
            op, args, _ = json.loads(request.read(size))
            blobs = [memoryview(bytearray(request.read(n))) for n in sizes]
            try:
                if op == "board.fault":
                    raise NativeFault(args[0])
                result, out = OPS[op](args, blobs)
                answer = (0, result)
            except SiliconError as error:
                answer, out = (1, [error.kind, error.message]), []
            except NativeFault as error:
                fault.append(error.message)
                process.kill()
                return
            except Exception as error:  # a mistake in an operation: show it in the script
                answer, out = (1, ["RuntimeError", f"{op}: {error!r}"]), []
            _reply(reply, answer, out)


def _reply(reply: BinaryIO, answer: object, out: list[memoryview]) -> None:
    text = json.dumps(answer).encode()
    sizes = [memoryview(blob).nbytes for blob in out]
    reply.write(struct.pack(f"<II{len(out)}I", len(text), len(out), *sizes) + text)
    for blob in out:
        reply.write(blob)
    reply.flush()
