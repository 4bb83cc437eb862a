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

Whoever has not been let in is a stranger. Strangers have a few places of their own, and a share of the
loop's time: what one of them sends is paid for out of it, one packet a turn, in turns. So clients that
were let in, and frames, always come first.
"""

import _thread
import errno
import select
import socket
import time

from firmware_app.board import cipher
from firmware_app.link.session import Session
from firmware_app.wire.messages import MAX_ENCODED

if 0:  # for type checkers; mpy-cross leaves it out
    from typing import Any

    from firmware_app.link.gateway import Gateway

MAX_CLIENTS = 8  # the board has 16 TCP connections in all
_SPARE = 4  # places of strangers
_INBOX = 16  # chunks received and not yet taken, per client
_CHUNK = 4096
# The port's accept() throws away, and never closes, what it accepted when its time is over by then.
# An inference holds the interpreter for so long that the usual 100 ms often are.
_ACCEPT_S = 86400
_BACKLOG = 128  # connections that wait to be accepted, as far as the stack has room for them
_ACCEPT_PAUSE_MS = 10  # behind each connection: a flood of them costs no more than this rate
# How long a stranger may keep its place where others wait for one.
_SILENT_MS = 150  # without a byte, or for a refusal to be read
_STRANGER_MS = 500  # after its greeting, without a proof
_PENDING_MS = 3000  # while bytes of it wait for their turn
_STRANGER_CHUNK = 512  # bytes of one that are received before they are taken
_STRANGER_PACKET = 1024  # a greeting has a hundred bytes
_STRANGER_BYTES = 4096  # of one in all
_STRANGER_PACKETS = 4  # of one in all: HELLO and AUTH are two
_SHARE = 4  # per cent of the time that strangers may cost
_BURST_US = 20000  # what they may have saved up: some greetings
_DEBT_US = 10000  # what one packet may have cost too much
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
        self.known = False  # was let in: written by the loop
        self.inbox = [b""] * _INBOX
        self.head = 0  # next to be filled, moved by the receiver
        self.tail = 0  # next to be taken, moved by the loop
        # The loop's own.
        self.session: "Session | None" = None
        self.rest: "memoryview | None" = None  # what send() did not take
        self.linger_ms = 0
        self.probed_ms = 0
        self.since_ms = 0
        self.bytes = 0  # that were taken


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
        self._saved = _BURST_US * 100  # hundredths of microseconds that strangers may cost now
        self._saved_us = time.ticks_us()  # when that was
        self._next = 0  # the slot of the stranger whose turn it is

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
            strangers = 0
            for candidate in self._slots:
                if candidate.socket is None:
                    slot = candidate
                elif not candidate.known:
                    strangers += 1
            if slot is None or strangers >= _SPARE:
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
                data = connection.recv(_STRANGER_CHUNK) if waits else b""
                where = "%s:%d" % (address[0], address[1])
            except Exception:
                waits, data, where = True, b"", ""
            if waits and not data:
                connection.close()  # it was gone before it was its turn, and takes no place
                time.sleep_ms(_ACCEPT_PAUSE_MS)
                continue
            slot.address = where
            slot.inbox[0] = data
            slot.head = 1 if data else 0
            slot.tail = 0
            slot.close = False
            slot.known = False
            slot.fresh = True
            slot.socket = connection  # last: from here on the others look at the slot
            time.sleep_ms(_ACCEPT_PAUSE_MS)

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
                known = slot.known
                if following == slot.tail or (not known and slot.head != slot.tail):
                    continue  # full: TCP makes the sender wait
                try:
                    data = connection.recv(_CHUNK if known else _STRANGER_CHUNK)
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
        strangers = 0
        for slot in self._slots:
            if slot.socket is None or slot.close:
                continue
            if not slot.known:
                strangers += 1
                continue
            if slot.tail != slot.head:
                busy = True
                # A large transfer takes what frames leave, and TCP makes it wait.
                self._take(slot, now_ms, self._gateway.clock.us() + _TURN_US)
            self._keep(slot, now_ms)
        if strangers and self._serve_strangers(now_ms, strangers):
            busy = True
        return busy

    def _take(self, slot: _Slot, now_ms: int, until_us: int) -> None:
        """Take what arrived of one client until then; one packet at least."""
        clock = self._gateway.clock
        while slot.tail != slot.head and slot.session is not None:
            data = slot.inbox[slot.tail]
            taken = slot.session.feed(data, now_ms, until_us)
            slot.bytes += taken
            if taken < len(data):
                slot.inbox[slot.tail] = data[taken:]
                return
            slot.inbox[slot.tail] = b""
            slot.tail = (slot.tail + 1) % _INBOX
            if clock.us() >= until_us:
                return

    def _keep(self, slot: _Slot, now_ms: int) -> None:
        """Send what waits for one client, and see whether it is still there."""
        session = slot.session
        if session is not None:
            session.check_silence(now_ms)
            self._pump(slot, session, now_ms)
            self._probe(slot, now_ms)

    def _serve_strangers(self, now_ms: int, count: int) -> bool:
        """Give each stranger its turn, as far as their share of the time goes; return whether one said something."""
        start = time.ticks_us()
        earned = time.ticks_diff(start, self._saved_us) * _SHARE
        self._saved_us = start
        self._saved = min(_BURST_US * 100, self._saved + max(0, earned))
        if self._saved <= 0:
            return False
        busy = False
        first = self._next
        for number in range(len(self._slots)):
            at = (first + number) % len(self._slots)
            slot = self._slots[at]
            if slot.socket is None or slot.close or slot.known:
                continue
            self._next = (at + 1) % len(self._slots)
            if slot.fresh:
                slot.fresh = False
                self._begin(slot, now_ms)
            if slot.tail != slot.head:
                busy = True
                self._take(slot, now_ms, 0)
                self._judge(slot)
            self._keep(slot, now_ms)
            now = time.ticks_us()
            self._saved = max(-100 * _DEBT_US, self._saved - 100 * time.ticks_diff(now, start))
            start = now
            if self._saved <= 0:
                break
        if count >= _SPARE:
            self._make_room(now_ms)
        return busy

    def _judge(self, slot: _Slot) -> None:
        """Let a stranger in whose greeting is done; end one that sends what no greeting needs."""
        session = slot.session
        if session is None:
            return
        if session.open:
            slot.known = True
            session.decoder.most = MAX_ENCODED
        elif not session.closing and (
            session.taken >= _STRANGER_PACKETS or slot.bytes > _STRANGER_BYTES
        ):
            self._end(slot)

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
        session.admits = lambda: self._admits(slot)
        session.decoder.most = _STRANGER_PACKET
        slot.session = session
        slot.since_ms = now_ms
        slot.bytes = 0

    def _make_room(self, now_ms: int) -> None:
        """Whoever connects and does not get to the end of the greeting must not keep others out."""
        waiting = None  # the stranger who has been here for longest
        for slot in self._slots:
            session = slot.session
            if slot.known or slot.close or session is None:
                continue
            since_ms = slot.since_ms
            patience_ms = _SILENT_MS
            if session.closing:
                since_ms = slot.linger_ms - _LINGER_MS if slot.linger_ms else now_ms
            elif slot.tail != slot.head:
                patience_ms = _PENDING_MS
            elif session.greeted:
                since_ms = session.started_ms
                patience_ms = _STRANGER_MS
            if now_ms - since_ms >= patience_ms and (
                waiting is None or slot.since_ms < waiting.since_ms
            ):
                waiting = slot
        if waiting is not None:
            self._end(waiting)

    def _admits(self, slot: _Slot) -> bool:
        """Return whether a client may be let in; one that was keeps its place, whatever it says."""
        if slot.known:
            return True
        if self._places() >= self._most:
            for other in self._slots:
                if other.known and other.session is not None and other.rest is None:
                    self._touch(other)  # whoever is gone without a word shows now
        if self._places() < self._most:
            return True
        self.refused += 1
        return False

    def _places(self) -> int:
        """Return how many clients were let in and are still there."""
        count = 0
        for slot in self._slots:
            if slot.known and slot.session is not None and not slot.session.closing:
                count += 1
        return count

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
