"""TCP: the loop's side of the connections; two threads wait for the network (link/tcp_threads.py).

A client that has not been let in is a stranger. Strangers have a few places of their own, and a share of the
loop's time: what one of them sends is paid for out of it, one packet a turn, in turns. So clients that
were let in, and frames, always come first.
"""

import errno
import time
from builtins import len  # found sooner than where it is built in

from firmware_app.base import problems
from firmware_app.board import cipher
from firmware_app.link.session import Session
from firmware_app.link.tcp_threads import INBOX, MAX_STRANGERS, Slot, Waiters
from firmware_app.wire.messages import MAX_ENCODED

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.base.problems import Problems
    from firmware_app.link.gateway import Gateway

MAX_CLIENTS = 8  # the board has 16 TCP connections in all
# How long a stranger may keep its place where others wait for one.
_SILENT_MS = 150  # without a byte, or for a refusal to be read
_STRANGER_MS = 500  # after its greeting, without a proof
_PENDING_MS = 3000  # while bytes of it wait for their turn
_STRANGER_PACKET = 1024  # a greeting has a hundred bytes
_STRANGER_BYTES = 4096  # of one in all
_STRANGER_PACKETS = 4  # of one in all: HELLO and AUTH are two
_SHARE = 4  # per cent of the time that strangers may cost
_BURST_US = 20000  # what they may have saved up: some greetings
_DEBT_US = 10000  # what one packet may have cost too much
_PROBE_MS = 100  # between looks whether a stranger is still there
_LINGER_MS = 500  # for a refusal to be read before the connection ends
_TURN_US = 3000  # that one client's data may take before frames have their turn
_PUMP_CHUNKS = 1  # pieces of downloads in a turn: results come first
_PUMP_PACKETS = 32  # packets one client gets in a row before the others have their turn


class TcpLink:
    """The listener and its clients."""

    pieces = 0  # nothing here goes in pieces

    def __init__(self, gateway: "Gateway", settings: dict, depth: int, store: "Problems") -> None:
        """settings: the `network` section of service.yaml; depth: results that wait for a slow reader;
        store: where a port that can't be opened is told."""
        self._problems = store
        self._gateway = gateway
        self._settings = settings
        self._slots = [Slot() for _ in range(MAX_CLIENTS + MAX_STRANGERS)]
        self._depth = depth
        self._encrypted = settings["encryption"] and settings["key_required"] and cipher.present()
        self._waiters = Waiters(self._slots)
        self._most = min(MAX_CLIENTS, settings["max_clients"])
        self.port = settings["port"]
        self.refused = 0
        self._found = False  # clients that search for boards get an answer
        self._rejected = 0  # damaged packets of connections that are gone
        self._saved = _BURST_US * 100  # hundredths of microseconds that strangers may cost now
        self._saved_us = time.ticks_us()  # when that was
        self._next = 0  # the slot of the stranger that comes next
        self._changes = 0  # that _used knows of
        self._used: "list[Slot]" = []

    def start(self) -> None:
        """Open the listener; OSError where the port can't be had."""
        self._waiters.start(self.port)

    def adopt(self, settings: dict) -> bool:
        """Let what may change while the link is open be as in these settings of service.yaml.

        Return whether all of it could be done; discover_again() does the rest.
        """
        network = settings["network"]
        self._most = min(MAX_CLIENTS, network["max_clients"])
        self._depth = settings["results"]["queue"]  # of sessions that begin from now on
        return self.discover(network["discovery"])

    def discover_again(self) -> bool:
        """Try once more what discover() could not do; return whether it could."""
        return self.discover(self._found)

    def discover(self, wanted: bool) -> bool:
        """Answer clients that search for boards, or do so no more; the receiver's thread does it.

        Return whether it could be done.
        """
        self._found = wanted
        asked = self._waiters.beside
        if asked is not None:
            asked.on = wanted  # its port stays open: the two threads need not agree on closing it
            return True
        if not wanted:
            self._problems.clear(problems.DISCOVERY)
            return True
        from firmware_app.link.discovery import Discovery

        asked = Discovery(self._gateway.identity, self.port, self._settings["key_required"])
        try:
            asked.start()
        except OSError as error:
            text = "UDP port %d can't be opened: %s" % (self.port, error)
            self._problems.set(problems.DISCOVERY, text)
            return False
        self._problems.clear(problems.DISCOVERY)
        self._waiters.beside = asked
        return True

    @property
    def threads(self) -> int:
        """How many threads run for this link."""
        return self._waiters.threads

    def close(self) -> None:
        """Close everything; the threads end soon after."""
        self._waiters.close()

    # -- the loop

    def serve(self, now_ms: int) -> bool:
        """Take what arrived, send what waits; return whether anything happened."""
        busy = False
        strangers = 0
        waiters = self._waiters
        if waiters.came + waiters.went != self._changes:
            self._look()
        for slot in self._used:
            if slot.socket is None or slot.close:
                continue
            if not slot.known:
                strangers += 1
                continue
            if slot.tail != slot.head:
                busy = True
                # A large transfer takes what frames leave, and TCP makes it wait.
                self._take(slot, now_ms, self._gateway.clock.us() + _TURN_US)
            if slot.session is not None:
                self._keep(slot, slot.session, now_ms)
        if strangers and self._serve_strangers(now_ms, strangers):
            busy = True
        return busy

    def _look(self) -> None:
        """Look which slots have a connection; some of these may lose it."""
        self._changes = self._waiters.came + self._waiters.went
        self._used = [slot for slot in self._slots if slot.socket is not None]

    def _take(self, slot: Slot, now_ms: int, until_us: int) -> None:
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
            slot.tail = (slot.tail + 1) % INBOX
            if clock.us() >= until_us:
                return

    def _keep(self, slot: Slot, session: Session, now_ms: int) -> None:
        """Send what waits for one client, and see whether it is still there."""
        if now_ms >= session.check_ms:
            session.check_silence(now_ms)
        self._pump(slot, session, now_ms)
        if not session.open:
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
            if slot.session is not None:
                self._keep(slot, slot.session, now_ms)
            now = time.ticks_us()
            self._saved = max(-100 * _DEBT_US, self._saved - 100 * time.ticks_diff(now, start))
            start = now
            if self._saved <= 0:
                break
        if count >= MAX_STRANGERS:
            self._make_room(now_ms)
        return busy

    def _judge(self, slot: Slot) -> None:
        """Let a stranger in that has greeted; end one that sends what no greeting needs."""
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
        """Return False: all that can go without waiting went in serve()."""
        return False

    def sessions(self) -> list:
        """Return the sessions that have greeted."""
        found = []
        waiters = self._waiters
        if waiters.came + waiters.went != self._changes:
            self._look()
        for slot in self._used:
            session = slot.session
            if session is not None and session.open:
                found.append(session)
        return found

    @property
    def rejected(self) -> int:
        """Damaged or foreign packets thrown away since the start."""
        count = self._rejected
        for slot in self._slots:
            if slot.session is not None:
                count += slot.session.decoder.rejected
        return count

    def _begin(self, slot: Slot, now_ms: int) -> None:
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
        """A client that connects and does not finish the greeting must not keep others out."""
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

    def _admits(self, slot: Slot) -> bool:
        """Return whether a client may be let in; one that was keeps its place in any case."""
        if slot.known:
            return True
        if self._places() >= self._most:
            for other in self._slots:
                if other.known and other.session is not None and other.rest is None:
                    self._touch(other)  # a client that is gone without a word shows now
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

    def _pump(self, slot: Slot, session: Session, now_ms: int) -> None:
        chunks = _PUMP_CHUNKS if session.downloads else 0
        box = session.outbox
        rest = slot.rest
        left = _PUMP_PACKETS
        while left:
            left -= 1
            if rest is None:
                rest = session.next_packet()
                if rest is None and chunks:
                    chunks -= 1
                    rest = session.next_chunk()
                if rest is None:
                    break
                slot.rest = rest  # whatever sending raises
            try:
                sent = slot.send(rest)
            except OSError as error:
                if error.args[0] != errno.EAGAIN:
                    session.close("the connection is gone")
                    self._end(slot)
                return
            if not sent:
                return
            if sent < len(rest):
                slot.rest = rest = memoryview(rest)[sent:]
            else:
                slot.rest = rest = None
                if not (box.urgent or box.results or box.history or chunks):
                    break
        if session.closing:
            if slot.linger_ms == 0:
                slot.linger_ms = now_ms + _LINGER_MS
            elif now_ms >= slot.linger_ms:
                self._end(slot)

    def _probe(self, slot: Slot, now_ms: int) -> None:
        """Send an empty packet to clients without a session: only sending shows that a peer has gone.

        So a flood of connections that are opened and dropped does not fill the places.
        """
        if slot.session is None or slot.rest is not None:
            return
        if now_ms - slot.probed_ms >= _PROBE_MS:
            slot.probed_ms = now_ms
            self._touch(slot)

    def _touch(self, slot: Slot) -> None:
        try:
            slot.send(b"\0")
        except OSError as error:
            if error.args[0] != errno.EAGAIN:
                self._end(slot)

    def _end(self, slot: Slot) -> None:
        if slot.session is not None:
            slot.session.close("the connection ended")
            self._rejected += slot.session.decoder.rejected
        slot.session = None
        slot.rest = None
        slot.close = True
