"""The masks of a YOLO's objects: each one's 32 coefficients with the prototypes under its box. See arrays.py.

A mask's cells lie on the prototypes' grid, or between its points. ulab's calls cost more than what they do,
so all masks of a picture share those that can be shared. A product by 1.0 copies, see arrays.dense().
"""

import struct

from firmware_app.board import arrays
from firmware_app.board.arrays import np
from firmware_app.package.yolo import MASKS

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.package.yolo import Layout

TWICE = -2  # a step between cells: two of them each way in each of the prototypes'
MOST_CELLS = 60000  # looked at together: 16 bits number them
_SHORT = 127  # the longest run that takes one byte
_FEW_CELLS = 14  # up to which two products of tables take less time than sums of parts
_APART = 3  # cells around each mask, which keep the runs of two masks apart
_ROOM = 24000  # bytes of all masks of a message
_AROUND = 16  # bytes that a mask takes beside its runs, about
_HEAD = 22  # what it does take
# Of [x, y, w, h, columns, rows, runs]: each number of 16 bits behind its mark, marks with every other one.
_FORM = ">HhIHIHIH"


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
        # And where they lie in the frame: in pixels of it, and as they are.
        self._spread = np.zeros((4, 8))
        for side in range(4):
            self._spread[side, side] = (wide, high)[side & 1]
            self._spread[side, side + 4] = 1.0
        self._offset = np.array([[x, y, x, y, 0.0, 0.0, 0.0, 0.0]])

    def cells(self, boxes: list) -> list:
        """Return [[x1, y1, x2, y2, left, top, right, bottom]] of the masks of boxes.

        boxes: (x1, y1, x2, y2) in pixels of the frame. The numbers are where a mask lies there, as its
        box does, and its cells: those with centres in the box, at least one, right and bottom after the
        last.
        """
        edges = np.array(boxes)
        edges = np.clip(np.ceil((edges - self._start) / self._cell - 0.5), 0.0, self._most)
        edges = np.maximum(edges, np.dot(edges, self._corner) + self._least)
        table = np.dot(edges, self._spread) + self._offset
        # An array rounds what becomes an integer.
        rows: list = np.array(table, dtype=np.int16).tolist()
        return rows


def packed(tensors: tuple, layout: "Layout", kept: tuple, rows: list, grid: Grid) -> tuple:
    """Return the masks of a message, as packets have them, and how many cells were looked at.

    tensors: the output with the candidates, and the prototypes (1, 32, height, width); kept: (each
    object's number in bases, where the candidates' values begin, as yolo_arrays has it); rows: as grid
    has them. A mask is [x, y, w, h, columns, rows, LEB128 lengths of runs: off, on, off ...]; those that
    a message has no room for are nil.
    """
    shape = tensors[1].shape
    planes = tensors[1].reshape(shape[1:])
    across = shape[3]
    step = grid.step
    if step > 1:
        planes = planes[:, ::step, ::step]
        across *= step  # no mask is so wide that whole rows of these are taken
    elif step == TWICE and grid.finer is None:
        grid.finer = Finer(shape[2], across)
    much = _much(across)
    finer = grid.finer
    kernels = _coefficients(tensors[0], layout)
    apart = 1 if layout.kind == "columns" else layout.width
    numbers, bases = kept
    dot = np.dot
    between, limit = grid.between, grid.limit
    most, masks, around = MOST_CELLS, MASKS, _APART
    out = bytearray(0)
    behind = 3  # what the message's array begins with
    cells = done = 0
    # Lists of their size: what is appended takes longer.
    count = len(rows)
    parts: list = [between] * (2 * count + 1)
    ends = [0] * count
    parts[0] = grid.begin
    number = slot = 0
    at = 2
    for index in range(count):
        _, _, _, _, left, top, right, bottom = rows[index]
        wide = right - left
        size = wide * (bottom - top)
        if at + size > most and number:
            out, behind, done = _write(
                tuple(parts[: slot + 1]), limit, ends[:number], rows, index - number, out, behind
            )
            cells += at - 2 - around * number
            at = 2
            if done < index:
                number = 0
                break
            parts = [between] * (2 * (count - index) + 1)
            ends = [0] * (count - index)
            parts[0] = grid.begin
            number = slot = 0
        row = bases[numbers[index]] // apart
        kernel = kernels[row : row + 1]
        if finer is not None:
            part = finer.logits(planes, kernel, left, top, right, bottom)
        elif wide > much:
            part = _of_rows(planes, kernel, top, bottom)
            if wide < across:
                part = part[:, left:right] * 1.0
            part = part.reshape((1, size))
        else:
            part = (planes[:, top:bottom, left:right] * 1.0).reshape((masks, size))
            part = dot(kernel, part)
        at += size
        ends[number] = at
        at += around
        number += 1
        parts[slot + 1] = part
        slot += 2
    if number:
        out, behind, done = _write(tuple(parts), limit, ends, rows, count - number, out, behind)
        cells += at - 2 - around * number
    out[0] = 0xDC
    out[1] = count >> 8
    out[2] = count & 0xFF
    found: "bytes | memoryview" = memoryview(out)[:behind]  # a copy would take longer
    if done < count:
        found = bytes(found) + b"\xc0" * (count - done)  # nil
    return found, cells


def _much(across: int) -> int:
    """Return from which width on whole rows of prototypes take less time than a copy of a part of each."""
    return across * 5 // 8


def _of_rows(planes, kernel, top: int, bottom: int):
    """Return the logits of whole rows of prototypes: a table."""
    _, down, across = planes.shape
    # A view, which a product takes as it is; that of a part of each row would have three dimensions.
    part = planes.reshape((MASKS, down * across))[:, top * across : bottom * across]
    return np.dot(kernel, part).reshape((bottom - top, across))


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
        self._much = _much(width)
        self._down = _between(height, False)
        self._across = _between(width, True)
        # Parts of these, by how many cells they are for and whether the first one is odd: few are small.
        self._rows: dict = {}
        self._columns: dict = {}

    def logits(self, planes, kernel, left: int, top: int, right: int, bottom: int):
        """Return those of a mask as a table of one row."""
        # The prototypes' cells that these lie in, and one more on each side, where there is one.
        x0, x1 = (left >> 1) - 1, (right + 3) >> 1
        y0, y1 = (top >> 1) - 1, (bottom + 3) >> 1
        inside = True
        if x0 < 0:
            x0 = 0
            inside = False
        if x1 > self._width:
            x1 = self._width
            inside = False
        if y0 < 0:
            y0 = 0
            inside = False
        if y1 > self._height:
            y1 = self._height
            inside = False
        high, wide = y1 - y0, x1 - x0
        down, across = bottom - top, right - left
        dot = np.dot
        few = wide <= _FEW_CELLS and high <= _FEW_CELLS
        if few and inside:
            # Away from the edges they take the same from those around them, wherever they lie.
            # A cell in the half that is farther from a neighbour takes nothing from that one.
            y0, x0 = (top - 1) >> 1, (left - 1) >> 1
            y1, x1 = (bottom >> 1) + 1, (right >> 1) + 1
            high, wide = y1 - y0, x1 - x0
            kind = down << 1 | top & 1
            rows = self._rows.get(kind)
            if rows is None:
                rows = self._rows[kind] = self._down[top:bottom, y0:y1]
            kind = across << 1 | left & 1
            columns = self._columns.get(kind)
            if columns is None:
                columns = self._columns[kind] = self._across[x0:x1, left:right]
            near = (planes[:, y0:y1, x0:x1] * 1.0).reshape((MASKS, high * wide))
            near = dot(dot(rows, dot(kernel, near).reshape((high, wide))), columns)
            return near.reshape((1, across * down))
        if wide > self._much:
            near = _of_rows(planes, kernel, y0, y1)
            if wide < self._width:
                near = near[:, x0:x1] * 1.0
        else:
            near = (planes[:, y0:y1, x0:x1] * 1.0).reshape((MASKS, high * wide))
            near = dot(kernel, near).reshape((high, wide))
        if few:
            near = dot(self._down[top:bottom, y0:y1], near)
            near = dot(near, self._across[x0:x1, left:right])
        else:
            near = self._sums(near, (x0, y0, x1, y1), (left, top, right, bottom))
        return near.reshape((1, across * down))

    def _sums(self, near, cells: tuple, window: tuple):
        """Return the logits of a window of cells from those of the prototypes' cells about it."""
        x0, y0, x1, y1 = cells
        left, top, right, bottom = window
        # At the edge the last cells are taken twice.
        if x0 == 0:
            near = np.concatenate((near[:, :1] * 1.0, near), axis=1)
        if x1 == self._width:
            near = np.concatenate((near, near[:, -1:] * 1.0), axis=1)
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
            down = down[y : y + bottom - top, x : x + right - left] * 1.0
        return down


def _between(size: int, turned: bool):
    """Return what each of 2 * size cells takes of `size` cells, bilinear: a table of rows; columns if turned."""
    table = np.zeros((2 * size, size))
    for cell in range(size):
        table[2 * cell, cell] = table[2 * cell + 1, cell] = 0.75
        table[2 * cell, max(0, cell - 1)] += 0.25
        table[2 * cell + 1, min(size - 1, cell + 1)] += 0.25
    return table.transpose() * 1.0 if turned else table


def _write(
    parts: tuple, limit: float, ends: list, rows: list, number: int, out: bytearray, at: int
) -> tuple:
    """Write several masks to a copy of out, from `at` on; return (it, behind the last, behind the number of the last).

    parts: tables of one row, logits; before each mask lie a cell that is on and one that is off, behind it
    one that is off, and such two behind all. ends: behind the last cell of each mask. number: of the
    first one in rows. What the message has no room for is left out, with all that follows.
    """
    cells = (np.concatenate(parts, axis=1) > limit)[0]
    changes = np.nonzero(cells[1:] != cells[:-1])[0]
    places = changes.tolist()
    index = places.index
    runs = changes[1:] - changes[:-1]
    long: list = []  # the runs that may take more than a byte, the first one last
    if np.max(runs) > _SHORT:
        long = np.nonzero(runs > _SHORT)[0].tolist()
        long.reverse()
        runs = np.minimum(runs, 255)
    lengths = bytearray(np.array(runs, dtype=np.uint8))
    view = memoryview(lengths)
    most = at + _HEAD * len(ends) + len(lengths) + 2 * len(long)
    # Most messages have room for all that there may be.
    full = most + _AROUND * len(ends) > _ROOM
    before = memoryview(out)[:at]
    out = bytearray(most)
    out[: len(before)] = before
    pack_into = struct.pack_into
    form, head = _FORM, _HEAD
    first = 0  # the change in front of a mask; the one behind it stands at its end
    for end in ends:
        last = index(end, first)
        # The first and the last run have a cell too many, the one around the mask.
        lengths[first] -= 1
        stop = last - 1
        size = lengths[stop] - 1
        if size:
            lengths[stop] = size
            stop = last
        size = stop - first
        mask: "bytearray | memoryview" = view[first:stop]
        if long and long[-1] < last:
            mask = _long_runs(view, places, long, (first, stop, last))
            size = len(mask)
        x1, y1, x2, y2, left, top, right, bottom = rows[number]
        if full and at - 3 - _HEAD * number + size + _AROUND * (number + 1) >= _ROOM:
            break
        pack_into(
            form,
            out,
            at,
            0x97D1,
            x1,
            0xD10000CD | (y1 & 0xFFFF) << 8,
            x2 - x1 or 1,
            0xCD0000CD | (y2 - y1 or 1) << 8,
            right - left,
            0xCD0000C5 | bottom - top << 8,
            size,
        )
        at += head
        stop = at + size
        out[at:stop] = mask
        at = stop
        first = last + 1
        number += 1
    return out, at, number


def _long_runs(view, places: list, long: list, part: tuple) -> bytearray:
    """Return the runs of a mask with some that may take more than a byte; those are taken from `long`.

    view: the runs' lengths; places: of their changes; part: the numbers of the mask's first run, of the one
    behind its last, and of the change at its end.
    """
    first, stop, last = part
    out = bytearray(0)
    at = first
    while long and long[-1] < last:
        number = long.pop()
        size = places[number + 1] - places[number]
        if number == first:
            size -= 1
        if number == last - 1:
            size -= 1
        out.extend(view[at:number])
        out.extend(arrays.leb128(size))
        at = number + 1
    out.extend(view[at:stop])
    return out
