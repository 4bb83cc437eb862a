"""The board's ai2d resampling in numpy: stretch, centre pad and corner pad.

The fixed-point arithmetic is the hardware's. The hardware works on large pictures tile by tile
and rounds each tile anew, which this file leaves out: pictures over 64 KiB a plane may differ
from the board's by one grey level.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""A picture [h, w, 3], RGB."""

Wide = NDArray[np.int32]
"""Intermediate values of the resampler."""

Size = tuple[int, int]
"""Width and height in pixels."""


@lru_cache(maxsize=64)
def _taps(source: int, target: int, *, vertical: bool) -> tuple[NDArray[np.int64], ...]:
    """Return first index, second index and weight (0..256) of the second, for each output."""
    scale = np.float32(source / target)
    bias = np.float32(0.5) * scale - np.float32(0.5)
    step, start = np.float32(1024) * scale, np.float32(1024) * bias
    at = np.arange(target, dtype=np.float32)
    # The hardware rounds the two terms of x apart and those of y together.
    if vertical:
        place = np.floor(at * step + start + np.float32(0.5)).astype(np.int64)
    else:
        place = np.floor(at * step + np.float32(0.5)).astype(np.int64)
        place += int(np.floor(start + np.float32(0.5)))
    index = place >> 10
    weight = ((place & 1023) + 2) >> 2
    return np.clip(index, 0, source - 1), np.clip(index + 1, 0, source - 1), weight


def stretch(pixels: Pixels, size: Size) -> Pixels:
    """Resize [h, w, 3] bilinearly to ``size`` (width, height), aspect ignored."""
    height, width = pixels.shape[:2]
    left, right, wx = _taps(width, size[0], vertical=False)
    above, below, wy = _taps(height, size[1], vertical=True)
    wide: Wide = pixels.astype(np.int32)
    wx32: Wide = wx.astype(np.int32)[None, :, None]
    wy32: Wide = wy.astype(np.int32)[:, None, None]
    upper, lower = wide[above], wide[below]
    row0: Wide = (256 - wx32) * upper[:, left] + wx32 * upper[:, right]
    row1: Wide = (256 - wx32) * lower[:, left] + wx32 * lower[:, right]
    total: Wide = row0 * (256 - wy32) + row1 * wy32 + 32768
    return (total >> 16).astype(np.uint8)


@dataclass(frozen=True)
class Placement:
    """Where a frame lies in the model's input: model = frame * gain + offset, unrounded."""

    gain: float
    dx: float
    dy: float


def _inner(frame: Size, size: Size) -> tuple[np.float32, Size]:
    # float32 as on the board: in double precision 7 % of the paddings come out otherwise.
    gain = min(
        np.float32(size[0]) / np.float32(frame[0]), np.float32(size[1]) / np.float32(frame[1])
    )
    return gain, (int(gain * np.float32(frame[0])), int(gain * np.float32(frame[1])))


def pad_centre(pixels: Pixels, size: Size, value: int) -> tuple[Pixels, Placement]:
    """Fit the picture into ``size`` keeping its aspect, centred on a border of ``value``."""
    frame = (pixels.shape[1], pixels.shape[0])
    gain, inner = _inner(frame, size)
    dw = np.float32(size[0] - inner[0]) / np.float32(2)
    dh = np.float32(size[1] - inner[1]) / np.float32(2)
    left, right = round(float(dw - np.float32(0.1))), round(float(dw + np.float32(0.1)))
    top = round(float(dh - np.float32(0.1)))
    out = np.full((size[1], size[0], 3), value, np.uint8)
    width = size[0] - left - right
    out[top : top + inner[1], left : left + width] = stretch(pixels, (width, inner[1]))
    real = float(gain)
    return out, Placement(real, (size[0] - frame[0] * real) / 2, (size[1] - frame[1] * real) / 2)


def pad_corner(pixels: Pixels, size: Size, value: int) -> tuple[Pixels, Placement]:
    """Fit the picture into ``size`` keeping its aspect, border of ``value`` right and below."""
    gain, inner = _inner((pixels.shape[1], pixels.shape[0]), size)
    inner = (max(inner[0], 1), max(inner[1], 1))
    out = np.full((size[1], size[0], 3), value, np.uint8)
    out[: inner[1], : inner[0]] = stretch(pixels, inner)
    return out, Placement(float(gain), 0.0, 0.0)
