"""One virtual board as a process: the silicon, and the interpreter that it starts and restarts.

Run as `python -m virtual_board.supervisor OPTIONS.json`. What happens is reported as one JSON
object a line on stdout, {"event": …, "detail": …}: console, listening, uart, reset, fault, repl,
bug, error, off. The board is switched off when stdin closes, so that it never outlives whoever
started it.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from virtual_board.interpreter import InterpreterError, find_interpreter
from virtual_board.options import BoardOptions
from virtual_board.silicon.camera import SourceError
from virtual_board.silicon.chip import Chip
from virtual_board.silicon.profile import ProfileError
from virtual_board.silicon.server import Server

HEAP = "64M"  # the board's heap grows without a cap; a PC build's is fixed
DRAIN_S = 0.1
MAX_DRAIN_S = 1.0
_ENDS = ("off", "reset", "repl", "fault")
FLUSH_S = 0.5  # after the last frame, for results on their way
_HERE = Path(__file__).resolve().parent


def emit(event: str, **fields: Any) -> None:
    """Report one event."""
    sys.stdout.write(json.dumps({"event": event, **fields}, ensure_ascii=False) + "\n")
    sys.stdout.flush()


class Supervisor:
    """Runs the interpreter against the silicon until the board is switched off."""

    def __init__(self, options: BoardOptions, folder: Path) -> None:
        self._options = options
        self._folder = folder
        self._interpreter = find_interpreter(options.micropython)
        self._events: queue.Queue[tuple[str, str]] = queue.Queue()
        self._chip = Chip(options, self._post)

    def _post(self, event: str, detail: str = "") -> None:
        self._events.put((event, detail))

    def run(self) -> int:
        """Run the board; return the exit code (0: switched off as asked)."""
        threading.Thread(target=self._watch_stdin, daemon=True).start()
        if self._options.seconds is not None:
            timer = threading.Timer(self._options.seconds, self._post, ("off", "time is over"))
            timer.daemon = True
            timer.start()
        starts = 0
        try:
            while True:
                starts += 1
                code = self._power_on(starts)
                if code is not None:
                    return code
        finally:
            self._chip.close()

    def _watch_stdin(self) -> None:
        # Not sys.stdin: a thread inside its lock would abort the interpreter at its end.
        while os.read(0, 4096):
            pass
        self._post("off", "asked")

    def _power_on(self, starts: int) -> int | None:
        """Run the interpreter once; return None to start it again."""
        channels = self._channels(starts)
        wiring = self._folder / f"wiring-{starts}.json"
        wiring.write_text(json.dumps(self._wiring(channels)))
        process = subprocess.Popen(
            [
                self._interpreter,
                "-X",
                f"heapsize={HEAP}",
                str(_HERE / "modules" / "boot.py"),
                str(wiring),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self._folder,
            start_new_session=True,
        )
        server = Server(
            self._chip.operations(),
            lambda m: self._post("fault", m),
            lambda m: self._post("bug", m),
        )
        for request, reply in channels:
            server.serve(request, reply)
        threading.Thread(target=self._console, args=(process,), daemon=True).start()
        try:
            return self._until_end(process)
        finally:
            _end(process)
            self._chip.reset()
            for pair in channels:
                for fifo in pair:
                    fifo.unlink(missing_ok=True)

    def _until_end(self, process: subprocess.Popen[bytes]) -> int | None:
        while True:
            event, detail = self._events.get()
            if event in _ENDS:
                self._drain()
            if event in ("console", "listening", "uart", "bug"):
                emit(event, detail=detail)
            elif event == "frames":
                time.sleep(FLUSH_S)
                self._post("off", "all frames taken")
            elif event == "off":
                emit("off", detail=detail)
                return 0
            elif event == "reset":
                emit("reset", detail=detail)
                return None if self._options.restart else 0
            elif event == "repl":
                # A board would sit in its REPL for good: nothing runs any more.
                emit("repl", detail=detail)
                return 0 if detail == "finished" else 1
            elif event == "fault":
                emit("fault", detail=detail)
                return None if self._options.restart else 1
            elif event == "ended" and detail == str(process.pid):
                emit("fault", detail=f"the interpreter ended with status {process.poll()}")
                return None if self._options.restart else 1

    def _drain(self) -> None:
        """Report what the firmware printed before it ended: it comes another way than the end."""
        late: list[tuple[str, str]] = []
        stop = time.monotonic() + MAX_DRAIN_S
        with contextlib.suppress(queue.Empty):
            while time.monotonic() < stop:
                event, detail = self._events.get(timeout=DRAIN_S)
                if event in ("console", "bug"):
                    emit(event, detail=detail)
                elif event in ("off", "frames"):  # not of this interpreter: still to be done
                    late.append((event, detail))
        for event, detail in late:
            self._post(event, detail)

    def _console(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._post("console", line.decode("utf-8", "replace").rstrip("\r\n"))
        process.wait()
        self._post("ended", str(process.pid))

    def _channels(self, starts: int) -> list[tuple[Path, Path]]:
        pairs = []
        for name in ("main", "camera"):
            pair = (
                self._folder / f"{name}-{starts}.request",
                self._folder / f"{name}-{starts}.reply",
            )
            for fifo in pair:
                os.mkfifo(fifo, 0o600)
            pairs.append(pair)
        return pairs

    def _wiring(self, channels: list[tuple[Path, Path]]) -> dict[str, Any]:
        firmware = self._folder / "firmware"
        if not firmware.exists():
            # Only the firmware's folder, not all that lies beside it in site-packages.
            firmware.mkdir()
            (firmware / "firmware_app").symlink_to(_HERE.parent / "firmware_app")
        scripts = list(self._options.scripts)
        if not scripts:
            for name in ("boot.py", "main.py"):
                if (self._options.sdcard / name).is_file():
                    scripts.append(f"/sdcard/{name}")
            if "/sdcard/main.py" not in scripts:
                scripts.append(str(firmware / "firmware_app" / "main.py"))
        return {
            "modules": str(_HERE / "modules"),
            "firmware": str(firmware),
            "sdcard": str(self._options.sdcard.resolve()),
            "data": str(self._options.data.resolve()),
            "channels": [[str(a), str(b)] for a, b in channels],
            "scripts": scripts,
            "ports": {str(k): list(v) for k, v in self._options.ports.items()},
            "timing": self._options.timing is not None,
            "started_ms": time.monotonic_ns() // 1_000_000,
        }


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def main() -> int:
    """Entry point of the board's process."""
    options = BoardOptions.from_json(Path(sys.argv[1]).read_text())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches whoever started the board
    folder = Path(tempfile.mkdtemp(prefix="k230-board-"))
    try:
        return Supervisor(options, folder).run()
    except (InterpreterError, SourceError, ProfileError) as error:
        emit("error", detail=str(error))
        return 2
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
