"""The firmware's repairs of the vendor's answers, beside those answers and beside what is right."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pyclipper
import pytest

from firmware_app.tasks import repair
from virtual_board.silicon.native import aicube, ocr_det, rectangle

Floats = npt.NDArray[np.float32]

SIDE = 320
STRIDES = (8, 16, 32)


def test_where_class_scores_are_certain_both_decodings_agree() -> None:
    rng = np.random.default_rng(7)
    model, frame = (160, 96), (300, 211)
    outputs = []
    for stride in STRIDES:
        cells = (model[0] // stride) * (model[1] // stride)
        rows = rng.normal(0, 0.5, (cells, 6)).astype(np.float32)
        rows[:, 4], rows[:, 5] = rng.random(cells), 1.0
        outputs.append(rows)
    flat = [rows.reshape(-1) for rows in outputs]
    never = 1.1  # the two overlap measures differ by a pixel: nothing is suppressed here
    vendor = aicube.anchorfreedet_post_process(flat, model, frame, STRIDES, 1, 0.8, never, True)
    levels = [
        (stride, [(i, row.tolist()) for i, row in enumerate(rows) if row[4] > 0.8])
        for stride, rows in zip(STRIDES, outputs, strict=True)
    ]
    repaired = repair.anchor_free(levels, model, frame, 0.8, never, True)
    by_score = {round(row[1], 6): row[2:] for row in repaired}
    assert len(by_score) == len(repaired) > 20
    for score, box in zip(vendor.scores.tolist(), vendor.boxes, strict=True):
        if (box[2:] > box[:2]).all():  # the vendor also answers boxes outside the frame
            np.testing.assert_allclose(by_score.pop(round(score, 6)), box, atol=1.0)
    assert all(min(x2 - x1, y2 - y1) < 1 for x1, y1, x2, y2 in by_score.values())


def overlap(one: Floats, two: Floats) -> float:
    first, second = (cv2.convexHull(quad.astype(np.float32).reshape(4, 2)) for quad in (one, two))
    both, _ = cv2.intersectConvexConvex(first, second)
    return float(both / (cv2.contourArea(first) + cv2.contourArea(second) - both))


def right_box(mask: npt.NDArray[np.uint8]) -> Floats:
    """What the text detector is trained for: the outline grown by 1.5 · area / whole length."""
    contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    outline = max(contours, key=cv2.contourArea)
    length = cv2.arcLength(outline, True)
    offset = pyclipper.PyclipperOffset()
    offset.AddPath(outline.reshape(-1, 2).tolist(), pyclipper.JT_ROUND, pyclipper.ET_CLOSEDPOLYGON)
    grown = offset.Execute(1.5 * cv2.contourArea(outline) / length)[0]
    return rectangle.corners(np.array(grown, np.int32))


def draw(rng: np.random.Generator, kind: str) -> npt.NDArray[np.uint8]:
    """Draw a level, tilted or rotated bar with round ends, or a level one with a ragged edge."""
    width, height = rng.uniform(40, 150), rng.uniform(8, 20)
    angle = math.radians({"tilted": rng.uniform(1, 4), "rotated": rng.uniform(8, 40)}.get(kind, 0))
    y, x = np.mgrid[:SIDE, :SIDE] - np.array([160, 160]).reshape(2, 1, 1)
    along = x * math.cos(angle) + y * math.sin(angle)
    beside = y * math.cos(angle) - x * math.sin(angle)
    ends = np.maximum(abs(along) - (width - height) / 2, 0)
    mask: npt.NDArray[np.uint8] = (np.hypot(ends, beside) < height / 2).astype(np.uint8)
    if kind == "ragged":
        for column in np.flatnonzero(mask.any(axis=0)):
            rows = np.flatnonzero(mask[:, column])
            mask[rows[0] : rows[0] + rng.integers(0, 3), column] = 0
    return mask


@pytest.mark.parametrize("kind", ["level", "ragged", "tilted", "rotated"])
def test_repaired_text_boxes_are_nearly_the_right_ones(kind: str) -> None:
    rng = np.random.default_rng(8)
    vendor, repaired = [], []
    for _ in range(40):
        mask = draw(rng, kind)
        size = (SIDE, SIDE)
        picture = np.zeros(SIDE * SIDE * 3, np.uint8)
        texts = ocr_det.ocr_post_process(mask.astype(np.float32), picture, size, size, 0.5, 0.5)

        def inside(x: int, y: int, mask: npt.NDArray[Any] = mask) -> bool:
            return 0 <= x < SIDE and 0 <= y < SIDE and bool(mask[y, x])

        text = max(texts, key=lambda text: cv2.contourArea(text.quad.reshape(4, 2)))
        right = right_box(mask)
        vendor.append(overlap(text.quad, right))

        def thickness(
            middle: Any, axis: Any, unit: Any, across: float, inside: Any = inside
        ) -> int:
            return repair.walked(middle, axis, unit, inside)

        box = repair.text_box(text.quad.tolist(), size, thickness, 0.0)
        repaired.append(overlap(np.array(box, np.float32), right))
    assert np.mean(vendor) < 0.75
    assert np.mean(repaired) > 0.9
    assert min(repaired) > 0.75
