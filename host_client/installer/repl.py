"""Access a board over its USB console: mpremote's transport, raw-paste mode, no soft reset.

A soft reset would run main.py again (docs/installation.md). A board's console transfers a few kB
a second.
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
"""Errors of a port that disappeared."""

with contextlib.suppress(ImportError):  # Windows has none
    import termios

    GONE = (*GONE, termios.error)

_READING: tuple[type[Exception], ...] = (TypeError, *GONE)  # a fault of pyserial at a closed port

BAUDRATE = 115200
PIECE = 3072  # bytes of a file in one piece of code
ANSWER_S = 15.0  # seconds until a board that loads a model reacts to Ctrl-C
EXEC_S = 30.0
READ_S = 10.0  # seconds for a byte, so that a lost byte does not block
_ASK_S = 3.0  # seconds between two lines sent while listening to a board
TAIL = 32768  # bytes of the log to read
FILE = 1 << 20  # bytes of a file that is read from the board
SAID = 1 << 20  # bytes that the board prints in answer to one piece of code
_LINE = 8192  # bytes of a line
TRIES = 4  # for a request that arrived damaged, or its answer
_FULL, _DAMAGED, _READ_ONLY = 28, 5, 30  # errno
_CARD = {
    _FULL: "the card is full",
    _DAMAGED: "the card can't be read or written; it may be damaged",
    _READ_ONLY: "the card is write-protected",
}
_PROMPT = b">>> "
_RESET = "import time, machine\ntime.sleep_ms(200)\nmachine.reset()"
_RESET_S = 0.3  # seconds from the command to the reset
_RESETS = 2  # tries
_AGAIN_S = 5.0  # seconds, for a REPL that answered before
_ALONE_S = 0.05  # seconds between bytes that must reach the firmware separately


class _LostError(Exception):
    """An answer arrived incomplete."""


class ReplTarget:
    """The files of a board, as a context manager: leaving it always restarts the board.

    on_stopped: called with a sentence if the board may be stopped and could not be restarted.
    """

    def __init__(self, port: str, on_stopped: Callable[[str], None] = lambda text: None) -> None:
        self.port = port
        self._on_stopped = on_stopped
        self._prompted = False  # a REPL answered: the program on the board is stopped
        self._transport: Any = None
        self._number = secrets.randbelow(
            1 << 16
        )  # random, so that answers to an earlier session do not match
        self._error = ""
        self._place = ""

    def __enter__(self) -> ReplTarget:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.restart()

    def open(self) -> None:
        """Interrupt the board's program and enter the REPL."""
        try:
            self._transport = SerialTransport(os.path.realpath(self.port), BAUDRATE, timeout=READ_S)
        except (TransportError, *GONE) as error:
            raise InstallError(f"{self.port}: can't be opened: {_why(self.port, error)}") from None
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
            port.write(
                b"\x03"
            )  # alone: older firmware ignores an interrupt with more bytes after it
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
            f"{self.port}: no answer: expected the USB console of a board with CanMV "
            "firmware; the port next to it may be the one"
        )

    def _introduce(self) -> None:
        """Define the helpers on the board; a request shows whether they arrived undamaged."""
        for _ in range(TRIES):
            self._execute(board_code.introduction())
            with contextlib.suppress(_LostError):
                if self._request("_k_id", 1) == board_code.IDENTITY:
                    return
        raise self._lost()

    def _ask(self, expression: str) -> Any:
        """Return an expression's value on the board; repeated requests evaluate it only once."""
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
        """Run code on the board; return its output, "" if that got lost."""
        printed = bytearray()

        def take(data: bytes) -> None:
            printed.extend(data)
            if len(printed) > SAID:
                raise TransportError("it does not stop printing")

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
        """Return the REPL to its prompt from any state."""
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
        """Return the SHA-256 of the files that exist, computed on the board."""
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
        """Return a file's content from an offset on; a negative offset counts from the end."""
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
        """The service's folder on this board, found as in base/storage.py."""
        if not self._place:
            self._place = str(self._ask("_k_place()"))
        return self._place

    def last_log(self) -> str:
        """Return the log since the service's last start, as far as the log's end contains it."""
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
        """Restart the board once. The console closes, and reopens after the restart.

        answers: False if the REPL just failed to answer.
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
        """Tell the board to reset; return whether it accepted the command."""
        for _ in range(_RESETS):
            with contextlib.suppress(TransportError, InstallError, struct.error, *_READING):
                self._enter(_AGAIN_S if self._prompted else ANSWER_S)  # from any state
                with _quietly():
                    self._transport.exec_raw_no_follow(_RESET)
                time.sleep(_RESET_S)
                return True
            if not os.path.exists(self.port):
                break
        return False

    def _type_reset(self) -> None:
        """Type the command without reading answers: a last resort if answers arrive damaged."""
        with contextlib.suppress(*GONE):
            for text in (b"\x03", b"\x02", b"\r" + _RESET.replace("\n", ";").encode() + b"\r"):
                self._transport.serial.write(text)
                time.sleep(_ALONE_S)
            time.sleep(_RESET_S)


def listen(port: str, seconds: float) -> Iterator[str]:
    """Yield the lines that the board prints after a restart, for `seconds`.

    Lines printed before this computer reopened the console are missing.
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
                # The firmware holds back output until it receives something; the service then prints its state.
                asked = time.monotonic()
                device.write(b"\r")
            line += device.read(max(1, device.in_waiting))
        except _READING:
            device = None  # the board restarts once more
            silent = True
            continue
        *lines, line = line.split(b"\n")
        line = line[-_LINE:]
        for each in lines:
            silent = False
            yield each.decode("utf-8", "replace").strip()
        yield ""  # lets the caller check the time
    if device is not None:
        device.close()


def _quietly() -> contextlib.redirect_stdout[io.StringIO]:
    """Hide what mpremote prints about damaged answers."""
    return contextlib.redirect_stdout(io.StringIO())


def _last(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "an error without a message"


def _why(port: str, error: Exception) -> str:
    if not os.path.exists(port):
        return "the port does not exist (k230 discover lists the ports)"
    if "Permission" in str(error):
        return "permission denied: add your user to the device's group (dialout)"
    if "lock" in str(error).lower() or "busy" in str(error).lower():
        return "another program uses it: close the IDE or the terminal"
    return str(error)
