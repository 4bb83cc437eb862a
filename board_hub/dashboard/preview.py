"""One stream of pictures from a board, however many look: it runs while anybody does."""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from host_client.base.exceptions import K230Error
from host_client.board import Board
from host_client.results.answers import Answer

RATE = 5.0  # pictures a second
RETRY_S = 1.0
TIMEOUT_S = 10.0


class Picture(NamedTuple):
    """A JPEG of the preview channel; seq and time_ms are the frame's beside it."""

    jpeg: bytes
    seq: int
    time_ms: int
    width: int
    height: int

    def packed(self, board: str) -> bytes:
        """Return the message for a browser: length of a JSON header, the header, the JPEG."""
        fields = {"board": board, "seq": self.seq, "time_ms": self.time_ms}
        fields |= {"width": self.width, "height": self.height}
        header = json.dumps(fields, separators=(",", ":")).encode()
        return struct.pack(">I", len(header)) + header + self.jpeg


Viewer = Callable[[Picture], None]


async def take(board: Board) -> Picture:
    """Return the newest picture of a board; K230Error."""
    answer: Any = await board.request("snapshot", {}, TIMEOUT_S, repeat=True)
    row = Answer("snapshot", answer)
    return Picture(
        row.data("jpeg"),
        row.integer("seq"),
        row.integer("time_ms"),
        row.integer("width"),
        row.integer("height"),
    )


class Preview:
    """Pictures for everybody who looks at one board."""

    def __init__(self, board: Callable[[], Board | None], told: Callable[[], None]) -> None:
        """board: returns the board while it is connected; told: called where `problem` changes."""
        self._board = board
        self._told = told
        self._viewers: dict[object, Viewer] = {}
        self._task: asyncio.Task[None] | None = None
        self.rate = RATE
        self.problem = ""  # a code; empty while pictures come
        self.message = ""  # the same for people
        self.latest: Picture | None = None
        self.taken = 0

    @property
    def viewers(self) -> int:
        """How many look."""
        return len(self._viewers)

    def look(self, key: object, viewer: Viewer) -> None:
        """Hand each picture to viewer(picture) from now on."""
        self._viewers[key] = viewer
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def leave(self, key: object) -> None:
        """Hand no more pictures; the board takes none where this was the last viewer."""
        self._viewers.pop(key, None)
        if not self._viewers:
            self.stop()

    def stop(self) -> None:
        """Ask the board for no more pictures."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        while True:
            begun = time.monotonic()
            board = self._board()
            pause = 1 / self.rate
            if board is None:
                self._trouble("offline", "the board is not connected")
            else:
                try:
                    self._hand(await take(board))
                    self._trouble("", "")
                except K230Error as error:
                    self._trouble(error.code, str(error))
                    pause = RETRY_S
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.sleep(max(0.005, begun + pause - time.monotonic()))

    def _hand(self, picture: Picture) -> None:
        before = self.latest
        if before is not None and (before.seq, before.time_ms) == (picture.seq, picture.time_ms):
            return  # the board's own limit: it answered with the one before
        self.latest = picture
        self.taken += 1
        for viewer in list(self._viewers.values()):
            viewer(picture)

    def _trouble(self, problem: str, message: str) -> None:
        if (problem, message) != (self.problem, self.message):
            self.problem, self.message = problem, message
            self._told()
