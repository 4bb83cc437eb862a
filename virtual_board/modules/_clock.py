"""The board's clock inside the interpreter, on runs with a timing profile.

Board time = this PC's time + `ahead`. Three things move them apart, and each is made good at the
next chance to sleep, so that nothing adds up:

* Python runs on the board `factor` times slower than here: its time between two native calls is
  measured and stretched. What the PC spent on other processes meanwhile is left out, and so is
  what its Python loses to the stand-ins, which leave cold caches behind, and to a busy PC:
  reference pieces of Python that run between the calls tell how much slower than at its best this
  PC is just then, behind a way to the silicon or a sleep and elsewhere (`factor` compares two
  interpreters at their best, too);
* a native call takes what the profile says (or the stage in the silicon), however long the
  stand-in needed: its own Python and the way to the silicon are no part of the board's time;
* a sleep ends when the board's clock says so.

Only the main thread has such a clock; what the others wait for comes from the world, in real time.
Without start() nothing here is used, and time is the PC's.
"""

import utime as _real

try:
    from _thread import get_ident
except ImportError:

    def get_ident() -> int:
        return 0


_PAY_US = 300  # a shorter debt waits for company: every sleep is off by some 60 us
_LOST_US = (
    60000  # further behind than this, the PC can't keep up: the time is given up, and counted
)
_EARLY_US = 1000  # at most; virtual_board/silicon/clock/timing.py has its own share of it
_PROBES = 64
_LONG_US = 1500
_SAMPLED = 8  # native calls of a kind between two runs of a reference
_REFERENCES = 32  # as a script's lines, each one has not run for a while when its turn comes
_MEMORY = 128  # samples that the present speed is the mean of, about
_SLOWEST = 25  # a sample that took longer, in its best times, was interrupted and says nothing
_CPU_STEP_US = 1000

ticks = _real.ticks_us
on = False
_main = 0
_factor = 1.0
_lock = None
_cpu = None  # this process's processor time in seconds
_inside = False  # in a native call
_entered = 0
_mark = 0  # when Python was entered last
# What the PC took for Python since the last settling, less what others took of it, and in how many
# pieces: behind calls that stayed in the interpreter, behind those that went out, behind a reference.
_python = [0, 0, 0]
_pieces = [0, 0, 0]
_kind = 0  # of the piece under way
_out = False  # the call under way has left the interpreter
_wall = 0  # and all that has passed meanwhile
_cpu_mark = 0.0
_ahead = 0.0
_cost = 0.0  # of the native call under way, as far as known
_overhead = 0.0  # of a wrapper, per call, at the PC's best

# How many times slower than at its best the PC runs each kind of piece just now. Behind a reference
# caches are warm, as far as known.
_slow = [1.0, 1.0, 1.0]
_since = [0, 0]  # calls of a kind since its last sample
_references = []
_next = 0
_best = 1.0  # us of a reference at its best

# What a benchmark asks for: see statistics().
_total_python = 0
_total_lost = 0
_calls = 0
_heap = 0
_heap_mark = 0
_allocated = None


def _rest(us: int) -> None:
    """Sleep in real time; the interpreter's sleep_us() knows no second."""
    if us >= 1000000:
        _real.sleep_ms(us // 1000)
    else:
        _real.sleep_us(us)


def start(factor: float, lock) -> None:
    """Begin to keep the board's time; called once from the main thread."""
    global on, _main, _factor, _lock, _cpu, _mark, _cpu_mark, _overhead, _ahead, _wall
    global _best
    _main = get_ident()
    _factor = factor
    _lock = lock
    _cpu = getattr(_real, "clock", None)
    _mark = ticks()
    _cpu_mark = _cpu() if _cpu is not None else 0.0
    _best = _best_reference()
    on = True
    # What the wrapper itself takes between its two looks at the clock is not Python of the script.
    # Those looks count whole microseconds: a mean of many tells more than the least.
    probe = native(_nothing, 0)
    least = 1000000.0
    for _ in range(_PROBES):
        before = sum(_python)
        for _ in range(_PROBES):
            probe()
        least = min(least, (sum(_python) - before) / _PROBES)
    _overhead = least
    _forget()
    _wall = 0
    _ahead = 0.0


def _nothing() -> None:
    pass


# What a piece of the service's Python is made of: attributes, calls, small lists, a table. Without a
# loop, and compiled anew for each reference: as cold or warm as what runs between two native calls.
_SOURCE = """
class Reference:
    def __init__(self):
        self.count = 0
        self.name = "reference"
        self.rows = [None] * 8
        self.other = self

    def run(self):
        self.count += 1
        key = (self.count & 7, self.name)
        self.rows[key[0]] = key
        row = [self.count, self.other.count, len(self.rows)]
        if self.check(row, self.count > 3):
            self.count = 0
        return row

    def check(self, row, flag):
        return flag and row[0] > 1000000
"""


def _best_reference() -> float:
    """Make the references; return the microseconds of one at its best."""
    best = 1000000
    for _ in range(_REFERENCES):
        names = {}
        exec(_SOURCE, names)
        run = names["Reference"]().run
        _references.append(run)
        for _ in range(4):
            begun = ticks()
            for _ in range(_PROBES):
                run()
            best = min(best, ticks() - begun)
    return best / _PROBES


def _sample(kind: int) -> None:
    """Look how fast the PC runs a piece of this kind just now; no part of the board's time."""
    global _next, _ahead
    run = _references[_next]
    _next = (_next + 1) % _REFERENCES
    begun = ticks()
    run()
    took = ticks() - begun
    if took <= _SLOWEST * _best:
        _slow[kind] += (max(1.0, took / _best) - _slow[kind]) / _MEMORY
    _ahead -= ticks() - begun


def mine() -> bool:
    """Return whether the caller is the thread whose time is kept."""
    return on and get_ident() == _main


def enter() -> None:
    """A native call begins."""
    global _inside, _entered, _out, _wall, _cost, _calls, _heap, _mark
    now = ticks()
    _wall += now - _mark
    before = _mark
    _mark = now
    piece = now - before
    if piece > _LONG_US and _cpu is not None:
        # The PC may have run something else meanwhile; its processor time counts in milliseconds.
        piece = min(piece, (_cpu() - _cpu_mark) * 1000000 + _CPU_STEP_US)
    if piece > 0:
        _python[_kind] += piece
    _pieces[_kind] += 1
    if _allocated is not None:
        grown = _allocated() - _heap_mark
        if grown > 0:
            _heap += grown
        now = ticks()
        _wall += now - _mark
    _entered = now
    _cost = 0.0
    _calls += 1
    _out = False
    _inside = True


def leave(cost: float) -> None:
    """A native call ends; cost: its time in us where no stage of the silicon has told it."""
    global _inside, _mark, _ahead, _heap_mark, _kind
    now = ticks()
    _ahead += (_cost or cost) - (now - _entered)
    _inside = False
    _kind = 1 if _out else 0
    _since[_kind] += 1
    if _since[_kind] >= _SAMPLED:
        _since[_kind] = 0
        _sample(_kind)
        _kind = 2
    if _ahead > _PAY_US:
        _pay()
        if _kind == 0:
            _kind = 1
    if _allocated is not None:
        _heap_mark = _allocated()
    _mark = ticks()


def settle() -> None:
    """Stretch the Python since the last settling; inside a native call."""
    global _cpu_mark, _ahead, _total_python
    if _cpu is not None:
        _cpu_mark = _cpu()
    python = 0.0
    for kind in (0, 1, 2):
        # The wrappers are as slow just now as the rest.
        python += max(0.0, _python[kind] / _slow[kind] - _pieces[kind] * _overhead)
    _ahead += _factor * python - _wall
    _total_python += int(python + 0.5)
    _forget()


def _forget() -> None:
    global _wall
    for kind in (0, 1, 2):
        _python[kind] = 0
        _pieces[kind] = 0
    _wall = 0


def _pay() -> None:
    """Wait until the board's time has come; others wait with us, the interpreter is busy."""
    global _ahead
    begun = ticks()
    with _lock:
        _rest(int(_ahead))
    _ahead -= ticks() - begun


def board_us() -> int:
    """Return the board's time inside a native call, in ticks."""
    # Only differences may be floats: a single one has no room for the ticks of an hour.
    return _entered + int(_ahead + _cost)


def took(us: float) -> None:
    """The native call under way took so long on the board."""
    global _cost, _ahead, _total_lost
    _cost += us
    end = board_us()
    behind = ticks() - end
    if behind < 0:
        # The silicon answers a little early: whoever wakes from a long sleep is slow at first,
        # which would count as the script's time.
        if behind > -_EARLY_US:
            while ticks() < end:
                pass
    elif behind > _LOST_US:
        _total_lost += int(behind)
        _ahead += behind


def arrived() -> None:
    """The native call under way waited for the world: the board's time is the PC's, or later."""
    global _cost
    behind = ticks() - board_us()
    if behind > 0:
        _cost += behind


def native(function, us: float, size=None):
    """Return function as a native call of us microseconds, size(arguments) times more where given."""

    def call(*args, **named):
        if _inside or not on or get_ident() != _main:
            return function(*args, **named)
        enter()
        cost = us
        try:
            if size is not None:
                cost += size(args)
            return function(*args, **named)
        finally:
            leave(cost)

    return call


def stage(function):
    """Return function (op, ...) as a native call whose time the silicon tells."""

    def call(*args):
        if not on or get_ident() != _main:
            return function(*args)
        global _out
        if _inside:
            settle()
            _out = True
            return function(*args)
        enter()
        settle()
        _out = True
        try:
            return function(*args)
        finally:
            leave(0.0)

    return call


def ticks_us() -> int:
    """Return the board's microseconds."""
    if not on or get_ident() != _main:
        return ticks()
    if _inside:
        return board_us()
    enter()
    settle()
    now = board_us()
    leave(0.0)
    return now


def ticks_ms() -> int:
    """Return the board's milliseconds."""
    return ticks_us() // 1000


def sleep_us(us: int) -> None:
    """Sleep on the board's clock, the interpreter free."""
    global _cost, _out
    if not on or get_ident() != _main:
        _rest(us)
        return
    if _inside:
        begun = ticks()
        wait = us + min(0, board_us() - begun)
        if wait > 0:
            _rest(wait)
        _out = True
        _cost += us
        return
    enter()
    settle()
    _out = True
    wait = int(us + _ahead)
    if wait > 0:
        _rest(wait)
    elif us == 0:
        _rest(0)
    leave(us)


def sleep_ms(ms: int) -> None:
    """Sleep on the board's clock."""
    sleep_us(int(ms) * 1000)


def sleep(seconds: float) -> None:
    """Sleep on the board's clock."""
    sleep_us(int(seconds * 1000000))


def count_heap() -> None:
    """Count from now on what Python allocates between native calls; that takes much time."""
    global _allocated, _heap_mark
    import _gc

    _allocated = _gc._real.mem_alloc
    _heap_mark = _allocated()


def statistics() -> tuple:
    """Return figures since the start.

    us of Python at this PC's best speed, us given up because the PC was late, native calls, bytes
    allocated by Python, and how many times slower than at its best the PC runs Python just now,
    behind calls that stay in the interpreter and behind those that leave it.
    """
    return _total_python, _total_lost, _calls, _heap, _slow[0], _slow[1]
