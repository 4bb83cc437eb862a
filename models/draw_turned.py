"""Long shapes turned any way, each with the box that turns with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models import draw_shapes
from models.draw_shapes import Points

CORNERS = ("tip", "right", "tail", "left")
"""Names of the corners of a dart and of a kite, in the order of their outlines."""

SKELETON = ((0, 1), (1, 2), (2, 3), (3, 0), (0, 2))
"""The rim, and the line from tip to tail."""

LEAST, MOST = 1.4, 2.6
"""How many times as long as wide a shape is."""

Box = NDArray[np.float64]
"""Centre x and y, the long and the short side in pixels, and the long side's direction in radians,
clockwise in the picture from the x axis."""


def _ellipse(half: float) -> Points:
    angle = np.arange(48) * 2 * np.pi / 48
    return np.stack([np.cos(angle), half * np.sin(angle)], 1)


def _rectangle(half: float) -> Points:
    return np.array([(1.0, half), (-1.0, half), (-1.0, -half), (1.0, -half)])


def _arrow(half: float) -> Points:
    neck, shaft = 0.15, 0.36 * half
    one = [(1.0, 0.0), (neck, half), (neck, shaft), (-1.0, shaft)]
    return np.array(one + [(x, -y) for x, y in reversed(one[1:])])


OUTLINES = {"ellipse": _ellipse, "rectangle": _rectangle, "arrow": _arrow}
"""The shapes by name: corners in a box from -1 to 1 long and from ``-half`` to ``half`` wide."""


@dataclass(frozen=True)
class Turned:
    """A shape as drawn: its kind and its box in frame pixels."""

    kind: str
    box: Box


def box_corners(box: Box) -> Points:
    """Return the four corners [4, 2] of a box."""
    cos, sin = np.cos(box[4]), np.sin(box[4])
    along, across = np.array([cos, sin]) * box[2] / 2, np.array([-sin, cos]) * box[3] / 2
    return np.stack([along + across, across - along, -along - across, along - across]) + box[:2]


def scatter(
    rng: np.random.Generator, image: Image.Image, kinds: list[str], radius: tuple[float, float]
) -> list[Turned]:
    """Draw the kinds apart from each other; those that find no room are left out."""
    found = []
    circles = draw_shapes.places(rng, image.size, len(kinds), radius, 0.95)
    for kind, (x, y, r) in zip(kinds, circles, strict=True):
        if not r:
            continue
        aspect, angle = float(rng.uniform(LEAST, MOST)), float(rng.uniform(-np.pi, np.pi))
        cos, sin = np.cos(angle), np.sin(angle)
        turn = np.array([[cos, sin], [-sin, cos]])
        points = OUTLINES[kind](1 / aspect) @ turn * r + np.array([x, y])
        draw_shapes.draw(rng, image, kind, points)
        found.append(Turned(kind, np.array([x, y, 2 * r, 2 * r / aspect, angle])))
    return found
