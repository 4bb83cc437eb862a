"""A bounded queue in which the newest wins and what was lost is counted."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class NewestQueue(Generic[T]):
    """For one reader. A full queue loses its oldest item to the newest."""

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ValueError(f"limit: expected at least 1, found {limit}")
        self.dropped = 0
        self.closed = False
        self._items: deque[T] = deque(maxlen=limit)
        self._waiter: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> None:
        """Add an item; never waits."""
        if self.closed:
            return
        items = self._items
        if len(items) == items.maxlen:
            self.dropped += 1
        items.append(item)
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def get(self) -> list[T]:
        """Return everything that waits, oldest first; waits for one item; empty once closed."""
        while not self._items and not self.closed:
            if self._waiter is not None:
                raise RuntimeError("a queue has one reader")
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        items = list(self._items)
        self._items.clear()
        return items

    def close(self) -> None:
        """Take nothing more; the reader gets what waits, then an empty list."""
        self.closed = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
