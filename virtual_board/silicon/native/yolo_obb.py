"""The board's post-processors for oriented boxes (``port/ai_demo/yolo_obb.cpp``), quirks included.

The overlap measure is the board's: it resembles the probabilistic IoU of the literature but with a
wrong covariance, so crossing boxes overlap far too much. Sizes are ``(height, width)``.
"""

from __future__ import annotations

import numpy as np

from virtual_board.silicon.native import cpp, yolo
from virtual_board.silicon.native.cpp import F32, Floats, Ints
from virtual_board.silicon.native.yolo import Found, Mapping, Size

_EPSILON = F32(1e-7)
_SIGNS = ((1, 1), (-1, 1), (-1, -1), (1, -1))


def yolo_obb_postprocess(
    output: Floats,
    frame: Size,
    model: Size,
    display: Size,
    num_classes: int,
    confidence: float,
    nms: float,
    max_boxes: int,
) -> Found:
    """Decode rows ``cx, cy, w, h, classes, angle``; boxes are four corners, ``[n, 8]``."""
    rows, ids, scores = yolo.candidates(output, model, num_classes, confidence, extra=1)
    found, angles = _oriented(rows, ids, scores, rows[:, -1], Mapping(frame, model, display))
    kept = _suppress(found, angles, nms)[: max(max_boxes, 0)]
    return _with_corners(found.take(kept), angles[kept])


def yolo26_obb_postprocess(
    output: Floats,
    frame: Size,
    model: Size,
    display: Size,
    num_classes: int,
    confidence: float,
    max_boxes: int,
) -> Found:
    """Decode 300 rows ``cx, cy, w, h, score, class, angle``, kept in their order."""
    rows = yolo.end_to_end(output, 7, confidence)
    ids = cpp.to_int(rows[:, 5])
    found, angles = _oriented(rows, ids, rows[:, 4], rows[:, 6], Mapping(frame, model, display))
    kept = np.arange(len(found.ids))[: max(max_boxes, 0)]
    return _with_corners(found.take(kept), angles[kept])


def _oriented(
    rows: Floats, ids: Ints, scores: Floats, angles: Floats, mapping: Mapping
) -> tuple[Found, Floats]:
    """Return whole-pixel centre and size of each row with its angle; empty boxes are dropped."""
    boxes = cpp.to_int(mapping.boxes(rows))
    real = (boxes[:, 2] > 0) & (boxes[:, 3] > 0)
    return Found(boxes[real], ids[real], scores[real]), angles[real]


def _with_corners(found: Found, angles: Floats) -> Found:
    """Replace centre and size by the corners of the half extents turned by the angle."""
    cos, sin = _cos_sin(angles)
    x, y, width, height = (column.astype(F32) for column in found.boxes.T)
    dx, dy = width / F32(2), height / F32(2)
    corners = np.empty((len(angles), 8), np.int64)
    for number, (along, across) in enumerate(_SIGNS):
        right, down = F32(along) * dx, F32(across) * dy
        corners[:, 2 * number] = cpp.to_int(x + cos * right - sin * down)
        corners[:, 2 * number + 1] = cpp.to_int(y + sin * right + cos * down)
    return found._replace(boxes=corners)


def _cos_sin(angles: Floats) -> tuple[Floats, Floats]:
    wide = angles.astype(np.float64)
    with np.errstate(invalid="ignore"):
        return np.cos(wide).astype(F32), np.sin(wide).astype(F32)


def _suppress(found: Found, angles: Floats, threshold: float) -> Ints:
    a, b, c = _covariance(found.boxes, angles)
    x, y = found.boxes[:, 0].astype(F32), found.boxes[:, 1].astype(F32)

    def overlap(best: int, others: Ints) -> Floats:
        """Return 1 - the Hellinger distance; mixed precision as the compiler arranges it."""
        sum_a, sum_b, sum_c = a[best] + a[others], b[best] + b[others], c[best] + c[others]
        dx, dy = x[best] - x[others], y[best] - y[others]
        square_c = _squared(sum_c)
        product = (sum_a * sum_b).astype(np.float64)
        inner = (product - square_c + float(_EPSILON)).astype(F32)
        numerator = (product - square_c).astype(F32)
        spread = sum_a * _squared(dy) + sum_b * _squared(dx)
        first = (spread / inner * 0.25).astype(F32)
        second = sum_c * -dx * dy / inner * F32(0.5)
        own = a[best] * b[best] - c[best] * c[best]
        root = F32(4) * np.sqrt(own * (a[others] * b[others] - c[others] * c[others]))
        third = F32(0.5) * _log(numerator / (root + _EPSILON) + _EPSILON)
        distance = first + second + third
        distance = np.where(distance < _EPSILON, _EPSILON, distance)
        distance = np.where(distance > F32(100), F32(100), distance)
        hellinger = np.sqrt(F32(1) - cpp.exp(-distance) + _EPSILON)
        return np.asarray(F32(1) - hellinger, F32)

    return yolo.greedy(found.scores, threshold, overlap)


def _covariance(boxes: Ints, angles: Floats) -> tuple[Floats, Floats, Floats]:
    cos, sin = _cos_sin(angles)
    width, height = boxes[:, 2].astype(F32) / F32(2), boxes[:, 3].astype(F32) / F32(2)
    a = (_squared(width * cos) + _squared(height * sin)).astype(F32)
    b = (_squared(width * sin) + _squared(height * cos)).astype(F32)
    return a, b, width * cos * height * sin


def _squared(values: Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    wide = np.asarray(values, np.float64)
    return wide * wide


def _log(values: Floats) -> Floats:
    return np.log(values.astype(np.float64)).astype(F32)
