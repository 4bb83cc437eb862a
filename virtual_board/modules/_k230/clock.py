"""The board's clock inside the interpreter, on runs with a timing profile.

Board time = this PC's time + `ahead`. Three things move them apart, and each is made good at the
next chance to sleep, so that nothing adds up:

* Python runs slower on the board than here: its time between two native calls is measured and
  stretched (pace.py). Left out is what the PC spent on other processes meanwhile, and what its
  Python loses to cold caches and a busy PC (see speed): the profile's factor compares two
  interpreters at their best, and says itself what a board's cold caches cost;
* a native call takes what the profile says (or the stage in the silicon), however long the
  stand-in needed: its own Python and the way to the silicon are no part of the board's time;
* a sleep ends when the board's clock says so, on a tick, the last part of it awake.

Only one thread has such a clock, the main one unless another takes its place (adopt); what the
others wait for comes from the world, in real time.
Without start() time is the PC's. All times are in microseconds.
"""

from _thread import get_ident

import utime as _real

from _k230.pace import STAGE_US, Pace, rest
from _k230.speed import Speed

_PAY_US = 300  # a shorter debt waits for company: every sleep is off by some 60 us
# Further behind than this, the PC can't keep up: the time is given up, and counted.
_LOST_US = 60000
_EARLY_US = 1000  # at most; virtual_board/silicon/clock/timing.py has its own share of it
_PROBES = 64
_LONG_US = 1500
_SAMPLED = 8  # native calls of a kind between two runs of a reference
_CPU_STEP_US = 1000

ticks = _real.ticks_us


def _nothing() -> None:
    pass


class Clock:
    """Keeps the board's time for the thread that made it, once started.

    lock is the interpreter's: who pays time holds it. Pieces of Python are of three kinds: behind
    calls that stayed in the interpreter (0), behind those that left it (1), behind a reference (2).
    """

    def __init__(self, lock) -> None:
        self.on = False
        self._lock = lock
        self._main = get_ident()
        self._pace = None
        self._speed = None
        self._cpu = getattr(_real, "clock", None)  # this process's processor time in seconds
        self._cpu_mark = 0.0
        self._inside = False  # in a native call
        self._entered = 0
        self._mark = 0  # when Python was entered last
        # What the PC took for Python since the last settling, less what others took of it, and in
        # how many pieces, by kind; and all that has passed meanwhile.
        self._python = [0, 0, 0]
        self._pieces = [0, 0, 0]
        self._wall = 0
        self._kind = 0  # of the piece under way
        self._out = False  # the call under way has left the interpreter
        self._left = [_SAMPLED, _SAMPLED]  # calls of a kind until its next sample
        self._ahead = 0.0
        self._cost = 0.0  # of the native call under way, as far as known
        self._overhead = 0.0  # of a wrapper, per call, at the PC's best
        # What a benchmark asks for: see statistics().
        self._total_python = 0
        self._total_lost = 0
        self._calls = 0  # but those since the last settling

    def start(self, numbers: dict) -> None:
        """Begin to keep the board's time; numbers are the profile's by dotted name."""
        self._mark = ticks()
        self._cpu_mark = self._cpu() if self._cpu is not None else 0.0
        self._speed = Speed()
        self._pace = Pace(numbers, self._speed.best_us)
        self.on = True
        # What the wrapper itself takes between its two looks at the clock is not Python of the script.
        # Those looks count whole microseconds: a mean of many tells more than the least.
        probe = self.native(_nothing, 0)
        least = 1000000.0
        for _ in range(_PROBES):
            before = sum(self._python)
            for _ in range(_PROBES):
                probe()
            least = min(least, (sum(self._python) - before) / _PROBES)
        self._overhead = least
        self._python[:] = self._pieces[:] = (0, 0, 0)
        self._wall = 0
        self._ahead = 0.0

    def adopt(self) -> None:
        """Keep the calling thread's time from now on; the one before is in no native call."""
        self._main = get_ident()
        self._inside = False
        self._out = False
        self._cost = 0.0
        self._mark = ticks()

    def mine(self) -> bool:
        """Return whether the caller is the timed thread."""
        return self.on and get_ident() == self._main

    def enter(self) -> None:
        """A native call begins."""
        now = ticks()
        piece = now - self._mark
        self._wall += piece
        if piece > _LONG_US and self._cpu is not None:
            # The PC may have run something else meanwhile; its processor time counts in milliseconds.
            piece = min(piece, (self._cpu() - self._cpu_mark) * 1000000 + _CPU_STEP_US)
        kind = self._kind
        if piece > 0:
            self._python[kind] += piece
        self._pieces[kind] += 1
        self._entered = now
        self._inside = True

    def leave(self, cost: float) -> None:
        """A native call ends; cost: its time where no stage of the silicon has told it."""
        now = ticks()
        if self._cost:
            cost = self._cost
            self._cost = 0.0
        if cost > STAGE_US:
            self._pace.stage()
        ahead = self._ahead + (cost - (now - self._entered))
        self._inside = False
        kind = 1 if self._out else 0
        self._out = False
        left = self._left
        left[kind] -= 1
        if not left[kind]:
            left[kind] = _SAMPLED
            begun = ticks()
            self._speed.sample(kind)
            ahead -= ticks() - begun  # no part of the board's time
            kind = 2
        if ahead > _PAY_US:
            ahead = self._pay(ahead)
            kind = kind or 1
        self._ahead = ahead
        self._kind = kind
        self._mark = ticks()

    def go_out(self) -> bool:
        """A call leaves the interpreter; return whether leave() is to end it, no other one is open."""
        outermost = not self._inside
        if outermost:
            self.enter()
        self._settle()
        self._out = True
        return outermost

    def _settle(self) -> None:
        """Stretch the Python since the last settling; inside a native call."""
        if self._cpu is not None:
            self._cpu_mark = self._cpu()
        total = 0.0
        python = self._python
        pieces = self._pieces
        slow = self._speed.slow
        overhead = self._overhead
        for kind in (0, 1, 2):
            # The wrappers are as slow just now as the rest.
            count = pieces[kind]
            if count:
                piece = python[kind] / slow[kind] - count * overhead
                if piece > 0.0:
                    total += piece
                self._calls += count
                python[kind] = pieces[kind] = 0
        self._ahead += self._pace.python(total) - self._wall
        self._total_python += int(total + 0.5)
        self._wall = 0

    def _pay(self, ahead: float) -> float:
        """Wait until the board's time has come; others wait with us, the interpreter is busy."""
        begun = ticks()
        with self._lock:
            rest(int(ahead))
        return ahead - (ticks() - begun)

    def board_us(self) -> int:
        """Return the board's time inside a native call, in ticks."""
        # Only differences may be floats: a single one has no room for the ticks of an hour.
        return self._entered + int(self._ahead + self._cost)

    def took(self, us: float) -> None:
        """The native call under way took so long on the board."""
        self._cost += us
        end = self.board_us()
        behind = ticks() - end
        if behind < 0:
            # The silicon answers a little early: a PC that wakes from a long sleep is slow at first,
            # which would count as the script's time.
            if behind > -_EARLY_US:
                while ticks() < end:
                    pass
        elif behind > _LOST_US:
            self._total_lost += int(behind)
            self._ahead += behind

    def arrived(self) -> None:
        """The native call under way waited for the world: the board's time is the PC's, or later."""
        behind = ticks() - self.board_us()
        if behind > 0:
            self._cost += behind

    def waited(self, us: int) -> None:
        """The native call under way waited so long for another thread, whose time is the PC's."""
        self._cost += us

    def native(self, function, us: float, size=None):
        """Return function as a native call of us, and of size(arguments, result) more; once started.

        Without a result, where it raises, only of us.
        """
        enter = self.enter
        leave = self.leave

        def call(*args, **named):
            if self._inside or get_ident() != self._main:
                return function(*args, **named)
            enter()
            cost = us
            try:
                result = function(*args, **named)
                if size is not None:
                    cost += size(args, result)
                return result
            finally:
                leave(cost)

        return call

    def ticks_us(self) -> int:
        """Return the board's microseconds; once started."""
        if get_ident() != self._main:
            return ticks()
        if self._inside:
            return self.board_us()
        self.enter()
        self._settle()
        now = self.board_us()
        self.leave(0.0)
        return now

    def ticks_ms(self) -> int:
        """Return the board's milliseconds."""
        return self.ticks_us() // 1000

    def sleep_us(self, us: int) -> None:
        """Sleep on the board's clock, the interpreter free; once started."""
        pace = self._pace
        if get_ident() != self._main:
            pace.other_slept(us)
        else:
            self.wait_us(pace.sleep_us(us), pace.awake_us(us))

    def wait_us(self, us: int, awake: int = 0) -> None:
        """Let `us` of the board's time pass, the interpreter free but for the last `awake`; once started."""
        if get_ident() != self._main:
            rest(us)
            return
        if self._inside:
            begun = ticks()
            wait = us + min(0, self.board_us() - begun)
            if wait > 0:
                rest(wait)
            self._out = True
            self._cost += us
            return
        self.go_out()
        wait = int(us + self._ahead)
        if wait > 0:
            if awake and self._lock.acquire(False):
                # No other thread runs then; the one that holds the interpreter waits with us.
                self._lock.release()
                rest(max(0, wait - awake))
                with self._lock:
                    rest(min(wait, awake))
            else:
                rest(wait)
        elif us == 0:
            rest(0)
        self.leave(us)

    def sleep_ms(self, ms: int) -> None:
        """Sleep on the board's clock."""
        self.sleep_us(int(ms) * 1000)

    def sleep(self, seconds: float) -> None:
        """Sleep on the board's clock."""
        self.sleep_us(int(seconds * 1000000))

    def statistics(self) -> tuple:
        """Return figures since the start.

        us of Python at this PC's best speed, us given up because the PC was late, native calls,
        and how many times slower than at its best the PC runs Python just
        now, behind calls that stay in the interpreter and behind those that leave it.
        """
        inside, outside, _ = self._speed.slow
        calls = self._calls + sum(self._pieces)
        return self._total_python, self._total_lost, calls, inside, outside
