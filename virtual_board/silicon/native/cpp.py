"""The corners of C++ that the board's native post-processing depends on.

Rules from the vendor's native sources (``port/ai_cube``, ``port/ai_demo``) and from the RISC-V
conversion rules of the board's processor: out-of-range floats saturate.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from virtual_board.silicon.base.errors import NativeFault

F32 = np.float32
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

_INT_MIN, _INT_MAX = -(2**31), 2**31 - 1
_SORT_THRESHOLD = 16


def table(tensor: Floats, count: int, width: int) -> Floats:
    """Return the first `count` rows of `width` values, the way the board addresses a tensor.

    Raises:
        NativeFault: the tensor is shorter; the board reads on past its end.
    """
    needed = count * width
    if tensor.size < needed:
        raise NativeFault(
            f"tensor: expected {count} rows of {width} values, found {tensor.size} values in all;"
            " the board reads past the end"
        )
    return tensor.reshape(-1)[:needed].reshape(count, width)


def to_int(values: npt.NDArray[Any]) -> Ints:
    """Convert to 32-bit ints as the board does: toward zero, saturating, NaN to the maximum."""
    clipped = np.clip(np.trunc(values.astype(np.float64)), _INT_MIN, _INT_MAX)
    clipped[np.isnan(clipped)] = _INT_MAX
    return clipped.astype(np.int64)


def fast_exp(values: Floats) -> Floats:
    """The vendor's exponential: build the float's bits directly (error -4.4 to +1.5 %).

    Above about 88.7 the bits run into infinity, NaN and then the sign bit, so large arguments give
    small negative numbers; the detectors inherit that.
    """
    scaled = 2.0**23 * (1.4426950409 * values.astype(np.float64) + float(F32(126.93490512)))
    bits = np.clip(np.trunc(scaled), 0, 2**32 - 1)
    bits[np.isnan(bits)] = 2**32 - 1
    return bits.astype(np.uint32).view(np.float32)


def exp(values: Floats) -> Floats:
    """Single-precision ``exp``, correctly rounded (NumPy's own float32 one is off by an ulp)."""
    with np.errstate(over="ignore"):
        return np.exp(values.astype(np.float64)).astype(np.float32)


def descending(scores: Floats) -> Ints:
    """Return the order in which ``std::sort`` leaves items compared by ``a.score > b.score``.

    Without equal scores this is simply descending. ``std::sort`` is not stable, so with equal
    scores the order is the one libstdc++'s introsort happens to produce; quantised models have
    equal scores all the time, and for them the order decides which box survives.
    """
    order = np.argsort(-scores, kind="stable")
    if len(scores) <= _SORT_THRESHOLD:
        return order
    ranked = scores[order]
    if not np.any(ranked[1:] == ranked[:-1]):
        return order
    items = _introsort(scores.tolist())
    items.sort(key=lambda item: -item[0])  # the final insertion sort, which is stable
    return np.array([index for _, index in items], np.int64)


def _introsort(scores: list[float]) -> list[tuple[float, int]]:
    """Quicksort with median of three down to runs of 16, as libstdc++ partitions them.

    Its heap-sort fallback (after 2·log2 n levels) is not imitated: it needs adversarial input.
    """
    items = [(score, index) for index, score in enumerate(scores)]
    pending = [(0, len(items), 2 * (len(items).bit_length() - 1))]
    while pending:
        first, last, depth = pending.pop()
        while last - first > _SORT_THRESHOLD and depth > 0:
            depth -= 1
            cut = _partition(items, first, last)
            pending.append((cut, last, depth))
            last = cut
    return items


def _partition(items: list[tuple[float, int]], first: int, last: int) -> int:
    middle = first + (last - first) // 2
    chosen = _median(items, first + 1, middle, last - 1)
    items[first], items[chosen] = items[chosen], items[first]
    pivot = items[first][0]
    low, high = first + 1, last
    while True:
        while items[low][0] > pivot:
            low += 1
        high -= 1
        while pivot > items[high][0]:
            high -= 1
        if low >= high:
            return low
        items[low], items[high] = items[high], items[low]
        low += 1


def _median(items: list[tuple[float, int]], a: int, b: int, c: int) -> int:
    x, y, z = items[a][0], items[b][0], items[c][0]
    if x > y:
        if y > z:
            return b
        return c if x > z else a
    if x > z:
        return a
    return c if y > z else b
