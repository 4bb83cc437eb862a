"""The two threads of the TCP link: one accepts, one receives; the loop sends without waiting.

Sockets are never registered with asyncio's poller: on the board every registered socket
costs each turn of the loop a millisecond with the interpreter held. There, accept() waits
100 ms at least and recv() 1 ms with any timeout, both with the interpreter free, so each
has a thread. A socket must be non-blocking before recv: in any other mode the port's recv
holds the interpreter until data comes. Polling once tells a new connection that has ended
already from one that says nothing yet.

Nothing but close() may end a thread: without it no client is let in or heard until the next start. The
threads share the slots made in __init__ with the loop, and nothing that grows. A recv that brings
nothing may mean nothing or the end; the end shows when sending, or as silence.
"""

import _thread
import select
import socket
import time

if 0:  # for type checkers; mpy-cross leaves it out
    from typing import Any

    from firmware_app.link.session import Session

INBOX = 16  # chunks received and not yet taken, per client
MAX_STRANGERS = 4  # places of those who have not been let in
_CHUNK = 4096
_STRANGER_CHUNK = 512  # bytes of one that are received before they are taken
# The port's accept() throws away, and never closes, what it accepted when its time is over by then.
# An inference holds the interpreter so long that the usual 100 ms often are.
_ACCEPT_S = 86400
_BACKLOG = 128  # connections that wait to be accepted, as far as the stack has room for them
_ACCEPT_PAUSE_MS = 20  # after each connection: a flood of them costs no more than this rate
_IDLE_MS = 20
# After a round that brought nothing. Each sleep is awake at its end, up to a tick of 1 ms, and each
# round takes the interpreter: where all clients only listen, few of them.
_QUIET_MS = 5
# Few and shallow calls; of each thread that ended the firmware keeps the stack
# (Stars1233/canmv_k230 port/core/mpthreadport.c, 272).
_STACK = 32768


class Slot:
    """One connection, from accept to close."""

    def __init__(self) -> None:
        self.socket: "Any" = None  # set by the acceptor, cleared by the receiver
        self.fresh = False  # accepted, not yet seen by the loop
        self.address = ""
        self.close = False  # the loop wants it closed
        self.known = False  # was let in: written by the loop
        self.inbox = [b""] * INBOX
        self.head = 0  # next to be filled, moved by the receiver
        self.tail = 0  # next to be taken, moved by the loop
        # The loop's own.
        self.session: "Session | None" = None
        self.rest: "bytes | bytearray | memoryview | None" = None  # what send() did not take
        self.linger_ms = 0
        self.probed_ms = 0
        self.since_ms = 0
        self.bytes = 0  # that were taken

    def send(self, data: "bytes | bytearray | memoryview") -> int:
        """Send what goes without waiting, return how much; OSError."""
        return self.socket.send(data)


class Waiters:
    """The acceptor and the receiver."""

    def __init__(self, slots: "list[Slot]") -> None:
        self._slots = slots
        self._listener: "Any" = None
        self._closing = False
        self._accepting = False
        self._receiving = False
        # Connections that were put into slots and taken out; each has one thread that counts.
        self.came = 0
        self.went = 0
        self.beside: "Any" = None  # has serve(), which the receiver calls, and close()

    def start(self, port: int) -> None:
        """Open the listener and start both threads; OSError where that can't be had."""
        before = _thread.stack_size(_STACK)
        try:
            listener = self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("0.0.0.0", port))
            listener.listen(_BACKLOG)
            listener.settimeout(_ACCEPT_S)
            _thread.start_new_thread(self._accept, ())
            self._accepting = True
            _thread.start_new_thread(self._receive, ())
            self._receiving = True
        except Exception as error:
            self.close()
            if isinstance(error, OSError):
                raise
            raise OSError("its threads can't be started: %s" % error)
        finally:
            _thread.stack_size(before)

    @property
    def threads(self) -> int:
        """How many of them run."""
        return int(self._accepting) + int(self._receiving)

    def close(self) -> None:
        """Let both end, within some 20 ms, and close all sockets; `threads` tells when they have."""
        self._closing = True
        if self._listener is not None:
            _close(self._listener)  # ends accept()

    # -- the acceptor's thread

    def _accept(self) -> None:
        try:
            while not self._closing:
                slot = None
                strangers = 0
                for candidate in self._slots:
                    if candidate.socket is None:
                        slot = candidate
                    elif not candidate.known:
                        strangers += 1
                if slot is None or strangers >= MAX_STRANGERS:
                    time.sleep_ms(_IDLE_MS)
                    continue
                try:
                    connection, address = self._listener.accept()
                except Exception:  # a connection is worth no thread
                    time.sleep_ms(1)
                    continue
                self._take(slot, connection, address)
                time.sleep_ms(_ACCEPT_PAUSE_MS)
        finally:
            self._accepting = False

    def _take(self, slot: Slot, connection: "Any", address: "tuple") -> None:
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
            _close(connection)  # it was gone before it was its turn, and takes no place
            return
        slot.address = where
        slot.inbox[0] = data
        slot.head = 1 if data else 0
        slot.tail = 0
        slot.close = False
        slot.known = False
        slot.fresh = True
        slot.socket = connection  # from here on the others look at the slot
        self.came += 1

    # -- the receiver's thread

    def _receive(self) -> None:
        pause_ms = 1
        try:
            while not self._closing:
                idle = True
                came = False
                for slot in self._slots:
                    if slot.socket is None:
                        continue
                    if slot.close:
                        _close(slot.socket)
                        slot.socket = None
                        self.went += 1
                        continue
                    idle = False
                    if self._read(slot):
                        came = True
                if self.beside is not None:
                    self.beside.serve()
                pause_ms = 1 if came else min(pause_ms + 1, _QUIET_MS)
                time.sleep_ms(_IDLE_MS if idle else pause_ms)
        finally:
            for slot in self._slots:
                if slot.socket is not None:
                    _close(slot.socket)
            if self.beside is not None:
                self.beside.close()
            self._receiving = False

    def _read(self, slot: Slot) -> bool:
        """Receive once; return whether anything came, or waits to be taken."""
        following = (slot.head + 1) % INBOX
        known = slot.known
        if following == slot.tail or (not known and slot.head != slot.tail):
            return True  # full: TCP makes the sender wait
        try:
            data = slot.socket.recv(_CHUNK if known else _STRANGER_CHUNK)
        except (
            Exception
        ):  # the loop notices when it sends; a chunk for which there is no memory comes again
            return False
        if data:
            slot.inbox[slot.head] = data
            slot.head = following
        return bool(data)


def _close(connection: "Any") -> None:
    try:
        connection.close()
    except Exception:
        pass  # it is gone anyway
