"""Detect labels of a package in a different order than in the training."""

from __future__ import annotations

from collections.abc import Sequence

_MOST = 0.6  # of the expected answers: another order must explain at least so many
_MORE = 0.2  # of them: and so many more than the given order


def swapped_labels(pairs: Sequence[tuple[frozenset[str], set[str]]]) -> dict[str, str]:
    """Return true label -> reported label, if another order of the labels explains the answers.

    pairs: expected labels and reported labels of each picture.
    """
    names = sorted(frozenset().union(*(expected | given for expected, given in pairs)))
    worth = [
        [
            sum(1 if other in given else -1 for expected, given in pairs if name in expected)
            for other in names
        ]
        for name in names
    ]
    plain = sum(worth[i][i] for i in range(len(names)))
    # Prefer the given order if another explains no more.
    places = assignment(
        [
            [2 * len(names) * value + (i == j) for j, value in enumerate(row)]
            for i, row in enumerate(worth)
        ]
    )
    best = sum(worth[i][j] for i, j in enumerate(places))
    order = {names[i]: names[j] for i, j in enumerate(places)}
    total = sum(len(expected) for expected, _ in pairs)
    used = frozenset().union(*(expected for expected, _ in pairs))
    wrong = {label: other for label, other in order.items() if label != other and label in used}
    explains = best >= _MOST * total and best - plain > _MORE * total
    return wrong if len(wrong) > 1 and explains else {}


def assignment(worth: Sequence[Sequence[float]]) -> list[int]:
    """Assign each row its own column with the largest sum (the Hungarian algorithm)."""
    size = len(worth)
    row_price, column_price = [0.0] * (size + 1), [0.0] * (size + 1)
    row_of = [size] * (size + 1)  # of each column; the last column is the row being placed
    for row in range(size):
        row_of[size] = row
        column = size
        least, came = [float("inf")] * size, [size] * size
        done = [False] * (size + 1)
        while row_of[column] != size:
            done[column] = True
            placed, step, nearest = row_of[column], float("inf"), size
            for other in range(size):
                if done[other]:
                    continue
                cost = -worth[placed][other] - row_price[placed] - column_price[other]
                if cost < least[other]:
                    least[other], came[other] = cost, column
                if least[other] < step:
                    step, nearest = least[other], other
            for other in range(size + 1):
                if done[other]:
                    row_price[row_of[other]] += step
                    column_price[other] -= step
                elif other < size:
                    least[other] -= step
            column = nearest
        while column != size:
            row_of[column] = row_of[came[column]]
            column = came[column]
    places = [0] * size
    for column in range(size):
        places[row_of[column]] = column
    return places
