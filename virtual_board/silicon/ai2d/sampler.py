"""Apply sampling tables to uint8 planes of shape [c, h, w]."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from virtual_board.silicon.base.errors import NativeAbort

Pixels = NDArray[np.uint8]
Line = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.uint16]]


class Sampler(Protocol):
    """Makes the inner picture (without padding) from the cropped source."""

    def __call__(self, source: Pixels, /) -> Pixels:
        """Return [c, height, width] for `source` [c, h, w]."""


class NearestSampler:
    """Picks columns and rows."""

    def __init__(self, columns: NDArray[np.intp], rows: NDArray[np.intp]) -> None:
        self._columns, self._rows = columns, rows

    def __call__(self, source: Pixels, /) -> Pixels:
        """Return [c, height, width] for `source` [c, h, w]."""
        return source[:, self._rows][:, :, self._columns]


class BilinearSampler:
    """Blends two rows and two columns with 8-bit weights; the sum is rounded once, at the end."""

    def __init__(self, columns: Line, rows: Line) -> None:
        self._left, self._right, weight_x = columns
        self._upper, self._lower, weight_y = rows
        self._weight_x = weight_x.astype(np.uint32)
        self._rest_x = 256 - self._weight_x
        self._weight_y = weight_y[:, None]
        self._rest_y = 256 - self._weight_y

    def __call__(self, source: Pixels, /) -> Pixels:
        """Return [c, height, width] for `source` [c, h, w]."""
        result = np.empty((source.shape[0], len(self._upper), len(self._left)), np.uint8)
        for plane, made in zip(source, result, strict=True):
            made[:] = self._plane(plane)
        return result

    def _plane(self, plane: Pixels) -> NDArray[np.uint16]:
        # Rows first: whole rows move as blocks, and 255 * 256 still fits 16 bits.
        rows = plane.take(self._upper, axis=0).astype(np.uint16)
        rows *= self._rest_y
        other = plane.take(self._lower, axis=0).astype(np.uint16)
        other *= self._weight_y
        rows += other
        left = rows.take(self._left, axis=1, mode="clip") * self._rest_x
        left += rows.take(self._right, axis=1, mode="clip") * self._weight_x
        left += 32768
        return (left >> 16).astype(np.uint16)


class AffineSampler:
    """Maps every output pixel through the inverse of `matrix`; outside lies `fill` or the edge."""

    def __init__(
        self,
        source: tuple[int, int],
        output: tuple[int, int],
        matrix: Sequence[float],
        *,
        bilinear: bool,
        half_up: bool,
        fill: int | None,
        smooth: bool,
    ) -> None:
        if len(matrix) != 6:
            raise NativeAbort(f"ai2d build: expected 6 affine coefficients, found {len(matrix)}")
        a, b, tx, c, d, ty = (np.float32(value) for value in matrix)
        det = a * d - b * c
        if det == 0 or not np.isfinite([*matrix, det]).all():
            raise NativeAbort("ai2d build: the affine matrix has no inverse")
        x, y = np.meshgrid(
            np.arange(output[0], dtype=np.float32), np.arange(output[1], dtype=np.float32)
        )
        from_x, from_y = (d * (x - tx) - b * (y - ty)) / det, (a * (y - ty) - c * (x - tx)) / det
        fixed_x, fixed_y = (np.floor(v.astype(np.float64) * 1024 + 0.5) for v in (from_x, from_y))
        limit = float(1 << 40)
        fixed_x, fixed_y = (np.clip(v, -limit, limit).astype(np.int64) for v in (fixed_x, fixed_y))
        self._size, self._fill = source, fill
        if not bilinear:
            half = 512 if half_up else 0
            fixed_x, fixed_y = ((v + half) >> 10 << 10 for v in (fixed_x, fixed_y))
        self._x, self._y = fixed_x >> 10, fixed_y >> 10
        self._weight_x = (((fixed_x & 1023) + 2) >> 2).astype(np.int32)
        self._weight_y = (((fixed_y & 1023) + 2) >> 2).astype(np.int32)
        inside_x = (fixed_x >= 0) & (fixed_x <= (source[0] - 1) << 10)
        inside_y = (fixed_y >= 0) & (fixed_y <= (source[1] - 1) << 10)
        self._outside = None if smooth or fill is None else ~(inside_x & inside_y)
        self._smooth = smooth

    def __call__(self, source: Pixels, /) -> Pixels:
        """Return [c, height, width] for `source` [c, h, w]."""
        upper = self._corner(source, 0, 0) * (256 - self._weight_x)
        upper += self._corner(source, 1, 0) * self._weight_x
        lower = self._corner(source, 0, 1) * (256 - self._weight_x)
        lower += self._corner(source, 1, 1) * self._weight_x
        upper = upper * (256 - self._weight_y) + lower * self._weight_y
        made: Pixels = ((upper + 32768) >> 16).astype(np.uint8)
        if self._outside is not None and self._fill is not None:
            made[:, self._outside] = self._fill
        return made

    def _corner(self, source: Pixels, step_x: int, step_y: int) -> NDArray[np.int32]:
        (width, height), x, y = self._size, self._x + step_x, self._y + step_y
        pixels = source[:, y.clip(0, height - 1), x.clip(0, width - 1)].astype(np.int32)
        if self._smooth and self._fill is not None:
            pixels[:, (x < 0) | (y < 0) | (x >= width) | (y >= height)] = self._fill
        return pixels


def yuv420_planes(data: Pixels, width: int, height: int, form: int) -> Pixels:
    """Return RGB planes [3, h, w] of NV12 (form 0), NV21 (1) or I420 (2) bytes.

    Coefficients are the reset values of the unit's conversion registers, in 1/256.
    """
    luma = data[: width * height].reshape(height, width).astype(np.int32) * 256
    chroma = data[width * height :]
    if form == 2:
        u, v = chroma.reshape(2, height // 2, width // 2)
    else:
        pairs = chroma.reshape(height // 2, width // 2, 2)
        u, v = (pairs[..., 0], pairs[..., 1]) if form == 0 else (pairs[..., 1], pairs[..., 0])
    cb, cr = (np.repeat(np.repeat(c, 2, 0), 2, 1).astype(np.int32) for c in (u, v))
    red = luma + 292 * cr - 146 * 256
    green = luma - 101 * cb - 149 * cr + 125 * 256
    blue = luma + 520 * cb - 260 * 256
    rgb: Pixels = ((np.stack((red, green, blue)) + 128) >> 8).clip(0, 255).astype(np.uint8)
    return rgb
