"""The event loop in a thread of its own, so that the watchdog survives what ends it.

An uncaught C++ exception, as the native code throws some, ends the thread it was thrown in,
with the interpreter held (canmv-k230/rtsmart lwp_signal.c, 283: sys_exit(0); lwp_syscall.c, 394: only
the main thread's exit ends the process). In the main thread it would end the process; its watchdog
goes back to the kernel, which feeds it for ever (drv_wdt.c, 772): dead until the power is cut. In
another thread the process lives on and does not feed: the watchdog restarts the board.

The main thread only waits, and so takes what the console raises, there and nowhere else: Ctrl-C and
the IDE's interrupt hit no file half written and no lock taken.
"""

import _thread
import time

# More than the firmware's main stack of 128 kB: every thread's recursion limit is made for that one
# (Stars1233/canmv_k230 port/core/mpthreadport.c, 291), with any stack of its own.
STACK = 0x24000
_LOOK_MS = 500  # the firmware looks for Ctrl-C every 5 ms of a sleep (mphalport.c, 354)
_ENDING_MS = 20


class LoopThread:
    """One run of a function in a thread."""

    def __init__(self, work) -> None:
        """work(): what the thread does; what it raises is kept."""
        self._work = work
        self.error: "BaseException | None" = None
        self.ended = True

    def start(self) -> None:
        """Begin; OSError or MemoryError where there is no memory for the stack."""
        self.ended = False
        before = _thread.stack_size(STACK)
        try:
            _thread.start_new_thread(self._run, ())
        except Exception:
            self.ended = True
            raise
        finally:
            _thread.stack_size(before)

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:
            self.error = error
        finally:
            self.ended = True

    def wait(self) -> None:
        """Return when it has ended; raises what the console raises meanwhile."""
        while not self.ended:
            time.sleep_ms(_LOOK_MS)

    def end(self, limit_ms: int) -> bool:
        """Wait for an end that was asked for, also when the console raises more; False: it did not come."""
        start = time.ticks_ms()
        while not self.ended and time.ticks_diff(time.ticks_ms(), start) < limit_ms:
            try:
                time.sleep_ms(_ENDING_MS)
            except BaseException:
                pass  # a second Ctrl-C: its user gets the REPL anyway
        return self.ended
