"""Making arrays: zeros, ranges, joins, buffers and files."""

import array as arrays
import math

import uctypes
from _k230 import silicon as _silicon

from ulab._access import (
    elements,
)
from ulab._array import (
    array,
    dense_array,
    from_nested,
    from_object,
    from_values,
    ndarray,
    run,
    zeroed,
)
from ulab._types import (
    BOOL,
    CODE,
    FLOAT,
    INT16,
    SIZE,
    UINT8,
    Retyped,
    element_type,
    fit,
)


def _shape(shape):
    if type(shape) is int:
        return (shape,)
    if not isinstance(shape, (tuple, list)):
        raise TypeError("input argument must be an integer, a tuple, or a list")
    if len(shape) > 4:
        raise TypeError("too many dimensions")
    for length in shape:
        if type(length) is not int:
            raise TypeError("can't convert %s to int" % type(length).__name__)
    return tuple(shape)


def zeros(shape, *, dtype=FLOAT):
    """Zeros of a shape."""
    if shape == 0:
        return from_values(element_type(dtype), dtype == BOOL, (0,), [])
    return zeroed(_shape(shape), element_type(dtype), dtype == BOOL)


empty = zeros


def full(shape, value, *, dtype=FLOAT):
    """One value in every place."""
    kind = element_type(dtype)
    if dtype == BOOL:
        value = 1 if value else 0
    elif kind != FLOAT and not isinstance(value, int):
        raise TypeError("can't convert %s to int" % type(value).__name__)
    result = zeroed(_shape(shape), kind, dtype == BOOL)
    result[:] = from_values(kind, False, (1,), [fit(kind, value)])
    return result


def ones(shape, *, dtype=FLOAT):
    """Ones of a shape."""
    return full(shape, 1, dtype=dtype)


def eye(n, *, M=None, k=0, dtype=FLOAT):
    """Ones on a diagonal of an n x M matrix."""
    columns = n if M is None else M
    result = zeroed((n, columns), element_type(dtype), dtype == BOOL)
    row, column = (0, k) if k >= 0 else (-k, 0)
    if (columns - column > n) if k >= 0 else (n - row > columns):
        _silicon.die(
            "np.eye(%d, M=%d, k=%d) follows the diagonal out of the matrix and writes over the heap"
            % (n, columns, k)
        )
    while row < n and column < columns:
        result._m[row * columns + column] = 1
        row += 1
        column += 1
    return result


def diag(source, *, k=0):
    """The diagonal of a matrix, or the matrix with a diagonal."""
    source = from_object(source)
    if len(source._s) == 2:
        rows, columns = source._s
        row, column = (0, k) if k >= 0 else (-k, 0)
        n = max(0, columns - k if k >= 0 else rows + k)
        if n and (row + n > rows or column + n > columns):
            _silicon.die(
                "np.diag of a %d x %d matrix takes %d steps down the diagonal, beyond the array"
                % (rows, columns, n)
            )
        at = source._o + row * source._t[0] + column * source._t[1]
        step = source._t[0] + source._t[1]
        return from_values(source._d, False, (n,), [source._m[at + i * step] for i in range(n)])
    if len(source._s) > 2:
        raise ValueError("input must be 1- or 2-d")
    n = source._n + abs(k)
    result = zeroed((n, n), source._d, False)
    row, column = (0, k) if k >= 0 else (-k, 0)
    values = elements(source)
    for i in range(source._n):
        result._m[(row + i) * n + column + i] = values[i]
    return result


def arange(*limits, dtype=None):
    """Numbers from start (0) to stop by step (1); int16 where all are integers."""
    if not 1 <= len(limits) <= 3:
        raise TypeError("wrong number of arguments")
    start, stop = (0, limits[0]) if len(limits) == 1 else limits[:2]
    step = limits[2] if len(limits) == 3 else 1
    kind = INT16
    for limit in (start, stop, step):
        if isinstance(limit, float) or abs(limit) > 32768:
            kind = FLOAT
    if dtype is not None:
        kind = dtype
    if step == 0:
        raise ZeroDivisionError("divide by zero")
    for limit in (start, stop, step):
        if not math.isfinite(limit):
            raise ValueError("arange: cannot compute length")
    steps = (stop - start) / step
    n = 0 if steps <= 0 else math.ceil(_single(steps))
    return _ramp(_single(start), _single(step), n, kind)


def _single(value) -> float:
    return from_values(FLOAT, False, (1,), [value])._m[0]


def _ramp(start, step, n: int, dtype):
    kind = element_type(dtype)
    if start == int(start) and step == int(step) and kind != FLOAT and dtype != BOOL:
        start, step = int(start), int(step)
        return from_values(kind, False, (n,), [fit(kind, start + i * step) for i in range(n)])
    if n > 1 and start == int(start) and step == int(step) and abs(start + n * step) < 16777216:
        values = [start + i * step for i in range(n)]
    else:
        values = [0.0] * n
        one = from_values(FLOAT, False, (1,), [start])._m
        for i in range(n):
            values[i] = one[0]
            one[0] = one[0] + step
    if dtype == BOOL:
        return from_values(kind, True, (n,), [0 if value == 0 else 1 for value in values])
    if kind != FLOAT:
        values = [fit(kind, int(value)) for value in values]
    return from_values(kind, False, (n,), values)


def linspace(start, stop, num=50, *, endpoint=True, retstep=False, dtype=FLOAT):
    """num evenly spaced numbers."""
    if num < 2:
        raise ValueError("number of points must be at least 2")
    start = _single(start)
    step = _single(_single(_single(stop) - start) / ((num - 1) if endpoint is True else num))
    result = _ramp(start, step, num, dtype)
    return (result, step) if retstep is not False else result


def logspace(start, stop, num=50, *, base=10.0, endpoint=True, dtype=FLOAT):
    """num numbers evenly spaced on a logarithmic scale."""
    if num < 2:
        raise ValueError("number of points must be at least 2")
    kind = element_type(dtype)
    if dtype == BOOL:
        return from_values(kind, True, (num,), [1] * num)
    step = _single(_single(stop - start) / ((num - 1) if endpoint is True else num))
    factor = _single(base**step)
    one = from_values(FLOAT, False, (1,), [base**start])._m
    values = []
    for _ in range(num):
        values.append(one[0])
        one[0] = one[0] * factor
    if kind != FLOAT:
        values = [fit(kind, int(value)) for value in values]
    return from_values(kind, False, (num,), values)


def asarray(source, *, dtype=None):
    """The array itself where the type fits, else a copy; numbers pass through."""
    if isinstance(source, ndarray):
        if dtype is None or dtype == source._d:
            return source
        return array(source, dtype=dtype)
    if isinstance(source, (int, float)) and source is not True and source is not False:
        return source
    if isinstance(source, (tuple, list, range)):
        dtype = FLOAT if dtype is None else dtype
        return from_nested(source, element_type(dtype), dtype == BOOL)
    raise TypeError("wrong input type")


def concatenate(arrays, *, axis=0):
    """Join a tuple of arrays of one type along an axis."""
    if not isinstance(arrays, tuple):
        raise TypeError("first argument must be a tuple of ndarrays")
    for item in arrays:
        if not isinstance(item, ndarray):
            raise ValueError("only ndarrays can be concatenated")
    first = arrays[0]
    n = len(first._s)
    if axis < 0:
        axis += n
    if not 0 <= axis < n:
        raise ValueError("wrong axis specified")
    for item in arrays[1:]:
        if item._d != first._d or len(item._s) != n:
            raise ValueError("input arrays are not compatible")
        for i in range(n):
            if i != axis and item._s[i] != first._s[i]:
                raise ValueError("input arrays are not compatible")
    if n == 1 and sum([item._n for item in arrays]) <= 64:
        values = []
        for item in arrays:
            values += elements(item)
        return from_values(first._d, False, (len(values),), values)
    return run("concatenate", arrays, (axis,))


def frombuffer(buffer, *, dtype=FLOAT, count=-1, offset=0):
    """A 1-D array over the bytes of another object; writing one writes the other.

    On the board an offset keeps nothing alive: hold a reference to buffer.
    """
    kind = element_type(dtype)
    size = SIZE[kind]
    try:
        source = memoryview(buffer)
    except TypeError:
        return None
    if isinstance(buffer, dense_array):
        item = buffer.itemsize
        typed = buffer._d == kind and offset % size == 0 and type(buffer._m) is not Retyped
    else:
        item = len(bytes(source[:1])) if source else 1
        typed = item == size and offset % size == 0 and size > 1 and _same_type(buffer, kind)
    length = len(source) * item
    if not 0 <= offset <= length:
        raise ValueError("offset must be non-negative and no greater than buffer length")
    n = (length - offset) // size
    if n * size != length - offset:
        raise ValueError("buffer size must be a multiple of element size")
    if count > 0:
        if n < count:
            raise ValueError("buffer is smaller than requested size")
        n = count
    boolean = dtype == BOOL
    if typed:
        return dense_array(source, kind, boolean, (n,), (1,), offset // size, n)
    if item == 1 and size == 1 and kind == UINT8:
        return dense_array(source, kind, boolean, (n,), (1,), offset, n)
    if item > 1:
        source = memoryview(uctypes.bytearray_at(uctypes.addressof(source), length))
    if offset:
        source = source[offset:]
    store = Retyped(source, kind)
    store.keep = buffer  # a view by address keeps nothing alive
    return dense_array(store, kind, boolean, (n,), (1,), 0, n)


def _same_type(buffer, kind: int) -> bool:
    return isinstance(buffer, arrays.array) and str(buffer)[7] == CODE[kind]


def fromfile(path, *, dtype=FLOAT, count=-1, offset=0):
    """A 1-D array of the elements of a binary file, from a byte offset on."""
    kind = element_type(dtype)
    size = SIZE[kind]
    with open(path, "rb") as file:
        file.seek(offset)
        data = file.read() if count < 0 else file.read(count * size)
    result = zeroed((len(data) // size,), kind, dtype == BOOL)
    if result._n:
        memoryview(result)[:] = memoryview(frombuffer(data[: result._n * size], dtype=dtype).copy())
    return result
