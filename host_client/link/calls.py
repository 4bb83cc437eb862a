"""What a client waits for in a session: answers to commands, and transfers. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from firmware_app.wire import messages
from host_client.base.exceptions import CommandFailed, K230Error

_FIRST_RETRY = 1.0  # seconds
_SLOWEST_RETRY = 4.0
_FRAME_OVERHEAD = 64  # bytes of framing, answer and seal around what is counted
# On a UART small chunks survive noise. No more may be in transit than the board's input
# ring (16 KiB) holds while its interpreter is busy with a frame.
_SERIAL_CHUNK = 512
_SERIAL_WINDOW = 8192
_SERIAL_WINDOW_SECONDS = 0.25

Progress = Callable[[int, int, str], None]


class Retry:
    """When to repeat a message: never on TCP; on a UART by line speed and size."""

    def __init__(self, baudrate: int | None) -> None:
        self.baudrate = baudrate

    def first(self, size: int) -> float:
        """Return the seconds to wait for an answer to size bytes; inf if nothing can get lost."""
        if self.baudrate is None:
            return float("inf")
        return _FIRST_RETRY + 2 * 10 * (size + _FRAME_OVERHEAD) / self.baudrate

    @staticmethod
    def next(wait: float) -> float:
        """Return the wait after one without an answer."""
        return max(wait, min(wait * 1.5, _SLOWEST_RETRY))


class Call:
    """One command in progress. on_done: called once, with the result or error."""

    def __init__(
        self,
        number: int,
        command: str,
        payload: bytes,
        *,
        timeout: float,
        now: float,
        retry: Retry,
    ) -> None:
        self.number = number
        self.command = command
        self.started = now
        self.payload = payload
        self.result: Any = None
        self.error: K230Error | None = None
        self.done = False
        self.on_done: Callable[[Call], None] | None = None
        self.on_progress: Progress | None = None
        self.timeout = timeout
        self.deadline = now + timeout
        self._wait = retry.first(len(payload))
        self.next_try = now + self._wait

    def __str__(self) -> str:
        return f"request {self.number} {self.command}"

    def again(self, now: float) -> None:
        """Note that the command was sent again."""
        self._wait = Retry.next(self._wait)
        self.next_try = now + self._wait

    def finish(self, result: Any = None, error: K230Error | None = None) -> None:
        """Keep the first outcome; later ones are repetitions."""
        if self.done:
            return
        self.result, self.error, self.done = result, error, True
        if self.on_done:
            self.on_done(self)


_EVERY = 2  # CHUNKs between two TAKEN


class Receiving:
    """Data from the board. Lost chunks are repeated; chunks out of order are ignored."""

    def __init__(self, number: int, size: int, data: bytearray, now: float) -> None:
        """data: what has arrived already; it grows."""
        self.number = number
        self.error: K230Error | None = None
        self.done = len(data) >= size
        self.on_done: Callable[[Receiving], None] | None = None
        self.on_progress: Progress | None = None
        self._size = size
        self._data = data
        self._untold = 0  # CHUNKs since the last TAKEN
        self.moved = now

    def chunk(self, fields: list[Any], now: float) -> list[Any] | None:
        """Take the fields of a CHUNK after its number; return the TAKEN to answer with, or None."""
        offset, piece = fields[0], fields[1]
        have = len(self._data)
        if piece is None:
            self.finish(CommandFailed(str(fields[2]), str(fields[3])))
            return None
        if type(offset) is not int or not isinstance(piece, bytes):
            raise ValueError("CHUNK: expected an offset and bytes")
        if offset == have and piece and have + len(piece) <= self._size:
            self._data += piece
            have += len(piece)
            self.moved = now
            if self.on_progress:
                self.on_progress(have, self._size, "bytes")
            self._untold += 1
            # The board sends at most four CHUNKs ahead: one lost TAKEN must not stop it.
            if have < self._size and self._untold < _EVERY:
                return None
        self._untold = 0
        if have == self._size:
            self.finish()
        return [messages.TAKEN, self.number, have]

    def finish(self, error: K230Error | None = None) -> None:
        """End it."""
        if not self.done:
            self.error, self.done = error, True
            if self.on_done:
                self.on_done(self)


class Transfer:
    """Data to the board in CHUNKs, at most one window ahead of what it has TAKEN."""

    def __init__(
        self, number: int, data: bytes, offset: int, *, window: int, now: float, retry: Retry
    ) -> None:
        self.number = number
        self.error: K230Error | None = None
        self.done = False
        self.on_done: Callable[[Transfer], None] | None = None
        self.on_progress: Progress | None = None
        self._data = data
        self._acked = self._next = offset
        self._chunk = messages.CHUNK_SIZE
        self._window = max(1, window)
        if retry.baudrate is not None:
            line = int(retry.baudrate / 10 * _SERIAL_WINDOW_SECONDS)
            self._window = min(self._window, max(2 * _SERIAL_CHUNK, line), _SERIAL_WINDOW)
            self._chunk = _SERIAL_CHUNK
        self._chunk = min(self._chunk, self._window)
        self._first_wait = self._wait = retry.first(self._window)
        self.next_try = now + self._wait
        self._stale = -1  # words about chunks sent before it went back; -1: it has not
        self.moved = now  # time of the board's last progress

    def taken(self, offset: int, now: float) -> None:
        """Take the board's TAKEN: how many bytes it has without a gap."""
        if type(offset) is not int or not 0 <= offset <= len(self._data):
            raise ValueError("TAKEN outside of the data")
        if offset > self._acked:
            self._acked = offset
            self._next = max(self._next, offset)
            self._stale = -1
            self._wait = self._first_wait
            self.next_try = now + self._wait
            self.moved = now
            if self.on_progress:
                self.on_progress(offset, len(self._data), "bytes")
        elif offset == self._acked < self._next:
            # Said twice: a chunk was lost. The others under way say it again, each once; a word more is
            # about what was sent again, and lost again.
            self._stale -= 1
            if self._stale < 0:
                self._stale = (self._next - offset) // self._chunk
                self._next = offset
        if self._acked == len(self._data):
            self.finish()

    def late(self, now: float) -> None:
        """Resend from the last TAKEN on, after too long without progress."""
        self._next = self._acked
        self._stale = -1
        self._wait = Retry.next(self._wait)
        self.next_try = now + self._wait

    def chunks(self) -> Iterator[list[Any]]:
        """Yield the CHUNK messages that may be sent now."""
        size = len(self._data)
        while not self.done and self._next < size:
            stop = min(self._next + self._chunk, size)
            if stop - self._acked > self._window:
                return
            yield [messages.CHUNK, self.number, self._next, self._data[self._next : stop]]
            self._next = stop

    def finish(self, error: K230Error | None = None) -> None:
        """End the transfer."""
        if not self.done:
            self.error, self.done = error, True
            if self.on_done:
                self.on_done(self)
