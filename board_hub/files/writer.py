"""hub.yaml's `files`: JSON lines and CSV, written beside the loop; a full disk is told and counted."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, Metric

from board_hub.configuration.reader import Configuration
from board_hub.feed import Feed, Item
from board_hub.files.draining import drain
from board_hub.sessions import Sessions
from host_client.base.exceptions import ConfigurationError
from host_client.base.wording import reason
from host_client.convert.sinks import CsvSink, JsonLinesSink

_log = logging.getLogger(__name__)

_QUEUE = 20_000  # items that wait for the disk


class Files:
    """The files that are switched on."""

    def __init__(self, sessions: Sessions, configuration: Configuration) -> None:
        self._sessions = sessions
        self._json = configuration.path("files.json_lines")
        self._csv = configuration.path("files.csv")
        self._sinks: dict[str, JsonLinesSink | CsvSink] = {}
        self._told: set[str] = set()
        self._feed: Feed | None = None

    @property
    def wanted(self) -> bool:
        """Whether there is a file to be written."""
        return self._json is not None or self._csv is not None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write while the block runs. Raises ConfigurationError where a file can't be opened."""
        with contextlib.ExitStack() as stack:
            for name, path, kind in (
                ("json_lines", self._json, JsonLinesSink),
                ("csv", self._csv, CsvSink),
            ):
                if path is not None:
                    self._sinks[name] = stack.enter_context(_opened(name, path, kind))
            task = asyncio.create_task(self._work(), name="hub-files")
            try:
                yield
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def _work(self) -> None:
        kinds = ("result", "event", "statistics", "log") if self._json is not None else ("result",)
        with self._sessions.feed(kinds, _QUEUE) as self._feed:
            await drain(self._feed, self._write)

    def _write(self, items: list[Item]) -> None:
        for name, sink in self._sinks.items():
            try:
                if isinstance(sink, JsonLinesSink):
                    done = sink.write_lines(b"".join([i.json + b"\n" for i in items]), len(items))
                else:
                    results = [item.value for item in items if item.kind == "result"]
                    done = sum(map(sink.write, results)) == len(results)
            except OSError as error:
                sink.lost += len(items)
                self._tell(name, f"files.{name}: {sink.path}: {reason(error)}")
                continue
            if done:
                self._told.discard(name)
            else:
                self._tell(name, f"files.{name}: {sink.path}: the disk is full; lines are lost")

    def _tell(self, name: str, text: str) -> None:
        if name not in self._told:
            self._told.add(name)
            _log.warning("%s", text)

    def metrics(self) -> Iterator[Metric]:
        """Yield what /metrics says of the files."""
        written = CounterMetricFamily(
            "k230_hub_file_lines", "Lines written to a file.", labels=["file"]
        )
        lost = CounterMetricFamily(
            "k230_hub_file_lines_lost", "Lines that a file did not get.", labels=["file"]
        )
        dropped = self._feed.dropped if self._feed is not None else 0
        for name, sink in self._sinks.items():
            written.add_metric([name], float(sink.written))
            lost.add_metric([name], float(sink.lost + dropped))
        yield written
        yield lost


def _opened(
    name: str, path: Path, kind: type[JsonLinesSink] | type[CsvSink]
) -> JsonLinesSink | CsvSink:
    try:
        return kind(path)
    except OSError as error:
        raise ConfigurationError([f"files.{name}: {path}: {reason(error)}"]) from None
