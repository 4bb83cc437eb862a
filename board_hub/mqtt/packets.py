"""MQTT 3.1.1 in bytes, without I/O: what a client of it needs, and no more.

Written here because no library has what the hub needs together: backpressure, QoS 1 that waits for
its turn, and an account of what an outage cost (docs/decisions/0010-mqtt-by-hand.md).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

MAX_INCOMING = 1 << 20  # bytes of a packet from the broker; commands are short
MAX_TOPIC = 65535

CONNACK, PUBLISH, PUBACK, SUBACK, PINGRESP = 2, 3, 4, 9, 13
PINGREQ = b"\xc0\x00"
DISCONNECT = b"\xe0\x00"

# What CONNACK says where it refuses.
REFUSALS = {
    1: "the broker does not speak MQTT 3.1.1",
    2: "the broker refuses the client id",
    3: "the broker is not available",
    4: "wrong user or password",
    5: "not authorized: user, password or client certificate",
}


class ProtocolFault(ValueError):  # noqa: N818 - it names what happened
    """The other side does not speak MQTT."""


class Packet(NamedTuple):
    """One packet: its type, the flags beside it, and the rest."""

    kind: int
    flags: int
    body: bytes


class Will(NamedTuple):
    """What the broker publishes, retained, where this client goes without a word."""

    topic: str
    payload: bytes


def _length(size: int) -> bytes:
    if size < 128:
        return bytes((size,))
    parts = bytearray()
    while True:
        size, low = divmod(size, 128)
        parts.append(low | (128 if size else 0))
        if not size:
            return bytes(parts)


def _text(data: bytes) -> bytes:
    if len(data) > MAX_TOPIC:
        raise ProtocolFault(f"expected at most {MAX_TOPIC} bytes, found {len(data)}")
    return struct.pack(">H", len(data)) + data


def connect(
    client_id: str,
    *,
    keepalive: int,
    will: Will | None = None,
    username: str | None = None,
    password: str | None = None,
) -> bytes:
    """Return CONNECT with a clean session: what is to be kept, this side keeps."""
    flags = 0x02
    rest = _text(client_id.encode())
    if will is not None:
        flags |= 0x04 | 0x08 | 0x20  # QoS 1, retained
        rest += _text(will.topic.encode()) + _text(will.payload)
    if username is not None:
        flags |= 0x80
        rest += _text(username.encode())
        if password is not None:
            flags |= 0x40
            rest += _text(password.encode())
    body = _text(b"MQTT") + bytes((4, flags)) + struct.pack(">H", keepalive) + rest
    return b"\x10" + _length(len(body)) + body


def publish(topic: bytes, payload: bytes, *, retain: bool = False, number: int = 0) -> bytes:
    """Return PUBLISH; number: of a message with QoS 1, 0 for QoS 0."""
    size = 2 + len(topic) + len(payload)
    if number:
        head = b"\x33" if retain else b"\x32"
        return b"".join(
            (
                head,
                _length(size + 2),
                struct.pack(">H", len(topic)),
                topic,
                struct.pack(">H", number),
                payload,
            )
        )
    head = b"\x31" if retain else b"\x30"
    return b"".join((head, _length(size), struct.pack(">H", len(topic)), topic, payload))


def subscribe(number: int, topics: list[tuple[str, int]]) -> bytes:
    """Return SUBSCRIBE to (topic, QoS)."""
    body = struct.pack(">H", number)
    for topic, qos in topics:
        body += _text(topic.encode()) + bytes((qos,))
    return b"\x82" + _length(len(body)) + body


def puback(number: int) -> bytes:
    """Return PUBACK."""
    return b"\x40\x02" + struct.pack(">H", number)


class Parser:
    """Bytes in, packets out; bounded."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> Iterator[Packet]:
        """Yield the packets that are complete; raises ProtocolFault."""
        self._data += data
        while True:
            size = shift = 0
            at = 1
            while True:
                if at >= len(self._data):
                    return
                byte = self._data[at]
                at += 1
                size |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    break
                if shift > 21:
                    raise ProtocolFault("a packet's length has no end")
            if size > MAX_INCOMING:
                raise ProtocolFault(f"a packet of {size} bytes")
            if len(self._data) < at + size:
                return
            first = self._data[0]
            packet = Packet(first >> 4, first & 15, bytes(self._data[at : at + size]))
            del self._data[: at + size]
            yield packet


class Incoming(NamedTuple):
    """A message that the broker delivers."""

    topic: str
    payload: bytes
    retain: bool
    number: int  # 0: QoS 0


def incoming(packet: Packet) -> Incoming:
    """Return the message of a PUBLISH; raises ProtocolFault."""
    body, qos = packet.body, packet.flags >> 1 & 3
    if len(body) < 2:
        raise ProtocolFault("a PUBLISH without a topic")
    (length,) = struct.unpack_from(">H", body)
    at = 2 + length
    if len(body) < at + (2 if qos else 0):
        raise ProtocolFault("a PUBLISH that is cut off")
    number = 0
    if qos:
        (number,) = struct.unpack_from(">H", body, at)
        at += 2
    topic = body[2 : 2 + length].decode("utf-8", "replace")
    return Incoming(topic, body[at:], bool(packet.flags & 1), number)
