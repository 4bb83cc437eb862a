"""What a board found in a frame: immutable results, named tuples for rows and results alike.

Attribute names are the names of the JSON (`to_dict()`). Every result has

- `task`, the kind of result; `seq`, the camera's frame number; `time_ms`, when the frame was
  captured on the board's clock (ms since its start); `generation` of the configuration that
  made it; `model`
- `image`: what was sent, where a picture was (a path as given, else None)
- `host_time`: when the frame was captured, in Unix seconds of this computer, and
  `uncertainty`, plus or minus seconds; both None until the clocks were compared.

Coordinates are pixels of the source frame, scores 0...1.
"""

from __future__ import annotations

from typing import Any, NamedTuple

Json = dict[str, Any]


class Label(NamedTuple):
    """A class and its score."""

    label: str
    score: float


class Box(NamedTuple):
    """A detected object: left, top, width and height in pixels of the source frame."""

    label: str
    score: float
    x: int
    y: int
    w: int
    h: int


class Text(NamedTuple):
    """A text: what the task doesn't deliver is None.

    quad holds four (x, y) corners in pixels, top left first, clockwise.
    """

    text: str | None
    score: float
    quad: tuple[tuple[int, int], ...] | None


class ClassificationResult(NamedTuple):
    """label and score are of the best class; label is None when nothing passes the threshold."""

    task: str
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

    def to_dict(self) -> Json:
        """Return the JSON of this result."""
        row = _head(self)
        row.update(label=self.label, score=self.score, top=_labels(self.top))
        return row


class DetectionResult(NamedTuple):
    """boxes, best first; empty when nothing was found."""

    task: str
    seq: int
    time_ms: int
    generation: int
    model: str
    boxes: tuple[Box, ...]
    image: str | None = None
    host_time: float | None = None
    uncertainty: float | None = None

    def to_dict(self) -> Json:
        """Return the JSON of this result."""
        row = _head(self)
        row["boxes"] = [
            {"label": b.label, "score": b.score, "x": b.x, "y": b.y, "w": b.w, "h": b.h}
            for b in self.boxes
        ]
        return row


class SegmentationResult(NamedTuple):
    """A class map of width by height: rle holds (class, run) pairs, row by row.

    areas holds the pixels of each class of the map, in the order of the model's labels.
    """

    task: str
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

    def to_dict(self) -> Json:
        """Return the JSON of this result."""
        row = _head(self)
        row.update(width=self.width, height=self.height, areas=dict(self.areas))
        row["rle"] = [list(pair) for pair in self.rle]
        return row

    def class_map(self) -> bytes:
        """Return the map itself: width * height bytes, one class a pixel, row by row."""
        return b"".join(bytes((kind,)) * run for kind, run in self.rle)


class OcrResult(NamedTuple):
    """Texts of ocr_detection (quads), ocr_recognition (text) or ocr (both)."""

    task: str
    seq: int
    time_ms: int
    generation: int
    model: str
    texts: tuple[Text, ...]
    image: str | None = None
    host_time: float | None = None
    uncertainty: float | None = None

    def to_dict(self) -> Json:
        """Return the JSON of this result."""
        row = _head(self)
        row["texts"] = [
            {
                "text": t.text,
                "score": t.score,
                "quad": None if t.quad is None else [list(corner) for corner in t.quad],
            }
            for t in self.texts
        ]
        return row


class MetricLearningResult(NamedTuple):
    """An embedding; where the board has a gallery, also who it is.

    identity is None for unknown; score (cosine, -1...1) and margin to the runner-up are
    None without a gallery.
    """

    task: str
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

    def to_dict(self) -> Json:
        """Return the JSON of this result; identity, score, margin only with a gallery."""
        row = _head(self)
        row["embedding"] = None if self.embedding is None else list(self.embedding)
        if self.score is not None:
            row.update(identity=self.identity, score=self.score, margin=self.margin)
        return row


class Identified(NamedTuple):
    """An object and whose it is: identity is None for unknown.

    score (cosine, -1...1) and margin are None without a gallery; label and label_score are the
    detector's; left, top, width and height in pixels of the source frame.
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


class IdentitiesResult(NamedTuple):
    """metric_learning behind a detector: objects, in the order of the detector's scores."""

    task: str
    seq: int
    time_ms: int
    generation: int
    model: str
    objects: tuple[Identified, ...]
    image: str | None = None
    host_time: float | None = None
    uncertainty: float | None = None

    def to_dict(self) -> Json:
        """Return the JSON of this result."""
        row = _head(self)
        row["objects"] = [item._asdict() for item in self.objects]
        return row


class MultilabelResult(NamedTuple):
    """Every label that passes the threshold, best first."""

    task: str
    seq: int
    time_ms: int
    generation: int
    model: str
    labels: tuple[Label, ...]
    image: str | None = None
    host_time: float | None = None
    uncertainty: float | None = None

    def to_dict(self) -> Json:
        """Return the JSON of this result."""
        row = _head(self)
        row["labels"] = _labels(self.labels)
        return row


Result = (
    ClassificationResult
    | DetectionResult
    | SegmentationResult
    | OcrResult
    | MetricLearningResult
    | IdentitiesResult
    | MultilabelResult
)


def _head(result: Result) -> Json:
    row: Json = {
        "task": result.task,
        "seq": result.seq,
        "time_ms": result.time_ms,
        "generation": result.generation,
        "model": result.model,
    }
    if result.image is not None:
        row["image"] = result.image
    return row


def _labels(rows: tuple[Label, ...]) -> list[Json]:
    return [{"label": row.label, "score": row.score} for row in rows]
