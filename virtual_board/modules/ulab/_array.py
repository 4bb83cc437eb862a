"""The stand-in's ndarray: data in the interpreter, views that write through, the board's rules.

Data lives in array.array stores of the board's five element types (a MicroPython class has no
finaliser, so nothing may live in the silicon). An array with elements side by side offers
the buffer protocol, as on the board; any other view refuses it.
"""

import array as _arrays

from _k230 import silicon as _silicon

from ulab._access import (
    axis_of,
    elements,
    extent,
    gathered,
    locate,
    nested,
    raw,
    text_of,
)
from ulab._types import (
    BOOL,
    CODE,
    FLOAT,
    NAME,
    SIZE,
    SMALL,
    UINT8,
    Retyped,
    broadcasts,
    element_type,
    fit,
    number,
    product,
    scalar_type,
    strides_of,
)


class ndarray:
    """An array: elements of `_d` in store `_m` from `_o` on, with shape `_s` and strides `_t`."""

    _dense = False

    def __new__(cls, source, *, dtype=FLOAT):
        return array(source, dtype=dtype)

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
        return SIZE[self._d]

    @property
    def strides(self):
        size = SIZE[self._d]
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
        if type(key) is tuple and len(key) == 2 and len(shape) == 2:
            i, j = key
            if type(i) is int and type(j) is int:
                if i < 0:
                    i += shape[0]
                if j < 0:
                    j += shape[1]
                if not (0 <= i < shape[0] and 0 <= j < shape[1]):
                    raise IndexError("index is out of bounds")
                strides = self._t
                value = self._m[self._o + i * strides[0] + j * strides[1]]
                return bool(value) if self._b else value
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
        linear = type(shape) is int
        if linear:
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
            if linear:  # an integer takes another way through ulab, which copies as it should
                return view(self.copy(), shape, (1,), 0, False)
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
        data = gathered(self)
        if data is None:
            return run("copy", (self,))
        return new(self._d, self._b, self._s, data)

    def flatten(self, *, order="C"):
        if order not in ("C", "F"):
            raise ValueError("flattening order must be either 'C', or 'F'")
        source = self.transpose() if order == "F" else self
        result = source.copy()
        return view(result, (self._n,), (1,), 0, False)

    def tobytes(self):
        if not isinstance(self, dense_array):
            raise ValueError("tobytes can be invoked for dense arrays only")
        return raw(
            self
        )  # shared, and dangling once the array is gone, as on the board: see bytes(a)

    def tolist(self):
        return nested(self, self._s, self._t, self._o)

    def byteswap(self, *, inplace=False):
        target = self if inplace else self.copy()
        if SIZE[self._d] > 1:
            swapped = run("byteswap", (target,))
            assign(target, swapped)
        return target

    def sort(self, *, axis=-1):
        if axis is None:
            if not isinstance(self, dense_array):
                _silicon.die(
                    "a.sort(axis=None) on a view that is not dense sorts memory outside it"
                )
            assign(view(self, (self._n,), (1,), self._o), run("sort", (self,), (None,)))
            self._s, self._t = (self._n,), (1,)
        else:
            assign(self, run("sort", (self,), (axis_of(axis, self),)))

    # -- printing

    def __repr__(self):
        name = "bool" if self._b else NAME[self._d]
        if self._n == 0:
            shape = ", shape=(" + ",".join([str(n) for n in self._s]) + ")"
            return "array([]%s, dtype=%s)" % (shape if len(self._s) > 1 else "", name)
        return "array(%s, dtype=%s)" % (text_of(self, self._s, self._t, self._o), name)

    __str__ = __repr__


_base = ndarray  # isinstance(a, np.ndarray) holds for both kinds below, which print its name


class ndarray(_base, memoryview):
    """An array with elements side by side: the buffer protocol shows them."""

    _dense = True

    def __new__(cls, *args):
        return object.__new__(cls)

    def __init__(self, store, dtype, boolean, shape, strides, offset, n):
        if type(store) is Retyped:
            super().__init__(store.span(offset, offset + n))
        else:
            super().__init__(store[offset : offset + n])
        self._m = store
        self._d = dtype
        self._b = boolean
        self._s = shape
        self._t = strides
        self._o = offset
        self._n = n


dense_array = ndarray


class ndarray(_base):
    """Any other view: no buffer."""

    def __new__(cls, *args):
        return object.__new__(cls)

    def __init__(self, store, dtype, boolean, shape, strides, offset, n):
        self._m = store
        self._d = dtype
        self._b = boolean
        self._s = shape
        self._t = strides
        self._o = offset
        self._n = n


strided_array = ndarray

ndarray = _base


def view(source, shape, strides, offset: int, boolean=None):
    """Return an array over the elements of source: dense_array where they lie side by side."""
    n = product(shape)
    kind = (
        dense_array
        if strides == strides_of(shape) or _contiguous(shape, strides)
        else strided_array
    )
    if boolean is None:
        boolean = source._b
    return kind(source._m, source._d, boolean, shape, strides, offset, n)


def _contiguous(shape, strides) -> bool:
    # The board looks at the first stride alone, so a view reversed in another dimension passes
    # there (and reads beyond its data); here it counts as not dense.
    if strides[0] != product(shape[1:]):
        return False
    for length, stride, whole in zip(shape[1:], strides[1:], strides_of(shape)[1:]):
        if length > 1 and stride != whole:
            return False
    return True


def new(dtype: int, boolean, shape, data):
    """Return a dense array that holds a copy of data (bytes or bytearray)."""
    store = memoryview(_arrays.array(CODE[dtype], data))
    return dense_array(store, dtype, boolean, shape, strides_of(shape), 0, len(store))


def from_values(dtype: int, boolean, shape, values):
    """Return a dense array of a list of numbers that fit its type."""
    store = memoryview(_arrays.array(CODE[dtype], values))
    if not values and len(shape) == 1:  # the board makes these without a dimension: no buffer
        return strided_array(store, dtype, boolean, shape, (1,), 0, 0)
    return dense_array(store, dtype, boolean, shape, strides_of(shape), 0, len(store))


def zeroed(shape, dtype=FLOAT, boolean=False):
    """Return a dense array of zeros."""
    return new(dtype, boolean, shape, bytes(product(shape) * SIZE[dtype]))


def zeros_like(source, dtype: int):
    """Return zeros in the shape of source."""
    return zeroed(source._s, dtype)


def array(source, *, dtype=FLOAT):
    """Make an array of a nested sequence, or a copy of an array (floats become rounded integers)."""
    kind = element_type(dtype)
    boolean = dtype == BOOL
    if isinstance(source, ndarray):
        if dtype == source._d:
            return source.copy()
        if boolean:  # the board converts nothing to bool: every element stays False
            return zeroed(source._s, UINT8, True)
        if source._n <= SMALL:
            values = [fit(kind, value) for value in elements(source)]
            return from_values(kind, boolean, source._s, values)
        return run("convert", (source,), (kind, boolean))
    return from_nested(source, kind, boolean)


def from_nested(source, dtype: int, boolean):
    """Make an array of a nested sequence; only the first item of each level gives the shape."""
    shape = []
    item = source
    while True:
        try:
            length = len(item)
        except TypeError:
            break
        if len(shape) == 4:
            raise ValueError("too many dimensions")
        shape.append(length)
        if length == 0:
            break
        item = next(iter(item))
    if not shape:
        iter(source)  # raises TypeError where there is nothing to iterate
        return zeroed((0,), dtype, boolean)
    shape = tuple(shape)
    total = product(shape)
    values = []
    if len(shape) == 4 and shape[0] > 1:
        raise TypeError("can't convert list to float")  # the board loses its way in such lists
    if total:
        _collect(source, len(shape), values, dtype, boolean)
    if len(values) > total:
        _silicon.die(
            "np.array of a ragged list: the first rows say %d elements, the list has %d, and the "
            "rest is written behind the array" % (total, len(values))
        )
    if len(values) < total:
        values += [0] * (total - len(values))
    if not total:
        return zeroed(shape, dtype, boolean)
    return from_values(dtype, boolean, shape, values)


def _collect(source, depth: int, values, dtype: int, boolean) -> None:
    if depth > 1:
        for item in source:
            _collect(item, depth - 1, values, dtype, boolean)
        return
    for value in source:
        if boolean:
            values.append(1 if value else 0)
        elif dtype == FLOAT:
            values.append(number(value))
        elif isinstance(value, (int, bool)):
            values.append(fit(dtype, value))
        else:
            raise TypeError("can't convert %s to int" % type(value).__name__)


def from_object(value, other=0):
    """Return an operand as an array: the smallest type for a number, floats for a sequence."""
    if isinstance(value, ndarray):
        return value
    if value is True or value is False:
        return from_values(UINT8, True, (1,), [1 if value else 0])
    if isinstance(value, int):
        return from_values(scalar_type(value, other), False, (1,), [value])
    if isinstance(value, float):
        return from_values(FLOAT, False, (1,), [value])
    return from_nested(value, FLOAT, False)


def check_mask(key) -> None:
    """Refuse an index array that is not a 1-D comparison result."""
    if len(key._s) > 1 or not key._b:
        raise NotImplementedError("operation is implemented for 1D Boolean arrays only")


def masked(source, mask):
    """Return the chosen elements (of a 1-D array) as a new array; booleans come back as uint8."""
    if len(source._s) > 1:
        _silicon.die("a[mask] on an array of %d dimensions reads outside it" % len(source._s))
    chosen = []
    if source._n <= SMALL:
        for value, take in zip(elements(source), elements(mask)):
            if take:
                chosen.append(value)
        return from_values(source._d, False, (len(chosen),), chosen)
    return run("masked", (source, mask))


def assign_masked(target, mask, values) -> None:
    """Store values (as many as chosen, or one) in the chosen elements; floats truncate here."""
    if len(target._s) > 1 or mask._n < target._n:
        _silicon.die("a[mask] = ... wants a 1-D array and a mask of its length: it wrote outside")
    places = [i for i, take in enumerate(elements(mask)) if take]
    source = elements(values)
    single = len(source) != len(places)
    at, step = target._o, target._t[0]
    for k in range(len(places)):
        value = source[0 if single else k]
        if isinstance(value, float) and target._d != FLOAT:
            value = int(value)
        target._m[at + places[k] * step] = fit(target._d, value)


def assign(target, values) -> None:
    """Store values in every element of target, stretching and converting as the board does."""
    if values._n == 0:
        return
    if target._n == 0:
        target = _at_least_one(target)
    if not broadcasts(values._s, target._s):
        _assign_oddly(target, values)
        return
    if isinstance(target, dense_array) and type(target._m) is not Retyped:
        at = target._o
        if values._d == target._d and values._n == target._n and isinstance(values, dense_array):
            raw(target)[:] = raw(values)
            return
        if values._n == 1:
            value = fit(target._d, values._m[values._o])
            one = _arrays.array(CODE[target._d], [value])
            target._m[at : at + target._n] = memoryview(
                _arrays.array(CODE[target._d], bytes(one) * target._n)
            )
            return
    if values._n == target._n <= SMALL and values._s == target._s:
        _scatter(target, iter(elements(values)), target._s, target._t, target._o)
        return
    store_through(target, "assign", values)


def _at_least_one(target):
    # The board's loops store before they look at the length: an empty slice takes a value.
    shape = tuple([max(1, length) for length in target._s])
    target = strided_array(
        target._m, target._d, target._b, shape, target._t, target._o, product(shape)
    )
    low, high = extent(target)
    if low < 0 or high > len(target._m):
        _silicon.die("assigning to an empty slice at the end of an array writes behind it")
    return target


def _assign_oddly(target, values) -> None:
    # The board's check is symmetric: a target of length 1 is accepted beside any length, and the
    # loop then runs over the target's shape alone.
    a, b = target._s, values._s
    for i in range(1, min(len(a), len(b)) + 1):
        if a[-i] != b[-i] and a[-i] > 1 and b[-i] > 1:
            raise ValueError("operands could not be broadcast together")
    _silicon.die("a[...] = b with b of shape %s larger than the target's %s" % (b, a))


def _scatter(target, values, shape, strides, at: int) -> None:
    step = strides[0]
    if len(shape) == 1:
        store, dtype = target._m, target._d
        for _ in range(shape[0]):
            store[at] = fit(dtype, next(values))
            at += step
        return
    for _ in range(shape[0]):
        _scatter(target, values, shape[1:], strides[1:], at)
        at += step


def store_through(target, op: str, values) -> None:
    """Let the silicon change target in place (assignment, += and the like)."""
    low, high = extent(target)
    metas, blobs = [], []
    _describe(target, metas, blobs, True)
    _describe(values, metas, blobs, False)
    _, out = _silicon.call("ulab." + op, [metas, []], blobs, True)
    raw(target, low, high)[:] = out[0]


def run(op: str, sources, params=()):
    """Run op in the silicon over arrays; return its array, number or tuple."""
    metas, blobs = [], []
    for source in sources:
        _describe(source, metas, blobs, False)
    (several, items), out = _silicon.call("ulab." + op, [metas, params], blobs, True)
    results = []
    for item, data in zip(items, out):
        kind, dtype, boolean, shape = item
        if kind == 0:
            if shape == [0]:
                results.append(from_values(dtype, boolean, (0,), []))
            else:
                results.append(new(dtype, boolean, tuple(shape), data))
        elif kind == 1:
            value = _arrays.array(CODE[dtype], data)[0]
            results.append(bool(value) if boolean else value)
        else:
            results.append(shape)
    return tuple(results) if several else results[0]


def _describe(source, metas, blobs, whole: bool) -> None:
    if isinstance(source, dense_array) and not whole:
        metas.append((source._d, source._b, source._s))
        blobs.append(raw(source))
    elif source._n <= SMALL and not whole:
        metas.append((source._d, source._b, source._s))
        blobs.append(bytes(_arrays.array(CODE[source._d], elements(source))))
    elif source._n == 0:
        metas.append((source._d, source._b, source._s))
        blobs.append(b"")
    else:
        data = None if whole else gathered(source)
        if data is not None:
            metas.append((source._d, source._b, source._s))
            blobs.append(data)
            return
        low, high = extent(source)
        metas.append((source._d, source._b, source._s, source._t, source._o - low))
        blobs.append(raw(source, low, high))
