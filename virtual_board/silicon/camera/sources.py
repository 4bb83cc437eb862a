"""Camera sources: what stands before the virtual board's lens.

`open_source` takes a folder of pictures (name order, looping), one picture, a video file
(looping), `webcam`, `webcam:1`, a `/dev/videoN`, `synthetic` or `synthetic:640x480`; `none` is a
board without a camera. A
`?fit=stretch`, `?fit=pad` or `?fit=crop` at the end says how frames reach the size a channel
wants; stretch is the default.
Missing things and bad specs raise SourceError with one sentence.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from virtual_board.silicon.base.lru import ByteLru
from virtual_board.silicon.camera.frames import (
    CACHE_BYTES,
    PICTURE_SUFFIXES,
    Frame,
    Pixels,
    SourceError,
    Stream,
)
from virtual_board.silicon.camera.picture_files import PictureFolder, SinglePicture
from virtual_board.silicon.camera.synthetic import Synthetic
from virtual_board.silicon.camera.video import Video, Webcam

__all__ = ["FITS", "Frame", "Source", "SourceError", "fit_picture", "open_source"]

FITS = ("stretch", "pad", "crop")
_OPTIONS = re.compile(r"\?(\w+)=([^?=]*)$")
_SIZE = re.compile(r"(\d+)x(\d+)")


class Source:
    """A stream, and how its frames are made to fit."""

    def __init__(self, stream: Stream, *, fit: str = "stretch") -> None:
        self._stream = stream
        self._fitted: ByteLru[Pixels] = ByteLru(CACHE_BYTES)
        self.fit = fit

    @property
    def missing(self) -> bool:
        """Whether there is no camera at all."""
        return isinstance(self._stream, NoCamera)

    @property
    def fps(self) -> float | None:
        """The stream's own frame rate, or None."""
        return self._stream.fps

    @property
    def repeats(self) -> bool:
        """Whether pictures come back under their names."""
        return self._stream.repeats

    @property
    def live(self) -> bool:
        """Whether pictures pass by, asked for or not."""
        return self._stream.live

    def next(self) -> Frame:
        """Return the next frame in its own size."""
        return self._stream.next()

    def fitted(self, frame: Frame, width: int, height: int) -> Pixels:
        """Return the frame's picture as [height, width, 3]; untouched when it has that size.

        Pictures that come back, as in a looping folder, are fitted once.
        """
        if frame.rgb.shape[:2] == (height, width):
            return frame.rgb
        if not self._stream.repeats:
            return fit_picture(frame.rgb, width, height, self.fit)
        key = (frame.name, width, height)
        made = self._fitted.get(key)
        if made is None:
            made = fit_picture(frame.rgb, width, height, self.fit)
            self._fitted.put(key, made, made.nbytes)
        return made

    def close(self) -> None:
        """Let go of files and devices."""
        self._stream.close()


class NoCamera:
    """Nothing is plugged into the board's connector."""

    fps: float | None = None
    repeats = False
    live = False

    def next(self) -> Frame:
        """There is never a frame."""
        raise SourceError("there is no camera")

    def close(self) -> None:
        """There is nothing to let go of."""


def open_source(spec: str) -> Source:
    """Return the source that `spec` names (see the module); SourceError when it cannot be used."""
    place, fit = _split(spec)
    if place == "none":
        return Source(NoCamera(), fit=fit)
    if place == "synthetic" or place.startswith("synthetic:"):
        return Source(Synthetic(*_synthetic_size(place)), fit=fit)
    if place == "webcam" or re.fullmatch(r"webcam:\d+|/dev/video\d+", place):
        number = re.search(r"\d+$", place)
        return Source(Webcam(int(number.group()) if number else 0), fit=fit)
    path = Path(place).expanduser()
    if place and path.is_dir():
        return Source(PictureFolder(path), fit=fit)
    if not place or not path.exists():
        raise SourceError(
            f"camera source {place!r}: no such file or folder "
            "(a picture folder, a picture, a video, webcam, webcam:N, synthetic or none)"
        )
    stream: Callable[[Path], Stream] = Video
    if path.suffix.lower() in PICTURE_SUFFIXES:
        stream = SinglePicture
    return Source(stream(path), fit=fit)


def fit_picture(rgb: Pixels, width: int, height: int, fit: str) -> Pixels:
    """Return `rgb` as [height, width, 3], smoothly scaled.

    `stretch` ignores the aspect ratio, `pad` keeps it and adds black on both sides, `crop` keeps it
    and cuts both sides off.
    """
    own_height, own_width = rgb.shape[:2]
    picture = Image.fromarray(rgb)
    if fit == "stretch":
        return np.asarray(
            picture.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
        )
    choose = min if fit == "pad" else max
    ratio = choose(width / own_width, height / own_height)
    if fit == "crop":
        box_w, box_h = min(width / ratio, own_width), min(height / ratio, own_height)
        left, top = (own_width - box_w) / 2, (own_height - box_h) / 2
        box = (left, top, left + box_w, top + box_h)
        return np.asarray(
            picture.resize((width, height), Image.Resampling.BILINEAR, box=box, reducing_gap=2.0)
        )
    inner = (max(1, round(own_width * ratio)), max(1, round(own_height * ratio)))
    made = np.zeros((height, width, 3), np.uint8)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    made[top : top + inner[1], left : left + inner[0]] = np.asarray(
        picture.resize(inner, Image.Resampling.BILINEAR, reducing_gap=2.0)
    )
    return made


def _split(spec: str) -> tuple[str, str]:
    found = _OPTIONS.search(spec)
    if not found:
        return spec, "stretch"
    key, value = found.groups()
    if key != "fit" or value not in FITS:
        raise SourceError(
            f"camera source {spec!r}: expected ?fit= with one of {', '.join(FITS)}, "
            f"found ?{key}={value}"
        )
    return spec[: found.start()], value


def _synthetic_size(place: str) -> tuple[int, int]:
    _, _, text = place.partition(":")
    if not text:
        return 1280, 720
    size = _SIZE.fullmatch(text)
    width, height = (int(size[1]), int(size[2])) if size else (0, 0)
    if not (16 <= width <= 8192 and 16 <= height <= 8192):
        raise SourceError(
            f"camera source {place!r}: expected a size like 1280x720 (16 to 8192), found {text!r}"
        )
    return width, height
