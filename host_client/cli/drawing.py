"""Draws a result into its picture, for a person to look at."""

from __future__ import annotations

import contextlib
import functools
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from host_client.check.pictures import DRAWN_BY
from host_client.commands.pictures import open_rgb
from host_client.results.types import (
    ClassificationResult,
    DetectionResult,
    MultilabelResult,
    OcrResult,
    Result,
    SegmentationResult,
)

_COLOURS = ("#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4", "#008080", "#9a6324", "#800000")
_SMALLEST = 320  # pixels of the longer side: smaller pictures are enlarged, so that text fits
_LINE = 16
_FONTS = (
    "NotoSansCJK-Regular.ttc",
    "wqy-microhei.ttc",
    "DroidSansFallbackFull.ttf",
    "PingFang.ttc",
    "msyh.ttc",
)


def draw(picture: Path, result: Result, out: Path) -> None:
    """Write the picture with what was found in it to `out`."""
    image = open_rgb(picture)
    scale = max(1.0, _SMALLEST / max(image.size))
    if isinstance(result, SegmentationResult):
        image = _with_mask(image, result)
    image = image.resize((round(image.width * scale), round(image.height * scale)))
    pen = ImageDraw.Draw(image)
    lines: list[str] = []
    if isinstance(result, ClassificationResult):
        lines = [f"{row.label} {row.score:.2f}" for row in result.top]
        lines[:1] = [f"> {result.label} {result.score:.2f}" if result.label else "undecided"]
    elif isinstance(result, MultilabelResult):
        lines = [f"{row.label} {row.score:.2f}" for row in result.labels] or ["nothing"]
    elif isinstance(result, DetectionResult):
        for i, box in enumerate(result.boxes):
            corners = [(box.x, box.y), (box.x + box.w, box.y + box.h)]
            colour = _COLOURS[i % len(_COLOURS)]
            pen.rectangle([(scale * x, scale * y) for x, y in corners], outline=colour, width=2)
            _text(pen, (scale * box.x, scale * box.y), f"{box.label} {box.score:.2f}", colour)
        lines = [] if result.boxes else ["nothing"]
    elif isinstance(result, OcrResult):
        for i, text in enumerate(result.texts):
            colour = _COLOURS[i % len(_COLOURS)]
            if text.quad:
                quad = [(scale * x, scale * y) for x, y in text.quad]
                pen.line([*quad, quad[0]], fill=colour, width=2)
                _text(pen, quad[0], f"{text.text or ''} {text.score:.2f}", colour)
            else:
                lines.append(f"{text.text} {text.score:.2f}")
        lines = lines or ([] if result.texts else ["nothing"])
    elif isinstance(result, SegmentationResult):
        lines = [f"{name} {area}" for name, area in result.areas.items()]
    for i, line in enumerate(lines):
        _text(pen, (4, 4 + _LINE * i), line, _COLOURS[2])
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix.lower() == ".png":
        mark = PngInfo()
        mark.add_text("Software", DRAWN_BY)
        image.save(out, pnginfo=mark)
    else:
        image.save(out)


@functools.cache
def _font() -> Any:
    """Return a font of this computer that has Chinese, or else one that has Latin letters."""
    for name in _FONTS:
        with contextlib.suppress(OSError):
            return ImageFont.truetype(name, 13)
    return None


def _text(pen: Any, at: tuple[float, float], text: str, colour: str) -> None:
    font = _font()
    if font is None:
        font = ImageFont.load_default()
        text = text.encode("ascii", "backslashreplace").decode()
    x, y = max(0.0, at[0]), max(0.0, at[1])
    box = pen.textbbox((x, y), text, font=font)
    pen.rectangle((box[0] - 1, box[1] - 1, box[2] + 1, box[3] + 1), fill="white")
    pen.text((x, y), text, fill=colour, font=font)


def _with_mask(image: Image.Image, result: SegmentationResult) -> Image.Image:
    classes = bytearray()
    for value, count in result.rle:
        classes += bytes((value & 255,)) * count
    size = result.width * result.height
    mask = Image.frombytes(
        "P", (result.width, result.height), bytes(classes[:size].ljust(size, b"\0"))
    )
    palette = [0, 0, 0]
    for i in range(255):
        colour = _COLOURS[i % len(_COLOURS)]
        palette += [int(colour[k : k + 2], 16) for k in (1, 3, 5)]
    mask.putpalette(palette)
    mask = mask.resize(image.size, Image.Resampling.NEAREST)
    seen = mask.point(lambda value: 128 if value else 0, mode="L")
    return Image.composite(mask.convert("RGB"), image, seen)
