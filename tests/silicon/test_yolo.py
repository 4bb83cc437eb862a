"""The YOLO post-processors: hand-computed boxes, and plain scalar versions of the rules."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from virtual_board.silicon.base.errors import NativeFault
from virtual_board.silicon.native import yolo, yolo_obb, yolo_pose, yolo_seg

Floats = npt.NDArray[np.float32]

f = np.float32
MODEL = (64, 96)  # 96 + 24 + 6 cells
CELLS = 126
FRAME = (200, 150)
DISPLAY = (333, 411)


def scalar_overlap(one: list[int], two: list[int]) -> np.float32:
    w = max(0, min(one[0] + one[2], two[0] + two[2]) - max(one[0], two[0]))
    h = max(0, min(one[1] + one[3], two[1] + two[3]) - max(one[1], two[1]))
    shared = f(w) * f(h)
    overlap: np.float32 = shared / (f(one[2] * one[3] + two[2] * two[3]) - shared)
    return overlap


def scalar_v8(rows: Floats, conf: float, nms: float) -> list[tuple[list[int], int, float]]:
    scale = min(f(MODEL[0] / FRAME[0]), f(MODEL[1] / FRAME[1]))
    stretch = (DISPLAY[1] / FRAME[1], DISPLAY[0] / FRAME[0])
    found = []
    for row in rows:
        label = max(range(len(row) - 4), key=lambda i: (row[4 + i], -i))
        if row[4 + label] > f(conf):
            x, y, w, h = (f(float(row[i] / scale) * stretch[i % 2]) for i in range(4))
            left = int(max(float(x) - 0.5 * float(w), 0))
            box = [left, int(max(float(y) - 0.5 * float(h), 0)), int(w), int(h)]
            if box[2] > 0 and box[3] > 0:
                found.append((box, label, float(row[4 + label])))
    found.sort(key=lambda item: -item[2])
    kept: list[tuple[list[int], int, float]] = []
    for item in found:
        if not any(scalar_overlap(other[0], item[0]) > f(nms) for other in kept):
            kept.append(item)
    return kept


@pytest.mark.parametrize("seed", range(6))
def test_v8_matches_the_scalar_rule(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.random((CELLS, 7)).astype(np.float32)
    rows[:, :4] *= np.array([96, 64, 40, 40], np.float32)
    found = yolo.yolov8_det_postprocess(rows.reshape(-1), FRAME, MODEL, DISPLAY, 3, 0.6, 0.3, 1000)
    expected = scalar_v8(rows, 0.6, 0.3)
    assert expected
    assert found.boxes.tolist() == [item[0] for item in expected]
    assert found.ids.tolist() == [item[1] for item in expected]
    assert found.scores.tolist() == [item[2] for item in expected]
    first = yolo.yolov8_det_postprocess(rows.reshape(-1), FRAME, MODEL, DISPLAY, 3, 0.6, 0.3, 2)
    assert first.boxes.tolist() == found.boxes[:2].tolist()


def test_v5_multiplies_by_the_objectness() -> None:
    rows = np.zeros((3 * CELLS, 7), np.float32)
    rows[5] = [30, 20, 10, 10, 0.5, 0.9, 0.8]
    same = (MODEL, MODEL, MODEL)
    found = yolo.yolov5_det_postprocess(rows.reshape(-1), *same, 2, 0.4, 0.5, 10)
    assert found.boxes.tolist() == [[25, 15, 10, 10]]
    assert found.scores.tolist() == [pytest.approx(0.45)]
    assert not len(yolo.yolov5_det_postprocess(rows.reshape(-1), *same, 2, 0.46, 0.5, 10).ids)


def test_a_clipped_box_is_shifted_not_shrunk() -> None:
    rows = np.zeros((CELLS, 5), np.float32)
    rows[0] = [2, 60, 20, 20, 0.9]
    found = yolo.yolov8_det_postprocess(rows.reshape(-1), MODEL, MODEL, MODEL, 1, 0.5, 0.5, 9)
    assert found.boxes.tolist() == [[0, 50, 20, 20]]


def test_26_keeps_the_order_of_the_rows_and_suppresses_nothing() -> None:
    rows = np.zeros((300, 6), np.float32)
    rows[3] = [10, 10, 30, 30, 0.6, 2]
    rows[7] = [10, 10, 30, 30, 0.9, 5]
    rows[9] = [10, 10, 10, 30, 0.9, 5]  # no width
    found = yolo.yolo26_det_postprocess(rows.reshape(-1), MODEL, MODEL, MODEL, 80, 0.5, 9)
    assert found.boxes.tolist() == [[10, 10, 20, 20]] * 2
    assert found.ids.tolist() == [2, 5]


def test_oriented_box_turns_about_its_centre() -> None:
    rows = np.zeros((300, 7), np.float32)
    rows[0] = [40, 30, 20, 10, 0.9, 1, 0]
    rows[1] = [40, 30, 20, 10, 0.8, 1, math.pi / 2]
    found = yolo_obb.yolo26_obb_postprocess(rows.reshape(-1), MODEL, MODEL, MODEL, 2, 0.5, 9)
    assert found.boxes[0].tolist() == [50, 35, 30, 35, 30, 25, 50, 25]
    np.testing.assert_allclose(found.boxes[1], [35, 40, 35, 20, 45, 20, 45, 40], atol=1)


def test_crossing_oriented_boxes_overlap_by_the_wrong_covariance() -> None:
    rows = np.zeros((CELLS, 6), np.float32)
    rows[0] = [48, 32, 100, 20, 0.9, math.pi / 4]
    rows[1] = [48, 32, 100, 20, 0.8, -math.pi / 4]
    args = (rows.reshape(-1), MODEL, MODEL, MODEL, 1, 0.5)
    assert len(yolo_obb.yolo_obb_postprocess(*args, 0.85, 9).ids) == 1
    assert len(yolo_obb.yolo_obb_postprocess(*args, 0.87, 9).ids) == 2


def test_key_points_are_mapped_and_their_visibility_copied() -> None:
    rows = np.zeros((300, 6 + 6), np.float32)
    rows[0] = [10, 10, 30, 30, 0.9, 0, 12, 14, 0.5, 20, 22, 0.25]
    double = (MODEL[0] * 2, MODEL[1] * 2)
    args = (rows.reshape(-1), MODEL, MODEL, double, 1)
    found, points = yolo_pose.yolo26_pose_postprocess(*args, 2, 3, 0.5, 9)
    assert found.boxes.tolist() == [[20, 20, 40, 40]]
    assert points.tolist() == [[24, 28, 0.5, 40, 44, 0.25]]
    with pytest.raises(NativeFault, match="kp_dim: expected 2 or 3, found 1"):
        yolo_pose.yolo26_pose_postprocess(*args, 6, 1, 0.5, 9)


def segment(rows: Floats, classes: int = 3) -> Any:
    prototypes = np.zeros((32, MODEL[0] // 4, MODEL[1] // 4), np.float32)
    prototypes[0] = 1.0  # coefficient 0 decides for the whole picture
    return yolo_seg.yolo26_seg_postprocess(
        rows.reshape(-1), prototypes.reshape(-1), MODEL, MODEL, MODEL, classes, 0.5, 0.5
    )


def test_instances_are_painted_in_their_class_colour_and_clipped() -> None:
    rows = np.zeros((300, 38), np.float32)
    rows[0, :7] = [10, 10, 30, 30, 0.9, 0, 8]
    rows[1, :7] = [80, 40, 120, 90, 0.8, 1, -8]  # an empty mask: only the outline is painted
    found, canvas = segment(rows)
    assert found.boxes.tolist() == [[10, 10, 20, 20], [80, 40, 16, 24]]
    assert canvas[20, 20].tolist() == [127, 220, 20, 60]
    assert canvas[40, 88].tolist() == [127, 119, 11, 32]
    assert canvas[52, 88].tolist() == [0, 0, 0, 0]
    assert canvas[0, 0].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("box", "label", "message"),
    [([100, 10, 120, 20], 0, "outside the display"), ([1, 1, 9, 9], 3, "below 3, found 3")],
)
def test_what_ends_the_board_is_a_fault(box: list[int], label: int, message: str) -> None:
    rows = np.zeros((300, 38), np.float32)
    rows[0, :6] = [*box, 0.9, label]
    with pytest.raises(NativeFault, match=message):
        segment(rows)


def test_more_instances_than_opencv_has_channels_is_a_fault() -> None:
    model = (192, 192)  # 756 cells
    rows = np.zeros((756, 4 + 1 + 32), np.float32)
    rows[:, :5] = [20, 20, 10, 10, 0.9]
    prototypes = np.zeros(32 * 48 * 48, np.float32)
    with pytest.raises(NativeFault, match="at most 512, found 756"):
        yolo_seg.yolov8_seg_postprocess(
            rows.reshape(-1), prototypes, model, model, model, 1, 0.5, 1.5, 0.5
        )


def coco(rows: list[list[float]], frame: tuple[int, int]) -> Any:
    """Decode candidates (cell, centre, size, class, score, first coefficient) as segment_yolov8n.py does."""
    output = np.zeros((4 + 80 + 32, CELLS), np.float32)
    for cell, *box, label, score, coefficient in rows:
        output[:4, int(cell)] = box
        output[4 + int(label), int(cell)] = score
        output[84, int(cell)] = coefficient
    prototypes = np.zeros((32, MODEL[0] // 4, MODEL[1] // 4), np.float32)
    prototypes[0] = 1.0
    args = (prototypes.reshape(-1), frame, MODEL, frame, 80, 0.5, 0.5, 0.5)
    old = yolo_seg.segment_postprocess(output.reshape(-1), *args)
    new = yolo_seg.yolov8_seg_postprocess(output.T.reshape(-1), *args)
    return old, new


def test_the_older_segmentation_agrees_where_nothing_is_padded() -> None:
    rows = [[3, 30, 20, 20, 12, 7, 0.9, 8], [9, 32, 21, 20, 12, 7, 0.8, 8]]
    rows.append([70, 70, 40, 22, 30, 79, 0.7, -8])
    (old, painted), (new, canvas) = coco(rows, MODEL)
    assert old.boxes.tolist() == new.boxes.tolist() == [[20, 14, 20, 12], [59, 25, 22, 30]]
    assert old.ids.tolist() == new.ids.tolist() == [7, 79]
    assert old.scores.tolist() == new.scores.tolist()
    np.testing.assert_array_equal(painted, canvas)


def test_the_older_segmentation_has_the_frame_in_the_middle() -> None:
    # 48 of 96 columns are the frame's, from 24 on; a score equal to the threshold passes.
    (old, painted), _ = coco([[3, 48, 32, 10, 20, 1, 0.5, 8]], (64, 48))
    assert old.boxes.tolist() == [[19, 22, 10, 20]]
    assert painted[32, 24].tolist() == [127, 119, 11, 32]
    assert not painted[32, 10:18].any()


def test_the_older_segmentation_mixes_up_coefficients() -> None:
    # The first candidate has no width: the second has its coefficients, so its mask is empty.
    rows = [[3, 30, 20, 0.5, 12, 7, 0.9, -8], [9, 32, 21, 20, 12, 7, 0.8, 8]]
    (old, painted), (_, canvas) = coco(rows, MODEL)
    assert old.boxes.tolist() == [[22, 15, 20, 12]]
    assert not painted[20, 30].any() and canvas[20, 30].any()
