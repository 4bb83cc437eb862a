"""The stand-in's ndarray: data in the interpreter, views that write through, the board's rules.

Data lives in array.array stores of the board's five element types (a MicroPython class has no
finaliser, so nothing may live in the silicon). An array whose elements lie side by side offers
the buffer protocol, as on the board; any other view refuses it.
"""

import array as _arrays
import struct
import uctypes

import _silicon

UINT8 = 66
INT8 = 98
UINT16 = 72
INT16 = 104
FLOAT = 102
BOOL = 63
COMPLEX = 99

SMALL = 64  # up to here the interpreter is quicker than a call to the silicon

_CODE = {UINT8: "B", INT8: "b", UINT16: "H", INT16: "h", FLOAT: "f"}
_SIZE = {UINT8: 1, INT8: 1, UINT16: 2, INT16: 2, FLOAT: 4}
_NAME = {UINT8: "uint8", INT8: "int8", UINT16: "uint16", INT16: "int16", FLOAT: "float32"}

print_options = {"threshold": 10, "edgeitems": 3}


def element_type(dtype) -> int:
    """Return the storage type of a dtype argument, refusing what the stand-in does not have."""
    if dtype == BOOL:
        return UINT8
    if dtype == COMPLEX:
        raise NotImplementedError("complex arrays are not part of the virtual board's ulab")
    if dtype not in _CODE:
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
        self._format = "<" + _CODE[dtype]
        self._size = _SIZE[dtype]

    def __getitem__(self, i: int):
        return struct.unpack_from(self._format, self.raw, i * self._size)[0]

    def __setitem__(self, i: int, value):
        struct.pack_into(self._format, self.raw, i * self._size, value)

    def span(self, low: int, high: int):
        return self.raw[low * self._size : high * self._size]


class ndarray:
    """An array: elements of `_d` in store `_m` from `_o` on, with shape `_s` and strides `_t`."""

    def __new__(cls, source, *, dtype=FLOAT):
        return array(source, dtype=dtype)

    def _setup(self, store, dtype: int, boolean, shape, strides, offset: int, n: int):
        self._m = store
        self._d = dtype
        self._b = boolean
        self._s = shape
        self._t = strides
        self._o = offset
        self._n = n

    # -- what an array says about itself

    @property
    def shape(self):
        return self._s

    @shape.setter
    def shape(self, value):
        _silicon.die(
            "a.shape = %s: assigning shape leaves the number of dimensions as it was, "
            "and later operations run over the heap; use reshape()" % (value,)
        )

    @property
    def size(self):
        return self._n

    @property
    def dtype(self):
        return self._d

    @property
    def itemsize(self):
        return _SIZE[self._d]

    @property
    def strides(self):
        size = _SIZE[self._d]
        return tuple([stride * size for stride in self._t])

    @property
    def T(self):
        return self.transpose()

    @property
    def real(self):
        return self.copy()

    @property
    def imag(self):
        return zeros_like(self, FLOAT if self._d == FLOAT else self._d)

    @property
    def flat(self):
        return iter(elements(self))

    def __len__(self):
        return self._s[0]

    def __bool__(self):
        return self._s[0] > 0

    def __hash__(self):
        raise TypeError("unsupported type for __hash__: 'ndarray'")

    def __contains__(self, value):
        for item in self:
            if item is value or item == value:
                return True
        return False

    # -- elements and views

    def __getitem__(self, key):
        shape = self._s
        if type(key) is int:
            n = shape[0]
            if key < 0:
                key += n
            if not 0 <= key < n:
                raise IndexError("index is out of bounds")
            at = self._o + key * self._t[0]
            if len(shape) == 1:
                value = self._m[at]
                return bool(value) if self._b else value
            return view(self, shape[1:], self._t[1:], at)
        if isinstance(key, ndarray):
            check_mask(key)
            if key._n != self._n:
                raise ValueError("array and index length must be equal")
            return masked(self, key)
        if not isinstance(key, (tuple, slice)):
            return None  # lists, None, Ellipsis and strings index nothing, and say nothing
        shape, strides, at = locate(self, key)
        if not shape:
            value = self._m[at]
            return bool(value) if self._b else value
        return view(self, shape, strides, at)

    def __setitem__(self, key, value):
        if type(key) is int and len(self._s) == 1 and isinstance(value, (int, float)):
            n = self._s[0]
            if key < 0:
                key += n
            if not 0 <= key < n:
                raise IndexError("index is out of bounds")
            self._m[self._o + key * self._t[0]] = fit(self._d, value)
            return
        if isinstance(key, ndarray):
            check_mask(key)
            assign_masked(self, key, from_object(value))
            return
        value = from_object(value)
        if type(key) is not int and not isinstance(key, (tuple, slice)):
            return
        shape, strides, at = locate(self, key)
        if not shape:
            shape, strides = (1,), (1,)
        assign(view(self, shape, strides, at), value)

    def __delitem__(self, key):
        raise ValueError("cannot delete array elements")

    def __iter__(self):
        store, at, step = self._m, self._o, self._t[0]
        if len(self._s) == 1:
            for _ in range(self._s[0]):
                value = store[at]
                yield bool(value) if self._b else value
                at += step
        else:
            shape, strides = self._s[1:], self._t[1:]
            for _ in range(self._s[0]):
                yield view(self, shape, strides, at)
                at += step

    def transpose(self):
        if len(self._s) == 1:
            return self
        return view(self, tuple(reversed(self._s)), tuple(reversed(self._t)), self._o)

    def reshape(self, shape):
        if type(shape) is int:
            shape = (shape,)
        elif not isinstance(shape, tuple):
            raise TypeError("shape must be integer or tuple of integers")
        if len(shape) > 4:
            raise ValueError("maximum number of dimensions is 4")
        known = 1
        unknown = 0
        for length in shape:
            if length >= 0:
                known *= length
            else:
                unknown += 1
        if unknown > 1:
            raise ValueError("can only specify one unknown dimension")
        if unknown:
            missing = self._n // known if known else 0
            shape = tuple([length if length >= 0 else missing for length in shape])
        elif known != self._n:
            raise ValueError("cannot reshape array")
        if not isinstance(self, dense_array):
            _silicon.die(
                "a.reshape(%s) on a view that is not dense (.T, a column slice, a step): it "
                "returns an empty shape and writes over the heap; use a.copy().reshape(...)"
                % (shape,)
            )
        return view(self, shape, strides_of(shape), self._o)

    # -- copies

    def copy(self):
        if isinstance(self, dense_array):
            return new(self._d, self._b, self._s, raw(self))
        if self._n <= SMALL:
            return from_values(self._d, self._b, self._s, elements(self))
        return run("copy", (self,))

    def flatten(self, *, order="C"):
        if order not in ("C", "F"):
            raise ValueError("flattening order must be either 'C', or 'F'")
        source = self.transpose() if order == "F" else self
        result = source.copy()
        return view(result, (self._n,), (1,), 0, False)

    def tobytes(self):
        if not isinstance(self, dense_array):
            raise ValueError("tobytes can be invoked for dense arrays only")
        return bytearray(raw(self))

    def tolist(self):
        return nested(self, self._s, self._t, self._o)

    def byteswap(self, *, inplace=False):
        target = self if inplace else self.copy()
        if _SIZE[self._d] > 1:
            swapped = run("byteswap", (target,))
            assign(target, swapped)
        return target

    def sort(self, *, axis=-1):
        if axis is None:
            if not isinstance(self, dense_array):
                _silicon.die("a.sort(axis=None) on a view that is not dense sorts memory outside it")
            assign(view(self, (self._n,), (1,), self._o), run("sort", (self,), (None,)))
            self._s, self._t = (self._n,), (1,)
        else:
            assign(self, run("sort", (self,), (axis_of(axis, self),)))

    # -- printing

    def __repr__(self):
        name = "bool" if self._b else _NAME[self._d]
        if self._n == 0:
            shape = ", shape=(" + ",".join([str(n) for n in self._s]) + ")"
            return "array([]%s, dtype=%s)" % (shape if len(self._s) > 1 else "", name)
        return "array(%s, dtype=%s)" % (_text(self, self._s, self._t, self._o), name)

    __str__ = __repr__


from ulab._operators import add_operators  # noqa: E402  (the operators need the names above)

add_operators(ndarray)


class dense_array(ndarray, memoryview):
    """An array whose elements lie side by side: the buffer protocol shows them."""

    def __new__(cls, *args):
        return object.__new__(cls)

    def __init__(self, store, dtype, boolean, shape, strides, offset, n):
        if type(store) is Retyped:
            super().__init__(store.span(offset, offset + n))
        else:
            super().__init__(store[offset : offset + n])
        self._setup(store, dtype, boolean, shape, strides, offset, n)


class strided_array(ndarray):
    """Any other view: no buffer."""

    def __new__(cls, *args):
        return object.__new__(cls)

    def __init__(self, *parts):
        self._setup(*parts)
