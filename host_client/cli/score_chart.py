"""Two distributions of scores, within and between labels, in the terminal and as a picture."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from host_client.commands.gallery_answers import Suggestion

_ROWS = 24  # of the terminal's chart
_BAR = 28  # characters of the longest bar
_SIZE = (900, 420)
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 24, 60, 46
_BINS = 60
_WITHIN = (40, 110, 190)
_BETWEEN = (220, 120, 40)
_INK = (40, 40, 40)


def span(scores: Suggestion) -> tuple[float, float]:
    """Return the range of cosines that holds all scores and thresholds, with some room."""
    values = [*scores.within, *scores.between, scores.threshold, scores.current]
    low, high = max(-1.0, min(values) - 0.02), min(1.0, max(values) + 0.02)
    return low, max(high, low + 0.04)


def histogram(values: Sequence[float], low: float, high: float, bins: int) -> list[int]:
    """Return how many values lie in each of the equal parts of low...high."""
    counts = [0] * bins
    for value in values:
        place = int((value - low) / (high - low) * bins)
        counts[min(max(place, 0), bins - 1)] += 1
    return counts


def text_chart(scores: Suggestion) -> list[str]:
    """Return the lines of a chart, best scores first: between labels left, within right."""
    low, high = span(scores)
    within = histogram(scores.within, low, high, _ROWS)
    between = histogram(scores.between, low, high, _ROWS)
    top = max(1, *within, *between)
    step = (high - low) / _ROWS
    lines = [f"{'between labels':>{_BAR}}  cosine  within labels"]
    for row in reversed(range(_ROWS)):
        start = low + row * step
        left = "░" * _length(between[row], top)
        right = "█" * _length(within[row], top)
        mark = ""
        if start <= scores.threshold < start + step:
            mark = f"  ◄ suggested {scores.threshold:.3f}"
        elif start <= scores.current < start + step:
            mark = f"  ◄ current {scores.current:.3f}"
        lines.append(f"{left:>{_BAR}}  {start + step / 2:6.3f}  {right}{mark}")
    return lines


def _length(count: int, top: int) -> int:
    return 0 if not count else max(1, round(_BAR * count / top))


def draw_chart(scores: Suggestion) -> Image.Image:
    """Return the chart as a picture of 900 x 420 pixels."""
    low, high = span(scores)
    width, height = _SIZE[0] - _LEFT - _RIGHT, _SIZE[1] - _TOP - _BOTTOM
    image = Image.new("RGB", _SIZE, "white")
    draw = ImageDraw.Draw(image, "RGBA")
    font = ImageFont.load_default(14)
    floor = _TOP + height

    def place(value: float) -> float:
        return _LEFT + (value - low) / (high - low) * width

    for values, colour in ((scores.between, _BETWEEN), (scores.within, _WITHIN)):
        counts = histogram(values, low, high, _BINS)
        # Each by its own highest bar: there may be many more of one than of the other.
        top = max(1, *counts)
        for i, count in enumerate(counts):
            if count:
                left = _LEFT + i * width / _BINS
                bar = (left, floor - height * count / top, left + width / _BINS - 1, floor)
                draw.rectangle(bar, fill=(*colour, 150))
    draw.line((_LEFT, floor, _LEFT + width, floor), fill=_INK)
    tick = -10
    while tick <= 10:
        value = tick / 10
        if low <= value <= high:
            x = place(value)
            draw.line((x, floor, x, floor + 5), fill=_INK)
            draw.text((x, floor + 8), f"{value:.1f}", fill=_INK, font=font, anchor="mt")
        tick += 1
    lines = ((scores.current, (130, 130, 130)), (scores.threshold, (190, 30, 30)))
    for value, colour in lines:
        x = place(value)
        draw.line((x, _TOP, x, floor), fill=colour, width=2)
    draw.text((_LEFT, 12), f"within labels ({len(scores.within)})", fill=_WITHIN, font=font)
    draw.text(
        (_LEFT + 190, 12), f"between labels ({len(scores.between)})", fill=_BETWEEN, font=font
    )
    text = f"suggested {scores.threshold:.3f}: {scores.refused} refused, {scores.accepted} accepted"
    draw.text((_LEFT, 34), text, fill=lines[1][1], font=font)
    draw.text((_LEFT + 420, 34), f"current {scores.current:.3f}", fill=lines[0][1], font=font)
    draw.text((_SIZE[0] / 2, _SIZE[1] - 8), "cosine", fill=_INK, font=font, anchor="mb")
    return image


def chart_bytes(scores: Suggestion, name: str) -> bytes:
    """Return the chart as a picture in the format that the file's name says; ValueError."""
    ending = os.path.splitext(name)[1].lower()
    kind = Image.registered_extensions().get(ending)
    if kind is None:
        raise ValueError(f"expected a name like scores.png, found {name}")
    data = io.BytesIO()
    draw_chart(scores).save(data, kind)
    return data.getvalue()
