"""The detectors and the segmentation beside plain scalar versions of the same rules."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from virtual_board.silicon.base.errors import NativeFault
from virtual_board.silicon.native import aicube

Floats = npt.NDArray[np.float32]
Row = tuple[int, np.float32, float, float, float, float]

f = np.float32
STRIDES = (8, 16, 32)
ANCHORS = [10, 13, 16, 30, 33, 23, 30, 61, 62, 45, 59, 119, 116, 90, 156, 198, 373, 326]
SIZES = [((64, 64), (200, 150)), ((96, 64), (77, 131)), ((64, 96), (64, 96)), ((70, 50), (31, 90))]


def letterbox(model: Sequence[int], frame: Sequence[int]) -> tuple[Any, Any, Any]:
    gain = min(f(model[0]) / f(frame[0]), f(model[1]) / f(frame[1]))
    return gain, *((f(model[i]) - f(frame[i]) * gain) / f(2) for i in (0, 1))


def corners(model: Sequence[int], frame: Sequence[int], box: Sequence[Any]) -> list[int]:
    gain, left, top = letterbox(model, frame)
    x, y = (box[0] - left) / gain, (box[1] - top) / gain
    w, h = box[2] / gain, box[3] / gain
    ends = [x - w / f(2), y - h / f(2), x + w / f(2), y + h / f(2)]
    return [max(0, min(frame[i % 2], int(end))) for i, end in enumerate(ends)]


def cells(output: Floats, model: Sequence[int], stride: int, anchors: int) -> Iterator[Any]:
    width = model[0] // stride
    for number in range(width * (model[1] // stride) * anchors):
        place, anchor = divmod(number, anchors)
        yield f(place % width), f(place // width), anchor, output[number]


def suppressed(rows: list[Row], threshold: float) -> list[Row]:
    rows = sorted(rows, key=lambda row: -row[1])
    kept: list[Row] = []
    for row in rows:
        area = (f(row[4]) - f(row[2]) + f(1)) * (f(row[5]) - f(row[3]) + f(1))
        for other in kept:
            w = max(f(0), min(f(row[4]), f(other[4])) - max(f(row[2]), f(other[2])) + f(1))
            h = max(f(0), min(f(row[5]), f(other[5])) - max(f(row[3]), f(other[3])) + f(1))
            own = (f(other[4]) - f(other[2]) + f(1)) * (f(other[5]) - f(other[3]) + f(1))
            if w * h / (area + own - w * h) >= f(threshold):
                break
        else:
            kept.append(row)
    return kept


def selected(rows: list[Row], classes: int, threshold: float, agnostic: bool) -> list[Row]:
    if agnostic:
        return suppressed(rows, threshold)
    per_class = [[row for row in rows if row[0] == label] for label in range(classes)]
    return [row for members in reversed(per_class) for row in suppressed(members, threshold)]


def based(outputs: list[Floats], model: Any, frame: Any, classes: int, conf: float) -> list[Row]:
    rows: list[Row] = []
    for level in (2, 1, 0):
        stride = f(STRIDES[level])
        for gx, gy, anchor, cell in cells(outputs[level], model, STRIDES[level], 3):
            for label in range(classes):
                score = cell[5 + label] * cell[4]
                if score > f(conf):
                    size = ANCHORS[6 * level + 2 * anchor :]
                    box = [
                        (cell[0] * f(2) - f(0.5) + gx) * stride,
                        (cell[1] * f(2) - f(0.5) + gy) * stride,
                        f(float(cell[2] * f(2)) ** 2 * size[0]),
                        f(float(cell[3] * f(2)) ** 2 * size[1]),
                    ]
                    rows.append((label, score, *corners(model, frame, box)))
    return rows


def free(outputs: list[Floats], model: Any, frame: Any, classes: int, conf: float) -> list[Row]:
    rows: list[Row] = []
    for level in (2, 1, 0):
        stride = f(STRIDES[level])
        for gx, gy, _, cell in cells(outputs[level], model, STRIDES[level], 1):
            if cell[4] > f(conf):
                box = [
                    (cell[0] + gx) * stride,
                    (cell[1] + gy) * stride,
                    f(math.exp(cell[2])) * stride,
                    f(math.exp(cell[3])) * stride,
                ]
                place = corners(model, frame, box)
                rows += [(label, cell[4], *place) for label in range(classes)]
    return rows


def tensors(rng: np.random.Generator, model: Any, anchors: int, classes: int) -> list[Floats]:
    shapes = [
        ((model[0] // stride) * (model[1] // stride) * anchors, 5 + classes) for stride in STRIDES
    ]
    return [rng.random(shape).astype(np.float32) for shape in shapes]


@pytest.mark.parametrize(("model", "frame"), SIZES)
@pytest.mark.parametrize("agnostic", [False, True])
def test_anchor_based_matches_the_scalar_rule(model: Any, frame: Any, agnostic: bool) -> None:
    rng = np.random.default_rng(3)
    outputs = tensors(rng, model, 3, 3)
    found = aicube.anchorbasedet_post_process(
        [output.reshape(-1) for output in outputs],
        *(model, frame, STRIDES, 3, 0.8, 0.4, ANCHORS, agnostic),
    )
    expected = selected(based(outputs, model, frame, 3, 0.8), 3, 0.4, agnostic)
    assert expected
    assert found.rows().tolist() == [[float(value) for value in row] for row in expected]


@pytest.mark.parametrize(("model", "frame"), SIZES)
def test_anchor_free_repeats_every_box_once_per_class(model: Any, frame: Any) -> None:
    rng = np.random.default_rng(4)
    outputs = tensors(rng, model, 1, 4)
    found = aicube.anchorfreedet_post_process(
        [output.reshape(-1) for output in outputs],
        *(model, frame, STRIDES, 4, 0.7, 0.3, False),
    )
    expected = selected(free(outputs, model, frame, 4, 0.7), 4, 0.3, False)
    assert expected
    assert found.rows().tolist() == [[float(value) for value in row] for row in expected]
    count = len(expected) // 4
    assert found.labels.tolist() == [label for label in (3, 2, 1, 0) for _ in range(count)]


def test_gfl_reads_distances_from_the_corner_of_the_cell() -> None:
    model, frame, classes = (64, 64), (128, 128), 2
    outputs = [np.full((n * n, classes + 68), -20, np.float32) for n in (8, 4, 2)]
    row = outputs[0][3 * 8 + 4]  # cell x 4, y 3: point (32, 24)
    row[1] = 4.0
    for side, bin_number in enumerate((1, 2, 3, 1)):  # left, top, right, bottom
        row[classes + 17 * side + bin_number] = 20.0
    found = aicube.gfldet_post_process(
        [output.reshape(-1) for output in outputs], model, frame, STRIDES, classes, 0.5, 0.5, True
    )
    assert found.labels.tolist() == [1]
    assert found.scores[0] == pytest.approx(1 / (1 + math.exp(-4)), abs=0.02)
    expected = [2 * (32 - 8), 2 * (24 - 16), 2 * (32 + 24), 2 * (24 + 8)]
    np.testing.assert_allclose(found.boxes[0], expected, atol=0.01)


def test_gfl_scores_a_very_low_logit_as_one() -> None:
    outputs = [np.full((n * n, 1 + 68), -20, np.float32) for n in (4, 2, 1)]
    outputs[2][0, 0] = -120.0
    found = aicube.gfldet_post_process(
        [output.reshape(-1) for output in outputs], (32, 32), (32, 32), STRIDES, 1, 0.5, 0.5, False
    )
    assert found.scores.tolist() == [1.0]


def test_overlap_at_the_threshold_is_enough_to_suppress() -> None:
    boxes = np.array([[0, 0, 9, 9], [0, 0, 9, 4]], np.float32)  # 100 and 50 inclusive pixels
    found = aicube.Detections(np.zeros(2, np.int64), np.array([0.9, 0.8], np.float32), boxes)
    assert len(aicube._suppress(found, 0.5)) == 1
    assert len(aicube._suppress(found, 0.51)) == 2


def test_a_short_tensor_is_a_fault() -> None:
    outputs = [np.zeros(10, np.float32)] * 3
    with pytest.raises(NativeFault, match="reads past the end"):
        aicube.anchorfreedet_post_process(outputs, (64, 64), (64, 64), STRIDES, 2, 0.5, 0.5, False)


def test_segmentation_colours_the_winner_and_leaves_divided_logits() -> None:
    logits = np.zeros((1, 3, 7), np.float32)
    logits[0, 0, 0] = 2.0
    logits[0, 1, 5] = 3.0
    logits[0, 2, 2] = 1.0
    picture, left = aicube.seg_post_process(logits.reshape(-1), 7, (1, 3), (1, 3))
    assert picture[0].tolist() == [[128, 0, 0, 0], [128, 255, 255, 0], [128, 255, 160, 135]]
    assert left[1, 5] == pytest.approx(3 / (6 + math.exp(3)), rel=1e-6)
    assert left[1, 0] == 0


def test_segmentation_prefers_the_first_of_equals_and_class_0_on_overflow() -> None:
    logits = np.array([[[1, 1], [1, 100]]], np.float32)
    picture, _ = aicube.seg_post_process(logits.reshape(-1), 2, (1, 2), (1, 2))
    assert picture[..., 1].tolist() == [[0, 0]]
