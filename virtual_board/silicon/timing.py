"""The chip's clock: gives each stage the board's time, or none at all."""

from __future__ import annotations

import contextlib
import math
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from virtual_board.silicon.kpu import Model
from virtual_board.silicon.profile import Profile
from virtual_board.silicon.server import current

LATE_S = 0.002  # beyond what sleeping is off by


class Clock:
    """As fast as it goes: no stage is made to last, the camera's next picture is always ready."""

    paced = False

    def ai2d(self, shape: Sequence[int]) -> contextlib.AbstractContextManager[None]:
        """Return a context for one ai2d run over a source of `shape`; leaving it takes the time."""
        return contextlib.nullcontext()

    def kpu(self, model: Model) -> contextlib.AbstractContextManager[None]:
        """Return a context for one inference."""
        return contextlib.nullcontext()

    def load(self, size: int, *, by_path: bool) -> contextlib.AbstractContextManager[None]:
        """Return a context for load_kmodel of `size` bytes."""
        return contextlib.nullcontext()

    def jpeg(self, pixels: int) -> contextlib.AbstractContextManager[None]:
        """Return a context for encoding a picture."""
        return contextlib.nullcontext()

    def post(self, size: int) -> contextlib.AbstractContextManager[None]:
        """Return a context for native post-processing of `size` bytes of outputs."""
        return contextlib.nullcontext()

    def uart(self, bits: int, baudrate: int) -> contextlib.AbstractContextManager[None]:
        """Return a context for putting `bits` on a wire."""
        return contextlib.nullcontext()

    def camera_started(self, fps: float) -> None:
        """The camera's frames begin now, `fps` of them a second."""

    def wait_for_camera(self, timeout_ms: float, stopped: threading.Event) -> bool:
        """Wait for the next picture; False when it does not come in time."""
        return True


class BoardClock(Clock):
    """Makes each stage last as long as on the board, from the moment the script asked for it.

    What takes longer here than on the board is late and cannot be helped; `on_late` hears of each
    kind of stage once.
    """

    paced = True

    def __init__(self, profile: Profile, on_late: Callable[[str], None]) -> None:
        self._profile = profile
        self._on_late = on_late
        self._said: set[str] = set()
        self._offset = math.inf  # our clock minus the interpreter's
        self._random = random.Random(1)  # the same jitter in every run
        self._period = 1 / 30
        self._start = time.monotonic()
        self._given = -1  # the camera frame that was given last

    def ai2d(self, shape: Sequence[int]) -> contextlib.AbstractContextManager[None]:
        return self._stage("ai2d", self._profile.ai2d_ms(math.prod(shape) // 3))

    def kpu(self, model: Model) -> contextlib.AbstractContextManager[None]:
        shape = model.inputs[0].shape if model.inputs else ()
        sides = shape[-2:] if len(shape) >= 2 else (1, math.prod(shape))
        outputs = sum(math.prod(one.shape) for one in model.outputs)
        ms = self._profile.kpu_ms(
            model.name, len(model.data), max(sides), math.prod(sides), outputs
        )
        return self._stage("the KPU", ms)

    def load(self, size: int, *, by_path: bool) -> contextlib.AbstractContextManager[None]:
        return self._stage("load_kmodel", self._profile.load_ms(size, by_path=by_path))

    def jpeg(self, pixels: int) -> contextlib.AbstractContextManager[None]:
        return self._stage("JPEG", self._profile.jpeg_ms(pixels))

    def post(self, size: int) -> contextlib.AbstractContextManager[None]:
        return self._stage("post-processing", self._profile.post_ms(size))

    def uart(self, bits: int, baudrate: int) -> contextlib.AbstractContextManager[None]:
        return self._stage("the UART", 1000 * bits / baudrate)

    @contextlib.contextmanager
    def _stage(self, name: str, ms: float) -> Iterator[None]:
        asked = self._asked()
        yield
        spare = asked + ms / 1000 - time.monotonic()
        if spare > 0:
            time.sleep(spare)
        elif spare < -LATE_S and name not in self._said:
            self._said.add(name)
            self._on_late(
                f"timing: {name} took {ms - spare * 1000:.1f} ms here, {ms:.1f} ms on the board: "
                "this run is slower than the board"
            )

    def _asked(self) -> float:
        """Return when the script made the call that is being served, on our clock.

        The two clocks differ by a constant, and the way of a call adds to it: the smallest
        difference seen is the constant's best guess.
        """
        now, start = time.monotonic(), current.start_us / 1e6
        self._offset = min(self._offset, now - start)
        return start + self._offset

    def camera_started(self, fps: float) -> None:
        self._period = 1 / fps
        self._start = time.monotonic()
        self._given = -1

    def wait_for_camera(self, timeout_ms: float, stopped: threading.Event) -> bool:
        asked = self._asked()
        number = max(math.floor((asked - self._start) / self._period), self._given + 1)
        numbers = self._profile.numbers
        jitter = self._random.uniform(0, numbers["camera.jitter_ms"]) / 1000
        arrives = self._start + number * self._period + jitter
        if arrives > asked + timeout_ms / 1000:
            stopped.wait(max(0.0, asked + timeout_ms / 1000 - time.monotonic()))
            return False
        self._given = number
        done = max(arrives, asked) + numbers["camera.snapshot_ms"] / 1000
        stopped.wait(max(0.0, done - time.monotonic()))
        return True
