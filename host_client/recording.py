"""Record boards into an MCAP file with JSON messages, and compute events from a recording.

Topics: /BOARD_ID/result, /event, /statistics, /picture, and /boxes in Foxglove's format.
Needs the extra `record` (mcap).
"""

from __future__ import annotations

import base64
import contextlib
import importlib.resources
import json
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from firmware_app.events.counters import Counters
from firmware_app.events.follower import Follower
from firmware_app.events.rules import Rules, unknown
from firmware_app.settings.reader import Settings
from firmware_app.wire import messages
from host_client.base.exceptions import K230Error
from host_client.base.wording import reason
from host_client.results.lines import Source
from host_client.results.messages import Event, Statistics, finite
from host_client.results.types import Result

KINDS = ("result", "event", "statistics")
_PICTURE = "foxglove.CompressedImage"
_BOXES = "foxglove.ImageAnnotations"
_HOW = "install it with: pip install 'k230-vision[record]'"
_NANO = 1_000_000_000
_TASKS = {name: kind for kind, name in messages.RESULT_TASKS.items() if kind != messages.IDENTITIES}
_COLOUR = {"r": 0.1, "g": 0.9, "b": 0.3, "a": 1.0}
_NO_COLOUR = {"r": 0.0, "g": 0.0, "b": 0.0, "a": 0.6}
_TIME = {
    "type": "object",
    "title": "time",
    "properties": {"sec": {"type": "integer"}, "nsec": {"type": "integer"}},
}


class RecordingError(K230Error):
    """A recording can't be read or written."""

    code = "bad_recording"
    exit_code = 8


class Row(NamedTuple):
    """One message of a recording: kind (one of KINDS or "picture"), board, Unix seconds, JSON."""

    kind: str
    board_id: str
    seconds: float
    data: dict[str, Any]


class Recorder:
    """Writes a recording; the complete file appears under its name on close()."""

    def __init__(self, path: str | Path) -> None:
        """Start a recording; raises RecordingError."""
        try:
            from mcap.writer import Writer  # noqa: PLC0415 - an extra
        except ImportError:
            raise RecordingError(f"recordings need the package mcap; {_HOW}") from None
        self._path = Path(path)
        self._part = self._path.with_name(self._path.name + ".part")
        self.count = 0
        self._last = 0.0
        try:
            if self._path.is_dir():
                raise RecordingError(f"{path}: expected the name of a file, found a folder")
            self._file = self._part.open("wb")
        except OSError as error:
            raise RecordingError(f"{path}: can't be written: {reason(error)}") from error
        self._writer: Any = Writer(self._file)
        self._writer.start(profile="k230", library="k230-vision")
        self._schemas: dict[str, int] = {}
        self._channels: dict[tuple[str, str], int] = {}
        self._counts: dict[int, int] = {}

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def row(self, item: Result | Event | Statistics, seconds: float) -> None:
        """Add an item of a board. seconds: Unix time for items without their own."""
        data = item.to_dict()
        at = item.host_time if item.host_time is not None else seconds
        source = item.source
        kind: str = data["type"]
        self._write(kind, kind, source, at, data)
        if kind == "result":
            drawn = _annotations(data, at)
            if drawn is not None:
                self._write("boxes", _BOXES, source, at, drawn)

    def picture(self, source: Source, seconds: float, jpeg: bytes) -> None:
        """Add a JPEG of a board's camera."""
        data = {
            "timestamp": _stamp(seconds),
            "frame_id": source.board_id or "",
            "format": "jpeg",
            "data": base64.b64encode(jpeg).decode(),
        }
        self._write("picture", _PICTURE, source, seconds, data)

    @property
    def size(self) -> int:
        """Bytes in the file so far; 0 once it is closed."""
        return 0 if self._file.closed else self._file.tell()

    def close(self) -> None:
        """Finish the file and move it to its name. Calling it again does nothing."""
        if self._file.closed:
            return
        try:
            self._writer.finish()
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            os.replace(self._part, self._path)
        except OSError as error:
            with contextlib.suppress(OSError):
                self._file.close()
            raise RecordingError(f"{self._path}: can't be written: {reason(error)}") from error

    def _write(
        self, topic: str, schema: str, source: Source, seconds: float, data: dict[str, Any]
    ) -> None:
        board_id = source.board_id or "unknown"
        channel = self._channels.get((board_id, topic))
        if channel is None:
            if schema not in self._schemas:
                self._schemas[schema] = self._writer.register_schema(
                    name=schema if "." in schema else f"k230.{schema}",
                    encoding="jsonschema",
                    data=_schema(schema),
                )
            channel = self._writer.register_channel(
                topic=f"/{board_id}/{topic}",
                message_encoding="json",
                schema_id=self._schemas[schema],
                metadata={"board_name": source.board_name or ""},
            )
            self._channels[board_id, topic] = channel
        number = self._counts[channel] = self._counts.get(channel, 0) + 1
        at = max(0, int(seconds * _NANO))
        try:
            self._writer.add_message(
                channel_id=channel,
                log_time=at,
                publish_time=at,
                sequence=number,
                data=_line(data),
            )
        except OSError as error:
            raise RecordingError(f"{self._path}: can't be written: {reason(error)}") from error
        self.count += 1


def _line(data: dict[str, Any]) -> bytes:
    try:
        text = json.dumps(data, ensure_ascii=False, allow_nan=False)
    except ValueError:
        text = json.dumps(finite(data), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "replace")


def read(path: str | Path) -> Iterator[Row]:
    """Yield the messages of a recording in time order; raises RecordingError."""
    try:
        from mcap.exceptions import McapError  # noqa: PLC0415 - an extra
        from mcap.reader import make_reader  # noqa: PLC0415
    except ImportError:
        raise RecordingError(f"recordings need the package mcap; {_HOW}") from None
    try:
        with Path(path).open("rb") as file:
            for _, channel, message in make_reader(file).iter_messages():
                board_id, _, kind = channel.topic.strip("/").rpartition("/")
                if kind not in (*KINDS, "picture") or channel.message_encoding != "json":
                    continue
                data = json.loads(message.data)
                if isinstance(data, dict):
                    yield Row(kind, board_id, message.log_time / _NANO, data)
    except OSError as error:
        raise RecordingError(f"{path}: can't be read: {reason(error)}") from error
    except (McapError, ValueError, struct.error, EOFError, RecursionError) as error:
        raise RecordingError(
            f"{path}: expected a recording (MCAP), found something else or a part of one: "
            f"{str(error)[:80] or type(error).__name__}"
        ) from None


class Replayed(NamedTuple):
    """The events of one board of a recording, in order, and the counts of its lines.

    missing: labels that the settings name and that no result of the board has.
    """

    board_id: str
    events: tuple[Event, ...]
    lines: tuple[tuple[str, str, int, int], ...]
    missing: tuple[str, ...] = ()


def events_of(path: str | Path, settings: Settings) -> list[Replayed]:
    """Return the events that a task with these settings makes of a recording; raises RecordingError.

    Runs the board's own code over the recorded results.
    """
    wanted = settings.values.get("events")
    assert isinstance(wanted, dict)
    boards: dict[str, list[dict[str, Any]]] = {}
    for row in read(path):
        if row.kind == "result" and row.data.get("task") == settings.values["task"]:
            boards.setdefault(row.board_id, []).append(row.data)
    if not boards:
        raise RecordingError(
            f"{path}: expected results of the task {settings.values['task']}, found none"
        )
    return [_replay(path, board_id, rows, wanted) for board_id, rows in sorted(boards.items())]


def _replay(
    path: str | Path, board_id: str, rows: list[dict[str, Any]], wanted: dict[str, Any]
) -> Replayed:
    events: list[Event] = []
    source = Source(board_id, rows[0].get("board_name"))
    counters = Counters([0, 0, None])
    follower: Follower | None = None
    made_of: tuple[Any, ...] = ()
    last_ms = 0
    names = label_names(rows)

    def tell(time_ms: int, kind: str, details: dict[str, Any]) -> None:
        at = row_time
        events.append(Event(time_ms, kind, details, at, len(events) + 1, None, source))

    row_time: float | None = None
    try:
        for row in rows:
            time_ms = row["time_ms"]
            # A new generation, or a clock that goes back (the board restarted), ends all tracks.
            now = (row["generation"], row["width"], row["height"])
            if follower is None or now != made_of or time_ms < last_ms:
                if follower is not None:
                    follower.end(last_ms)
                width, height = row["width"] or 0, row["height"] or 0
                follower = Follower(Rules(wanted, names, width, height), counters, tell)
                made_of = now
            row_time = _unix(row.get("time"))
            message = wire_message(row)
            last_ms = time_ms
            follower.take(message[0], time_ms, message[4:])
        if follower is not None:
            follower.end(last_ms)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise RecordingError(
            f"{path}: a result of board {board_id} is not valid: "
            f"{type(error).__name__}: {str(error)[:80]}"
        ) from None
    return Replayed(
        board_id,
        tuple(events),
        tuple(tuple(row) for row in counters.rows()),
        tuple(unknown(wanted, names)),
    )


def label_names(rows: list[dict[str, Any]]) -> list[str]:
    """Return the labels of the classes that occur in results."""
    names: dict[int, str] = {}
    for row in rows:
        for item in _labelled(row):
            kind = item.get("class_id")
            if isinstance(kind, int) and 0 <= kind < 4096:
                names[kind] = str(item.get("label"))
        areas = row.get("areas")
        if isinstance(areas, dict):
            names.update(enumerate(map(str, areas)))
        if row.get("task") in ("ocr", "ocr_detection", "ocr_recognition"):
            names[0] = "text"
    return [names.get(kind, str(kind)) for kind in range(max(names, default=-1) + 1)]


def _labelled(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name in ("boxes", "objects", "top", "labels"):
        items = row.get(name)
        if isinstance(items, list):
            yield from (item for item in items if isinstance(item, dict))


def wire_message(row: dict[str, Any]) -> list[Any]:
    """Return the wire message for a result's JSON (docs/protocol.md section 4)."""
    task = row["task"]
    behind = task == "metric_learning" and "objects" in row
    kind = messages.IDENTITIES if behind else _TASKS[task]
    fields = _FIELDS[kind](row)
    message = [kind, row["seq"], row["time_ms"], row["generation"], *fields]
    items = row.get("boxes") or row.get("objects") or row.get("texts") or []
    ids = [item.get("track") or 0 for item in items]
    if any(ids):
        message.append(struct.pack(f"<{len(ids)}H", *ids))
    return message


def _boxes(row: dict[str, Any]) -> list[Any]:
    return [[_box(item, item["score"]) for item in row.get("boxes") or row.get("objects") or []]]


def _masks(row: dict[str, Any]) -> list[Any]:
    masks: list[Any] = []
    for item in row["objects"]:
        mask = item["mask"]
        if mask is not None:
            sides = [mask[name] for name in ("x", "y", "w", "h", "columns", "rows")]
            mask = [*sides, b"".join(map(_leb128, mask["rle"]))]
        masks.append(mask)
    return [*_boxes(row), masks]


def _poses(row: dict[str, Any]) -> list[Any]:
    points = []
    for item in row["objects"]:
        flat: list[int] = []
        for point in item["keypoints"]:
            score = point["score"]
            flat += [point["x"], point["y"], -1 if score is None else round(score * 1000)]
        points.append(flat)
    return [*_boxes(row), points]


def _oriented(row: dict[str, Any]) -> list[Any]:
    return [
        [
            [
                *(round(n * 8) for n in (*item["centre"], *item["size"])),
                round(item["angle"] * 100),
                round(item["score"] * 1000),
                item["class_id"],
            ]
            for item in row["objects"]
        ]
    ]


def _identities(row: dict[str, Any]) -> list[Any]:
    found = []
    for item in row["objects"]:
        x, y, w, h, score, kind = _box(item, item["label_score"])
        who = [item["identity"], _cosine(item["score"]), _cosine(item["margin"])]
        found.append([*who, x, y, w, h, kind, score])
    return [found]


def _embedding(row: dict[str, Any]) -> list[Any]:
    numbers = row["embedding"]
    data = None if numbers is None else struct.pack(f"<{len(numbers)}f", *numbers)
    if "identity" not in row:
        return [data]
    return [data, [row["identity"], _cosine(row["score"]), _cosine(row["margin"])]]


def _texts(row: dict[str, Any]) -> list[Any]:
    return [
        [
            [
                item["text"],
                round(item["score"] * 65535),
                None if item["quad"] is None else [n for corner in item["quad"] for n in corner],
            ]
            for item in row["texts"]
        ]
    ]


def _map(row: dict[str, Any]) -> list[Any]:
    runs = b"".join(bytes((kind + 1,)) + _leb128(run) for kind, run in row["rle"])
    return [row["map_width"], row["map_height"], runs, list(row["areas"].values())]


def _scored(items: list[dict[str, Any]]) -> list[int]:
    return [n for item in items for n in (item["class_id"], round(item["score"] * 65535))]


def _classes(row: dict[str, Any]) -> list[Any]:
    return [int(row["label"] is not None), _scored(row["top"])]


_FIELDS: dict[int, Callable[[dict[str, Any]], list[Any]]] = {
    messages.CLASSIFICATION: _classes,
    messages.DETECTION: _boxes,
    messages.SEGMENTATION: _map,
    messages.OCR_DETECTION: _texts,
    messages.OCR_RECOGNITION: _texts,
    messages.OCR: _texts,
    messages.METRIC_LEARNING: _embedding,
    messages.MULTILABEL: lambda row: [_scored(row["labels"])],
    messages.IDENTITIES: _identities,
    messages.INSTANCE_SEGMENTATION: _masks,
    messages.POSE: _poses,
    messages.ORIENTED_DETECTION: _oriented,
}


def _cosine(value: float | None) -> int | None:
    return None if value is None else round(value * 10000)


def _leb128(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _box(item: dict[str, Any], score: float) -> list[int]:
    box = [int(item[name]) for name in ("x", "y", "w", "h")]
    return [*box, round(score * 1000), int(item["class_id"])]


def _unix(text: Any) -> float | None:
    from datetime import datetime  # noqa: PLC0415

    try:
        return datetime.fromisoformat(str(text).replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None


def _stamp(seconds: float) -> dict[str, int]:
    at = int(seconds * _NANO)
    return {"sec": at // _NANO, "nsec": at % _NANO}


def _annotations(row: dict[str, Any], seconds: float) -> dict[str, Any] | None:
    """Return a result's boxes in Foxglove's format, or None."""
    stamp = _stamp(seconds)
    shapes: list[dict[str, Any]] = []
    texts: list[dict[str, Any]] = []
    items = [*(row.get("boxes") or []), *(row.get("objects") or [])]
    for item in items:
        x, y, w, h = (item[name] for name in ("x", "y", "w", "h"))
        corners = item.get("corners") or [[x, y], [x + w, y], [x + w, y + h], [x, y + h]]
        shapes.append(_shape(stamp, corners))
        track = f" {item['track']}" if "track" in item else ""
        texts.append(_text(stamp, x, y, f"{item.get('identity') or item['label']}{track}"))
    for item in row.get("texts") or []:
        if item["quad"] is not None:
            shapes.append(_shape(stamp, item["quad"]))
            x, y = item["quad"][0]
            texts.append(_text(stamp, x, y, str(item["text"] or "")))
    if not items and not row.get("texts"):
        return None
    return {"circles": [], "points": shapes, "texts": texts}


def _shape(stamp: dict[str, int], corners: Any) -> dict[str, Any]:
    return {
        "timestamp": stamp,
        "type": 2,  # LINE_LOOP
        "points": [{"x": x, "y": y} for x, y in corners],
        "outline_color": _COLOUR,
        "outline_colors": [],
        "fill_color": {**_COLOUR, "a": 0.0},
        "thickness": 2,
    }


def _text(stamp: dict[str, int], x: float, y: float, text: str) -> dict[str, Any]:
    return {
        "timestamp": stamp,
        "position": {"x": x, "y": y},
        "text": text,
        "font_size": 12,
        "text_color": _COLOUR,
        "background_color": _NO_COLOUR,
    }


def _schema(name: str) -> bytes:
    """Return the JSON schema of a topic."""
    if name == _PICTURE:
        return json.dumps(
            {
                "title": _PICTURE,
                "type": "object",
                "properties": {
                    "timestamp": _TIME,
                    "frame_id": {"type": "string"},
                    "data": {"type": "string", "contentEncoding": "base64"},
                    "format": {"type": "string"},
                },
            }
        ).encode()
    if name == _BOXES:
        part = {"type": "array", "items": {"type": "object"}}
        names = ("circles", "points", "texts")
        return json.dumps(
            {"title": _BOXES, "type": "object", "properties": dict.fromkeys(names, part)}
        ).encode()
    folder = importlib.resources.files("host_client").joinpath("schemas")
    return folder.joinpath(f"{name}.json").read_bytes()
