"""Bytes on every link: msgpack inside COBS packets with a CRC-32, the same on UART and TCP.

A packet is ``COBS(payload + CRC-32 little endian) + 0x00``; the payload is a msgpack array; its
first item is the message type (0...127). docs/protocol.md is the normative text.
"""

import sys
from builtins import bytearray, len  # found sooner than where they are built in

from firmware_app.wire.messages import MAX_ENCODED, MAX_PAYLOAD, MAX_SEALED, SEALED_MARK

if 0:  # for type checkers; mpy-cross leaves it out
    from typing import Any, Callable

if sys.implementation.name == "micropython":
    # The CanMV firmware freezes a Python `binascii` in front of the C one; the
    # u-name reaches the built-in, which has crc32.
    from ubinascii import crc32

    from firmware_app.wire.mpack import pack, pack_result, unpack
else:
    from zlib import crc32

    from msgpack import packb as pack  # type: ignore[no-redef]
    from msgpack import unpackb

    from firmware_app.wire import mpack

    pack_result = pack  # type: ignore[assignment]

# CRC-32 over any data followed by its own CRC-32 in little endian.
CRC_RESIDUE = 0x2144DF1C
# Begun with this, a CRC-32 over a zero byte and data is the CRC-32 of data alone.
CRC_BEFORE_ZERO = 0x0F6A7026

if sys.implementation.name != "micropython":
    # The library makes room for every array before it has seen its items, a thousand levels deep:
    # hundreds of megabytes for one hostile payload. Above this size mpack's own bounds count.
    _LIBRARY_BYTES = 1024

    def unpack(payload: bytes) -> "Any":  # type: ignore[misc]
        """Return the message that payload holds, under mpack's limits; ValueError where it does not."""
        if len(payload) > _LIBRARY_BYTES:
            return mpack.unpack(payload)
        value = unpackb(
            payload,
            strict_map_key=False,
            max_ext_len=0,
            ext_hook=_extension,
            object_pairs_hook=_map,
        )
        if type(value) is list:
            for item in value:
                kind = type(item)
                if kind is list or kind is dict:
                    _check_depth(value, 0)
                    break
        return value

    def _extension(code: int, data: bytes):
        raise ValueError("extension types are not used here")

    def _map(pairs):
        for key, _ in pairs:
            if type(key) is not str and type(key) is not int:
                raise ValueError("map keys are text or integers")
        return dict(pairs)

    def _check_depth(value, depth: int) -> None:
        if depth >= mpack.MAX_DEPTH:
            raise ValueError("nested deeper than %d" % mpack.MAX_DEPTH)
        for item in value.values() if type(value) is dict else value:
            if type(item) is list or type(item) is dict:
                _check_depth(item, depth + 1)


_MANY = 800  # bytes from which zeros() takes less time than find()


class WireError(ValueError):
    """What is to be sent can't be a message."""


def encode(message: list) -> bytes:
    """Return the packet of one message (a list: type 0...127, then its fields)."""
    return packet_of(payload_of(message))


def payload_of(message: list) -> bytes:
    """Return the msgpack payload of one message; made a packet once, it serves every unsealed session."""
    kind = message[0]
    if not isinstance(kind, int) or not 0 <= kind <= 127:
        raise WireError("a message starts with its type 0...127, found %r" % (kind,))
    return _bounded(pack(message))


def payload_of_result(message: list) -> "bytes | bytearray":
    """Return payload_of() of a result, which begins with type, number, milliseconds and generation."""
    payload = pack_result(message)
    return payload if len(payload) <= MAX_PAYLOAD else _bounded(payload)


def _bounded(payload):
    if len(payload) > MAX_PAYLOAD:
        raise WireError("a message has at most %d bytes, found %d" % (MAX_PAYLOAD, len(payload)))
    return payload


def packet_of(payload: bytes) -> bytes:
    """Return payload with its CRC-32, stuffed, ending in the delimiter."""
    last = crc32(payload).to_bytes(5, "little")
    return bytes(_stuffed(bytearray(b"".join((b"\1", payload, last)))))


def packet_of_parts(
    parts: "tuple[bytes, bytes | bytearray, bytes]",
    zeros: "Callable[[bytearray], list[int] | None] | None" = None,
) -> bytearray:
    """Return packet_of() the three parts put together.

    zeros: tells the places of a long packet's zero bytes quicker than find(), or None: not now.
    """
    first, second, third = parts
    crc = crc32(third, crc32(second, crc32(first)))
    # Its fifth byte is the delimiter.
    last = crc.to_bytes(5, "little")
    if type(second) is bytes:
        out = bytearray(b"".join((b"\1", first, second, third, last)))
    else:
        # MicroPython hashes all of each bytes object that it makes: not of a long one.
        out = bytearray(b"\1" + first)
        out.extend(second)
        out.extend(third + last)
    places = zeros(out) if zeros is not None and len(out) >= _MANY else None
    return _stuffed(out) if places is None else _stuffed_at(out, places)


def stuff(data: bytes) -> bytes:
    """Consistent overhead byte stuffing: return data without any zero byte, no delimiter."""
    return bytes(_stuffed(bytearray(b"\1" + data + b"\0"))[:-1])


def _stuffed(out: bytearray) -> bytearray:
    """Return a packet: out, which is changed, is what it holds between any one byte and the delimiter.

    Each zero becomes the way to the next one, or to the delimiter; where it is further than a byte can
    tell, another byte comes in between.
    """
    last = len(out) - 1
    find = out.find
    at = 0
    while at < last:
        zero = find(b"\0", at + 1)
        while zero - at > 254:
            out[at] = 255
            at += 255
            if at == last:
                return out  # a full last block needs no empty block behind it
            out[at:at] = b"\1"
            last += 1
            zero += 1
        out[at] = zero - at
        at = zero
    return out


def _stuffed_at(out: bytearray, places: "list[int]") -> bytearray:
    """Return what _stuffed() does. places: of out's zeros, the delimiter's last."""
    last = places[-1]
    added = 0
    at = 0
    for zero in places:
        step = zero - at
        while step > 254:
            out[at + added] = 255
            at += 254
            if at + 1 == last:
                return out
            added += 1
            out[at + added : at + added] = b"\1"
            step -= 254
        out[at + added] = step
        at = zero
    return out


def unstuff(data: bytes) -> bytes:
    """Undo stuff(); return b"" where data is no such encoding. data holds no zero byte."""
    size = len(data)
    out = bytearray(data)
    runs = []  # of out, between the code bytes that stand for no zero
    start = 1
    at = 0
    while at < size:
        code = out[at]
        out[at] = 0
        at += code
        if code == 255:
            runs.append(out[start:at])
            start = at + 1
    if at != size:
        return b""
    runs.append(out[start:])
    return b"".join(runs)


class Decoder:
    """Turns chunks of bytes into messages; what is damaged is dropped and counted.

    Memory is bounded by MAX_ENCODED for any input. opener, where set, takes a sealed
    payload and returns the plain one, or b"" to reject it; without it all sealed payloads are
    rejected. plain, where set, lists the types that are accepted unsealed.
    """

    def __init__(self, max_encoded: int = MAX_ENCODED) -> None:
        self.rejected = 0  # packets thrown away: damaged, oversized, no message, wrong seal
        self.payload: "bytes | bytearray" = b""  # of the last message, as it was sent, unsealed
        self.opener: "Callable[[bytes], bytes] | None" = None
        self.plain: "tuple[int, ...] | None" = None
        self.most = max_encoded  # bytes of a packet; longer ones are skipped
        self._buffer = bytearray()
        self._skipping = False  # inside an oversized packet, up to its delimiter

    def feed(self, data: bytes) -> list:
        """Return the messages that data completes, in order; each a list, its first item the type."""
        if self._buffer:
            if b"\0" not in data:
                self._keep(data)
                return []
            data = bytes(self._buffer) + data
            self._buffer = bytearray()
        elif data.find(b"\0") == len(data) - 1 > 0 and not self._skipping:
            # One whole packet, as most reads of a client are.
            message = self._message(data[:-1])
            if message is None:
                self.rejected += 1
                return []
            return [message]
        parts = data.split(b"\0")
        rest = parts.pop()
        messages: list = []
        for part in parts:
            if self._skipping:
                self._skipping = False  # counted when the skipping began
            elif part:
                message = self._message(part)
                if message is None:
                    self.rejected += 1
                else:
                    messages.append(message)
        if rest:
            self._keep(rest)
        return messages

    @property
    def between(self) -> bool:
        """Whether the next byte begins a packet: nothing of one is waiting."""
        return not self._buffer and not self._skipping

    def _keep(self, data: bytes) -> None:
        if self._skipping or not data:
            return
        if len(self._buffer) + len(data) > self.most:
            self._buffer = bytearray()
            self._skipping = True
            self.rejected += 1
        else:
            self._buffer.extend(data)

    def _message(self, part: bytes) -> "list | None":
        size = len(part)
        if size > self.most:
            return None
        if size < 256:  # no block is a full one, so every code byte after the first becomes a zero
            body = bytearray(part)
            at = 0
            while at < size:
                step = body[at]
                body[at] = 0
                at += step
            if at != size or size < 6 or crc32(body, CRC_BEFORE_ZERO) != CRC_RESIDUE:
                return None
            payload: "bytes | bytearray" = body[1:-4]
        else:
            whole = unstuff(part)
            if len(whole) < 5 or crc32(whole) != CRC_RESIDUE:
                return None
            payload = whole[:-4]
            if len(payload) > (MAX_SEALED if payload[0] == SEALED_MARK else MAX_PAYLOAD):
                return None
        if payload[0] == SEALED_MARK:
            payload = self.opener(payload) if self.opener is not None else b""
            sealed = True
        else:
            sealed = False
        try:
            message = unpack(payload)
            kind = message[0]
        except Exception as error:  # msgpack libraries differ in what they raise for a bad payload
            if type(error) is Exception:  # no library's: the board's IDE connects (errors.py)
                raise
            return None
        if type(message) is not list or type(kind) is not int or not 0 <= kind <= 127:
            return None
        if self.plain is not None and not sealed and kind not in self.plain:
            return None
        self.payload = payload
        return message
