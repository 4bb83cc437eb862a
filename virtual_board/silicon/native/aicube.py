"""The board's ``aicube`` detectors and segmentation colouring, value for value.

The rules, quirks included, are those of the vendor's ``port/ai_cube/postprocess.cpp``: single
precision throughout, integers truncated toward zero, box corners in frame pixels. A detection is a
row ``label, score, x1, y1, x2, y2``; the caller truncates the corners (GFL's are fractional).

Sizes are ``(width, height)`` except in :func:`seg_post_process`, where they are
``(height, width)`` as on the board.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from virtual_board.silicon.native import cpp
from virtual_board.silicon.native.cpp import F32, Floats, Ints

Size = tuple[int, int]

_BINS = 17


class Detections(NamedTuple):
    """Parallel columns: labels ``[n]``, scores ``[n]`` and corners x1, y1, x2, y2 ``[n, 4]``."""

    labels: Ints
    scores: Floats
    boxes: Floats

    def take(self, index: npt.NDArray[Any]) -> Detections:
        return Detections(self.labels[index], self.scores[index], self.boxes[index])

    def rows(self) -> Floats:
        """Return ``[n, 6]`` float32 rows label, score, x1, y1, x2, y2, corners not truncated."""
        return np.column_stack([self.labels.astype(F32), self.scores, self.boxes])


class _Mapping:
    """From model pixels to frame pixels through the centred letterbox, in single precision."""

    def __init__(self, model: Size, frame: Size) -> None:
        ratios = [F32(model[axis]) / F32(frame[axis]) for axis in (0, 1)]
        self.gain = ratios[0] if ratios[0] < ratios[1] else ratios[1]
        self.frame = frame
        self._offset = [
            (F32(model[axis]) - F32(frame[axis]) * self.gain) / F32(2) for axis in (0, 1)
        ]

    def point(self, values: Floats, axis: int) -> Floats:
        mapped: Floats = (values - self._offset[axis]) / self.gain
        return mapped

    def corners(self, cx: Floats, cy: Floats, w: Floats, h: Floats) -> Floats:
        """Return whole-pixel corners clamped to the frame, its far edge included."""
        half_w, half_h = w / self.gain / F32(2), h / self.gain / F32(2)
        x, y = self.point(cx, 0), self.point(cy, 1)
        box = cpp.to_int(np.stack([x - half_w, y - half_h, x + half_w, y + half_h], axis=1))
        return np.clip(box, 0, [*self.frame, *self.frame]).astype(F32)


def anchorbasedet_post_process(
    outputs: Sequence[Floats],
    model_size: Size,
    frame_size: Size,
    strides: Sequence[int],
    num_classes: int,
    confidence: float,
    nms: float,
    anchors: Sequence[float],
    class_agnostic: bool,
) -> Detections:
    """Decode a YOLOv5-style head; each class above the threshold makes a detection of its own.

    Args:
        outputs: three flat tensors, rows ``x, y, w, h, objectness, classes`` (all after sigmoid),
            row ``(y * grid_width + x) * 3 + anchor``.
        anchors: 18 numbers, width and height in model pixels.
        class_agnostic: suppress across classes (the board's ``nms_option``).
    """
    mapping = _Mapping(model_size, frame_size)
    levels = []
    for level, (output, stride) in enumerate(zip(outputs, strides, strict=False)):
        grid_w, grid_h = model_size[0] // stride, model_size[1] // stride
        rows = cpp.table(output, grid_w * grid_h * 3, 5 + num_classes)
        cell, labels, scores = _multi_label(rows, confidence)
        picked = rows[cell, :4]
        location, anchor = np.divmod(cell, 3)
        grid_y, grid_x = np.divmod(location, max(grid_w, 1))
        step = F32(stride)
        cx = (picked[:, 0] * F32(2) - F32(0.5) + grid_x.astype(F32)) * step
        cy = (picked[:, 1] * F32(2) - F32(0.5) + grid_y.astype(F32)) * step
        # The vendor squares and scales in double precision and rounds once.
        sizes = np.asarray(anchors, F32).astype(np.float64).reshape(-1, 2)[level * 3 + anchor]
        doubled = (picked[:, 2:4] * F32(2)).astype(np.float64)
        extent = (doubled * doubled * sizes).astype(F32)
        boxes = mapping.corners(cx, cy, extent[:, 0], extent[:, 1])
        levels.append(Detections(labels, scores, boxes))
    return _select(levels, num_classes, nms, class_agnostic)


def anchorfreedet_post_process(
    outputs: Sequence[Floats],
    model_size: Size,
    frame_size: Size,
    strides: Sequence[int],
    num_classes: int,
    confidence: float,
    nms: float,
    class_agnostic: bool,
) -> Detections:
    """Decode a YOLOX-style head the way the board does, class scores ignored.

    The score is the objectness alone, so every box is emitted once per class: suppressing per
    class leaves ``num_classes`` copies of it, suppressing across classes one with a label that
    only the sorting decides.
    """
    mapping = _Mapping(model_size, frame_size)
    levels = []
    for output, stride in zip(outputs, strides, strict=False):
        grid_w, grid_h = model_size[0] // stride, model_size[1] // stride
        rows = cpp.table(output, grid_w * grid_h, 5 + num_classes)
        cell = np.flatnonzero(rows[:, 4] > F32(confidence))
        picked = rows[cell, :5]
        grid_y, grid_x = np.divmod(cell, max(grid_w, 1))
        step = F32(stride)
        cx = (picked[:, 0] + grid_x.astype(F32)) * step
        cy = (picked[:, 1] + grid_y.astype(F32)) * step
        extent = cpp.exp(picked[:, 2:4]) * step
        boxes = mapping.corners(cx, cy, extent[:, 0], extent[:, 1])
        levels.append(
            Detections(
                np.tile(np.arange(num_classes), len(cell)),
                np.repeat(picked[:, 4], num_classes),
                np.repeat(boxes, num_classes, axis=0),
            )
        )
    return _select(levels, num_classes, nms, class_agnostic)


def gfldet_post_process(
    outputs: Sequence[Floats],
    model_size: Size,
    frame_size: Size,
    strides: Sequence[int],
    num_classes: int,
    confidence: float,
    nms: float,
    class_agnostic: bool,
) -> Detections:
    """Decode a generalised-focal-loss head: class logits, then four distributions of 17 bins.

    Points lie on the cells' corners, not centres; only x1, y1 are clipped at 0 and x2, y2 at the
    frame. The exponential is :func:`cpp.fast_exp`; its wrap-around scores class logits between
    about -178 and -89 as 1.0.
    """
    mapping = _Mapping(model_size, frame_size)
    levels = []
    for output, stride in zip(outputs, strides, strict=False):
        grid_w, grid_h = -(-model_size[0] // stride), -(-model_size[1] // stride)
        rows = cpp.table(output, grid_w * grid_h, num_classes + 4 * _BINS)
        labels, scores = _best_class(rows[:, :num_classes])
        cell = np.flatnonzero(scores > F32(confidence))
        distance = _distances(rows[cell, num_classes:]) * F32(stride) / mapping.gain
        grid_y, grid_x = np.divmod(cell, max(grid_w, 1))
        x = mapping.point((grid_x * stride).astype(F32), 0)
        y = mapping.point((grid_y * stride).astype(F32), 1)
        zero, (right, bottom) = F32(0), (F32(frame_size[0]), F32(frame_size[1]))
        x1, y1 = x - distance[:, 0], y - distance[:, 1]
        x2, y2 = x + distance[:, 2], y + distance[:, 3]
        boxes = np.stack(
            [
                np.where(x1 < zero, zero, x1),
                np.where(y1 < zero, zero, y1),
                np.where(right < x2, right, x2),
                np.where(bottom < y2, bottom, y2),
            ],
            axis=1,
        )
        levels.append(Detections(labels[cell], scores[cell], boxes))
    return _select(levels, num_classes, nms, class_agnostic)


def seg_post_process(
    logits: Floats, num_classes: int, size: Size, display: Size
) -> tuple[npt.NDArray[np.uint8], Floats]:
    """Colour the winning class of each pixel and resize the colours.

    Args:
        logits: flat tensor of ``height * width * num_classes`` values, class last.
        size: ``(height, width)`` of the logits.
        display: ``(height, width)`` of the answer.

    Returns:
        The ``[height, width, 4]`` picture in A, R, G, B order, and what the board leaves in the
        input buffer: each logit divided by the sum of the pixel's exponentials (not a softmax;
        a logit above 88.7 makes the sum infinite and class 0 win).
    """
    values = cpp.table(logits, size[0] * size[1], num_classes)
    total = np.zeros(len(values), F32)
    with np.errstate(all="ignore"):
        for column in range(num_classes):
            total += cpp.exp(values[:, column])
        divided = values / total[:, None]
    best = _first_maximum(divided)
    picture = _palette(num_classes)[best].reshape(*size, 4)
    resized = cv2.resize(picture, (display[1], display[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized, np.uint8), divided


def _multi_label(rows: Floats, confidence: float) -> tuple[Ints, Ints, Floats]:
    """Return cell, label and score of each class score times objectness above the threshold."""
    with np.errstate(invalid="ignore"):
        scores = rows[:, 5:] * rows[:, 4:5]
        cell, labels = np.nonzero(scores > F32(confidence))
    return cell, labels, scores[cell, labels]


def _best_class(logits: Floats) -> tuple[Ints, Floats]:
    """Return each row's first best class and its score; nothing above 0 means class 0, score 0."""
    with np.errstate(all="ignore"):
        scores = F32(1) / (F32(1) + cpp.fast_exp(-logits))
    scores = np.where(scores > 0, scores, F32(0))
    labels = scores.argmax(axis=1)
    return labels, scores[np.arange(len(labels)), labels]


def _distances(bins: Floats) -> Floats:
    """Return ``[n, 4]`` expectations of the four 17-bin distributions, summed in bin order."""
    bins = bins.reshape(-1, 4, _BINS)
    weights = cpp.fast_exp(bins - bins.max(axis=2, keepdims=True))
    total = np.zeros(weights.shape[:2], F32)
    expectation = np.zeros(weights.shape[:2], F32)
    with np.errstate(all="ignore"):
        for column in range(_BINS):
            total += weights[:, :, column]
        for column in range(_BINS):
            expectation += F32(column) * (weights[:, :, column] / total)
    return expectation


def _first_maximum(values: Floats) -> Ints:
    """Return per row the first index no later value exceeds; NaN never exceeds, nor is exceeded."""
    best = np.zeros(len(values), np.int64)
    top = values[:, 0].copy()
    for column in range(1, values.shape[1]):
        with np.errstate(invalid="ignore"):
            higher = values[:, column] > top
        best[higher] = column
        top[higher] = values[higher, column]
    return best


def _palette(num_classes: int) -> npt.NDArray[np.uint8]:
    """A, R, G, B per class; from class 5 on they are all alike."""
    index = np.arange(num_classes)
    colours = np.stack(
        [
            np.full(num_classes, 128),
            np.full(num_classes, 255),
            np.minimum(80 * index, 255),
            np.maximum(255 - 60 * index, 0),
        ],
        axis=1,
    )
    colours[0, 1:] = 0
    return colours.astype(np.uint8)


def _select(
    levels: Sequence[Detections], num_classes: int, nms: float, class_agnostic: bool
) -> Detections:
    """Suppress overlaps: candidates stand coarse level first, per-class results begin
    with the last class."""
    columns = [np.concatenate(column) for column in zip(*reversed(levels), strict=True)]
    found = Detections(*columns)
    if class_agnostic:
        return found.take(_suppress(found, nms))
    kept = []
    for label in range(num_classes - 1, -1, -1):
        members = np.flatnonzero(found.labels == label)
        kept.append(members[_suppress(found.take(members), nms)])
    return found.take(np.concatenate(kept) if kept else np.zeros(0, np.int64))


def _suppress(found: Detections, threshold: float) -> Ints:
    """Return what greedy suppression keeps: IoU of inclusive pixels at the threshold is enough."""
    order = cpp.descending(found.scores)
    one = F32(1)
    boxes = found.boxes
    area = (boxes[:, 2] - boxes[:, 0] + one) * (boxes[:, 3] - boxes[:, 1] + one)
    kept = []
    with np.errstate(all="ignore"):
        while len(order):
            best, order = order[0], order[1:]
            kept.append(best)
            rest = boxes[order]
            low = np.maximum(boxes[best, :2], rest[:, :2])
            high = np.minimum(boxes[best, 2:], rest[:, 2:])
            side = np.maximum(high - low + one, F32(0))
            shared = side[:, 0] * side[:, 1]
            overlap = shared / (area[best] + area[order] - shared)
            order = order[~(overlap >= F32(threshold))]
    return np.array(kept, np.int64)
