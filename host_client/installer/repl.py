"""A board over its USB console: mpremote's transport, raw-paste mode, no soft reset.

A soft reset would run main.py again (docs/installation.md). The console moves a few kB a second on
a board.
"""

from __future__ import annotations

import contextlib
import io
import os
import secrets
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import serial
from mpremote.transport import TransportError
from mpremote.transport_serial import SerialTransport

from firmware_app.base import places
from host_client.base.undisturbed import undisturbed
from host_client.installer import board_code
from host_client.installer.board_code import ROOT, encoded
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
READ_S = 10.0  # for a byte; without it one that got lost would be waited for for ever
_ASK_S = 3.0  # between two lines sent to a board that is listened to
TAIL = 32768  # bytes of the log that are looked at
FILE = 1 << 20  # bytes of a file that is read from the board
SAID = 1 << 20  # bytes that the board prints in answer to one piece of code
_LINE = 8192  # bytes of a line
TRIES = 4  # to say what was damaged on the way, or whose answer was
_FULL, _DAMAGED, _READ_ONLY = 28, 5, 30  # errno
_CARD = {
    _FULL: "the card is full",
    _DAMAGED: "the card cannot be read or written: expected a sound card",
    _READ_ONLY: "the card is write-protected",
}
_PROMPT = b">>> "
_RESET = "import time, machine\ntime.sleep_ms(200)\nmachine.reset()"
_RESET_S = 0.3  # from the order to the reset
_RESETS = 2  # tries
_AGAIN_S = 5.0  # for a REPL that answered before
_ALONE_S = 0.05  # between what must reach the firmware apart


class _LostError(Exception):
    """An answer did not come whole."""


class ReplTarget:
    """The files of a board; use it as a context: whatever ends it, the board is started again.

    on_stopped gets a sentence where the board may be stopped and could not be started again.
    """

    def __init__(self, port: str, on_stopped: Callable[[str], None] = lambda text: None) -> None:
        self.port = port
        self._on_stopped = on_stopped
        self._prompted = False  # a REPL was seen: what ran on the board is stopped
        self._transport: Any = None
        self._number = secrets.randbelow(1 << 16)  # no answer to an earlier session is one to this
        self._error = ""
        self._place = ""

    def __enter__(self) -> ReplTarget:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.restart()

    def open(self) -> None:
        """Interrupt what runs on the board, and get its attention."""
        try:
            self._transport = SerialTransport(os.path.realpath(self.port), BAUDRATE, timeout=READ_S)
        except (TransportError, *GONE) as error:
            raise InstallError(f"{self.port}: cannot be opened: {_why(self.port, error)}") from None
        try:
            self._enter()
            self._introduce()
        except (TransportError, *GONE) as error:
            self.restart()
            raise InstallError(f"{self.port}: the REPL does not answer: {error}") from None
        except InstallError:
            self.restart(answers=self._prompted)
            raise
        except BaseException:
            self.restart()
            raise

    def _enter(self, seconds: float | None = None) -> None:
        for _ in range(TRIES):
            self._interrupt(seconds or ANSWER_S)
            try:
                with _quietly():
                    self._transport.enter_raw_repl(soft_reset=False, timeout_overall=READ_S)
                return
            except TransportError as error:
                self._error = str(error)
        raise InstallError(f"{self.port}: the REPL does not answer: {self._error}")

    def _interrupt(self, seconds: float) -> None:
        port = self._transport.serial
        stop = time.monotonic() + seconds
        seen = b""
        while time.monotonic() < stop:
            port.write(b"\x03")  # alone: to older firmware it is no interrupt with more behind it
            time.sleep(_ALONE_S)
            port.write(b"\x02")
            quiet = time.monotonic() + 1.0
            while time.monotonic() < min(quiet, stop):
                waiting = port.in_waiting
                if waiting:
                    seen = (seen + port.read(waiting))[-4096:]
                    quiet = max(quiet, time.monotonic() + 0.2)
                elif seen.endswith(_PROMPT):
                    self._prompted = True
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

    def _introduce(self) -> None:
        """Bring the helpers to the board; a request tells whether they came whole."""
        for _ in range(TRIES):
            self._execute(board_code.introduction())
            with contextlib.suppress(_LostError):
                if self._request("_k_id", 1) == board_code.IDENTITY:
                    return
        raise self._lost()

    def _ask(self, expression: str) -> Any:
        """Return an expression's value on the board; it is evaluated once, however often it is said."""
        try:
            return self._request(expression, TRIES)
        except _LostError:
            raise self._lost() from None

    def _request(self, expression: str, tries: int) -> Any:
        self._number += 1
        for _ in range(tries):
            said = board_code.answer(
                self._number, self._execute(board_code.request(self._number, expression))
            )
            if said is None:
                continue
            error, value = said
            if error is not None:
                kind, text, number = error
                raise InstallError(f"{self.port}: {_CARD.get(number) or f'{kind}: {text}'}")
            return value
        raise _LostError

    def _execute(self, code: str) -> str:
        """Let the board run code; return what it printed, "" where that got lost."""
        printed = bytearray()

        def take(data: bytes) -> None:
            printed.extend(data)
            if len(printed) > SAID:
                raise TransportError("it prints without end")

        try:
            with _quietly():
                _, error = self._transport.exec_raw(code, timeout=EXEC_S, data_consumer=take)
        except (TransportError, struct.error) as failed:
            self._error = str(failed)
            self._recover()
            return ""
        except _READING as failed:
            raise self._gone(failed) from None
        if error:
            self._error = _last(error.decode(errors="replace"))
        return printed.replace(b"\x04", b"").decode(errors="replace")

    def _recover(self) -> None:
        """Bring the REPL back to its prompt, whatever it waits for."""
        try:
            self._enter()
        except (TransportError, *_READING) as failed:
            raise self._gone(failed) from None

    def _gone(self, error: Exception) -> InstallError:
        return InstallError(
            f"{self.port}: the board is gone: {error}; nothing that it ran before is changed: "
            "plug it in and run the command again"
        )

    def _lost(self) -> InstallError:
        return InstallError(
            f"{self.port}: what is sent or answered does not arrive whole, {TRIES} times in a row "
            f"(last: {self._error[:80] or 'a damaged answer'}): try another USB cable or port, and "
            "close other programs that use the port"
        )

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

    def files(self, folder: str) -> list[str]:
        """Return the files in a folder."""
        return [str(name) for name in self._ask(f"_k_files({ROOT + folder!r})")]

    def write(self, path: str, data: bytes, moved: Moved) -> None:
        """Write a file piece by piece; each one is acknowledged before the next."""
        self._ask(f"_k_open({ROOT + path!r})")
        for i in range(0, len(data), PIECE):
            piece = data[i : i + PIECE]
            self._ask(f"_k_w({i},'{encoded(piece)}')")
            moved(len(piece))
        self._ask("_k_close()")

    def read(self, path: str) -> bytes | None:
        """Return a file's content."""
        return self.read_anywhere(ROOT + path)

    def read_anywhere(self, path: str) -> bytes | None:
        """Return the content of a file of the board by its full path."""
        return self._read_from(path, 0)

    def _read_from(self, path: str, at: int) -> bytes | None:
        """Return a file's content from a place on; a negative one counts from its end."""
        data = b""
        while True:
            answer = self._ask(f"_k_read({path!r}, {at})")
            if answer is None:
                return None
            size, at, text = answer
            data += bytes.fromhex(text)
            if len(data) > FILE:
                raise InstallError(f"{self.port}: {path}: expected at most {FILE >> 10} kB")
            at += len(text) // 2
            if at >= size or not text:
                return data

    @property
    def place(self) -> str:
        """The folder where the service keeps its files on this board, as base/storage.py finds it."""
        if not self._place:
            self._place = str(self._ask("_k_place()"))
        return self._place

    def last_log(self) -> str:
        """Return what the service logged since its last start, as far as the end of its log goes."""
        path = f"{self.place}/{places.LOG}"
        log = (self._read_from(path, -TAIL) or b"").decode("utf-8", "replace")
        return log[max(0, log.rfind("--- start")) :]

    def write_anywhere(self, path: str, data: bytes) -> None:
        """Write a small file of the board by its full path."""
        self._ask(f"[_k_open({path!r}),_k_w(0,'{encoded(data)}'),_k_close()]")

    def remove_anywhere(self, path: str) -> None:
        """Remove a file or a tree of the board by its full path."""
        self._ask(f"_k_remove({path!r})")

    def copy(self, source: str, path: str) -> None:
        """Copy a file on the board."""
        self._ask(f"_k_copy({ROOT + source!r}, {ROOT + path!r})")

    def rename(self, path: str, to: str) -> None:
        """Rename on the board."""
        self._ask(f"_k_rename({ROOT + path!r}, {ROOT + to!r})")

    def remove(self, path: str) -> None:
        """Remove a file or a tree on the board."""
        self._ask(f"_k_remove({ROOT + path!r})")

    def remove_empty(self, folder: str) -> None:
        """Remove an empty folder on the board."""
        self._ask(f"_k_remove_empty({ROOT + folder!r})")

    def restart(self, *, answers: bool = True) -> None:
        """Restart the board, once; the console is closed, and comes back by itself.

        answers: false where the REPL has just been waited for in vain.
        """
        if self._transport is None:
            return
        with undisturbed():  # a second Ctrl-C would leave the board stopped
            started = answers and self._reset()
            if not started and answers:
                self._type_reset()
            transport, self._transport = self._transport, None
            with contextlib.suppress(*GONE):
                transport.serial.close()
        if not started and (answers or self._prompted):
            self._on_stopped(
                f"{self.port}: the board may be stopped and could not be started again: press its "
                f"reset or plug its power out and in, or run `mpremote connect {self.port} resume "
                "reset`"
            )

    def _reset(self) -> bool:
        """Let the board reset itself; return whether it took the order."""
        for _ in range(_RESETS):
            with contextlib.suppress(TransportError, InstallError, struct.error, *_READING):
                self._enter(_AGAIN_S if self._prompted else ANSWER_S)  # whatever it was doing
                with _quietly():
                    self._transport.exec_raw_no_follow(_RESET)
                time.sleep(_RESET_S)
                return True
            if not os.path.exists(self.port):
                break
        return False

    def _type_reset(self) -> None:
        """Type the order blindly: the last resort, for a REPL whose answers are damaged."""
        with contextlib.suppress(*GONE):
            for text in (b"\x03", b"\x02", b"\r" + _RESET.replace("\n", ";").encode() + b"\r"):
                self._transport.serial.write(text)
                time.sleep(_ALONE_S)
            time.sleep(_RESET_S)


def listen(port: str, seconds: float) -> Iterator[str]:
    """Yield the lines that the board prints after a restart, until `seconds` have passed.

    What it printed before this computer opened the console again is not among them.
    """
    stop = time.monotonic() + seconds
    device: Any = None
    line = b""
    asked = 0.0
    silent = True
    while time.monotonic() < stop:
        if device is None:
            with contextlib.suppress(*GONE):
                device = serial.Serial(os.path.realpath(port), BAUDRATE, timeout=0.2)
            if device is None:
                time.sleep(0.02)
                continue
        try:
            if silent and time.monotonic() - asked > _ASK_S:
                # The firmware holds text back until it is sent something; the service then shows how it is.
                asked = time.monotonic()
                device.write(b"\r")
            line += device.read(max(1, device.in_waiting))
        except _READING:
            device = None  # the board restarts again
            silent = True
            continue
        *lines, line = line.split(b"\n")
        line = line[-_LINE:]
        for each in lines:
            silent = False
            yield each.decode("utf-8", "replace").strip()
        yield ""  # so that the caller may look at the clock
    if device is not None:
        device.close()


def _quietly() -> contextlib.redirect_stdout[io.StringIO]:
    """Keep what mpremote prints of damaged answers from the user's output."""
    return contextlib.redirect_stdout(io.StringIO())


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
