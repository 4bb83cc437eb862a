"""The font of labels: our own has Latin and Chinese; others are asked for what it lacks."""

from __future__ import annotations

import contextlib
import functools
from pathlib import Path

from PIL import ImageFont

Font = ImageFont.FreeTypeFont

OWN = Path(__file__).parents[1] / "vendor" / "k230-labels.otf"
# Of this computer, for writings that ours has not: Korean, traditional Chinese, Thai ...
_OTHERS = ("NotoSansCJK-Regular.ttc", "PingFang.ttc", "msyh.ttc", "malgun.ttf", "DejaVuSans.ttf")
_LONGEST = 200  # characters: more fit into no picture
_MISSING = "\uffff"  # no font has it
_REPLACEMENT = "\ufffd"


def shown(text: str) -> str:
    """Return a text as it can be drawn in one line: what is no character is a replacement mark."""
    return "".join(c if c.isprintable() else _REPLACEMENT for c in text[:_LONGEST])


def font_for(text: str, size: int) -> Font:
    """Return the font that has all characters of a text, or else our own."""
    own = _load(str(OWN), size)
    assert own is not None
    if _has_all(own, text):
        return own
    for name in _OTHERS:
        other = _load(name, size)
        if other is not None and _has_all(other, text):
            return other
    return own


def clipped(text: str, font: Font, width: float) -> str:
    """Return as much of a text as fits into a width, with an ellipsis where some is missing."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"


@functools.cache
def _load(name: str, size: int) -> Font | None:
    with contextlib.suppress(OSError):
        return ImageFont.truetype(name, size)
    return None


def _has_all(font: Font, text: str) -> bool:
    return all(_has(font, character) for character in text if not character.isspace())


@functools.cache
def _has(font: Font, character: str) -> bool:
    """Return whether a font draws a character as anything but its mark for missing ones."""
    return bytes(font.getmask(character)) != bytes(font.getmask(_MISSING))
