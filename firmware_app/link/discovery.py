"""Answers clients that look for boards: one UDP datagram in, one out.

The board's firmware has no mDNS. A client sends SEEK to this port, by broadcast or to one address;
the answer says who is here and where the link is. Nothing in it is secret, nothing is changed by
it, and a stranger gets no more bytes back than a few dozen a question, a few times a second.
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
                if data and left > 0:
                    left -= self._reply(listener, data, address)
            except Exception:
                pass  # nothing came, no memory, or the client that asked is gone: it asks again

    def _reply(self, listener, data: bytes, address) -> int:
        """Answer each question in a datagram; return how many there were."""
        count = 0
        for message in packets.Decoder(_DATAGRAM).feed(data):
            if message[0] != messages.SEEK or len(message) < 2 or type(message[1]) is not int:
                continue
            answer = list(self._answer)
            answer[1] = message[1] & 0xFFFFFFFF
            count += 1
            listener.sendto(packets.encode(answer), address)
        return count
