"""The board's ``aicube.ocr_post_process``: text quadrilaterals and their crops, quirks included.

The rules are those of the vendor's ``port/ai_cube/fuction_ocrdet.cpp`` and of the libraries it is
built on, which are used here too: OpenCV for contours, rectangles and warping, Clipper for the
offset. Boxes come out too large: the offset divides by the outline's length without its closing
edge, and every box is stretched by 5 % along its top edge's x and 30 % along its side's y.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import pyclipper

from virtual_board.silicon.native import rectangle
from virtual_board.silicon.native.cpp import F32, Floats, to_int

Size = tuple[int, int]

_OFFSET_RATIO = 1.5
_STRETCH_X = F32(1.025)
_STRETCH_Y = F32(1.15)


class TextBox(NamedTuple):
    """A crop ``[height, width, 3]`` and TL, TR, BR, BL as eight floats in frame pixels."""

    crop: npt.NDArray[np.uint8]
    quad: Floats


def ocr_post_process(
    probability: Floats,
    frame: npt.NDArray[np.uint8],
    model_size: Size,
    frame_size: Size,
    mask_threshold: float,
    box_threshold: float,
) -> list[TextBox]:
    """Find text in a probability map, in contour order (mostly bottom to top).

    Args:
        probability: flat map of ``model_width * model_height`` values in 0..1.
        frame: flat RGB picture, rows of pixels, ``frame_width * frame_height * 3`` bytes.
        model_size: ``(width, height)`` of the map; the frame lies in its top left corner.
        frame_size: ``(width, height)`` of the frame.
        mask_threshold: a pixel above it belongs to a text.
        box_threshold: a text with a lower mean probability is dropped.
    """
    plane = probability.reshape(-1)[: model_size[0] * model_size[1]]
    plane = plane.reshape(model_size[1], model_size[0])
    picture = frame.reshape(-1)[: frame_size[0] * frame_size[1] * 3]
    picture = picture.reshape(frame_size[1], frame_size[0], 3)
    mask = (plane > F32(mask_threshold)).view(np.uint8)
    contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    texts = []
    for contour in contours:
        if len(contour) < 4:
            continue
        outline = np.asarray(contour, np.int32).reshape(-1, 2)
        vertices = rectangle.corners(_offset(outline, model_size[1]))
        if _mean_inside(plane, outline) < F32(box_threshold):
            continue
        quad = _quad(_to_frame(vertices, model_size, frame_size), frame_size)
        texts.append(TextBox(_crop(picture, quad), quad.reshape(8)))
    return texts


def _offset(outline: npt.NDArray[np.int32], height: int) -> npt.NDArray[np.int32]:
    """Grow the outline by 1.5 · area / length, or shrink it where it runs round a hole.

    A thin hole or line shrinks to nothing. The board then reads a freed rectangle; what it finds
    depends on the allocator, typically a line along the map's left edge, which is returned here.
    """
    path = outline.tolist()
    steps = np.diff(outline.astype(np.float64), axis=0)
    length = 0.0
    for step in np.sqrt((steps * steps).sum(axis=1)).tolist():
        length += step
    distance = -pyclipper.Area(path) * _OFFSET_RATIO / length
    offset = pyclipper.PyclipperOffset()
    offset.AddPath(path, pyclipper.JT_SQUARE, pyclipper.ET_CLOSEDPOLYGON)
    solution = offset.Execute(distance)
    if solution:
        return np.asarray(solution[0], np.int32)
    return np.array([[0, 0], [0, height]], np.int32)


def _mean_inside(plane: Floats, outline: npt.NDArray[np.int32]) -> np.float32:
    """Return the mean probability inside the filled outline."""
    low, high = outline.min(axis=0), outline.max(axis=0)
    filled = np.zeros((high[1] - low[1] + 1, high[0] - low[0] + 1), np.uint8)
    cv2.fillPoly(filled, [(outline - low).reshape(-1, 1, 2)], (1,))
    window = plane[low[1] : high[1] + 1, low[0] : high[0] + 1]
    mean: np.float32 = F32(cv2.mean(window, mask=filled)[0])
    return mean


def _to_frame(vertices: Floats, model_size: Size, frame_size: Size) -> Floats:
    """Map whole model pixels to the frame through the corner letterbox, in single precision."""
    ratios = [F32(model_size[axis] / frame_size[axis]) for axis in (0, 1)]
    ratio = min(ratios)
    inside = np.clip(to_int(vertices), 0, model_size).astype(F32)
    unpadded = np.array([_round(F32(side) * ratio) for side in frame_size], F32)
    size = np.array(frame_size, F32)
    mapped: Floats = np.clip(inside / unpadded * size, F32(0), size).astype(F32)
    return mapped


def _round(value: np.float32) -> int:
    """C's ``round``: halves away from zero."""
    return math.floor(float(value) + 0.5)


def _quad(vertices: Floats, frame_size: Size) -> Floats:
    """Return TL, TR, BR, BL of the rectangle around the rounded vertices, stretched and clipped.

    Each corner is clipped only at the two frame edges it is supposed to be near.
    """
    box = rectangle.corners(np.rint(vertices).astype(np.int32))
    left_to_right = box[np.argsort(box[:, 0], kind="stable")]
    left, right = left_to_right[:2], left_to_right[2:]
    top_left, bottom_left = left if left[0, 1] < left[1, 1] else left[::-1]
    top_right, bottom_right = right if right[0, 1] < right[1, 1] else right[::-1]
    quad = np.stack([top_left, top_right, bottom_right, bottom_left])
    beside, across = quad[[1, 0, 3, 2]], quad[[3, 2, 1, 0]]
    one = F32(1)
    grown = np.empty((4, 2), F32)
    grown[:, 0] = _STRETCH_X * quad[:, 0] - (_STRETCH_X - one) * beside[:, 0]
    grown[:, 1] = _STRETCH_Y * quad[:, 1] - (_STRETCH_Y - one) * across[:, 1]
    width, height = F32(frame_size[0]), F32(frame_size[1])
    grown[[0, 3], 0] = np.maximum(grown[[0, 3], 0], F32(0))
    grown[[1, 2], 0] = np.minimum(grown[[1, 2], 0], width)
    grown[[0, 1], 1] = np.maximum(grown[[0, 1], 1], F32(0))
    grown[[2, 3], 1] = np.minimum(grown[[2, 3], 1], height)
    return grown


def _crop(picture: npt.NDArray[np.uint8], quad: Floats) -> npt.NDArray[np.uint8]:
    """Warp the quadrilateral to a picture as wide as its longer side and as high as its shorter.

    Without a whole pixel of height the board gives a picture of the frame's size.
    """
    sides = [rectangle.length(quad[1] - quad[0]), rectangle.length(quad[2] - quad[1])]
    width, height = max(sides), min(sides)
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], F32)
    transform = np.asarray(cv2.getPerspectiveTransform(quad, target), np.float64)
    size = (int(width), int(height))
    if min(size) < 1:
        size = (picture.shape[1], picture.shape[0])
    return _warp(picture, transform, size)


def _warp(
    picture: npt.NDArray[np.uint8], transform: npt.NDArray[np.float64], size: Size
) -> npt.NDArray[np.uint8]:
    """Warp with coordinates in 1/32 pixel, as OpenCV did up to 4.12 (5.0 interpolates finer)."""
    inverse = np.asarray(cv2.invert(transform)[1])
    x = np.arange(size[0], dtype=np.float64)
    y = np.arange(size[1], dtype=np.float64)[:, None]
    scale = inverse[2, 0] * x + (inverse[2, 1] * y + inverse[2, 2])
    with np.errstate(divide="ignore"):
        np.divide(32.0, scale, out=scale, where=scale != 0)
    whole = np.empty((size[1], size[0], 2), np.int16)
    part = np.zeros((size[1], size[0]), np.int32)
    for axis, row in enumerate(inverse[:2]):
        place = row[0] * x + (row[1] * y + row[2])
        place *= scale
        np.clip(place, -(2**31), 2**31 - 1, out=place)
        np.rint(place, out=place)
        fixed = place.astype(np.int32)
        whole[..., axis] = np.clip(fixed >> 5, -(2**15), 2**15 - 1)
        part += (fixed & 31) << (5 * axis)
    crop = cv2.remap(picture, whole, part.astype(np.uint16), cv2.INTER_LINEAR)
    return np.asarray(crop, np.uint8)
