"""The board's clock: microseconds and milliseconds since the service started, as integers.

time.ticks_us() wraps and time.time_ns() means different things on different boards, and a
single-precision float can't hold either. One thread (the event loop) reads the clock; others
take raw ticks, which at() translates.
"""

from time import ticks_diff, ticks_us  # found sooner than in their module


class Clock:
    """Adds up ticks; call us() more often than the ticks' period (minutes at least)."""

    def __init__(self) -> None:
        self.ticks = ticks_us()  # of the last look at the clock
        self._us = 0

    def us(self) -> int:
        """Return microseconds since the start."""
        now = ticks_us()
        self._us += ticks_diff(now, self.ticks)
        self.ticks = now
        return self._us

    def ms(self) -> int:
        """Return milliseconds since the start."""
        return self.us() // 1000

    def at(self, ticks: int) -> int:
        """Return the time (us) of a ticks_us() value of the recent past."""
        return self.us() - ticks_diff(self.ticks, ticks)
