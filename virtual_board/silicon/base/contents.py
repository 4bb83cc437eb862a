"""Large buffers that the interpreter was given last, by number: what it sends back unchanged need not travel."""

from __future__ import annotations

from collections import OrderedDict

Buffer = bytes | bytearray | memoryview

MOST = 8
LARGE = 1 << 16
"""Bytes from which on a buffer is kept."""


class Contents:
    """Keeps the buffers used last; they are never changed."""

    def __init__(self) -> None:
        self._items: OrderedDict[int, memoryview] = OrderedDict()
        self._last = 0

    def keep(self, content: Buffer) -> int:
        """Keep a buffer and return its number, 0 where it is too small to be worth it."""
        view = memoryview(content).cast("B").toreadonly()
        if len(view) < LARGE:
            return 0
        self._last += 1
        self._items[self._last] = view
        if len(self._items) > MOST:
            self._items.popitem(last=False)
        return self._last

    def find(self, number: int) -> memoryview | None:
        """Return the bytes of a number, None where others have come in their place."""
        content = self._items.get(number)
        if content is not None:
            self._items.move_to_end(number)
        return content
