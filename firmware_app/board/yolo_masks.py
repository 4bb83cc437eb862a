"""The masks of a YOLO's objects: each one's 32 coefficients with the prototypes under its box. See arrays.py.

A mask's cells lie on the prototypes' grid, or between its points. ulab's calls cost more than what they do,
so all masks of a picture share those that can be shared.
"""

from firmware_app.board import arrays
from firmware_app.board.arrays import np
from firmware_app.package.yolo import MASKS

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.package.yolo import Layout

TWICE = -2  # a step between cells: two of them each way in each of the prototypes'
MOST_CELLS = 60000  # looked at together: 16 bits number them
_LOW = 128  # from here on a run takes two bytes
_FEW_CELLS = 18  # up to which two products of tables take less time than sums of parts
_APART = 3  # cells around each mask, which keep the runs of two masks apart


class Grid:
    """Where the masks' cells lie in the frame, for one step between them."""

    def __init__(self, size: tuple, start: tuple, cell: tuple) -> None:
        """size: cells across and down; start: (x, y) of the first one's corner in pixels of the frame;
        cell: width and height of one there.
        """
        across, down = size
        x, y = start
        wide, high = cell
        self._most = np.array([[across - 1.0, down - 1.0, across, down]])
        self._start = np.array([[x, y, x, y]])
        self._cell = np.array([[wide, high, wide, high]])

    def cells(self, boxes: list) -> tuple:
        """Return ([window], [place]) of the mask of each box (x, y, width, height, …) in pixels of the frame.

        A window is [left, top, right, bottom]: the cells with centres in the box, at least one, right
        and bottom behind the last; a place is the same in pixels of the frame.
        """
        table = np.array(boxes)
        low = table[:, :2]
        edges = np.concatenate((low, low + table[:, 2:4]), axis=1)
        edges = np.maximum(np.ceil((edges - self._start) / self._cell - 0.5), 0.0)
        edges = np.minimum(edges, self._most)
        edges[:, 2:] = np.maximum(edges[:, 2:], edges[:, :2] + 1.0)
        # An array rounds what becomes an integer.
        windows = np.array(edges, dtype=np.uint16).tolist()
        return windows, np.array(edges * self._cell + self._start, dtype=np.int16).tolist()


def runs_of(
    tensors: tuple, layout: "Layout", bases: list, windows: list, step: int, limit: float
) -> list:
    """Return the runs of each mask: bytes, LEB128 lengths off, on, off ...

    tensors: the output with the candidates, and the prototypes (1, 32, height, width); bases: where
    the candidates' values begin, as yolo_arrays has it; windows: as Grid has them; step: TWICE, or n for
    one cell for n of the prototypes'; limit: the logit from which a cell is on.
    """
    shape = tensors[1].shape
    planes = tensors[1].reshape((shape[1], shape[2], shape[3]))
    if step > 1:
        planes = planes[:, ::step, ::step]
    kernels = _coefficients(tensors[0], layout)
    apart = 1 if layout.kind == "columns" else layout.width
    # Before each mask a cell that is on and one that is off, behind it one that is off.
    off, on = limit - 1.0, limit + 1.0
    begin, between = np.array([[on, off]]), np.array([[off, on, off]])
    found: list = []
    parts: list = [begin]
    ends: list = []
    at = 2
    for base, (left, top, right, bottom) in zip(bases, windows):
        size = (right - left) * (bottom - top)
        if at + size > MOST_CELLS and ends:
            found += _runs(np.concatenate(tuple(parts), axis=1), limit, ends)
            parts = [begin]
            ends = []
            at = 2
        row = base // apart
        kernel = kernels[row : row + 1]
        if step == TWICE:
            part = _twice(planes, kernel, left, top, right, bottom)
        else:
            part = planes[:, top:bottom, left:right].copy().reshape((MASKS, size))
            part = np.dot(kernel, part)
        parts.append(part)
        parts.append(between)
        at += size
        ends.append(at)
        at += _APART
    return found + _runs(np.concatenate(tuple(parts), axis=1), limit, ends)


def _coefficients(tensor, layout: "Layout"):
    """Return the 32 numbers of each candidate as a table: a row for each."""
    first = layout.first if layout.kind == "rows" else layout.first + layout.classes
    if layout.kind == "columns":
        table = tensor.reshape((layout.width, layout.count))
        return table[first : first + MASKS].transpose()
    return tensor.reshape((layout.count, layout.width))[:, first : first + MASKS]


def _twice(planes, kernel, left: int, top: int, right: int, bottom: int):
    """Return the logits between the prototypes' cells, bilinear, as a table of one row."""
    _, height, width = planes.shape
    # The prototypes' cells that these lie in, and one more on each side, where there is one.
    x0, x1 = max(0, left // 2 - 1), min(width, (right + 1) // 2 + 1)
    y0, y1 = max(0, top // 2 - 1), min(height, (bottom + 1) // 2 + 1)
    near = planes[:, y0:y1, x0:x1].copy().reshape((MASKS, (y1 - y0) * (x1 - x0)))
    near = np.dot(kernel, near).reshape((y1 - y0, x1 - x0))
    size = (right - left) * (bottom - top)
    if x1 - x0 <= _FEW_CELLS and y1 - y0 <= _FEW_CELLS:
        down, across = _between(height, False), _between(width, True)
        near = np.dot(down[top:bottom, y0:y1], near)
        return np.dot(near, across[x0:x1, left:right]).reshape((1, size))
    # At the edge the last cells are taken twice.
    if x0 == 0:
        near = np.concatenate((near[:, :1].copy(), near), axis=1)
    if x1 == width:
        near = np.concatenate((near, near[:, -1:].copy()), axis=1)
    if y0 == 0:
        near = np.concatenate((near[:1], near), axis=0)
    if y1 == height:
        near = np.concatenate((near, near[-1:]), axis=0)
    high, wide = near.shape
    part = near * 0.25
    most = near[:, 1:-1] * 0.75
    across = np.zeros((high, 2 * (wide - 2)))
    across[:, 0::2] = most + part[:, :-2]
    across[:, 1::2] = most + part[:, 2:]
    part = across * 0.25
    most = across[1:-1] * 0.75
    down = np.zeros((2 * (high - 2), 2 * (wide - 2)))
    down[0::2] = most + part[:-2]
    down[1::2] = most + part[2:]
    # Cell 0 of these: of the second cell of what is near, whichever the edge.
    x = left - 2 * (x0 + 1 if x0 else 0)
    y = top - 2 * (y0 + 1 if y0 else 0)
    if x or y or down.shape != (bottom - top, right - left):
        down = down[y : y + bottom - top, x : x + right - left].copy()
    return down.reshape((1, size))


_weights: dict = {}


def _between(size: int, turned: bool):
    """Return what each of 2 * size cells takes of `size` cells, bilinear: a table of rows; columns if turned.

    Kept for the sizes in use: those of one model.
    """
    table = _weights.get((size, turned))
    if table is None:
        if len(_weights) >= 2:
            _weights.clear()
        table = np.zeros((2 * size, size))
        for cell in range(size):
            table[2 * cell, cell] = table[2 * cell + 1, cell] = 0.75
            table[2 * cell, max(0, cell - 1)] += 0.25
            table[2 * cell + 1, min(size - 1, cell + 1)] += 0.25
        if turned:
            table = table.transpose().copy()
        _weights[(size, turned)] = table
    return table


def _runs(logits, limit: float, ends: list) -> list:
    """Return the LEB128 lengths of the runs of several masks: off, on, off ...

    logits: a table of one row; before each mask lie a cell that is on and one that is off, behind it
    one that is off, and such two behind all. ends: behind the last cell of each mask.
    """
    cells = logits.reshape((logits.size,)) > limit
    changes = np.nonzero(cells[1:] != cells[:-1])[0]
    places = changes.tolist()
    lengths = changes[1:] * 1.0 - changes[:-1]
    long = np.max(lengths) > _LOW
    lengths = bytearray(np.array(np.clip(lengths, 0.0, 255.0), dtype=np.uint8))
    found: list = []
    first = 0  # the change in front of a mask; the one behind it stands at its end
    for end in ends:
        last = places.index(end, first)
        # The first and the last run have a cell too many, the one around the mask.
        behind = last - 1
        lengths[first] -= 1
        lengths[behind] -= 1
        runs = lengths[first : last if lengths[behind] else behind]
        if long and max(runs) >= _LOW - 1:
            runs = _long_runs(places[first : last + 1])
        found.append(runs)
        first = last + 1
    return found


def _long_runs(places: list) -> bytearray:
    """Return the runs of a mask with one that takes more than a byte. places: of its changes."""
    lengths = [places[at + 1] - places[at] for at in range(len(places) - 1)]
    lengths[0] -= 1
    lengths[-1] -= 1
    if not lengths[-1]:
        lengths.pop()
    return bytearray(b"".join([arrays.leb128(length) for length in lengths]))
