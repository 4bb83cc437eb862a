"""What waits for the broker: bounded, the newest wins, and every loss is counted."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable

from board_hub.mqtt import packets

IN_FLIGHT = 16  # messages of QoS 1 without their PUBACK; brokers allow 20
_NUMBERS = 65535

_Important = tuple[bytes, bytes, Callable[[], None] | None]


class Outbox:
    """Three kinds of messages, in the order in which they go out.

    - state: retained; the newest of a topic replaces the one before. All of it is kept, and said
      again over each new connection: a broker may have lost what it retained.
    - important: QoS 1, kept until the broker has it; the oldest go where there are too many.
    - news: QoS 0; the oldest go where there are too many.
    """

    def __init__(self, limit: int) -> None:
        self.state: dict[bytes, bytes] = {}
        self.dropped_important = 0
        self.dropped_news = 0
        self.unconfirmed = 0  # news that were on their way when a connection was lost
        self.sent = 0
        self.acknowledged = 0
        self.state_bytes = 0
        self._due: OrderedDict[bytes, None] = OrderedDict()  # topics of state to be said
        self._important: deque[_Important] = deque()
        self._news: deque[bytes] = deque()
        self._limit = limit
        self._flying: OrderedDict[int, _Important] = OrderedDict()
        self._number = 0
        self._sent_news = 0  # since the last moment at which the broker had everything
        self._before_ping: int | None = None

    def __len__(self) -> int:
        return len(self._due) + len(self._important) + len(self._news) + len(self._flying)

    @property
    def waiting(self) -> bool:
        """Whether take() would give something."""
        return bool(self._due or self._news or (self._important and len(self._flying) < IN_FLIGHT))

    # In.

    def put_state(self, topic: bytes, payload: bytes) -> bool:
        """Say a retained payload where it is another than before; an empty one removes it."""
        if self.state.get(topic) == payload:
            return False
        self.state_bytes += len(payload) - len(self.state.get(topic, b""))
        if payload:
            self.state[topic] = payload
        else:
            # Said once; the broker forgets it, and so do we.
            self.state.pop(topic, None)
        self._due[topic] = None
        return True

    def repeat(self, topic: bytes) -> None:
        """Say a retained payload once more."""
        if topic in self.state:
            self._due[topic] = None

    def put_important(
        self, topic: bytes, payload: bytes, arrived: Callable[[], None] | None = None
    ) -> None:
        """Say something with QoS 1; arrived is called when the broker has it."""
        if len(self._important) >= self._limit:
            self._important.popleft()
            self.dropped_important += 1
        self._important.append((topic, payload, arrived))

    def put_news(self, topic: bytes, payload: bytes) -> None:
        """Say something with QoS 0."""
        if len(self._news) >= self._limit:
            self._news.popleft()
            self.dropped_news += 1
        self._news.append(packets.publish(topic, payload))

    # Out.

    def take(self, size: int) -> bytes:
        """Return packets of about `size` bytes to be sent now; empty where there is nothing."""
        parts: list[bytes] = []
        taken = 0
        while self._due and taken < size:
            topic, _ = self._due.popitem(last=False)
            packet = packets.publish(topic, self.state.get(topic, b""), retain=True)
            parts.append(packet)
            taken += len(packet)
        while self._important and len(self._flying) < IN_FLIGHT and taken < size:
            message = self._important.popleft()
            topic, payload, _ = message
            self._number = self._number % _NUMBERS + 1
            self._flying[self._number] = message
            packet = packets.publish(topic, payload, number=self._number)
            parts.append(packet)
            taken += len(packet)
        news = self._news
        while news and taken < size:
            packet = news.popleft()
            parts.append(packet)
            taken += len(packet)
            self._sent_news += 1
        self.sent += len(parts)
        return b"".join(parts)

    def messages(self) -> list[tuple[bytes, bytes, bool, int]]:
        """Return what waits as (topic, payload, retained, QoS), and forget it: there is no broker."""
        found = [(topic, self.state.get(topic, b""), True, 0) for topic in self._due]
        found += [(topic, payload, False, 1) for topic, payload, _ in self._important]
        for data in self._news:
            for packet in packets.Parser().feed(data):
                message = packets.incoming(packet)
                found.append((message.topic.encode(), message.payload, False, 0))
        self._due.clear()
        self._important.clear()
        self._news.clear()
        return found

    def acknowledge(self, number: int) -> None:
        """Take a PUBACK; one for nothing is ignored."""
        message = self._flying.pop(number, None)
        if message is not None:
            self.acknowledged += 1
            if message[2] is not None:
                message[2]()

    def ping_sent(self) -> None:
        """Note that a PINGREQ goes out after what was taken so far."""
        self._before_ping = self._sent_news

    def ping_answered(self) -> None:
        """The broker has everything that was sent ahead of the PINGREQ."""
        if self._before_ping is not None:
            self._sent_news -= self._before_ping
            self._before_ping = None

    def connected(self) -> None:
        """Begin a connection: say all state, and again what was not acknowledged."""
        for topic in self.state:
            self._due[topic] = None
        self._important.extendleft(reversed(list(self._flying.values())))
        self._flying.clear()
        while len(self._important) > self._limit:
            self._important.popleft()
            self.dropped_important += 1

    def disconnected(self) -> None:
        """Count what may be lost with the connection."""
        self.unconfirmed += self._sent_news
        self._sent_news = 0
        self._before_ping = None
