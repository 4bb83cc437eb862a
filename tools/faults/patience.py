"""How long the matrix waits for a board that may never come back: longer where the PC is busy.

A combination is lost by what the board does, not by what else this PC has to do: a limit in seconds is
that of a quiet PC, and as many times as long as the PC has work for its cores.
"""

from __future__ import annotations

import os
import time


def stretched(seconds: float) -> float:
    """Return a limit of a quiet PC as long as it is on this one now."""
    cores = os.cpu_count() or 1
    return seconds * max(1.0, os.getloadavg()[0] / cores)


class Patience:
    """A limit from now on."""

    def __init__(self, seconds: float) -> None:
        """seconds: on a quiet PC."""
        self._seconds = seconds
        self._began = time.monotonic()

    @property
    def over(self) -> bool:
        """Whether the time is over, on a PC as busy as this one is now."""
        return time.monotonic() - self._began > stretched(self._seconds)

    @property
    def half(self) -> bool:
        """Whether half of it is."""
        return time.monotonic() - self._began > stretched(self._seconds) / 2
