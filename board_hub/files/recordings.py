"""hub.yaml's `recordings`: MCAP files of all boards, in slices; the oldest make room for the newest."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, Metric

from board_hub.configuration.reader import Configuration
from board_hub.feed import Feed, Item
from board_hub.files.draining import drain
from board_hub.session import BoardSession
from board_hub.sessions import Sessions
from host_client.base.exceptions import ConfigurationError, K230Error
from host_client.base.wording import reason
from host_client.recording import Recorder, RecordingError
from host_client.results.lines import Source

_log = logging.getLogger(__name__)

KINDS = ("result", "event", "statistics")
PATTERN = "k230-*.mcap"
SLICES = 8  # files at least that the folder holds: a file ends where it is larger than its share
_QUEUE = 20_000  # items that wait for the disk
_PICTURES = 64  # of all boards
AGAIN_S = 10.0  # after a failure: a full disk does not get room by asking often
_NO_PICTURE_S = 60.0  # a board without preview is asked again this late


class Recordings:
    """Records while running() runs; nothing else waits for the disk."""

    def __init__(self, sessions: Sessions, configuration: Configuration) -> None:
        self._sessions = sessions
        self._folder = configuration.path("recordings.folder")
        self._slice_s: float = 60.0 * configuration["recordings.minutes"]
        self._most: int = configuration["recordings.keep_mb"] * 1_000_000
        self._pictures_s: float = configuration["recordings.pictures_s"]
        self._pictures: deque[tuple[Source, float, bytes]] = deque(maxlen=_PICTURES)
        self._recorder: Recorder | None = None
        self._until = 0.0
        self._again = 0.0
        self._told = ""
        self._feed: Feed | None = None
        self.written = 0
        self.lost = 0

    @property
    def wanted(self) -> bool:
        """Whether anything is to be recorded."""
        return self._folder is not None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Record while the block runs. Raises ConfigurationError where that can't be."""
        assert self._folder is not None
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._begin(self._folder)
        except OSError as error:
            raise ConfigurationError(
                [f"recordings.folder: {self._folder}: {reason(error)}"]
            ) from None
        except RecordingError as error:
            raise ConfigurationError([f"recordings.folder: {error}"]) from None
        tasks = [asyncio.create_task(self._work(), name="hub-recordings")]
        if self._pictures_s:
            tasks.append(asyncio.create_task(self._look(), name="hub-recording-pictures"))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.to_thread(self._end)

    async def _work(self) -> None:
        with self._sessions.feed(KINDS, _QUEUE) as self._feed:
            await drain(self._feed, self._write)

    # In a thread.

    def _write(self, items: list[Item]) -> None:
        now = time.time()
        pictures = []
        while self._pictures:
            pictures.append(self._pictures.popleft())
        done = 0
        try:
            recorder = self._ready(time.monotonic())
            if recorder is not None:
                for source, at, jpeg in pictures:
                    recorder.picture(source, at, jpeg)
                    done += 1
                for item in items:
                    recorder.row(item.value, now)
                    done += 1
                self._told = ""
        except (RecordingError, OSError) as error:
            self._failed(error)
        self.written += done
        self.lost += len(pictures) + len(items) - done

    def _ready(self, now: float) -> Recorder | None:
        """Return the recording of this time, a new one where its time is over."""
        recorder = self._recorder
        if recorder is not None and (now >= self._until or recorder.size > self._most // SLICES):
            self._end()
        if self._recorder is None and now >= self._again:
            assert self._folder is not None
            self._begin(self._folder)
        return self._recorder

    def _begin(self, folder: Path) -> None:
        make_room(folder, self._most - self._most // SLICES)
        stem = time.strftime("k230-%Y%m%d-%H%M%S", time.gmtime())
        number = 1
        path = folder / f"{stem}.mcap"
        while path.exists():
            number += 1
            path = folder / f"{stem}-{number}.mcap"
        self._recorder = Recorder(path)
        self._until = time.monotonic() + self._slice_s

    def _end(self) -> None:
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            try:
                recorder.close()
            except RecordingError as error:
                self._failed(error)

    def _failed(self, error: Exception) -> None:
        """Give the file up: what it has stays as FILE.part; a new one is tried later."""
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            with contextlib.suppress(RecordingError):
                recorder.close()
        self._again = time.monotonic() + AGAIN_S
        text = f"recordings: {error}; tried again every {AGAIN_S:.0f} s"
        if not self._told:
            _log.warning("%s", text)
        self._told = text

    # Pictures.

    async def _look(self) -> None:
        due: dict[str, float] = {}
        asking: set[asyncio.Task[None]] = set()

        async def ask(session: BoardSession) -> None:
            try:
                jpeg = await session.picture(max_age=self._pictures_s / 2)
            except K230Error:  # no preview, or away
                due[session.url] = time.monotonic() + max(_NO_PICTURE_S, self._pictures_s)
                return
            source = Source(session.board_id, session.name)
            self.lost += len(self._pictures) == _PICTURES
            self._pictures.append((source, time.time(), jpeg))

        try:
            while True:
                now = time.monotonic()
                for session in list(self._sessions):
                    if session.connected and now >= due.get(session.url, 0.0):
                        due[session.url] = now + self._pictures_s
                        task = asyncio.create_task(ask(session))
                        asking.add(task)
                        task.add_done_callback(asking.discard)
                await asyncio.sleep(min(0.25, self._pictures_s))
        finally:
            for task in asking:
                task.cancel()

    def metrics(self) -> Iterator[Metric]:
        """Yield what /metrics says of recordings."""
        dropped = self._feed.dropped if self._feed is not None else 0
        yield CounterMetricFamily(
            "k230_hub_recorded_messages", "Messages written to recordings.", value=self.written
        )
        yield CounterMetricFamily(
            "k230_hub_recording_lost_messages",
            "Messages that no recording has: the disk was full or too slow.",
            value=self.lost + dropped,
        )


def make_room(folder: Path, most: int) -> None:
    """Remove the oldest recordings until the rest is at most so many bytes."""
    found = []
    for path in [*folder.glob(PATTERN), *folder.glob(f"{PATTERN}.part")]:
        with contextlib.suppress(OSError):
            status = path.stat()
            found.append((status.st_mtime, status.st_size, path))
    total = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if total <= most:
            return
        with contextlib.suppress(OSError):
            os.unlink(path)
            total -= size
