"""Deliver numbered events in order and once each, across reconnects and restarts; report gaps."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from host_client.results.messages import Event
from host_client.results.streams import Stream

LOST = "lost"  # event made by the client: details `reason` ("overflow", "restart"), `count` (None: unknown)
Position = tuple[int, int]  # boot id, number
_MOST_TRIES = 3  # requests for the same missing event


class EventStream(Stream[Event]):
    """A stream of events that knows its position, and inserts an event `lost` at each gap."""

    def __init__(
        self,
        limit: int,
        after: Position | None = None,
        ended: Callable[[], None] | None = None,
        missing: Callable[[], None] | None = None,
    ) -> None:
        """after: the last event that this reader received, maybe in an earlier run of the program.

        missing: called where a wire lost an event; the next `subscribe` asks for it again.
        """
        super().__init__(limit, 0, ended)
        self.arrived = after  # the last event that the board need not resend
        self._read = after
        self._next: Event | None = None  # to deliver after the `lost` just delivered
        # Events that arrived before the answer to `subscribe`.
        self._held: deque[Event] | None = deque(maxlen=limit) if after is not None else None
        self._asked = False  # for what is held
        self._missing = missing
        self._resends = False  # the board knows how to send an event again
        self._tries = 0  # for an event that the wire lost
        self._mending = False  # it is requested; later ones come again after it
        self._passed = False  # later ones came since the request was sent

    @property
    def position(self) -> Position | None:
        """Boot id and number of the last event read, for `events(after=…)`; None: not known yet."""
        return self._read

    async def __anext__(self) -> Event:
        """Return the next event; skips known events, and returns `lost` before a gap."""
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
                return  # resent for another reader
            gap = known is not None and known[0] == item.boot_id and item.number > known[1] + 1
            if gap and self._resends:
                if self._mending:
                    self._passed = True
                else:
                    self._mend()
                return
            self._mending = False
            self._tries = 0
            self.arrived = (item.boot_id, item.number)
        super().push(item)

    def linked(self, boot_id: int, marker: Event) -> None:
        """Begin a session with a board of this boot_id. marker: the event of a restart."""
        if self._held is not None:
            self._held.clear()
        self.unanswered()
        if self.arrived is not None and self.arrived[0] != boot_id:
            self.arrived = (boot_id, 0)
            super().push(marker)

    def _mend(self) -> None:
        """Request the event after the last one; skip it if it never comes."""
        if self._tries >= _MOST_TRIES and self.arrived is not None:
            self._tries = 0
            self.arrived = (self.arrived[0], self.arrived[1] + 1)
        self._tries += 1
        self._mending = True
        if self._missing is not None:
            self._missing()

    def unanswered(self) -> None:
        """Expect no event to be sent again."""
        self._mending = self._resends = False

    def ask(self) -> Position | None:
        """Return the event after which the board should start; it is requested now."""
        self._asked = True
        self._passed = False
        return self.arrived

    def begin(self, boot_id: int, newest: int, oldest: int) -> None:
        """Take the answer to `subscribe`. newest, oldest: of the events that the board keeps.

        The board then sends events from the first one this reader lacks. A new reader starts after
        the newest.
        """
        self._resends = self._missing is not None
        if self.arrived is not None and self.arrived[0] == boot_id:
            # What fell out of the board's memory is not requested again.
            self.arrived = (boot_id, max(self.arrived[1], oldest - 1))
            if self._mending:
                self._mending = False
                if self._passed and self.arrived[1] < newest:
                    self._mend()
        if self._held is not None and self._asked and self.arrived is not None:
            first = self.arrived[1] + 1
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
