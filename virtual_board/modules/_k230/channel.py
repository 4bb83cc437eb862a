"""A channel to the silicon: calls over a pair of FIFOs.

A call is a JSON header and raw buffers, so that pictures and tensors travel as they are. FIFOs
and not sockets, because an interpreter with the board's own socket layer has no Unix sockets.
virtual_board/silicon/base/server.py is the other end.
"""

import json
import struct
import time
from _thread import get_ident

from _k230.clock import ticks
from _k230.mirrors import LARGE

# Beside the number of buffers:
_MAIN = 1 << 16  # the main thread calls
_WORKER = 1 << 17  # the working thread calls: the main one, unless another took its place
# Beside an answer's status:
_INTERRUPTED = 8  # Ctrl-C came
_IDE_INTERRUPT = 16  # the IDE connected, or wants the script to stop
_FORGOTTEN = 32  # the silicon no longer has one of the numbers; nothing was done

_LONG = "kpu.run"  # lasts for milliseconds on a board

_KINDS = {
    "OSError": OSError,
    "ValueError": ValueError,
    "RuntimeError": RuntimeError,
    "TypeError": TypeError,
    "EOFError": EOFError,
    "MemoryError": MemoryError,
    "NotImplementedError": NotImplementedError,
}


class Channel:
    """One call at a time: the caller sees to that. Mirrors and litter are the working thread's."""

    def __init__(self, request, reply, clock, mirrors, litter) -> None:
        self._request = request
        self._reply = reply
        self._clock = clock
        self._mirrors = mirrors
        self._litter = litter
        self._main = self._worker = get_ident()

    def adopt(self) -> None:
        """The calling thread is the working one from now on."""
        self._worker = get_ident()

    def working(self) -> bool:
        """Return whether the calling thread is the working one."""
        return get_ident() == self._worker

    def exchange(self, op: str, args=(), blobs=(), brief=False):
        """Run op in the silicon; return (result, buffers), or raise what it raised.

        args are JSON-able; blobs are buffers of bytes. brief: a large buffer among the answer's is
        good until the next call only.
        """
        clock = self._clock
        ident = get_ident()
        worker = ident == self._worker
        timed = worker and clock.on
        views = sizes = references = ()
        if blobs:
            views = [memoryview(blob) for blob in blobs]
            if worker and self._mirrors.numbers:
                references = self._mirrored(views)
            sizes = [len(view) for view in views]
        now = ticks()
        ahead = clock.board_us() - now if timed else 0
        header = json.dumps([op, args, now, ahead, references]).encode()
        count = len(sizes)
        if ident == self._main:
            count |= _MAIN
        if worker:
            count |= _WORKER
        write = self._request.write
        write(struct.pack("<%dI" % (2 + len(sizes)), len(header), count, *sizes))
        write(header)
        for view in views:
            if len(view):
                write(view)
        if timed and op == _LONG:
            self._litter.tidy(args[0])
        readinto = self._reply.readinto
        head = bytearray(8)
        if readinto(head) != 8:
            raise SystemExit  # the virtual board is gone
        size, count = struct.unpack("<II", head)
        lengths = bytearray(4 * count)
        if count:
            readinto(lengths)
        text = bytearray(size)
        readinto(text)
        buffers = self._read(lengths, brief and worker and count == 1) if count else []
        if clock.on:
            self._litter.size += sum(sizes) + sum([len(buffer) for buffer in buffers])
        status, result, took, kept = json.loads(text)
        if kept and len(buffers) == 1:
            self._mirrors.keep(buffers[0], kept)
        if took is not None and timed:
            clock.took(took)
            if op == _LONG:
                self._litter.ran(args[0], took)
        if status == 0:
            return result, buffers
        if status & _FORGOTTEN:
            self._mirrors.numbers.clear()
            return self.exchange(op, args, blobs, brief)
        _raise(status, result)

    def _mirrored(self, views):
        """Return [(index, number, size)] of what the silicon has, and empty those views."""
        references = []
        for i in range(len(views)):
            size = len(views[i])
            number = self._mirrors.number_of(views[i]) if size >= LARGE else 0
            if number:
                references.append((i, number, size))
                views[i] = b""
        return references

    def _read(self, lengths, brief: bool):
        """Return an answer's buffers; lengths: theirs, four bytes each."""
        buffers = []
        for at in range(0, len(lengths), 4):
            size = struct.unpack_from("<I", lengths, at)[0]
            buffer = self._mirrors.room(size) if brief and size >= LARGE else bytearray(size)
            if size:
                self._reply.readinto(buffer)
            buffers.append(buffer)
        return buffers


def _raise(status: int, result) -> None:
    """Raise what an answer that is no result stands for."""
    if status & _INTERRUPTED:
        raise KeyboardInterrupt  # here and nowhere else in an exchange, which it would break
    if status & _IDE_INTERRUPT:
        raise Exception("IDE interrupt")
    if status == 1:
        kind, message = result
        if kind == "OSError" and message.isdigit():
            raise OSError(int(message))  # an errno
        raise _KINDS.get(kind, RuntimeError)(message)
    while True:  # a native fault: the supervisor stops or ends this process
        time.sleep(1)
