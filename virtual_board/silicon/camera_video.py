"""Video files and webcams through PyAV, an optional package."""

from __future__ import annotations

import errno
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from virtual_board.silicon.camera import Frame, SourceError

_FIRST_FRAME_SECONDS = 10.0


class Video:
    """The frames of a video file's first video stream, from the start again at the end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._what = f"camera video {path}"
        self._container = _open(self._what, str(path))
        self.fps: float | None = _rate(self._container)
        self._frames = self._decode()
        self._number = 0

    def next(self) -> Frame:
        """Return the next frame, named `FILE N`."""
        rgb = next(self._frames, None)
        if rgb is None:
            if self._number == 0:
                raise SourceError(f"{self._what}: no frame in it can be decoded")
            self._container.close()
            self._container = _open(self._what, str(self._path))
            self._frames, self._number = self._decode(), 0
            return self.next()
        self._number += 1
        return Frame(rgb, f"{self._path.name} {self._number - 1}")

    def close(self) -> None:
        """Close the file."""
        self._frames.close()
        self._container.close()

    def _decode(self) -> Any:
        return _decode(self._container)


class Webcam:
    """The newest frame of a webcam: a thread reads, so a slow board never sees old pictures."""

    def __init__(self, number: int) -> None:
        device, form = {
            "darwin": (str(number), "avfoundation"),
            "win32": (f"video={number}", "dshow"),
        }.get(sys.platform, (f"/dev/video{number}", "v4l2"))
        self._what = f"webcam {device}"
        self._container = _open(self._what, device, form)
        self.fps: float | None = _rate(self._container)
        self._fresh = threading.Condition()
        self._frame: Frame | None = None
        self._ended = ""
        self._closing = False
        self._thread = threading.Thread(target=self._read, name="webcam", daemon=True)
        self._thread.start()

    def next(self) -> Frame:
        """Return the newest frame not yet returned, waiting for it at most ten seconds."""
        with self._fresh:
            self._fresh.wait_for(lambda: self._frame or self._ended, timeout=_FIRST_FRAME_SECONDS)
            if self._frame is None:
                raise SourceError(f"{self._what}: {self._ended or 'no frame came in 10 seconds'}")
            frame, self._frame = self._frame, None
            return frame

    def close(self) -> None:
        """Stop reading and close the device."""
        self._closing = True
        self._thread.join(timeout=2)
        self._container.close()

    def _read(self) -> None:
        for number, rgb in enumerate(_decode(self._container)):
            with self._fresh:
                self._frame = Frame(rgb, f"{self._what} {number}")
                self._fresh.notify_all()
            if self._closing:
                return
        with self._fresh:
            self._ended = "it stopped giving frames"
            self._fresh.notify_all()


def _open(what: str, place: str, form: str | None = None) -> Any:
    try:
        import av
    except ImportError:
        raise SourceError(f"{what}: videos and webcams need PyAV (pip install av)") from None
    try:
        container = av.open(place, format=form)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        number = getattr(error, "errno", None)
        reason = getattr(error, "strerror", None) or str(error)
        if number == errno.EBUSY:
            reason = "another program is using it"
        raise SourceError(f"{what}: cannot be opened: {reason}") from None
    if not container.streams.video:
        container.close()
        raise SourceError(f"{what}: it has no video in it")
    container.streams.video[0].thread_type = "AUTO"
    return container


def _rate(container: Any) -> float:
    return float(container.streams.video[0].average_rate or 30)


def _decode(container: Any) -> Iterator[np.ndarray[Any, np.dtype[np.uint8]]]:
    """Yield RGB frames up to the end or the first damaged place."""
    import av

    try:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24")
    except (av.error.FFmpegError, OSError):
        return
