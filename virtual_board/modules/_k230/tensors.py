"""Tensors of nncase_runtime: local copies, camera frames, or contents that stay in the silicon.

What ai2d and the KPU write never comes to the interpreter until to_numpy() asks for it; calls of
the silicon name it by number. The silicon keeps a bounded number of contents (the newest ones), as
nothing tells it when the interpreter has dropped a tensor.
"""

from ulab import numpy as np

from _k230 import frames, media, silicon

try:
    from ulab import _array
except ImportError:
    _array = None  # an interpreter with the real one

_MAX_DIMS = 4  # ulab's; more run over its tables

# ulab's type codes and the names that the silicon uses.
_NAMES = {66: "uint8", 98: "int8", 72: "uint16", 104: "int16", 102: "float32"}
_CODES = {"uint8": 66, "int8": 98, "uint16": 72, "int16": 104, "float32": 102, "bool": 66}


def _copy(data, code: int, shape):
    """Return a new array of the bytes."""
    if _array is not None and len(data):
        return _array.new(code, False, shape, data)
    return np.frombuffer(data, dtype=code).reshape(shape).copy()


class runtime_tensor:
    """A tensor; made by from_numpy(), get_input_tensor() and get_output_tensor()."""

    def __init__(self, dtype: str, shape, data=None, frame=None, number: int = 0) -> None:
        self._dtype = dtype
        self._shape = shape
        self._data = data  # bytes of a local copy
        self._frame = frame  # a camera frame, used in place
        self._number = number  # contents in the silicon
        self._block = None  # the media memory that it keeps

    def _reference(self, blobs):
        """Return what stands for the contents in a call; appends them to blobs where they travel."""
        if self._frame is not None:
            return self._frame.reference() + [self._shape]
        if self._number:
            return ["tensor", self._number]
        blobs.append(self._data)
        return ["data", self._dtype, self._shape]

    def _becomes(self, number: int) -> None:
        """The silicon wrote the contents."""
        self._number = number
        self._data = None
        self._frame = None

    def to_numpy(self):
        """Return a copy as an array."""
        if len(self._shape) > _MAX_DIMS or self._dtype not in _CODES:
            silicon.die(
                "to_numpy() of a tensor %s %s: ulab has no such array"
                % (self._dtype, list(self._shape))
            )
        if self._number:
            data = silicon.call("tensor.read", [self._number], (), True)[1][0]
        elif self._frame is not None:
            data = self._frame.pixels()
        else:
            data = self._data
        return _copy(data, _CODES[self._dtype], self._shape if self._shape else (1,))

    def __del__(self) -> None:
        silicon.die(
            "tensor.__del__() was called: the finaliser frees the tensor a second time; drop it with del"
        )


def from_numpy(array):
    """Return a tensor: a copy of array, or the frame itself where array is a frame's.

    A frame's tensor lives as long as the frame: take no snapshot of its channel before run().
    """
    frame = frames.frame_of(array)
    if frame is not None:
        frame.check()
        return runtime_tensor("uint8", tuple(array.shape), frame=frame)
    try:
        code = array.dtype
        shape = tuple(array.shape)
    except AttributeError:
        silicon.die("nn.from_numpy() of %s: it reads any object as an array" % type(array).__name__)
    if code not in _NAMES:
        silicon.abort("nn.from_numpy(): unsupported data type %s" % code)
    try:
        data = array.tobytes()
    except ValueError:
        silicon.die(
            "nn.from_numpy() of a view that is not dense (.T, a column slice, a step): its strides are "
            "ignored, the tensor holds the wrong elements; use array.copy()"
        )
    tensor = runtime_tensor(_NAMES[code], shape, data=bytes(data))
    tensor._block = media.block(len(data), "nn.from_numpy()")
    return tensor
