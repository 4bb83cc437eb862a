"""Coloured flat shapes at any place, size, turn and slant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from models.draw import Colour, ink
from models.resample import Size

Points = NDArray[np.float64]
"""Corners [n, 2] as x, y."""


def _round(count: int) -> Points:
    angle = np.arange(count) * 2 * np.pi / count
    return np.stack([np.cos(angle), np.sin(angle)], 1)


def _star() -> Points:
    radius = np.where(np.arange(10) % 2 == 0, 1.0, 0.42)
    return _round(10) * radius[:, None]


def _cross() -> Points:
    a, b = 0.95, 0.32
    corners = [(b, a), (b, b), (a, b), (a, -b), (b, -b), (b, -a)]
    return np.array(corners + [(-x, -y) for x, y in corners], float)


def _heart() -> Points:
    t = np.arange(40) * 2 * np.pi / 40
    x = 16 * np.sin(t) ** 3
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return np.stack([x, -y], 1) / 17


OUTLINES: dict[str, Points] = {
    "circle": _round(48),
    "triangle": _round(3),
    "square": _round(4),
    "star": _star(),
    "cross": _cross(),
    "heart": _heart(),
    # Four corners each, in the order of ``draw_turned.CORNERS``: those of the pose model.
    "dart": np.array([(1.0, 0.0), (-0.85, 0.7), (-0.35, 0.0), (-0.85, -0.7)]),
    "kite": np.array([(0.75, 0.0), (0.2, 0.65), (-1.0, 0.0), (0.2, -0.65)]),
}
"""Each shape's corners in its own circle of radius 1."""


CELL = 8
"""Side of a cell of ``cell_map`` in input pixels."""

MIXED = 255
"""A cell that is neither ground nor mostly one shape."""


@dataclass(frozen=True)
class Shape:
    """A shape as drawn: its kind, its corners in frame pixels and its colour."""

    kind: str
    corners: Points
    colour: Colour

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Return the upright box x1, y1, x2, y2."""
        low, high = self.corners.min(axis=0), self.corners.max(axis=0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def corners(
    rng: np.random.Generator, kind: str, centre: tuple[float, float], radius: float
) -> Points:
    """Return the shape's corners after a random turn and slant."""
    angle = rng.uniform(0, 2 * np.pi)
    cos, sin = np.cos(angle), np.sin(angle)
    squeeze = np.diag([rng.uniform(0.85, 1.15), rng.uniform(0.85, 1.15)])
    turn = np.array([[cos, -sin], [sin, cos]])
    return np.asarray(OUTLINES[kind] @ turn.T @ squeeze * radius + np.array(centre))


def draw(rng: np.random.Generator, image: Image.Image, kind: str, points: Points) -> Shape:
    """Fill the shape in a colour that stands out, sometimes with a rim."""
    low, high = points.min(axis=0), points.max(axis=0)
    colour = ink(rng, image, (low[0], low[1], high[0], high[1]))
    pen = ImageDraw.Draw(image)
    flat = [(float(x), float(y)) for x, y in points]
    pen.polygon(flat, fill=colour)
    if rng.random() < 0.25:
        rim = tuple(int(c) for c in np.clip(np.array(colour) + rng.normal(0, 60, 3), 0, 255))
        pen.line([*flat, flat[0]], fill=rim, width=int(rng.integers(1, 4)), joint="curve")
    return Shape(kind, points, colour)


def places(
    rng: np.random.Generator, size: Size, count: int, radius: tuple[float, float], gap: float
) -> Iterator[tuple[float, float, float]]:
    """Yield ``count`` circles x, y, radius that keep apart; radius 0 where no room was found."""
    width, height = size
    placed: list[tuple[float, float, float]] = []
    for _ in range(count):
        for _ in range(20):
            r = float(np.exp(rng.uniform(*np.log(radius)))) * min(width, height)
            x, y = rng.uniform(0.9 * r, width - 0.9 * r), rng.uniform(0.9 * r, height - 0.9 * r)
            if all(np.hypot(x - a, y - b) > gap * (r + c) for a, b, c in placed):
                placed.append((x, y, r))
                yield x, y, r
                break
        else:
            yield 0.0, 0.0, 0.0


def scatter(
    rng: np.random.Generator,
    image: Image.Image,
    kinds: list[str],
    radius: tuple[float, float],
    *,
    gap: float = 1.0,
) -> list[Shape]:
    """Draw the kinds apart from each other; those that find no room are left out.

    ``radius`` bounds the shapes' radius as a part of the frame's shorter side.
    """
    found: list[Shape] = []
    for kind, (x, y, r) in zip(
        kinds, places(rng, image.size, len(kinds), radius, gap), strict=True
    ):
        if r:
            found.append(draw(rng, image, kind, corners(rng, kind, (x, y), r)))
    return found


def cell_map(shapes: list[Shape], kinds: list[str], frame: Size, size: Size) -> NDArray[np.uint8]:
    """Return what each cell of a stretched input shows, [h/8, w/8]: 0 or 1 + the kind's number."""
    scale = np.array([size[0] / frame[0], size[1] / frame[1]])
    rows, columns = size[1] // CELL, size[0] // CELL
    cells = np.zeros((rows, columns), np.uint8)
    for shape in shapes:
        mask = Image.new("L", size)
        ImageDraw.Draw(mask).polygon([tuple(p) for p in shape.corners * scale], fill=1)
        part = np.asarray(mask).reshape(rows, CELL, columns, CELL).mean((1, 3))
        cells[part > 0.15] = MIXED
        cells[part > 0.5] = 1 + kinds.index(shape.kind)
    return cells
