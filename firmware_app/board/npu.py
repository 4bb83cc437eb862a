"""nncase_runtime: ai2d, which scales pictures, and the KPU.

What the vendor's code answers with a dead process is checked here first, in Python. Everything here
raises NpuError or MemoryError.
"""

import gc

import nncase_runtime as nn

from firmware_app.base.errors import NpuError
from firmware_app.board import arrays, memory, vendor

# The hardware's schedule fails, and takes the process with it, for a narrow input with a left pad.
_NARROWEST_PADDED = 33


if 0:  # for type checkers; mpy-cross leaves it out
    from typing import Any

    from firmware_app.package.footprint import Footprint


def _shrink() -> None:
    """Give back what the KPU's pool keeps of dropped tensors."""
    try:
        nn.shrink_memory_pool()
    except Exception as error:
        vendor.passed_on(error)


memory.accounts.give_back = _shrink


def tensor(array) -> "nn.Tensor":
    """Return array (dense uint8) as a tensor in the media memory.

    Raises NpuError, and MemoryShort where the memory does not hold it.
    """
    memory.take(array.size, "a picture")
    return frame_tensor(array)


def frame_tensor(array) -> "nn.Tensor":
    """Return a camera frame's array as a tensor.

    It is wrapped without a copy and without a reference: keep the frame alive and take no snapshot
    of its channel until run() has returned.
    """
    try:
        return nn.from_numpy(array)
    except Exception as error:
        raise vendor.failed(NpuError, "a picture for ai2d", error)


def light(picture: "nn.Tensor") -> "tuple[float, float]":
    """Return (mean, standard deviation) of a tensor's pixels, 0...255."""
    try:
        pixels = picture.to_numpy()
    except Exception as error:
        raise vendor.failed(NpuError, "reading a picture of ai2d's", error)
    return arrays.spread(pixels)


class Scaler:
    """One ai2d set-up: crop, resize (bilinear, half-pixel), constant border, into a tensor of its own."""

    def __init__(
        self, source, target, pads=(0, 0, 0, 0), pad_value: int = 114, region=None, output=None
    ) -> None:
        """source, target: (width, height) in pixels; pads: (top, bottom, left, right) in target pixels.

        region: (x, y, width, height) of the source to take, or None for all of it. output: the
        tensor of another Scaler with the same target, to share it.
        """
        width, height = source
        if region is not None:
            x, y, w, h = region
            if x < 0 or y < 0 or w < 1 or h < 1 or x + w > width or y + h > height:
                raise NpuError(
                    "region: expected a rectangle inside %d x %d, found x %d, y %d, width %d, height %d"
                    % (width, height, x, y, w, h)
                )
        top, bottom, left, right = pads
        taken = region[2] if region is not None else width
        if top + bottom >= target[1] or left + right >= target[0]:
            raise NpuError(
                "nothing is left of the picture inside a border of %d/%d/%d/%d"
                % (top, bottom, left, right)
            )
        self._border = None
        self._inner: "Any" = None  # what ai2d scales into, where there is a border
        shape = [1, 3, target[1], target[0]]
        try:
            ai2d = nn.ai2d()
            ai2d.set_dtype(
                nn.ai2d_format.NCHW_FMT, nn.ai2d_format.NCHW_FMT, arrays.uint8, arrays.uint8
            )
            if region is not None:
                ai2d.set_crop_param(True, region[0], region[1], region[2], region[3])
            if left > 0 and taken < _NARROWEST_PADDED:
                # The border comes in Python, around what ai2d scales.
                self._border = (shape, top, left, pad_value)
                shape = [1, 3, target[1] - top - bottom, target[0] - left - right]
                self._inner = tensor(arrays.dense_uint8(shape))
            elif top or bottom or left or right:
                ai2d.set_pad_param(True, [0, 0, 0, 0, top, bottom, left, right], 0, [pad_value] * 3)
            ai2d.set_resize_param(True, nn.interp_method.tf_bilinear, nn.interp_mode.half_pixel)
            self._ai2d = ai2d
            self._builder = ai2d.build([1, 3, height, width], shape)
            if output is None:
                output = tensor(arrays.dense_uint8([1, 3, target[1], target[0]]))
            self.output = output
        except Exception as error:
            raise vendor.failed(NpuError, "ai2d can't be set up", error)
        self.source = source

    def run(self, source: "nn.Tensor") -> "nn.Tensor":
        """Scale the source tensor; return a tensor of its own, the private copy of the frame."""
        try:
            if self._border is None:
                self._builder.run(source, self.output)
                return self.output
            self._builder.run(source, self._inner)
            shape, top, left, value = self._border
            return tensor(arrays.bordered(self._inner.to_numpy(), shape, top, left, value))
        except Exception as error:
            raise vendor.failed(NpuError, "ai2d", error)


class Turner:
    """Like Scaler for a rotated box: its corners come upright to the corners of the target, bilinear."""

    def __init__(self, source, target, pads, pad_value: int, quad, output=None) -> None:
        """quad: x, y of the corners in source pixels, top left first, clockwise."""
        width, height = source
        top, bottom, left, right = pads
        inner_w = target[0] - left - right
        inner_h = target[1] - top - bottom
        # The affine map of three corners: source (x, y) -> target.
        x0, y0, x1, y1 = quad[0], quad[1], quad[2], quad[3]
        x3, y3 = quad[6], quad[7]
        ux, uy = x1 - x0, y1 - y0
        vx, vy = x3 - x0, y3 - y0
        area = ux * vy - uy * vx
        if not area:
            raise NpuError("a text box without any area")
        if left > 0 and width < _NARROWEST_PADDED:
            raise NpuError("the picture is too narrow for a border on its left: %d pixels" % width)
        a, b = inner_w * vy / area, -inner_w * vx / area
        c, d = -inner_h * uy / area, inner_h * ux / area
        try:
            ai2d = nn.ai2d()
            ai2d.set_dtype(
                nn.ai2d_format.NCHW_FMT, nn.ai2d_format.NCHW_FMT, arrays.uint8, arrays.uint8
            )
            if top or bottom or left or right:
                ai2d.set_pad_param(True, [0, 0, 0, 0, top, bottom, left, right], 0, [pad_value] * 3)
            ai2d.set_affine_param(
                True,
                nn.interp_method.cv2_bilinear,
                0,
                0,
                0,
                1,
                [a, b, -(a * x0 + b * y0), c, d, -(c * x0 + d * y0)],
            )
            self._ai2d = ai2d
            self._builder = ai2d.build([1, 3, height, width], [1, 3, target[1], target[0]])
            if output is None:
                output = tensor(arrays.dense_uint8([1, 3, target[1], target[0]]))
        except Exception as error:
            raise vendor.failed(NpuError, "ai2d can't be set up", error)
        self.output = output

    def run(self, source: "nn.Tensor") -> "nn.Tensor":
        """Cut the box out of the source tensor; return the output tensor."""
        try:
            self._builder.run(source, self.output)
        except Exception as error:
            raise vendor.failed(NpuError, "ai2d", error)
        return self.output


class Model:
    """A kmodel in the KPU."""

    def __init__(self, data, width: int, height: int, needs: "Footprint") -> None:
        """data: the whole .kmodel, its header checked before (kmodel.py), or its path.

        width, height: of its input, pixels. needs: what it takes of the media memory; code that
        makes it has asked memory.need_models().
        """
        self._data = data  # the runtime reads from it for as long as the model lives
        self.needs = needs
        self._promised = False
        try:
            self._kpu = nn.kpu()
        except Exception as error:
            raise vendor.failed(NpuError, "the KPU", error)
        kpu = self._kpu
        expected = 3 * width * height
        try:
            kpu.load_kmodel(data)
            inputs = kpu.inputs_size()
            if inputs != 1:
                raise NpuError("expected a kmodel with 1 input, found %d" % inputs)
            input_bytes = kpu.inputs_desc(0)["tensor_size"]
            if input_bytes != expected:
                raise NpuError(
                    "img_size: expected the kmodel's input of %d bytes, found %d x %d x 3 = %d bytes"
                    % (input_bytes, width, height, expected)
                )
            self.outputs = kpu.outputs_size()
            if self.outputs < 1:
                raise NpuError("expected a kmodel with outputs, found none")
            self._numbers = tuple(range(self.outputs))
            self.output_bytes = sum(
                [kpu.outputs_desc(i)["tensor_size"] for i in range(self.outputs)]
            )
        except Exception as error:
            self.release()
            raise vendor.failed(NpuError, "the KPU refuses the kmodel", error)
        memory.accounts.works.append(needs.work)
        self._promised = True
        memory.look_again()

    def run(self, source: "nn.Tensor") -> list:
        """Run on an input tensor; return the output arrays (float32). Holds the interpreter."""
        kpu = self._kpu
        try:
            kpu.set_input_tensor(0, source)
            kpu.run()
            if self.outputs == 1:
                return [kpu.get_output_tensor(0).to_numpy()]
            tensor_of = kpu.get_output_tensor
            return [tensor_of(number).to_numpy() for number in self._numbers]
        except Exception as error:
            raise vendor.failed(NpuError, "the KPU", error)

    def release(self) -> None:
        """Give the model's memory back."""
        if self._kpu is not None:
            try:
                self._kpu.__del__()  # the one finaliser that may be called by hand
            except Exception as error:
                vendor.passed_on(error)  # else: the memory is lost until the next start
            self._kpu = None  # type: ignore[assignment]  # nothing is called after it
            self._data = None
            if self._promised:
                self._promised = False
                memory.accounts.works.remove(self.needs.work)
            gc.collect()
            _shrink()
            memory.look_again()
