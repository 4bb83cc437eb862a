"""Element types, their names and limits, and how numbers are stored in them."""

import struct

UINT8 = 66

INT8 = 98

UINT16 = 72

INT16 = 104

FLOAT = 102

BOOL = 63

COMPLEX = 99

SMALL = 64  # up to here the interpreter is quicker than a call to the silicon

CODE = {UINT8: "B", INT8: "b", UINT16: "H", INT16: "h", FLOAT: "f"}

SIZE = {UINT8: 1, INT8: 1, UINT16: 2, INT16: 2, FLOAT: 4}

NAME = {UINT8: "uint8", INT8: "int8", UINT16: "uint16", INT16: "int16", FLOAT: "float32"}

print_options = {"threshold": 10, "edgeitems": 3}


def element_type(dtype) -> int:
    """Return the storage type of a dtype argument, refusing what the stand-in does not have."""
    if dtype == BOOL:
        return UINT8
    if dtype == COMPLEX:
        raise NotImplementedError("complex arrays are not part of the virtual board's ulab")
    if dtype not in CODE:
        raise ValueError("bad typecode")
    return dtype


def fit(dtype: int, value):
    """Convert a number the way a store does: floats round half away from zero, integers wrap."""
    if dtype == FLOAT:
        return float(value)
    if isinstance(value, float):
        if value - value != 0.0 or abs(value) >= 2147483648.0:  # NaN, infinite, too large: INT_MIN
            return 0
        value = int(value + 0.5) if value >= 0 else -int(0.5 - value)
    value = int(value)
    if dtype == UINT8:
        return value & 0xFF
    if dtype == UINT16:
        return value & 0xFFFF
    if dtype == INT8:
        return ((value + 0x80) & 0xFF) - 0x80
    return ((value + 0x8000) & 0xFFFF) - 0x8000


def number(value) -> float:
    """Return a number (or truth value) as a float; TypeError for anything else."""
    if not isinstance(value, (int, float, bool)):
        raise TypeError("can't convert %s to float" % type(value).__name__)
    return float(value)


def product(shape) -> int:
    """Return the number of elements of shape."""
    n = 1
    for length in shape:
        n *= length
    return n


def strides_of(shape):
    """Return the strides, in elements, of a dense array."""
    if len(shape) == 1:
        return (1,)
    strides = []
    n = 1
    for i in range(len(shape) - 1, -1, -1):
        strides.append(n)
        n *= shape[i]
    strides.reverse()
    return tuple(strides)


class Retyped:
    """Elements of one type over the bytes of another object (np.frombuffer of a byte buffer)."""

    def __init__(self, raw, dtype: int):
        self.raw = raw
        self._format = "<" + CODE[dtype]
        self._size = SIZE[dtype]

    def __getitem__(self, i: int):
        return struct.unpack_from(self._format, self.raw, i * self._size)[0]

    def __setitem__(self, i: int, value):
        struct.pack_into(self._format, self.raw, i * self._size, value)

    def __len__(self):
        return len(self.raw) // self._size

    def span(self, low: int, high: int):
        return self.raw[low * self._size : high * self._size]


def scalar_type(value: int, other=0) -> int:
    """Return the type an integer operand takes beside an array of type other."""
    if not -32767 <= value <= 32767:
        return FLOAT
    if value < 0:
        return INT8 if value > -128 else INT16
    if other == INT8 or other == INT16:
        return INT8 if value < 128 else INT16
    return UINT8 if value < 256 else UINT16


def broadcasts(shape, into) -> bool:
    """Tell whether shape stretches to the shape into."""
    if len(shape) > len(into):
        return False
    for a, b in zip(reversed(shape), reversed(into)):
        if a != b and a != 1:
            return False
    return True
