"""Enrolled samples: unit vectors in one contiguous matrix, and the label of each row.

The matrix is allocated ahead and grows by half its size; adding a sample writes one row, removing
one moves the last row into its place. What computes is passed in: arrays.py on the board.
"""

import gc
import time

_FIRST = 16  # rows of the first matrix
_ENOUGH = 32  # rows from which the two ways to multiply are compared
_TRIES = 5
_MOST = 1048576  # numbers that may be left behind by one product, until they are collected


if 0:  # for type checkers; mpy-cross leaves it out
    from typing import Callable


class Product:
    """The product of a matrix and a vector, in the way that is the faster one here.

    Which one that is depends on how ulab was built; it is tried once, on the first matrix of
    some size.
    """

    def __init__(self, ops) -> None:
        self._ops = ops
        self._way: "Callable | None" = None
        self.left_behind = 0  # bytes that the last product left to be collected

    def of(self, table, used: int, vector):
        """Return the products of the first `used` rows with a vector."""
        size = used * len(vector)
        if used < _ENOUGH or size > _MOST:
            self.left_behind = 0
            return self._ops.product_by_dot(table, used, vector)
        if self._way is None:
            self._way = self._faster(table, vector)
        # The intermediate products lie outside the heap until the next collection.
        self.left_behind = 0 if self._way == self._ops.product_by_dot else 4 * size
        return self._way(table, used, vector)

    def _faster(self, table, vector):
        ops = self._ops
        if not hasattr(time, "ticks_us"):
            return ops.product_by_dot
        shortest: "list[int]" = []
        for way in (ops.product_by_dot, ops.product_by_halves):
            best = 1 << 29
            for _ in range(_TRIES):
                start = time.ticks_us()
                way(table, _ENOUGH, vector)
                best = min(best, time.ticks_diff(time.ticks_us(), start))
            shortest.append(best)
        return ops.product_by_halves if shortest[1] < shortest[0] else ops.product_by_dot


class Samples:
    """Rows of unit vectors; owners: for each the number of its label, ids: the sample's own number."""

    def __init__(self, ops, dimension: int) -> None:
        self._ops = ops
        self.dimension = dimension
        self.table = ops.table(_FIRST, dimension)
        self.owners = ops.column(_FIRST)
        self.ids: "list[int]" = []
        self._rows = _FIRST
        self.product = Product(ops)

    def __len__(self) -> int:
        return len(self.ids)

    def reserve(self, count: int) -> None:
        """Make room for count more rows; MemoryError leaves everything as it is."""
        used = len(self.ids)
        if used + count <= self._rows:
            return
        rows = max(used + count, self._rows + self._rows // 2)
        # ulab's allocations fail without a collection first, and what it held is freed by one.
        gc.collect()
        table = self._ops.grown(self.table, used, rows)
        self.owners = self._ops.grown(self.owners, used, rows)
        self.table = table
        self._rows = rows

    def add(self, number: int, owner: int, vector) -> None:
        """Add one sample; vector has length 1."""
        self.reserve(1)
        row = len(self.ids)
        self.table[row] = vector
        self.owners[row] = owner
        self.ids.append(number)

    def remove(self, row: int) -> None:
        """Remove one row; the last one takes its place."""
        last = len(self.ids) - 1
        if row != last:
            self.table[row] = self.table[last]
            self.owners[row] = self.owners[last]
            self.ids[row] = self.ids[last]
        self.ids.pop()

    def clear(self) -> None:
        """Remove all rows and give the matrix back."""
        self.table = self._ops.table(_FIRST, self.dimension)
        self.owners = self._ops.column(_FIRST)
        self._rows = _FIRST
        self.ids = []

    def row_of(self, number: int) -> int:
        """Return the row of a sample, or -1."""
        try:
            return self.ids.index(number)
        except ValueError:
            return -1

    def rows_of(self, owner: int) -> "list[int]":
        """Return the rows of one label, ascending."""
        return self._ops.rows_with(self.owners, len(self.ids), owner)

    def owner_of(self, row: int) -> int:
        """Return the number of the label that a row belongs to."""
        return int(self.owners[row])

    def cosines(self, vector):
        """Return the cosine of every row with a unit vector: one product of matrix and vector."""
        return self.product.of(self.table, len(self.ids), vector)

    def without(self, scores, owner: int):
        """Return scores with those of one label out of the race."""
        return self._ops.without(scores, self.owners, len(self.ids), owner)

    def of(self, scores, owner: int):
        """Return the scores of one label's rows."""
        return self._ops.scores_of(scores, self.owners, len(self.ids), owner)
