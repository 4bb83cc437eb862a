"""The interface of transports, which move bytes between this computer and a board."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

OnData = Callable[[bytes], None]
OnLost = Callable[[str], None]


class Transport(Protocol):
    """An open connection. on_data: called with received bytes; on_lost: once, with the reason."""

    def write(self, data: bytes) -> None:
        """Queue data for sending; never waits."""

    def close(self) -> None:
        """Close; on_lost is not called afterwards."""
