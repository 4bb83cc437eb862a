"""The chip's clock: gives each stage the board's time, or none at all."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any


class Clock:
    """As fast as it goes: no stage is made to last, the camera's next picture is always ready."""

    paced = False

    def stage(self, name: str, ms: float) -> contextlib.AbstractContextManager[None]:
        """Return a context in which stage `name` runs; leaving it waits until `ms` have passed."""
        return contextlib.nullcontext()

    def ai2d_ms(self, in_shape: Any, out_shape: Any) -> float:
        """Return the time of one ai2d run."""
        return 0.0

    def kpu_ms(self, model: Any) -> float:
        """Return the time of one inference."""
        return 0.0

    def load_ms(self, size: int, *, by_path: bool) -> float:
        """Return the time of load_kmodel for `size` bytes."""
        return 0.0

    def jpeg_ms(self, width: int, height: int) -> float:
        """Return the time of encoding one picture."""
        return 0.0

    def post_ms(self, op: str, blobs: list[memoryview]) -> float:
        """Return the time of one native post-processing call."""
        return 0.0

    def camera_started(self, fps: float, source_fps: float | None) -> None:
        """The camera's frames begin now, `fps` of them a second."""

    def wait_for_camera(self, timeout_ms: float) -> bool:
        """Wait for the next picture; False when it does not come in time."""
        return True
