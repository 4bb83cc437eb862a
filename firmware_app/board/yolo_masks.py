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
_FEW_CELLS = 14  # up to which two products of tables take less time than sums of parts
_APART = 3  # cells around each mask, which keep the runs of two masks apart


class Grid:
    """Where the masks' cells lie in the frame, for one step between them; and what all pictures share."""

    def __init__(self, size: tuple, start: tuple, cell: tuple, step: int, limit: float) -> None:
        """size: cells across and down; start: (x, y) of the first one's corner in pixels of the frame;
        cell: width and height of one there; step: TWICE, or n for one cell for n of the prototypes';
        limit: the logit from which a cell is on.
        """
        across, down = size
        x, y = start
        wide, high = cell
        self.step = step
        self.limit = limit
        self.finer: "Finer | None" = None
        # Before each mask a cell that is on and one that is off, after it one that is off.
        off, on = limit - 1.0, limit + 1.0
        self.begin, self.between = np.array([[on, off]]), np.array([[off, on, off]])
        self._most = np.array([[across - 1.0, down - 1.0, across, down]])
        self._start = np.array([[x, y, x, y]])
        self._cell = np.array([[wide, high, wide, high]])
        # A product with whole numbers is exact: left, top, left, top of left, top, right, bottom.
        self._corner = np.zeros((4, 4))
        for side in (0, 1):
            self._corner[side, side] = self._corner[side, side + 2] = 1.0
        self._least = np.array([[0.0, 0.0, 1.0, 1.0]])

    def cells(self, boxes: list) -> list:
        """Return [[x1, y1, x2, y2, left, top, right, bottom]] of the masks of boxes.

        boxes: (x1, y1, x2, y2) in pixels of the frame. The numbers are where a mask lies there, as its
        box does, and its cells: those with centres in the box, at least one, right and bottom after the
        last.
        """
        edges = np.array(boxes)
        edges = np.maximum(np.ceil((edges - self._start) / self._cell - 0.5), 0.0)
        edges = np.minimum(edges, self._most)
        edges = np.maximum(edges, np.dot(edges, self._corner) + self._least)
        table = np.concatenate((edges * self._cell + self._start, edges), axis=1)
        # An array rounds what becomes an integer.
        rows: list = np.array(table, dtype=np.int16).tolist()
        return rows


def runs_of(tensors: tuple, layout: "Layout", kept: tuple, rows: list, grid: Grid) -> tuple:
    """Return the runs of each mask (a buffer, LEB128 lengths off, on, off ...), and all masks' bytes and cells.

    tensors: the output with the candidates, and the prototypes (1, 32, height, width); kept: (each
    object's number in bases, where the candidates' values begin, as yolo_arrays has it); rows: as grid
    has them.
    """
    shape = tensors[1].shape
    planes = tensors[1].reshape(shape[1:])
    step = grid.step
    if step > 1:
        planes = planes[:, ::step, ::step]
    elif step == TWICE and grid.finer is None:
        grid.finer = Finer(shape[2], shape[3])
    finer = grid.finer
    kernels = _coefficients(tensors[0], layout)
    apart = 1 if layout.kind == "columns" else layout.width
    numbers, bases = kept
    dot = np.dot
    between, limit = grid.between, grid.limit
    most, masks, around = MOST_CELLS, MASKS, _APART
    found: list = []
    total = cells = 0
    # Lists of their size: what is appended takes longer.
    left_over = len(rows)
    parts: list = [between] * (2 * left_over + 1)
    ends = [0] * left_over
    parts[0] = grid.begin
    number = slot = 0
    at = 2
    for index in range(left_over):
        _, _, _, _, left, top, right, bottom = rows[index]
        size = (right - left) * (bottom - top)
        if at + size > most and number:
            total += _runs(tuple(parts[: slot + 1]), limit, ends[:number], found)
            cells += at - 2 - around * number
            left_over -= number
            parts = [between] * (2 * left_over + 1)
            ends = [0] * left_over
            parts[0] = grid.begin
            number = slot = 0
            at = 2
        row = bases[numbers[index]] // apart
        kernel = kernels[row : row + 1]
        if finer is not None:
            part = finer.logits(planes, kernel, left, top, right, bottom)
        else:
            part = planes[:, top:bottom, left:right].copy().reshape((masks, size))
            part = dot(kernel, part)
        at += size
        ends[number] = at
        at += around
        number += 1
        parts[slot + 1] = part
        slot += 2
    total += _runs(tuple(parts), limit, ends, found)
    return found, total, cells + at - 2 - around * number


def _coefficients(tensor, layout: "Layout"):
    """Return the 32 numbers of each candidate as a table: a row for each."""
    first = layout.first if layout.kind == "rows" else layout.first + layout.classes
    if layout.kind == "columns":
        table = tensor.reshape((layout.width, layout.count))
        return table[first : first + MASKS].transpose()
    return tensor.reshape((layout.count, layout.width))[:, first : first + MASKS]


class Finer:
    """Logits between the cells of prototypes of one size, bilinear."""

    def __init__(self, height: int, width: int) -> None:
        self._height = height
        self._width = width
        self._down = _between(height, False)
        self._across = _between(width, True)

    def logits(self, planes, kernel, left: int, top: int, right: int, bottom: int):
        """Return those of a mask as a table of one row."""
        # The prototypes' cells that these lie in, and one more on each side, where there is one.
        x0, x1 = (left >> 1) - 1, (right + 3) >> 1
        y0, y1 = (top >> 1) - 1, (bottom + 3) >> 1
        if x0 < 0:
            x0 = 0
        if x1 > self._width:
            x1 = self._width
        if y0 < 0:
            y0 = 0
        if y1 > self._height:
            y1 = self._height
        high, wide = y1 - y0, x1 - x0
        dot = np.dot
        near = planes[:, y0:y1, x0:x1].copy().reshape((MASKS, high * wide))
        near = dot(kernel, near).reshape((high, wide))
        if wide <= _FEW_CELLS and high <= _FEW_CELLS:
            near = dot(self._down[top:bottom, y0:y1], near)
            near = dot(near, self._across[x0:x1, left:right])
        else:
            near = self._sums(near, (x0, y0, x1, y1), (left, top, right, bottom))
        return near.reshape((1, (right - left) * (bottom - top)))

    def _sums(self, near, cells: tuple, window: tuple):
        """Return the logits of a window of cells from those of the prototypes' cells about it."""
        x0, y0, x1, y1 = cells
        left, top, right, bottom = window
        # At the edge the last cells are taken twice.
        if x0 == 0:
            near = np.concatenate((near[:, :1].copy(), near), axis=1)
        if x1 == self._width:
            near = np.concatenate((near, near[:, -1:].copy()), axis=1)
        if y0 == 0:
            near = np.concatenate((near[:1], near), axis=0)
        if y1 == self._height:
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
        return down


def _between(size: int, turned: bool):
    """Return what each of 2 * size cells takes of `size` cells, bilinear: a table of rows; columns if turned."""
    table = np.zeros((2 * size, size))
    for cell in range(size):
        table[2 * cell, cell] = table[2 * cell + 1, cell] = 0.75
        table[2 * cell, max(0, cell - 1)] += 0.25
        table[2 * cell + 1, min(size - 1, cell + 1)] += 0.25
    return table.transpose().copy() if turned else table


def _runs(parts: tuple, limit: float, ends: list, found: list) -> int:
    """Add the LEB128 lengths of the runs of several masks to `found`: off, on, off ...; return their bytes.

    parts: tables of one row, logits; before each mask lie a cell that is on and one that is off, behind it
    one that is off, and such two behind all. ends: behind the last cell of each mask.
    """
    cells = (np.concatenate(parts, axis=1) > limit)[0]
    changes = np.nonzero(cells[1:] != cells[:-1])[0]
    places = changes.tolist()
    index = places.index
    lengths = changes[1:] - changes[:-1]
    long = np.max(lengths) >= _LOW
    lengths = bytearray(np.array(np.minimum(lengths, 255), dtype=np.uint8))
    view = memoryview(lengths)
    append = found.append
    total = 0
    first = 0  # the change in front of a mask; the one behind it stands at its end
    for end in ends:
        last = index(end, first)
        # The first and the last run have a cell too many, the one around the mask.
        behind = last - 1
        lengths[first] -= 1
        size = lengths[behind] - 1
        if size:
            lengths[behind] = size
            behind = last
        runs: "bytes | memoryview" = view[first:behind]
        if long and max(runs) >= _LOW - 1:
            runs = _long_runs(places[first : last + 1])
            total += len(runs) + first - behind
        total += behind - first
        append(runs)
        first = last + 1
    return total


def _long_runs(places: list) -> bytes:
    """Return the runs of a mask with one that takes more than a byte. places: of its changes."""
    lengths = [places[at + 1] - places[at] for at in range(len(places) - 1)]
    lengths[0] -= 1
    lengths[-1] -= 1
    if not lengths[-1]:
        lengths.pop()
    return b"".join([arrays.leb128(length) for length in lengths])
