"""Text boxes: hand-computed rectangles, the vendor's over-expansion, and bad thin shapes."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from virtual_board.silicon.native import ocr_det, rectangle

Floats = npt.NDArray[np.float32]


def run(
    probability: Floats, frame: tuple[int, int] | None = None, box: float = 0.5
) -> list[ocr_det.TextBox]:
    model = (probability.shape[1], probability.shape[0])
    size = frame or model
    y, x = np.mgrid[: size[1], : size[0]]
    picture = np.stack([x % 256, y % 256, (x + y) % 256], axis=-1).astype(np.uint8)
    return ocr_det.ocr_post_process(
        probability.reshape(-1), picture.reshape(-1), model, size, 0.3, box
    )


def test_one_rectangle_expands_by_the_vendor_rule() -> None:
    probability = np.zeros((160, 200), np.float32)
    probability[60:81, 40:141] = 0.9
    (text,) = run(probability)
    # Contour 100 by 20, area 2000, length without its last edge: 20 + 100 + 20 or 100 + 20 + 100.
    distances = [2000 * 1.5 / length for length in (140, 220)]
    options = []
    for distance in distances:
        grow = round(distance)
        x1, y1, x2, y2 = 40 - grow, 60 - grow, 140 + grow, 80 + grow
        dx, dy = 0.025 * (x2 - x1), 0.15 * (y2 - y1)
        options.append([x1 - dx, y1 - dy, x2 + dx, y1 - dy, x2 + dx, y2 + dy, x1 - dx, y2 + dy])
    errors = [np.abs(text.quad - np.array(option)).max() for option in options]
    assert min(errors) < 1.5
    width, height = text.quad[2] - text.quad[0], text.quad[5] - text.quad[1]
    assert text.crop.shape == (int(height), int(width), 3)


def test_the_crop_is_the_picture_under_the_box() -> None:
    probability = np.zeros((160, 200), np.float32)
    probability[60:81, 60:141] = 0.9
    (text,) = run(probability)
    left, top = text.quad[:2]
    assert abs(int(text.crop[0, 0, 0]) - left) <= 1
    assert abs(int(text.crop[0, 0, 1]) - top) <= 1
    assert abs(int(text.crop[5, 9, 0]) - (left + 9)) <= 1


def test_weak_text_and_small_specks_are_dropped() -> None:
    probability = np.zeros((64, 64), np.float32)
    probability[10:20, 10:40] = 0.4
    probability[50, 50] = 1.0  # one pixel: fewer than four contour points
    assert run(probability, box=0.5) == []
    assert len(run(probability, box=0.35)) == 1


def test_texts_come_bottom_to_top() -> None:
    probability = np.zeros((128, 128), np.float32)
    for top in (10, 50, 90):
        probability[top : top + 8, 20:90] = 1.0
    tops = [float(text.quad[1]) for text in run(probability)]
    assert tops == sorted(tops, reverse=True)


def test_a_frame_of_another_shape_lies_in_the_corner_of_the_map() -> None:
    probability = np.zeros((100, 100), np.float32)
    probability[20:31, 20:61] = 1.0
    (small,) = run(probability, frame=(200, 100))
    (large,) = run(probability, frame=(400, 200))
    np.testing.assert_allclose(large.quad, small.quad * 2, atol=2.5)


def test_a_hole_too_thin_to_shrink_gives_the_bogus_box() -> None:
    probability = np.zeros((64, 64), np.float32)
    probability[20:41, 10:51] = 1.0
    probability[30, 30] = 0.0
    texts = run(probability)
    assert len(texts) == 2
    bogus = [text for text in texts if np.abs(text.quad[0::2]).max() < 1e-6]
    assert len(bogus) == 1
    assert bogus[0].crop.shape == (64, 64, 3)


@pytest.mark.parametrize("seed", range(20))
def test_the_smallest_rectangle_is_as_small_as_opencv_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.integers(0, [3, 5, 60, 500][seed % 4], (rng.integers(1, 30), 2)).astype(np.int32)
    corners = rectangle.corners(points).astype(np.float64)
    sides = [np.hypot(*(corners[i + 1] - corners[i])) for i in (0, 1)]
    (_, (width, height), _) = cv2.minAreaRect(points.reshape(-1, 1, 2))
    assert sides[0] * sides[1] == pytest.approx(width * height, rel=1e-4, abs=1e-2)
    axis = corners[1] - corners[0] if sides[0] > 0 else corners[2] - corners[1]
    if np.hypot(*axis) > 0:
        axis /= np.hypot(*axis)
        for direction in (axis, np.array([-axis[1], axis[0]])):
            inside, edges = points @ direction, corners @ direction
            assert inside.min() >= edges.min() - 1e-2
            assert inside.max() <= edges.max() + 1e-2
