"""The smallest rotated rectangle around points, as OpenCV 4.5.1 to 4.10 compute it.

Later OpenCV releases compute it more exactly. The board truncates the corners to whole pixels, so
the last bit decides about whole pixels there: in one box of forty the newer answer differs.
Everything here is therefore in single precision and in the older order of operations.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from virtual_board.silicon.native.cpp import F32, Floats

_Rectangle = tuple[np.float32, np.float32, np.float32, np.float32, np.float32]


def corners(points: npt.NDArray[np.int32]) -> Floats:
    """Return the ``[4, 2]`` corners of the smallest rectangle around ``[n, 2]`` whole points."""
    hull = np.asarray(cv2.convexHull(points.reshape(-1, 1, 2), clockwise=False), F32)
    x, y, width, height, degrees = _smallest(hull.reshape(-1, 2))
    angle = float(degrees) * math.pi / 180.0
    half_cos = F32(math.cos(angle)) * F32(0.5)
    half_sin = F32(math.sin(angle)) * F32(0.5)
    first = (x - half_sin * height - half_cos * width, y + half_cos * height - half_sin * width)
    second = (x + half_sin * height - half_cos * width, y - half_cos * height - half_sin * width)
    two = F32(2)
    return np.array(
        [
            first,
            second,
            (two * x - first[0], two * y - first[1]),
            (two * x - second[0], two * y - second[1]),
        ],
        F32,
    )


def _smallest(hull: Floats) -> _Rectangle:
    """Return centre x, y, width, height and angle in degrees."""
    zero, half = F32(0), F32(0.5)
    if len(hull) == 1:
        return hull[0, 0], hull[0, 1], zero, zero, zero
    if len(hull) == 2:
        dx, dy = (float(side) for side in hull[1] - hull[0])
        centre = (hull[0] + hull[1]) * half
        angle = _degrees(dy, dx)
        return centre[0], centre[1], length(hull[1] - hull[0]), zero, angle
    corner, along, across = _calipers(hull)
    centre = corner + (along + across) * half
    angle = _degrees(float(along[1]), float(along[0]))
    return centre[0], centre[1], length(along), length(across), angle


def length(vector: Floats) -> np.float32:
    """Length of a plane vector, worked out in double precision and rounded once."""
    x, y = float(vector[0]), float(vector[1])
    rounded: np.float32 = F32(math.sqrt(x * x + y * y))
    return rounded


def _degrees(dy: float, dx: float) -> np.float32:
    degrees: np.float32 = F32(float(F32(math.atan2(dy, dx)) * F32(180)) / math.pi)
    return degrees


def _calipers(hull: Floats) -> tuple[Floats, Floats, Floats]:
    """Turn four calipers round the hull; return a corner and both sides of the smallest rectangle.

    The calipers touch the hull at its lowest, rightmost, highest and leftmost point. Each step
    turns them to the nearest hull edge, and that touching point moves on.
    """
    count = len(hull)
    edge = np.roll(hull, -1, axis=0) - hull
    lengths = np.sqrt((edge.astype(np.float64) ** 2).sum(axis=1))
    unit = edge * (1.0 / lengths).astype(F32)[:, None]
    touching = [
        int(hull[:, 1].argmin()),
        int(hull[:, 0].argmax()),
        int(hull[:, 1].argmax()),
        int(hull[:, 0].argmin()),
    ]
    smallest = np.finfo(F32).max
    found = (0, 0, F32(0), F32(0), F32(0), F32(0))
    for _ in range(count):
        side = 0
        for other in (1, 2, 3):
            if _is_right_of(
                _turned(edge[touching[other]], other), _turned(edge[touching[side]], side)
            ):
                side = other
        a, b = _turned(unit[touching[side]], side)
        touching[side] = (touching[side] + 1) % count
        span = hull[touching[1]] - hull[touching[3]]
        width = span[0] * a + span[1] * b
        span = hull[touching[2]] - hull[touching[0]]
        height = -span[0] * b + span[1] * a
        area = width * height
        if area <= smallest:
            smallest = area
            found = (touching[3], touching[0], a, b, width, height)
    left, bottom, a, b, width, height = found
    c1 = a * hull[left, 0] + hull[left, 1] * b
    c2 = -b * hull[bottom, 0] + hull[bottom, 1] * a
    scale = F32(1) / (a * a - -b * b)
    corner = np.array([(c1 * a - c2 * b) * scale, (a * c2 - -b * c1) * scale], F32)
    along = np.array([a * width, b * width], F32)
    across = np.array([-b * height, a * height], F32)
    return corner, along, across


def _turned(vector: Floats, side: int) -> tuple[np.float32, np.float32]:
    """Turn an edge under caliper `side` back into the direction of caliper 0."""
    x, y = vector[0], vector[1]
    if side == 0:
        return x, y
    if side == 1:
        return y, -x
    if side == 2:
        return -x, -y
    return -y, x


def _is_right_of(
    first: tuple[np.float32, np.float32], second: tuple[np.float32, np.float32]
) -> bool:
    return bool(first[1] * second[0] + -first[0] * second[1] < 0)
