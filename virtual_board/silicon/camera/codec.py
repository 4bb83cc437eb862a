"""Picture files: decode and encode as the board's `image` module does, or exactly."""

from __future__ import annotations

import io
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from virtual_board.silicon.base.errors import SiliconError
from virtual_board.silicon.camera import pixels

Pixels = NDArray[np.uint8]

BOARD_FORMATS = ("JPEG", "PNG", "BMP")
MAX_PIXELS = 64_000_000


def read_rgb(source: bytes | memoryview | str, *, formats: tuple[str, ...] | None = None) -> Pixels:
    """Return the exact picture, uint8 [h, w, 3], from file bytes or a path.

    Orientation tags are ignored and transparency is dropped, as by the board. Raises ValueError
    with a sentence without the file's name.
    """
    file = source if isinstance(source, str) else io.BytesIO(source)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            with Image.open(file, formats=formats) as opened:
                width, height = opened.size
                if width * height > MAX_PIXELS:
                    raise ValueError(f"{width}x{height} is more than {MAX_PIXELS} pixels")
                return _rgb(opened)
        except UnidentifiedImageError:
            known = f" ({', '.join(formats)})" if formats else ""
            raise ValueError(f"not a picture that can be read{known}") from None
        except (OSError, SyntaxError, Image.DecompressionBombError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise ValueError(f"cannot be decoded: {reason}") from None


def _rgb(opened: Image.Image) -> Pixels:
    if opened.mode.startswith("I") or opened.mode == "F":
        # 16 bits a pixel: Pillow would clip instead of scale.
        grey = (np.asarray(opened.convert("I")) >> 8).clip(0, 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    return np.array(opened.convert("RGB"))


def decode_rgb565(data: bytes | memoryview) -> Pixels:
    """Return [h, w, 2] RGB565, what `image.Image(path)` holds after reading a JPEG, PNG or BMP.

    The board has a JPEG decoder of its own: single values may differ by a step from these.
    """
    try:
        return pixels.to_rgb565(read_rgb(data, formats=BOARD_FORMATS))
    except ValueError as error:
        raise SiliconError("OSError", f"picture: {error}") from None


def encode_jpeg(rgb: Pixels, quality: int = 90) -> bytes:
    """Return JPEG bytes of [h, w, 3] RGB or [h, w] grey; quality 1 to 100.

    The board's encoder goes through RGB565; see `through_rgb565`.
    """
    if not 1 <= quality <= 100:
        raise SiliconError("ValueError", f"quality: expected 1 to 100, found {quality}")
    file = io.BytesIO()
    picture = Image.fromarray(np.ascontiguousarray(rgb))
    picture.save(file, "JPEG", quality=quality, subsampling=_subsampling(quality))
    return file.getvalue()


def _subsampling(quality: int) -> str:
    """Chroma resolution by quality, as the board's encoder chooses it when left alone."""
    if quality >= 60:
        return "4:4:4"
    return "4:2:2" if quality >= 36 else "4:2:0"


def through_rgb565(rgb: Pixels) -> Pixels:
    """Return the picture after the board's lossy way through RGB565 (`to_rgb888`, JPEG)."""
    return pixels.from_rgb565(pixels.to_rgb565(rgb))
