"""What the board's native calls take on trust, checked.

aicube and aidemo read the memory behind their arguments without looking at the type: a tuple read
as a list or a view read as a dense array corrupts memory, a short array is read past its end. Here
each of these ends the process with a sentence that names the call and the argument.
"""

from ulab import numpy as np

from _k230 import silicon

_NAMES = {np.float: "float32", np.uint8: "uint8"}


def numbers(call: str, name: str, value, count: int, convert):
    """Return the items of a list of at least count numbers, each converted."""
    if not isinstance(value, list):
        _die(call, name, "a list", type(value).__name__)
    if len(value) < count:
        _die(call, name, f"at least {count} numbers", str(len(value)))
    return [convert(item) for item in value]


def size(call: str, name: str, value):
    """Return the first two whole numbers of a list."""
    return numbers(call, name, value, 2, integer)[:2]


def integer(value) -> int:
    """Return a whole number; the board refuses a float."""
    if isinstance(value, float):
        raise TypeError("can't convert float to int")
    return int(value)


def real(value) -> float:
    """Return a number as a float; the board refuses text."""
    if isinstance(value, str):
        raise TypeError("can't convert str to float")
    return float(value)


def blob(call: str, name: str, value, dtype):
    """Return the bytes of a dense array of this dtype."""
    if not isinstance(value, np.ndarray):
        _die(call, name, "an array", type(value).__name__)
    if value.dtype != dtype:
        _die(call, name, "an array of " + _NAMES[dtype], f"dtype {value.dtype}")
    try:
        return value.tobytes()
    except ValueError:
        _die(call, name, "a dense array", f"a view of shape {value.shape}")


def room(call: str, name: str, value, count: int, dtype=np.uint8):
    """Check that an array of this dtype can be written count bytes."""
    blob(call, name, value, dtype)
    size = value.size * value.itemsize
    if size < count:
        _die(call, name, f"room for {count} bytes", str(size))


def overwrite(array, data) -> None:
    """Write data over the start of a dense array, as the native code does."""
    source = np.frombuffer(data, dtype=array.dtype)
    array.reshape((array.size,))[: source.size] = source


def _die(call: str, name: str, expected: str, found: str) -> None:
    what = f"expected {expected}, found {found}; the board corrupts memory"
    silicon.die(f"{call}: {name}: {what}")
