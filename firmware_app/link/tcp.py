"""TCP: two threads wait for the network, the event loop sends without waiting.

Sockets are never registered with asyncio's poller: on the board every registered socket
costs each turn of the loop a millisecond with the interpreter held. There, accept() waits
100 ms at least and recv() 1 ms whatever the timeout says, both with the interpreter free, so each
has a thread. A socket must be non-blocking before recv: in any other mode the port's recv
holds the interpreter until data comes. Polling once tells a new connection that has ended
already from one that says nothing yet.

Nothing may end a thread: without it nobody is let in or heard until the next start. The threads share
the slots made in __init__ with the loop, and nothing that grows. A recv that brings
nothing may mean nothing or the end; the end shows when sending, or as silence.
"""

import _thread
import errno
import select
import socket
import time

from firmware_app.board import cipher
from firmware_app.link.session import Session

if 0:  # for type checkers; mpy-cross leaves it out
    from typing import Any

    from firmware_app.link.gateway import Gateway

MAX_CLIENTS = 8  # the board has 16 TCP connections in all
_SPARE = 4  # slots in which the ninth is told why, and strangers are waited for
_INBOX = 16  # chunks received and not yet taken, per client
_CHUNK = 4096
# The port's accept() throws away, and never closes, what it accepted when its time is over by then.
# An inference holds the interpreter for so long that the usual 100 ms often are.
_ACCEPT_S = 86400
_BACKLOG = 128  # connections that wait to be accepted, as far as the stack has room for them
_STRANGER_MS = 500  # in which a new connection may greet before it has to make room
_FREE = 2  # slots for whom room is made
_PROBE_MS = 100  # between looks whether a stranger is still there
_LINGER_MS = 500  # for a refusal to be read before the connection ends
_TURN_US = 3000  # that one client's data may take before frames have their turn
_PUMP_PACKETS = 32  # packets one client gets in a row before the others have their turn


class _Slot:
    """One connection, from accept to close."""

    def __init__(self) -> None:
        self.socket: "Any" = None  # set by the acceptor, cleared by the receiver
        self.fresh = False  # accepted, not yet seen by the loop
        self.address = ""
        self.close = False  # the loop wants it closed
        self.inbox = [b""] * _INBOX
        self.head = 0  # next to be filled, moved by the receiver
        self.tail = 0  # next to be taken, moved by the loop
        # The loop's own.
        self.session: "Session | None" = None
        self.rest: "memoryview | None" = None  # what send() did not take
        self.linger_ms = 0
        self.probed_ms = 0
        self.since_ms = 0


class TcpLink:
    """The listener and its clients."""

    pieces = 0  # nothing here goes in pieces

    def __init__(self, gateway: "Gateway", settings: dict, depth: int) -> None:
        """settings: the `network` section of service.yaml; depth: results that wait for a slow reader."""
        self._gateway = gateway
        self._settings = settings
        self._slots = [_Slot() for _ in range(MAX_CLIENTS + _SPARE)]
        self._depth = depth
        self._encrypted = settings["encryption"] and settings["key_required"] and cipher.present()
        self._listener: "Any" = None
        self._most = min(MAX_CLIENTS, settings["max_clients"])
        self.port = settings["port"]
        self.refused = 0
        self._rejected = 0  # damaged packets of connections that are gone

    def start(self) -> None:
        """Open the listener and start both threads; OSError where the port can't be had."""
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("0.0.0.0", self.port))
            listener.listen(_BACKLOG)
            listener.settimeout(_ACCEPT_S)
        except OSError:
            listener.close()
            raise
        self._listener = listener
        _thread.start_new_thread(self._accept, ())
        _thread.start_new_thread(self._receive, ())

    # -- the acceptor's thread

    def _accept(self) -> None:
        listener = self._listener
        while True:
            slot = None
            for candidate in self._slots:
                if candidate.socket is None:
                    slot = candidate
                    break
            if slot is None:
                time.sleep_ms(20)
                continue
            try:
                connection, address = listener.accept()
            except Exception:  # no memory, too: the next one may be let in
                time.sleep_ms(1)
                continue
            try:
                connection.setblocking(False)
                try:
                    connection.setsockopt(6, 1, 1)  # IPPROTO_TCP, TCP_NODELAY
                except OSError:
                    pass  # a delay more, no fault
                poller = select.poll()
                poller.register(connection, select.POLLIN)
                waits = bool(poller.poll(0))
                data = connection.recv(_CHUNK) if waits else b""
                where = "%s:%d" % (address[0], address[1])
            except Exception:
                waits, data, where = True, b"", ""
            if waits and not data:
                connection.close()  # it was gone before it was its turn, and takes no place
                continue
            slot.address = where
            slot.inbox[0] = data
            slot.head = 1 if data else 0
            slot.tail = 0
            slot.close = False
            slot.fresh = True
            slot.socket = connection  # last: from here on the others look at the slot

    # -- the receiver's thread

    def _receive(self) -> None:
        while True:
            idle = True
            for slot in self._slots:
                connection = slot.socket
                if connection is None:
                    continue
                if slot.close:
                    try:
                        connection.close()
                    except OSError:
                        pass
                    slot.socket = None
                    continue
                idle = False
                following = (slot.head + 1) % _INBOX
                if following == slot.tail:
                    continue  # full: TCP makes the sender wait
                try:
                    data = connection.recv(_CHUNK)
                except Exception:  # no memory, too: the bytes are still there
                    continue
                if data:
                    slot.inbox[slot.head] = data
                    slot.head = following
            time.sleep_ms(20 if idle else 1)

    # -- the loop

    def serve(self, now_ms: int) -> bool:
        """Take what arrived, send what waits; return whether anything happened."""
        busy = False
        free = 0
        for slot in self._slots:
            if slot.socket is None or slot.close:
                free += 1
                continue
            if slot.fresh:
                slot.fresh = False
                self._begin(slot, now_ms)
                busy = True
            start = time.ticks_us()
            while slot.tail != slot.head:
                if busy and time.ticks_diff(time.ticks_us(), start) > _TURN_US:
                    break  # a large transfer takes what frames leave, and TCP makes it wait
                data = slot.inbox[slot.tail]
                slot.inbox[slot.tail] = b""
                slot.tail = (slot.tail + 1) % _INBOX
                busy = True
                if slot.session is not None:
                    slot.session.feed(data, now_ms)
            session = slot.session
            if session is not None:
                session.check_silence(now_ms)
                self._pump(slot, session, now_ms)
                self._probe(slot, now_ms)
        if free < _FREE:
            self._make_room(now_ms)
        return busy

    def due(self) -> bool:
        """Return False: whatever can go without waiting went in serve()."""
        return False

    def sessions(self) -> list:
        """Return the sessions whose greeting is done."""
        return [s.session for s in self._slots if s.session is not None and s.session.open]

    @property
    def rejected(self) -> int:
        """Damaged or foreign packets thrown away since the start."""
        count = self._rejected
        for slot in self._slots:
            if slot.session is not None:
                count += slot.session.decoder.rejected
        return count

    def _begin(self, slot: _Slot, now_ms: int) -> None:
        settings = self._settings
        slot.rest = None
        slot.linger_ms = 0
        slot.probed_ms = 0  # at once: what accept() said has shown by now whether it is there
        session = Session(
            self._gateway,
            slot.address,
            now_ms,
            settings["key_required"],
            settings["sealed"],
            self._depth,
            self._encrypted,
        )
        session.admits = self._admits
        slot.session = session
        slot.since_ms = now_ms

    def _make_room(self, now_ms: int) -> None:
        """Whoever connects and does not get to the end of the greeting must not keep others out."""
        waiting = None  # the stranger who has been here for longest
        for slot in self._slots:
            if slot.session is None or slot.session.open or slot.linger_ms:
                continue
            if now_ms - slot.since_ms >= _STRANGER_MS and (
                waiting is None or slot.since_ms < waiting.since_ms
            ):
                waiting = slot
        if waiting is not None:
            self._end(waiting)

    def _admits(self) -> bool:
        if len(self.sessions()) >= self._most:
            for slot in self._slots:
                if slot.session is not None and slot.session.open and slot.rest is None:
                    self._touch(slot)  # whoever is gone without a word shows now
        if len(self.sessions()) < self._most:
            return True
        self.refused += 1
        return False

    def _pump(self, slot: _Slot, session: Session, now_ms: int) -> None:
        for _ in range(_PUMP_PACKETS):
            if slot.rest is None:
                packet = session.next_packet()
                if packet is None:
                    break
                slot.rest = memoryview(packet)
            try:
                sent = slot.socket.send(slot.rest)
            except OSError as error:
                if error.args[0] != errno.EAGAIN:
                    session.close("the connection is gone")
                    self._end(slot)
                return
            if not sent:
                return
            slot.rest = slot.rest[sent:] if sent < len(slot.rest) else None
        if session.closing:
            if slot.linger_ms == 0:
                slot.linger_ms = now_ms + _LINGER_MS
            elif now_ms >= slot.linger_ms:
                self._end(slot)

    def _probe(self, slot: _Slot, now_ms: int) -> None:
        """Say an empty packet to whoever has no session: only sending shows that a peer has gone.

        So a flood of connections that are opened and dropped does not fill the places.
        """
        if slot.session is None or slot.session.open or slot.rest is not None:
            return
        if now_ms - slot.probed_ms >= _PROBE_MS:
            slot.probed_ms = now_ms
            self._touch(slot)

    def _touch(self, slot: _Slot) -> None:
        try:
            slot.socket.send(b"\0")
        except OSError as error:
            if error.args[0] != errno.EAGAIN:
                self._end(slot)

    def _end(self, slot: _Slot) -> None:
        if slot.session is not None:
            slot.session.close("the connection ended")
            self._rejected += slot.session.decoder.rejected
        slot.session = None
        slot.rest = None
        slot.close = True
