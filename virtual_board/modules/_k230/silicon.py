"""The one way from the stand-in modules to the silicon.

The lock below is the board's interpreter lock. PC builds of MicroPython run threads side by
side; on the board a thread runs only while the others wait in something that lets go of the
interpreter. call() holds the lock (as kpu.run or a UART write hold the interpreter there);
call_waiting() lets go of it while the silicon works and returns only when it is free.
"""

import time
from _thread import allocate_lock

from _k230.channel import Channel
from _k230.clock import Clock
from _k230.mirrors import Litter, Mirrors

config = {}  # the board's wiring as the virtual board laid it down (see boot.py)

_lock = allocate_lock()
_camera_lock = allocate_lock()
_channels = []  # the main one, the camera's, and the console's where there is one
_mirrors = Mirrors()

clock = Clock(_lock)


def connect(settings: dict) -> None:
    """Open the channels; called once, by the main thread, before anything else is imported."""
    config.update(settings)
    litter = Litter()
    for request, reply in settings["channels"]:
        _channels.append(Channel(open(request, "wb"), open(reply, "rb"), clock, _mirrors, litter))


def call(op: str, args=(), blobs=(), brief=False):
    """Run op in the silicon with the interpreter held; return (result, buffers).

    args are JSON-able; blobs are buffers of bytes (an array's is array.tobytes()). brief: a large
    buffer among the answer's is good until the next call only, which spares the heap.
    """
    if not clock.mine():
        with _lock:
            return _channels[0].exchange(op, args, blobs, brief)
    outermost = clock.go_out()
    try:
        with _lock:
            # From here on the interpreter is held: waiting for it is no part of the operation's time.
            return _channels[0].exchange(op, args, blobs, brief)
    finally:
        if outermost:
            clock.leave(0.0)


def call_waiting(op: str, args=(), blobs=()):
    """Run op with the interpreter free meanwhile (camera waits); one thread at a time."""
    mine = clock.mine()
    outermost = mine and clock.go_out()
    try:
        with _camera_lock:
            answer = _channels[1].exchange(op, args, blobs)
        with _lock:
            if mine:
                clock.arrived()
            return answer
    finally:
        if outermost:
            clock.leave(0.0)


def call_console(op: str, args=()):
    """Run op of the console with the interpreter free; the REPL's thread only."""
    return _channels[2].exchange(op, args)


def adopt() -> None:
    """From now on the calling thread is timed, and its buffers are remembered.

    Ctrl-C stays the main thread's.
    """
    clock.adopt()
    for channel in _channels:
        channel.adopt()


def working() -> bool:
    """Return whether the calling thread is that one: the main one, unless another took its place."""
    return _channels[0].working()


def held():
    """Return the interpreter's lock, for stand-ins that hold the interpreter without a call."""
    return _lock


def die(message: str) -> None:
    """End the calling thread as a CPU fault does: nothing can catch it."""
    _end("board.fault", message)


def abort(message: str) -> None:
    """End the calling thread as an uncaught C++ exception does."""
    _end("board.abort", message)


def _end(op: str, message: str) -> None:
    with _lock:  # it is never given back
        _channels[0].exchange(op, [message])
        while True:  # the supervisor stops or ends this process
            time.sleep(1)
