"""Typed events of tracks, zones, lines, counters and steady answers: typed_event(event)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, cast

from host_client.results.messages import Event

TRACK_KINDS = ("track.new", "track.update", "track.end")
ZONE_KINDS = ("zone.enter", "zone.leave")
LINE_KIND, STATE_KIND, COUNT_KIND = "line.cross", "state.change", "count"


class EventBox(NamedTuple):
    """Left, top, width and height in pixels of the frame."""

    x: int
    y: int
    w: int
    h: int


class TrackEvent(NamedTuple):
    """A track began, changed or ended.

    score: best so far. first_ms, last_ms: first and last sighting, by the board's clock. objects:
    tracked objects of this label now. identity, text: once steady. reason, at the end: "gone", or
    "switched" (new task or settings). snapshot: the board has a picture (Board.event_snapshot()).
    """

    kind: Literal["track.new", "track.update", "track.end"]
    track: int
    label: str
    class_id: int
    score: float
    box: EventBox
    first_ms: int
    last_ms: int
    objects: int
    first_box: EventBox | None = None
    identity: str | None = None
    text: str | None = None
    reason: str | None = None
    snapshot: bool = False


class ZoneEvent(NamedTuple):
    """An object entered or left a zone. inside: objects of this label in the zone now.

    leave_ms, dwell_ms and reason ("left", "gone", "switched") are None for zone.enter.
    """

    kind: Literal["zone.enter", "zone.leave"]
    zone: str
    track: int
    label: str
    class_id: int
    score: float
    box: EventBox
    enter_ms: int
    inside: int
    leave_ms: int | None = None
    dwell_ms: int | None = None
    reason: str | None = None


class LineEvent(NamedTuple):
    """An object crossed a line. counted_in, counted_out: of this label since the last reset."""

    kind: Literal["line.cross"]
    line: str
    track: int
    label: str
    class_id: int
    score: float
    box: EventBox
    direction: Literal["in", "out"]
    counted_in: int
    counted_out: int


class StateEvent(NamedTuple):
    """A steady answer changed. name: "label", "identity", "text", a label of multilabel, or an area's name.

    value, before: the answer now and before, or None; true or false for a multilabel label or an area.
    """

    kind: Literal["state.change"]
    name: str
    value: str | bool | None
    before: str | bool | None


class CountEvent(NamedTuple):
    """The number of objects now, or the counters of a line.

    place: "frame", "zone" or "line". name: of the zone or line. objects: number now. counted_in,
    counted_out: of a line. label is None after a reset of a line's counters.
    """

    kind: Literal["count"]
    place: Literal["frame", "zone", "line"]
    name: str | None
    label: str | None
    objects: int | None
    counted_in: int | None
    counted_out: int | None


TypedEvent = TrackEvent | ZoneEvent | LineEvent | StateEvent | CountEvent


def typed_event(event: Event) -> TypedEvent | None:
    """Return a typed event; None for the board's own events and for invalid ones."""
    make = _MAKERS.get(event.kind)
    if make is None:
        return None
    try:
        return make(event.kind, event.details)
    except (KeyError, TypeError, ValueError):
        return None


def _integer(details: Mapping[str, Any], name: str) -> int:
    value = details[name]
    if type(value) is not int:
        raise TypeError(name)
    return value


def _maybe(details: Mapping[str, Any], name: str, kind: type) -> Any:
    value = details.get(name)
    if value is not None and type(value) is not kind:
        raise TypeError(name)
    return value


def _text(details: Mapping[str, Any], name: str) -> str:
    value = details[name]
    if not isinstance(value, str):
        raise TypeError(name)
    return value


def _box(value: Any) -> EventBox:
    x, y, w, h = value
    return EventBox(int(x), int(y), int(w), int(h))


def _object(details: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "track": _integer(details, "track"),
        "label": _text(details, "label"),
        "class_id": _integer(details, "class_id"),
        "score": _integer(details, "score") / 1000,
        "box": _box(details["box"]),
    }


def _track(kind: str, details: Mapping[str, Any]) -> TrackEvent:
    first = details.get("first_box")
    return TrackEvent(
        cast("Any", kind),
        **_object(details),
        first_ms=_integer(details, "first_ms"),
        last_ms=_integer(details, "last_ms"),
        objects=_integer(details, "count"),
        first_box=None if first is None else _box(first),
        identity=_maybe(details, "identity", str),
        text=_maybe(details, "text", str),
        reason=_maybe(details, "reason", str),
        snapshot=details.get("snapshot") is True,
    )


def _zone(kind: str, details: Mapping[str, Any]) -> ZoneEvent:
    return ZoneEvent(
        cast("Any", kind),
        _text(details, "zone"),
        **_object(details),
        enter_ms=_integer(details, "enter_ms"),
        inside=_integer(details, "inside"),
        leave_ms=_maybe(details, "leave_ms", int),
        dwell_ms=_maybe(details, "dwell_ms", int),
        reason=_maybe(details, "reason", str),
    )


def _line(kind: str, details: Mapping[str, Any]) -> LineEvent:
    direction = details["direction"]
    if direction not in ("in", "out"):
        raise ValueError(direction)
    return LineEvent(
        cast("Any", kind),
        _text(details, "line"),
        **_object(details),
        direction=direction,
        counted_in=_integer(details, "in"),
        counted_out=_integer(details, "out"),
    )


def _state(kind: str, details: Mapping[str, Any]) -> StateEvent:
    for name in ("value", "before"):
        if not isinstance(details[name], (str, bool, type(None))):
            raise TypeError(name)
    return StateEvent(
        cast("Any", kind), _text(details, "name"), details["value"], details["before"]
    )


def _count(kind: str, details: Mapping[str, Any]) -> CountEvent:
    place = details["place"]
    if place not in ("frame", "zone", "line"):
        raise ValueError(place)
    return CountEvent(
        cast("Any", kind),
        place,
        _maybe(details, "name", str),
        _maybe(details, "label", str),
        _maybe(details, "count", int),
        _maybe(details, "in", int),
        _maybe(details, "out", int),
    )


_MAKERS: dict[str, Callable[[str, Mapping[str, Any]], TypedEvent]] = {
    **dict.fromkeys(TRACK_KINDS, _track),
    **dict.fromkeys(ZONE_KINDS, _zone),
    LINE_KIND: _line,
    STATE_KIND: _state,
    COUNT_KIND: _count,
}
