"""Print JSON lines for programs, text and tables for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from host_client.base.exceptions import ConfigurationError, K230Error
from host_client.board import Board
from host_client.cli import terminal
from host_client.cli.table import table, terminal_width, width_of
from host_client.results.events import (
    CountEvent,
    EventBox,
    LineEvent,
    StateEvent,
    TrackEvent,
    ZoneEvent,
    typed_event,
)
from host_client.results.lines import UNKNOWN, Source, answer
from host_client.results.messages import Event, finite, plain
from host_client.results.objects import Instance, Pose
from host_client.results.types import (
    ClassificationResult,
    DetectionResult,
    IdentitiesResult,
    InstanceSegmentationResult,
    MetricLearningResult,
    MultilabelResult,
    OcrResult,
    OrientedDetectionResult,
    PoseResult,
    Result,
    SegmentationResult,
)

_SHOWN = 4  # rows of a result on one line


def shown_json(value: Any) -> Any:
    """Return value as JSON has it: binary as hexadecimal text, null for what it has no number for."""
    return finite(plain(value))


def print_json(value: Any) -> None:
    """Print one JSON line."""
    terminal.write_json(shown_json(value))


def print_row(kind: str, row: Mapping[str, Any], board: Board | None = None) -> None:
    """Print one JSON line of a type of docs/json.md; board: whose answer it is."""
    source = UNKNOWN
    if board is not None:
        source = Source(board.info.board_id, board.info.board_name)
    print_json(answer(kind, row, source))


def print_line(text: str) -> None:
    """Print one line of text; line ends and control characters in it are escaped."""
    terminal.write_line(text)


def note(text: str) -> None:
    """Print a remark on stderr."""
    terminal.tell(text)


def print_error(error: K230Error, as_json: bool, url: str | None = None) -> None:
    """Print an error: as JSON on stdout, or as a sentence on stderr; url: of the board, where there are several."""
    if as_json:
        said = {"code": error.code, "message": str(error)}
        try:
            print_json(answer("error", {"url": url, "error": said}))
            return
        except (terminal.FileError, BrokenPipeError):
            pass  # stdout is closed: use stderr
    for text in error.messages if isinstance(error, ConfigurationError) else [str(error)]:
        whose = "" if url is None or url in text else f"{url}: "
        note(f"k230: {whose}{text}")


def print_table(title: str, heads: list[str], rows: list[list[str]]) -> None:
    """Print a table that fits the terminal."""
    cells = [[terminal.shown(cell) for cell in row] for row in rows]
    for line in table(terminal.shown(title), heads, cells, terminal_width()):
        print_line(line)


def print_map(title: str, values: dict[str, Any]) -> None:
    """Print a map as a table, with dotted names for nested maps."""
    rows: list[list[str]] = []
    _flatten(plain(values), "", rows)
    print_table(title, ["name", "value"], rows)


def ordered(values: dict[str, Any], *first: str) -> dict[str, Any]:
    """Return a board's map with these names first, and the others sorted.

    MicroPython's maps have no order.
    """
    names = [*(name for name in first if name in values), *sorted(set(values) - set(first))]
    return {
        name: ordered(values[name]) if isinstance(values[name], dict) else values[name]
        for name in names
    }


def _flatten(value: Any, prefix: str, rows: list[list[str]]) -> None:
    for name, item in value.items():
        if isinstance(item, dict) and item:
            _flatten(item, f"{prefix}{name}.", rows)
        elif isinstance(item, list):
            rows.append([f"{prefix}{name}", ", ".join(_text(each) for each in item) or "none"])
        else:
            rows.append([f"{prefix}{name}", _text(item)])


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return " ".join(f"{key}={_text(item)}" for key, item in value.items())
    return str(value)


def summary(result: Result, room: int | None = None) -> str:
    """Return a result as one line, of at most room columns if one object fits into them."""
    if isinstance(result, ClassificationResult):
        best = f"{result.top[0].label} {result.score:.3f}" if result.top else "nothing"
        return best if result.label is not None else f"undecided (best: {best})"
    if isinstance(result, MetricLearningResult):
        return _metric(result)
    return _rows(_objects(result), room)


def _objects(result: Result) -> list[str]:
    """Return each object of a result as text."""
    if isinstance(result, DetectionResult):
        return [f"{b.label} {b.score:.2f} @{b.x},{b.y} {b.w}x{b.h}" for b in result.boxes]
    if isinstance(result, SegmentationResult):
        total = result.width * result.height
        areas = sorted(result.areas.items(), key=lambda item: -item[1])
        return [f"{label} {100 * area / total:.1f} %" for label, area in areas if area]
    if isinstance(result, OcrResult):
        rows = []
        for text in result.texts:
            corner = "" if text.quad is None else f" @{text.quad[0][0]},{text.quad[0][1]}"
            words = "box" if text.text is None else f"{text.text!r}"
            rows.append(f"{words} {text.score:.2f}{corner}")
        return rows
    if isinstance(result, MultilabelResult):
        return [f"{row.label} {row.score:.2f}" for row in result.labels]
    if isinstance(result, IdentitiesResult):
        return [
            f"{item.identity or 'unknown'} {item.score or 0:.3f} ({item.label}) "
            f"@{item.x},{item.y} {item.w}x{item.h}"
            for item in result.objects
        ]
    if isinstance(result, InstanceSegmentationResult):
        return [_boxed(item) for item in result.objects]
    if isinstance(result, PoseResult):
        return [f"{_boxed(p)} {len(p.keypoints)} keypoints" for p in result.objects]
    if isinstance(result, OrientedDetectionResult):
        return [
            f"{b.label} {b.score:.2f} @{b.centre[0]:.0f},{b.centre[1]:.0f} "
            f"{b.size[0]:.0f}x{b.size[1]:.0f} {b.angle:.0f}°"
            for b in result.objects
        ]
    return []


def _boxed(item: Instance | Pose) -> str:
    return f"{item.label} {item.score:.2f} @{item.x},{item.y} {item.w}x{item.h}"


def event_summary(event: Event) -> str:
    """Return an event as one line."""
    typed = typed_event(event)
    if isinstance(typed, TrackEvent):
        name = typed.identity or typed.text
        return (
            f"{typed.label} {typed.track}"
            + (f" {name!r}" if name else "")
            + f" {typed.score:.2f} {_at(typed.box)}"
            + (f", seen for {_seconds(typed.last_ms - typed.first_ms)}" if typed.reason else "")
        )
    if isinstance(typed, ZoneEvent):
        after = "" if typed.dwell_ms is None else f" after {_seconds(typed.dwell_ms)}"
        return f"{typed.label} {typed.track}, zone {typed.zone}{after} (now {typed.inside})"
    if isinstance(typed, LineEvent):
        counted = f"{typed.counted_in} in, {typed.counted_out} out"
        return f"{typed.label} {typed.track} {typed.direction}, line {typed.line} ({counted})"
    if isinstance(typed, StateEvent):
        return f"{typed.name} {_text(typed.value)}, before {_text(typed.before)}"
    if isinstance(typed, CountEvent):
        where = typed.place if typed.name is None else f"{typed.place} {typed.name}"
        if typed.place == "line":
            return f"{where}: {typed.label or 'all'} {typed.counted_in} in, {typed.counted_out} out"
        return f"{where}: {typed.label} {typed.objects}"
    texts = {name: _listed(value) for name, value in event.details.items()}
    try:
        return _OWN_EVENTS[event.kind].format_map(texts)
    except KeyError:
        return ", ".join(f"{name} {text}" for name, text in sorted(texts.items()))


# Events of the board itself (docs/protocol.md, section 2), with their details.
_OWN_EVENTS = {
    "switched": "task {task}, generation {generation}",
    "problem": "{code}: {text}",
    "solved": "{code}",
    "settings": "changed {changed}",
    "camera": "set up anew, no frames for {without_ms} ms, preview: {preview}",
    "gallery": "{action} {label}",
}


def _listed(value: Any) -> str:
    return ", ".join(_text(each) for each in value) if isinstance(value, list) else _text(value)


def _at(box: EventBox) -> str:
    return f"@{box.x},{box.y} {box.w}x{box.h}"


def _seconds(ms: int) -> str:
    return f"{ms / 1000:.1f} s"


def first_name(result: Result) -> str | None:
    """Return the first name in a result, or None."""
    names: list[str | None] = []
    if isinstance(result, ClassificationResult):
        names = [result.label]
    elif isinstance(result, DetectionResult):
        names = [box.label for box in result.boxes]
    elif isinstance(result, MultilabelResult):
        names = [row.label for row in result.labels]
    elif isinstance(result, IdentitiesResult):
        names = [item.identity or item.label for item in result.objects]
    elif isinstance(result, InstanceSegmentationResult | PoseResult | OrientedDetectionResult):
        names = [item.label for item in result.objects]
    elif isinstance(result, MetricLearningResult):
        names = [result.identity]
    elif isinstance(result, OcrResult):
        names = [text.text for text in result.texts]
    return names[0] if names else None


def _metric(result: MetricLearningResult) -> str:
    if result.score is not None:
        name = "unknown" if result.identity is None else result.identity
        return f"{name} {result.score:.3f} (margin {result.margin or 0:.3f})"
    size = 0 if result.embedding is None else len(result.embedding)
    return f"embedding of {size} numbers"


def _rows(rows: list[str], room: int | None) -> str:
    if not rows:
        return "nothing found"
    for shown in range(min(len(rows), _SHOWN), 0, -1):
        more = f" (+{len(rows) - shown})" if len(rows) > shown else ""
        line = ", ".join(rows[:shown]) + more
        if room is None or width_of(line) <= room:
            break
    return line
