"""The whole chip behind one table of operations."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from virtual_board.silicon.base.contents import Buffer
from virtual_board.silicon.base.errors import Death
from virtual_board.silicon.base.lru import ByteLru
from virtual_board.silicon.base.media import Media
from virtual_board.silicon.base.options import BoardOptions
from virtual_board.silicon.base.server import Operation, current
from virtual_board.silicon.camera.image_ops import Images
from virtual_board.silicon.camera.sensors import Sensors
from virtual_board.silicon.camera.sources import open_source
from virtual_board.silicon.clock.profile import load_profile
from virtual_board.silicon.clock.timing import BoardClock, Clock, SlowCamera
from virtual_board.silicon.native import aicube_ops, aidemo_ops
from virtual_board.silicon.nncase.runtime import Npu
from virtual_board.silicon.ulab import ops as ulab_ops
from virtual_board.silicon.wires.uart import Uarts

Answer = tuple[Any, list[Buffer]]
Bytes = NDArray[np.uint8]

MAX_DECODED_BYTES = 64 << 20

_FAULTS_FPS = 20.0  # of the camera where calls are made to fail, one after another
QUIET_S = 0.6
"""So long may a firmware compute between two calls while it still works on the last frame."""

_IDLE_OPS = frozenset(
    {
        "uart.waiting",
        "uart.read",
        "uart.write",
        "wdt.feed",
        "board.load",
        "board.media_memory",
        "media.blocks",
        "board.temperature",
        "net.air",
        "board.storage",
    }
)
"""What a firmware calls while it has nothing to do."""

_LOOK_S = 0.5  # between looks at a watchdog that does not count
_TELL_S = 0.5  # between reports of how many pictures were taken

_IDLE_TEMPERATURE = 41.0  # degrees Celsius
_LOAD_TEMPERATURE = 0.2  # more for each percent of load


def _words(data: Bytes) -> NDArray[np.uint64]:
    return data[: len(data) // 8 * 8].view(np.uint64)


def _gist(data: Bytes) -> tuple[int, int]:
    """Return what buffers that differ rarely share; a good hash of them all would take longer."""
    return len(data), int(_words(data).sum())


def _same(one: Bytes, other: Bytes) -> bool:
    rest = len(one) // 8 * 8
    return np.array_equal(_words(one), _words(other)) and np.array_equal(one[rest:], other[rest:])


class Chip:
    """Everything of the board that is not the interpreter.

    `post(event, detail)` reports to the supervisor: fault, reset, repl, listening, frames, console,
    taken (pictures so far).
    Raises SourceError and ProfileError for a camera source or timing profile that cannot be used.
    """

    def __init__(self, options: BoardOptions, post: Callable[[str, str], None]) -> None:
        self._post = post
        self._options = options
        self._told = 0.0  # when the number of pictures was reported
        self._clock = Clock() if options.faults is None else SlowCamera(_FAULTS_FPS)
        if options.timing is not None:
            self._clock = BoardClock(
                load_profile(options.timing), lambda text: post("console", text)
            )
        self._uarts = Uarts(options.uart, self._clock)
        source = open_source(options.camera)
        self._media = Media(options.kind.mmz_kb * 1024)
        self._sensors = Sensors(
            source,
            self._clock,
            options.frames,
            self._all_taken,
            self._trouble,
            options.kind,
            self._media,
            lambda: options.air is None or self._around().get("camera") is not False,
            self._taken,
        )
        self._npu = Npu(
            self._sensors,
            self._clock,
            options.sdcard,
            options.data_folder,
            options.replay,
            options.kpu,
            self._media,
        )
        self._images = Images(self._sensors, self._clock)
        self._watchdog = Watchdog(lambda: post("reset", "watchdog"))
        # Without a timing profile a call takes this PC's time, which is not the board's.
        self._untimed = options.timing is None
        self._activity = Activity()
        self._decoded: ByteLru[tuple[list[Bytes], Answer]] = ByteLru(MAX_DECODED_BYTES)
        self._operations = self._collect()

    def operations(self) -> dict[str, Operation]:
        """Return all operations by name."""
        return self._operations

    def interpreter(self) -> dict[str, float] | None:
        """Return the numbers of the interpreter's own clock, None on a run without a profile."""
        return self._clock.interpreter()

    @property
    def guarded(self) -> bool:
        """Whether a watchdog waits to be fed."""
        return self._watchdog.armed

    def reset(self) -> None:
        """The interpreter is gone: forget what belonged to it."""
        self._watchdog.close()
        self._uarts.reset()
        self._sensors.reset()
        self._npu.reset()
        self._media.blocks = 0

    def close(self) -> None:
        """The board is switched off."""
        self._watchdog.close()
        self._sensors.close()
        self._npu.close()
        self._uarts.close()

    def _collect(self) -> dict[str, Operation]:
        operations: dict[str, Operation] = {}
        parts: list[dict[str, Operation]] = [
            self._uarts.operations(),
            self._sensors.operations(),
            self._npu.operations(),
            self._images.operations(),
            self._watchdog.operations(),
            ulab_ops.OPS,
            self._timed(aicube_ops.OPS),
            self._timed(aidemo_ops.OPS),
            {
                "board.fault": self._death(abort=False),
                "board.abort": self._death(abort=True),
                "board.stage": self._event("stage"),
                "board.reset": self._event("reset"),
                "board.soft_reset": self._event("soft_reset"),
                "board.repl": self._event("repl"),
                "board.hold": _hold,
                "board.load": lambda args, blobs: (_load(), []),
                "board.temperature": lambda args, blobs: (_temperature(), []),
                "board.media_memory": self._media_memory,
                "media.blocks": self._media_blocks,
                "media.need": self._media_need,
                "board.chipid": self._chip_id,
                "camera.memory": lambda args, blobs: (self._sensors.memory(), []),
                "npu.models": lambda args, blobs: (self._npu.loaded, []),
                "net.listening": self._listening,
                "net.air": self._air,
                "board.storage": self._storage,
            },
        ]
        for part in parts:
            operations.update(part)
        operations["uart.open"] = self._reporting_uart(operations["uart.open"])
        return {name: self._watched(name, operation) for name, operation in operations.items()}

    def _timed(self, operations: Mapping[str, Operation]) -> dict[str, Operation]:
        """Return native post-processing that takes the board's time."""

        def timed(name: str, operation: Operation) -> Operation:
            def run(args: list[Any], blobs: list[memoryview]) -> Answer:
                with self._clock.post(sum(len(blob) for blob in blobs)):
                    if not self._clock.paced:
                        return operation(args, blobs)
                    # On the board's clock there is no time to decode the same outputs again.
                    arrays = [np.frombuffer(blob, np.uint8) for blob in blobs]
                    key = f"{name}{args}{[_gist(one) for one in arrays]}"
                    known = self._decoded.get(key)
                    if known is not None and all(map(_same, known[0], arrays)):
                        return known[1]
                    answer = operation(args, blobs)
                    size = sum(memoryview(one).nbytes for one in (*blobs, *answer[1]))
                    self._decoded.put(key, (arrays, answer), size + 1000)
                    return answer

            return run

        return {name: timed(name, operation) for name, operation in operations.items()}

    def _reporting_uart(self, operation: Operation) -> Operation:
        def opened(args: list[Any], blobs: list[memoryview]) -> Answer:
            answer = operation(args, blobs)
            self._post("uart", f"UART{args[0]} at {args[1]} baud")
            return answer

        return opened

    def _watched(self, name: str, operation: Operation) -> Operation:
        if name in _IDLE_OPS or name == "camera.snapshot":
            return operation

        def watched(args: list[Any], blobs: list[memoryview]) -> Answer:
            with self._activity:
                if not self._untimed or not current.worker:
                    return operation(args, blobs)
                with self._watchdog.stopped():
                    return operation(args, blobs)

        return watched

    def _taken(self, count: int) -> None:
        """Report how many pictures were taken: not each one, for someone who watches."""
        now = time.monotonic()
        if now - self._told >= _TELL_S:
            self._told = now
            self._post("taken", str(count))

    def _all_taken(self) -> None:
        """The last wanted frame was taken: report it when nothing works on it any more."""
        self._activity.wait_quiet(QUIET_S)
        self._post("frames", str(self._options.frames))

    def _trouble(self, text: str) -> None:
        self._post("console", f"camera: {text}")

    def _event(self, event: str) -> Operation:
        def report(args: list[Any], blobs: list[memoryview]) -> Answer:
            self._post(event, str(args[0]))
            return None, []

        return report

    def _death(self, *, abort: bool) -> Operation:
        def report(args: list[Any], blobs: list[memoryview]) -> Answer:
            death = Death(str(args[0]), abort, current.main)
            self._post(death.kind, death.message)
            return None, []

        return report

    def _listening(self, args: list[Any], _: list[memoryview]) -> Answer:
        port, host, actual = args
        self._post("listening", f"{port} {host}:{actual}")
        return None, []

    def _storage(self, args: list[Any], _: list[memoryview]) -> Answer:
        """Return (version of the file, what is wrong with the file system args[0])."""
        path = self._options.storage
        try:
            if path is not None:
                found = json.loads(path.read_text("utf-8"))
                return (path.stat().st_mtime_ns, found.get(args[0]) or {}), []
        except (OSError, ValueError, AttributeError):
            pass  # it is being replaced just now
        return (0, {}), []

    def _air(self, args: list[Any], _: list[memoryview]) -> Answer:
        return None if self._options.air is None else self._around(), []

    def _around(self) -> dict[str, Any]:
        """Return what is around the board now."""
        assert self._options.air is not None
        try:
            found: dict[str, Any] = json.loads(self._options.air.read_text("utf-8-sig"))
            return found
        except (OSError, ValueError):
            return {"networks": {}}  # while it is being written

    def _media_memory(self, args: list[Any], _: list[memoryview]) -> Answer:
        return self._media.used(), []

    def _media_blocks(self, args: list[Any], _: list[memoryview]) -> Answer:
        self._media.blocks = args[0]
        return self._media.holds(0), []

    def _media_need(self, args: list[Any], _: list[memoryview]) -> Answer:
        self._media.need(args[0], args[1])
        return None, []

    def _chip_id(self, args: list[Any], _: list[memoryview]) -> Answer:
        return None, [hashlib.sha256(str(self._options.data_folder.resolve()).encode()).digest()]


class Watchdog:
    """Barks when it was started and not fed in time."""

    def __init__(self, bark: Callable[[], None]) -> None:
        self._bark = bark
        self._timer: threading.Timer | None = None
        self._seconds = 0
        self._deadline = 0.0
        self._stopped_at: float | None = None
        self._lock = threading.Lock()

    @property
    def armed(self) -> bool:
        """Whether it was started and not stopped."""
        return self._timer is not None

    def operations(self) -> dict[str, Operation]:
        """Return what the machine.WDT stand-in calls."""
        return {
            "wdt.start": self._start,
            "wdt.feed": self._feed,
            "wdt.close": self._close,
            "wdt.expire": self._expire,
        }

    def close(self) -> None:
        """Stop watching."""
        with self._lock:
            self._stop()

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Let the time of the block not count."""
        with self._lock:
            self._stopped_at = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self._deadline += time.monotonic() - self._stopped_at
                self._stopped_at = None

    def _due(self) -> None:
        with self._lock:
            if self._timer is None:
                return
            left = self._deadline - (self._stopped_at or time.monotonic())
            if left > 0 or self._stopped_at is not None:
                self._wait(max(left, _LOOK_S))
                return
        self._bark()

    def _wait(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._due)
        self._timer.daemon = True
        self._timer.start()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        self._stop()
        self._deadline = time.monotonic() + self._seconds
        self._wait(self._seconds)

    def _start(self, args: list[Any], _: list[memoryview]) -> Answer:
        with self._lock:
            if self._timer is not None:
                return False, []
            self._seconds = args[0]
            self._arm()
        return True, []

    def _feed(self, args: list[Any], _: list[memoryview]) -> Answer:
        with self._lock:
            if self._timer is not None:
                self._deadline = time.monotonic() + self._seconds
        return None, []

    def _expire(self, args: list[Any], _: list[memoryview]) -> Answer:
        """A call never returns: let the board's time pass at once; say whether a watchdog ran."""
        with self._lock:
            running = self._timer is not None
            self._stop()
        if running:
            self._bark()
        return running, []

    def _close(self, args: list[Any], _: list[memoryview]) -> Answer:
        self.close()
        return None, []


class Activity:
    """Knows whether operations are running, and since when none was."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running = 0
        self._last = time.monotonic()

    def __enter__(self) -> None:
        with self._changed:
            self._running += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._running -= 1
            self._last = time.monotonic()
            self._changed.notify_all()

    def wait_quiet(self, seconds: float) -> None:
        """Return when nothing has run for `seconds`."""
        with self._changed:
            while True:
                left = self._last + seconds - time.monotonic()
                if not self._running and left <= 0:
                    return
                self._changed.wait(None if self._running else left)


def _hold(args: list[Any], _: list[memoryview]) -> Answer:
    time.sleep(args[0] / 1000)
    return None, []


def _load() -> int:
    return min(100, round(100 * os.getloadavg()[0] / (os.cpu_count() or 1)))


def _temperature() -> float:
    return _IDLE_TEMPERATURE + _LOAD_TEMPERATURE * _load()
