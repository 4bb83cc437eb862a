"""Answers clients that look for boards: one UDP datagram in, one out.

The board's firmware has no mDNS. A client sends SEEK to this port, by broadcast or to one address;
the answer says who is here and where the link is. Nothing in it is secret, nothing is changed by
it, and whoever asks gets no more bytes back than it sent, in one answer a datagram, a few times a
second: the board is no help to those who send under another's address.
"""

import _thread
import socket
import time

from firmware_app.wire import messages, packets

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.link.gateway import Identity

_LOOK_MS = 50  # between looks: a search lasts a second
_DATAGRAM = 256
_PER_SECOND = 20


class Discovery:
    """A thread of its own: recvfrom() waits a millisecond with the interpreter free."""

    def __init__(self, identity: "Identity", port: int, key_required: bool) -> None:
        """port: of UDP here and of the TCP link, which is found at the answer's own port."""
        self._port = port
        flags = messages.FLAG_KEY_REQUIRED if key_required else 0
        self._answer = [messages.HERE, 0, identity.board_id, identity.name, identity.version, flags]
        self._answer.append(messages.PROTOCOL_VERSION)

    def start(self) -> None:
        """Open the port; OSError where it can't be had."""
        listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            listener.bind(("0.0.0.0", self._port))
            listener.setblocking(False)
        except OSError:
            listener.close()
            raise
        _thread.start_new_thread(self._loop, (listener,))

    def _loop(self, listener) -> None:
        second = time.ticks_ms()
        left = _PER_SECOND
        while True:
            time.sleep_ms(_LOOK_MS)
            if time.ticks_diff(time.ticks_ms(), second) >= 1000:
                second = time.ticks_ms()
                left = _PER_SECOND
            try:
                data, address = listener.recvfrom(_DATAGRAM)
                answer = self.answer(data) if left > 0 else b""
                if answer:
                    left -= 1
                    listener.sendto(answer, address)
            except Exception:
                pass  # nothing came, no memory, or the client that asked is gone: it asks again

    def answer(self, data: bytes) -> bytes:
        """Return the packet that answers a datagram's first question, empty where there is none.

        One that is shorter than the answer gets none: clients fill SEEK up (docs/protocol.md, section 7).
        """
        for message in packets.Decoder(_DATAGRAM).feed(data):
            if message[0] == messages.SEEK and len(message) > 1 and type(message[1]) is int:
                answer = list(self._answer)
                answer[1] = message[1] & 0xFFFFFFFF
                packet = packets.encode(answer)
                return packet if len(packet) <= len(data) else b""
        return b""
