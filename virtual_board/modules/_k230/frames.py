"""Camera frames: they stay in the silicon and die with the next snapshot of their channel.

A frame's pixels come to the interpreter only when a script looks at them. Every look at a frame
that is gone ends the process, as touching unmapped memory does on the board.
"""

from _k230 import silicon

try:
    from ulab import _array  # the stand-in
except ImportError:
    _array = None  # the real ulab is built in
from ulab import numpy as np

_KEPT = 2  # arrays remembered for each channel: of the frame and of the one before
_POISON = 0xDB
_STEP = 65536

_arrays = {}  # (camera, channel) -> [(array, frame), newest last]


class Frame:
    """A picture in the silicon: width x height pixels, `form` is how image names its format."""

    def __init__(
        self, camera: int, channel: int, number: int, width: int, height: int, form: int
    ) -> None:
        self.camera = camera
        self.channel = channel
        self.number = number
        self.width = width
        self.height = height
        self.form = form
        self._gone = None
        self._pixels = None

    def release(self, what: str = "snapshot()") -> None:
        """The memory goes back to the camera."""
        self._gone = what
        if self._pixels is not None:
            # What the script may still hold shows rubbish, as another picture's memory would.
            view = memoryview(self._pixels)
            rubbish = bytes([_POISON]) * _STEP
            for at in range(0, len(view), _STEP):
                part = view[at : at + _STEP]
                part[:] = rubbish[: len(part)]
        self._pixels = None

    def check(self) -> None:
        """End the process when the frame is gone."""
        if self._gone is not None:
            silicon.die(
                "frame %d of channel %d was read after %s had freed it"
                % (self.number, self.channel, self._gone)
            )

    def changed(self) -> None:
        """The frame was drawn on: what the interpreter has of it is read again."""
        if self._pixels is not None:
            self._pixels[:] = silicon.call("camera.pixels", self.reference())[1][0]

    def reference(self):
        """Return what stands for the frame in calls of the silicon."""
        self.check()
        return ["frame", self.camera, self.channel, self.number]

    def pixels(self):
        """Return the pixels as a bytearray, fetched at the first look."""
        self.check()
        if self._pixels is None:
            self._pixels = silicon.call("camera.pixels", self.reference())[1][0]
        return self._pixels


def array_of(frame: Frame, shape):
    """Return the frame as an array of shape, uint8; the same one at each call."""
    frame.check()
    known = _arrays.setdefault((frame.camera, frame.channel), [])
    for array, owner in known:
        if owner is frame:
            return array
    if _array is not None:
        array = _lazy(frame, shape)
    else:
        array = np.frombuffer(frame.pixels(), dtype=np.uint8).reshape(shape)
    known.append((array, frame))
    if len(known) > _KEPT:
        known.pop(0)
    return array


def frame_of(array):
    """Return the frame that this array belongs to, or None."""
    for known in _arrays.values():
        for item, frame in known:
            if item is array:
                return frame
    return None


if _array is not None:

    class _FrameArray(_array.ndarray):
        """A dense array that fetches its elements when something reads them.

        It has no buffer protocol until then; copy(), slices and all operations work.
        """

        def __new__(cls, *_):
            return object.__new__(cls)

        def __init__(self, frame: Frame, shape) -> None:
            self._frame = frame
            self._d = _array.UINT8
            self._b = False
            self._s = shape
            self._t = _array.strides_of(shape)
            self._o = 0
            self._n = _array.product(shape)

        @property
        def _m(self):
            return memoryview(self._frame.pixels())

        def _whole(self):
            return _array.view(self, self._s, self._t, 0)

        def reshape(self, shape):
            return self._whole().reshape(shape)

        def copy(self):
            return self._whole().copy()

        def tobytes(self):
            return self._whole().tobytes()

    def _lazy(frame: Frame, shape):
        return _FrameArray(frame, shape)
