"""Signs that no one has seen before: each number is a sign, drawn from its own random strokes."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from models.draw import Colour

SIDE = 192
"""Side of a sign's mask in pixels."""

Strokes = tuple[tuple[str, tuple[float, ...], float], ...]


@lru_cache(maxsize=4096)
def strokes(number: int) -> Strokes:
    """Return the strokes of a sign: kind, numbers in the unit square, thickness."""
    rng = np.random.default_rng(1_000_003 + number)
    # Ends lie on a coarse grid, so that two signs differ plainly or not at all.
    found = []
    for _ in range(int(rng.integers(3, 6))):
        kind = str(rng.choice(["line", "line", "arc", "disc", "box"]))
        a, b, c, d = (float(value) for value in rng.integers(0, 5, 4) / 4)
        if kind == "line":
            while np.hypot(a - c, b - d) < 0.45:
                a, b, c, d = (float(value) for value in rng.integers(0, 5, 4) / 4)
            numbers: tuple[float, ...] = (a, b, c, d)
        elif kind == "arc":
            start = float(rng.integers(0, 8) * 45)
            numbers = (a, b, 0.25 + 0.25 * c, start, start + float(rng.integers(3, 9) * 45))
        else:
            numbers = (a, b, 0.12 + 0.1 * c)
        found.append((kind, numbers, float(rng.uniform(0.09, 0.14))))
    return tuple(found)


def mask(number: int) -> Image.Image:
    """Draw the sign white on black, [SIDE, SIDE]."""
    image = Image.new("L", (SIDE, SIDE))
    pen = ImageDraw.Draw(image)
    edge, room = SIDE * 0.2, SIDE * 0.6
    for kind, numbers, thickness in strokes(number):
        width = int(thickness * room)
        x, y = edge + numbers[0] * room, edge + numbers[1] * room
        if kind == "line":
            x2, y2 = edge + numbers[2] * room, edge + numbers[3] * room
            pen.line([x, y, x2, y2], 255, width)
            for px, py in ((x, y), (x2, y2)):
                pen.ellipse([px - width / 2, py - width / 2, px + width / 2, py + width / 2], 255)
            continue
        r = numbers[2] * room * (0.6 if kind == "arc" else 1.0)
        box = [x - r, y - r, x + r, y + r]
        if kind == "arc":
            pen.arc(box, numbers[3], numbers[4], 255, width)
        elif kind == "disc":
            pen.ellipse(box, 255)
        else:
            pen.rectangle(box, 255)
    return image


def card(
    rng: np.random.Generator, image: Image.Image, number: int, paper: Colour, ink: Colour
) -> None:
    """Lay a card with the sign on the image, somewhat turned, slanted and off the middle."""
    width, height = image.size
    half = rng.uniform(0.34, 0.47) * min(width, height)
    angle = np.radians(rng.normal(0, 9))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shape = turn @ np.diag(rng.uniform(0.92, 1.08, 2)) + rng.normal(0, 0.03, (2, 2))
    room = np.array([width, height]) / 2 - half
    centre = np.array([width, height]) / 2 + rng.uniform(-0.7, 0.7, 2) * room
    corners: NDArray[np.float64] = (
        np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) @ shape.T * half + centre
    )
    ImageDraw.Draw(image).polygon([tuple(point) for point in corners], fill=paper)
    # Pillow wants the way back: from the frame to the mask.
    back = np.linalg.inv(shape * half * 2 / SIDE)
    shift = np.array([SIDE / 2, SIDE / 2]) - back @ centre
    data = (back[0, 0], back[0, 1], shift[0], back[1, 0], back[1, 1], shift[1])
    sign = mask(number).transform(
        image.size, Image.Transform.AFFINE, data, Image.Resampling.BILINEAR
    )
    image.paste(ink, (0, 0), sign)
