"""Types of the board's `ulab` arrays and how values are stored in them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

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


def store(values: Array, dtype: int) -> Array:
    """Store values the way C does: integers wrap, floats go to single precision."""
    return values.astype(TYPES[dtype])


def widened(a: Array) -> Array:
    """Return integers wide enough for any operation of the board's."""
    return a.astype(np.int64)


def as_board_sees(left: Array, right: Array) -> Array:
    """Return left as the board reads it beside right: int16 beside float is read as uint16.

    The vendored `ndarray_operators.c` names the wrong type there in subtraction, comparison,
    power and floor division, so negative values come out 65,536 too large.
    """
    if code_of(left) == INT16 and code_of(right) == FLOAT:
        return left.view(np.uint16) if left.flags.c_contiguous else left.astype(np.uint16)
    return left


def rounded(values: Array, dtype: int) -> Array:
    """Convert to dtype as an assignment does: floats round half away from zero, integers wrap."""
    if code_of(values) != FLOAT or dtype == FLOAT:
        return plain(values).astype(TYPES[dtype])
    wide = values.astype(np.float64)
    whole = np.trunc(wide + np.copysign(0.5, wide))
    whole = np.where(np.isfinite(whole) & (np.abs(whole) < 2.0**31), whole, -(2.0**31))
    return whole.astype(np.int64).astype(TYPES[dtype])
