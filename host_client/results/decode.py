"""Decode a result message (docs/protocol.md, section 4) to a typed result.

This is a client's hot path: tables are built once per model, and rows by tuple.__new__, which is
three times as fast as a named tuple's constructor. What limits it is the interpreter: about 200 ns a
box, where half is the named tuple itself.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from itertools import repeat, starmap
from operator import itemgetter
from typing import Any, TypeVar

from firmware_app.wire import messages
from host_client.results.lines import Source
from host_client.results.objects import Instance, Keypoint, Mask, OrientedBox, Pose, oriented
from host_client.results.types import (
    Box,
    ClassificationResult,
    DetectionResult,
    Identified,
    IdentitiesResult,
    InstanceSegmentationResult,
    Label,
    MetricLearningResult,
    MultilabelResult,
    OcrResult,
    OrientedDetectionResult,
    PoseResult,
    Result,
    SegmentationResult,
    Text,
)

_Item = TypeVar("_Item", Box, Text, Identified, Instance, Pose, OrientedBox)
_new = tuple.__new__
_from_bytes = int.from_bytes
_each_box = repeat(Box)
_no_track = repeat(None)
_word_pairs = struct.Struct("<II").iter_unpack
_rotated_rows = struct.Struct("<7h").iter_unpack
_MAX_PACKED_CLASSES = 1024  # a packed box has 10 bits for the class
_SCORES = tuple(i / 1000 for i in range(1024))  # a packed box has 10 bits for the score
_MANY = range(13, 65)  # boxes that are faster taken apart together than one by one


def _lanes(count: int) -> tuple[Any, ...]:
    """Return what takes so many packed boxes apart.

    Masks of bits 0 to 10, 16 to 26, and 0 to 9 of each word; the bits of all words; the bytes of both
    halves; how they are read; and where scores and classes are then.
    """
    ones = int.from_bytes(b"\1\0\0\0" * (2 * count), "little")
    read = struct.Struct(f"<{4 * count}H{2 * count}I").unpack
    places = slice(4 * count, None, 2), slice(4 * count + 1, None, 2)
    return 0x7FF * ones, 0x7FF0000 * ones, 0x3FF * ones, 64 * count, 16 * count, read, *places


_LANES = {8 * count: _lanes(count) for count in _MANY}  # by the bytes of the boxes
_MAX_MAP_SIDE = 65535
_MAX_KEYPOINTS = 1024  # names of a MODEL to keep
_TASKS = messages.RESULT_TASKS
_DETECTION = messages.DETECTION

# The errors of the code below for a well-framed but invalid message.
MALFORMED = (
    IndexError,
    TypeError,
    ValueError,
    struct.error,
    KeyError,
    AttributeError,
    OverflowError,
)


class Model:
    """One generation of the board's configuration, which gives results their meaning.

    width, height: of the camera frame in pixels. sha256: of the kmodel (hex). task_name: name of the
    task's file in configs/tasks. source: board and frame of its results. keypoints: names of a pose
    model's points. skeleton: pairs of point numbers to connect.
    """

    __slots__ = (
        "_table",
        "generation",
        "height",
        "keypoints",
        "labels",
        "name",
        "sha256",
        "skeleton",
        "source",
        "task",
        "task_name",
        "width",
    )

    def __init__(
        self, fields: list[Any], board_id: str | None = None, board_name: str | None = None
    ) -> None:
        """Take the fields of MODEL (without the type); extra fields are ignored."""
        generation, task, name, digest, labels, width, height, task_name = fields[:8]
        kinds = (int, str, str, bytes, list, int, int, str)
        for value, kind in zip(fields, kinds, strict=False):
            if not isinstance(value, kind):
                raise ValueError(f"MODEL: expected {kind.__name__}, found {type(value).__name__}")
        self.generation: int = generation
        self.task: str = task
        self.name: str = name
        self.sha256: str = digest.hex()
        self.labels: tuple[str, ...] = tuple(str(label) for label in labels)
        self.width: int = width
        self.height: int = height
        self.task_name: str = task_name
        self.source = Source(board_id, board_name, width, height)
        details = fields[8] if len(fields) > 8 and isinstance(fields[8], dict) else {}
        names = details.get("keypoints")
        names = names[:_MAX_KEYPOINTS] if isinstance(names, list) else []
        self.keypoints: tuple[str, ...] = tuple(str(name) for name in names)
        pairs = details.get("skeleton")
        self.skeleton: tuple[tuple[int, int], ...] = tuple(
            (pair[0], pair[1])
            for pair in (pairs[:_MAX_KEYPOINTS] if isinstance(pairs, list) else [])
            if isinstance(pair, list)
            and len(pair) == 2
            and all(type(end) is int and 0 <= end < len(names) for end in pair)
        )
        # A class beyond the labels gets its number as name.
        self._table: tuple[str, ...] = self.labels + tuple(
            str(i) for i in range(len(self.labels), _MAX_PACKED_CLASSES)
        )

    def __repr__(self) -> str:
        return f"Model(generation={self.generation}, task={self.task!r}, name={self.name!r})"

    @property
    def table(self) -> tuple[str, ...]:
        """The labels, extended with numbers to at least 1,024 names."""
        return self._table

    def label(self, index: int) -> str:
        """Return the name of a class."""
        if index < 0:
            raise ValueError(f"class {index}")
        return self._table[index] if index < len(self._table) else str(index)

    def keypoint(self, index: int) -> str:
        """Return the name of a keypoint."""
        return self.keypoints[index] if index < len(self.keypoints) else str(index)


def decode_result(
    message: list[Any],
    model: Model,
    image: str | None = None,
    host_time: float | None = None,
    uncertainty: float | None = None,
) -> Result:
    """Return the typed result of a message of the model's generation.

    An invalid message raises one of MALFORMED.
    """
    if message[0] == _DETECTION and len(message) == 5:  # the most frequent, without another call
        _, seq, time_ms, generation, rows = message
        boxes = _boxes(rows, model)
        return _new(
            DetectionResult,
            (
                "detection",
                seq,
                time_ms,
                generation,
                model.name,
                boxes,
                image,
                host_time,
                uncertainty,
                model.source,
            ),
        )
    return _DECODERS[message[0]](message, model, image, host_time, uncertainty)


def _detection(
    m: list[Any], model: Model, image: str | None, at: float | None, pm: float | None
) -> Result:
    boxes = _boxes(m[4], model)
    if len(m) > 5:
        boxes = _with_tracks(boxes, m[5])
    fields = ("detection", m[1], m[2], m[3], model.name, boxes, image, at, pm, model.source)
    return _new(DetectionResult, fields)


def _boxes(rows: Any, model: Model) -> tuple[Box, ...]:
    if type(rows) is not bytes:
        label = model.label
        return tuple([Box(label(r[5]), r[4] / 1000, r[0], r[1], r[2], r[3], r[5]) for r in rows])
    table = model._table
    size = len(rows)
    lanes = _LANES.get(size) if size > 96 else None
    if lanes is None:
        # A loop, as most results have a few boxes: a comprehension is a call of its own.
        boxes = []
        for a, b in _word_pairs(rows):
            kind = b >> 11 & 1023
            boxes.append(
                _new(
                    Box,
                    (
                        table[kind],
                        _SCORES[a >> 11 & 1023],
                        a & 2047,
                        a >> 21,
                        b & 2047,
                        b >> 21,
                        kind,
                        None,
                    ),
                )
            )
        return tuple(boxes)
    # One number holds all words, and a shift moves all of them at once: first x, y, w, h of each box in
    # 16 bits, then score and class in 32.
    low, high, middle, bits, size, read, scores_at, kinds_at = lanes
    words = _from_bytes(rows, "little")
    both = words & low | words >> 5 & high | (words >> 11 & middle) << bits
    numbers = read(both.to_bytes(size, "little"))
    xywh = iter(numbers)
    kinds = numbers[kinds_at]
    labels = itemgetter(*kinds)(table)
    scores = itemgetter(*numbers[scores_at])(_SCORES)
    # The iterators without end make strict=True fail; starmap() calls faster than map() does.
    fields = zip(labels, scores, xywh, xywh, xywh, xywh, kinds, _no_track)  # noqa: B905
    return tuple(starmap(_new, zip(_each_box, fields)))  # noqa: B905, RUF058


def _with_tracks(items: tuple[_Item, ...], ids: Any) -> tuple[_Item, ...]:
    """Return objects with the ids of their tracks: 2 bytes each, 0 for none."""
    if type(ids) is not bytes or len(ids) != 2 * len(items):
        return items  # from a later version
    numbers = struct.unpack(f"<{len(items)}H", ids)
    return tuple(
        [
            item._replace(track=number) if number else item
            for item, number in zip(items, numbers, strict=True)
        ]
    )


def _scored(flat: list[int], model: Model) -> tuple[Label, ...]:
    label = model.label
    return tuple(
        [Label(label(flat[i]), flat[i + 1] / 65535, flat[i]) for i in range(0, len(flat), 2)]
    )


def _classification(
    m: list[Any], model: Model, image: str | None, at: float | None, pm: float | None
) -> Result:
    top = _scored(m[5], model)
    label = top[0].label if m[4] and top else None
    score = top[0].score if top else 0.0
    head = (_TASKS[m[0]], m[1], m[2], m[3], model.name)
    return _new(ClassificationResult, (*head, label, score, top, image, at, pm, model.source))


def _multilabel(
    m: list[Any], model: Model, image: str | None, at: float | None, pm: float | None
) -> Result:
    head = (_TASKS[m[0]], m[1], m[2], m[3], model.name)
    return _new(MultilabelResult, (*head, _scored(m[4], model), image, at, pm, model.source))


def _segmentation(
    m: list[Any], model: Model, image: str | None, at: float | None, pm: float | None
) -> Result:
    width, height = m[4], m[5]
    if not (0 < width <= _MAX_MAP_SIDE and 0 < height <= _MAX_MAP_SIDE):
        raise ValueError(f"a class map of {width} by {height}")
    rle = _runs(m[6], width * height)
    areas: dict[str, int] = {}
    for index, pixels in enumerate(m[7]):
        label = model.label(index)
        areas[label] = areas.get(label, 0) + pixels  # two classes may share a label
    head = (_TASKS[m[0]], m[1], m[2], m[3], model.name)
    return _new(SegmentationResult, (*head, width, height, rle, areas, image, at, pm, model.source))


def _runs(data: bytes, pixels: int) -> tuple[tuple[int, int], ...]:
    """Expand run lengths: pairs of class + 1 (1 byte) and length (LEB128)."""
    pairs = []
    at = 0
    size = len(data)
    while at < size:
        kind = data[at] - 1
        if kind < 0:
            raise ValueError("a run without a class")
        run = data[at + 1]
        at += 2
        if run > 127:
            run &= 127
            shift = 7
            while True:
                byte = data[at]
                at += 1
                run |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    break
        pixels -= run
        pairs.append((kind, run))
    if pixels:
        raise ValueError("the runs don't fill the class map")
    return tuple(pairs)


def _texts(
    m: list[Any], model: Model, image: str | None, at: float | None, pm: float | None
) -> Result:
    texts = []
    for row in m[4]:
        corners = row[2]
        quad = None
        if corners is not None:
            quad = tuple((corners[i], corners[i + 1]) for i in (0, 2, 4, 6))
        texts.append(Text(row[0], row[1] / 65535, quad))
    found = _with_tracks(tuple(texts), m[5]) if len(m) > 5 else tuple(texts)
    head = (_TASKS[m[0]], m[1], m[2], m[3], model.name)
    return _new(OcrResult, (*head, found, image, at, pm, model.source))


def _metric_learning(
    m: list[Any], model: Model, image: str | None, at: float | None, pm: float | None
) -> Result:
    data = m[4]
    embedding = None if data is None else struct.unpack(f"<{len(data) // 4}f", data)
    identity = score = margin = None
    if len(m) > 5 and m[5] is not None:
        identity, score, margin = m[5][0], m[5][1] / 10000, m[5][2] / 10000
    head = (_TASKS[m[0]], m[1], m[2], m[3], model.name)
    fields = (*head, embedding, identity, score, margin, image, at, pm, model.source)
    return _new(MetricLearningResult, fields)


def _identities(
    m: list[Any], model: Model, image: str | None, at: float | None, pm: float | None
) -> Result:
    objects = []
    for identity, cosine, margin, x, y, w, h, kind, score in [row[:9] for row in m[4]]:
        known = cosine is not None
        objects.append(
            Identified(
                identity,
                cosine / 10000 if known else None,
                margin / 10000 if known else None,
                model.label(kind),
                score / 1000,
                *(x, y, w, h, kind),
            )
        )
    known_objects = _with_tracks(tuple(objects), m[5]) if len(m) > 5 else tuple(objects)
    head = (_TASKS[m[0]], m[1], m[2], m[3], model.name)
    return _new(IdentitiesResult, (*head, known_objects, image, at, pm, model.source))


def _instance_segmentation(
    m: list[Any], model: Model, image: str | None, at: float | None, pm: float | None
) -> Result:
    boxes = _boxes(m[4], model)
    objects = tuple(
        Instance(*box[:7], None if row is None else _mask(row))
        for box, row in zip(boxes, m[5], strict=True)
    )
    if len(m) > 6:
        objects = _with_tracks(objects, m[6])
    head = (_TASKS[m[0]], m[1], m[2], m[3], model.name)
    return _new(InstanceSegmentationResult, (*head, objects, image, at, pm, model.source))


def _mask(row: list[Any]) -> Mask:
    x, y, w, h, columns, rows, data = row[:7]
    if not (0 < columns <= _MAX_MAP_SIDE and 0 < rows <= _MAX_MAP_SIDE and w > 0 and h > 0):
        raise ValueError(f"a mask of {columns} by {rows} cells in {w} by {h} pixels")
    return Mask(x, y, w, h, columns, rows, _lengths(data, columns * rows))


def _lengths(data: bytes, cells: int) -> tuple[int, ...]:
    """Expand run lengths (LEB128) into `count` cells."""
    runs = []
    run = shift = 0
    for byte in data:
        run |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            runs.append(run)
            cells -= run
            run = shift = 0
        elif shift > 28:
            raise ValueError("a run without an end")
    if cells or shift:
        raise ValueError("the runs don't fill the mask")
    return tuple(runs)


def _pose(
    m: list[Any], model: Model, image: str | None, at: float | None, pm: float | None
) -> Result:
    boxes = _boxes(m[4], model)
    data = m[5]
    if type(data) is bytes:
        each = len(data) // (6 * len(boxes)) if boxes else 0
        if len(data) != 6 * each * len(boxes):
            raise ValueError(f"{len(data)} bytes of keypoints for {len(boxes)} objects")
        numbers = struct.unpack(f"<{3 * each * len(boxes)}h", data)
        rows = [numbers[3 * each * i : 3 * each * (i + 1)] for i in range(len(boxes))]
    else:
        rows = data
    objects = tuple(
        Pose(
            *box[:7],
            tuple(
                Keypoint(
                    model.keypoint(i // 3),
                    row[i],
                    row[i + 1],
                    row[i + 2] / 1000 if row[i + 2] >= 0 else None,
                )
                for i in range(0, len(row), 3)
            ),
        )
        for box, row in zip(boxes, rows, strict=True)
    )
    if len(m) > 6:
        objects = _with_tracks(objects, m[6])
    head = (_TASKS[m[0]], m[1], m[2], m[3], model.name)
    return _new(PoseResult, (*head, objects, model.skeleton, image, at, pm, model.source))


def _oriented_detection(
    m: list[Any], model: Model, image: str | None, at: float | None, pm: float | None
) -> Result:
    rows = _rotated_rows(m[4]) if type(m[4]) is bytes else [row[:7] for row in m[4]]
    objects: tuple[OrientedBox, ...] = tuple(
        oriented(
            model.label(kind), score / 1000, kind, (cx / 8, cy / 8), (w / 8, h / 8), angle / 100
        )
        for cx, cy, w, h, angle, score, kind in rows
    )
    if len(m) > 5:
        objects = _with_tracks(objects, m[5])
    head = (_TASKS[m[0]], m[1], m[2], m[3], model.name)
    return _new(OrientedDetectionResult, (*head, objects, image, at, pm, model.source))


_DECODERS: dict[
    int, Callable[[list[Any], Model, str | None, float | None, float | None], Result]
] = {
    messages.CLASSIFICATION: _classification,
    messages.DETECTION: _detection,
    messages.SEGMENTATION: _segmentation,
    messages.OCR_DETECTION: _texts,
    messages.OCR_RECOGNITION: _texts,
    messages.OCR: _texts,
    messages.METRIC_LEARNING: _metric_learning,
    messages.MULTILABEL: _multilabel,
    messages.IDENTITIES: _identities,
    messages.INSTANCE_SEGMENTATION: _instance_segmentation,
    messages.POSE: _pose,
    messages.ORIENTED_DETECTION: _oriented_detection,
}

# The types this client understands; others belong to later versions.
RESULT_TYPES = frozenset(_DECODERS)
