"""Draw how similar pictures are to a metric-learning model: a matrix of cosines."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw

from host_client.base.wording import quantity
from host_client.drawing.font import clipped, font_for, shown
from host_client.drawing.palette import INK, PAPER, Colour, colour_of, ink_on

_NAMES = 230  # pixels for the pictures' names
_TOP = 64
_SIDE = 720  # of the matrix
_CELLS = (6, 64)  # pixels of a cell, at least and at most
_READABLE = 34  # pixels; smaller cells show no number
_MOST = 120  # pictures that are drawn
_LOW: Colour = (255, 255, 255)
_HIGH: Colour = colour_of(1)
_FRAME: Colour = colour_of(5)


def draw_similarities(
    names: Sequence[str],
    identities: Sequence[str | None],
    cosines: Sequence[Sequence[float]],
    threshold: float | None,
) -> Image.Image:
    """Return the matrix: darker means more similar; a frame marks pairs of one identity."""
    count = min(len(names), _MOST)
    cell = min(max(_SIDE // max(1, count), _CELLS[0]), _CELLS[1])
    size = (_NAMES + max(count * cell, 360) + 12, _TOP + count * cell + 12)
    image = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(image)
    font = font_for("", 15)
    at = "" if threshold is None else f"; bold: at or above the threshold {threshold:g}"
    pen.text((12, 10), f"cosine between pictures{at}", fill=INK, font=font)
    pen.rectangle((12, 36, 28, 52), outline=_FRAME, width=3)
    note = "same identity"
    if count < len(names):
        note += f"; the first {count} of {quantity(len(names), 'picture')}"
    pen.text((36, 44), note, fill=INK, font=font, anchor="lm")
    for i in range(count):
        top = _TOP + i * cell
        _name(pen, names[i], identities[i], top + cell / 2, min(15, cell))
        for j in range(count):
            left = _NAMES + j * cell
            _cell(pen, cosines[i][j], (left, top, cell), threshold)
    for i in range(count):
        for j in range(count):
            if identities[i] is not None and identities[i] == identities[j]:
                left, top = _NAMES + j * cell, _TOP + i * cell
                box = (left, top, left + cell - 1, top + cell - 1)
                pen.rectangle(box, outline=_FRAME, width=max(1, cell // 16))
    return image


def _name(
    pen: ImageDraw.ImageDraw, name: str, identity: str | None, middle: float, size: int
) -> None:
    text = shown(name if identity is None else f"{identity} · {name}")
    font = font_for(text, max(6, size))
    text = clipped(text, font, _NAMES - 18)
    pen.text((_NAMES - 6, middle), text, fill=INK, font=font, anchor="rm")


def _cell(
    pen: ImageDraw.ImageDraw, value: float, at: tuple[int, int, int], threshold: float | None
) -> None:
    left, top, cell = at
    part = min(1.0, max(0.0, value))
    red, green, blue = (
        round(low + (high - low) * part) for low, high in zip(_LOW, _HIGH, strict=True)
    )
    colour = (red, green, blue)
    pen.rectangle((left, top, left + cell - 1, top + cell - 1), fill=colour)
    if cell >= _READABLE:
        bold = threshold is not None and value >= threshold
        pen.text(
            (left + cell / 2, top + cell / 2),
            f"{value:.2f}",
            fill=ink_on(colour),
            font=font_for("", max(10, cell // 3)),
            anchor="mm",
            stroke_width=int(bold),
            stroke_fill=ink_on(colour),
        )
