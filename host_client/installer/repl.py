"""A board over its USB console: mpremote's transport, raw-paste mode, no soft reset.

A soft reset would run main.py again (docs/installation.md). The console moves a few kB a second on
a board.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterable, Iterator
from typing import Any

import serial
from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport

from host_client.installer.board_code import HELPERS, ROOT, encoded
from host_client.installer.target import InstallError, Moved, TargetInfo

GONE: tuple[type[Exception], ...] = (serial.SerialException, OSError)
"""What a port that went away may raise."""

with contextlib.suppress(ImportError):  # Windows has none
    import termios

    GONE = (*GONE, termios.error)

_READING: tuple[type[Exception], ...] = (TypeError, *GONE)  # pyserial's own slip at a closed port

BAUDRATE = 115200
PIECE = 3072  # bytes of a file in one piece of code
ANSWER_S = 15.0  # until a board that loads a model looks at Ctrl-C
EXEC_S = 30.0
RETRIES = 2  # of text that did not arrive whole
_PROMPT = b">>> "


class ReplTarget:
    """The files of a board; use it as a context: it leaves the board in the friendly REPL."""

    def __init__(self, port: str) -> None:
        self.port = port
        self._transport: Any = None

    def __enter__(self) -> ReplTarget:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        """Interrupt what runs on the board, and get its attention."""
        try:
            self._transport = SerialTransport(os.path.realpath(self.port), BAUDRATE)
        except (TransportError, *GONE) as error:
            raise InstallError(f"{self.port}: cannot be opened: {_why(self.port, error)}") from None
        try:
            self._interrupt()
            self._transport.enter_raw_repl(soft_reset=False)
            self._run(HELPERS)
        except InstallError:
            self.close()
            raise
        except (TransportError, *GONE) as error:
            self.close()
            raise InstallError(f"{self.port}: the REPL does not answer: {error}") from None

    def _interrupt(self) -> None:
        port = self._transport.serial
        stop = time.monotonic() + ANSWER_S
        seen = b""
        while time.monotonic() < stop:
            port.write(b"\x03\x02")
            quiet = time.monotonic() + 1.0
            while time.monotonic() < quiet:
                waiting = port.in_waiting
                if waiting:
                    seen = (seen + port.read(waiting))[-4096:]
                    quiet = max(quiet, time.monotonic() + 0.2)
                elif seen.endswith(_PROMPT):
                    return
                else:
                    time.sleep(0.01)
        if seen:
            raise InstallError(
                f"{self.port}: no REPL there, but something speaks: expected the board's USB "
                "console, not its UART (and the IDE must not be connected)"
            )
        raise InstallError(
            f"{self.port}: nobody answers: expected the USB console of a board with CanMV "
            "firmware; the port next to it may be the one"
        )

    def close(self) -> None:
        """Give the console back."""
        if self._transport is None:
            return
        transport, self._transport = self._transport, None
        with contextlib.suppress(TransportError, *GONE):
            if transport.in_raw_repl:
                transport.exit_raw_repl()
        with contextlib.suppress(*GONE):
            transport.close()
        with contextlib.suppress(*GONE):
            transport.serial.close()

    def _run(self, code: str) -> str:
        for left in range(RETRIES, -1, -1):
            out, error = self._execute(code)
            # A byte lost on the way makes text that does not compile: none of it ran, so it may
            # be said again.
            if not left or not _last(error.decode(errors="replace")).startswith("SyntaxError"):
                break
        if error:
            raise InstallError(f"{self.port}: the board answers: {_last(error.decode())}")
        return str(out.decode(errors="replace"))

    def _execute(self, code: str) -> tuple[bytes, bytes]:
        try:
            return self._transport.exec_raw(code, timeout=EXEC_S)  # type: ignore[no-any-return]
        except TransportExecError as failed:
            raise InstallError(f"{self.port}: {_last(failed.error_output)}") from None
        except (TransportError, TypeError, *GONE) as failed:
            raise InstallError(
                f"{self.port}: the board is gone: {failed}; nothing that it ran before is changed: "
                "start the installation again"
            ) from None

    def _ask(self, expression: str) -> Any:
        text = self._run(f"print(json.dumps({expression}))")
        try:
            return json.loads(text)
        except ValueError:
            raise InstallError(
                f"{self.port}: the board's answer is damaged: {text!r:.80}"
            ) from None

    def info(self) -> TargetInfo:
        """Return board, firmware, .mpy version and free space."""
        board, firmware, mpy, free, platform = self._ask("_k_info()")
        if platform != "rt-smart" and "k230" not in str(board).lower():
            raise InstallError(
                f"{self.port}: expected a K230 with CanMV firmware, found {board} ({platform})"
            )
        return TargetInfo(self.port, board, firmware, mpy & 0xFF if mpy else None, free)

    def hashes(self, paths: Iterable[str]) -> dict[str, str]:
        """Return the SHA-256 of the files that are there, computed on the board."""
        found: dict[str, str] = {}
        wanted = list(paths)
        for i in range(0, len(wanted), 16):
            part = wanted[i : i + 16]
            rows = self._ask(f"[_k_hash({ROOT!r} + p) for p in {part!r}]")
            found |= {path: row for path, row in zip(part, rows, strict=True) if row}
        return found

    def names(self, folder: str) -> list[str]:
        """Return the names in a folder."""
        return [str(name) for name in self._ask(f"_k_names({(ROOT + folder).rstrip('/')!r})")]

    def write(self, path: str, data: bytes, moved: Moved) -> None:
        """Write a file piece by piece; each one is acknowledged before the next."""
        self._run(f"_k_open({ROOT + path!r})")
        for i in range(0, len(data), PIECE):
            piece = data[i : i + PIECE]
            self._run(f"_k_w('{encoded(piece)}')")
            moved(len(piece))
        self._run("_k_close()")

    def read(self, path: str) -> bytes | None:
        """Return a file's content."""
        return self.read_anywhere(ROOT + path)

    def read_anywhere(self, path: str) -> bytes | None:
        """Return the content of a file of the board by its full path."""
        text = self._ask(f"_k_read({path!r})")
        return None if text is None else bytes.fromhex(text)

    def write_anywhere(self, path: str, data: bytes) -> None:
        """Write a small file of the board by its full path."""
        self._run(f"_k_open({path!r})\n_k_w('{encoded(data)}')\n_k_close()")

    def copy(self, source: str, path: str) -> None:
        """Copy a file on the board."""
        self._run(f"_k_copy({ROOT + source!r}, {ROOT + path!r})")

    def rename(self, path: str, to: str) -> None:
        """Rename on the board."""
        self._run(f"_k_rename({ROOT + path!r}, {ROOT + to!r})")

    def remove(self, path: str) -> None:
        """Remove a file or a tree on the board."""
        self._run(f"_k_remove({ROOT + path!r})")

    def remove_empty(self, folder: str) -> None:
        """Remove an empty folder on the board."""
        self._run(f"if not _k_names({ROOT + folder!r}): _k_remove({ROOT + folder!r})")

    def restart(self) -> None:
        """Restart the board; the console is closed, and comes back by itself."""
        transport, self._transport = self._transport, None
        with contextlib.suppress(TransportError, *GONE):
            transport.exec_raw_no_follow(
                "import time, machine\ntime.sleep_ms(200)\nmachine.reset()"
            )
            time.sleep(0.3)
        with contextlib.suppress(*GONE):
            transport.serial.close()


def listen(port: str, seconds: float) -> Iterator[str]:
    """Yield the lines that the board prints after a restart, until `seconds` have passed.

    What it printed before this computer opened the console again is not among them.
    """
    stop = time.monotonic() + seconds
    device: Any = None
    line = b""
    while time.monotonic() < stop:
        if device is None:
            with contextlib.suppress(*GONE):
                device = serial.Serial(os.path.realpath(port), BAUDRATE, timeout=0.2)
            if device is None:
                time.sleep(0.02)
                continue
        try:
            line += device.read(max(1, device.in_waiting))
        except _READING:
            device = None  # the board restarts again
            continue
        *lines, line = line.split(b"\n")
        for each in lines:
            yield each.decode("utf-8", "replace").strip()
        yield ""  # so that the caller may look at the clock
    if device is not None:
        device.close()


def _last(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "an error without words"


def _why(port: str, error: Exception) -> str:
    if not os.path.exists(port):
        return "there is no such port (k230 discover lists the ports)"
    if "Permission" in str(error):
        return "permission denied: your user must be in the group of the device (dialout)"
    if "lock" in str(error).lower() or "busy" in str(error).lower():
        return "another program has it: close the IDE or the terminal"
    return str(error)
