"""The mean direction of each label's samples, kept up to date sample by sample (for `combine: mean`)."""

from firmware_app.gallery.samples import Product

_FIRST = 16
_OUT = -4.0  # below any cosine: a label without samples


class Means:
    """Sums of unit vectors by label number; the cosine with a sum is that with the mean direction."""

    def __init__(self, ops, dimension: int) -> None:
        self._ops = ops
        self._rows = _FIRST
        self._sums = ops.table(_FIRST, dimension)
        self._scale = ops.column(_FIRST)  # 1 / length of the sum; 0 without samples
        self._offset = ops.column(_FIRST)  # 0; _OUT without samples
        for number in range(_FIRST):
            self._offset[number] = _OUT
        self._product = Product(ops)
        self._used = 0  # numbers below it have been seen

    def add(self, number: int, vector) -> None:
        """Add a sample of a label."""
        if number >= self._rows:
            rows = max(number + 1, self._rows * 2)
            ops = self._ops
            self._sums = ops.grown(self._sums, self._rows, rows)
            self._scale = ops.grown(self._scale, self._rows, rows)
            self._offset = ops.grown(self._offset, self._rows, rows)
            for i in range(self._rows, rows):
                self._offset[i] = _OUT
            self._rows = rows
        self._used = max(self._used, number + 1)
        self.put(number, self._sums[number] + vector)

    def put(self, number: int, total) -> None:
        """Set the sum of a label's samples; None: it has none."""
        if number >= self._rows:
            return
        size = 0.0 if total is None else self._ops.length(total)
        if total is None:
            total = self._sums[number] * 0.0
        self._sums[number] = total
        # Vectors that cancel each other out have no direction to compare with.
        self._scale[number] = 1.0 / size if size > 1e-3 else 0.0
        self._offset[number] = 0.0 if size > 1e-3 else _OUT

    def scores(self, vector, own: int = -1):
        """Return the cosine with each label by its number; own: the label that vector itself is part of."""
        ops = self._ops
        products = self._product.of(self._sums, self._used, vector)
        scores = ops.scaled(products, self._scale, self._offset, self._used)
        if own >= 0:
            # The others of its label: their sum is the sum less the vector itself.
            rest = self._sums[own] - vector
            size = ops.length(rest)
            scores[own] = ops.dot(rest, vector) / size if size > 1e-3 else _OUT
        return scores

    def ranking(self, vector, count: int) -> "list[tuple[int, float]]":
        """Return (label number, cosine) of the count best, best first."""
        best: "list[tuple[int, float]]" = []
        if not self._used:
            return best
        scores = self.scores(vector)
        while len(best) < count:
            number, score = self._ops.highest(scores)
            if score <= _OUT / 2:
                break
            best.append((number, score))
            scores[number] = _OUT
        return best
