"""The chip's clock: gives each stage the board's time, or none at all."""

from __future__ import annotations

import contextlib
import math
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from virtual_board.silicon.base.server import current
from virtual_board.silicon.clock.profile import DEFAULT_MODES, Profile, SensorTime
from virtual_board.silicon.kpu.runner import Model

EARLY_S = 0.0004  # the interpreter waits for the rest itself, awake (modules/_k230/clock.py)
LATE_S = 0.002  # beyond what sleeping is off by


class Clock:
    """As fast as it goes: no stage is made to last, the camera's next picture is always ready."""

    paced = False

    def interpreter(self) -> dict[str, float] | None:
        """Return the numbers of the interpreter's own clock, None for none."""
        return None

    def sensor(self) -> SensorTime:
        """Return the camera's sensor."""
        return SensorTime("gc2093", DEFAULT_MODES, 0.0, 0.0)

    def ai2d(self, shape: Sequence[int]) -> contextlib.AbstractContextManager[None]:
        """Return a context for one ai2d run over `shape` of a source; leaving it takes the time."""
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

    def take_from_camera(self, stopped: threading.Event) -> None:
        """Take a picture that is there already."""


class SlowCamera(Clock):
    """As fast as it goes, but for the camera: a board that is waited for must not keep a PC busy.

    No picture is ever late, however busy the PC is.
    """

    def __init__(self, fps: float) -> None:
        self._period_s = 1 / fps
        self._next = 0.0

    def wait_for_camera(self, timeout_ms: float, stopped: threading.Event) -> bool:
        """Wait for the next picture, with any timeout."""
        stopped.wait(max(0.0, self._next - time.monotonic()))
        self._next = time.monotonic() + self._period_s
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

    def interpreter(self) -> dict[str, float] | None:
        return self._profile.interpreter()

    def sensor(self) -> SensorTime:
        return self._profile.sensor

    def ai2d(self, shape: Sequence[int]) -> contextlib.AbstractContextManager[None]:
        return self._stage("ai2d", self._profile.ai2d_ms(math.prod(shape) // 3))

    def kpu(self, model: Model) -> contextlib.AbstractContextManager[None]:
        pixels, ms = self.kpu_ms(model)
        side = math.sqrt(pixels)
        return self._stage("the KPU", ms + self._profile.unexplained_ms(side))

    def kpu_ms(self, model: Model) -> tuple[int, float]:
        """Return the pixels of the model's input and the time of one inference."""
        shape = model.inputs[0].shape if model.inputs else ()
        sides = shape[-2:] if len(shape) >= 2 else (1, math.prod(shape))
        outputs = sum(math.prod(one.shape) for one in model.outputs)
        ms = self._profile.kpu_ms(
            model.name, len(model.data), max(sides), math.prod(sides), outputs
        )
        return math.prod(sides), ms

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
        asked, began = self._asked(), time.monotonic()
        current.took_us = (current.took_us or 0) + round(ms * 1000)
        yield
        now = time.monotonic()
        left = asked + ms / 1000 - EARLY_S - now
        if left > 0:
            time.sleep(left)
        elif now - began > ms / 1000 + LATE_S and name not in self._said:
            self._said.add(name)
            self._on_late(
                f"timing: {name} took {(now - began) * 1000:.1f} ms here, {ms:.1f} ms on the "
                "board: this run may be slower than the board"
            )

    def _asked(self) -> float:
        """Return when the script made the call that is being served: the board's time, our clock.

        The interpreter's clock and ours differ by a constant, and the way of a call adds to it: the
        smallest difference seen is the constant's best guess. The interpreter says how far the
        board's time is from its own clock: what it owes is made good here.
        """
        now, start = time.monotonic(), current.start_us / 1e6
        self._offset = min(self._offset, now - start)
        return start + self._offset + current.ahead_us / 1e6

    def camera_started(self, fps: float) -> None:
        self._period = 1 / fps
        self._start = time.monotonic()
        self._given = -1

    def wait_for_camera(self, timeout_ms: float, stopped: threading.Event) -> bool:
        asked = self._asked()
        number = max(math.floor((asked - self._start) / self._period), self._given + 1)
        sensor = self._profile.sensor
        jitter = self._random.uniform(0, sensor.jitter_ms) / 1000
        arrives = self._start + number * self._period + jitter
        if arrives > asked + timeout_ms / 1000:
            stopped.wait(max(0.0, asked + timeout_ms / 1000 - time.monotonic()))
            return False
        self._given = number
        done = max(arrives, asked) + sensor.snapshot_ms / 1000
        stopped.wait(max(0.0, done - time.monotonic()))
        return True

    def take_from_camera(self, stopped: threading.Event) -> None:
        done = self._asked() + self._profile.sensor.snapshot_ms / 1000
        stopped.wait(max(0.0, done - time.monotonic()))
