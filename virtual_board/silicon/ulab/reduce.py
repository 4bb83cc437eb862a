"""Reductions, sorting and searching of the board's `ulab` (vendored `numerical.c`, `compare.c`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from virtual_board.silicon.base.errors import NativeFault
from virtual_board.silicon.ulab.types import F32, FLOAT, Array, code_of, plain


def running_mean(values: Array) -> Any:
    """Mean over the first axis, value by value in single precision, as the board sums."""
    if values.ndim == 1:
        return _running_mean_of_one(values)
    mean = np.zeros(values.shape[1:], F32)
    for i in range(values.shape[0]):
        mean = mean + (values[i] - mean) / F32(i + 1)
    return mean


def _running_mean_of_one(values: Array) -> Any:
    mean = F32(0.0)
    counts = np.arange(1, len(values) + 1, dtype=F32)
    for value, count in zip(values, counts, strict=True):
        mean = mean + (value - mean) / count
    return mean


def _first(a: Array, axis: int) -> Array:
    return np.ascontiguousarray(np.moveaxis(a, axis, 0))


def total(a: Array, axis: int | None) -> Any:
    """np.sum: n times a single-precision mean; integers along an axis wrap in their own type."""
    a = plain(a)
    if axis is None:
        result = running_mean(a.astype(F32).ravel()) * F32(a.size)
        if code_of(a) == FLOAT:
            return F32(result)
        return int(np.trunc(np.float64(result) + np.copysign(0.5, result)))
    if code_of(a) != FLOAT:
        return np.sum(a, axis=axis, dtype=a.dtype)
    mean = running_mean(_first(a, axis))
    # With one dimension the board forgets to multiply: the mean comes back.
    return mean if a.ndim == 1 else mean * F32(a.shape[axis])


def mean(a: Array, axis: int | None) -> Any:
    """np.mean in single precision."""
    a = plain(a).astype(F32)
    return F32(running_mean(a.ravel())) if axis is None else running_mean(_first(a, axis))


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
    square = running_mean(values * values)
    return np.sqrt(square * F32(values.shape[0])).astype(F32)


def strict_extreme(index: bool, largest: bool) -> Callable[..., Any]:
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


def _position(values: Array, largest: bool) -> Any:
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
    if a.dtype.kind != "i":
        return a
    return a.view(np.uint8 if a.itemsize == 1 else np.uint16)


def sort(a: Array, axis: int | None) -> Array:
    """np.sort; int8 and int16 are compared as unsigned, without an axis the array is flattened."""
    boolean = a.dtype == np.bool_
    a = np.ascontiguousarray(plain(a))
    values = a.ravel() if axis is None else a
    along = 0 if axis is None else axis
    if code_of(a) == FLOAT and np.isnan(values).any():
        # NaN loses every comparison, which leaves the heap sort in an order of its own.
        return np.take_along_axis(values, argsort(values, along).astype(np.int64), along)
    result = np.sort(_unsigned(values), axis=along).view(a.dtype)
    return result.view(np.bool_) if boolean else result


def argsort(a: Array, axis: int) -> Array:
    """np.argsort by heap sort, which is not stable: equal values leave it as on the board."""
    values = np.moveaxis(_unsigned(np.ascontiguousarray(a)), axis, -1)
    rows = np.ascontiguousarray(values).reshape(-1, values.shape[-1])
    order = np.argsort(rows, axis=-1)
    ranked = np.take_along_axis(rows, order, -1)
    unclear = (ranked[:, 1:] == ranked[:, :-1]) | (ranked[:, 1:] != ranked[:, 1:])  # equal, NaN
    for i in np.flatnonzero(unclear.any(-1)):
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
