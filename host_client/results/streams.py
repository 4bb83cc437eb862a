"""Streams of a board's messages: one reader, a bounded queue, oldest items dropped and counted."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from host_client.base.exceptions import K230Error

T = TypeVar("T")


class Stream(Generic[T]):
    """An async iterator over everything that arrives after its creation, also across reconnects.

    It ends when the Board is closed, and raises a final error of the link. `dropped` counts items
    that a slow reader missed: the oldest are dropped for the newest.
    """

    def __init__(self, limit: int, rate: int = 0, ended: Callable[[], None] | None = None) -> None:
        if limit < 1:
            raise ValueError(f"queue: expected at least 1, found {limit}")
        self.dropped = 0
        self.rate = rate
        self._items: deque[T] = deque(maxlen=limit)
        self._waiter: asyncio.Future[None] | None = None
        self._over = False
        self._error: K230Error | None = None
        self._ended = ended
        self._deliver: Callable[[T], None] | None = None

    def __aiter__(self) -> Stream[T]:
        return self

    async def __anext__(self) -> T:
        while True:
            if self._items:
                return self._items.popleft()
            if self._over:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            if self._waiter is not None:
                raise RuntimeError("a stream has one reader; create another stream")
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    async def __aenter__(self) -> Stream[T]:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __del__(self) -> None:
        if not self._over and self._ended is not None:
            self._over = True
            self._ended()

    @property
    def position(self) -> tuple[int, int] | None:
        """Boot id and number of the last event read, for `events(after=…)`; else None."""
        return None

    @property
    def over(self) -> bool:
        """Whether the stream has ended."""
        return self._over

    async def aclose(self) -> None:
        """End the stream; unsubscribe at the board if no other stream needs the data."""
        if not self._over:
            self.end()
            if self._ended is not None:
                self._ended()

    def forward(self, deliver: Callable[[T], None]) -> None:
        """Call deliver with each item at once, in the event loop, instead of a reader.

        For programs with many boards, because a reader costs a loop iteration per item. deliver must
        not wait or raise.
        """
        while self._items:
            deliver(self._items.popleft())
        self._deliver = deliver

    def push(self, item: T) -> None:
        """Queue an item for the reader; a full queue drops its oldest item."""
        if self._over:
            return
        if self._deliver is not None:
            self._deliver(item)
            return
        if len(self._items) == self._items.maxlen:
            self.dropped += 1
        self._items.append(item)
        self._wake()

    def end(self, error: K230Error | None = None) -> None:
        """End the stream after the queued items, with error if there is one."""
        self._over = True
        self._error = error
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
