"""Prepare pictures for the board: decoded planes R, G, B in sequence.

Pillow decodes them. The EXIF orientation is NOT applied, because the board's decoder and the
vendor's scripts ignore it: coordinates are those of the stored pixels.
"""

from __future__ import annotations

import io
import math
import warnings
from os import PathLike
from typing import Any, NamedTuple

from PIL import Image, UnidentifiedImageError

from firmware_app.wire.messages import MAX_PIXELS
from host_client.base.exceptions import PictureError
from host_client.base.wording import reason

MAX_SIDE = 8192  # pixels that a board accepts: docs/protocol.md, section 5

PictureSource = str | PathLike[str] | bytes | bytearray | memoryview | Image.Image | Any


class Picture(NamedTuple):
    """A decoded picture. planes: 3 * width * height bytes. name: its path, or None.

    A picture with more pixels than a board accepts is shrunk. scale_x, scale_y: source / sent size.
    """

    width: int
    height: int
    planes: bytes
    name: str | None
    scale_x: float = 1.0
    scale_y: float = 1.0


def load_picture(source: PictureSource) -> Picture:
    """Return a picture from a Picture, path, encoded bytes, Pillow image or array.

    Arrays are uint8 of shape (height, width, 3) RGB, or (height, width) grey.
    Raises PictureError with what was expected and what was found.
    """
    if isinstance(source, Picture):
        return source
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _planes(_decode(io.BytesIO(source), "the bytes given"), None)
    if isinstance(source, Image.Image):
        return _planes(source, None)
    if isinstance(source, (str, PathLike)):
        name = str(source)
        return _planes(_decode(name, name), name)
    if hasattr(source, "__array_interface__"):
        return _planes(_from_array(source), None)
    raise PictureError(
        "a picture is a path, encoded bytes, a Pillow image or a uint8 array, "
        f"found {type(source).__name__}"
    )


def open_rgb(path: str | PathLike[str] | bytes) -> Image.Image:
    """Decode a picture file, or its content, to RGB in its own size; raises PictureError."""
    if isinstance(path, bytes):
        return _rgb(_decode(io.BytesIO(path), "the picture"), "the picture")
    name = str(path)
    return _rgb(_decode(name, name), name)


def _decode(file: Any, name: str) -> Image.Image:
    try:
        with warnings.catch_warnings():
            # Refuse a picture of absurd size before it fills the memory.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file) as image:
                image.load()
                copy: Image.Image = image.copy()
                return copy
    except FileNotFoundError as error:
        raise PictureError(f"{name}: can't be read: {reason(error)}") from error
    except IsADirectoryError as error:
        raise PictureError(f"{name} is a folder, expected a picture") from error
    except UnidentifiedImageError as error:
        raise PictureError(
            f"{name}: expected a picture, found a file that Pillow can't read"
        ) from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise PictureError(f"{name}: too many pixels ({error})") from error
    except Exception as error:  # decoders raise nearly anything for damaged files
        raise PictureError(f"{name}: can't be decoded: {error}") from error


def _from_array(source: Any) -> Image.Image:
    interface = source.__array_interface__
    shape = tuple(interface.get("shape", ()))
    kind = interface.get("typestr", "?")
    grey = len(shape) == 2
    if kind != "|u1" or not (grey or (len(shape) == 3 and shape[2] == 3)) or 0 in shape:
        raise PictureError(
            "an array must be uint8 of shape (height, width, 3) or (height, width), "
            f"found {kind} of shape {shape}"
        )
    return Image.fromarray(source)


def _rgb(image: Image.Image, name: str) -> Image.Image:
    try:
        image = _eight_bits(image, name)
        return image if image.mode == "RGB" else image.convert("RGB")
    except PictureError:
        raise
    except (
        Exception
    ) as error:  # a mode without conversion to RGB, or a damaged file that is read only now
        raise PictureError(f"{name}: can't be decoded: {error}") from error


def _eight_bits(image: Image.Image, name: str) -> Image.Image:
    """Convert a grey picture of 16 or 32 bits to 8 bits a pixel; Pillow would clip, not scale.

    16 bits: the upper 8 are kept. 32 bits: integers 0…255 or 0…65535, fractions 0…1 or 0…255.
    """
    if image.mode.startswith("I;16"):
        # Pillow has all operations only for this computer's byte order.
        return image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    if image.mode not in ("I", "F"):
        return image
    extrema: Any = image.getextrema()
    lowest, highest = extrema
    for limit, factor in (
        ((1, 255), (255, 1)) if image.mode == "F" else ((255, 1), (65535, 1 / 256))
    ):
        if lowest >= 0 and highest <= limit:
            return image.point(lambda value, factor=factor: value * factor).convert("L")
    expected = "numbers 0 to 1 or 0 to 255" if image.mode == "F" else "whole numbers 0 to 65535"
    raise PictureError(
        f"{name}: pixels of 32 bits: expected {expected}, found {lowest:g} to {highest:g}"
    )


def _planes(image: Image.Image, name: str | None) -> Picture:
    rgb = _rgb(image, name or "the picture given")
    width, height = rgb.size
    if not width or not height:
        raise PictureError(f"{name or 'the picture given'} has no pixels")
    shrink = min(1.0, math.sqrt(MAX_PIXELS / (width * height)), MAX_SIDE / max(width, height))
    if shrink < 1:
        sent = (max(1, int(width * shrink)), max(1, int(height * shrink)))
        rgb = rgb.resize(
            sent, Image.Resampling.BOX
        )  # each pixel becomes the mean of the area it covers
    planes = b"".join(band.tobytes() for band in rgb.split())
    return Picture(*rgb.size, planes, name, width / rgb.width, height / rgb.height)
