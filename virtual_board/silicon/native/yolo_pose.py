"""The board's post-processors for key points (``port/ai_demo/yolo_pose.cpp``), quirks included.

Sizes are ``(height, width)``.
"""

from __future__ import annotations

import numpy as np

from virtual_board.silicon.base.errors import NativeFault
from virtual_board.silicon.native import cpp, yolo
from virtual_board.silicon.native.cpp import F32, Floats
from virtual_board.silicon.native.yolo import Found, Mapping, Size


def yolov8_pose_postprocess(
    output: Floats,
    frame: Size,
    model: Size,
    display: Size,
    num_classes: int,
    points: int,
    dimensions: int,
    confidence: float,
    nms: float,
    max_boxes: int,
) -> tuple[Found, Floats]:
    """Decode rows ``cx, cy, w, h, score, key points``; the class count is ignored, the id is 0.

    Returns:
        The boxes and their key points ``[n, points * dimensions]`` in display pixels.
    """
    rows = cpp.table(output, yolo.grid_rows(model), 5 + points * dimensions)
    rows = rows[rows[:, 4] > F32(confidence)]
    mapping = Mapping(frame, model, display)
    found, real = yolo.centred(rows, np.zeros(len(rows), np.int64), rows[:, 4], mapping)
    kept = yolo.suppress(found, nms)[: max(max_boxes, 0)]
    return found.take(kept), _key_points(rows[real][kept, 5:], dimensions, mapping)


def yolo26_pose_postprocess(
    output: Floats,
    frame: Size,
    model: Size,
    display: Size,
    num_classes: int,
    points: int,
    dimensions: int,
    confidence: float,
    max_boxes: int,
) -> tuple[Found, Floats]:
    """Decode 300 rows ``x1, y1, x2, y2, score, class, key points``, kept in their order."""
    rows = yolo.end_to_end(output, 6 + points * dimensions, confidence)
    mapping = Mapping(frame, model, display)
    found, real = yolo.cornered(rows, mapping)
    kept = np.arange(len(found.ids))[: max(max_boxes, 0)]
    return found.take(kept), _key_points(rows[real][kept, 6:], dimensions, mapping)


def _key_points(values: Floats, dimensions: int, mapping: Mapping) -> Floats:
    """Map x and y of each point; a third value is copied.

    Raises:
        NativeFault: points of another size; the board would answer uninitialised memory.
    """
    if dimensions not in (2, 3):
        raise NativeFault(f"kp_dim: expected 2 or 3, found {dimensions}")
    mapped: Floats = values.copy()
    mapped[:, 0::dimensions] = mapping.x(values[:, 0::dimensions])
    mapped[:, 1::dimensions] = mapping.y(values[:, 1::dimensions])
    return mapped
