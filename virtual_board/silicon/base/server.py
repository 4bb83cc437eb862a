"""Answers the calls of the stand-in modules: one thread per channel, one table of operations."""

from __future__ import annotations

import array
import contextlib
import fcntl
import json
import struct
import termios
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from virtual_board.silicon.base.contents import Buffer, Contents
from virtual_board.silicon.base.errors import Death, NativeFault, SiliconError

MAIN = 1 << 16
"""Set in a request's number of buffers: the main thread calls."""

WORKER = 1 << 17
"""Set beside it: the timed thread calls, the main one unless another took its place."""

PIPE_BYTES = 1 << 20
"""As much as Linux allows everybody."""

INTERRUPTED = 8
"""Set in an answer's status: the main thread is to raise KeyboardInterrupt."""

IDE_INTERRUPT = 16
"""Set in an answer's status: the main thread is to raise the exception of the firmware's IDE."""

FORGOTTEN = 32
"""Set in an answer's status: a number that stands for a buffer is no longer known; nothing was done."""

Operation = Callable[[list[Any], list[memoryview]], tuple[Any, list[Buffer]]]


_KEPT = ("tensor.read", "ulab.")
"""Operations with answers that scripts use for others."""


class StoppedError(Exception):
    """The board is being switched off: the call gets no answer."""


class Call(threading.local):
    """What an operation may want to know of the call it serves."""

    start_us: int = 0  # the interpreter's monotonic clock when the stand-in was called
    ahead_us: int = 0  # how far the board's time was ahead of that clock (behind: negative)
    main: bool = False  # the interpreter's main thread calls
    worker: bool = False  # the timed thread calls
    took_us: int | None = None  # what the call takes on the board, where a stage has told it


current = Call()


class Interrupts(Protocol):
    """Learns of the main thread's calls; end() tells what the answer's status carries."""

    def begin(self) -> None:
        """A call begins."""

    def end(self) -> int:
        """A call ends."""


class Server:
    """Serves the channels of one run of the interpreter."""

    def __init__(
        self,
        operations: Mapping[str, Operation],
        on_fault: Callable[[Death], None],
        on_bug: Callable[[str], None],
        interrupts: Interrupts | None = None,
    ) -> None:
        self._operations = operations
        self._on_fault = on_fault
        self._on_bug = on_bug
        self._interrupts = interrupts
        self._contents = Contents()
        self._sources: list[BinaryIO] = []

    def waiting(self) -> bool:
        """Return whether a call has come that was not looked at yet."""
        return any(_unread(source) for source in list(self._sources))

    def serve(self, request: Path, reply: Path) -> threading.Thread:
        """Answer one channel until the interpreter closes it."""
        thread = threading.Thread(target=self._channel, args=(request, reply), daemon=True)
        thread.start()
        return thread

    def _channel(self, request: Path, reply: Path) -> None:
        # Opened in the same order as in modules/_k230/silicon.py: opening a FIFO waits for its other end.
        with open(request, "rb") as source, open(reply, "wb", buffering=0) as sink:
            _widen(source, sink)
            self._sources.append(source)
            try:
                while self._answer(source, sink):
                    pass
            except (BrokenPipeError, StoppedError):
                return
            finally:
                self._sources.remove(source)

    def _answer(self, source: BinaryIO, sink: Any) -> bool:
        head = source.read(8)
        if len(head) < 8:
            return False
        size, count = struct.unpack("<II", head)
        main, worker = count & MAIN, count & WORKER
        count &= ~(MAIN | WORKER)
        sizes = struct.unpack(f"<{count}I", source.read(4 * count))
        op, args, current.start_us, current.ahead_us, references = json.loads(source.read(size))
        current.took_us = None
        current.main, current.worker = bool(main), bool(worker)
        blobs = [memoryview(source.read(n)) for n in sizes]
        known = self._put_in(references, blobs)
        # A call that is made again says then whether Ctrl-C came: said now, it would not be heard.
        interrupts = self._interrupts if main and known else None
        if interrupts is not None:
            interrupts.begin()
        status, result, buffers = (
            self._run(op, args, blobs) if known else (FORGOTTEN, None, list[Buffer]())
        )
        if interrupts is not None:
            status |= interrupts.end()
        kept = 0
        if worker and len(buffers) == 1 and op.startswith(_KEPT):
            kept = self._contents.keep(buffers[0])
        text = json.dumps([status, result, current.took_us, kept]).encode()
        views = [memoryview(b).cast("B") if len(b) else memoryview(b"") for b in buffers]
        header = struct.pack(
            f"<{2 + len(views)}I", len(text), len(views), *[v.nbytes for v in views]
        )
        _write(sink, header + text)
        for view in views:
            _write(sink, view)
        return True

    def _put_in(self, references: list[list[int]], blobs: list[memoryview]) -> bool:
        """Put what is kept in the place of buffers that did not travel; False where something is not."""
        for index, number, size in references:
            content = self._contents.find(number)
            if content is None:
                return False
            blobs[index] = content[:size]
        return True

    def _run(
        self, op: str, args: list[Any], blobs: list[memoryview]
    ) -> tuple[int, Any, list[Buffer]]:
        try:
            result, buffers = self._operations[op](args, blobs)
            return 0, result, list(buffers)
        except SiliconError as error:
            return 1, [error.kind, error.message], []
        except NativeFault as fault:
            self._on_fault(Death(fault.message, fault.abort, current.main))
            return 2, fault.message, []
        except StoppedError:
            raise
        except Exception as error:  # a fault of the virtual board itself, not of the script
            self._on_bug(f"the virtual board failed in {op}: {type(error).__name__}: {error}")
            return 1, ["RuntimeError", f"the virtual board failed in {op}: {error}"], []


def _widen(*pipes: Any) -> None:
    """Let a tensor pass in a few pieces: each piece costs two changes of process."""
    for pipe in pipes:
        # Linux alone has the call, and a user's pipes may be as wide as they can be already.
        with contextlib.suppress(AttributeError, OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _unread(source: BinaryIO) -> bool:
    count = array.array("i", [0])
    fcntl.ioctl(source.fileno(), termios.FIONREAD, count)
    return count[0] > 0


def _write(sink: Any, data: Buffer) -> None:
    view = memoryview(data)
    while view:
        view = view[sink.write(view) :]
