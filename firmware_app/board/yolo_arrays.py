"""What the YOLO tasks compute on tensors: candidates and keypoints. See arrays.py."""

import struct

from firmware_app.board import yolo_nms
from firmware_app.board.arrays import np
from firmware_app.board.yolo_nms import KEPT

if 0:  # for type checkers; mpy-cross leaves it out
    from typing import Any

    from firmware_app.package.yolo import Layout

_SINGLE = 600  # scores looked at in the time of two calls
_MOST_SCORE = 60000.0
_MOST_TOTAL = 1e9
_COORDINATE = 32000.0  # what keypoints are clipped to: 16 bits hold it
_TURNED = 600  # numbers put in another order in the time that a candidate's take to be picked out


class Candidates:
    """The candidates of one picture that pass: their scores, an array, and where each one's values begin.

    Of columns `bases` are the numbers of their columns in `table`, else the places in the output where their
    rows begin. labels: their classes, where the outputs tell them without a look at each one's scores.
    """

    def __init__(self, tensor, layout: "Layout", threshold: float, most: int) -> None:
        """most: about so many of the best are looked at."""
        self.layout = layout
        self.labels: "list | None" = None
        if layout.kind == "columns":
            self._columns(tensor, layout, threshold, most)
        else:
            self._rows(tensor.reshape((tensor.size,)), layout, threshold, most)

    def _columns(self, tensor, layout: "Layout", threshold: float, most: int) -> None:
        classes = layout.classes
        self.table = table = tensor.reshape((layout.width, layout.count))
        peaks = np.max(table[4 : 4 + classes], axis=0) if classes > 1 else table[4]
        passed = peaks > threshold
        # Fewer than 65,536 candidates, so uint16 counts them.
        self.bases = np.nonzero(passed)[0].tolist()
        if not self.bases:
            return
        if len(self.bases) > most:
            passed, self.bases = _fewer(peaks, most)
        # A mask is looked at item by item: no further than there are candidates.
        first, last = self.bases[0], self.bases[-1] + 1
        self._range = first, last
        self._passed = passed[first:last]
        self.scores = peaks[first:last][self._passed]

    def _rows(self, flat, layout: "Layout", threshold: float, most: int) -> None:
        width = layout.width
        # A copy of the column first: it is no dense view. Objectness, or the score itself.
        first = flat[4::width].copy()
        hits = np.nonzero(first > threshold)[0].tolist()
        if len(hits) > most:
            _, hits = _fewer(first, most)
        self.bases = [at * width for at in hits]
        if not hits:
            return
        ended = layout.kind == "rows"
        kept = min(width, 7) if ended else 5 + layout.classes
        table = np.zeros((len(hits), kept))
        for row, base in enumerate(self.bases):
            table[row] = flat[base : base + kept]
        if ended:
            self.table = table
            self.scores = table[:, 4].copy()
            # Bounded: a class beyond the labels is told later.
            labels = np.array(np.clip(table[:, 5], -1.0, _COORDINATE), dtype=np.int16)
            self.labels = labels.tolist()
            return
        scores = np.max(table[:, 5:], axis=1) * table[:, 4].copy()
        labels = np.argmax(table[:, 5:], axis=1)
        if type(labels) is int:  # what ulab gives for a single row
            labels = np.array([labels], dtype=np.int16)
        passed = scores > threshold
        places = np.nonzero(passed)[0].tolist()
        if len(places) < len(hits):
            self.bases = [self.bases[at] for at in places]
            if not places:
                return
            table = np.compress(passed, table, axis=0)
            scores, labels = scores[passed], labels[passed]
        self.table = table
        self.scores = scores
        self.labels = labels.tolist()

    def value(self, number: int):
        """Return one value of each candidate, an array."""
        if self.layout.kind != "columns":
            return self.table[:, number].copy()
        first, last = self._range
        return self.table[number, first:last][self._passed]

    def values(self, count: int):
        """Return the first values of each candidate: an array, a row for each value."""
        if self.layout.kind != "columns":
            return self.table[:, :count].transpose().copy()
        first, last = self._range
        return np.compress(self._passed, self.table[:count, first:last], axis=1)

    def classes(self):
        """Return the class of each candidate, an array; None where there is one class."""
        layout = self.layout
        if self.labels is not None:
            return np.array(self.labels)
        if layout.classes == 1:
            return None
        first, last = self._range
        # Of a single column ulab would give a number.
        if last - first > 1 and (last - first) * layout.classes < _SINGLE * len(self.bases):
            scores = self.table[4 : 4 + layout.classes, first:last]
            labels = np.argmax(scores, axis=0)[self._passed]
            self.labels = labels.tolist()
            return labels
        self.labels = [self.label(number) for number in range(len(self.bases))]
        return np.array(self.labels)

    def label(self, number: int) -> int:
        """Return the class of a candidate."""
        if self.labels is not None:
            label: int = self.labels[number]
            return label
        classes = self.layout.classes
        if classes == 1:
            return 0
        return np.argmax(self.table[4 : 4 + classes, self.bases[number]])


def numbers(arrays: list) -> bool:
    """Return whether some arrays hold plain numbers alone: none that is none, or infinite."""
    total = arrays[0]
    for one in arrays[1:]:
        total = total + one
    return -_MOST_TOTAL < float(np.sum(total)) < _MOST_TOTAL


def shapes(w, h, angle) -> tuple:
    """Return ([a], [b], [c], [root]) of rotated boxes, seen as Gaussians; arguments are arrays.

    a, b, c: their covariances; root: that of its determinant.
    """
    along, aside = w * w * (1 / 12), h * h * (1 / 12)
    cosine, sine = np.cos(angle), np.sin(angle)
    part = cosine * cosine
    a = along * part + aside * (1.0 - part)
    b = along * (1.0 - part) + aside * part
    c = (along - aside) * cosine * sine
    return a.tolist(), b.tolist(), c.tolist(), (w * h * (1 / 12)).tolist()


class _Boxes(Candidates):
    """Candidates with tables of their sides (x, y of the centre, width, height) and corners (x1, y1, x2, y2).

    Both are in pixels of the model's input.
    """

    def place(self) -> None:
        """Make the tables, of at least one candidate."""
        table = self.values(4)
        if self.layout.kind == "rows":
            self.corners = table
            low, high = table[:2], table[2:]
            self.sides = np.concatenate(((low + high) * 0.5, high - low), axis=0)
        else:
            self.sides = table
            centre, half = table[:2], table[2:] * 0.5
            self.corners = np.concatenate((centre - half, centre + half), axis=0)

    def order(self, overlap: float, alone: bool, span: int) -> list:
        """Return the numbers of the candidates that are kept, best first.

        overlap: from which a worse box is suppressed; from 1 on none is. alone: classes suppress each
        other. span: the longer side of the model's input.
        """
        order = yolo_nms.best_first(self.scores)
        if overlap >= 1:
            return order[:KEPT]
        labels = None if alone else self.classes()
        if len(order) <= yolo_nms.FEW:
            found = yolo_nms.by_native(self.sides, order, labels, overlap, span)
            if found is not None:
                return found
        return yolo_nms.by_arrays(self.corners, self.scores, labels, overlap)


class Mapping:
    """Where a model's input lies in the frame: corners there become whole pixels of the frame."""

    def __init__(self, place: tuple, region: tuple, size: tuple) -> None:
        """place: (left, top, across, down) as tasks.yolo.place() has it; region: (x, y, width, height);
        size: width and height of the model's input.
        """
        self.span = max(size)
        left, top, across, down = place
        dx, dy, width, height = region
        self._start = _both(left, top)
        self._scale = _both(across, down)
        self._high = _both(width, height)
        self._offset = _both(dx, dy) if dx or dy else None

    def frame(self, corners) -> list:
        """Return [[x1, y1, x2, y2]] inside the region, in pixels of the frame."""
        placed = np.maximum((corners - self._start) * self._scale, 0.0)
        placed = np.floor(np.minimum(placed, self._high))
        if self._offset is not None:
            placed = placed + self._offset
        return np.array(placed.transpose(), dtype=np.uint16).tolist()


def _both(x, y):
    return np.array([[float(x)], [float(y)], [float(x)], [float(y)]])


def _fewer(scores, most: int) -> tuple:
    """Return (boolean array, places) of about the `most` best scores."""
    least = sorted(scores.tolist())[-most]
    passed = scores >= least
    return passed, np.nonzero(passed)[0].tolist()


def passing(tensor, layout: "Layout", threshold: float, most: int) -> list:
    """Return [(score, class, x1, y1, x2, y2, base)] in pixels of the model's input, best first.

    most: candidates that are looked at.
    """
    found = _Boxes(tensor, layout, threshold, most)
    if not found.bases:
        return []
    found.place()
    corners = found.corners.transpose().tolist()
    scores = found.scores.tolist()
    return [
        (scores[number], found.label(number)) + tuple(corners[number]) + (found.bases[number],)
        for number in found.order(1.0, True, 0)
    ]


def _placed(found: _Boxes, limits: tuple, mapping: Mapping) -> tuple:
    """Return (numbers, [[x1, y1, x2, y2]], [score1000]): numbers are of those that are kept, best first.

    A score above 1000 stays, as far as 60000: the caller refuses it.
    """
    found.place()
    numbers = found.order(limits[1], limits[2], mapping.span)
    places = mapping.frame(found.corners)
    # An array rounds what becomes an integer.
    scores = np.clip(found.scores * 1000.0, 0.0, _MOST_SCORE)
    return numbers, places, np.array(scores, dtype=np.uint16).tolist()


def boxes(
    tensor, layout: "Layout", limits: tuple, most: int, mapping: Mapping, smallest: int, room: int
) -> tuple:
    """Return ([(x, y, w, h, score1000, class)], [base]) in pixels of the frame, best first.

    limits: the least score, the overlap from which a worse box is suppressed (from 1 on none is), and
    whether classes suppress each other; most: candidates that are looked at; room: boxes at most. A
    score above 1000 stays, as far as 60000: the caller refuses it.
    """
    found = _Boxes(tensor, layout, limits[0], most)
    rows: list = []
    bases: list = []
    if not found.bases:
        return rows, bases
    numbers, places, scores = _placed(found, limits, mapping)
    all_bases = found.bases
    labels = found.labels
    single = layout.classes == 1
    for number in numbers:
        x, y, w, h = places[number]
        w -= x
        h -= y
        if w >= smallest and h >= smallest:
            if labels is not None:
                label = labels[number]
            else:
                label = 0 if single else found.label(number)
            rows.append((x, y, w, h, scores[number], label))
            bases.append(all_bases[number])
            if len(rows) >= room:
                break
    return rows, bases


def packed(
    tensor, layout: "Layout", limits: tuple, most: int, mapping: Mapping, smallest: int, room: int
) -> tuple:
    """Return (the boxes that boxes() returns as packets have them, what is kept, the best score1000).

    Arguments are those of boxes(). Coordinates in the frame need 11 bits, classes 10. What is kept:
    (numbers of the candidates, the bases of all, [x1, y1, x2, y2] in the frame of all).
    """
    found = _Boxes(tensor, layout, limits[0], most)
    if not found.bases:
        return bytearray(0), ([], [], []), 0
    numbers, places, scores = _placed(found, limits, mapping)
    labels: "Any" = found.labels
    if labels is None:
        labels = [0] * len(scores)
        if layout.classes > 1:
            labels = {number: found.label(number) for number in numbers}
    words = [0] * (2 * len(numbers))
    small: list = []
    at = 0
    for number in numbers:
        x, y, w, h = places[number]
        w -= x
        h -= y
        if w < smallest or h < smallest:
            small.append(number)
            continue
        words[at] = x | scores[number] << 11 | y << 21
        words[at + 1] = w | labels[number] << 11 | h << 21
        at += 2
    if small:
        numbers = [number for number in numbers if number not in small]
    if len(numbers) > room:
        numbers = numbers[:room]
    best = scores[numbers[0]] if numbers else 0
    # Bytes: MicroPython compares a string that it makes with all names that it knows.
    data = bytearray(struct.pack(b"<" + b"I" * len(words), *words))
    return data[: 8 * len(numbers)], (numbers, found.bases, places), best


def behind(tensor, layout: "Layout", bases: list, first: int, size: int):
    """Return a table with values first to first + size - 1 of each of some candidates."""
    table = np.zeros((len(bases), size))
    if layout.kind == "columns":
        part = tensor.reshape((layout.width, layout.count))[first : first + size]
        low, high = min(bases), max(bases) + 1
        if size * (high - low) < _TURNED * len(bases):
            # All from the first to the last, as rows: Python copies those. A view does not keep an array.
            turned = part[:, low:high].transpose().copy()
            source, target = memoryview(turned), memoryview(table)
            at = 0
            for base in bases:
                start = (base - low) * size
                target[at : at + size] = source[start : start + size]
                at += size
            return table
        for row, base in enumerate(bases):
            table[row] = part[:, base]
    else:
        flat = tensor.reshape((tensor.size,))
        for row, base in enumerate(bases):
            table[row] = flat[base + first : base + first + size]
    return table


class Keypoints:
    """Where keypoints of a model's input lie in the frame: what each of a candidate's values becomes."""

    def __init__(self, points: int, dims: int, across: tuple, down: tuple) -> None:
        """dims: 2 (x, y) or 3 (and a score).

        across, down: (start of the picture in the input, pixels of the frame per pixel of it, pixels to add).
        """
        self._dims = dims
        self._numbers = 3 * points
        score = (0.0, 1000.0, 0.0)
        steps = [across, down, score][:dims] * points
        self._start, self._scale, offset = [
            np.array([float(step[at]) for step in steps]) for at in range(3)
        ]
        self._offset = offset if across[2] or down[2] else None
        self._low = np.array(([-_COORDINATE, -_COORDINATE, 0.0][:dims]) * points)
        self._high = np.array(([_COORDINATE, _COORDINATE, 1000.0][:dims]) * points)

    def records(self, table) -> bytearray:
        """Return x, y, score1000 of each keypoint as signed 16-bit integers; -1 where dims is 2.

        table: a row for each object, of x, y (and a score) of each keypoint in pixels of the model's input.
        """
        values = (table - self._start) * self._scale
        if self._offset is not None:
            values = values + self._offset
        values = np.maximum(self._low, np.minimum(values, self._high))
        out = np.array(values, dtype=np.int16)
        if self._dims == 2:
            both = np.zeros((len(table), self._numbers), dtype=np.int16) - 1
            for place in range(2):
                both[:, place::3] = out[:, place::2]
            out = both
        return bytearray(out)  # bytes would be hashed
