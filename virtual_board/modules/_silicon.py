"""The one way from the stand-in modules to the silicon: calls over a pair of FIFOs.

A call is a JSON header and raw buffers, so that pictures and tensors travel as they are. FIFOs
and not sockets, because an interpreter with the board's own socket layer has no Unix sockets.

The lock below is the board's interpreter lock. PC builds of MicroPython run threads side by
side; on the board a thread runs only while the others wait in something that lets go of the
interpreter. call() holds the lock (as kpu.run or a UART write hold the interpreter there);
call_waiting() lets go of it while the silicon works and returns only when it is free.
"""

import _thread
import json
import struct
import time
from gc import collect as _collect

import _clock

config = {}  # the board's wiring as the virtual board laid it down (see boot.py)

_lock = _thread.allocate_lock()
_camera_lock = _thread.allocate_lock()
_channels = []
_main = _thread.get_ident()
_MAIN = 1 << 16  # beside the number of buffers: the main thread calls
_INTERRUPTED = 8  # beside an answer's status: Ctrl-C came
_IDE_INTERRUPT = 16  # the IDE connected, or wants the script to stop

_LARGE = 1 << 16
_SHORTER = 64
_MOST_MODELS = 4
_MOST_SCRATCH = 6
_scratch = {}  # by size
# Which contents the silicon has under a number and the scratch buffer of a size still holds. An array
# that equals them need not travel back.
_mirrors = {}
_FORGOTTEN = 32  # beside an answer's status: the silicon no longer has such a number

_LONG = "kpu.run"  # lasts for milliseconds on a board
_LITTER = 8 << 20
_MOST_LITTER = 32 << 20
_littered = 0  # bytes that arrays have left here since the last collection
_lasts = {}  # us of an inference, by model

_KINDS = {
    "OSError": OSError,
    "ValueError": ValueError,
    "RuntimeError": RuntimeError,
    "TypeError": TypeError,
    "EOFError": EOFError,
    "MemoryError": MemoryError,
    "NotImplementedError": NotImplementedError,
}


def connect(settings: dict) -> None:
    """Open the channels; called once by boot.py before anything else is imported."""
    config.update(settings)
    # The main channel, the camera's, and the console's where there is one.
    for request, reply in settings["channels"]:
        _channels.append((open(request, "wb"), open(reply, "rb")))


def _call(op: str, args=(), blobs=(), brief=False):
    """Run op in the silicon with the interpreter held; return (result, buffers).

    args are JSON-able; blobs are buffers of bytes (an array's is array.tobytes()). brief: a large
    buffer among the answer's is good until the next call only, which spares the heap.
    """
    with _lock:
        # From here on the interpreter is held: waiting for it is no part of the operation's time.
        return _exchange(_channels[0], op, args, blobs, brief)


call = _clock.stage(_call)


def held():
    """Return the interpreter's lock, for stand-ins that hold the interpreter without a call."""
    return _lock


def _call_waiting(op: str, args=(), blobs=()):
    """Run op with the interpreter free meanwhile (camera waits); one thread at a time."""
    with _camera_lock:
        answer = _exchange(_channels[1], op, args, blobs)
    with _lock:
        if _clock.mine():
            _clock.arrived()
        return answer


call_waiting = _clock.stage(_call_waiting)


def call_console(op: str, args=()):
    """Run op of the console with the interpreter free; the REPL's thread only."""
    return _exchange(_channels[2], op, args, ())


def die(message: str) -> None:
    """End the process as a native fault does: nothing can catch it."""
    call("board.fault", [message])
    while True:  # the supervisor kills this process
        time.sleep(1)


def _tidy(model: int) -> None:
    """On the board's clock: collect while the KPU works, on the model that takes it longest.

    Arrays lie outside the board's heap, here they fill it: a collection that comes by itself would
    be taken for the script's time.
    """
    global _littered
    if _lasts.get(model, 0) >= max(_lasts.values(), default=0) or _littered > _MOST_LITTER:
        _littered = 0
        _collect()


def _room(size: int, brief):
    """Return a buffer of so many bytes for an answer."""
    if not brief or size < _LARGE or _thread.get_ident() != _main:
        return bytearray(size)
    buffer = _scratch.get(size)
    _mirrors.pop(size, None)
    if buffer is None:
        if len(_scratch) >= _MOST_SCRATCH:
            _scratch.clear()
            _mirrors.clear()
        buffer = bytearray(size)
        _scratch[size] = buffer
    return buffer


def _mirrored(view) -> int:
    """Return the number under which the silicon has these bytes, 0 where it has not."""
    size = len(view)
    for large in _mirrors:
        # An array without its last items is as good: what is read of every second one ends earlier.
        if size <= large <= size + _SHORTER and view == memoryview(_scratch[large])[:size]:
            return _mirrors[large]
    return 0


def _exchange(channel, op: str, args, blobs, brief=False):
    global _littered
    request, reply = channel
    views = [memoryview(blob) for blob in blobs]
    references = []
    if _mirrors and _thread.get_ident() == _main:
        for i in range(len(views)):
            number = _mirrored(views[i]) if len(views[i]) >= _LARGE else 0
            if number:
                references.append((i, number, len(views[i])))
                views[i] = b""
    now = _clock.ticks()
    ahead = _clock.board_us() - now if _clock.mine() else 0
    header = json.dumps([op, args, now, ahead, references]).encode()
    request.write(
        struct.pack(
            "<%dI" % (2 + len(views)),
            len(header),
            len(views) | (_MAIN if _thread.get_ident() == _main else 0),
            *[len(v) for v in views],
        )
    )
    request.write(header)
    for view in views:
        if len(view):
            request.write(view)
    _littered += sum([len(view) for view in views])
    if op == _LONG and _littered > _LITTER and _clock.mine():
        _tidy(args[0])
    head = bytearray(8)
    if reply.readinto(head) != 8:
        raise SystemExit  # the virtual board is gone
    size, count = struct.unpack("<II", head)
    sizes = bytearray(4 * count)
    if count:
        reply.readinto(sizes)
    text = bytearray(size)
    reply.readinto(text)
    answer = []
    for i in range(count):
        blob = _room(struct.unpack_from("<I", sizes, 4 * i)[0], brief and count == 1)
        if len(blob):
            reply.readinto(blob)
        answer.append(blob)
        _littered += len(blob)
    status, result, took, kept = json.loads(text)
    if kept and count == 1 and answer[0] is _scratch.get(len(answer[0])):
        _mirrors[len(answer[0])] = kept
    if took is not None and _clock.mine():
        _clock.took(took)
        if op == _LONG:
            if len(_lasts) >= _MOST_MODELS:
                _lasts.clear()  # those that are gone, too
            _lasts[args[0]] = took
    if status & _FORGOTTEN:
        _mirrors.clear()
        return _exchange(channel, op, args, blobs, brief)
    if status & _INTERRUPTED:
        raise KeyboardInterrupt  # here and nowhere else in an exchange, which it would break
    if status & _IDE_INTERRUPT:
        raise Exception("IDE interrupt")
    if status == 0:
        return result, answer
    if status == 1:
        kind, message = result
        if kind == "OSError" and message.isdigit():
            raise OSError(int(message))  # an errno
        raise _KINDS.get(kind, RuntimeError)(message)
    while True:  # a native fault: the supervisor is ending this process
        time.sleep(1)
