"""The latest numbered events, kept for clients that come back: bounded in number and in bytes."""

from firmware_app.link.outbox import Outgoing

KEPT = 256
KEPT_BYTES = 65536


class History:
    """Numbered events, as packets for any session; numbers count from 1 since the start."""

    def __init__(self, kept: int = KEPT, kept_bytes: int = KEPT_BYTES) -> None:
        self._kept = kept
        self._kept_bytes = kept_bytes
        self._events: "list[Outgoing]" = []
        self._bytes = 0
        self.newest = 0  # number of the last event; 0: there was none

    @property
    def oldest(self) -> int:
        """The number of the oldest event that is kept; newest + 1 where none is."""
        return self.newest + 1 - len(self._events)

    def add(self, payload: bytes) -> None:
        """Keep the event `newest + 1`; the oldest ones make room."""
        self._events.append(Outgoing(payload))
        self._bytes += len(payload)
        self.newest += 1
        while len(self._events) > self._kept or self._bytes > self._kept_bytes:
            self._bytes -= len(self._events.pop(0).payload)

    def find(self, number: int) -> Outgoing:
        """Return an event that is kept: oldest...newest."""
        return self._events[number - self.newest - 1]
