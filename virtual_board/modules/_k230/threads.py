"""The board's _thread: what its threads cost, and what a soft reset does to them.

From Stars1233/canmv_k230, port/core/mpthreadport.c and main.c:

* threads are joinable and never joined (mpthreadport.c, 272): the stack of each one that ended
  stays until the board restarts, over soft resets too; without stack_size() it is 64 kB (247);
* a soft reset waits for all threads, without limit (main.c, 603; mpthreadport.c, 162). Each has a
  SystemExit pending, which it sees where it sleeps or jumps back (mphalport.c, 354; mpconfigport.h,
  192), and never in a lock: its mutex is tried again for ever (mpthreadport.c, 332);
* each thread's recursion limit is that of the main stack of 128 kB, not its own (291).

An uncaught C++ exception ends the thread it was thrown in, with the interpreter held; in
the main thread it ends the process (canmv-k230/rtsmart, lwp_signal.c, 283; lwp_syscall.c, 394).
"""

import _thread as _real
import time
from _thread import exit, get_ident

from _k230 import gc, silicon
from _k230.clock import ticks

__all__ = ("LockType", "allocate_lock", "exit", "get_ident", "stack_size", "start_new_thread")

MAIN_STACK = 0x20000  # CONFIG_RTSMART_LWP_APP_STACK_SIZE
_STACK = 8192 * 8
_LEAST = 2 * 8192
_PC_STACK = 1 << 20  # what native code does there is Python here
_LOOK_MS = 10

_pages = gc.sys_page  # the stand-in's own: a firmware may be built without the script's
_main = get_ident()
_guard = _real.allocate_lock()
_running = {}  # number of a thread -> bytes of its stack
# Bytes of stacks kept; size for the next thread (0: the usual one); number of the last one.
_state = [0, 0, 0]


class lock:
    """A lock of the board; a thread that waits in it lets others run, and hears of nothing."""

    def __init__(self) -> None:
        self._lock = _real.allocate_lock()

    def acquire(self, waitflag: int = 1) -> bool:
        if self._lock.acquire(0):
            return True
        if not waitflag:
            return False
        clock = silicon.clock
        if not clock.mine():
            return self._lock.acquire()
        outermost = clock.go_out()
        try:
            begun = ticks()
            self._lock.acquire()
            # As long as it took, no more: a PC that is late makes that good at the next sleep.
            clock.waited(ticks() - begun)
            return True
        finally:
            if outermost:
                clock.leave(0.0)

    def release(self) -> None:
        self._lock.release()

    def locked(self) -> bool:
        return self._lock.locked()

    def __enter__(self):
        self.acquire()
        return self

    def __exit__(self, *_) -> None:
        self.release()


LockType = lock
allocate_lock = lock


def stack_size(size=None) -> int:
    """Set the stack of threads to come, 0: the usual one; return what it was."""
    before = _state[1]
    _state[1] = size or 0
    return before


def start_new_thread(function, arguments, named=None) -> int:
    """Run function in a new thread."""
    size = max(_state[1], _LEAST) if _state[1] else _STACK
    if _pages()[2] < size:
        raise OSError(12)  # ENOMEM of pthread_create
    _real.stack_size(_PC_STACK)

    with _guard:
        _state[2] += 1
        number = _state[2]
        _running[number] = size
        gc.stacks[0] += size

    def run() -> None:
        if size >= MAIN_STACK:
            # As large as the main thread's: what the script does it does here, in the board's time.
            silicon.adopt()
        try:
            function(*arguments, **(named or {}))
        except SystemExit:
            pass  # as the interpreter's own
        finally:
            with _guard:
                del _running[number]
                _state[0] += size

    try:
        return _real.start_new_thread(run, ())
    except Exception:
        with _guard:
            del _running[number]
            gc.stacks[0] -= size
        raise


def kept(found=None) -> int:
    """Return the bytes of stacks of threads that ended; found: what soft resets before this one left."""
    if found is not None:
        _state[0] = found
        gc.stacks[0] += found
    return _state[0]


def stacks() -> int:
    """Return the bytes of all stacks but the main thread's."""
    return gc.stacks[0]


def alive() -> int:
    """Return how many threads run beside the main one."""
    with _guard:
        return len(_running)


def end_all() -> None:
    """Let every other thread end, and wait for it: without limit, as the firmware does."""

    def ended(*_):
        if get_ident() != _main:
            raise SystemExit

    for name in ("sleep", "sleep_ms", "sleep_us"):
        setattr(time, name, _ending(getattr(time, name), ended))
    for name in ("call", "call_waiting"):
        setattr(silicon, name, _ending(getattr(silicon, name), ended))
    sleep_ms = time.sleep_ms
    while alive():
        sleep_ms(_LOOK_MS)


def _ending(function, ended):
    def call(*arguments, **named):
        ended()
        answer = function(*arguments, **named)
        ended()
        return answer

    return call
