"""Functions over arrays: reductions, element by element, sorting, selecting."""

import array as _arrays
import math

from _k230 import silicon as _silicon

from ulab._access import (
    axis_of,
    elements,
)
from ulab._array import (
    dense_array,
    from_nested,
    from_object,
    from_values,
    ndarray,
    run,
    view,
    zeroed,
)
from ulab._operators import two
from ulab._types import (
    FLOAT,
    INT8,
    INT16,
    SMALL,
    UINT8,
    UINT16,
    element_type,
    fit,
    number,
    print_options,
)

_single = _arrays.array("f", [0.0])


def _sequence(source):
    return isinstance(source, (tuple, list, range))


def _axis(axis):
    if axis is not None and type(axis) is not int:
        raise TypeError("axis must be None, or an integer")


def _reduced_axis(axis, source):
    if axis is None:
        return None
    n = len(source._s)
    if axis < 0:
        axis += n
    if not 0 <= axis < n:
        raise ValueError("index out of range")
    return axis


def _array_like(source):
    if not isinstance(source, ndarray):
        raise TypeError("input must be tuple, list, range, or ndarray")


def _truth(name: str, empty, source, axis):
    _axis(axis)
    if not isinstance(source, ndarray):
        if isinstance(source, (int, float)):
            return bool(source)
        iter(source)
        return empty  # the board mixes the two up: all([...]) is True and any([...]) False, always
    if source._n == 0:
        return empty
    axis = _reduced_axis(axis, source)
    if axis is not None and len(source._s) == 1:
        return from_values(UINT8, True, (0,), [])  # the board's answer holds nothing
    return run(name, (source,), (axis,))


def all(source, axis=None):
    """Whether every element is true."""
    return _truth("all", True, source, axis)


def any(source, axis=None):
    """Whether an element is true."""
    return _truth("any", False, source, axis)


def _extreme(name: str, source, axis):
    _axis(axis)
    index = name[0] == "a"
    largest = name[-3:] == "max"
    if _sequence(source):
        if len(source) == 0:
            raise ValueError("attempt to get argmin/argmax of an empty sequence")
        best, at = source[0], 0
        for item in source:
            number(item)
        for i in range(1, len(source)):
            if (source[i] > best) if largest else (source[i] < best):
                best, at = source[i], i
        return at if index else best
    _array_like(source)
    if source._n == 0:
        raise ValueError("attempt to get (arg)min/(arg)max of empty sequence")
    if axis is not None:
        axis = axis_of(axis, source)
    if source._n <= SMALL and (axis is None or len(source._s) == 1):
        values = elements(source)
        best, at = values[0], 0
        for i in range(1, len(values)):
            if (values[i] > best) if largest else (values[i] < best):
                best, at = values[i], i
        return at if index else best
    return run(name, (source,), (axis,))


def argmax(source, axis=None):
    """Position of the largest element: an int, or int16 along an axis."""
    return _extreme("argmax", source, axis)


def argmin(source, axis=None):
    """Position of the smallest element: an int, or int16 along an axis."""
    return _extreme("argmin", source, axis)


def max(source, axis=None):
    """The largest element."""
    return _extreme("max", source, axis)


def min(source, axis=None):
    """The smallest element."""
    return _extreme("min", source, axis)


def _average(name: str, source, axis, *more):
    if _sequence(source):
        if len(source) == 0:
            return 0.0
        return float(run(name, (from_nested(source, FLOAT, False),), (None,) + more))
    _array_like(source)
    axis = _reduced_axis(axis, source)
    if source._n == 0:
        return 0.0
    if name == "sum" and axis is None and source._d == FLOAT and source._n <= SMALL:
        return _small_sum(source)
    return run(name, (source,), (axis,) + more)


def _small_sum(source) -> float:
    # As the silicon does it (ulab_reduce.py): each step in single precision, through a store.
    step = _single
    step[0] = 0.0
    count = 0
    for value in elements(source):
        count += 1
        mean = step[0]
        step[0] = value - mean
        step[0] = step[0] / count
        step[0] = mean + step[0]
    step[0] = step[0] * count
    return step[0]


def sum(source, axis=None):
    """The sum; see the rules the board breaks in silicon/ulab_ops.py."""
    _axis(axis)
    return _average("sum", source, axis)


def mean(source, axis=None):
    """The mean."""
    _axis(axis)
    return _average("mean", source, axis)


def std(source, axis=None, *, ddof=0):
    """The standard deviation; axis 0 or 1 only."""
    if axis not in (None, 0, 1):
        raise ValueError("axis must be None, or an integer")
    return _average("std", source, axis, ddof)


def median(source, *, axis=None):
    """The median."""
    _ndarray(source, "median argument must be an ndarray")
    if source._n == 0:
        return math.nan
    if axis is not None:
        axis = axis_of(axis, source)
    return run("median", (source,), (axis,))


def _ndarray(source, message: str):
    if not isinstance(source, ndarray):
        raise TypeError(message)


def sort(source, *, axis=None):
    """A sorted copy, flattened without an axis."""
    _ndarray(source, "sort argument must be an ndarray")
    if axis is not None:
        axis = axis_of(axis, source)
    return run("sort", (source,), (axis,))


def argsort(source, *, axis=None):
    """Indices that sort along an axis, uint16."""
    _ndarray(source, "argsort argument must be an ndarray")
    if axis is None:
        raise NotImplementedError("argsort is not implemented for flattened arrays")
    for length in source._s:
        if length > 65535:
            raise ValueError("axis too long")
    return run("argsort", (source,), (axis_of(axis, source),))


def cross(a, b):
    """Cross product of two vectors of length 3."""
    if not isinstance(a, ndarray) or not isinstance(b, ndarray):
        raise TypeError("arguments must be ndarrays")
    if a._s != (3,) or b._s != (3,):
        raise ValueError("cross is defined for 1D arrays of length 3")
    return run("cross", (a, b))


def diff(source, *, n=1, axis=-1):
    """Differences of neighbours in a 1-D array."""
    _ndarray(source, "diff argument must be an ndarray")
    axis = _reduced_axis(axis, source)
    if not 0 <= n <= 9 or n > source._s[axis]:
        raise ValueError("differentiation order out of range")
    if len(source._s) > 1:
        _silicon.die(
            "np.diff on an array of %d dimensions: wrong, and sometimes read beyond the array; "
            "it is right for 1-D only" % len(source._s)
        )
    return run("diff", (source,), (n,))


def flip(source, *, axis=None):
    """The elements in reverse: a view along an axis, a flattened copy without."""
    _ndarray(source, "flip argument must be an ndarray")
    if axis is None:
        copy = source.copy()
        return view(copy, (copy._n,), (-1,), copy._n - 1, False)
    if type(axis) is not int:
        raise TypeError("wrong axis index")
    axis = axis_of(axis, source)
    strides = list(source._t)
    at = source._o + (source._s[axis] - 1) * strides[axis]
    strides[axis] = -strides[axis]
    return view(source, source._s, tuple(strides), at)


def roll(source, distance, *, axis=None):
    """The elements moved by distance, coming in again at the other end."""
    _ndarray(source, "roll argument must be an ndarray")
    if axis is not None:
        if type(axis) is not int:
            raise TypeError("wrong axis index")
        axis = axis_of(axis, source)
    n = source._n if axis is None else source._s[axis]
    if n and distance % n == 0 and (distance < 0 or (distance == 0 and axis is None)):
        _silicon.die(
            "np.roll by %d of %d places to the left comes out as a whole turn and is written "
            "behind the array" % (distance, n)
        )
    return run("roll", (source,), (distance, axis))


def compress(condition, source, *, axis=None):
    """The entries where condition is true."""
    _ndarray(source, "wrong input type")
    if axis is not None and len(source._s) == 4:
        _silicon.die(
            "np.compress along an axis of a 4-D array loses its place and writes over the heap; "
            "use three dimensions at most"
        )
    wanted = source._n if axis is None else source._s[axis_of(axis, source)]
    if len(condition) != wanted:
        raise ValueError("wrong length of condition array")
    chosen = from_values(UINT8, False, (wanted,), [1 if item else 0 for item in condition])
    return run("compress", (source, chosen), (None if axis is None else axis_of(axis, source),))


def delete(source, indices, *, axis=None):
    """The entries except those at indices."""
    _ndarray(source, "first argument must be an ndarray")
    n = source._n
    if axis is not None:
        axis = axis_of(axis, source)
        n = source._s[axis]
    places = [indices] if isinstance(indices, int) else [int(i) for i in indices]
    if len(places) > n:
        raise ValueError("wrong length of index array")
    for place in places:
        if not -n <= place < n:
            raise ValueError("index is out of bounds")
    return run("delete", (source,), (places, axis))


def dot(a, b):
    """Product of vectors and matrices; three dimensions give rubbish on the board."""
    if not isinstance(a, ndarray) or not isinstance(b, ndarray):
        raise TypeError("arguments must be ndarrays")
    if a._s[-1] != b._s[0]:
        raise ValueError("dimensions do not match")
    if len(a._s) > 2 or len(b._s) > 2:
        _silicon.die("np.dot with a 3-D operand answers with rubbish; use 1-D and 2-D only")
    if len(a._s) < len(b._s) and b._s[1] > 1:
        _silicon.die(
            "np.dot of a vector and a matrix of %d columns has room for one number, and writes the "
            "others over the heap; make the vector a table of one row" % b._s[1]
        )
    return run("dot", (a, b))


def size(source, *, axis=None):
    """Number of elements, or length of an axis."""
    if isinstance(source, (int, float)):
        return 1
    if isinstance(source, ndarray):
        return source._n if axis is None else source._s[axis_of(axis, source)]
    if not _sequence(source):
        raise TypeError("first argument must be an ndarray")
    return len(source)


def trace(source):
    """Sum of the diagonal of a square matrix."""
    _ndarray(source, "size is defined for ndarrays only")
    if len(source._s) != 2 or source._s[0] != source._s[1]:
        raise ValueError("input must be square matrix")
    total = 0
    for i in range(source._s[0]):
        total += source._m[source._o + i * (source._t[0] + source._t[1])]
    return total


def nonzero(source):
    """A tuple of uint16 index arrays, one per dimension."""
    source = from_object(source)
    result = run("nonzero", (source,))
    return result if isinstance(result, tuple) else (result,)


def where(condition, x, y):
    """x where condition is true, else y."""
    arrays = [from_object(item) for item in (condition, x, y)]
    for a, b in ((0, 1), (0, 2), (1, 2)):
        s, t = arrays[a]._s, arrays[b]._s
        for i in range(1, _least(len(s), len(t)) + 1):
            if s[-i] != t[-i] and s[-i] > 1 and t[-i] > 1:
                raise ValueError("operands could not be broadcast together")
    return run("where", arrays)


def _least(a: int, b: int) -> int:
    return a if a < b else b


def _scalar(value) -> bool:
    return isinstance(value, (int, float)) and value is not True and value is not False


def _pairwise(op: str, a, b):
    result = two(op, from_object(a), from_object(b))
    return result[0] if _scalar(a) and _scalar(b) else result


def maximum(a, b):
    """The larger of two, element by element."""
    return _pairwise("maximum", a, b)


def minimum(a, b):
    """The smaller of two, element by element."""
    return _pairwise("minimum", a, b)


def equal(a, b):
    """a == b, element by element."""
    return _pairwise("equal", a, b)


def not_equal(a, b):
    """a != b, element by element."""
    return _pairwise("not_equal", a, b)


def clip(value, low, high):
    """value limited to low...high."""
    if _scalar(value):
        return low if value < low else high if value > high else value
    return two("maximum", from_object(low), two("minimum", from_object(value), from_object(high)))


def _bitwise(op: str, a, b):
    a, b = from_object(a), from_object(b)
    if a._d == FLOAT or b._d == FLOAT:
        raise ValueError("not supported for input types")
    return two(op, a, b)


def bitwise_and(a, b):
    """a & b"""
    return _bitwise("bitwise_and", a, b)


def bitwise_or(a, b):
    """a | b"""
    return _bitwise("bitwise_or", a, b)


def bitwise_xor(a, b):
    """a ^ b"""
    return _bitwise("bitwise_xor", a, b)


def left_shift(a, b):
    """a << b"""
    return _bitwise("left_shift", a, b)


def right_shift(a, b):
    """a >> b"""
    return _bitwise("right_shift", a, b)


def _tested(op: str, value, integer):
    if isinstance(value, ndarray):
        return run(op, (value,))
    if isinstance(value, float):
        return math.isinf(value) if op == "isinf" else math.isfinite(value)
    if isinstance(value, int):
        return integer
    raise TypeError("wrong input type")


def isfinite(value):
    """Whether neither infinite nor NaN."""
    return _tested("isfinite", value, True)


def isinf(value):
    """Whether infinite."""
    return _tested("isinf", value, False)


def around(source, *, decimals=0, out=None):
    """Rounded half away from zero."""
    _ndarray(source, "first argument must be an ndarray")
    if out is not None:
        raise ValueError("out keyword is not supported for function")
    return run("around", (source,), (decimals,))


def arctan2(y, x):
    """Angle of (x, y)."""
    result = two("arctan2", from_object(y), from_object(x))
    return result[0] if _scalar(y) and _scalar(x) else result


def real(value):
    """The array itself: nothing here is complex."""
    return value.copy()


def imag(value):
    """Zeros: nothing here is complex."""
    return value.imag


def conjugate(value):
    """A copy: nothing here is complex."""
    return value.copy()


def sort_complex(value):
    """Complex sorting, which needs complex arrays."""
    raise NotImplementedError("complex arrays are not part of the virtual board's ulab")


def convolve(a, v):
    """Full convolution of two vectors."""
    if not isinstance(a, ndarray) or not isinstance(v, ndarray):
        raise TypeError("convolve arguments must be ndarrays")
    if len(a._s) != 1 or len(v._s) != 1:
        raise TypeError("convolve arguments must be linear arrays")
    if a._n == 0 or v._n == 0:
        raise TypeError("convolve arguments must not be empty")
    return run("convolve", (a, v))


def interp(x, xp, fp, *, left=None, right=None):
    """Piecewise linear interpolation."""
    x, xp, fp = from_object(x), from_object(xp), from_object(fp)
    if len(xp._s) != 1 or len(fp._s) != 1 or xp._n < 2 or fp._n < 2 or xp._n != fp._n:
        raise ValueError("interp is defined for 1D iterables of equal length")
    ends = [fp[0] if left is None else left, fp[-1] if right is None else right]
    return run("interp", (x, xp, fp, from_values(FLOAT, False, (2,), ends)))


def trapz(y, x=None, dx=1.0):
    """Trapezoidal rule."""
    y = from_object(y)
    if y._n < 2:
        return 0.0
    if len(y._s) != 1:
        raise ValueError("trapz is defined for 1D iterables")
    if x is None:
        x = zeroed((0,))
    else:
        x = from_object(x)
        if len(x._s) != 1 or x._n != y._n:
            raise ValueError("trapz is defined for 1D arrays of equal length")
    return run("trapz", (y, x, from_values(FLOAT, False, (1,), [dx])))


def polyfit(*arguments):
    """Least-squares polynomial: polyfit(y, degree) or polyfit(x, y, degree)."""
    y, degree = arguments[-2:]
    y = from_object(y)
    x = from_object(arguments[0]) if len(arguments) == 3 else from_object(list(range(y._n)))
    if x._n != y._n:
        raise ValueError("input vectors must be of equal length")
    if y._n < degree:
        raise ValueError("more degrees of freedom than data points")
    return run("polyfit", (x, y), (degree,))


def polyval(p, x):
    """Value of a polynomial."""
    if not isinstance(p, ndarray) and not _sequence(p):
        raise TypeError("input is not iterable")
    result = run("polyval", (from_object(p), from_object(x)))
    return result[0] if _scalar(x) else result


def get_printoptions():
    """How arrays print."""
    return dict(print_options)


def set_printoptions(*, threshold=None, edgeitems=None):
    """Change how arrays print."""
    if threshold is not None:
        print_options["threshold"] = threshold
    if edgeitems is not None:
        print_options["edgeitems"] = edgeitems


def ndinfo(source):
    """Print what is known about an array."""
    _ndarray(source, "function is defined for ndarrays only")
    print("class: ndarray")
    print("shape: %s" % (source.shape,))
    print("strides: %s" % (source.strides,))
    print("itemsize: %d" % source.itemsize)
    print("type: " + repr(source).split("dtype=")[1][:-1].replace("float32", "float"))


def vectorize(function, *, otypes=None):
    """Turn a function of a number into one of arrays."""
    if not callable(function):
        raise TypeError("first argument must be a callable")
    kind = FLOAT if otypes is None else otypes
    if kind not in (FLOAT, UINT8, INT8, UINT16, INT16):
        raise ValueError("wrong output type")

    def vectorized(source):
        if _scalar(source):
            source = (source,)
        shape = source._s if isinstance(source, ndarray) else (len(source),)
        values = elements(source) if isinstance(source, ndarray) else source
        answers = []
        for value in values:
            answer = function(value)
            if kind != FLOAT and not isinstance(answer, (int, bool)):
                raise TypeError("can't convert %s to int" % type(answer).__name__)
            answers.append(fit(kind, answer))
        return from_values(kind, False, shape, answers)

    return vectorized


_LOCAL = {"exp": math.exp, "sqrt": math.sqrt, "tanh": math.tanh, "sin": math.sin, "cos": math.cos}


def _apply(name: str, value, out):
    if _scalar(value):
        return run(name, (from_values(FLOAT, False, (1,), [value]),))[0]
    if not isinstance(value, ndarray):
        value = from_object(value)
    if out is not None:
        if name == "exp":
            raise ValueError("out keyword is not supported for complex dtype")
        if not isinstance(out, ndarray):
            raise ValueError("out must be an ndarray")
        if out._d != FLOAT:
            raise ValueError("out must be of float dtype")
        if len(out._s) != len(value._s):
            raise ValueError("input and output dimensions differ")
        if out._s != value._s:
            raise ValueError("input and output shapes differ")
        if not isinstance(out, dense_array):
            _silicon.die("out= of a view that is not dense: results are stored one after the other")
    result = None
    local = _LOCAL.get(name)
    if local and 0 < value._n <= SMALL:
        try:
            result = from_values(FLOAT, False, value._s, [local(x) for x in elements(value)])
        except (ValueError, OverflowError):
            pass  # NaN and infinity are the silicon's
    if result is None:
        result = run(name, (value,)) if value._n else zeroed(value._s)
    if out is None:
        return result
    out[:] = result
    return out


def functions():
    """Return the functions that work element by element, by name."""
    table = {}
    for name in (
        "acos acosh asin asinh atan atanh ceil cos cosh degrees exp expm1 floor log log10 log2 "
        + "radians sin sinc sinh sqrt tan tanh"
    ).split():
        table[name] = _function(name)
    return table


def _function(name: str):
    def function(value, *, out=None, dtype=None):
        if dtype is not None:
            element_type(dtype)
        return _apply(name, value, out)

    return function
