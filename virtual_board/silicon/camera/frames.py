"""What camera sources and their streams share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

CACHE_BYTES = 64 << 20
PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")


class SourceError(Exception):
    """A camera source that cannot be used; the text is one sentence for the user."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture: uint8 [h, w, 3] RGB, not to be written to; `name` says where it comes from."""

    rgb: Pixels
    name: str


class Stream(Protocol):
    """Gives frames one after the other, for ever."""

    fps: float | None
    """Frames per second of a video or webcam, None where frames have no time of their own."""

    repeats: bool
    """Whether frames of one name are the same picture, so that work on them can be kept."""

    live: bool
    """Whether frames pass by, asked for or not, and the newest is what is wanted."""

    def next(self) -> Frame:
        """Return the next frame; SourceError when there is none."""

    def close(self) -> None:
        """Let go of files and devices."""
