"""How many times slower than at its best this PC runs Python just now.

What runs between two native calls loses time to the stand-ins, which leave cold caches behind, and
to a busy PC. Reference pieces of Python, which run in its place now and then, tell how much.
"""

from utime import ticks_us as ticks

_PROBES = 256
_ROUNDS = 4
_REFERENCES = 32  # as a script's lines, each one has not run for a while when its turn comes
_MEMORY = 128  # samples that the present speed is the mean of, about
_SLOWEST = 25  # a sample that took longer, in its best times, was interrupted and says nothing

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


class Speed:
    """The PC's present slowness: slow[kind] for each kind of piece (see Clock)."""

    def __init__(self) -> None:
        # Behind a reference caches are warm, as far as known: the third never changes.
        self.slow = [1.0, 1.0, 1.0]
        self._references = []
        self._next = 0
        best = 1000000
        for _ in range(_REFERENCES):
            names = {}
            exec(_SOURCE, names)
            run = names["Reference"]().run
            self._references.append(run)
            for _ in range(_ROUNDS):
                begun = ticks()
                for _ in range(_PROBES):
                    run()
                best = min(best, ticks() - begun)
        self.best_us = best / _PROBES  # of a reference
        self.first = self._references[0]  # for a counter of instructions

    def sample(self, kind: int) -> None:
        """Look how fast the PC runs a piece of this kind just now."""
        run = self._references[self._next]
        self._next = (self._next + 1) % _REFERENCES
        begun = ticks()
        run()
        took = ticks() - begun
        if took <= _SLOWEST * self.best_us:
            slow = self.slow
            # Whole microseconds: one sample may be nothing, their mean is right.
            slow[kind] += (took / self.best_us - slow[kind]) / _MEMORY
