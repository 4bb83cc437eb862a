"""Large arrays on their way: buffers used again, bytes that need not travel, when to collect."""

from gc import collect

LARGE = 1 << 16  # bytes: below, a copy costs less than care
_SHORTER = 64
_MOST_SCRATCH = 6
_MOST_MODELS = 4
_LITTER = 8 << 20
_MOST_LITTER = 32 << 20


class Mirrors:
    """Scratch buffers for large answers, and which of them the silicon has the same bytes of.

    An array that equals such a buffer need not travel back: the silicon knows it by a number.
    """

    def __init__(self) -> None:
        self._scratch = {}  # by size
        self.numbers = {}  # by size of the scratch buffer; empty: nothing is mirrored

    def room(self, size: int):
        """Return a large buffer, which is good until the next one of the size is asked for."""
        buffer = self._scratch.get(size)
        self.numbers.pop(size, None)
        if buffer is None:
            if len(self._scratch) >= _MOST_SCRATCH:
                self._scratch.clear()
                self.numbers.clear()
            buffer = bytearray(size)
            self._scratch[size] = buffer
        return buffer

    def keep(self, buffer, number: int) -> None:
        """The silicon has the bytes of this buffer under a number, if it is a scratch buffer."""
        if buffer is self._scratch.get(len(buffer)):
            self.numbers[len(buffer)] = number

    def number_of(self, view) -> int:
        """Return the number under which the silicon has these bytes, 0 where it has not."""
        size = len(view)
        for large, number in self.numbers.items():
            # An array without its last items is as good: what is read of every second one ends
            # earlier.
            if size <= large <= size + _SHORTER and view == memoryview(self._scratch[large])[:size]:
                return number
        return 0


class Litter:
    """Collects, on the board's clock, while the KPU works on the model that takes it longest.

    Arrays lie outside the board's heap, here they fill it: a collection that comes by itself would
    be taken for the script's time.
    """

    def __init__(self) -> None:
        self.size = 0  # bytes that arrays have left here since the last collection
        self._lasts = {}  # us of an inference, by model

    def tidy(self, model: int) -> None:
        """The KPU begins to work on a model."""
        if self.size > _LITTER and (
            self.size > _MOST_LITTER
            or self._lasts.get(model, 0) >= max(self._lasts.values(), default=0)
        ):
            self.size = 0
            collect()

    def ran(self, model: int, us: float) -> None:
        """The KPU worked on a model for so long."""
        if len(self._lasts) >= _MOST_MODELS:
            self._lasts.clear()  # those that are gone, too
        self._lasts[model] = us
