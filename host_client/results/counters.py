"""Line counters and the objects present now: the answer to `counters`."""

from __future__ import annotations

from typing import NamedTuple

from host_client.results.answers import Answer


class LineCount(NamedTuple):
    """Crossings of a line by objects of a label."""

    line: str
    label: str
    counted_in: int
    counted_out: int

    @classmethod
    def from_row(cls, row: Answer) -> LineCount:
        """Return the count of one row of the answer."""
        return cls(row.text(0), row.text(1), row.integer(2, 0), row.integer(3, 0))


class PlaceCount(NamedTuple):
    """Objects of a label now; zone None: in the whole frame."""

    zone: str | None
    label: str
    objects: int

    @classmethod
    def from_row(cls, row: Answer) -> PlaceCount:
        """Return the count of one row of the answer."""
        return cls(row.optional(0, Answer.text), row.text(1), row.integer(2, 0))


class Counters(NamedTuple):
    """Counters of the running task.

    since_start, since_ms: when counting began: number of the board's start, and milliseconds after
    it. since_time_ms: the same in Unix milliseconds, if the client that reset them sent it. kept:
    whether all counts are stored; a power cut loses at most ten seconds of counting.
    """

    task: str
    since_start: int | None
    since_ms: int | None
    since_time_ms: int | None
    lines: tuple[LineCount, ...]
    now: tuple[PlaceCount, ...]
    kept: bool

    @classmethod
    def from_map(cls, row: Answer) -> Counters:
        """Return the counters of the answer."""
        since = row.part("since", list) if row.values.get("since") is not None else None
        return cls(
            row.text("task"),
            since.integer(0, 0) if since is not None else None,
            since.integer(1, 0) if since is not None else None,
            since.optional(2, Answer.integer) if since is not None else None,
            row.rows("lines", list, LineCount.from_row),
            row.rows("now", list, PlaceCount.from_row),
            row.flag("kept"),
        )
