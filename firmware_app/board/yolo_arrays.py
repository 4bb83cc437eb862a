"""What the YOLO tasks compute on tensors: candidates and keypoints. See arrays.py, of which dense() for x * 1.0."""

from array import array
from builtins import bytearray, len, memoryview  # found sooner than where they are built in

from firmware_app.board import yolo_nms
from firmware_app.board.arrays import np
from firmware_app.board.yolo_nms import KEPT

if 0:  # for type checkers; mpy-cross leaves it out
    from typing import Any

    from firmware_app.package.yolo import Layout

_SINGLE = 600  # scores looked at in the time of two calls
_MOST_SCORE = 60000.0
_MOST_TOTAL = 1e9
_LEFT = -1e9  # pixels: left of all that is seen
_COORDINATE = 32000.0  # what keypoints are clipped to: 16 bits hold it
_TURNED = 600  # numbers put in another order in the time that a candidate's take to be picked out
# What holds a packed box: of "Q" MicroPython makes long integers, however small they are.
_BOX = "L" if len(bytearray(array("L", [0]))) == 8 else "Q"
# Products with these are exact. Of a row with centre and sides its corners:
_CORNERS = np.array([[1.0, 0, 1, 0], [0, 1, 0, 1], [-0.5, 0, 0.5, 0], [0, -0.5, 0, 0.5]])
# Of a row with corners x, 32 * y, width and 32 * height: in pairs the bits of a packed box's two words.
_WORDS = np.array([[1.0, 0, -1, 0], [0, 32, 0, -32], [0, 0, 1, 0], [0, 0, 0, 32]])


class Candidates:
    """The candidates of one picture that pass: their scores, an array, and where each one's values begin.

    Of columns `bases` are the numbers of their columns, else the places in the output where their rows
    begin. labels: their classes, where the outputs tell them without a look at each one's scores.
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
        self.tensor = tensor  # 1 x width x count
        peaks = np.max(tensor[0, 4 : 4 + classes], axis=0) if classes > 1 else tensor[0, 4]
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
        # Objectness, or the score itself.
        first = flat[4::width] * 1.0
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
            self.scores = table[:, 4] * 1.0
            # Bounded: a class beyond the labels is told later.
            labels = np.array(np.clip(table[:, 5], -1.0, _COORDINATE), dtype=np.int16)
            self.labels = labels.tolist()
            return
        scores = np.max(table[:, 5:], axis=1) * table[:, 4]
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
            return self.table[:, number] * 1.0
        first, last = self._range
        return self.tensor[0, number, first:last][self._passed]

    def values(self, count: int):
        """Return the first values of each candidate: an array, a row for each value."""
        if self.layout.kind != "columns":
            return self.table[:, :count].transpose() * 1.0
        first, last = self._range
        return np.compress(self._passed, self.tensor[0, :count, first:last], axis=1)

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
            scores = self.tensor[0, 4 : 4 + layout.classes, first:last]
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
        return np.argmax(self.tensor[0, 4 : 4 + classes, self.bases[number]])


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
    """Candidates with tables of their sides and corners, in pixels of the model's input.

    Of each candidate a row: sides has x and y of the centre, width and height, corners x1, y1, x2, y2. Of
    columns, one with a value that is no number, or infinite, has corners that are none either.
    """

    def place(self) -> None:
        """Make the tables, of at least one candidate."""
        table = self.values(4)
        if self.layout.kind == "rows":
            self.corners = table.transpose()
            low, high = table[:2], table[2:]
            table = np.concatenate(((low + high) * 0.5, high - low), axis=0)
            self.sides = table.transpose()
        else:
            self.sides = table.transpose()
            self.corners = np.dot(self.sides, _CORNERS)

    def order(self, overlap: float, alone: bool, span: int) -> list:
        """Return the numbers of the candidates that are kept, best first.

        overlap: from which a worse box is suppressed; from 1 on none is. alone: classes suppress each
        other. span: the longer side of the model's input.
        """
        count = len(self.bases)
        if overlap >= 1:
            return yolo_nms.best_first(self.scores)[:KEPT]
        if count == 1:
            return [0]
        labels = None if alone else self.classes()
        if count <= yolo_nms.FEW:
            found = yolo_nms.by_native(self.sides, self.scores, count, labels, overlap, span)
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

    def placed(self, corners):
        """Return corners inside the region, in whole pixels of the frame: floats.

        What is no number lies at the region's right and lower edge: a box of such corners has no sides.
        """
        placed = np.floor(np.clip((corners - self._start) * self._scale, 0.0, self._high))
        if self._offset is not None:
            placed = placed + self._offset
        return placed


def _listed(placed) -> list:
    """Return [[x1, y1, x2, y2]] of what Mapping.placed() returns."""
    return np.array(placed, dtype=np.uint16).tolist()


def _both(x, y):
    return np.array([float(x), float(y), float(x), float(y)])


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
    corners = found.corners.tolist()
    scores = found.scores.tolist()
    return [
        (scores[number], found.label(number)) + tuple(corners[number]) + (found.bases[number],)
        for number in found.order(1.0, True, 0)
    ]


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
    found.place()
    numbers = found.order(limits[1], limits[2], mapping.span)
    corners = found.corners
    if layout.kind == "rows":
        corners = np.maximum(corners, _LEFT)  # a number, where one is none
    places = _listed(mapping.placed(corners))
    # An array rounds what becomes an integer.
    scores = np.clip(found.scores * 1000.0, 0.0, _MOST_SCORE)
    scores = np.array(scores, dtype=np.uint16).tolist()
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
    (numbers of the candidates, the bases of all, of a model with masks [x1, y1, x2, y2] in the frame of all).
    """
    found = _Boxes(tensor, layout, limits[0], most)
    bases = found.bases
    if not bases:
        return bytearray(0), ([], bases, []), 0
    found.place()
    numbers = found.order(limits[1], limits[2], mapping.span)
    placed = mapping.placed(found.corners)
    table = np.dot(placed, _WORDS)
    lowest = np.min(table, axis=0)  # a view does not keep it
    sides = memoryview(lowest)
    small = sides[2] < smallest or sides[3] < 32 * smallest
    places = _listed(placed) if small or layout.masks >= 0 else []
    if small:
        numbers = _large(numbers, places, smallest)
    if len(numbers) > room:
        numbers = numbers[:room]
    if not numbers:
        return bytearray(0), (numbers, bases, places), 0
    words = array(_BOX, bytearray(np.array(table, dtype=np.uint16)))
    # An array rounds what becomes an integer.
    thousandths = np.clip(found.scores * 1000.0, 0.0, _MOST_SCORE)
    thousandths = np.array(thousandths, dtype=np.uint16)
    scores = memoryview(thousandths)
    best = scores[numbers[0]]
    if layout.classes == 1:
        packed = [words[number] | scores[number] << 11 for number in numbers]
    else:
        labels: "Any" = found.labels
        if labels is None:
            labels = {number: found.label(number) for number in numbers}
        packed = [words[number] | scores[number] << 11 | labels[number] << 43 for number in numbers]
    return bytearray(array(_BOX, packed)), (numbers, bases, places), best


def _large(numbers: list, places: list, smallest: int) -> list:
    """Return those of some numbers of places that have sides of so many pixels."""
    found: list = []
    for number in numbers:
        x1, y1, x2, y2 = places[number]
        if x2 - x1 >= smallest and y2 - y1 >= smallest:
            found.append(number)
    return found


def behind(tensor, layout: "Layout", kept: tuple, first: int, size: int):
    """Return a table with values first to first + size - 1 of each of some candidates.

    kept: (their numbers, the bases of all candidates), as packed() has it.
    """
    numbers, bases = kept
    count = len(numbers)
    table = np.zeros((count, size))
    if layout.kind == "columns":
        low, high = bases[0], bases[-1] + 1
        if size * (high - low) >= _TURNED * count:
            some = [bases[number] for number in numbers]
            low, high = min(some), max(some) + 1
        if size * (high - low) < _TURNED * count:
            # All from the first to the last, as rows: Python copies those. A view does not keep an array.
            turned = tensor[0, first : first + size, low:high].transpose() * 1.0
            source, target = memoryview(turned), memoryview(table)
            at = 0
            end = size
            for number in numbers:
                start = (bases[number] - low) * size
                target[at:end] = source[start : start + size]
                at = end
                end += size
            return table
        part = tensor[0, first : first + size]
        for row in range(count):
            table[row] = part[:, bases[numbers[row]]]
    else:
        flat = tensor.reshape((tensor.size,))
        for row in range(count):
            base = bases[numbers[row]]
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
        out = np.array(np.clip(values, self._low, self._high), dtype=np.int16)
        if self._dims == 2:
            both = np.zeros((len(table), self._numbers), dtype=np.int16) - 1
            for place in range(2):
                both[:, place::3] = out[:, place::2]
            out = both
        return bytearray(out)  # bytes would be hashed
