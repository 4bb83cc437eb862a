"""When garbage is collected: in the camera's waits where there are any, else as seldom as memory allows.

ulab's arrays lie outside the heap and are freed by finalisers only: without regular collections the
outputs of many frames pile up there.
"""

import gc
import time

from firmware_app.board import memory

_MOST_BYTES = 96 << 20  # outputs of frames that may wait for a collection, where there is room
# A look at the heap counts all its blocks, 4.5 ms of a board: rare, in the camera's wait where there is one.
_LOOK_MS = 10000  # between two looks in waits
_LOOK_LATEST_MS = 60000  # a busy board never waits
_FEWEST = 4  # frames between two collections in waits: more often they free next to nothing


class Collector:
    """Counts what each frame leaves behind and collects it in time."""

    def __init__(self) -> None:
        self.most_frames = 1  # between two collections
        self._most = memory.garbage_limit(_MOST_BYTES)
        self._frames = 0
        self._bytes = 0
        self._cost_us = 0  # of the last collection
        self._looked_ms: "int | None" = None  # when the heap was looked at last
        self._look_us = 0  # what that took
        self._used = 0  # and what it showed
        self.spent_us = 0  # since it was set to 0
        self.floor = 0  # heap in use after the last collection: its trend is the memory's
        self.first_floor = 0  # and after the first with a task running

    def frame(self, size: int) -> None:
        """A frame was processed; its outputs have so many bytes."""
        self._frames += 1
        self._bytes += size
        if self._frames >= self.most_frames or self._bytes >= self._most:
            self.collect()

    def waiting(self, left_us: int) -> None:
        """Nothing is to be done for left_us: collect, where that is enough."""
        if self._frames >= _FEWEST and self._cost_us < left_us:
            self.collect(left_us)

    def collect(self, left_us: int = 0) -> None:
        """Collect now; left_us: how long nothing else is to be done."""
        start = time.ticks_us()
        gc.collect()
        self._cost_us = time.ticks_diff(time.ticks_us(), start)
        self.spent_us += self._cost_us
        frames = self._frames
        self._frames = 0
        self._bytes = 0
        if frames:
            late = left_us < self._cost_us + self._look_us
            if self._due(_LOOK_LATEST_MS if late else _LOOK_MS):
                self._look()
                self.floor = self._used
                if not self.first_floor:
                    self.first_floor = self.floor

    def used(self) -> int:
        """Return the bytes of the heap in use, of some seconds ago as a rule."""
        if self._due(_LOOK_LATEST_MS):
            self._look()
        return self._used

    def _due(self, after_ms: int) -> bool:
        last = self._looked_ms
        return last is None or time.ticks_diff(time.ticks_ms(), last) >= after_ms

    def _look(self) -> None:
        start = time.ticks_us()
        self._used = gc.mem_alloc()
        self._look_us = time.ticks_diff(time.ticks_us(), start)
        self._looked_ms = time.ticks_ms()
