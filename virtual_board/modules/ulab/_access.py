"""Reading an array: elements, nested lists, bytes, text, and where an index points."""

import uctypes

from ulab._types import (
    FLOAT,
    SIZE,
    Retyped,
    print_options,
)

_MOST_ROWS = 512  # more take longer than the way to the silicon


def elements(source):
    """Return the elements, row by row, as a list (booleans as 0 and 1)."""
    if source._dense:
        store = source._m
        if type(store) is Retyped:
            return [store[i] for i in range(source._o, source._o + source._n)]
        return list(store[source._o : source._o + source._n])
    values = []
    _gather(source._m, source._s, source._t, source._o, values)
    return values


def _gather(store, shape, strides, at: int, values) -> None:
    step = strides[0]
    if len(shape) == 1:
        for _ in range(shape[0]):
            values.append(store[at])
            at += step
        return
    for _ in range(shape[0]):
        _gather(store, shape[1:], strides[1:], at, values)
        at += step


def nested(source, shape, strides, at: int):
    """Return the elements as nested lists."""
    step = strides[0]
    if len(shape) == 1:
        values = []
        _gather(source._m, shape, strides, at, values)
        return [bool(value) for value in values] if source._b else values
    return [nested(source, shape[1:], strides[1:], at + i * step) for i in range(shape[0])]


def raw(source, low=None, high=None):
    """Return elements low to high of the store (default: all of a dense array) as shared bytes.

    The bytes keep nothing alive: use them while the array is at hand.
    """
    if low is None:
        low, high = source._o, source._o + source._n
    store = source._m
    size = SIZE[source._d]
    if type(store) is Retyped:
        store = store.raw
    return uctypes.bytearray_at(uctypes.addressof(store) + low * size, (high - low) * size)


def gathered(source):
    """Return the elements of a view, row by row, as bytes; None where that is the silicon's to do.

    A slice of a large array reaches over far more than it holds: what it holds is picked here, if its
    rows are few and lie in one piece each.
    """
    shape, strides = source._s, source._t
    if strides[-1] != 1 or source._n > _MOST_ROWS * shape[-1]:
        return None
    size = SIZE[source._d]
    low, high = extent(source)
    data = memoryview(raw(source, low, high))
    starts = [(source._o - low) * size]
    for i in range(len(shape) - 1):
        step = strides[i] * size
        whole = shape[i] * step
        starts = [at for start in starts for at in range(start, start + whole, step)]
    row = shape[-1] * size
    found = bytearray(source._n * size)
    end = 0
    for at in starts:
        begin = end
        end += row
        found[begin:end] = data[at : at + row]
    return found


def extent(source):
    """Return the lowest and one past the highest element of the store that source reaches."""
    low = high = source._o
    for length, stride in zip(source._s, source._t):
        if stride < 0:
            low += (length - 1) * stride
        else:
            high += (length - 1) * stride
    return low, high + 1


def text_of(source, shape, strides, at: int) -> str:
    step = strides[0]
    if len(shape) > 1:
        rows = [text_of(source, shape[1:], strides[1:], at + i * step) for i in range(shape[0])]
        gap = ",\n\n       " if len(shape) > 2 else ",\n       "
        return "[" + gap.join(rows) + "]"
    n, edge = shape[0], print_options["edgeitems"]
    if n <= print_options["threshold"] or n <= 2 * edge:
        shown = range(n)
        return "[" + ", ".join([_element(source, at + i * step) for i in shown]) + "]"
    head = [_element(source, at + i * step) for i in range(max(1, edge))]
    tail = [_element(source, at + i * step) for i in range(n - edge, n)]
    return "[" + ", ".join(head + ["..."] + tail) + "]"


def _element(source, at: int) -> str:
    value = source._m[at]
    if source._b:
        return "True" if value else "False"
    if source._d != FLOAT:
        return str(value)
    text = "%.7g" % value
    if "." in text or "e" in text or "n" in text:
        return text
    return text + ".0"


def locate(source, key):
    """Return (shape, strides, offset) of an index, a slice or a tuple of them."""
    if not isinstance(key, tuple):
        key = (key,)
    shape, strides, at = source._s, source._t, source._o
    if len(key) > len(shape):
        raise IndexError("too many indices")
    new_shape = []
    new_strides = []
    for i in range(len(key)):
        item = key[i]
        n = shape[i]
        if type(item) is int:
            if item < 0:
                item += n
            if not 0 <= item < n:
                raise IndexError("index is out of bounds")
            at += item * strides[i]
        elif isinstance(item, slice):
            start, stop, step = item.indices(n)
            if step > 0:
                length = (stop - start + step - 1) // step
            else:
                length = (stop - start + step + 1) // step
            new_shape.append(max(0, length))
            new_strides.append(step * strides[i])
            at += start * strides[i]
        else:
            raise IndexError("indices must be integers, slices, or Boolean lists")
    new_shape += shape[len(key) :]
    new_strides += strides[len(key) :]
    return tuple(new_shape), tuple(new_strides), at


def axis_of(axis, source) -> int:
    """Return axis counted from the front; ValueError outside the array's dimensions."""
    if type(axis) is not int:
        raise TypeError("can't convert %s to int" % type(axis).__name__)
    n = len(source._s)
    if axis < 0:
        axis += n
    if not 0 <= axis < n:
        raise ValueError("axis is out of bounds")
    return axis
