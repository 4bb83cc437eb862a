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
from numpy.lib.stride_tricks import as_strided

from virtual_board.silicon.ulab.arithmetic import (
    BITWISE_TYPES,
    DIFFERENCE_TYPES,
    LOGICAL_TYPES,
    SUM_TYPES,
    arctan2,
    arithmetic,
    around,
    bits,
    byteswap,
    comparison,
    convert,
    degrees,
    divide,
    extreme,
    floor_divide,
    inplace,
    invert,
    masked,
    negative,
    power,
    power_single,
    radians,
    sinc,
    single,
    where,
)
from virtual_board.silicon.ulab.reduce import (
    argsort,
    every,
    mean,
    median,
    nonzero,
    norm,
    some,
    sort,
    std,
    strict_extreme,
    total,
)
from virtual_board.silicon.ulab.shapes import (
    cholesky,
    compress,
    concatenate,
    convolve,
    cross,
    delete,
    determinant,
    diff,
    dot,
    eigen,
    fourier,
    from_buffer,
    interp,
    inverse,
    polyfit,
    polyval,
    qr,
    roll,
    trapz,
)
from virtual_board.silicon.ulab.types import FLOAT, TYPES, Array, code_of, plain, rounded


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
        blobs.append(array.tobytes() if array.size < 4096 else array.data.cast("B"))
    return [several, items], blobs


def _store_through(change: Callable[[Array, Array], Array]) -> Callable[..., tuple[Any, list[Any]]]:
    def operation(args: list[Any], blobs: list[memoryview]) -> tuple[Any, list[Any]]:
        span = bytearray(blobs[0])
        target = plain(unpack(args[0][0], memoryview(span)))
        values = unpack(args[0][1], blobs[1])
        with np.errstate(all="ignore"):
            target[...] = change(target, plain(values))
        return None, [span]

    return operation


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "absolute": np.abs,
    "add": arithmetic(np.add, SUM_TYPES, False),
    "multiply": arithmetic(np.multiply, SUM_TYPES, False),
    "subtract": arithmetic(np.subtract, DIFFERENCE_TYPES, True),
    "divide": divide,
    "floor_divide": floor_divide,
    "power": power,
    "more": comparison(np.greater, True),
    "more_equal": comparison(np.greater_equal, True),
    "equal": comparison(np.equal, False),
    "not_equal": comparison(np.not_equal, False),
    "logical_and": bits(np.bitwise_and, LOGICAL_TYPES, True),
    "logical_or": bits(np.bitwise_or, LOGICAL_TYPES, True),
    "logical_xor": bits(np.bitwise_xor, LOGICAL_TYPES, True),
    "bitwise_and": bits(np.bitwise_and, BITWISE_TYPES, False),
    "bitwise_or": bits(np.bitwise_or, BITWISE_TYPES, False),
    "bitwise_xor": bits(np.bitwise_xor, BITWISE_TYPES, False),
    "left_shift": bits(np.left_shift, BITWISE_TYPES, False),
    "right_shift": bits(np.right_shift, BITWISE_TYPES, False),
    "maximum": extreme(np.greater),
    "minimum": extreme(np.less),
    "where": where,
    "negative": negative,
    "invert": invert,
    "byteswap": byteswap,
    "copy": np.ascontiguousarray,
    "convert": convert,
    "masked": masked,
    "isfinite": np.isfinite,
    "isinf": lambda a: np.isinf(a) if code_of(a) == FLOAT else np.zeros(a.shape, np.bool_),
    "around": around,
    "arctan2": arctan2,
    "sum": total,
    "mean": mean,
    "std": std,
    "norm": norm,
    "max": strict_extreme(False, True),
    "min": strict_extreme(False, False),
    "argmax": strict_extreme(True, True),
    "argmin": strict_extreme(True, False),
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
    "degrees": degrees,
    "exp": np.exp,
    "expm1": np.expm1,
    "floor": np.floor,
    "log": np.log,
    "log10": np.log10,
    "log2": np.log2,
    "radians": radians,
    "sin": np.sin,
    "sinc": sinc,
    "sinh": np.sinh,
    "sqrt": np.sqrt,
    "tan": np.tan,
    "tanh": np.tanh,
}


_CHANGES: dict[str, Callable[[Array, Array], Array]] = {
    "assign": lambda target, values: rounded(values, code_of(target)),
    "inplace_add": inplace(np.add),
    "inplace_subtract": inplace(np.subtract),
    "inplace_multiply": inplace(np.multiply),
    "inplace_divide": inplace(np.divide),
    "inplace_power": inplace(power_single),
}


def _serve(operation: Callable[..., Any]) -> Callable[..., tuple[Any, list[Any]]]:
    def call(args: list[Any], blobs: list[memoryview]) -> tuple[Any, list[Any]]:
        metas, params = args
        arrays = [unpack(meta, blob) for meta, blob in zip(metas, blobs, strict=True)]
        with np.errstate(all="ignore"):
            return pack(operation(*arrays, *params))

    return call


OPS: dict[str, Callable[[list[Any], list[memoryview]], tuple[Any, list[Any]]]] = {
    **{f"ulab.{name}": _serve(operation) for name, operation in _OPERATIONS.items()},
    **{f"ulab.{name}": _serve(single(function)) for name, function in _FUNCTIONS.items()},
    **{f"ulab.{name}": _store_through(change) for name, change in _CHANGES.items()},
}


"""Operations the silicon offers to the interpreter: name to `(args, blobs) -> (result, blobs)`."""
