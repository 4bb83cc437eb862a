"""The board's UARTs: a pty on the PC's side, the board's ring, losses and times on the other.

The receive ring holds 16 KiB and drops the oldest bytes; bytes take the time that the baud rate
gives them, in both directions, when the clock is emulated. The PC opens the pty's other end like any
tty; where it sets another speed than the board's, both sides read garbage, as on a wire.
"""

from __future__ import annotations

import contextlib
import os
import pty
import select
import termios
import threading
import time
import tty
from pathlib import Path
from typing import Any

from virtual_board.silicon.base.contents import Buffer
from virtual_board.silicon.base.errors import SiliconError
from virtual_board.silicon.base.server import Operation
from virtual_board.silicon.clock.timing import Clock
from virtual_board.silicon.wires import links

PIECE_S = 0.004  # of line time that is taken from the pty at once
RING_SIZE = 16384  # bytes; the kernel driver's default
BITS_PER_BYTE = 10  # of what the PC sends: 8N1
_UNSET = termios.B38400  # a pty's speed before one was chosen
_OSPEED = 5  # in what tcgetattr() returns


class Line:
    """One UART with the pty that stands for its wires."""

    def __init__(self, link: Path | None, paced: bool = False) -> None:
        self.baudrate = 115200
        self._paced = paced
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)  # bytes as they are, before anybody opens it
        os.set_blocking(self._master, False)
        self.path = Path(os.ttyname(self._slave))
        self._link = link
        if link is not None:
            links.make(link, str(self.path))
        self._ring = bytearray()
        self._lock = threading.Lock()
        self.overflowed = 0  # bytes lost in the ring
        self._open = True
        threading.Thread(target=self._receive, daemon=True).start()

    def _receive(self) -> None:
        poller = select.poll()
        poller.register(self._master, select.POLLIN)
        free = 0.0  # when the last bit that was taken has come over the line
        while self._open:
            if not poller.poll(200):
                continue
            size = 4096
            if self._paced:
                size = max(1, int(self.baudrate / BITS_PER_BYTE * PIECE_S))
                time.sleep(max(0.0, free - time.monotonic()))
            try:
                data = os.read(self._master, size)
            except BlockingIOError:
                continue
            except OSError:
                time.sleep(0.05)
                continue
            data = self._carried(data)
            free = max(free, time.monotonic()) + len(data) * BITS_PER_BYTE / self.baudrate
            with self._lock:
                self._ring += data
                excess = len(self._ring) - RING_SIZE
                if excess > 0:
                    del self._ring[:excess]
                    self.overflowed += excess

    def read(self, size: int) -> bytes:
        """Return up to size bytes of the ring (size < 0: all of it)."""
        with self._lock:
            data = bytes(self._ring if size < 0 else self._ring[:size])
            del self._ring[: len(data)]
        return data

    def waiting(self) -> int:
        """Return how many bytes the ring holds."""
        with self._lock:
            return len(self._ring)

    def write(self, data: bytes) -> None:
        """Put data on the wire; what is not read is lost, as on a wire."""
        view = memoryview(self._carried(data))
        while view:
            try:
                view = view[os.write(self._master, view) :]
            except BlockingIOError:
                return
            except OSError:
                return

    def _carried(self, data: bytes) -> bytes:
        """Return what comes out at the other end of the wires."""
        try:
            speed = termios.tcgetattr(self._slave)[_OSPEED]
        except (OSError, termios.error):
            return data
        if speed in (_UNSET, getattr(termios, f"B{self.baudrate}", _UNSET)):
            return data
        return bytes((byte * 157 + 99) & 0xFF for byte in data)

    def close(self) -> None:
        """Take the pty and its link away."""
        self._open = False
        if self._link is not None:
            links.remove(self._link, str(self.path))
        for handle in (self._master, self._slave):
            with contextlib.suppress(OSError):
                os.close(handle)


class Uarts:
    """All UARTs of the board; the one that config wires gets the given link."""

    def __init__(self, link: Path | None, clock: Clock) -> None:
        self._line = Line(link, clock.paced) if link is not None else None
        self._clock = clock
        self._opened: dict[int, int] = {}  # UART id -> baud rate
        self._frames: dict[int, int] = {}  # UART id -> bits of the line that a byte takes

    def operations(self) -> dict[str, Operation]:
        """Return what the machine.UART stand-in calls."""
        return {
            "uart.open": self._open,
            "uart.close": self._close,
            "uart.read": self._read,
            "uart.write": self._write,
            "uart.waiting": self._waiting,
        }

    @property
    def line(self) -> Line | None:
        """The wired line, if any."""
        return self._line

    def close(self) -> None:
        """Take the wires away."""
        if self._line is not None:
            self._line.close()

    def reset(self) -> None:
        """The board restarts: no UART is open."""
        self._opened.clear()

    def _open(self, args: list[Any], _: list[memoryview]) -> tuple[Any, list[Buffer]]:
        number, baudrate, frame = args
        # One pty stands for whichever UART the service opens first.
        if self._line is not None and not self._opened:
            self._line.baudrate = baudrate
        self._opened[number] = baudrate
        self._frames[number] = frame
        return None, []

    def _close(self, args: list[Any], _: list[memoryview]) -> tuple[Any, list[Buffer]]:
        self._opened.pop(args[0], None)
        return None, []

    def _wired(self, number: int) -> Line | None:
        if number not in self._opened:
            raise SiliconError("OSError", "9")  # EBADF
        return self._line if next(iter(self._opened)) == number else None

    def _read(self, args: list[Any], _: list[memoryview]) -> tuple[Any, list[Buffer]]:
        number, size, timeout_ms = args
        line = self._wired(number)
        if line is None:
            return None, [b""]
        stop = time.monotonic() + timeout_ms / 1000
        data = line.read(size)
        # The driver loops until size bytes have come or the time is over.
        while timeout_ms and (size < 0 or len(data) < size) and time.monotonic() < stop:
            time.sleep(0.001)
            data += line.read(size - len(data) if size >= 0 else -1)
        return None, [data]

    def _waiting(self, args: list[Any], _: list[memoryview]) -> tuple[Any, list[Buffer]]:
        line = self._wired(args[0])
        return (1 if line is not None and line.waiting() else 0), []

    def _write(self, args: list[Any], blobs: list[memoryview]) -> tuple[Any, list[Buffer]]:
        line = self._wired(args[0])
        data = bytes(blobs[0])
        with self._clock.uart(len(data) * self._frames[args[0]], self._opened[args[0]]):
            pass  # the last bit is on the wire when the time is over
        if line is not None:
            line.write(data)
        return len(data), []
