"""The ai2d unit: crop, resize or affine, pad of uint8 pictures, as the K230 does them.

Bilinear resizing of NCHW and packed RGB with constant padding is exact to the bit: it reproduces a
recorded hardware run and the vendor's simulator. Best effort, that is plausible but never compared
with hardware: nearest-neighbour modes, affine, edge and mirror padding, YUV 4:2:0 input (converted
with the unit's own coefficients, before resizing). Shift and RAW16 are not computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from virtual_board.silicon.ai2d import sampler, tables
from virtual_board.silicon.base.errors import NativeAbort, NativeFault, SiliconError

YUV420_NV12, YUV420_NV21, YUV420_I420, NCHW, RGB_PACKED, RAW16 = range(6)
TF_NEAREST, TF_BILINEAR, CV2_NEAREST, CV2_BILINEAR = range(4)
MODE_NONE, MODE_ALIGN_CORNER, MODE_HALF_PIXEL = range(3)
PAD_CONSTANT, PAD_EDGE, PAD_MIRROR = range(3)

_PAD_MODES = {PAD_EDGE: "edge", PAD_MIRROR: "reflect"}


@dataclass(frozen=True, slots=True)
class Affine:
    """`set_affine_param`: `matrix` maps source to output, row by row (a, b, tx, c, d, ty)."""

    method: int
    matrix: tuple[float, ...]
    cord_round: int = 0
    bound_ind: int = 0
    bound_val: int = 0
    bound_smooth: int = 0


@dataclass(frozen=True, slots=True)
class Ai2dParams:
    """What the setters of `nncase_runtime.ai2d` hold; a None means its flag is off.

    crop is (x, y, width, height) in source pixels; pad the eight counts (n, n, c, c, top, bottom,
    left, right) in output pixels; resize is (method, mode).
    """

    src_format: int = NCHW
    dst_format: int = NCHW
    src_dtype: str = "uint8"
    dst_dtype: str = "uint8"
    crop: tuple[int, int, int, int] | None = None
    shift: int | None = None
    pad: tuple[int, ...] | None = None
    pad_mode: int = PAD_CONSTANT
    pad_values: tuple[int, ...] = ()
    resize: tuple[int, int] | None = None
    affine: Affine | None = None


class Ai2dPlan:
    """One built ai2d configuration: `run(input) -> output`, tables computed once.

    Shapes are those given to `build`: [n, c, h, w], or [n, h, w, 3] for packed RGB, or
    [n, 1, h * 3 / 2, w] for YUV 4:2:0. Raises NativeAbort where the board's builder throws a C++
    exception, SiliconError (RuntimeError) for what this model does not compute.
    """

    def __init__(
        self, in_shape: Sequence[int], out_shape: Sequence[int], params: Ai2dParams
    ) -> None:
        self.params = params
        self.in_shape = _shape("input", in_shape)
        self.out_shape = _shape("output", out_shape)
        _check_supported(params)
        if params.pad and len(params.pad) == 8 and self.in_shape[3] <= 32 and params.pad[6] > 0:
            raise NativeAbort(
                f"ai2d build: left padding with an input width of {self.in_shape[3]}; "
                "the unit does not pad on the left for widths of 32 or less"
            )
        self._in_c, self._in_h, self._in_w = _geometry(self.in_shape, params.src_format)
        self._out_c, self._out_h, self._out_w = _geometry(self.out_shape, params.dst_format)
        self._check_channels()
        self._crop = self._checked_crop()
        self._pads = self._checked_pads()
        if params.affine and params.resize:
            raise NativeAbort("ai2d build: affine and resize cannot be set together")
        top, bottom, left, right = self._pads
        height, width = self._out_h - top - bottom, self._out_w - left - right
        if height < 1 or width < 1:
            raise NativeAbort(
                f"ai2d build: padding {self._pads} (top, bottom, left, right) leaves nothing of "
                f"the {self._out_w}x{self._out_h} output"
            )
        self._sample = self._sampler(width, height)

    def run(self, source: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the output tensor (a new array of `out_shape`) for `source`.

        Only the number of bytes of `source` matters, as on the board, where a wrong one makes the
        unit read memory that is not the picture's: a NativeFault here.
        """
        if source.dtype != np.uint8 or source.size != np.prod(self.in_shape):
            raise NativeFault(
                f"ai2d run: built for uint8 {list(self.in_shape)}, "
                f"found {source.dtype} {list(source.shape)}"
            )
        output = np.empty((self.out_shape[0], self._out_c, self._out_h, self._out_w), np.uint8)
        top, _, left, _ = self._pads
        x, y, width, height = self._crop
        planes = self._planes(np.ascontiguousarray(source))
        if any(self._pads):
            self._fill_border(output)
        for index, picture in enumerate(planes):
            window = picture[:, y : y + height, x : x + width]
            made = self._sample(window)
            inner = output[index, :, top : top + made.shape[1], left : left + made.shape[2]]
            inner[:] = made
            if any(self._pads) and self.params.pad_mode in _PAD_MODES:
                output[index] = self._pad_from(made)
        if self.params.dst_format == RGB_PACKED:
            output = np.ascontiguousarray(output.transpose(0, 2, 3, 1))
        return output.reshape(self.out_shape)

    def _planes(self, source: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the source as [n, c, h, w] planes, a single plane repeated where c differs."""
        form, count = self.params.src_format, self.in_shape[0]
        if form <= YUV420_I420:
            flat = source.reshape(count, -1)
            made = [sampler.yuv420_planes(one, self._in_w, self._in_h, form) for one in flat]
            stacked: NDArray[np.uint8] = np.stack(made)
            return stacked
        if form == RGB_PACKED:
            planes: NDArray[np.uint8] = source.reshape(self.in_shape).transpose(0, 3, 1, 2)
            return planes
        planes = source.reshape(self.in_shape)
        if self._in_c != self._out_c:
            shape = (count, self._out_c, self._in_h, self._in_w)
            planes = np.broadcast_to(planes[:, :1], shape)
        return planes

    def _sampler(self, width: int, height: int) -> sampler.Sampler:
        params, (_, _, crop_w, crop_h) = self.params, self._crop
        if params.affine:
            affine = params.affine
            return sampler.AffineSampler(
                (crop_w, crop_h),
                (width, height),
                affine.matrix,
                bilinear=affine.method in (TF_BILINEAR, CV2_BILINEAR),
                half_up=affine.cord_round == 0,
                fill=None if affine.bound_ind else affine.bound_val & 0xFF,
                smooth=bool(affine.bound_smooth),
            )
        if not params.resize:
            columns = np.minimum(np.arange(width, dtype=np.intp), crop_w - 1)
            rows = np.minimum(np.arange(height, dtype=np.intp), crop_h - 1)
            return sampler.NearestSampler(columns, rows)
        method, mode = params.resize
        smooth = method in (TF_BILINEAR, CV2_BILINEAR)
        align = mode == MODE_ALIGN_CORNER and method != CV2_BILINEAR
        centred = mode == MODE_HALF_PIXEL or method == CV2_BILINEAR
        factor, shift = (0.5 if centred else 0.0), (-0.5 if centred and smooth else 0.0)
        x, y = (
            tables.axis(size, out, align=align, bias_factor=factor, bias_shift=shift)
            for size, out in ((crop_w, width), (crop_h, height))
        )
        tile_w, tile_h = tables.tile_size(x, y)
        columns = tables.coordinates(x, tile_w, add_first=False)
        rows = tables.coordinates(y, tile_h, add_first=True)
        if smooth:
            return sampler.BilinearSampler(
                tables.bilinear(columns, crop_w), tables.bilinear(rows, crop_h)
            )
        return sampler.NearestSampler(
            tables.nearest(columns, crop_w, half_up=align),
            tables.nearest(rows, crop_h, half_up=align),
        )

    def _check_channels(self) -> None:
        yuv = self.params.src_format <= YUV420_I420
        if yuv and (self.in_shape[1] != 1 or self.in_shape[2] % 3 or self._in_w % 2):
            raise NativeAbort(
                "ai2d build: expected YUV 4:2:0 input as [n, 1, h * 3 / 2, w] with even sides, "
                f"found {list(self.in_shape)}"
            )
        planar = self.params.src_format == self.params.dst_format == NCHW
        if not planar and self._in_c != self._out_c:
            raise NativeAbort(
                f"ai2d build: expected {self._in_c} output channels as in the input, "
                f"found {self._out_c}"
            )

    def _checked_crop(self) -> tuple[int, int, int, int]:
        if self.params.crop is None:
            return 0, 0, self._in_w, self._in_h
        x, y, width, height = self.params.crop
        fits_x = 0 <= x < self._in_w and width >= 1 and x + width <= self._in_w
        fits_y = 0 <= y < self._in_h and height >= 1 and y + height <= self._in_h
        if not (fits_x and fits_y):
            raise NativeAbort(
                f"ai2d build: crop x={x} y={y} {width}x{height} is not inside the "
                f"{self._in_w}x{self._in_h} input"
            )
        return x, y, width, height

    def _checked_pads(self) -> tuple[int, int, int, int]:
        pad = self.params.pad
        if pad is None:
            return 0, 0, 0, 0
        if len(pad) != 8 or min(pad) < 0 or any(pad[:4]):
            raise NativeAbort(
                "ai2d build: expected 8 paddings of 0 or more, the first four (batch, channel) 0; "
                f"found {list(pad)}"
            )
        values = len(self.params.pad_values)
        if any(pad) and self.params.pad_mode == PAD_CONSTANT and values < self._out_c:
            raise NativeAbort(
                f"ai2d build: expected a padding value for each of {self._out_c} channels, "
                f"found {values}"
            )
        return pad[4], pad[5], pad[6], pad[7]

    def _fill_border(self, output: NDArray[np.uint8]) -> None:
        if self.params.pad_mode != PAD_CONSTANT:
            return
        top, bottom, left, right = self._pads
        for channel, value in enumerate(self.params.pad_values[: self._out_c]):
            plane = output[:, channel]
            plane[:, :top] = plane[:, self._out_h - bottom :] = value & 0xFF
            plane[:, :, :left] = plane[:, :, self._out_w - right :] = value & 0xFF

    def _pad_from(self, made: NDArray[np.uint8]) -> NDArray[np.uint8]:
        top, bottom, left, right = self._pads
        if self.params.pad_mode == PAD_EDGE:
            return np.pad(made, ((0, 0), (top, bottom), (left, right)), mode="edge")
        return np.pad(made, ((0, 0), (top, bottom), (left, right)), mode="reflect")


def _shape(name: str, shape: Sequence[int]) -> tuple[int, int, int, int]:
    if len(shape) != 4 or min(shape) < 1:
        raise NativeAbort(
            f"ai2d build: expected 4 {name} dimensions of 1 or more, found {list(shape)}"
        )
    return shape[0], shape[1], shape[2], shape[3]


def _geometry(shape: tuple[int, int, int, int], form: int) -> tuple[int, int, int]:
    """Return (channels, height, width) of a picture in format `form`."""
    if form <= YUV420_I420:
        return 3, 2 * shape[2] // 3, shape[3]
    if form == RGB_PACKED:
        return shape[3], shape[1], shape[2]
    return shape[1], shape[2], shape[3]


def _check_supported(params: Ai2dParams) -> None:
    if params.shift is not None and params.src_format != RAW16:
        raise NativeAbort("ai2d build: shift is for RAW16 input only")
    if params.src_format == RAW16 or params.dst_format not in (NCHW, RGB_PACKED):
        raise SiliconError(
            "RuntimeError", "ai2d: the virtual board computes neither RAW16 nor YUV output"
        )
    for name, dtype in (("input", params.src_dtype), ("output", params.dst_dtype)):
        if dtype != "uint8":
            raise SiliconError(
                "RuntimeError", f"ai2d: the virtual board computes uint8 only, {name} is {dtype}"
            )
    if params.pad_mode != PAD_CONSTANT and params.pad_mode not in _PAD_MODES:
        raise SiliconError("RuntimeError", f"ai2d: unknown padding mode {params.pad_mode}")
