"""One virtual board as a process: the silicon, and the interpreter that it starts and restarts.

Run as `python -m virtual_board.supervisor OPTIONS.json`. What happens is reported as one JSON
object a line on stdout, {"event": …, "detail": …}: console, listening, uart, reset, fault, dead,
repl, bug, error, off. The board is switched off when stdin closes, so that it never outlives the program that
started it.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import platform
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from board_types import ASSUMED_INTERPRETER_KB, BoardType
from virtual_board.death import Outcome, name_aside, outcome
from virtual_board.interpreter import InterpreterError, find_interpreter
from virtual_board.silicon.base.errors import DEATHS, Death
from virtual_board.silicon.base.options import BoardOptions
from virtual_board.silicon.base.reaper import Reaper
from virtual_board.silicon.base.server import Server
from virtual_board.silicon.camera.sources import SourceError
from virtual_board.silicon.chip import Chip
from virtual_board.silicon.clock.levels import ProfileError
from virtual_board.silicon.wires.console import Console
from virtual_board.silicon.wires.links import LinkError

HEAP = "64M"  # the board's heap grows without a cap; a PC build's is fixed
POWER_CUT = "power cut"  # how the card's own fault begins (modules/_k230/card.py)
REPL_MARK = b"\x1erepl\x1e"  # printed where the scripts' output ends and the REPL's begins
PIPE_SIZE = 4096  # bytes printed ahead of the console: a full one blocks the interpreter
DRAIN_S = 0.1
MAX_DRAIN_S = 1.0
_TO_END = (signal.SIGTERM, signal.SIGHUP)
_ENDS = ("off", "reset", "soft_reset", "repl", *DEATHS)
_TGKILL = {"x86_64": 234, "aarch64": 131}  # Linux's number of a call that Python has not
FLUSH_S = 0.5  # after the last frame, for results on their way
_HERE = Path(__file__).resolve().parent
# An installed wheel has the service as a board loads it; a checkout runs its sources.
_COMPILED = _HERE.parent / "host_client" / "data" / "firmware" / "firmware_app"
_FIRMWARE = _COMPILED if _COMPILED.is_dir() else _HERE.parent / "firmware_app"


def emit(event: str, **fields: Any) -> None:
    """Report one event."""
    sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")  # ASCII, in every locale
    sys.stdout.flush()


class Supervisor:
    """Runs the interpreter against the silicon until the board is switched off."""

    def __init__(self, options: BoardOptions, folder: Path, reaper: Reaper) -> None:
        self._options = options
        self._folder = folder
        self._reaper = reaper
        self._left = threading.Event()  # the program that started the board wants no more of it
        self._interpreter = find_interpreter(options.micropython)
        self._events: queue.Queue[tuple[str, str]] = queue.Queue()
        self._chip = Chip(options, self._post)
        self._console = Console(options.console) if options.console is not None else None
        self._stage = ""  # the script that runs
        self._began = 0.0  # since when
        self._dead = False  # there is no process any more
        self._aside = ""  # the script that the next boot renames
        self._had_main = False  # the card ever had a main.py: then the product's own is none of it
        self._stacks = 0  # bytes that ended threads left behind, over soft resets
        self._raw = False  # the REPL stays in raw mode over a soft reset

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
            if self._console is not None:
                self._console.close()

    def _watch_stdin(self) -> None:
        # Not sys.stdin: a thread inside its lock would abort the interpreter at its end.
        while os.read(0, 4096):
            self._post("fault", f"{POWER_CUT}: asked for")
        self._left.set()
        self._post("off", "asked")

    def _power_on(self, starts: int) -> int | None:
        """Run the interpreter once; return None to start it again."""
        self._dead = False
        self._stage = ""
        channels = self._channels(starts)
        wiring = self._folder / f"wiring-{starts}.json"
        wiring.write_text(json.dumps(self._wiring(channels, starts)))
        process = subprocess.Popen(
            [
                self._interpreter,
                "-X",
                f"heapsize={HEAP}",
                str(_HERE / "modules" / "_k230" / "boot.py"),
                str(wiring),
            ],
            stdin=subprocess.DEVNULL if self._console is None else self._console.stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pipesize=PIPE_SIZE if self._console is not None else -1,
            cwd=self._folder,
            start_new_session=True,
        )
        self._reaper.watch(process.pid)
        operations = self._chip.operations()
        interrupts = None
        if self._console is not None:
            interrupts = self._console.interrupts
            operations = operations | self._console.operations()
        server = Server(
            operations,
            lambda death: self._post(death.kind, death.message),
            lambda m: self._post("bug", m),
            interrupts,
        )
        if interrupts is not None:
            interrupts.start(lambda: _interrupt(process), server.waiting)
        for request, reply in channels:
            server.serve(request, reply)
        show = self._console.writer() if self._console is not None else None
        threading.Thread(target=self._show, args=(process, show), daemon=True).start()
        try:
            return self._until_end(process)
        finally:
            _end(process)
            self._reaper.watch(None)
            self._chip.reset()
            if self._console is not None:
                self._console.forget()
            for pair in channels:
                for fifo in pair:
                    fifo.unlink(missing_ok=True)

    def _until_end(self, process: subprocess.Popen[bytes]) -> int | None:
        while True:
            event, detail = self._events.get()
            if event == "console" and self._left.is_set():
                continue  # a script that prints without end would keep the board on
            if event in _ENDS and not (event == "repl" and self._console is not None):
                self._drain()
            if event in ("console", "listening", "uart", "bug", "taken"):
                emit(event, detail=detail)
            elif event == "frames":
                time.sleep(FLUSH_S)
                self._post("off", "all frames taken")
            elif event == "off":
                emit("off", detail=detail)
                return 0
            elif event == "reset":
                emit("reset", detail=detail)
                return self._again(0)
            elif event == "soft_reset":
                emit("reset", detail="soft reset")
                mode, kept = detail.split()
                self._raw, self._stacks = mode == "raw", int(kept)
                return None
            elif event == "stage":
                self._stage, self._began = detail, time.monotonic()
            elif event == "repl":
                emit("repl", detail=detail)
                # The board sits in its REPL for good: without a console nothing happens any more.
                if self._console is None:
                    return 0 if detail == "finished" else 1
            elif event in DEATHS:
                emit("fault", detail=detail)
                if detail.startswith(POWER_CUT):
                    return self._again(1)
                if self._die(process, Death(detail, *DEATHS[event])):
                    return self._again(1)
            elif event == "ended" and detail == str(process.pid) and not self._dead:
                emit("fault", detail=f"the interpreter ended with status {process.poll()}")
                if self._die(process, Death(detail)):
                    return self._again(1)

    def _die(self, process: subprocess.Popen[bytes], death: Death) -> bool:
        """Do what the firmware does after a death; return whether it restarts the board."""
        if not self._options.restart:
            return True
        found = outcome(death, self._stage, time.monotonic() - self._began)
        if found is Outcome.PUT_ASIDE:
            self._aside = self._stage
        if found in (Outcome.PUT_ASIDE, Outcome.RESET):
            return True
        if found is Outcome.FROZEN:
            process.send_signal(signal.SIGSTOP)  # all wait for the interpreter
            if self._chip.guarded:
                return False
        else:
            self._dead = True
            _end(process)
            self._chip.reset()  # its files are closed, the watchdog's among them
        emit("dead", detail=f"{found.value}: {death.message}; it stays so until its power is cut")
        return False

    def _again(self, code: int) -> int | None:
        """Return None where the board starts anew, else the exit code."""
        if not self._options.restart:
            return code
        self._raw = False
        self._stacks = 0
        self._rename()
        if self._console is not None:
            self._console.restart()
        return None

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

    def _show(self, process: subprocess.Popen[bytes], show: Callable[[bytes], None] | None) -> None:
        assert process.stdout is not None
        line = b""
        in_repl = False
        while data := os.read(process.stdout.fileno(), 1 << 16):
            said, mark, typed = data.partition(REPL_MARK)
            if not in_repl:
                in_repl = bool(mark)  # what the REPL says is for who typed
                *lines, line = (line + said).split(b"\n")
                for whole in lines:
                    self._post("console", _text(whole))
            if show is not None:
                show(said + typed)  # where the PC does not read, this waits, and then who prints
        if line:
            self._post("console", _text(line))
        process.wait()
        self._post("ended", str(process.pid))

    def _channels(self, starts: int) -> list[tuple[Path, Path]]:
        pairs = []
        for name in ("main", "camera", "console")[: 2 if self._console is None else 3]:
            pair = (
                self._folder / f"{name}-{starts}.request",
                self._folder / f"{name}-{starts}.reply",
            )
            for fifo in pair:
                os.mkfifo(fifo, 0o600)
            pairs.append(pair)
        return pairs

    @property
    def _suppressed(self) -> bool:
        """Whether nothing starts by itself: the IDE was there."""
        return self._console is not None and self._console.ide.suppressed

    def _card_scripts(self) -> list[str]:
        """Return what the firmware runs of the card: fallback.py only where main.py was put aside."""
        names = ["boot.py", "main.py"]
        main, aside = self._on_card("main.py").is_file(), self._on_card("bad_main.py").is_file()
        self._had_main = self._had_main or main or aside
        if not main and aside:
            names[1] = "fallback.py"
        # Each is looked for when it is its turn: boot.py may have changed the names.
        later = self._had_main and self._on_card("boot.py").is_file()
        return [
            f"/sdcard/{name}"
            for name in names
            if self._on_card(name).is_file() or (later and name == "main.py")
        ]

    def _on_card(self, name: str) -> Path:
        return self._options.sdcard / name

    def _rename(self) -> None:
        """The boot behind a fault: the script is not to run again (misc.c, 513)."""
        script, self._aside = self._aside, ""
        if script and self._on_card(script).is_file():
            name = name_aside(script, self._options.rubbish)
            if name is not None:
                self._on_card(script).replace(self._on_card(name))

    def _wiring(self, channels: list[tuple[Path, Path]], starts: int) -> dict[str, Any]:
        firmware = self._folder / "firmware"
        if not firmware.exists():
            # Only the firmware's folder, not all that lies beside it in site-packages.
            firmware.mkdir()
            if not self._options.bare:
                (firmware / "firmware_app").symlink_to(_FIRMWARE)
        scripts = [] if self._suppressed else list(self._options.scripts) or self._card_scripts()
        blocks = self._folder / "blocks"
        blocks.touch()
        own = not (
            self._options.scripts or self._options.bare or self._suppressed or self._had_main
        )
        if own and not _mains(scripts):
            scripts.append(str(firmware / "firmware_app" / "main.py"))
        first = starts == 1
        return {
            "modules": str(_HERE / "modules"),
            "firmware": str(firmware),
            "sdcard": str(self._options.sdcard.resolve()),
            "data": str(self._options.data_folder.resolve()),
            "channels": [[str(a), str(b)] for a, b in channels],
            "scripts": scripts,
            "ports": {str(k): list(v) for k, v in self._options.ports.items()},
            "console": self._console is not None,
            "raw": self._raw,
            "blocks": str(blocks),
            "stacks": self._stacks,
            "board": _traits(self._options.kind),
            "storage": self._options.storage is not None,
            "clock": self._chip.interpreter(),
            "faults": None if self._options.faults is None else str(self._options.faults.resolve()),
            # One cut: the start behind it must come through.
            "crash": [self._options.crash_after, self._options.crash_before] if first else None,
            "started_ms": time.monotonic_ns() // 1_000_000,
        }


def _traits(kind: BoardType) -> dict[str, Any]:
    """Return what the stand-ins play of a board type."""
    return {
        "uname": kind.uname,
        "absent": list(kind.absent),
        "wired": [list(row) for row in kind.wired],
        "total_kb": kind.total_kb,
        "kernel_heap_kb": kind.kernel_heap_kb,
        "pages_kb": kind.pages_kb,
        "interpreter_kb": ASSUMED_INTERPRETER_KB,
        "mmz_kb": kind.mmz_kb,
    }


def _mains(scripts: list[str]) -> bool:
    return any(not script.endswith("/boot.py") for script in scripts)


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").rstrip("\r")


def _interrupt(process: subprocess.Popen[bytes]) -> None:
    """Send Ctrl-C to the interpreter's main thread: it would be raised in whichever gets the signal.

    The system may choose another one, where a collection has signalled the main one just then.
    """
    number = _TGKILL.get(platform.machine()) if sys.platform == "linux" else None
    if number is None:
        process.send_signal(signal.SIGINT)
    elif process.poll() is None:
        ctypes.CDLL(None).syscall(number, process.pid, process.pid, int(signal.SIGINT))


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def main() -> int:
    """Entry point of the board's process."""
    options = BoardOptions.from_json(Path(sys.argv[1]).read_text())
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C reaches the program that started the board
    for number in _TO_END:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _asked_to_end)
    folder = Path(tempfile.mkdtemp(prefix="k230-board-"))
    reaper = Reaper(folder)
    try:
        return Supervisor(options, folder, reaper).run()
    except (InterpreterError, SourceError, ProfileError, LinkError) as error:
        emit("error", detail=str(error))
        return 2
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        reaper.close()


def _asked_to_end(number: int, frame: object) -> None:
    """A signal for the whole group, as `timeout` sends it, or the terminal is gone."""
    for each in _TO_END:
        signal.signal(each, signal.SIG_IGN)  # nothing disturbs what is being closed
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
