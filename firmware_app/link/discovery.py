"""Answers clients that look for boards: one UDP datagram in, one out.

The board's firmware has no mDNS. A client sends SEEK to this port, by broadcast or to one address;
the answer says who is here and where the link is. Nothing in it is secret, nothing is changed by
it, and a client gets no more bytes back than it sent, in one answer a datagram, a few times a
second: the board is no help to those who send under another's address.
"""

import socket
import time

from firmware_app.wire import messages, packets

if 0:  # for type checkers; mpy-cross leaves it out
    from typing import Any

    from firmware_app.link.gateway import Identity

_LOOK_MS = 50  # between looks: a search lasts a second
_DATAGRAM = 256
_PER_SECOND = 20


class Discovery:
    """Served by the thread that receives TCP: recvfrom() waits a millisecond with the interpreter free."""

    def __init__(self, identity: "Identity", port: int, key_required: bool) -> None:
        """port: of UDP here and of the TCP link, which is found at the answer's own port."""
        self._port = port
        flags = messages.FLAG_KEY_REQUIRED if key_required else 0
        self._identity = identity
        self._flags = flags
        self.on = True  # written by the loop; off: what arrives is thrown away
        self._listener: "Any" = None
        self._looked = self._second = time.ticks_ms()
        self._left = _PER_SECOND

    def start(self) -> None:
        """Open the port; OSError where it can't be had."""
        try:
            listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        except MemoryError:
            raise OSError("there is no memory for a socket")
        try:
            listener.bind(("0.0.0.0", self._port))
            listener.setblocking(False)
        except Exception as error:
            listener.close()
            if isinstance(error, OSError):
                raise
            raise OSError(str(error))
        self._listener = listener

    def close(self) -> None:
        """Close the port."""
        try:
            self._listener.close()
        except OSError:
            pass

    def serve(self) -> None:
        """Answer clients that search, if it is time to look; raises nothing."""
        now = time.ticks_ms()
        if time.ticks_diff(now, self._looked) < _LOOK_MS:
            return
        self._looked = now
        if time.ticks_diff(now, self._second) >= 1000:
            self._second = now
            self._left = _PER_SECOND
        try:
            data, address = self._listener.recvfrom(_DATAGRAM)
            answer = self.answer(data) if self._left > 0 and self.on else b""
            if answer:
                self._left -= 1
                self._listener.sendto(answer, address)
        except Exception:
            pass  # nothing came, the client is gone, or there is no memory: it asks again

    def answer(self, data: bytes) -> bytes:
        """Return the packet that answers a datagram's first question, empty where there is none.

        One that is shorter than the answer gets none: clients fill SEEK up (docs/protocol.md, section 7).
        """
        for message in packets.Decoder(_DATAGRAM).feed(data):
            if message[0] == messages.SEEK and len(message) > 1 and type(message[1]) is int:
                identity = self._identity
                packet = packets.encode(
                    [
                        messages.HERE,
                        message[1] & 0xFFFFFFFF,
                        identity.board_id,
                        identity.name,
                        identity.version,
                        self._flags,
                        messages.PROTOCOL_VERSION,
                    ]
                )
                return packet if len(packet) <= len(data) else b""
        return b""
