"""The board's clock in this computer's time, from PINGs and their PONGs.

The offset comes from the exchange with the shortest round trip. Every delay, such as a PONG that
waits for a frame's capture, lengthens the trip and makes the exchange less exact. Old exchanges
lose weight at the rate at which two crystals may drift apart.
"""

from __future__ import annotations

import time
from collections import deque
from typing import NamedTuple

# Two uncompensated crystals differ by less than this (seconds per second).
DRIFT = 100e-6
# time_ms is cut to whole milliseconds.
_RESOLUTION = 0.001
_WINDOW = 64  # exchanges kept: more than three minutes at one PING in 3 s


class _Exchange(NamedTuple):
    when: float  # host monotonic seconds, middle of the round trip
    offset: float  # host monotonic minus board clock, seconds
    trip: float  # round trip, seconds


class BoardClock:
    """The offset of one board's clock; a restart of the board needs a new object."""

    def __init__(self) -> None:
        self._exchanges: deque[_Exchange] = deque(maxlen=_WINDOW)
        self._best: _Exchange | None = None
        self._wall = 0.0  # Unix time minus monotonic time

    def add(self, sent: float, received: float, board_seconds: float) -> None:
        """Add one exchange: times of PING and PONG (monotonic), and the board's clock between."""
        trip = received - sent
        if trip < 0.0:
            return
        middle = sent + trip / 2
        self._exchanges.append(_Exchange(middle, middle - board_seconds, trip))
        self._best = min(
            self._exchanges, key=lambda past: past.trip / 2 + (received - past.when) * DRIFT
        )
        # Read each time: the wall clock may be set meanwhile.
        self._wall = time.time() - time.monotonic()

    @property
    def known(self) -> bool:
        """Whether there was an exchange."""
        return self._best is not None

    def host_time(self, time_ms: int) -> tuple[float, float] | tuple[None, None]:
        """Return a board time as Unix seconds, with its uncertainty (plus or minus seconds).

        (None, None) before the first exchange.
        """
        best = self._best
        if best is None:
            return None, None
        moment = time_ms / 1000 + _RESOLUTION / 2 + best.offset
        uncertainty = best.trip / 2 + _RESOLUTION / 2 + abs(moment - best.when) * DRIFT
        return moment + self._wall, uncertainty
