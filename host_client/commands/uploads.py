"""Upload files to a board's card in pieces; resume after a reconnect."""

from __future__ import annotations

import asyncio
import bisect
import hashlib
import itertools
import time
from typing import Any

from host_client.base.exceptions import CommandFailed, LinkLost, RequestTimeout
from host_client.commands.requester import PUSH_TIMEOUT, Files
from host_client.link.calls import Progress
from host_client.link.connection import Connection
from host_client.link.driver import Link
from host_client.results.answers import Answer

_DAMAGED_TRIES = 3
_BARREN_LINKS = 8  # links in a row without progress before giving up


async def send_files(
    connection: Connection,
    kind: str,
    name: str,
    files: Files,
    arguments: dict[str, Any],
    timeout: float,
    progress: Progress | None,
) -> Any:
    """Send and install files; see Requester.send_files()."""
    loop = asyncio.get_running_loop()
    digests = await loop.run_in_executor(
        None, lambda: [hashlib.sha256(data).digest() for _, data in files]
    )
    rows = [[file, len(data), d] for (file, data), d in zip(files, digests, strict=True)]
    begin = {"kind": kind, "name": name, "files": rows}
    state = _State(timeout, progress, sum(len(data) for _, data in files))
    damaged = 0
    while True:
        try:
            link = await connection.usable_link(state.deadline)
            await _send(link, begin, files, state)
            return await link.request("install", arguments, max(timeout, PUSH_TIMEOUT))
        except LinkLost:
            if state.lost():
                raise
            await asyncio.sleep(0)
        except asyncio.TimeoutError:
            raise RequestTimeout(f"push: no progress for {timeout:g} s") from None
        except CommandFailed as error:
            damaged += 1
            if error.code != "damaged" or damaged >= _DAMAGED_TRIES:
                raise


class _State:
    """The progress of a push across its links."""

    def __init__(self, timeout: float, progress: Progress | None, total: int) -> None:
        self._timeout = timeout
        self._progress = progress
        self._total = total
        self._best = -1
        self._barren = 0
        self.deadline = time.monotonic() + timeout

    def moved(self, done: int, file: str) -> None:
        """Note how many bytes of all files the board has."""
        if done > self._best:
            self._best = done
            self._barren = 0
            self.deadline = time.monotonic() + self._timeout
        if self._progress is not None:
            self._progress(done, self._total, file)

    def lost(self) -> bool:
        """Note a lost link; return whether to give up."""
        self._barren += 1
        return self._barren > _BARREN_LINKS or time.monotonic() >= self.deadline


async def _send(link: Link, begin: dict[str, Any], files: Files, state: _State) -> None:
    """Send what the board does not have yet, all files in sequence."""
    place = await link.request("push", begin, PUSH_TIMEOUT)
    number, offset, window = transfer_place("push", place, sum(len(data) for _, data in files))
    ends = list(itertools.accumulate(len(data) for _, data in files))

    def moved(done: int, _all: int = 0, _what: str = "") -> None:
        state.moved(done, files[min(bisect.bisect_right(ends, done), len(files) - 1)][0])

    moved(offset)
    whole = b"".join(data for _, data in files)
    sending = asyncio.ensure_future(link.transfer(number, whole, offset, window, moved))
    try:
        while not sending.done():
            left = state.deadline - time.monotonic()
            if left <= 0:
                raise asyncio.TimeoutError
            await asyncio.wait([sending], timeout=left)
        sending.result()
    finally:
        sending.cancel()


def transfer_place(command: str, answer: Any, size: int) -> tuple[int, int, int]:
    """Return transfer id, offset and window from the answer to `put` or `push`."""
    place = Answer(command, answer)
    return place.integer("transfer"), place.integer("offset", 0, size), place.integer("window", 1)
