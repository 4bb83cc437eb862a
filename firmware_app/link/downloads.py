"""Large data on its way to a client, in chunks that go out when nothing else waits.

Each download belongs to one session. Its data is read piece by piece as it is sent, so that a file of
any size takes some kilobytes of memory.
"""

from firmware_app.base import files
from firmware_app.wire import messages

MOST = 2  # at a time, of one session
_WINDOW = 4  # chunks that may be on their way
_AHEAD = 4  # chunks that are read at a time
_AGAIN_MS = 3000  # without a word of the client, what it has not taken is sent again
_WIRE_AGAIN_MS = 1000  # on a UART, where packets get lost
_WIRE_WINDOW = 2048  # bytes that may be on their way there: its chunks are small
_IDLE_MS = 30000  # and then it is given up

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.base.clock import Clock


class Held:
    """Data in memory."""

    def __init__(self, data: bytes) -> None:
        self.size = len(data)
        self._data = data

    def read(self, offset: int, length: int) -> "memoryview":
        """Return so many bytes from offset on."""
        return memoryview(self._data)[offset : offset + length]


class Parts:
    """Files, one after the other, each as long as it was at first."""

    def __init__(self, parts: "list[tuple[str, int]]") -> None:
        """parts: rows of path and bytes."""
        self._parts = parts
        self.size = sum([part[1] for part in parts])

    def read(self, offset: int, length: int) -> bytes:
        """Return at most so many bytes from offset on; OSError."""
        for path, size in self._parts:
            if offset < size:
                with open(path, "rb") as file:
                    file.seek(offset)
                    return file.read(min(length, size - offset))
            offset -= size
        return b""


class Download:
    """What one client gets."""

    def __init__(
        self, number: int, source, offset: int, chunk: int, clock: "Clock", lossy: bool = False
    ) -> None:
        """source: has size and read(offset, length), which raises OSError; chunk: bytes of one CHUNK.

        lossy: whether packets may get lost, as on a UART.
        """
        self.number = number
        self._source = source
        self._chunk = chunk
        self._clock = clock
        self._next = self._taken = offset
        self._window = max(_WINDOW * chunk, _WIRE_WINDOW) if lossy else _WINDOW * chunk
        self._again_ms = _WIRE_AGAIN_MS if lossy else _AGAIN_MS
        self._stale = -1  # words about chunks sent before it went back; -1: it has not
        # Read, from self._ahead_at on. Views: each copy of bytes would be hashed.
        self._ahead = memoryview(b"")
        self._ahead_at = 0
        self._heard_ms = self._moved_ms = clock.ms()
        self.done = False

    def taken(self, offset) -> None:
        """The client has everything up to there; None: it wants no more."""
        if offset is None:
            self.done = True
        if type(offset) is not int or not self._taken <= offset <= self._next:
            return
        self._heard_ms = self._clock.ms()
        if offset > self._taken:
            self._taken = offset
            self._moved_ms = self._heard_ms
            self._stale = -1
            self.done = offset == self._source.size
        elif offset < self._next:
            # Said twice: a chunk was lost. The others under way say so too, each once; a word more is
            # about what was sent again, and lost again.
            self._stale -= 1
            if self._stale < 0:
                self._stale = (self._next - offset) // self._chunk
                self._next = offset

    def message(self) -> "list | None":
        """Return the CHUNK to send now, None where the client has to take some first."""
        now_ms = self._clock.ms()
        size = self._source.size
        if self._next - self._taken >= self._window or self._next >= size:
            if now_ms - self._moved_ms > _IDLE_MS:
                self.done = True
            if self.done or now_ms - self._heard_ms <= self._again_ms:
                return None
            self._heard_ms = now_ms
            self._stale = -1
            self._next = self._taken
        try:
            data = self._read(self._next, min(self._chunk, size - self._next))
        except (OSError, MemoryError) as error:
            why = files.why(error) if isinstance(error, OSError) else "not enough memory"
            return self._broken("failed", "it can't be read: %s" % why)
        if not data:
            return self._broken("damaged", "it was changed meanwhile")
        message = [messages.CHUNK, self.number, self._next, data]
        self._next += len(data)
        return message

    def _broken(self, code: str, text: str) -> list:
        self.done = True
        return [messages.CHUNK, self.number, self._next, None, code, text]

    def _read(self, offset: int, length: int) -> memoryview:
        start = offset - self._ahead_at
        if not 0 <= start < len(self._ahead):
            self._ahead = memoryview(b"")
            self._ahead = memoryview(self._source.read(offset, _AHEAD * self._chunk))
            self._ahead_at = offset
            start = 0
        return self._ahead[start : start + length]
