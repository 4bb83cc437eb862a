"""Numbered events for one reader: in order, each once, across lost links and restarts; what is missing is said."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from host_client.results.messages import Event
from host_client.results.streams import Stream

LOST = "lost"  # an event of the client's own: details `reason` ("overflow", "restart"), `count` (None: unknown)
Position = tuple[int, int]  # boot id, number


class EventStream(Stream[Event]):
    """A stream of events that knows its place, and puts an event `lost` where some are missing."""

    def __init__(
        self,
        limit: int,
        after: Position | None = None,
        ended: Callable[[], None] | None = None,
    ) -> None:
        """after: the last event that this reader had, in an earlier run of its program perhaps."""
        super().__init__(limit, 0, ended)
        self.arrived = after  # the last event that the board need not send again
        self._read = after
        self._next: Event | None = None  # behind the `lost` that was just told
        # What came before the board's answer to `subscribe`: of the past that is asked for, or too early.
        self._held: deque[Event] | None = deque(maxlen=limit) if after is not None else None
        self._asked = False  # for what is held

    @property
    def position(self) -> Position | None:
        """Boot id and number of the last event that was read, for `events(after=…)`; None: not known yet."""
        return self._read

    async def __anext__(self) -> Event:
        """Return the next event; known ones are left out, and `lost` stands in front of a gap."""
        while True:
            if self._next is not None:
                event, self._next = self._next, None
            else:
                event = await super().__anext__()
            boot_id = event.boot_id
            if boot_id is None or (event.number == 0 and event.kind != LOST):
                return event
            read = self._read
            if event.kind == LOST:  # the restart was noticed before an event came
                if read is not None and read[0] != boot_id:
                    self._read = (boot_id, 0)
                    return event
                continue
            if read is not None and read[0] != boot_id:
                self._read = (boot_id, 0)
                self._next = event
                return lost(event, "restart", None)
            if read is not None and event.number <= read[1]:
                continue
            if read is not None and event.number > read[1] + 1:
                self._read = (boot_id, event.number - 1)
                self._next = event
                return lost(event, "overflow", event.number - 1 - read[1])
            self._read = (boot_id, event.number)
            return event

    def push(self, item: Event) -> None:
        """Hand an event to the reader."""
        if item.number and item.boot_id is not None:
            if self._held is not None:
                self._held.append(item)
                return
            known = self.arrived
            if known is not None and known[0] == item.boot_id and item.number <= known[1]:
                return  # sent again for another reader
            self.arrived = (item.boot_id, item.number)
        super().push(item)

    def linked(self, boot_id: int, marker: Event) -> None:
        """A session began with a board that runs since boot_id; marker: says that it has restarted."""
        if self._held is not None:
            self._held.clear()
        if self.arrived is not None and self.arrived[0] != boot_id:
            self.arrived = (boot_id, 0)
            super().push(marker)

    def ask(self) -> Position | None:
        """Return behind which event the board shall begin; it is asked for now."""
        self._asked = True
        return self.arrived

    def begin(self, boot_id: int, newest: int, oldest: int) -> None:
        """The board has answered `subscribe`; newest, oldest: of the events that it keeps.

        What it sends behind its answer begins with the first event that this reader lacks. A reader that
        has had none yet begins behind the newest.
        """
        if self._held is not None and self._asked and self.arrived is not None:
            first = max(self.arrived[1] + 1, oldest)
            early, self._held = [*self._held], None
            numbers = [event.number for event in early]
            if first in numbers:
                early = early[len(numbers) - 1 - numbers[::-1].index(first) :]
            else:
                early = [event for event in early if event.number > newest]
            for event in early:
                self.push(event)
        if self.arrived is None:
            number = newest
            self.arrived = (boot_id, number)
            if self._read is None:
                self._read = self.arrived


def lost(event: Event, reason: str, count: int | None) -> Event:
    """Return the event that says what is missing in front of this one."""
    details = {"reason": reason, "count": count}
    return event._replace(kind=LOST, number=0, details=details)
