"""What waits for one browser: bounded, the newest wins, and a slow browser slows no other."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from typing import Any

from board_hub.base.lines import dumps

RESULTS = 32  # a board's results that wait at most
LINES = 256  # events and log lines
IN_FLIGHT = 2  # pictures of a board that a browser has not painted yet

Message = dict[str, Any]


class Outbox:
    """The messages of one browser, in three ways of being late.

    A state replaces the one before; of results and lines the oldest go; a picture waits until the
    browser has painted those that it has.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self._states: OrderedDict[str, Message] = OrderedDict()
        self._results: dict[str, deque[Message]] = {}
        self._lines: deque[Message] = deque(maxlen=LINES)
        self._pictures: dict[str, bytes] = {}
        self._flying: dict[str, int] = {}
        self._ready = asyncio.Event()

    def state(self, key: str, message: Message) -> None:
        """Send a state; one with the same key that still waits is forgotten."""
        self._states[key] = message
        self._ready.set()

    def result(self, board: str, message: Message) -> None:
        """Send a result."""
        waiting = self._results.setdefault(board, deque(maxlen=RESULTS))
        self.dropped += len(waiting) == RESULTS
        waiting.append(message)
        self._ready.set()

    def line(self, message: Message) -> None:
        """Send an event or a line of a log."""
        self.dropped += len(self._lines) == LINES
        self._lines.append(message)
        self._ready.set()

    def picture(self, board: str, data: bytes) -> None:
        """Send a picture, in place of one that still waits."""
        self.dropped += board in self._pictures
        self._pictures[board] = data
        self._ready.set()

    def painted(self, board: str) -> None:
        """The browser has painted a picture of a board."""
        self._flying[board] = max(0, self._flying.get(board, 0) - 1)
        self._ready.set()

    def forget(self, board: str) -> None:
        """The browser does not look at a board any more."""
        for rows in (self._results, self._pictures, self._flying):
            rows.pop(board, None)

    async def take(self) -> list[str | bytes]:
        """Wait for something to send, and return it, in the order in which it is to be sent."""
        while True:
            await self._ready.wait()
            self._ready.clear()
            found: list[str | bytes] = [_text(message) for message in self._states.values()]
            self._states.clear()
            for waiting in self._results.values():
                if waiting:
                    found.append(_text({"op": "results", "rows": list(waiting)}))
                    waiting.clear()
            if self._lines:
                found.append(_text({"op": "lines", "rows": list(self._lines)}))
                self._lines.clear()
            for board in list(self._pictures):
                if self._flying.get(board, 0) < IN_FLIGHT:
                    found.append(self._pictures.pop(board))
                    self._flying[board] = self._flying.get(board, 0) + 1
            if found:
                return found


def _text(message: Message) -> str:
    return dumps(message).decode()
