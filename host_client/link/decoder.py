"""The client's decoder: one whole short packet, which most reads hold, is taken in one go."""

from __future__ import annotations

from typing import Any
from zlib import crc32

from msgpack import unpackb

from firmware_app.wire import packets
from firmware_app.wire.messages import SEALED_MARK
from firmware_app.wire.packets import unpack  # type: ignore[attr-defined]

_BEFORE_ZERO = packets.CRC_BEFORE_ZERO
_RESIDUE = crc32(b"\0", packets.CRC_RESIDUE)  # over the delimiter, too


class Decoder(packets.Decoder):
    """As packets.Decoder, which takes all other reads."""

    def feed(self, data: bytes) -> list[list[Any]]:
        """Return the messages that data completes, in order; each a list, its first item the type."""
        size = len(data) - 1
        # Below 256 no COBS block is a full one: each code byte but the first stands for a zero.
        if not 6 <= size < 256 or data.find(b"\0") != size or self._buffer or self._skipping:
            return super().feed(data)
        body = bytearray(data)
        at = 0
        while at < size:
            body[at], at = 0, at + body[at]
        if at != size or crc32(body, _BEFORE_ZERO) != _RESIDUE:
            self.rejected += 1
            return []
        payload: Any = body[1:-5]
        if payload[0] != SEALED_MARK:
            plain = self.plain
        elif self.opener is not None:
            payload, plain = self.opener(payload), None
        else:
            self.rejected += 1
            return []
        try:
            message = unpackb(payload)  # without options it is faster
            # It takes more than the protocol does, none of it a number: most messages are results with
            # four numbers and their data, which one look tells. | fails with all but numbers.
            kind, seq, time_ms, generation, data = message
            if (
                type(data) is bytes
                and kind | seq | time_ms | generation >= 0
                and type(kind) is int
                and kind < 128
                and plain is None
            ):
                self.payload = payload
                return [message]
        except Exception:  # msgpack raises errors of many types
            pass
        try:
            message = unpack(payload)
            kind = message[0]
        except Exception:
            kind = None
        if (
            type(kind) is not int
            or not 0 <= kind <= 127
            or type(message) is not list
            or (plain is not None and kind not in plain)
        ):
            self.rejected += 1
            return []
        self.payload = payload
        return [message]
