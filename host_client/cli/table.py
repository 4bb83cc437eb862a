"""Format tables as plain text that fits the terminal."""

from __future__ import annotations

import shutil
import unicodedata
from collections.abc import Sequence

_BETWEEN = "  "
_NARROW = 8  # least width of a column that is made narrower


_HANGING = "  "  # before what follows a line's first part


def terminal_width() -> int:
    """Return the terminal's width in columns; 80 without a terminal."""
    return shutil.get_terminal_size().columns


def width_of(text: str) -> int:
    """Return the display width of a text in columns; Chinese characters have two."""
    return sum(_columns(character) for character in text)


def clipped(text: str, width: int) -> str:
    """Return a text cut to width columns, with an ellipsis if it was longer."""
    if width_of(text) <= width:
        return text
    return _split(text, width - 1)[0] + "…"


def folded(cell: str, width: int) -> list[str]:
    """Return text as lines of at most width columns, broken at spaces where there are any."""
    lines = []
    while width_of(cell) > width:
        line, rest = _split(cell, width)
        space = line.rfind(" ")
        if space > 0 and not rest.startswith(" "):
            line, rest = line[:space], line[space:] + rest
        lines.append(line)
        cell = rest.lstrip()
    return [*lines, cell]


def wrapped(text: str, width: int) -> str:
    """Return a line broken at spaces so that it fits; a word that is too long stays whole, to be copied."""
    if width_of(text) <= width:
        return text
    margin = text[: len(text) - len(text.lstrip(" "))]
    lines: list[str] = []
    for word in text.lstrip(" ").split(" "):
        wide = width_of(word)
        fits_nowhere = len(_HANGING) + wide > width
        if lines and (fits_nowhere or width_of(lines[-1]) + 1 + wide <= width):
            lines[-1] += f" {word}"
        else:
            lines.append((margin + _HANGING if lines else margin) + word)
    return "\n".join(lines)


def table(
    title: str,
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    width: int,
    *,
    fold: bool = True,
) -> list[str]:
    """Return the lines of a table at most width columns wide: title, heads, a rule, rows.

    fold: continue long cells on the next line; otherwise cut them.
    """
    widths = [max(map(width_of, column)) for column in zip(heads, *rows, strict=True)]
    while sum(widths) + len(_BETWEEN) * (len(widths) - 1) > width and max(widths) > _NARROW:
        widths[widths.index(max(widths))] -= 1
    lines = [title, _row(heads, widths), _row(["-" * wide for wide in widths], widths)]
    for cells in rows:
        if fold:
            parts = [folded(cell, wide) for cell, wide in zip(cells, widths, strict=True)]
        else:
            parts = [[clipped(cell, wide)] for cell, wide in zip(cells, widths, strict=True)]
        for number in range(max(map(len, parts))):
            lines.append(_row([p[number] if number < len(p) else "" for p in parts], widths))
    return lines


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        cell + " " * (wide - width_of(cell)) for cell, wide in zip(cells, widths, strict=True)
    ]
    return _BETWEEN.join(padded).rstrip()


def _split(text: str, width: int) -> tuple[str, str]:
    """Split a text after width columns, or after one character at least."""
    taken = 0
    for place, character in enumerate(text):
        taken += _columns(character)
        if taken > width and place:
            return text[:place], text[place:]
    return text, ""


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
