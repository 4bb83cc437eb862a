"""A camera that films moving shapes and a frame counter, the same at every start."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from virtual_board.silicon.camera.frames import Frame


class Synthetic:
    """Frame n shows a square and a disc on their ways and the number n, over a colour gradient."""

    fps: float | None = None
    repeats = False
    live = False

    def __init__(self, width: int, height: int) -> None:
        self._width, self._height = width, height
        self._number = 0
        rows = np.linspace(0, 160, height, dtype=np.uint8)[:, None]
        columns = np.linspace(40, 200, width, dtype=np.uint8)[None, :]
        rgb = np.empty((height, width, 3), np.uint8)
        rgb[..., 0], rgb[..., 1], rgb[..., 2] = columns, rows, 96
        self._background = Image.fromarray(rgb)
        self._font = ImageFont.load_default(size=max(10, height // 12))

    def next(self) -> Frame:
        """Return the next frame, named `synthetic N`."""
        number, width, height = self._number, self._width, self._height
        self._number += 1
        picture = self._background.copy()
        draw = ImageDraw.Draw(picture)
        side = max(4, min(width, height) // 5)
        left, top = _bounce(number * 7, width - side), _bounce(number * 4, height - side)
        draw.rectangle((left, top, left + side - 1, top + side - 1), fill=(230, 60, 50))
        left, top = (
            _bounce(width // 2 + number * 5, width - side),
            _bounce(number * 9, height - side),
        )
        draw.ellipse((left, top, left + side - 1, top + side - 1), fill=(60, 200, 90))
        draw.text((width // 40, height // 40), f"{number}", fill=(255, 255, 255), font=self._font)
        rgb = np.asarray(picture)
        return Frame(rgb, f"synthetic {number}")

    def close(self) -> None:
        """Nothing is open."""


def _bounce(distance: int, span: int) -> int:
    """Return where a point is that has gone `distance` to and fro between 0 and `span`."""
    there = distance % (2 * max(span, 1))
    return there if there <= span else 2 * span - there
