"""Results of a frame, as immutable named tuples.

`to_dict()` returns the JSON that docs/json.md describes. Every result has

- `task`: the kind of result; `seq`: the camera's frame number; `time_ms`: the capture time on the
  board's clock (ms since its start); `generation`: of the configuration that made it; `model`
- `image`: the path of the picture that was sent, else None
- `host_time`: the capture time in Unix seconds of this computer, and `uncertainty`, plus or
  minus seconds; both None until the clocks are compared
- `source`: the board, and the size of the frame.

Coordinates are pixels of the source frame, scores 0...1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from host_client.results.lines import UNKNOWN, Json, Source, head, short32
from host_client.results.objects import Instance, OrientedBox, Pose

_DIGITS = 5  # decimals of a score: enough for all 65,536 values on the wire


class Label(NamedTuple):
    """A class, its score and its number; class_id is -1 if unknown."""

    label: str
    score: float
    class_id: int = -1


class Box(NamedTuple):
    """A detected object: left, top, width and height in pixels of the source frame.

    track: id of the tracked object (docs/events.md), or None.
    """

    label: str
    score: float
    x: int
    y: int
    w: int
    h: int
    class_id: int = -1
    track: int | None = None


class Text(NamedTuple):
    """A text; fields that the task does not deliver are None.

    quad holds four (x, y) corners in pixels, top left first, clockwise. track: as Box.track.
    """

    text: str | None
    score: float
    quad: tuple[tuple[int, int], ...] | None
    track: int | None = None


class ClassificationResult(NamedTuple):
    """label, score: of the best class; label is None if no class reaches the threshold."""

    task: Literal["classification"]
    seq: int
    time_ms: int
    generation: int
    model: str
    label: str | None
    score: float
    top: tuple[Label, ...]
    image: str | None = None
    host_time: float | None = None
    uncertainty: float | None = None
    source: Source = UNKNOWN

    def to_dict(self) -> Json:
        """Return the JSON of this result."""
        row = _head(self)
        class_id = self.top[0].class_id if self.label is not None and self.top else None
        row.update(label=self.label, class_id=class_id, score=round(self.score, _DIGITS))
        row["top"] = _labels(self.top)
        return row


class DetectionResult(NamedTuple):
    """boxes: best first; empty if nothing was found."""

    task: Literal["detection"]
    seq: int
    time_ms: int
    generation: int
    model: str
    boxes: tuple[Box, ...]
    image: str | None = None
    host_time: float | None = None
    uncertainty: float | None = None
    source: Source = UNKNOWN

    def to_dict(self) -> Json:
        """Return the JSON of this result."""
        row = _head(self)
        row["boxes"] = [
            {
                "label": b.label,
                "class_id": b.class_id,
                "score": b.score,
                "x": b.x,
                "y": b.y,
                "w": b.w,
                "h": b.h,
            }
            for b in self.boxes
        ]
        return _tracked(row, "boxes", self.boxes)


class SegmentationResult(NamedTuple):
    """A class map of width by height (map_width, map_height in JSON): rle holds (class, run) pairs, row by row.

    areas holds the pixels of each class of the map, in the order of the model's labels.
    """

    task: Literal["segmentation"]
    seq: int
    time_ms: int
    generation: int
    model: str
    width: int
    height: int
    rle: tuple[tuple[int, int], ...]
    areas: dict[str, int]
    image: str | None = None
    host_time: float | None = None
    uncertainty: float | None = None
    source: Source = UNKNOWN

    def to_dict(self) -> Json:
        """Return the JSON of this result."""
        row = _head(self)
        row.update(map_width=self.width, map_height=self.height, areas=dict(self.areas))
        row["rle"] = [list(pair) for pair in self.rle]
        return row

    def class_map(self) -> bytes:
        """Return the map itself: width * height bytes, one class a pixel, row by row."""
        return b"".join(bytes((kind,)) * run for kind, run in self.rle)


class OcrResult(NamedTuple):
    """Texts of ocr_detection (quads), ocr_recognition (text) or ocr (both)."""

    task: Literal["ocr_detection", "ocr_recognition", "ocr"]
    seq: int
    time_ms: int
    generation: int
    model: str
    texts: tuple[Text, ...]
    image: str | None = None
    host_time: float | None = None
    uncertainty: float | None = None
    source: Source = UNKNOWN

    def to_dict(self) -> Json:
        """Return the JSON of this result."""
        row = _head(self)
        row["texts"] = [
            {
                "text": t.text,
                "score": round(t.score, _DIGITS),
                "quad": None if t.quad is None else [list(corner) for corner in t.quad],
            }
            for t in self.texts
        ]
        return _tracked(row, "texts", self.texts)


class MetricLearningResult(NamedTuple):
    """An embedding and, with a gallery, the identity it matches.

    identity: None for unknown. score (cosine, -1...1) and margin to the second best: None without
    a gallery.
    """

    task: Literal["metric_learning"]
    seq: int
    time_ms: int
    generation: int
    model: str
    embedding: tuple[float, ...] | None
    identity: str | None = None
    score: float | None = None
    margin: float | None = None
    image: str | None = None
    host_time: float | None = None
    uncertainty: float | None = None
    source: Source = UNKNOWN

    def to_dict(self) -> Json:
        """Return the JSON of this result; identity, score, margin only with a gallery."""
        row = _head(self)
        row["embedding"] = None if self.embedding is None else [*map(short32, self.embedding)]
        if self.score is not None:
            row.update(identity=self.identity, score=self.score, margin=self.margin)
        return row


class Identified(NamedTuple):
    """A detected object and its identity; identity is None for unknown.

    score (cosine, -1...1) and margin: None without a gallery. label, label_score: the detector's.
    x, y, w, h: left, top, width, height in pixels of the source frame. track: as Box.track.
    """

    identity: str | None
    score: float | None
    margin: float | None
    label: str
    label_score: float
    x: int
    y: int
    w: int
    h: int
    class_id: int = -1
    track: int | None = None


class IdentitiesResult(NamedTuple):
    """Results of metric_learning with a detector. objects: in order of the detector's scores."""

    task: Literal["metric_learning"]
    seq: int
    time_ms: int
    generation: int
    model: str
    objects: tuple[Identified, ...]
    image: str | None = None
    host_time: float | None = None
    uncertainty: float | None = None
    source: Source = UNKNOWN

    def to_dict(self) -> Json:
        """Return the JSON of this result."""
        row = _head(self)
        row["objects"] = [item._asdict() for item in self.objects]
        for item in row["objects"]:
            del item["track"]
        return _tracked(row, "objects", self.objects)


class MultilabelResult(NamedTuple):
    """labels: every label that reaches the threshold, best first."""

    task: Literal["multilabel"]
    seq: int
    time_ms: int
    generation: int
    model: str
    labels: tuple[Label, ...]
    image: str | None = None
    host_time: float | None = None
    uncertainty: float | None = None
    source: Source = UNKNOWN

    def to_dict(self) -> Json:
        """Return the JSON of this result."""
        row = _head(self)
        row["labels"] = _labels(self.labels)
        return row


class InstanceSegmentationResult(NamedTuple):
    """objects: with their masks, best first; empty if nothing was found."""

    task: Literal["instance_segmentation"]
    seq: int
    time_ms: int
    generation: int
    model: str
    objects: tuple[Instance, ...]
    image: str | None = None
    host_time: float | None = None
    uncertainty: float | None = None
    source: Source = UNKNOWN

    def to_dict(self) -> Json:
        """Return the JSON of this result."""
        row = _head(self)
        row["objects"] = [item.to_dict() for item in self.objects]
        return row


class PoseResult(NamedTuple):
    """objects: with their keypoints, best first. skeleton: pairs of keypoint numbers to connect."""

    task: Literal["pose"]
    seq: int
    time_ms: int
    generation: int
    model: str
    objects: tuple[Pose, ...]
    skeleton: tuple[tuple[int, int], ...] = ()
    image: str | None = None
    host_time: float | None = None
    uncertainty: float | None = None
    source: Source = UNKNOWN

    def to_dict(self) -> Json:
        """Return the JSON of this result."""
        row = _head(self)
        row["objects"] = [item.to_dict() for item in self.objects]
        row["skeleton"] = [list(pair) for pair in self.skeleton]
        return row


class OrientedDetectionResult(NamedTuple):
    """objects: with their rotated boxes, best first; empty if nothing was found."""

    task: Literal["oriented_detection"]
    seq: int
    time_ms: int
    generation: int
    model: str
    objects: tuple[OrientedBox, ...]
    image: str | None = None
    host_time: float | None = None
    uncertainty: float | None = None
    source: Source = UNKNOWN

    def to_dict(self) -> Json:
        """Return the JSON of this result."""
        row = _head(self)
        row["objects"] = [item.to_dict() for item in self.objects]
        return row


Result = (
    ClassificationResult
    | DetectionResult
    | SegmentationResult
    | OcrResult
    | MetricLearningResult
    | IdentitiesResult
    | MultilabelResult
    | InstanceSegmentationResult
    | PoseResult
    | OrientedDetectionResult
)


def _head(result: Result) -> Json:
    row = head("result", result.source, result.time_ms, result.host_time, result.uncertainty)
    row.update(
        task=result.task,
        seq=result.seq,
        generation=result.generation,
        model=result.model,
        width=result.source.width,
        height=result.source.height,
    )
    if result.image is not None:
        row["image"] = result.image
    return row


def _tracked(row: Json, name: str, items: Sequence[Box | Text | Identified]) -> Json:
    """Return the row with the track of each tracked object."""
    for line, item in zip(row[name], items, strict=True):
        if item.track is not None:
            line["track"] = item.track
    return row


def _labels(rows: tuple[Label, ...]) -> list[Json]:
    return [
        {"label": row.label, "class_id": row.class_id, "score": round(row.score, _DIGITS)}
        for row in rows
    ]
