"""ulab for interpreters that do not have the board's built in."""

from ulab import numpy, utils

__version__ = "6.4.1-(4)D"


def dtype(source) -> int:
    """Return the type code of an array, or of a one-letter string."""
    if isinstance(source, numpy.ndarray):
        return source.dtype
    if len(source) != 1 or ord(source) not in (66, 98, 72, 104, 102, 63, 99):
        raise TypeError("data type not understood")
    return ord(source)
