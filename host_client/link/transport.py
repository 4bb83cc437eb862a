"""Moves bytes between this computer and a board; who uses it knows neither sockets nor ttys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

OnData = Callable[[bytes], None]
OnLost = Callable[[str], None]


class Transport(Protocol):
    """An open connection. on_data gets what arrives, on_lost once the reason of its end."""

    def write(self, data: bytes) -> None:
        """Send data, some time; never waits."""

    def close(self) -> None:
        """Close; on_lost is not called any more."""
