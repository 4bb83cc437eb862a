"""The heavy half of the virtual board's `ulab`: array operations in NumPy, with the board's rules.

Operands arrive as `(dtype, boolean, shape[, strides, offset])` and their bytes; results leave the
same way. Types, wrapping, truncation and the order of single-precision sums follow the vendored
ulab (6.4.1, `port/3rd-party/ulab/code`), mistakes included: code that only runs here would be
worth nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

from virtual_board.silicon.errors import NativeFault, SiliconError

Array = npt.NDArray[Any]

UINT8, INT8, UINT16, INT16, FLOAT = 66, 98, 72, 104, 102
F32 = np.float32
TYPES: dict[int, np.dtype[Any]] = {
    UINT8: np.dtype("<u1"),
    INT8: np.dtype("<i1"),
    UINT16: np.dtype("<u2"),
    INT16: np.dtype("<i2"),
    FLOAT: np.dtype("<f4"),
}
CODES = {dtype.str.lstrip("<|"): code for code, dtype in TYPES.items()}


def code_of(a: Array) -> int:
    """Return the board's type code of an array's storage (bool is stored as uint8)."""
    return CODES[a.dtype.str.lstrip("<|=")] if a.dtype != np.bool_ else UINT8


def plain(a: Array) -> Array:
    """Return a bool array as the uint8 array it is on the board."""
    return a.view(np.uint8) if a.dtype == np.bool_ else a


def unpack(meta: list[Any], blob: memoryview) -> Array:
    """Return the array that meta describes over blob (never a copy)."""
    dtype, boolean, shape = meta[0], meta[1], tuple(meta[2])
    flat = np.frombuffer(blob, TYPES[dtype])
    if len(meta) == 3:
        array = flat.reshape(shape)
    else:
        strides = tuple(stride * flat.itemsize for stride in meta[3])
        array = as_strided(flat[meta[4] :], shape, strides)
    return array.view(np.bool_) if boolean else array


def pack(results: Any) -> tuple[Any, list[Any]]:
    """Describe an operation's result: arrays, single-precision or integer scalars, or a tuple."""
    several = isinstance(results, tuple)
    items: list[Any] = []
    blobs: list[Any] = []
    for result in results if several else (results,):
        if isinstance(result, int):
            items.append([2, 0, False, result])
            blobs.append(b"")
            continue
        array = np.ascontiguousarray(result)
        boolean = array.dtype == np.bool_
        scalar = np.ndim(result) == 0
        items.append([int(scalar), code_of(array), boolean, list(np.shape(result))])
        blobs.append(array.tobytes() if array.size < 4096 else memoryview(array).cast("B"))
    return [several, items], blobs


# -- two operands


def _pair(table: str) -> dict[tuple[int, int], int]:
    names = {"B": UINT8, "b": INT8, "H": UINT16, "h": INT16, "f": FLOAT}
    order = "BbHhf"
    rows = table.split()
    return {
        (names[left], names[right]): names[rows[i][j]]
        for i, left in enumerate(order)
        for j, right in enumerate(order)
    }


# One row per left type, one column per right type, both in the order uint8 int8 uint16 int16 float.
SUM_TYPES = _pair("HhHhf hbhhf HhHff hhfhf fffff")
DIFFERENCE_TYPES = _pair("BhHhf hbhhf HHHff hhfhf fffff")
FLOOR_TYPES = _pair("BhHhf hbHhf HHHff hhfhf fffff")
EXTREME_TYPES = _pair("BhHhf hbhhf HHHff hhfhf fffff")
LOGICAL_TYPES = _pair("BhHhf hbhhf HhHff hhfhf fffff")
BITWISE_TYPES = _pair("BhHhf hbHhf HHHhf hhhhf fffff")
WHERE_TYPES = _pair("BhHhf hbHhf HHHff hhfhf fffff")


def store(values: Array, dtype: int) -> Array:
    """Store values the way C does: integers wrap, floats go to single precision."""
    return values.astype(TYPES[dtype])


def _wide(a: Array) -> Array:
    return a.astype(np.int64)


def _as_board_sees(left: Array, right: Array) -> Array:
    """Return left as the board reads it beside right: int16 beside float is read as uint16.

    The vendored `ndarray_operators.c` names the wrong type there in subtraction, comparison,
    power and floor division, so negative values come out 65,536 too large.
    """
    if code_of(left) == INT16 and code_of(right) == FLOAT:
        return left.view(np.uint16) if left.flags.c_contiguous else left.astype(np.uint16)
    return left


def _arithmetic(
    kind: Callable[[Array, Array], Array], types: dict[tuple[int, int], int], slip: bool
) -> Callable[[Array, Array], Array]:
    def operation(left: Array, right: Array) -> Array:
        left, right = plain(left), plain(right)
        dtype = types[code_of(left), code_of(right)]
        if FLOAT in (code_of(left), code_of(right)):
            if slip:
                left = _as_board_sees(left, right)
            return kind(left.astype(F32), right.astype(F32)).astype(F32)
        return store(kind(_wide(left), _wide(right)), dtype)

    return operation


def truncated(left: Array, right: Array) -> Array:
    """Divide integers toward zero; by zero the board's processor answers -1."""
    right_safe = np.where(right == 0, 1, right)
    quotient = np.abs(left) // np.abs(right_safe) * (np.sign(left) * np.sign(right_safe))
    return np.where(right == 0, -1, quotient)


def divide(left: Array, right: Array) -> Array:
    """left / right: single precision, but two integers are divided as C divides them."""
    left, right = plain(left), plain(right)
    if FLOAT in (code_of(left), code_of(right)):
        return left.astype(F32) / right.astype(F32)
    return truncated(_wide(left), _wide(right)).astype(F32)


def floor_divide(left: Array, right: Array) -> Array:
    """left // right, with the board's habit of taking one divisor for a whole row (signed types)."""
    left, right = plain(left), plain(right)
    codes = code_of(left), code_of(right)
    dtype = FLOOR_TYPES[codes]
    if FLOAT in codes:
        return np.floor(_as_board_sees(left, right).astype(F32) / right.astype(F32))
    if dtype == FLOAT:  # uint16 beside int16: C divides the integers first
        return np.floor(truncated(_wide(left), _wide(right)).astype(F32))
    if codes in ((UINT8, UINT8), (UINT8, UINT16), (UINT16, UINT8), (UINT16, UINT16)):
        return store(truncated(_wide(left), _wide(right)), dtype)
    a, b = np.broadcast_arrays(left.astype(np.int16), right.astype(np.int16))
    divisor = np.broadcast_to(b[..., :1], b.shape)
    wide, by = _wide(a), _wide(divisor)
    number = np.where(
        wide >= 0, np.where(by < 0, wide - by - 1, wide), np.where(by >= 0, wide - by + 1, wide)
    )
    return store(truncated(_wide(number.astype(np.int16)), by), dtype)


def power(left: Array, right: Array) -> Array:
    """left ** right in single precision, always float."""
    left, right = plain(left), plain(right)
    left = _as_board_sees(left, right)
    exact = np.power(left.astype(F32).astype(np.float64), right.astype(F32).astype(np.float64))
    return exact.astype(F32)


def _comparison(kind: Callable[[Array, Array], Array], slip: bool) -> Callable[..., Array]:
    def operation(left: Array, right: Array) -> Array:
        left, right = plain(left), plain(right)
        if slip:
            left = _as_board_sees(left, right)
        if FLOAT in (code_of(left), code_of(right)):
            return kind(left.astype(F32), right.astype(F32))
        return kind(_wide(left), _wide(right))

    return operation


def _bits(
    kind: Callable[[Array, Array], Array], types: dict[tuple[int, int], int], keep_bool: bool
) -> Callable[[Array, Array], Array]:
    def operation(left: Array, right: Array) -> Array:
        boolean = keep_bool and left.dtype == np.bool_ and right.dtype == np.bool_
        left, right = plain(left), plain(right)
        result = kind(_wide(left), _wide(right)).astype(TYPES[types[code_of(left), code_of(right)]])
        return result.view(np.bool_) if boolean else result

    return operation


def _extreme(kind: Callable[[Array, Array], Array]) -> Callable[[Array, Array], Array]:
    def operation(left: Array, right: Array) -> Array:
        left, right = plain(left), plain(right)
        dtype = EXTREME_TYPES[code_of(left), code_of(right)]
        if FLOAT in (code_of(left), code_of(right)):
            a, b = left.astype(F32), right.astype(F32)
        else:
            a, b = _wide(left), _wide(right)
        return np.where(kind(a, b), a, b).astype(TYPES[dtype])

    return operation


def where(condition: Array, x: Array, y: Array) -> Array:
    """Choose from x and y; values pass through single precision."""
    condition, x, y = plain(condition), plain(x), plain(y)
    dtype = TYPES[WHERE_TYPES[code_of(x), code_of(y)]]
    chosen = np.where(condition != 0, x.astype(F32), y.astype(F32))
    return chosen.astype(np.int64).astype(dtype) if dtype.kind != "f" else chosen


# -- stores


def rounded(values: Array, dtype: int) -> Array:
    """Convert to dtype as an assignment does: floats round half away from zero, integers wrap."""
    if code_of(values) != FLOAT or dtype == FLOAT:
        return plain(values).astype(TYPES[dtype])
    wide = values.astype(np.float64)
    whole = np.trunc(wide + np.copysign(0.5, wide))
    whole = np.where(np.isfinite(whole) & (np.abs(whole) < 2.0**31), whole, -(2.0**31))
    return whole.astype(np.int64).astype(TYPES[dtype])


def _store_through(change: Callable[[Array, Array], Array]) -> Callable[..., tuple[Any, list[Any]]]:
    def operation(args: list[Any], blobs: list[memoryview]) -> tuple[Any, list[Any]]:
        span = bytearray(blobs[0])
        target = plain(unpack(args[0][0], memoryview(span)))
        values = unpack(args[0][1], blobs[1])
        with np.errstate(all="ignore"):
            target[...] = change(target, plain(values))
        return None, [span]

    return operation


def _inplace(kind: Callable[[Array, Array], Array]) -> Callable[[Array, Array], Array]:
    def change(target: Array, values: Array) -> Array:
        if code_of(target) == FLOAT:
            return kind(target, values.astype(F32))
        return kind(_wide(target), _wide(values)).astype(target.dtype)

    return change


def _power_single(left: Array, right: Array) -> Array:
    return np.power(left.astype(np.float64), right.astype(np.float64)).astype(F32)


# -- one operand


def negative(a: Array) -> Array:
    """-a; unsigned values wrap and bool stays bool."""
    if a.dtype == np.bool_:
        return (-a.view(np.uint8)).view(np.bool_)
    return np.negative(a)


def invert(a: Array) -> Array:
    """~a, bit by bit; bool flips."""
    return np.invert(a)


def byteswap(a: Array) -> Array:
    """Swap the bytes of every element."""
    return a.byteswap()


def convert(a: Array, dtype: int, boolean: bool) -> Array:
    """Copy with another dtype."""
    result = rounded(a, dtype)
    return result.view(np.bool_) if boolean else result


def masked(a: Array, mask: Array) -> Array:
    """Return the elements of a 1-D array that mask chooses."""
    return plain(a)[mask]


def _math(kind: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """Compute in double precision and round: what a correctly rounded float function gives."""

    def operation(a: Array) -> Array:
        return kind(plain(a).astype(F32).astype(np.float64)).astype(F32)

    return operation


def _sinc(x: Array) -> Array:
    single = (x.astype(F32) * F32(np.pi)).astype(np.float64)
    return np.where(x == 0, 1.0, np.sin(single) / np.where(x == 0, 1.0, single))


def _degrees(x: Array) -> Array:
    return x.astype(F32) * F32(180.0) / F32(np.pi)


def _radians(x: Array) -> Array:
    return x.astype(F32) * F32(np.pi) / F32(180.0)


def around(a: Array, decimals: int) -> Array:
    """Round half away from zero at a decimal place."""
    factor = F32(10.0) ** F32(decimals)
    scaled = (plain(a).astype(F32) * factor).astype(np.float64)
    return np.trunc(scaled + np.copysign(0.5, scaled)).astype(F32) / factor


def arctan2(y: Array, x: Array) -> Array:
    """Angle of (x, y) in single precision."""
    return np.arctan2(plain(y).astype(np.float64), plain(x).astype(np.float64)).astype(F32)


# -- reductions


def _running_mean(values: Array) -> Array:
    """Mean over the first axis, one value after the other in single precision, as the board sums."""
    if values.ndim == 1:
        return _running_mean_of_one(values)
    mean = np.zeros(values.shape[1:], F32)
    for i in range(values.shape[0]):
        mean = mean + (values[i] - mean) / F32(i + 1)
    return mean


def _running_mean_of_one(values: Array) -> Any:
    mean = F32(0.0)
    counts = np.arange(1, len(values) + 1, dtype=F32)
    for value, count in zip(values, counts):
        mean = mean + (value - mean) / count
    return mean


def _first(a: Array, axis: int) -> Array:
    return np.ascontiguousarray(np.moveaxis(a, axis, 0))


def total(a: Array, axis: int | None) -> Any:
    """np.sum: n times a single-precision mean; integers along an axis wrap in their own type."""
    a = plain(a)
    if axis is None:
        result = _running_mean(a.astype(F32).ravel()) * F32(a.size)
        if code_of(a) == FLOAT:
            return F32(result)
        return int(np.trunc(np.float64(result) + np.copysign(0.5, result)))
    if code_of(a) != FLOAT:
        return np.sum(a, axis=axis, dtype=a.dtype)
    mean = _running_mean(_first(a, axis))
    # With one dimension the board forgets to multiply: the mean comes back.
    return mean if a.ndim == 1 else mean * F32(a.shape[axis])


def mean(a: Array, axis: int | None) -> Any:
    """np.mean in single precision."""
    a = plain(a).astype(F32)
    return F32(_running_mean(a.ravel())) if axis is None else _running_mean(_first(a, axis))


def std(a: Array, axis: int | None, ddof: int) -> Any:
    """np.std by the running update the board uses."""
    a = plain(a).astype(F32)
    values = a.ravel() if axis is None else _first(a, axis)
    n = values.shape[0]
    if axis is not None and n <= ddof:
        return np.zeros(values.shape[1:], F32)
    average = np.zeros(values.shape[1:], F32)
    spread = np.zeros(values.shape[1:], F32)
    for i in range(n):
        moved = average + (values[i] - average) / F32(i + 1)
        spread = spread + (values[i] - average) * (values[i] - moved)
        average = moved
    return np.sqrt(spread / F32(n - ddof)).astype(F32)


def norm(a: Array, axis: int | None) -> Any:
    """Euclidean norm: the root of n times the running mean of squares."""
    a = plain(a).astype(F32)
    values = a.ravel() if axis is None else _first(a, axis)
    square = _running_mean(values * values)
    return np.sqrt(square * F32(values.shape[0])).astype(F32)


def _strict_extreme(index: bool, largest: bool) -> Callable[..., Any]:
    """max, min and their positions; the first of equals wins and a leading NaN stays."""

    def operation(a: Array, axis: int | None) -> Any:
        a = plain(a)
        if axis is None:
            flat = a.ravel()
            at = _position(flat.reshape(-1, 1), largest)[0]
            if index:
                return int(at)
            return F32(flat[at]) if code_of(a) == FLOAT else int(flat[at])
        values = np.moveaxis(a, axis, 0)
        at = _position(values, largest)
        if index:
            result: Array = at.astype(np.int16)
        else:
            result = np.take_along_axis(values, at[None], 0)[0]
        return result.reshape(-1)[0] if result.size == 1 else result

    return operation


def _position(values: Array, largest: bool) -> Array:
    """Position along the first axis; NaN loses every comparison unless it comes first."""
    n = values.shape[0]
    if values.dtype.kind == "f" and np.isnan(values).any():
        worst = -np.inf if largest else np.inf
        leading = np.isnan(values[0])
        values = np.where(np.isnan(values), worst, values)
        at = values.argmax(0) if largest else values.argmin(0)
        return np.where(leading, 0, at)
    if values.ndim == 1 or values[0].size * 4 < n or n > 256:
        return values.argmax(0) if largest else values.argmin(0)
    # Few, long rows: NumPy's argmax over a short axis costs far more than this loop.
    best = values[0].copy()
    at = np.zeros(best.shape, np.int32)
    for i in range(1, n):
        better = values[i] > best if largest else values[i] < best
        np.copyto(best, values[i], where=better)
        at[better] = i
    return at


def every(a: Array, axis: int | None) -> Any:
    """np.all"""
    return np.bool_(plain(a).all()) if axis is None else (plain(a) != 0).all(axis)


def some(a: Array, axis: int | None) -> Any:
    """np.any"""
    return np.bool_(plain(a).any()) if axis is None else (plain(a) != 0).any(axis)


def _unsigned(a: Array) -> Array:
    """Return integers as the board's heap sort compares them: without their sign."""
    a = plain(a)
    return {"b": a.view, "h": a.view}.get(a.dtype.char, a.view)(
        {"b": np.uint8, "h": np.uint16}.get(a.dtype.char, a.dtype)
    )


def sort(a: Array, axis: int | None) -> Array:
    """np.sort; int8 and int16 are compared as unsigned, without an axis the array is flattened."""
    boolean = a.dtype == np.bool_
    a = np.ascontiguousarray(plain(a))
    values = a.ravel() if axis is None else a
    result = np.sort(_unsigned(values), axis=0 if axis is None else axis).view(a.dtype)
    return result.view(np.bool_) if boolean else result


def argsort(a: Array, axis: int) -> Array:
    """np.argsort by heap sort, which is not stable: equal values leave it as on the board."""
    values = np.moveaxis(_unsigned(np.ascontiguousarray(a)), axis, -1)
    rows = np.ascontiguousarray(values).reshape(-1, values.shape[-1])
    order = np.argsort(rows, axis=-1)
    ranked = np.take_along_axis(rows, order, -1)
    for i in np.flatnonzero((ranked[:, 1:] == ranked[:, :-1]).any(-1)):
        order[i] = _heap_argsort(rows[i].tolist())
    return np.moveaxis(order.reshape(values.shape), -1, axis).astype(np.uint16)


def _heap_argsort(values: list[Any]) -> list[int]:
    order = list(range(len(values)))
    end, root = len(values), len(values) // 2
    while True:
        if root:
            root -= 1
            item = order[root]
        else:
            end -= 1
            if end <= 0:
                return order
            item = order[end]
            order[end] = order[0]
        value, at, child = values[item], root, 2 * root + 1
        while child < end:
            if child + 1 < end and values[order[child + 1]] > values[order[child]]:
                child += 1
            if not values[order[child]] > value:
                break
            order[at] = order[child]
            at, child = child, 2 * child + 1
        order[at] = item


def median(a: Array, axis: int | None) -> Any:
    """np.median over the order `sort` gives."""
    values = sort(a, axis)
    values = plain(values) if axis is None else np.moveaxis(plain(values), axis, 0)
    n = values.shape[0]
    middle = values[n // 2].astype(F32)
    if n % 2 == 0:
        middle = (middle + values[n // 2 - 1].astype(F32)) * F32(0.5)
    return middle


def nonzero(a: Array) -> tuple[Array, ...]:
    """Indices of the elements that are not zero, one uint16 array per dimension."""
    hits = np.nonzero(plain(a))
    if len(hits[0]) > 65535:
        raise NativeFault(
            f"np.nonzero found {len(hits[0])} elements: its counter has 16 bits, more than "
            "65535 write over the heap; work in bands of rows"
        )
    return tuple(hit.astype(np.uint16) for hit in hits)


# -- shapes


def concatenate(*arguments: Any) -> Array:
    """Join arrays along an axis; bool comes back as uint8."""
    *arrays, axis = arguments
    return np.concatenate([plain(a) for a in arrays], axis=axis)


def roll(a: Array, distance: int, axis: int | None) -> Array:
    """Rotate the elements, flattened in row order without an axis."""
    return np.roll(plain(a), distance, axis)


def compress(a: Array, chosen: Array, axis: int | None) -> Array:
    """Keep the chosen entries."""
    return np.compress(plain(chosen) != 0, plain(a), axis)


def delete(a: Array, indices: list[int], axis: int | None) -> Array:
    """Drop entries."""
    return np.delete(plain(a), indices, axis)


def diff(a: Array, n: int) -> Array:
    """n-th difference of a 1-D array, wrapping in its own type; even orders come negated."""
    a = plain(a)
    sign = 1 if n % 2 else -1
    if code_of(a) == FLOAT:
        return np.diff(a, n) * F32(sign)
    return (np.diff(_wide(a), n) * sign).astype(a.dtype)


def dot(a: Array, b: Array) -> Any:
    """Product of vectors and matrices, summed in order in single precision."""
    a, b = plain(a).astype(F32), plain(b).astype(F32)
    if a.ndim == 1 and b.ndim == 1:
        return F32(np.add.accumulate(a * b)[-1])
    left = a if a.ndim == 2 else a[None]
    right = b if b.ndim == 2 else b[:, None]
    columns = np.ascontiguousarray(left.T)
    result = np.zeros((left.shape[0], right.shape[1]), F32)
    for k in range(left.shape[1]):
        result += columns[k][:, None] * right[k][None]
    return result if a.ndim == 2 and b.ndim == 2 else result.ravel()


def convolve(a: Array, v: Array) -> Array:
    """Full convolution of two vectors."""
    a, v = plain(a).astype(F32), plain(v).astype(F32)
    result = np.zeros(len(a) + len(v) - 1, F32)
    for i in range(len(v) - 1, -1, -1):
        result[i : i + len(a)] += a * v[i]
    return result


def cross(a: Array, b: Array) -> Array:
    """Cross product of two vectors of length 3."""
    x, y = plain(a).astype(F32), plain(b).astype(F32)
    product = np.stack(
        [x[1] * y[2] - x[2] * y[1], -x[0] * y[2] + x[2] * y[0], x[0] * y[1] - x[1] * y[0]]
    )
    dtype = TYPES[WHERE_TYPES[code_of(plain(a)), code_of(plain(b))]]
    return product.astype(np.int64).astype(dtype) if dtype.kind != "f" else product


def interp(x: Array, xp: Array, fp: Array, ends: Array) -> Array:
    """Piecewise linear interpolation in single precision."""
    x, xp, fp = (plain(a).astype(F32) for a in (x, xp, fp))
    x = x.ravel()
    right = np.clip(np.searchsorted(xp, x, side="left"), 1, len(xp) - 1)
    left = right - 1
    y = fp[left] + (x - xp[left]) * (fp[right] - fp[left]) / (xp[right] - xp[left])
    return np.where(x < xp[0], ends[0], np.where(x > xp[-1], ends[1], y)).astype(F32)


def trapz(y: Array, x: Array, dx: Array) -> Any:
    """Trapezoidal rule, over x where given, else with step dx."""
    y = plain(y).astype(F32)
    pairs = y[1:] + y[:-1]
    if x.size:
        x = plain(x).astype(F32)
        mean_area = _running_mean((x[1:] - x[:-1]) * pairs)
    else:
        mean_area = _running_mean(pairs) * dx[0]
    return F32(F32(0.5) * mean_area * F32(len(y) - 1))


def polyval(p: Array, x: Array) -> Array:
    """Evaluate a polynomial by Horner's rule in single precision."""
    p, x = plain(p).astype(F32), plain(x).astype(F32)
    y = np.full(x.shape, p[0], F32)
    for coefficient in p[1:]:
        y = y * x + coefficient
    return y


def polyfit(x: Array, y: Array, degree: int) -> Array:
    """Least-squares polynomial by the normal equations."""
    vandermonde = np.vander(x.astype(np.float64), degree + 1)
    solution, *_ = np.linalg.lstsq(vandermonde, y.astype(np.float64), rcond=None)
    return solution.astype(F32)


# -- linear algebra and Fourier transforms

_EPSILON = 1.2e-7


def _symmetric(a: Array) -> Array:
    a = plain(a).astype(F32).astype(np.float64)
    if np.any(np.abs(a - a.T) > _EPSILON):
        raise SiliconError("ValueError", "input matrix is asymmetric")
    return a


def cholesky(a: Array) -> Array:
    """Lower triangular factor."""
    try:
        return np.linalg.cholesky(_symmetric(a)).astype(F32)
    except np.linalg.LinAlgError:
        raise SiliconError("ValueError", "matrix is not positive definite") from None


def determinant(a: Array) -> Any:
    """Determinant."""
    return F32(np.linalg.det(plain(a).astype(np.float64)))


def eigen(a: Array) -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors of a symmetric matrix (their order is not the board's)."""
    values, vectors = np.linalg.eigh(_symmetric(a))
    return values.astype(F32), vectors.astype(F32)


def inverse(a: Array) -> Array:
    """Inverse of a square matrix."""
    try:
        return np.linalg.inv(plain(a).astype(np.float64)).astype(F32)
    except np.linalg.LinAlgError:
        raise SiliconError("ValueError", "input matrix is singular") from None


def qr(a: Array, mode: str) -> tuple[Array, Array]:
    """QR factors (signs as LAPACK chooses them, which may differ from the board's)."""
    q, r = np.linalg.qr(plain(a).astype(np.float64), mode=mode)
    return q.astype(F32), r.astype(F32)


def fourier(re: Array, im: Array, kind: str) -> Any:
    """Fourier transform of a complex signal as (real, imaginary); spectrogram: magnitudes."""
    signal = plain(re).astype(np.float64) + 1j * (plain(im).astype(np.float64) if im.size else 0.0)
    spectrum = np.fft.ifft(signal) if kind == "ifft" else np.fft.fft(signal)
    if kind == "spectrogram":
        return np.abs(spectrum).astype(F32)
    return spectrum.real.astype(F32), spectrum.imag.astype(F32)


def from_buffer(raw: Array, kind: str) -> Array:
    """Read integers of 16 or 32 bits from bytes into floats."""
    return raw.view(np.dtype(kind)).astype(F32)


# -- the table

_OPERATIONS: dict[str, Callable[..., Any]] = {
    "absolute": lambda a: np.abs(a),
    "add": _arithmetic(np.add, SUM_TYPES, False),
    "multiply": _arithmetic(np.multiply, SUM_TYPES, False),
    "subtract": _arithmetic(np.subtract, DIFFERENCE_TYPES, True),
    "divide": divide,
    "floor_divide": floor_divide,
    "power": power,
    "more": _comparison(np.greater, True),
    "more_equal": _comparison(np.greater_equal, True),
    "equal": _comparison(np.equal, False),
    "not_equal": _comparison(np.not_equal, False),
    "logical_and": _bits(np.bitwise_and, LOGICAL_TYPES, True),
    "logical_or": _bits(np.bitwise_or, LOGICAL_TYPES, True),
    "logical_xor": _bits(np.bitwise_xor, LOGICAL_TYPES, True),
    "bitwise_and": _bits(np.bitwise_and, BITWISE_TYPES, False),
    "bitwise_or": _bits(np.bitwise_or, BITWISE_TYPES, False),
    "bitwise_xor": _bits(np.bitwise_xor, BITWISE_TYPES, False),
    "left_shift": _bits(np.left_shift, BITWISE_TYPES, False),
    "right_shift": _bits(np.right_shift, BITWISE_TYPES, False),
    "maximum": _extreme(np.greater),
    "minimum": _extreme(np.less),
    "where": where,
    "negative": negative,
    "invert": invert,
    "byteswap": byteswap,
    "copy": np.ascontiguousarray,
    "convert": convert,
    "masked": masked,
    "isfinite": lambda a: np.isfinite(a),
    "isinf": lambda a: np.isinf(a) if code_of(a) == FLOAT else np.zeros(a.shape, np.bool_),
    "around": around,
    "arctan2": arctan2,
    "sum": total,
    "mean": mean,
    "std": std,
    "norm": norm,
    "max": _strict_extreme(False, True),
    "min": _strict_extreme(False, False),
    "argmax": _strict_extreme(True, True),
    "argmin": _strict_extreme(True, False),
    "all": every,
    "any": some,
    "sort": sort,
    "argsort": argsort,
    "median": median,
    "nonzero": nonzero,
    "concatenate": concatenate,
    "roll": roll,
    "compress": compress,
    "delete": delete,
    "diff": diff,
    "dot": dot,
    "convolve": convolve,
    "cross": cross,
    "interp": interp,
    "trapz": trapz,
    "polyval": polyval,
    "polyfit": polyfit,
    "cholesky": cholesky,
    "det": determinant,
    "eig": eigen,
    "inv": inverse,
    "qr": qr,
    "fourier": fourier,
    "from_buffer": from_buffer,
}

_FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "acos": np.arccos,
    "acosh": np.arccosh,
    "asin": np.arcsin,
    "asinh": np.arcsinh,
    "atan": np.arctan,
    "atanh": np.arctanh,
    "ceil": np.ceil,
    "cos": np.cos,
    "cosh": np.cosh,
    "degrees": _degrees,
    "exp": np.exp,
    "expm1": np.expm1,
    "floor": np.floor,
    "log": np.log,
    "log10": np.log10,
    "log2": np.log2,
    "radians": _radians,
    "sin": np.sin,
    "sinc": _sinc,
    "sinh": np.sinh,
    "sqrt": np.sqrt,
    "tan": np.tan,
    "tanh": np.tanh,
}

_CHANGES: dict[str, Callable[[Array, Array], Array]] = {
    "assign": lambda target, values: rounded(values, code_of(target)),
    "inplace_add": _inplace(np.add),
    "inplace_subtract": _inplace(np.subtract),
    "inplace_multiply": _inplace(np.multiply),
    "inplace_divide": _inplace(np.divide),
    "inplace_power": _inplace(_power_single),
}


def _serve(operation: Callable[..., Any]) -> Callable[..., tuple[Any, list[Any]]]:
    def call(args: list[Any], blobs: list[memoryview]) -> tuple[Any, list[Any]]:
        metas, params = args
        arrays = [unpack(meta, blob) for meta, blob in zip(metas, blobs)]
        with np.errstate(all="ignore"):
            return pack(operation(*arrays, *params))

    return call


OPS: dict[str, Callable[[list[Any], list[memoryview]], tuple[Any, list[Any]]]] = {
    **{f"ulab.{name}": _serve(operation) for name, operation in _OPERATIONS.items()},
    **{f"ulab.{name}": _serve(_math(function)) for name, function in _FUNCTIONS.items()},
    **{f"ulab.{name}": _store_through(change) for name, change in _CHANGES.items()},
}
"""Operations the silicon offers to the interpreter: name to `(args, blobs) -> (result, blobs)`."""
