"""The font of labels: the shipped one has Latin and Chinese; system fonts provide the rest."""

from __future__ import annotations

import contextlib
import functools
from pathlib import Path

from PIL import ImageFont

Font = ImageFont.FreeTypeFont

OWN = Path(__file__).parents[1] / "vendor" / "k230-labels.otf"
# System fonts for other scripts: Korean, traditional Chinese, Thai ...
_OTHERS = ("NotoSansCJK-Regular.ttc", "PingFang.ttc", "msyh.ttc", "malgun.ttf", "DejaVuSans.ttf")
_LONGEST = 200  # characters; more do not fit into any picture
_MISSING = "\uffff"  # no font has it
_REPLACEMENT = "\ufffd"


def shown(text: str) -> str:
    """Return a text for one line: invisible characters become a replacement mark."""
    return "".join(c if c.isprintable() else _REPLACEMENT for c in text[:_LONGEST])


def font_for(text: str, size: int) -> Font:
    """Return the first font with all characters of a text; by default the shipped one."""
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
    """Return a text cut to a width in pixels, with an ellipsis if it was cut."""
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
    """Return whether a font has a character."""
    return bytes(font.getmask(character)) != bytes(font.getmask(_MISSING))
