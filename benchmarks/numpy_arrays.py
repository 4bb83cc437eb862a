"""What firmware_app.board.arrays offers to a gallery, in NumPy: the product's own decision on this PC."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


def table(rows: int, columns: int) -> Array:
    """Return zeros, rows x columns."""
    return np.zeros((rows, columns), np.float32)


def column(rows: int) -> Array:
    """Return zeros."""
    return np.zeros(rows, np.float32)


def grown(old: Array, used: int, rows: int) -> Array:
    """Return a larger copy."""
    new = np.zeros((rows, *old.shape[1:]), np.float32)
    new[:used] = old[:used]
    return new


def rows_of_floats(data: bytes, columns: int) -> Array:
    """Return float32 bytes as a table."""
    return np.frombuffer(data, "<f4").reshape(-1, columns)


def float_bytes(vector: Array) -> bytes:
    """Return float32 bytes."""
    return vector.astype("<f4").tobytes()


def length(vector: Array) -> float:
    """Return the Euclidean length."""
    return float(np.linalg.norm(vector))


def lengths(rows: Array) -> Array:
    """Return the length of each row."""
    return np.asarray(np.linalg.norm(rows, axis=1), np.float32)


def unit(vector: Any) -> Array | None:
    """Return a copy of length 1."""
    size = length(vector)
    return np.asarray(vector / size, np.float32) if size > 1e-20 else None


def dot(one: Array, other: Array) -> float:
    """Return the product of two vectors."""
    return float(one @ other)


def product_by_dot(rows: Array, used: int, vector: Array) -> Array:
    """Return the products of the first rows with a vector."""
    return np.asarray(rows[:used] @ vector)


product_by_halves = product_by_dot


def scaled(values: Array, scale: Array, offset: Array, used: int) -> Array:
    """Return values x scale + offset."""
    return values * scale[:used] + offset[:used]


def highest(scores: Array) -> tuple[int, float]:
    """Return index and value of the highest."""
    index = int(scores.argmax())
    return index, float(scores[index])


def without(scores: Array, owners: Array, used: int, owner: int) -> Array:
    """Return scores with those of one owner lowered by 4."""
    return np.asarray(scores - np.float32(4) * (owners[:used] == owner))


def scores_of(scores: Array, owners: Array, used: int, owner: int) -> Array:
    """Return the scores of one owner."""
    return np.asarray(scores[owners[:used] == owner])


def highest_mean(scores: Array, count: int) -> float:
    """Return the mean of the count highest."""
    return float(np.sort(scores)[-count:].mean())


def rows_with(owners: Array, used: int, owner: int) -> list[int]:
    """Return the rows of one owner."""
    return [int(row) for row in np.flatnonzero(owners[:used] == owner)]
