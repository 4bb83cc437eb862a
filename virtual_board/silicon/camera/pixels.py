"""Pixel formats of a camera channel and of the `image` module, as numpy arrays.

Pictures are uint8 [h, w, 3] RGB here. RGB565 is a little-endian u16 per pixel; packing cuts off low
bits, unpacking repeats the high ones, and grey is (38 R + 75 G + 15 B) >> 7, all as the board's
imlib does. YUV420SP is NV12, full-range BT.601, chroma averaged over 2x2 pixels; which matrix the
camera uses is not published.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from virtual_board.silicon.base.errors import SiliconError

Pixels = NDArray[np.uint8]


def to_rgb565(rgb: Pixels) -> Pixels:
    """Return [h, w, 2]: little-endian RGB565."""
    red, green, blue = (rgb[..., i].astype(np.uint16) for i in range(3))
    packed = (red & 0xF8) << 8 | (green & 0xFC) << 3 | blue >> 3
    return packed.astype("<u2").view(np.uint8).reshape(*rgb.shape[:2], 2)


def from_rgb565(data: Pixels) -> Pixels:
    """Return [h, w, 3] RGB for [h, w, 2] RGB565."""
    packed = np.ascontiguousarray(data).view("<u2")[..., 0]
    red, green, blue = packed >> 11, packed >> 5 & 0x3F, packed & 0x1F
    expanded = (red << 3 | red >> 2, green << 2 | green >> 4, blue << 3 | blue >> 2)
    return np.stack(expanded, axis=-1).astype(np.uint8)


def to_gray(rgb: Pixels) -> Pixels:
    """Return [h, w] grey."""
    red, green, blue = (rgb[..., i].astype(np.uint16) for i in range(3))
    return (red * 38 + green * 75 + blue * 15 >> 7).astype(np.uint8)


def to_planar(rgb: Pixels) -> Pixels:
    """Return [3, h, w]: RGBP888, the layout of the AI channel."""
    planes = np.empty((3, *rgb.shape[:2]), np.uint8)
    for index in range(3):
        planes[index] = rgb[..., index]
    return planes


def to_nv12(rgb: Pixels) -> Pixels:
    """Return [h * 3 / 2, w]: luma, then interleaved chroma. Sides must be even."""
    height, width = rgb.shape[:2]
    if height % 2 or width % 2:
        raise SiliconError("ValueError", f"YUV420 needs even sides, found {width}x{height}")
    luma, blue, red = Image.fromarray(np.ascontiguousarray(rgb)).convert("YCbCr").split()
    data = np.empty((height * 3 // 2, width), np.uint8)
    data[:height] = np.asarray(luma)
    chroma = data[height:].reshape(height // 2, width // 2, 2)
    chroma[..., 0], chroma[..., 1] = np.asarray(blue.reduce(2)), np.asarray(red.reduce(2))
    return data


ENCODERS: dict[str, Callable[[Pixels], Pixels]] = {
    "RGB565": to_rgb565,
    "RGB888": np.ascontiguousarray,
    "RGBP888": to_planar,
    "GRAYSCALE": to_gray,
    "YUV420SP": to_nv12,
}
"""By the name that `media.sensor` gives each format."""


def encode(rgb: Pixels, pixformat: str) -> Pixels:
    """Return the bytes of a frame in `pixformat`, shaped as each `to_...` function says."""
    encoder = ENCODERS.get(pixformat)
    if encoder is None:
        raise SiliconError(
            "ValueError", f"pixformat: expected one of {', '.join(ENCODERS)}, found {pixformat!r}"
        )
    return encoder(rgb)


def orient(
    rgb: Pixels,
    *,
    hmirror: bool = False,
    vflip: bool = False,
    crop: tuple[int, int, int, int] | None = None,
) -> Pixels:
    """Return a view mirrored left-right, flipped top-bottom, then cut to (x, y, width, height)."""
    if hmirror:
        rgb = rgb[:, ::-1]
    if vflip:
        rgb = rgb[::-1]
    if crop is None:
        return rgb
    x, y, width, height = crop
    if (
        x < 0
        or y < 0
        or width < 1
        or height < 1
        or x + width > rgb.shape[1]
        or y + height > rgb.shape[0]
    ):
        raise SiliconError(
            "ValueError",
            f"crop: x={x} y={y} {width}x{height} is not inside {rgb.shape[1]}x{rgb.shape[0]}",
        )
    return rgb[y : y + height, x : x + width]
