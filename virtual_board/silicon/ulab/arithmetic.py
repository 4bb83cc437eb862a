"""Element-by-element operations of the board's `ulab`, its mistakes included.

The rules are those of the vendored `ndarray_operators.c`, `compare.c`, `bitwise.c`, `vector.c`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from virtual_board.silicon.ulab.types import (
    F32,
    FLOAT,
    INT8,
    INT16,
    TYPES,
    UINT8,
    UINT16,
    Array,
    as_board_sees,
    code_of,
    plain,
    rounded,
    store,
    widened,
)


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


def arithmetic(
    kind: Callable[[Array, Array], Array], types: dict[tuple[int, int], int], slip: bool
) -> Callable[[Array, Array], Array]:
    def operation(left: Array, right: Array) -> Array:
        left, right = plain(left), plain(right)
        dtype = types[code_of(left), code_of(right)]
        if FLOAT in (code_of(left), code_of(right)):
            if slip:
                left = as_board_sees(left, right)
            return kind(left.astype(F32), right.astype(F32)).astype(F32)
        return store(kind(widened(left), widened(right)), dtype)

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
    return truncated(widened(left), widened(right)).astype(F32)


def floor_divide(left: Array, right: Array) -> Array:
    """left // right; with signed types the board takes one divisor for a whole row."""
    left, right = plain(left), plain(right)
    codes = code_of(left), code_of(right)
    dtype = FLOOR_TYPES[codes]
    if FLOAT in codes:
        return np.floor(as_board_sees(left, right).astype(F32) / right.astype(F32))
    if dtype == FLOAT:  # uint16 beside int16: C divides the integers first
        return np.floor(truncated(widened(left), widened(right)).astype(F32))
    if codes in ((UINT8, UINT8), (UINT8, UINT16), (UINT16, UINT8), (UINT16, UINT16)):
        return store(truncated(widened(left), widened(right)), dtype)
    a, b = np.broadcast_arrays(left.astype(np.int16), right.astype(np.int16))
    divisor = np.broadcast_to(b[..., :1], b.shape)
    wide, by = widened(a), widened(divisor)
    number = np.where(
        wide >= 0, np.where(by < 0, wide - by - 1, wide), np.where(by >= 0, wide - by + 1, wide)
    )
    return store(truncated(widened(number.astype(np.int16)), by), dtype)


def power(left: Array, right: Array) -> Array:
    """left ** right in single precision, always float."""
    left, right = plain(left), plain(right)
    left = as_board_sees(left, right)
    exact = np.power(left.astype(F32).astype(np.float64), right.astype(F32).astype(np.float64))
    return exact.astype(F32)


def comparison(kind: Callable[[Array, Array], Array], slip: bool) -> Callable[..., Array]:
    def operation(left: Array, right: Array) -> Array:
        left, right = plain(left), plain(right)
        if slip:
            left = as_board_sees(left, right)
        if FLOAT in (code_of(left), code_of(right)):
            return kind(left.astype(F32), right.astype(F32))
        return kind(widened(left), widened(right))

    return operation


def bits(
    kind: Callable[[Array, Array], Array], types: dict[tuple[int, int], int], keep_bool: bool
) -> Callable[[Array, Array], Array]:
    def operation(left: Array, right: Array) -> Array:
        boolean = keep_bool and left.dtype == np.bool_ and right.dtype == np.bool_
        left, right = plain(left), plain(right)
        result = kind(widened(left), widened(right)).astype(
            TYPES[types[code_of(left), code_of(right)]]
        )
        return result.view(np.bool_) if boolean else result

    return operation


def extreme(kind: Callable[[Array, Array], Array]) -> Callable[[Array, Array], Array]:
    def operation(left: Array, right: Array) -> Array:
        left, right = plain(left), plain(right)
        dtype = EXTREME_TYPES[code_of(left), code_of(right)]
        if FLOAT in (code_of(left), code_of(right)):
            a, b = left.astype(F32), right.astype(F32)
        else:
            a, b = widened(left), widened(right)
        return np.where(kind(a, b), a, b).astype(TYPES[dtype])

    return operation


def where(condition: Array, x: Array, y: Array) -> Array:
    """Choose from x and y; values pass through single precision."""
    condition, x, y = plain(condition), plain(x), plain(y)
    dtype = TYPES[WHERE_TYPES[code_of(x), code_of(y)]]
    chosen = np.where(condition != 0, x.astype(F32), y.astype(F32))
    return chosen.astype(np.int64).astype(dtype) if dtype.kind != "f" else chosen


def inplace(kind: Callable[[Array, Array], Array]) -> Callable[[Array, Array], Array]:
    def change(target: Array, values: Array) -> Array:
        if code_of(target) == FLOAT:
            return kind(target, values.astype(F32))
        return kind(widened(target), widened(values)).astype(target.dtype)

    return change


def power_single(left: Array, right: Array) -> Array:
    return np.power(left.astype(np.float64), right.astype(np.float64)).astype(F32)


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
    swapped: Array = a.byteswap()
    return swapped


def convert(a: Array, dtype: int, boolean: bool) -> Array:
    """Copy with another dtype."""
    result = rounded(a, dtype)
    return result.view(np.bool_) if boolean else result


def masked(a: Array, mask: Array) -> Array:
    """Return the elements of a 1-D array that mask chooses."""
    return plain(a)[mask]


def single(kind: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """Compute in double precision and round: what a correctly rounded float function gives."""

    def operation(a: Array) -> Array:
        return kind(plain(a).astype(F32).astype(np.float64)).astype(F32)

    return operation


def sinc(x: Array) -> Array:
    single = (x.astype(F32) * F32(np.pi)).astype(np.float64)
    return np.where(x == 0, 1.0, np.sin(single) / np.where(x == 0, 1.0, single))


def degrees(x: Array) -> Any:
    return x.astype(F32) * F32(180.0) / F32(np.pi)


def radians(x: Array) -> Any:
    return x.astype(F32) * F32(np.pi) / F32(180.0)


def around(a: Array, decimals: int) -> Any:
    """Round half away from zero at a decimal place."""
    factor = F32(10.0) ** F32(decimals)
    scaled = (plain(a).astype(F32) * factor).astype(np.float64)
    return np.trunc(scaled + np.copysign(0.5, scaled)).astype(F32) / factor


def arctan2(y: Array, x: Array) -> Array:
    """Angle of (x, y) in single precision."""
    return np.arctan2(plain(y).astype(np.float64), plain(x).astype(np.float64)).astype(F32)
