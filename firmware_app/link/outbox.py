"""What waits to be sent to one subscriber: bounded, the newest result wins, drops are counted.

Answers and events have a queue of their own, which results never displace. When that one
overflows, the reader is too slow to be told what it must know, and its session ends.
"""

from builtins import len  # found sooner than where it is built in

from firmware_app.wire import packets

if 0:  # for type checkers; mpy-cross leaves it out
    from typing import Any

MAX_URGENT = 64  # answers, events
MAX_URGENT_BYTES = 262144


class Outgoing:
    """One payload on its way to any number of subscribers; made a packet once for all that don't seal."""

    _packet: bytes = b""

    def __init__(self, payload: "bytes | bytearray", plain: bool = False) -> None:
        self.payload = payload
        self.plain = plain  # part of the greeting: goes unsealed in every session

    def packet(self) -> bytes:
        """Return the unsealed packet."""
        if not self._packet:
            self._packet = packets.packet_of(bytes(self.payload))
        return self._packet


class Outbox:
    """Two queues: urgent messages first, then the last `depth` results, in order.

    Numbered events stand in neither: between both, they are fetched from the history one by one, so
    a slow reader costs no memory, and nothing but the history's bound makes it miss one.
    """

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self.urgent: "list[Outgoing]" = []
        self._bytes = 0
        self.results: "list[Outgoing]" = []
        self.dropped = 0  # results displaced by newer ones
        self.sent = 0
        self.history: "Any" = None  # of the numbered events that the reader wants (history.History)
        self.next_number = 0  # of the event to send next

    def push(self, outgoing: Outgoing) -> bool:
        """Queue an answer or event; False: the reader doesn't keep up."""
        if len(self.urgent) >= MAX_URGENT or self._bytes + len(outgoing.payload) > MAX_URGENT_BYTES:
            return False
        self.urgent.append(outgoing)
        self._bytes += len(outgoing.payload)
        return True

    def push_result(self, outgoing: Outgoing) -> None:
        """Queue a result; the oldest makes room where the queue is full."""
        if len(self.results) >= self._depth:
            self.results.pop(0)
            self.dropped += 1
        self.results.append(outgoing)

    def pop(self, results: bool = True) -> "Outgoing | None":
        """Return what is to be sent next, or None; results=False: only what is urgent."""
        if self.urgent:
            outgoing = self.urgent.pop(0)
            self._bytes -= len(outgoing.payload)
            return outgoing
        history = self.history
        if history is not None and self.next_number <= history.newest:
            # What fell out is missed: the next number tells.
            number = max(self.next_number, history.oldest)
            self.next_number = number + 1
            return history.find(number)
        if results and self.results:
            self.sent += 1
            return self.results.pop(0)
        return None

    def waits(self, results: bool = True) -> bool:
        """Return whether pop() would return something."""
        history = self.history
        return bool(
            self.urgent
            or (history is not None and self.next_number <= history.newest)
            or (results and self.results)
        )

    def holds(self, outgoing: Outgoing) -> bool:
        """Return whether this answer or event still waits."""
        return outgoing in self.urgent

    def room(self) -> bool:
        """Return whether bulk data may be queued without getting in anybody's way."""
        return len(self.urgent) < MAX_URGENT // 4 and self._bytes < MAX_URGENT_BYTES // 2

    def clear(self) -> None:
        """Forget everything that waits."""
        self.urgent.clear()
        self.results.clear()
        self._bytes = 0
