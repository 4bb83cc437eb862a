"""When garbage is collected: in the camera's waits where there are any, else as seldom as memory allows.

ulab's arrays lie outside the heap and are freed by finalisers only: without regular collections the
outputs of many frames pile up there.
"""

import gc
import time

from firmware_app.board import memory

_MOST_BYTES = 40 << 20  # outputs of frames that may wait for a collection
_LOOKED_AT = 4  # the heap after every so many collections: counting its blocks takes time, too
_FEWEST = 4  # frames between two collections in waits: more often they free next to nothing


class Collector:
    """Counts what each frame leaves behind and collects it in time."""

    def __init__(self, settings) -> None:
        """settings: returns the `memory` section in force."""
        self._settings = settings
        self._most = memory.garbage_limit(_MOST_BYTES)
        self._frames = 0
        self._bytes = 0
        self._cost_us = 0  # of the last collection
        self._count = 0  # of collections with frames before them
        self.spent_us = 0  # since somebody set it to 0
        self.floor = 0  # heap in use after the last collection: its trend is the memory's
        self.first_floor = 0  # and after the first with a task running

    def frame(self, size: int) -> None:
        """A frame was processed whose outputs have so many bytes."""
        self._frames += 1
        self._bytes += size
        if self._frames >= self._settings()["collect_frames"] or self._bytes >= self._most:
            self.collect()

    def waiting(self, left_us: int) -> None:
        """Nothing is to be done for left_us: collect, where that is enough."""
        if self._frames >= _FEWEST and self._cost_us < left_us:
            self.collect()

    def collect(self) -> None:
        """Collect now."""
        start = time.ticks_us()
        gc.collect()
        self._cost_us = time.ticks_diff(time.ticks_us(), start)
        self.spent_us += self._cost_us
        frames = self._frames
        self._frames = 0
        self._bytes = 0
        if frames:
            if self._count % _LOOKED_AT == 0:
                self.floor = gc.mem_alloc()
                if not self.first_floor:
                    self.first_floor = self.floor
            self._count += 1
