"""How a board's time differs from this PC's: what Python takes, what a sleep takes, what threads take.

The profile's factor is the ratio to one PC; the reference pieces (speed.py) took `reference_us` there. What
they take here makes the factor of this PC and this interpreter, so that a faster PC is no faster board.
"""

from utime import sleep_ms, sleep_us, ticks_diff, ticks_us

TICK_US = 1000
_WINDOW_US = 2000000  # of the share that this thread had
STAGE_US = 100  # a native call of more leaves cold caches


class Pace:
    """The numbers of a profile, for one PC. All times in microseconds."""

    def __init__(self, numbers: dict, best_us: float) -> None:
        """best_us: of a reference piece, at this PC's best."""
        scale = numbers["interpreter.reference_us"] / best_us
        self.factor = numbers["interpreter.interpreter_factor"] * scale
        times = numbers["cold.times"]
        # Where caches are not told apart, the factor holds for all of it.
        self._cold_factor = self.factor
        if times > 1:
            self._cold_factor = max(self.factor, times * numbers["cold.factor"] * scale)
        self._cold_us = int(numbers["cold.us"] / scale)
        self._cold_left = 0
        self._short_us = int(numbers["sleep.short_ms"] * 1000)
        self._burned = 0  # by busy-waits of other threads, since the last settling
        self._busy = 0  # what this thread had of the processor
        self._start = ticks_us()

    def stage(self) -> None:
        """A native call of more than STAGE_US has ended."""
        self._cold_left = self._cold_us

    def python(self, us: float) -> float:
        """Return what `us` of Python at this PC's best take on the board."""
        cold = self._cold_left
        if us < cold:
            self._cold_left = cold - int(us)
            took = self._cold_factor * us
        else:
            self._cold_left = 0
            took = self._cold_factor * cold + self.factor * (us - cold)
        self._busy += int(took)
        if self._burned:
            # There is one core: who waits awake takes its share where this thread would have run.
            burned, self._burned = self._burned, 0
            passed = ticks_diff(ticks_us(), self._start)
            took += burned * min(1.0, self._busy / passed) if passed > 0 else 0.0
            if passed > _WINDOW_US:
                self._start += passed // 2
                self._busy //= 2
        return took

    def sleep_us(self, us: int) -> int:
        """Return what a sleep of `us` lasts: below a millisecond it ends with a tick."""
        return self._short_us if 0 < us < TICK_US else us

    def awake_us(self, us: int) -> int:
        """Return how long the end of a sleep is waited for awake."""
        return self._short_us if us >= TICK_US else 0

    def other_slept(self, us: int) -> None:
        """Sleep as another thread than the timed one."""
        rest(self.sleep_us(us))
        self._burned += self.awake_us(us)


def rest(us: int) -> None:
    """Sleep in real time; the interpreter's sleep_us() knows no second."""
    if us >= 1000000:
        sleep_ms(us // 1000)
    else:
        sleep_us(us)
