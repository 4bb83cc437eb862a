"""Convert results to table rows: one per object, label or text; one for an empty frame."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from host_client.convert.libraries import need
from host_client.results.lines import rfc3339
from host_client.results.types import Result

COLUMNS = (
    *("board_id", "board_name", "time", "time_ms", "seq", "task", "model", "label", "class_id"),
    *("score", "x", "y", "w", "h", "track", "identity", "text", "area"),
)


def rows(result: Result) -> list[dict[str, Any]]:
    """Return the rows of one result; columns that the task does not have are None.

    time: RFC 3339, UTC. x, y, w, h: pixels of the frame. area: pixels of a class of the class map.
    """
    head: dict[str, Any] = dict.fromkeys(COLUMNS)
    head["board_id"], head["board_name"] = result.source[:2]
    head["time"] = None if result.host_time is None else rfc3339(result.host_time)
    head["time_ms"], head["seq"] = result.time_ms, result.seq
    head["task"], head["model"] = result.task, result.model
    return [head | row for row in _parts(result)] or [head]


def _parts(result: Any) -> list[dict[str, Any]]:
    for name in ("boxes", "objects", "labels", "texts"):
        items = getattr(result, name, None)
        if items is not None:
            return [_part(item) for item in items]
    areas = getattr(result, "areas", None)
    if areas is not None:
        return [{"label": label, "area": pixels} for label, pixels in areas.items() if pixels]
    if getattr(result, "label", None) is not None:
        return [_part(result) | {"class_id": result.top[0].class_id if result.top else None}]
    identity = getattr(result, "identity", None)
    return [] if identity is None else [{"identity": identity, "score": result.score}]


def _part(item: Any) -> dict[str, Any]:
    names = ("label", "class_id", "score", "x", "y", "w", "h", "track", "identity", "text")
    row = {name: getattr(item, name) for name in names if hasattr(item, name)}
    quad = getattr(item, "quad", None)
    if quad:
        xs, ys = [corner[0] for corner in quad], [corner[1] for corner in quad]
        row |= {"x": min(xs), "y": min(ys), "w": max(xs) - min(xs), "h": max(ys) - min(ys)}
    return row


def data_frame(results: Result | Iterable[Result]) -> Any:
    """Return a pandas DataFrame with COLUMNS; `time` is a timestamp in UTC."""
    pandas = need("pandas")
    several = [results] if hasattr(results, "task") else results
    table = [row for result in several for row in rows(result)]  # type: ignore[arg-type]
    frame = pandas.DataFrame(table, columns=list(COLUMNS))
    frame["time"] = pandas.to_datetime(frame["time"], utc=True)
    return frame
