"""Words in many typefaces, alone or scattered over a ground."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from models.draw import ink

CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-."
"""What the words are made of."""

TYPEFACES = (
    "DejaVuSans",
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSans-Oblique",
    "DejaVuSansMono",
    "DejaVuSansMono-Bold",
    "DejaVuSerif",
    "DejaVuSerif-Bold",
    "STIXGeneral",
    "STIXGeneralBol",
)
"""Fonts that ship with matplotlib; a doubled one is drawn twice as often."""

_SMOOTH = 2


@lru_cache(maxsize=512)
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return ImageFont.truetype(str(folder / f"{name}.ttf"), size)


@dataclass(frozen=True)
class Word:
    """A word as drawn: its text and the corners of its box, [4, 2], from top left clockwise."""

    text: str
    quad: NDArray[np.float64]


def word(rng: np.random.Generator, shortest: int = 2, longest: int = 9) -> str:
    """Return random characters: often digits alone or letters alone, as on plates and labels."""
    length = int(rng.integers(shortest, longest + 1))
    kind = rng.random()
    if kind < 0.3:
        letters = CHARACTERS[:10]
    elif kind < 0.6:
        letters = CHARACTERS[10:36]
    else:
        letters = CHARACTERS
    text = "".join(rng.choice(list(letters), length))
    # Marks at an end cannot be told from dirt.
    return text.strip("-.") or "0"


def stamp(rng: np.random.Generator, text: str, height: float) -> Image.Image:
    """Draw a word as a mask of about ``height`` pixels, cut to its ink."""
    font = _font(str(rng.choice(TYPEFACES)), max(int(height * 1.35 * _SMOOTH), 6))
    spacing = rng.choice([0, 0, 0, 1, 2]) * height * 0.06 * _SMOOTH
    wide = int(sum(font.getlength(letter) + spacing for letter in text)) + 8 * _SMOOTH
    mask = Image.new("L", (wide, int(font.size * 1.6)))
    pen = ImageDraw.Draw(mask)
    if spacing == 0:
        pen.text((4, 4), text, 255, font)
    else:
        x = 4.0
        for letter in text:
            pen.text((x, 4), letter, 255, font)
            x += font.getlength(letter) + spacing
    box = mask.getbbox() or (0, 0, 1, 1)
    return mask.crop(box).reduce(_SMOOTH)


def paste(
    rng: np.random.Generator,
    image: Image.Image,
    mask: Image.Image,
    centre: tuple[float, float],
    angle: float,
) -> NDArray[np.float64]:
    """Ink the mask, turned by ``angle`` degrees, on the image; return its corners [4, 2]."""
    turned = mask.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    left, top = round(centre[0] - turned.width / 2), round(centre[1] - turned.height / 2)
    colour = ink(rng, image, (left, top, left + turned.width, top + turned.height))
    image.paste(colour, (left, top), turned)
    half = np.array([mask.width, mask.height]) / 2
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    middle = np.array([left + turned.width / 2, top + turned.height / 2])
    return np.asarray(corners @ np.array([[cos, -sin], [sin, cos]]) + middle)


def scatter(rng: np.random.Generator, image: Image.Image, count: int) -> list[Word]:
    """Draw words apart from each other; those that find no room are left out."""
    words: list[Word] = []
    placed: list[tuple[float, float, float, float]] = []
    for _ in range(count):
        height = float(np.exp(rng.uniform(*np.log((0.075, 0.2))))) * min(image.size)
        text = word(rng, 2, 8)
        mask = stamp(rng, text, height)
        angle = float(rng.normal(0, 6)) if rng.random() < 0.6 else 0.0
        slant = abs(np.sin(np.radians(angle))) * mask.width
        w, h = mask.width / 2 + 2, mask.height / 2 + slant / 2 + 2
        if 2 * w > image.width or 2 * h > image.height:
            continue
        for _ in range(12):
            x, y = rng.uniform(w, image.width - w), rng.uniform(h, image.height - h)
            gap = 0.5 * mask.height + 3
            if all(abs(x - a) > w + c + gap or abs(y - b) > h + d + gap for a, b, c, d in placed):
                placed.append((x, y, w, h))
                words.append(Word(text, paste(rng, image, mask, (x, y), angle)))
                break
    return words
