"""Picture files as a camera source."""

from __future__ import annotations

import logging
from pathlib import Path

from virtual_board.silicon.base.lru import ByteLru
from virtual_board.silicon.camera.codec import read_rgb
from virtual_board.silicon.camera.frames import CACHE_BYTES, PICTURE_SUFFIXES, Frame, SourceError

_log = logging.getLogger(__name__)


class SinglePicture:
    """The same picture again and again."""

    fps: float | None = None
    repeats = True
    live = False

    def __init__(self, path: Path) -> None:
        try:
            rgb = read_rgb(str(path))
        except ValueError as error:
            raise SourceError(f"camera picture {path}: {error}") from None
        rgb.flags.writeable = False
        self._frame = Frame(rgb, path.name)

    def next(self) -> Frame:
        """Return the picture."""
        return self._frame

    def close(self) -> None:
        """Nothing is open."""


class PictureFolder:
    """The pictures of a folder (not of its subfolders) in name order, over and over.

    Names are compared character by character: frame_10 comes before frame_2. A picture that cannot
    be read is skipped, with one warning in the log and in `warnings`; none left is an error. The
    folder is listed once. Decoded pictures are kept up to 64 MiB.
    """

    fps: float | None = None
    repeats = True
    live = False

    def __init__(self, folder: Path) -> None:
        self.warnings: list[str] = []
        self._folder = folder
        try:
            paths = [path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES]
        except OSError as error:
            raise SourceError(f"camera folder {folder}: {error.strerror}") from None
        if not paths:
            raise SourceError(
                f"camera folder {folder}: no pictures in it ({', '.join(PICTURE_SUFFIXES)} count)"
            )
        self._paths = sorted(paths, key=lambda path: path.name)
        self._position = 0
        self._decoded: ByteLru[Frame] = ByteLru(CACHE_BYTES)
        self._read(self._paths[0])  # an unusable folder is said at the start, not at frame 1

    def next(self) -> Frame:
        """Return the next readable picture."""
        while True:
            self._position %= len(self._paths)
            frame = self._read(self._paths[self._position])
            if frame is not None:
                self._position += 1
                return frame

    def close(self) -> None:
        """Nothing is open."""

    def _read(self, path: Path) -> Frame | None:
        frame = self._decoded.get(path)
        if frame is not None:
            return frame
        try:
            rgb = read_rgb(str(path))
        except ValueError as error:
            self._skip(path, str(error))
            return None
        rgb.flags.writeable = False
        frame = Frame(rgb, path.name)
        self._decoded.put(path, frame, rgb.nbytes)
        return frame

    def _skip(self, path: Path, reason: str) -> None:
        warning = f"camera picture {path} skipped: {reason}"
        self.warnings.append(warning)
        _log.warning("%s", warning)
        self._paths.remove(path)
        if not self._paths:
            raise SourceError(
                f"camera folder {self._folder}: none of its pictures can be read; "
                f"{path.name}: {reason}"
            )
