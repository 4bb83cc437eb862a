"""What the board's YOLO post-processors (``aidemo``) have in common, and detection.

The rules, quirks included, are those of the vendor's ``port/ai_demo/yolo_*.cpp``: single precision,
integers truncated toward zero, the frame in the top left corner of the model's input. A box with
a clipped left or top edge keeps its size, so it is shifted; right and bottom are not clipped.

Sizes are ``(height, width)``. Boxes come as ``x, y, width, height`` in display pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from virtual_board.silicon.native import cpp
from virtual_board.silicon.native.cpp import F32, Floats, Ints

Size = tuple[int, int]

END_TO_END_ROWS = 300
"""Rows of the heads that need no suppression (YOLO26)."""


class Found(NamedTuple):
    """Parallel columns: boxes ``[n, 4]``, class ids ``[n]``, scores ``[n]``."""

    boxes: Ints
    ids: Ints
    scores: Floats

    def take(self, index: npt.NDArray[Any]) -> Found:
        return Found(self.boxes[index], self.ids[index], self.scores[index])


class Mapping:
    """From model pixels to display pixels."""

    def __init__(self, frame: Size, model: Size, display: Size) -> None:
        self.scale = min(F32(model[axis] / frame[axis]) for axis in (0, 1))
        self._stretch = (display[0] / frame[0], display[1] / frame[1])

    def x(self, values: Floats) -> Floats:
        return self._map(values, self._stretch[1])

    def y(self, values: Floats) -> Floats:
        return self._map(values, self._stretch[0])

    def boxes(self, values: Floats) -> Floats:
        """Map ``[n, 4]`` rows of x, y, x, y (or centre and size)."""
        mapped = np.empty((len(values), 4), F32)
        mapped[:, 0::2] = self.x(values[:, 0:4:2])
        mapped[:, 1::2] = self.y(values[:, 1:4:2])
        return mapped

    def _map(self, values: Floats, stretch: float) -> Floats:
        with np.errstate(all="ignore"):
            mapped: Floats = ((values / self.scale).astype(np.float64) * stretch).astype(F32)
        return mapped


def yolov5_det_postprocess(
    output: Floats,
    frame: Size,
    model: Size,
    display: Size,
    num_classes: int,
    confidence: float,
    nms: float,
    max_boxes: int,
) -> Found:
    """Decode rows ``cx, cy, w, h, objectness, classes``; suppression ignores the class."""
    rows, ids, scores = candidates(output, model, num_classes, confidence, anchors=3)
    found, _ = centred(rows, ids, scores, Mapping(frame, model, display))
    return found.take(suppress(found, nms)[: max(max_boxes, 0)])


def yolov8_det_postprocess(
    output: Floats,
    frame: Size,
    model: Size,
    display: Size,
    num_classes: int,
    confidence: float,
    nms: float,
    max_boxes: int,
) -> Found:
    """Decode rows ``cx, cy, w, h, classes``; suppression ignores the class."""
    rows, ids, scores = candidates(output, model, num_classes, confidence)
    found, _ = centred(rows, ids, scores, Mapping(frame, model, display))
    return found.take(suppress(found, nms)[: max(max_boxes, 0)])


def yolo26_det_postprocess(
    output: Floats,
    frame: Size,
    model: Size,
    display: Size,
    num_classes: int,
    confidence: float,
    max_boxes: int,
) -> Found:
    """Decode 300 rows ``x1, y1, x2, y2, score, class``, kept in their order."""
    rows = end_to_end(output, 6, confidence)
    found, _ = cornered(rows, Mapping(frame, model, display))
    return found.take(np.arange(len(found.ids))[: max(max_boxes, 0)])


def grid_rows(model: Size) -> int:
    """Return the number of cells of the strides 8, 16 and 32."""
    return sum((model[0] // stride) * (model[1] // stride) for stride in (8, 16, 32))


def candidates(
    output: Floats,
    model: Size,
    num_classes: int,
    confidence: float,
    anchors: int = 1,
    extra: int = 0,
) -> tuple[Floats, Ints, Floats]:
    """Return the rows with a best class that passes the threshold, that class and its score.

    A head with `anchors` boxes a cell (YOLOv5) has an objectness in column 4 that multiplies the
    score. `extra` values follow the classes.
    """
    first = 5 if anchors > 1 else 4
    rows = cpp.table(output, anchors * grid_rows(model), first + num_classes + extra)
    classes = rows[:, first : first + num_classes]
    # As std::max_element has it: NaN is never above another, and nothing is above it.
    ranked = classes.copy()
    ranked[:, 1:][np.isnan(ranked[:, 1:])] = -np.inf
    scores = ranked.max(axis=1)
    if anchors > 1:
        scores = scores * rows[:, 4]
    picked = np.flatnonzero(scores > F32(confidence))
    return rows[picked], ranked[picked].argmax(axis=1), scores[picked]


def end_to_end(output: Floats, width: int, confidence: float) -> Floats:
    """Return those of the 300 rows with a score (column 4) that passes the threshold."""
    rows = cpp.table(output, END_TO_END_ROWS, width)
    picked: Floats = rows[rows[:, 4] > F32(confidence)]
    return picked


def centred(
    rows: Floats, ids: Ints, scores: Floats, mapping: Mapping
) -> tuple[Found, npt.NDArray[np.bool_]]:
    """Turn rows of centre and size into boxes; also return which rows had a whole pixel."""
    mapped = mapping.boxes(rows)
    centre, size = mapped[:, :2].astype(np.float64), mapped[:, 2:]
    corner = np.maximum(centre - 0.5 * size.astype(np.float64), 0)
    return _whole(corner, size, ids, scores)


def cornered(rows: Floats, mapping: Mapping) -> tuple[Found, npt.NDArray[np.bool_]]:
    """Turn rows of two corners, score and class into boxes, as :func:`centred` does."""
    mapped = mapping.boxes(rows)
    corner, size = np.maximum(mapped[:, :2], F32(0)), mapped[:, 2:] - mapped[:, :2]
    return _whole(corner, size, cpp.to_int(rows[:, 5]), rows[:, 4])


def _whole(
    corner: npt.NDArray[Any], size: Floats, ids: Ints, scores: Floats
) -> tuple[Found, npt.NDArray[np.bool_]]:
    boxes = np.concatenate([cpp.to_int(corner), cpp.to_int(size)], axis=1)
    real = (boxes[:, 2] > 0) & (boxes[:, 3] > 0)
    return Found(boxes[real], ids[real], scores[real]), real


def suppress(found: Found, threshold: float) -> Ints:
    """Return the indices that greedy suppression keeps, best first; any class suppresses any."""

    def overlap(best: int, others: Ints) -> Floats:
        box, rest = found.boxes[best], found.boxes[others]
        low = np.maximum(box[:2], rest[:, :2])
        high = np.minimum(box[:2] + box[2:], rest[:, :2] + rest[:, 2:])
        side = np.maximum(high - low, 0)
        shared = side[:, 0].astype(F32) * side[:, 1].astype(F32)
        areas = (box[2] * box[3] + rest[:, 2] * rest[:, 3]).astype(F32)
        return np.asarray(shared / (areas - shared), F32)

    return greedy(found.scores, threshold, overlap)


def greedy(scores: Floats, threshold: float, overlap: Callable[[int, Ints], Floats]) -> Ints:
    """Walk down the scores; drop what overlaps a kept item by more than the threshold.

    `overlap(best, others)` returns the overlap of one item with each of the others.
    """
    order = cpp.descending(scores)
    kept = []
    with np.errstate(all="ignore"):
        while len(order):
            best, order = order[0], order[1:]
            kept.append(best)
            order = order[~(overlap(best, order) > F32(threshold))]
    return np.array(kept, np.int64)
