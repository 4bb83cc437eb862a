"""The common fields of every JSON line: schema, type, board and time (docs/json.md)."""

from __future__ import annotations

import functools
import struct
import time
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, NamedTuple

SCHEMA = 1  # grows when a field changes its meaning or is removed; new fields do not change it
Json = dict[str, Any]


class Source(NamedTuple):
    """The source of a result, event or line; None for unknown values.

    width, height: of the frame, or of the picture that was sent, in pixels.
    """

    board_id: str | None = None
    board_name: str | None = None
    width: int | None = None
    height: int | None = None


UNKNOWN = Source()


def head(
    kind: str, source: Source, time_ms: int, at: float | None, uncertainty: float | None
) -> Json:
    """Return the common fields. at: Unix seconds; uncertainty: plus or minus seconds."""
    return {
        "schema": SCHEMA,
        "type": kind,
        "board_id": source.board_id,
        "board_name": source.board_name,
        "time": None if at is None else rfc3339(at),
        "time_uncertainty_ms": None if uncertainty is None else round(1000 * uncertainty, 1),
        "time_ms": time_ms,
    }


def answer(kind: str, row: Mapping[str, Any], source: Source = UNKNOWN) -> Json:
    """Return a line for what a command answered; its time is when this computer had it."""
    line: Json = {
        "schema": SCHEMA,
        "type": kind,
        "board_id": source.board_id,
        "board_name": source.board_name,
        "time": rfc3339(time.time()),
        "time_uncertainty_ms": 0,
    }
    line.update(row)
    return line


def rfc3339(seconds: float) -> str:
    """Return Unix seconds as RFC 3339 in UTC, to the millisecond."""
    try:
        whole, thousandths = divmod(round(seconds * 1000), 1000)
        return f"{_second(whole)}.{thousandths:03}Z"
    except (OverflowError, ValueError, OSError):  # the clock is far outside the calendar
        return "1970-01-01T00:00:00.000Z"


@functools.lru_cache(maxsize=64)
def _second(whole: int) -> str:
    return datetime.fromtimestamp(whole, timezone.utc).isoformat(timespec="seconds")[:-6]


def short32(value: float) -> float:
    """Return a float32 as its shortest exact decimal."""
    for digits in (6, 7, 8):
        short = float(f"{value:.{digits}g}")
        if struct.pack("<f", short) == struct.pack("<f", value):
            return short
    return float(f"{value:.9g}")
