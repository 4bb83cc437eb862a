"""Video files and webcams through OpenCV."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import cv2
import numpy as np

from virtual_board.silicon.camera.frames import Frame, Pixels, SourceError

# FFmpeg would write to standard error about what SourceError says; read once, at its first use.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

_FRAME_SECONDS = 10.0
_DEFAULT_FPS = 30.0


class Video:
    """The frames of a video file, from the start again at the end.

    A rotation that the file asks for is carried out.
    """

    repeats = False
    live = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self._what = f"camera video {path}"
        _check_readable(self._what, str(path))
        self._capture = self._open()
        self.fps: float | None = _rate(self._capture)
        self._number = 0

    def next(self) -> Frame:
        """Return the next frame, named `FILE N`."""
        rgb = _read(self._capture)
        if rgb is None and self._number:
            self._capture.release()
            self._capture, self._number = self._open(), 0
            rgb = _read(self._capture)
        if rgb is None:
            raise SourceError(f"{self._what}: no frame in it can be decoded")
        self._number += 1
        return Frame(rgb, f"{self._path.name} {self._number - 1}")

    def close(self) -> None:
        """Close the file."""
        self._capture.release()

    def _open(self) -> cv2.VideoCapture:
        _quiet()
        capture = cv2.VideoCapture(str(self._path), cv2.CAP_FFMPEG)
        if not capture.isOpened():
            raise SourceError(f"{self._what}: not a video that can be decoded")
        return capture


class Webcam:
    """The newest frame of a webcam: a thread reads, so a slow board never sees old pictures."""

    repeats = False
    live = True

    def __init__(self, number: int) -> None:
        linux = sys.platform.startswith("linux")
        self._what = f"webcam /dev/video{number}" if linux else f"webcam {number}"
        if linux:
            _check_readable(self._what, f"/dev/video{number}")
        _quiet()
        self._capture = cv2.VideoCapture(number)
        if not self._capture.isOpened():
            raise SourceError(f"{self._what}: cannot be opened (in use, or not a camera)")
        self.fps: float | None = _rate(self._capture)
        self._fresh = threading.Condition()
        self._frame: Frame | None = None
        self._ended = False
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="webcam", daemon=True)
        self._thread.start()

    def next(self) -> Frame:
        """Return the newest frame not yet returned, waiting for it at most ten seconds."""
        with self._fresh:
            self._fresh.wait_for(lambda: self._frame or self._ended, timeout=_FRAME_SECONDS)
            if self._frame is None:
                reason = "it stopped giving" if self._ended else "ten seconds without"
                raise SourceError(f"{self._what}: {reason} frames")
            frame, self._frame = self._frame, None
            return frame

    def close(self) -> None:
        """Stop reading and close the device."""
        self._closing = True
        self._thread.join(timeout=_FRAME_SECONDS)
        self._capture.release()

    def _run(self) -> None:
        number = 0
        while not self._closing and (rgb := _read(self._capture)) is not None:
            with self._fresh:
                self._frame = Frame(rgb, f"{self._what} {number}")
                self._fresh.notify_all()
            number += 1
        with self._fresh:
            self._ended = True
            self._fresh.notify_all()


def _check_readable(what: str, path: str) -> None:
    """Say why a file or device cannot be opened; OpenCV would only say that it cannot."""
    try:
        os.close(os.open(path, os.O_RDONLY))
    except OSError as error:
        raise SourceError(f"{what}: {error.strerror}") from None


def _quiet() -> None:
    """Keep OpenCV from writing to standard error about what SourceError says."""
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def _rate(capture: cv2.VideoCapture) -> float:
    rate = capture.get(cv2.CAP_PROP_FPS)
    return rate if 0 < rate <= 1000 else _DEFAULT_FPS


def _read(capture: cv2.VideoCapture) -> Pixels | None:
    good, bgr = capture.read()
    if not good:
        return None
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8)
