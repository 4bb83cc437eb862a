"""Which of a YOLO's boxes stay: the best of those that overlap. See arrays.py."""

from firmware_app.board import decoders
from firmware_app.board.arrays import np

KEPT = 300  # boxes of a picture at most
FEW = 240  # candidates up to which the native function is the quicker one
_TINY = 1e-6
_FAR = 1e6  # pixels: wider than any model's input
_GONE = -1.0  # the score of what is kept or suppressed
_SIDE = 32  # pixels of the least model that the native function takes
_CELLS = 21  # and its candidates
_PARTS = 16  # of a pixel
_KEPT_PARTS = 4  # times _CELLS: rows of tables that are kept, in all some 70 kB
_APART = 3.0  # spans between the classes' places
_SURE = 1e-6  # the least score that the native function looks at
# Scores of at least _LEAST and at most 1 are multiples of 2^-24, or of a part of it: subtracting some of
# that is exact. Whole ones stay apart if less than their distance is subtracted.
_LEAST = 1e-4
_STEP = 1.0 / (1 << 24)
_STEPS = np.array(range(FEW)) * _STEP


def best_first(scores) -> list:
    """Return the numbers of a 1-D array's scores, the best first; of equal ones the first.

    ulab's sort keeps any of equal scores first, and quantised models have many.
    """
    order: list = np.argsort(scores, axis=0).tolist()
    if len(order) < 2:
        return order
    values = np.sort(scores, axis=0)
    same = np.nonzero(values[1:] == values[:-1])[0].tolist()
    last = -1
    more = False  # whether there are more than two of a score
    for at in same:
        if at == last:
            more = True
        last = at + 1
        one = order[at]
        two = order[last]
        if one < two:
            order[at] = two
            order[last] = one
    if more:
        _sort_equals(order, same)
    order.reverse()
    return order


def _sort_equals(order: list, same: list) -> None:
    """Put the numbers of equal scores in descending order; same: where the next one's score is the same."""
    first = last = -1
    for at in same + [-1]:
        if at == last:
            last += 1
            continue
        if last > first + 1:
            order[first : last + 1] = sorted(order[first : last + 1], reverse=True)
        first = at
        last = at + 1


def _ranks(scores, count: int):
    """Return numbers above _SURE in the order of scores, an array; of equal scores the first has the higher one."""
    ordered = np.sort(scores, axis=0)
    ends = memoryview(ordered)
    if ends[0] > _LEAST and ends[count - 1] <= 1.0:
        gaps = np.diff(ordered)
        if np.min(gaps) > 0:
            return scores
        if np.min(np.where(gaps, gaps, 1.0)) > count * _STEP:
            return scores - _STEPS[:count]
    # How many each one is better than, and 1: sorting an order turns it round.
    return float(count) - np.argsort(np.array(best_first(scores)), axis=0)


def by_native(sides, scores, count: int, labels, overlap: float, span: int) -> "list | None":
    """Return the numbers of the boxes that no better one suppresses, best first; None: no such firmware.

    sides: an array with a row for each of `count` boxes, 2 to FEW: x and y of the centre, width and height;
    scores: an array; labels: their classes, an array, None where classes suppress each other; overlap: from
    which a worse box is suppressed; span: the longer side of the model's input.

    The firmware's function for yolov8 does this part well. It rounds to pixels of a frame: so that is
    larger than the model. It moves a box that lies to the left or above: so none does. Classes suppress
    each other: so each has a place of its own. It keeps any of equal scores: so there are none. It tells
    no more than a box's class: so each box is one.
    """
    parts = (count + _CELLS - 1) // _CELLS
    most = parts * _CELLS
    width = 4 + most
    table, flat = _table(parts, count)
    moved, apart = _moved(span)
    if labels is not None:
        # Whole numbers, so both are exact.
        moved = np.dot(labels.reshape((count, 1)), apart) + moved
    table[:count, :4] = sides + moved
    flat[4 : count * (width + 1) : width + 1] = _ranks(scores, count)
    size = [_SIDE, _SIDE * parts]
    return decoders.suppressed(table, size, _PARTS, most, _SURE, overlap, KEPT)


_tables: dict = {}  # what _table() has returned, and how many rows of it had a score


def _table(parts: int, count: int) -> tuple:
    """Return (a table with a row for each of `parts` times _CELLS boxes, the same as one row).

    Behind x, y, width and height each row has as many scores. All but the own one of the first `count` rows
    are 0.
    """
    kept = _tables.get(parts)
    if kept is None:
        rows = parts * _CELLS
        table = np.zeros((rows, 4 + rows))
        kept = [table, table.reshape((rows * (4 + rows),)), 0]
        if parts <= _KEPT_PARTS:
            _tables[parts] = kept
    table, flat, used = kept
    if used > count:
        step = 5 + parts * _CELLS
        flat[4 + count * step : used * step : step] = 0.0
    kept[2] = count
    return table, flat


_moves: dict = {}  # what _moved() has returned last


def _moved(span: int) -> tuple:
    """Return what moves boxes of a model's input to the right and below all others, and what those of a class."""
    rows = _moves.get(span)
    if rows is None:
        rows = (
            np.array([float(span), float(span), 0.0, 0.0]),
            np.array([[_APART * span, 0.0, 0.0, 0.0]]),
        )
        _moves.clear()
        _moves[span] = rows
    return rows


def by_arrays(corners, scores, labels, overlap: float) -> list:
    """Return what by_native() does: each kept box suppresses all others at once.

    corners: an array with a row x1, y1, x2, y2 for each box; scores: an array.
    """
    left, top, right, bottom = [corners[:, side] * 1.0 for side in range(4)]
    scores = scores * 1.0
    views = [memoryview(side) for side in (left, top, right, bottom)]
    areas = (right - left) * (bottom - top)
    sizes = memoryview(areas)
    # both / (areas - both) > overlap, without a division.
    share = (1 + overlap) / max(overlap, _TINY)
    numbers: list = []
    for _ in range(KEPT):
        number = int(np.argmax(scores))
        if scores[number] == _GONE:
            break
        x1, y1, x2, y2 = [view[number] for view in views]
        numbers.append(number)
        wide = np.minimum(right, x2) - np.maximum(left, x1)
        high = np.minimum(bottom, y2) - np.maximum(top, y1)
        both = np.clip(wide, 0.0, _FAR) * np.clip(high, 0.0, _FAR)
        over = both * share - areas > sizes[number]
        if labels is not None:
            over = over & (labels == labels[number])
        scores[over] = _GONE
        scores[number] = _GONE
    return numbers
