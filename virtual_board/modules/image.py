"""The board's image module: pictures of the camera, of files and made ones.

Covers what vision scripts use: reading and writing pictures, formats, copies, JPEG, simple
drawing. OpenMV's machine-vision functions are not here. Pixels are worked on in the silicon;
a camera frame's stay there, a made image's lie in the interpreter.
"""

from _k230 import absent as _absent
from _k230 import frames as _frames
from _k230 import silicon as _silicon
from ulab import numpy as np

BINARY = 1
GRAYSCALE = 2
RGB565 = 3
JPEG = 9
PNG = 10
ARGB8888 = 11
RGB888 = 12
RGBP888 = 13
YUV420 = 14

ALLOC_MPGC = 0
ALLOC_HEAP = 1
ALLOC_MMZ = 2
ALLOC_VB = 3
ALLOC_REF = 4

_MAX_STROKES = 200

_NAMES = {
    GRAYSCALE: "GRAYSCALE",
    RGB565: "RGB565",
    ARGB8888: "ARGB8888",
    RGB888: "RGB888",
    RGBP888: "RGBP888",
    YUV420: "YUV420SP",
}
_FORMS = {
    "GRAYSCALE": GRAYSCALE,
    "RGB565": RGB565,
    "ARGB8888": ARGB8888,
    "RGB888": RGB888,
    "RGBP888": RGBP888,
    "YUV420SP": YUV420,
    "JPEG": JPEG,
    "PNG": PNG,
}


def _bytes_of(form: int, width: int, height: int) -> int:
    if form == GRAYSCALE:
        return width * height
    if form == RGB565:
        return width * height * 2
    if form in (RGB888, RGBP888):
        return width * height * 3
    if form == ARGB8888:
        return width * height * 4
    if form == YUV420:
        return width * height * 3 // 2
    raise ValueError("invalid image format")


def of_frame(frame):
    """Return the image of a camera frame."""
    made = object.__new__(Image)
    made._set(frame.width, frame.height, frame.form, None, frame)
    return made


def _made(answer):
    (form, width, height), blobs = answer
    made = object.__new__(Image)
    made._set(width, height, _FORMS[form], blobs[0], None)
    return made


class Image:
    """A picture: Image(path), or Image(width, height, format, alloc=, data=)."""

    def __new__(cls, *_, **__):
        return object.__new__(cls)

    def __init__(
        self, source, height: int = 0, form: int = RGB565, *, alloc: int = ALLOC_MMZ, data=None, **_
    ) -> None:
        if isinstance(source, str):
            try:
                with open(source, "rb") as file:
                    encoded = file.read()
            except OSError as error:
                raise OSError(error.errno)
            (name, width, height), blobs = _silicon.call("image.decode", [], [encoded])
            self._set(width, height, _FORMS[name], blobs[0], None)
            return
        size = _bytes_of(form, source, height)
        pixels = None
        if data is None:
            if alloc == ALLOC_REF:
                raise ValueError("ALLOC_REF needs data")
        else:
            pixels = _pixels_of(data)
            if len(pixels) < size:
                raise ValueError("expected %d bytes of data, found %d" % (size, len(pixels)))
            if len(pixels) > size:
                pixels = pixels[:size]
        self._set(source, height, form, pixels, None)

    def __getattr__(self, name: str):
        raise _absent.attribute("Image", name, _absent.PICTURE)

    def _set(self, width: int, height: int, form: int, pixels, frame) -> None:
        self._width = width
        self._height = height
        self._form = form
        self._raw = pixels  # None: all zero, not looked at yet
        self._frame = frame
        self._strokes = []  # drawn, not yet seen by anybody

    @property
    def _pixels(self):
        """The image's own memory, with everything drawn."""
        if self._raw is None:
            self._raw = bytearray(_bytes_of(self._form, self._width, self._height))
        if self._strokes:
            picture = ["pixels", _NAMES[self._form], self._width, self._height]
            drawn = _silicon.call("image.draw", [picture, self._strokes], [self._raw])[1][0]
            self._strokes = []
            self._raw[:] = drawn  # in place: arrays made by to_numpy_ref() see it
        return self._raw

    def _picture(self, blobs):
        """Return what stands for the picture in a call of the silicon."""
        if self._frame is not None:
            return self._frame.reference()
        blobs.append(self._pixels)
        return ["pixels", _NAMES.get(self._form, "JPEG"), self._width, self._height]

    def _ask(self, op: str, args):
        blobs = []
        picture = self._picture(blobs)
        return _silicon.call("image." + op, [picture, args], blobs)

    # -- what it says about itself

    def width(self) -> int:
        return self._width

    def height(self) -> int:
        return self._height

    def format(self) -> int:
        return self._form

    def size(self) -> int:
        if self._form in (JPEG, PNG):
            return len(self._pixels)
        return _bytes_of(self._form, self._width, self._height)

    def bytearray(self):
        """Return the image's own memory: an encoded picture's bytes, or the pixels."""
        return self._frame.pixels() if self._frame is not None else self._pixels

    def __len__(self) -> int:
        return self.size()

    def to_numpy_ref(self):
        """Return the pixels as an array that is the image's memory, not a copy."""
        width, height = self._width, self._height
        shapes = {
            RGBP888: (3, height, width),
            RGB888: (height, width, 3),
            RGB565: (height, width, 2),
            ARGB8888: (height, width, 4),
            GRAYSCALE: (height, width),
        }
        if self._form not in shapes:
            raise ValueError("image format not support")
        shape = shapes[self._form]
        if self._frame is not None:
            return _frames.array_of(self._frame, shape)
        return np.frombuffer(self._pixels, dtype=np.uint8).reshape(shape)

    # -- other formats

    def _convert(self, form: int, options):
        return _made(self._ask("convert", [_NAMES[form], _scale(options)]))

    def to_rgb888(self, **options):
        return self._convert(RGB888, options)

    def to_rgb565(self, **options):
        return self._convert(RGB565, options)

    def to_grayscale(self, **options):
        return self._convert(GRAYSCALE, options)

    def to_jpeg(self, quality: int = 90, **options):
        """Return the picture encoded as JPEG, the interpreter held."""
        if self._form == JPEG:
            return self
        if self._form in (RGBP888, YUV420):
            raise ValueError("%s frames make broken JPEG files on the board" % _NAMES[self._form])
        return _made(self._ask("jpeg", [quality]))

    compressed = to_jpeg

    def compress(self, quality: int = 90, **options):
        """Encode in place."""
        made = self.to_jpeg(quality)
        self._set(made._width, made._height, JPEG, made._pixels, None)
        return self

    def compressed_for_ide(self, quality: int = 90, **options):
        return self.to_jpeg(quality)

    compress_for_ide = compress

    # -- copies

    def copy(self, *_, roi=None, **options):
        return _made(self._ask("copy", [list(roi) if roi is not None else None, _scale(options)]))

    crop = copy
    scale = copy

    def copy_to(self, other) -> None:
        """Copy the pixels into an image or a dense array of the same size."""
        target = other._pixels if isinstance(other, Image) else memoryview(other)
        target[:] = self.bytearray()

    def save(self, path: str, *_, quality: int = 90, **options):
        """Write the picture to a file; its name's end says the format."""
        if self._form == JPEG:
            data = self._pixels
        else:
            data = self._ask("encode", [path, quality])[1][0]
        with open(path, "wb") as file:
            file.write(data)
        return self

    def copy_from(self, other):
        """Take over the pixels of an image of the same size and format."""
        if other.size() != self.size():
            raise ValueError(
                "expected an image of %d bytes, found %d" % (self.size(), other.size())
            )
        self._strokes = []
        self._pixels[:] = other.bytearray()
        return self

    def clear(self):
        """Make all pixels zero."""
        self._strokes = []
        if self._frame is not None:
            self._draw("clear", [])
        elif self._raw is not None:
            self._raw[:] = bytes(len(self._raw))
        return self

    # -- drawing

    def _draw(self, op: str, args):
        if self._frame is not None:
            self._ask("draw", [[op, args]])
            self._frame.changed()
            return self
        if self._form not in _NAMES:
            raise ValueError("drawing on a compressed image")
        self._strokes.append([op, args])
        if len(self._strokes) >= _MAX_STROKES:
            _ = self._pixels  # looking at them draws the strokes
        return self

    def draw_rectangle(
        self, *args, color=(255, 255, 255), thickness: int = 1, fill: bool = False, **_
    ):
        x, y, w, h, rest = _numbers(args, 4)
        return self._draw("rectangle", [[x, y, w, h], _color(rest, color), thickness, bool(fill)])

    def draw_line(self, *args, color=(255, 255, 255), thickness: int = 1, **_):
        a, b, c, d, rest = _numbers(args, 4)
        return self._draw("line", [[a, b, c, d], _color(rest, color), thickness, False])

    def draw_circle(
        self, *args, color=(255, 255, 255), thickness: int = 1, fill: bool = False, **_
    ):
        x, y, r, rest = _numbers(args, 3)
        return self._draw("circle", [[x, y, r], _color(rest, color), thickness, bool(fill)])

    def draw_cross(self, *args, color=(255, 255, 255), size: int = 5, thickness: int = 1, **_):
        x, y, _ = _numbers(args, 2)
        self.draw_line(x - size, y, x + size, y, color=color, thickness=thickness)
        return self.draw_line(x, y - size, x, y + size, color=color, thickness=thickness)

    def draw_string(self, x: int, y: int, text, color=(255, 255, 255), scale: float = 1, **_):
        return self._draw("string", [[x, y], _color((), color), scale * 10, str(text)])

    def draw_string_advanced(
        self, x: int, y: int, size: int, text, color=(255, 255, 255), font=None, **_
    ):
        return self._draw("string", [[x, y], _color((), color), size, str(text)])

    def draw_image(self, other, x: int = 0, y: int = 0, **_):
        blobs = []
        picture = self._picture(blobs)
        second = other._picture(blobs)
        data = _silicon.call("image.paste", [picture, second, x, y], blobs)[1]
        if self._frame is None:
            self._pixels[:] = data[0]
        else:
            self._frame.changed()
        return self


def _numbers(args, count: int):
    """Return count numbers given one by one or as a tuple, and the arguments behind them."""
    if args and isinstance(args[0], (tuple, list)):
        args = tuple(args[0]) + tuple(args[1:])
    if len(args) < count:
        raise TypeError("expected %d numbers, found %d" % (count, len(args)))
    return [int(value) for value in args[:count]] + [args[count:]]


def _color(rest, color):
    if rest:
        color = rest[0]
    if isinstance(color, int):
        return [color, color, color]
    return [int(part) for part in color]


def _scale(options):
    return [options.get("x_scale", 1.0), options.get("y_scale", 1.0)]


def _pixels_of(data):
    if isinstance(data, (bytes, bytearray)):
        return bytearray(data)
    return bytearray(data.tobytes()) if hasattr(data, "tobytes") else bytearray(data)


def __getattr__(name: str):
    raise _absent.attribute("image", name, _absent.IMAGE)
