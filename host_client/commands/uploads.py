"""Files on their way to a board's card: sent piece by piece, gone on with over a new link."""

from __future__ import annotations

import asyncio
import bisect
import hashlib
import itertools
import time
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from host_client.base.exceptions import CommandFailed, LinkLost, PackageError, RequestTimeout
from host_client.commands.answers import expect, transfer_place
from host_client.link.calls import Progress
from host_client.link.driver import Link

if TYPE_CHECKING:
    from host_client.board import Board

PUSH_TIMEOUT = 120.0  # seconds without any progress
_DAMAGED_TRIES = 3
_BARREN_LINKS = 8  # links in a row over which nothing came through

Files = Sequence[tuple[str, bytes]]


class InstalledPackage(NamedTuple):
    """A package that was pushed: tasks are the names with which `switch` runs it."""

    name: str
    task: str
    model: str
    size: int
    tasks: tuple[str, ...]
    in_use: bool
    warnings: tuple[str, ...]

    @classmethod
    def from_map(cls, row: dict[str, Any]) -> InstalledPackage:
        """Return the package of the answer's map; unknown keys are ignored."""
        return cls(
            str(row.get("name", "")),
            str(row.get("task", "")),
            str(row.get("model", "")),
            int(row.get("size", 0)),
            tuple(str(each) for each in row.get("tasks", ())),
            bool(row.get("in_use", False)),
            tuple(str(each) for each in row.get("warnings", ())),
        )


class PackageInfo(NamedTuple):
    """A package on the card: size in bytes; problem says why it can't be used, else None.

    warnings: what may be wrong with it though it can be used.
    """

    name: str
    task: str | None
    model: str | None
    size: int
    in_use: bool
    problem: str | None
    warnings: tuple[str, ...] = ()

    @classmethod
    def from_map(cls, row: dict[str, Any]) -> PackageInfo:
        """Return the package of one map of the answer; unknown keys are ignored."""
        return cls(
            str(row.get("name", "")),
            row.get("task"),
            row.get("model"),
            int(row.get("size", 0)),
            bool(row.get("in_use", False)),
            row.get("problem") or None,
            tuple(str(each) for each in row.get("warnings") or ()),
        )


async def push(
    board: Board,
    kind: str,
    name: str,
    files: Files,
    arguments: dict[str, Any],
    timeout: float = PUSH_TIMEOUT,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Send files and have them installed; return the board's answer to `install`.

    timeout: seconds without any progress after which RequestTimeout is raised. A lost link, or a
    board that restarted, is gone on with. progress: called with bytes sent, all bytes, and a file.
    """
    loop = asyncio.get_running_loop()
    digests = await loop.run_in_executor(
        None, lambda: [hashlib.sha256(data).digest() for _, data in files]
    )
    rows = [[file, len(data), d] for (file, data), d in zip(files, digests, strict=True)]
    begin = {"kind": kind, "name": name, "files": rows}
    async with board._transfer_lock:
        state = _State(board, timeout, progress, sum(len(data) for _, data in files))
        damaged = 0
        while True:
            try:
                link = await board._connection.usable_link(state.deadline)
                await _send(link, begin, files, state)
                answer = await link.request("install", arguments, max(timeout, PUSH_TIMEOUT))
                return dict(expect(answer, dict, "install"))
            except LinkLost:
                if state.lost():
                    raise
                await asyncio.sleep(0)
            except asyncio.TimeoutError:
                raise RequestTimeout(
                    f"push: the board took nothing more for {timeout:g} s"
                ) from None
            except CommandFailed as error:
                damaged += 1
                if error.code != "damaged" or damaged >= _DAMAGED_TRIES:
                    raise


class _State:
    """How far a push has come, over all its links."""

    def __init__(self, board: Board, timeout: float, progress: Progress | None, total: int) -> None:
        self._timeout = timeout
        self._progress = progress
        self._total = total
        self._best = -1
        self._barren = 0
        self.deadline = time.monotonic() + timeout

    def moved(self, done: int, file: str) -> None:
        """The board has so many bytes of all files."""
        if done > self._best:
            self._best = done
            self._barren = 0
            self.deadline = time.monotonic() + self._timeout
        if self._progress is not None:
            self._progress(done, self._total, file)

    def lost(self) -> bool:
        """A link was lost; return whether going on is no use."""
        self._barren += 1
        return self._barren > _BARREN_LINKS or time.monotonic() >= self.deadline


async def _send(link: Link, begin: dict[str, Any], files: Files, state: _State) -> None:
    """Send what the board has not: the files, one behind the other."""
    place = await link.request("push", begin, PUSH_TIMEOUT)
    number, offset, window = transfer_place(place)
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


def firmware_files(folder: Path) -> list[tuple[str, bytes]]:
    """Return the files of a version of the service in a folder (firmware_app/); PackageError."""
    if not (folder / "service.py").is_file():
        raise PackageError(f"{folder}: expected the folder of the service's files (firmware_app)")
    return [(path.name, path.read_bytes()) for path in sorted(folder.glob("*.py"))]


def read_file(path: str | PathLike[str]) -> bytes:
    """Return a file's content; PackageError where it can't be read."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise PackageError(f"{path}: cannot be read: {error.strerror or error}") from None
