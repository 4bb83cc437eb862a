"""Sampling tables of the ai2d resizer: which pixels, with which 8-bit weights.

The unit computes source coordinates as 10-bit fixed-point numbers from float32 coefficients and
holds at most 64 KiB of a source plane, so larger pictures are cut into tiles with coordinates that
start anew; that moves a rounding here and there. The arithmetic was recorded from hardware (see
`Ai2dPlan`), the choice of the tile size equals nncase 2.11's `ai2d_utils::resize_sram_search`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from virtual_board.silicon.base.errors import NativeAbort

SRAM_SIDE = 256
SRAM_SIZE = SRAM_SIDE * SRAM_SIDE

_F32 = np.float32


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a resize: `size` source pixels to `out` pixels, source = scale * x + bias."""

    size: int
    out: int
    scale: np.float32
    bias: np.float32

    def source(self, x: int) -> np.float32:
        """Return the source coordinate of output pixel `x`."""
        source: np.float32 = _F32(_F32(self.scale * _F32(x)) + self.bias)
        return source

    def first(self, x: int) -> int:
        """Return the first source pixel that a tile starting at output pixel `x` reads."""
        return max(math.floor(self.source(x)), 0)

    def widest(self, tile: int) -> int:
        """Return how many source pixels the largest tile of `tile` output pixels reads."""
        return max(
            min(math.ceil(self.source(min(x + tile, self.out) - 1)), self.size - 1)
            - self.first(x)
            + 1
            for x in range(0, self.out, tile)
        )

    def tile_for(self, window: int, other_scale: np.float32) -> int:
        """Return the output pixels that `window` source pixels from the origin can make.

        The unit's driver inverts a 2x2 matrix, so the other axis takes part in the rounding.
        """
        inverse = _F32(other_scale / _F32(self.scale * other_scale))
        origin = _F32(-(inverse * self.bias))
        corner = _F32(_F32(inverse * _F32(window - 1)) + origin)
        return int(math.floor(corner) - math.ceil(origin) + 1)


def axis(size: int, out: int, *, align: bool, bias_factor: float, bias_shift: float) -> Axis:
    """Return the axis for `size` source and `out` output pixels.

    The bias is `scale * bias_factor + bias_shift`; `align` maps the last pixel onto the last.
    """
    if align and out > 1:
        scale = _F32(_F32(size - 1) / _F32(out - 1))
    else:
        scale = _F32(_F32(size) / _F32(out))
    if scale == 0:
        raise NativeAbort(f"ai2d schedule failed: cannot align {size} pixel with {out} pixels")
    bias = _F32(_F32(scale * _F32(bias_factor)) + _F32(bias_shift))
    return Axis(size, out, scale, bias)


def tile_size(x: Axis, y: Axis) -> tuple[int, int]:
    """Return (width, height) of the output tiles; the whole output when the source fits."""
    if x.size * y.size <= SRAM_SIZE:
        return x.out, y.out
    wide, high = x.size > SRAM_SIDE, y.size > SRAM_SIDE
    window_x = (SRAM_SIDE if high else SRAM_SIZE // y.size) if wide else x.size
    window_y = (SRAM_SIDE if wide else SRAM_SIZE // x.size) if high else y.size
    width, height = x.tile_for(window_x, y.scale), y.tile_for(window_y, x.scale)
    narrow_next = False
    while width > 0 and height > 0:
        if x.widest(width) * y.widest(height) <= SRAM_SIZE:
            return width, height
        if not wide:
            height -= 1
        elif not high:
            width -= 1
        elif (narrow_next and width != 1) or height == 1:
            width -= 1
            narrow_next = not narrow_next
        else:
            height -= 1
            narrow_next = not narrow_next
    raise NativeAbort(
        f"ai2d schedule failed: no tile fits its memory for {x.size}x{y.size} to {x.out}x{y.out}"
    )


def coordinates(line: Axis, tile: int, *, add_first: bool) -> NDArray[np.int64]:
    """Return the 10-bit fixed-point source coordinate of every output pixel.

    `add_first` adds the bias before rounding (rows); otherwise both are rounded alone (columns).
    """
    gain = _F32(1024) * line.scale
    parts = []
    for start in range(0, line.out, tile):
        first = line.first(start)
        shift = _F32(line.source(start) - _F32(first)) - line.bias if first else _F32(0)
        offset = _F32(_F32(shift * _F32(1024)) + _F32(1024) * line.bias)
        steps = gain * np.arange(min(tile, line.out - start), dtype=_F32)
        fixed = _round(steps + offset) if add_first else _round(steps) + _round(offset)
        parts.append(fixed + 1024 * first)
    return np.concatenate(parts)


def _round(value: NDArray[np.float32] | np.float32) -> NDArray[np.int64]:
    rounded: NDArray[np.int64] = np.floor(np.asarray(value, dtype=np.float64) + 0.5).astype(
        np.int64
    )
    return rounded


def bilinear(
    fixed: NDArray[np.int64], size: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.uint16]]:
    """Return both source pixels of each coordinate and the second one's weight (0 to 256)."""
    index = fixed >> 10
    weight = ((fixed & 1023) + 2) >> 2
    low, high = np.clip(index, 0, size - 1), np.clip(index + 1, 0, size - 1)
    return low.astype(np.intp), high.astype(np.intp), weight.astype(np.uint16)


def nearest(fixed: NDArray[np.int64], size: int, *, half_up: bool) -> NDArray[np.intp]:
    """Return the source pixel of each coordinate, rounded down or half up."""
    index: NDArray[np.intp] = ((fixed + (512 if half_up else 0)) >> 10).astype(np.intp)
    return index.clip(0, size - 1)
