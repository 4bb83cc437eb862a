"""The board's USB console: a pty on the PC's side, the firmware's small input ring on the other.

The firmware keeps 4096 bytes that the REPL has not read yet and does not look whether there is
room: a larger block without acknowledgement overruns the ring and is lost. Ctrl-C interrupts the
running script. A byte 0x30 might begin a frame of the IDE (ide.py), so the firmware holds it back
until five more bytes tell, or none come.

What is printed reaches the PC as the firmware's text does (Stars1233/canmv_k230 738f17f
port/core/mphalport.c, mp_hal_uart_tx; port/omv/ide_dbg.c, ide_dbg_stdout_capture; canmv-k230/rtsmart
v1.7 serial.c, _serial_dma_tx): it is lost while no PC has the port open; it is held back for 2 s from
the first text on an open port, until more text or input comes; and on a port that is not read it
blocks every print, for ever.
"""

from __future__ import annotations

import contextlib
import os
import pty
import select
import threading
import time
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Any

from virtual_board.silicon.base.contents import Buffer
from virtual_board.silicon.base.server import IDE_INTERRUPT, INTERRUPTED, Operation, StoppedError
from virtual_board.silicon.wires import ide, links

RING_SIZE = 4096
IDLE_MS = 200  # after which a held back "0" is passed on
CTRL_C = 3
_ENDS = frozenset(b"\x01\x02\x03\x04\x05\r\n")  # a read goes no further than these
_INTERRUPT_S = 0.25  # for the script to call into the silicon, before it is signalled
_LOOK_S = 0.05  # between two looks that must find it idle
_GUARD_S = 2.0  # STDOUT_PROBE_GUARD_MS
_HELD_SIZE = 128 * 1024  # TX_BUF_SIZE; what does not fit is lost
_LOOK_AGAIN_MS = 200  # of a writer that is blocked, at the port and at the board
_ABSENT_S = 0.02


class Interrupts:
    """Carries Ctrl-C to the interpreter's main thread, never into the middle of a call.

    A script that calls the silicon finds the interrupt in the answer. One that does not (it
    sleeps or computes) gets the signal; where it sleeps, it asks whether the IDE sent it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanted = False  # a script runs that Ctrl-C interrupts
        self._pending = 0  # what an answer is to carry
        self._calls = 0  # under way
        self._count = 0  # ever made
        self._seen = -1  # of them at the last look
        self._signal: Callable[[], None] | None = None
        self._signalled = 0  # what the last signal stood for
        self._waiting: Callable[[], bool] = lambda: False

    def start(self, signal: Callable[[], None], waiting: Callable[[], bool]) -> None:
        """The interpreter begins, in a process that `signal` interrupts.

        waiting: returns whether a call is on its way that was not taken yet.
        """
        with self._lock:
            self._wanted, self._pending, self._calls = False, 0, 0
            self._signal, self._waiting = signal, waiting

    def allow(self, wanted: bool) -> None:
        """Ctrl-C interrupts from now on, or is a character like any other."""
        with self._lock:
            self._wanted, self._pending = wanted, 0

    @property
    def wanted(self) -> bool:
        """Whether a script runs."""
        return self._wanted

    def request(self, kind: int = INTERRUPTED) -> bool:
        """Interrupt the script; False where none runs that could be."""
        with self._lock:
            if not self._wanted:
                return False
            if not self._pending:
                self._pending = kind
                self._look(_INTERRUPT_S)
        return True

    def signalled(self) -> int:
        """Return what the last signal stood for: INTERRUPTED or IDE_INTERRUPT; 0: there was none."""
        with self._lock:
            found, self._signalled = self._signalled, 0
        return found

    def begin(self) -> None:
        """The main thread calls the silicon."""
        with self._lock:
            self._calls += 1
            self._count += 1

    def end(self) -> int:
        """The call is done; return what its answer carries: INTERRUPTED, IDE_INTERRUPT or 0."""
        with self._lock:
            self._calls -= 1
            found, self._pending = self._pending, 0
        return found

    def _look(self, seconds: float) -> None:
        timer = threading.Timer(seconds, self._late)
        timer.daemon = True
        timer.start()

    def _late(self) -> None:
        with self._lock:
            if not self._pending or self._calls:
                return  # the answer carries it
            # Signalled in the middle of a call, the script would take its answer for the next one's.
            if self._waiting() or self._seen != self._count:
                self._seen = self._count
                self._look(_LOOK_S)
            elif self._signal is not None:
                self._signalled, self._pending = self._pending, 0
                self._signal()


class _Cable:
    """One life of the USB device, from its appearing to the board's restart: a pty and its reader."""

    def __init__(self, link: Path, take: Callable[[bytes], None], desk: ide.Ide) -> None:
        self._link = link
        self._take = take
        self._ide = desk
        self._held = bytearray()
        master, slave = pty.openpty()
        tty.setraw(slave)
        self._path = os.ttyname(slave)
        os.close(slave)  # so that it shows whether the PC has it open
        os.set_blocking(master, False)
        self._master = master
        self._writing = threading.Lock()
        self._guard = threading.Lock()
        self._gone = threading.Event()
        self._opened: float | None = (
            None  # when the first text met an open port; None: raw, or closed
        )
        self._open = False
        self._early = bytearray()  # held back
        self._due = bytearray()  # held back until now: goes before what is sent next
        self._wake = os.pipe()
        self._reader = threading.Thread(target=self._receive, daemon=True)
        self._reader.start()
        links.make(link, self._path)

    def unplug(self) -> None:
        """Take the device away; its number is not read or written afterwards: another may get it."""
        links.remove(self._link, self._path)
        self._gone.set()
        os.write(self._wake[1], b"x")
        self._reader.join()
        with self._writing, self._guard:
            os.close(self._master)
            self._master = -1
        for end in self._wake:
            os.close(end)

    def _receive(self) -> None:
        poller = select.poll()
        poller.register(self._master, select.POLLIN)
        poller.register(self._wake[0], select.POLLIN)
        while True:
            found = dict(poller.poll(IDLE_MS))
            if self._wake[0] in found:
                return
            try:
                if not found:
                    self._release()
                elif found[self._master] & select.POLLIN:
                    self._route(os.read(self._master, 512))
                else:  # the PC has not opened it, or has closed it
                    self._ide.closed()
                    time.sleep(_ABSENT_S)
            except BlockingIOError:
                continue
            except OSError:
                time.sleep(_ABSENT_S)

    def _route(self, data: bytes) -> None:
        self._typed()
        for i, byte in enumerate(data):
            if self._ide.attached:
                self._ide.feed(data[i:])
                return
            if not self._held and byte != ide.FIRST:
                self._take(bytes((byte,)))
                continue
            self._held.append(byte)
            if len(self._held) < ide.HEAD:
                continue
            if ide.begins(self._held):
                held, self._held = self._held, bytearray()
                self._ide.feed(bytes(held))
            else:
                self._release()

    def _release(self) -> None:
        held, self._held = self._held, bytearray()
        for byte in held:
            self._take(bytes((byte,)))

    def write(self, data: bytes) -> None:
        """Show what the interpreter printed, LF as CR LF; blocks while the PC does not read."""
        text = data.replace(b"\n", b"\r\n")
        if self._ide.capture(text):
            return
        with self._guard:
            if self._closed():
                self._open = False
                self._early.clear()
                return
            if not self._open:
                self._open, self._opened = True, time.monotonic()
                self._early.clear()
            if self._opened is not None:
                if time.monotonic() - self._opened < _GUARD_S:
                    if len(self._early) + len(text) <= _HELD_SIZE:
                        self._early += text
                    return
                self._opened = None
            text = bytes(self._early) + text
            self._early.clear()
        self.transmit(text)

    def _typed(self) -> None:
        """Input came: nothing is held back any more."""
        with self._guard:
            self._open, self._opened = True, None
            early = bool(self._early)
            self._due += self._early
            self._early.clear()
        if early:
            # The reader must not wait for the PC, which may be writing.
            threading.Thread(target=self.transmit, args=(b"",), daemon=True).start()

    def _closed(self) -> bool:
        if self._gone.is_set():
            return True
        poller = select.poll()
        poller.register(self._master, select.POLLOUT)
        return any(found[1] & select.POLLHUP for found in poller.poll(0))

    def transmit(self, data: bytes) -> None:
        """Send bytes to the PC; blocks until it took them, closed the port, or the board restarts."""
        poller = select.poll()
        with self._writing:
            if self._master < 0:
                return
            with self._guard:
                view = memoryview(bytes(self._due) + data)
                self._due.clear()
            poller.register(self._master, select.POLLOUT)
            with contextlib.suppress(OSError):
                while view and not self._gone.is_set():
                    found = poller.poll(_LOOK_AGAIN_MS)
                    if found and found[0][1] & (select.POLLHUP | select.POLLNVAL):
                        return
                    if found:
                        with contextlib.suppress(BlockingIOError):
                            view = view[os.write(self._master, view) :]


class Console:
    """The console of one virtual board; `link` leads to its pty while the board has power."""

    def __init__(self, link: Path) -> None:
        self._link = link
        self.interrupts = Interrupts()
        self._changed = threading.Condition()
        self._ring = bytearray(RING_SIZE)
        self._read_at = self._write_at = 0
        self._run = 0
        # What a script reads from sys.stdin: the firmware's ring while a script runs.
        self._stdin = os.pipe()
        for end in self._stdin:
            os.set_blocking(end, False)
        self.ide = ide.Ide(self)
        self._cable: _Cable | None = _Cable(link, self.typed, self.ide)

    def operations(self) -> dict[str, Operation]:
        """Return what the REPL calls."""
        return {
            "console.read": self._read,
            "console.interrupts": self._allow,
            "console.signalled": self._signalled,
            "console.attached": lambda args, blobs: (self.ide.attached, []),
            "console.script": lambda args, blobs: (None, [self.ide.take_script()]),
            "console.script_ended": self._script_ended,
        }

    @property
    def stdin(self) -> int:
        """What the interpreter's standard input reads."""
        return self._stdin[0]

    def writer(self) -> Callable[[bytes], None]:
        """Return what shows the text of the interpreter that runs now, and of no later one."""
        return self._cable.write if self._cable is not None else lambda data: None

    def restart(self) -> None:
        """The board restarts: the USB device goes and comes back, as another pty."""
        self._unplug()
        self.ide.restarted()
        self._cable = _Cable(self._link, self.typed, self.ide)

    def forget(self) -> None:
        """The interpreter is gone: its input with it."""
        self.ide.soft_reset()
        self._unread()
        with self._changed:
            self._run += 1
            self._read_at = self._write_at = 0
            self._changed.notify_all()

    def close(self) -> None:
        """The board is switched off."""
        self.forget()
        self._unplug()
        for end in self._stdin:
            os.close(end)

    def _unread(self) -> bytes:
        """Return what a script has not read of its standard input."""
        with contextlib.suppress(BlockingIOError):
            return os.read(self._stdin[0], 65536)
        return b""

    def _unplug(self) -> None:
        cable, self._cable = self._cable, None
        if cable is not None:
            cable.unplug()

    def running(self) -> bool:
        """Return whether a script runs."""
        return self.interrupts.wanted

    def interrupt(self) -> None:
        """Let the IDE's exception be raised in the running script."""
        self.interrupts.request(IDE_INTERRUPT)

    def clear(self) -> None:
        """Forget what was typed."""
        self._unread()
        with self._changed:
            self._read_at = self._write_at

    def transmit(self, data: bytes) -> None:
        """Send bytes to the PC."""
        if self._cable is not None:
            self._cable.transmit(data)

    def _script_ended(self, args: list[Any], _: list[memoryview]) -> tuple[Any, list[Buffer]]:
        self.ide.script_ended()
        return None, []

    def typed(self, data: bytes) -> None:
        """Take characters for the REPL."""
        with self._changed:  # a script that ends meanwhile would leave its input behind, unread
            for byte in data:
                if byte == CTRL_C and self.interrupts.request():
                    continue
                if self.interrupts.wanted:
                    with contextlib.suppress(BlockingIOError):
                        os.write(self._stdin[1], bytes((byte,)))
                else:
                    self._put(byte)

    def _put(self, byte: int) -> None:
        with self._changed:
            self._ring[self._write_at] = byte
            self._write_at = (self._write_at + 1) % RING_SIZE
            self._changed.notify_all()

    def _read(self, args: list[Any], _: list[memoryview]) -> tuple[Any, list[Buffer]]:
        """Wait for input; return up to args[0] bytes, a control character or line end at most last."""
        data = bytearray()
        with self._changed:
            run = self._run
            while self._read_at == self._write_at:
                self._changed.wait()
                if run != self._run:
                    raise StoppedError
            while self._read_at != self._write_at and len(data) < args[0]:
                data.append(self._ring[self._read_at])
                self._read_at = (self._read_at + 1) % RING_SIZE
                if data[-1] in _ENDS:
                    break
        return None, [data]

    def _signalled(self, args: list[Any], _: list[memoryview]) -> tuple[Any, list[Buffer]]:
        return self.interrupts.signalled() == IDE_INTERRUPT, []

    def _allow(self, args: list[Any], _: list[memoryview]) -> tuple[Any, list[Buffer]]:
        with self._changed:
            self.interrupts.allow(bool(args[0]))
            if not args[0]:
                for byte in self._unread():
                    self._put(byte)
        return None, []
