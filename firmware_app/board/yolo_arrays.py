"""What the YOLO tasks compute on tensors: candidates, keypoints and masks. See arrays.py."""

import struct

from firmware_app.board import arrays
from firmware_app.board.arrays import np

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.package.yolo import Layout

_LOW = 128  # from here on a run takes two bytes
_LONG = b"\x80"
_BYTES = bytes(range(_LOW))
_FEW_CELLS = 18  # up to which two products of tables take less time than sums of parts
_TINY = 1e-6
_FAR = 1e6  # pixels: wider than any model's input
_GONE = -1.0  # the score of what is kept or suppressed
_KEPT = 300  # boxes of a picture at most
_FEW = 160  # candidates up to which Python compares them sooner than arrays do
_STEPS = 32.0  # of a pixel
_MOST_STEPS = 65535.0
_WIDEST = 2047.0  # pixels: the widest box that 16 bits hold in such steps
_MOST_STRIPS = 32
_MOST_NUMBER = 65535  # of a candidate: 16 bits
_WHOLE = 1 << 20
_MOST_SCORE = 60000.0
_COORDINATE = 32000.0  # what keypoints are clipped to: 16 bits hold it


class Candidates:
    """The candidates of one picture with a best class that passes, best first.

    ranked: [(score, base)]; value j of one is items[base + j * step].
    """

    def __init__(self, items, step: int, ranked: list) -> None:
        self.items = (
            items  # memoryview of floats: single items are many times faster than the array
        )
        self.step = step
        self.ranked = ranked


def candidates(tensor, layout: "Layout", threshold: float, most: int) -> Candidates:
    """Return the candidates of an output, at most the `most` best."""
    count = layout.count
    flat = tensor.reshape((tensor.size,))
    items = memoryview(flat)
    if layout.kind == "columns":
        classes = layout.classes
        peaks = flat[4 * count : (4 + classes) * count]
        if classes > 1:
            peaks = np.max(peaks.reshape((classes, count)), axis=0)
        # Fewer than 65,536 candidates, so uint16 counts them.
        hits = np.nonzero(peaks > threshold)[0].tolist()
        scores = memoryview(peaks)
        ranked = [(scores[at], at) for at in hits]
        step = count
    else:
        width = layout.width
        step = 1
        # A copy of the column first: it is no dense view. Objectness, or the score itself.
        hits = np.nonzero(flat[4::width].copy() > threshold)[0].tolist()
        if layout.kind == "rows":
            ranked = [(items[at * width + 4], at * width) for at in hits]
        else:
            ranked = []
            classes = layout.classes
            for at in hits:
                base = at * width
                score = items[base + 4] * max(items[base + 5 : base + 5 + classes])
                if score > threshold:
                    ranked.append((score, base))
    ranked.sort(reverse=True)
    return Candidates(items, step, ranked[:most] if len(ranked) > most else ranked)


def shapes(rows: list) -> tuple:
    """Return ([a], [b], [c], [root]) of rotated boxes (cx, cy, w, h, angle), seen as Gaussians.

    a, b, c: their covariances; root: that of its determinant.
    """
    table = np.array(rows)
    along, aside = table[:, 2] * table[:, 2] * (1 / 12), table[:, 3] * table[:, 3] * (1 / 12)
    cosine, sine = np.cos(table[:, 4]), np.sin(table[:, 4])
    part = cosine * cosine
    a = along * part + aside * (1.0 - part)
    b = along * (1.0 - part) + aside * part
    c = (along - aside) * cosine * sine
    roots = table[:, 2] * table[:, 3] * (1 / 12)
    return a.tolist(), b.tolist(), c.tolist(), roots.tolist()


class _Boxes:
    """The candidates that pass as arrays: scores, and a table of corners (x1, y1, x2, y2) in the model's input."""

    def __init__(self, tensor, layout: "Layout", threshold: float, most: int) -> None:
        flat = tensor.reshape((tensor.size,))
        self._flat = flat
        self._layout = layout
        count = layout.count
        if layout.kind == "columns":
            classes = layout.classes
            peaks = flat[4 * count : (4 + classes) * count]
            if classes > 1:
                peaks = np.max(peaks.reshape((classes, count)), axis=0)
            passed = peaks > threshold
            # Fewer than 65,536 candidates, so uint16 counts them.
            self.bases = np.nonzero(passed)[0].tolist()
            if not self.bases:
                return
            if len(self.bases) > most:
                passed, self.bases = _fewer(peaks, most)
            self._passed = passed
            self.scores = peaks[passed]
            x, y = flat[:count][passed], flat[count : 2 * count][passed]
            w = flat[2 * count : 3 * count][passed]
            h = flat[3 * count : 4 * count][passed]
        else:
            width = layout.width
            # A copy of the column first: it is no dense view. Objectness, or the score itself.
            first = flat[4::width].copy()
            hits = np.nonzero(first > threshold)[0].tolist()
            self.bases = [at * width for at in hits]
            if not hits:
                return
            if len(hits) > most:
                _, hits = _fewer(first, most)
                self.bases = [at * width for at in hits]
            kept = 5 + layout.classes if layout.kind == "anchors" else 6
            table = np.zeros((len(hits), kept))
            for row, base in enumerate(self.bases):
                table[row] = flat[base : base + kept]
            if layout.kind == "rows":
                self.scores = table[:, 4].copy()
                self._labels = table[:, 5].copy()
                self.corners = table[:, :4].transpose().copy()
                return
            scores = table[:, 5:]
            self._labels = np.argmax(scores, axis=1)
            self.scores = np.max(scores, axis=1) * table[:, 4].copy()
            x, y, w, h = [table[:, side].copy() for side in range(4)]
            passed = self.scores > threshold
            places = np.nonzero(passed)[0].tolist()
            if len(places) < len(hits):
                self.bases = [self.bases[at] for at in places]
                if not places:
                    return
                self._labels, self.scores = self._labels[passed], self.scores[passed]
                x, y, w, h = x[passed], y[passed], w[passed], h[passed]
        self.corners = np.zeros((4, len(self.bases)))
        w, h = w * 0.5, h * 0.5
        self.corners[0], self.corners[1] = x - w, y - h
        self.corners[2], self.corners[3] = x + w, y + h

    def label(self, number: int) -> int:
        """Return the class of a candidate."""
        if self._layout.kind != "columns":
            return int(self._labels[number])
        classes, count = self._layout.classes, self._layout.count
        if classes == 1:
            return 0
        first = 4 * count + self.bases[number]
        return int(np.argmax(self._flat[first : first + classes * count : count]))

    def order(self, overlap: float, alone: bool) -> tuple:
        """Return ([number], [class]) of the candidates that are kept, best first.

        overlap: from which a worse box is suppressed; from 1 on none is. alone: classes suppress each other.
        """
        alone = alone or (self._layout.kind == "columns" and self._layout.classes == 1)
        if overlap >= 1:
            order = self._ranked()[:_KEPT]
            return order, [self.label(number) for number in order]
        if len(self.bases) > _FEW:
            return self._suppress(overlap, alone)
        return self._suppress_few(overlap, alone)

    def _ranked(self) -> list:
        """Return the candidates' numbers, the best first; of equal scores, as quantised models have many, the first.

        The bits of positive floats are in the order of the floats, and no float is allocated.
        """
        form = "<%dI" if self.scores.itemsize == 4 else "<%dQ"
        keys = []
        below = _MOST_NUMBER
        for bits in struct.unpack(form % len(self.bases), bytes(self.scores)):
            keys.append(bits << 16 | below)
            below -= 1
        keys.sort(reverse=True)
        return [_MOST_NUMBER - (key & _MOST_NUMBER) for key in keys]

    def _suppress(self, overlap: float, alone: bool) -> tuple:
        """Let each kept box suppress all others at once."""
        left, top, right, bottom = [self.corners[side] for side in range(4)]
        scores = self.scores.copy()
        views = [memoryview(side) for side in (left, top, right, bottom)]
        areas = (right - left) * (bottom - top)
        sizes = memoryview(areas)
        # both / (areas - both) > overlap, without a division.
        share = (1 + overlap) / max(overlap, _TINY)
        numbers: list = []
        labels: list = []
        for _ in range(_KEPT):
            number = int(np.argmax(scores))
            if scores[number] == _GONE:
                break
            label = self.label(number)
            x1, y1, x2, y2 = [view[number] for view in views]
            numbers.append(number)
            labels.append(label)
            wide = np.minimum(right, x2) - np.maximum(left, x1)
            high = np.minimum(bottom, y2) - np.maximum(top, y1)
            both = np.clip(wide, 0.0, _FAR) * np.clip(high, 0.0, _FAR)
            over = both * share - areas > sizes[number]
            if not alone:
                over = over & self._same(label)
            scores[over] = _GONE
            scores[number] = _GONE
        return numbers, labels

    def _same(self, label: int):
        """Return which candidates are of a class, a boolean array."""
        if self._layout.kind != "columns":
            return self._labels == label
        at = (4 + label) * self._layout.count
        # Of this class is what has no better one.
        return self._flat[at : at + self._layout.count][self._passed] >= self.scores

    def _suppress_few(self, overlap: float, alone: bool) -> tuple:
        """Compare each candidate with the kept boxes near it, in plain Python: few take less time so.

        In whole numbers, of 1/32 pixel: each float is an allocation. A box begins at most (1 - overlap)
        of its width away from one that it suppresses, so it is compared with what was kept in its own
        strip of the picture, which is as wide as that, and in both beside it.
        """
        corners = self.corners
        steps = np.clip((corners - np.min(corners)) * _STEPS, 0.0, _MOST_STEPS)
        lefts, tops, rights, bottoms = np.array(steps, dtype=np.uint16).tolist()
        widest = min(np.max(corners[2] - corners[0]), _WIDEST)
        rightmost = max(lefts)
        wide = max(int(widest * _STEPS * (1 - overlap)) + 2, rightmost // _MOST_STRIPS)
        strips: list = [()] * (rightmost // wide + 3)
        order = self._ranked()
        bases = self.bases
        columns = self._layout.kind == "columns"
        scores = memoryview(self.scores)
        items = memoryview(self._flat)
        # both / (all - both) > overlap, without a division.
        most = int(overlap * _WHOLE)
        share = _WHOLE + most
        numbers: list = []
        labels: list = []
        for number in order:
            x1, y1, x2, y2 = lefts[number], tops[number], rights[number], bottoms[number]
            strip = x1 // wide
            for left, top, right, bottom, area, label, place in strips[strip + 1]:
                if top < y2 and y1 < bottom and left < x2 and x1 < right:
                    both = (right if right < x2 else x2) - (left if left > x1 else x1)
                    both *= (bottom if bottom < y2 else y2) - (top if top > y1 else y1)
                    if both * share > (area + (x2 - x1) * (y2 - y1)) * most:
                        if alone:
                            break
                        # Of the kept box's class is what has no better one.
                        if columns:
                            if items[place + bases[number]] >= scores[number]:
                                break
                        elif self._labels[number] == label:
                            break
            else:
                label = self.label(number)
                numbers.append(number)
                labels.append(label)
                place = (4 + label) * self._layout.count
                # One tuple for all strips that were empty.
                kept = ((x1, y1, x2, y2, (x2 - x1) * (y2 - y1), label, place),)
                strips[strip] = strips[strip] + kept if strips[strip] else kept
                strip += 1
                strips[strip] = strips[strip] + kept if strips[strip] else kept
                strip += 1
                strips[strip] = strips[strip] + kept if strips[strip] else kept
        return numbers, labels


class Mapping:
    """Where a model's input lies in the frame: corners there become whole pixels of the frame."""

    def __init__(self, place: tuple, region: tuple) -> None:
        """place: (left, top, across, down) as tasks.yolo.place() has it; region: (x, y, width, height)."""
        left, top, across, down = place
        dx, dy, width, height = region
        self._start = _both(left, top)
        self._scale = _both(across, down)
        self._high = _both(width, height)
        self._offset = _both(dx, dy) if dx or dy else None

    def frame(self, corners) -> list:
        """Return [x1], [y1], [x2], [y2] inside the region, in pixels of the frame."""
        placed = np.maximum((corners - self._start) * self._scale, 0.0)
        placed = np.floor(np.minimum(placed, self._high))
        if self._offset is not None:
            placed = placed + self._offset
        return np.array(placed, dtype=np.uint16).tolist()


def _both(x, y):
    return np.array([[float(x)], [float(y)], [float(x)], [float(y)]])


def _fewer(scores, most: int) -> tuple:
    """Return (boolean array, places) of about the `most` best scores."""
    least = sorted(scores.tolist())[-most]
    passed = scores >= least
    return passed, np.nonzero(passed)[0].tolist()


def kept(
    tensor, layout: "Layout", threshold: float, overlap: float, alone: bool, most: int
) -> list:
    """Return [(score, class, x1, y1, x2, y2, base)] in pixels of the model's input, best first.

    overlap: from which a worse box is suppressed, of the same class unless alone; from 1 on none is.
    most: candidates that are looked at.
    """
    found = _Boxes(tensor, layout, threshold, most)
    if not found.bases:
        return []
    numbers, labels = found.order(overlap, alone)
    corners = found.corners.tolist()
    return [
        (found.scores[number], label)
        + (corners[0][number], corners[1][number], corners[2][number], corners[3][number])
        + (found.bases[number],)
        for number, label in zip(numbers, labels)
    ]


def boxes(
    tensor, layout: "Layout", limits: tuple, most: int, mapping: Mapping, smallest: int, room: int
) -> tuple:
    """Return ([(x, y, w, h, score1000, class)], [base]) in pixels of the frame, best first.

    limits: threshold, overlap and alone as kept() has them; room: boxes at most. A score above 1000
    stays, as far as 60000: the caller refuses it.
    """
    threshold, overlap, alone = limits
    found = _Boxes(tensor, layout, threshold, most)
    rows: list = []
    bases: list = []
    if not found.bases:
        return rows, bases
    numbers, labels = found.order(overlap, alone)
    lefts, tops, rights, bottoms = mapping.frame(found.corners)
    # An array rounds what becomes an integer.
    scores = np.clip(found.scores * 1000.0, 0.0, _MOST_SCORE)
    scores = np.array(scores, dtype=np.uint16).tolist()
    for at in range(len(numbers)):
        number = numbers[at]
        x, y = lefts[number], tops[number]
        w, h = rights[number] - x, bottoms[number] - y
        if w >= smallest and h >= smallest:
            rows.append((x, y, w, h, scores[number], labels[at]))
            bases.append(found.bases[number])
            if len(rows) >= room:
                break
    return rows, bases


def class_of(tensor, layout: "Layout", base: int) -> int:
    """Return the best class of a candidate."""
    flat = tensor.reshape((tensor.size,))
    if layout.kind == "columns":
        count = layout.count
        first = 4 * count + base
        return int(np.argmax(flat[first : first + layout.classes * count : count]))
    return int(np.argmax(flat[base + 5 : base + 5 + layout.classes]))


def behind(tensor, layout: "Layout", bases: list, first: int, size: int):
    """Return a table with values first to first + size - 1 of each of some candidates."""
    flat = tensor.reshape((tensor.size,))
    table = np.zeros((len(bases), size))
    if layout.kind == "columns":
        count = layout.count
        for row, base in enumerate(bases):
            start = base + first * count
            table[row] = flat[start : start + (size - 1) * count + 1 : count]
    else:
        for row, base in enumerate(bases):
            table[row] = flat[base + first : base + first + size]
    return table


def keypoints(table, dims: int, across, down) -> bytes:
    """Return x, y, score1000 of each keypoint as signed 16-bit integers; -1 where dims is 2.

    table: x, y (and a score) of each keypoint, in pixels of the model's input; across, down: (start of
    the picture there, pixels of the frame per pixel of it, pixels to add).
    """
    rows = len(table)
    size = table.shape[1] // dims
    out = np.zeros((rows, 3 * size), dtype=np.int16)
    for place, (start, scale, offset) in ((0, across), (1, down)):
        values = (table[:, place::dims] - start) * scale + offset
        out[:, place::3] = np.array(np.clip(values, -_COORDINATE, _COORDINATE), dtype=np.int16)
    if dims == 3:
        scores = np.clip(table[:, 2::3] * 1000.0, 0.0, 1000.0)
        out[:, 2::3] = np.array(scores, dtype=np.int16)
    else:
        out[:, 2::3] = np.zeros((rows, size), dtype=np.int16) - 1
    return bytes(out)


class Prototypes:
    """The prototypes of the masks of one picture."""

    def __init__(self, tensor, table) -> None:
        """tensor: (1, 32, height, width); table: a row of 32 coefficients for each object."""
        shape = tensor.shape
        self._planes = tensor.reshape((shape[1], shape[2], shape[3]))
        self._count = shape[1]
        self._height = shape[2]
        self._width = shape[3]
        self._table = table

    def masks(self, windows: list, step: int, limit: float) -> list:
        """Return the runs of each object's mask: bytes, LEB128 lengths off, on, off ...

        windows: [(left, top, right, bottom)] in cells of the mask, right and bottom behind the last
        ones. step: -2 for two cells each way in each of the prototypes', n for one cell for n of them.
        limit: the logit from which a cell is on.
        """
        ends: list = []
        end = 0
        for left, top, right, bottom in windows:
            end += (right - left) * (bottom - top)
            ends.append(end)
        all_logits = np.zeros((end,))
        start = 0
        for row in range(len(windows)):
            left, top, right, bottom = windows[row]
            if step == -2:
                logits = self._twice(row, left, top, right, bottom)
            else:
                planes = self._planes[:, top * step : bottom * step, left * step : right * step]
                if step > 1:
                    planes = planes[:, ::step, ::step]
                logits = self._logits(row, planes)
            end = ends[row]
            all_logits[start:end] = logits.reshape((end - start,))
            start = end
        return runs(all_logits > limit, ends)

    def _logits(self, row: int, planes):
        high, wide = planes.shape[1], planes.shape[2]
        planes = planes.copy().reshape((self._count, high * wide))
        return np.dot(self._table[row : row + 1], planes).reshape((high, wide))

    def _twice(self, row: int, left: int, top: int, right: int, bottom: int):
        """Return the logits between the prototypes' cells, bilinear."""
        # The prototypes' cells that these lie in, and one more on each side, where there is one.
        x0, x1 = max(0, left // 2 - 1), min(self._width, (right + 1) // 2 + 1)
        y0, y1 = max(0, top // 2 - 1), min(self._height, (bottom + 1) // 2 + 1)
        near = self._logits(row, self._planes[:, y0:y1, x0:x1])
        if x1 - x0 <= _FEW_CELLS and y1 - y0 <= _FEW_CELLS:
            down, across = _between(self._height, False), _between(self._width, True)
            near = np.dot(down[top:bottom, y0:y1].copy(), near)
            return np.dot(near, across[x0:x1, left:right].copy())
        # At the edge the last cells are taken twice.
        if x0 == 0:
            near = np.concatenate((near[:, :1].copy(), near), axis=1)
        if x1 == self._width:
            near = np.concatenate((near, near[:, -1:].copy()), axis=1)
        if y0 == 0:
            near = np.concatenate((near[:1], near), axis=0)
        if y1 == self._height:
            near = np.concatenate((near, near[-1:]), axis=0)
        high, wide = near.shape[0], near.shape[1]
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
            return down[y : y + bottom - top, x : x + right - left].copy()
        return down


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


def runs(cells, ends: list) -> list:
    """Return the LEB128 lengths of the runs of several parts of a 1-D boolean array: off, on, off ...

    ends: where each part ends; all are looked at in a few calls, which cost more than what they do.
    """
    changes = np.nonzero(cells[1:] != cells[:-1])[0]
    places = changes.tolist()
    lengths = b""
    if len(places) > 1:
        # From here on a run takes two bytes.
        lengths = np.clip(changes[1:] * 1.0 - changes[:-1], 0.0, _LOW + 0.0)
        lengths = bytes(np.array(lengths, dtype=np.uint8))
    seen = memoryview(cells)
    found: list = []
    start = first = 0
    for end in ends:
        # The changes inside this part: first to last - 1. The search ends at the part's own end.
        last = first
        above = len(places)
        while last < above:
            middle = (last + above) // 2
            if places[middle] < end - 1:
                last = middle + 1
            else:
                above = middle
        begin = b"\0" if seen[start] else b""  # none are off at first
        if last == first:
            found.append(begin + _leb128(end - start))
        else:
            begin += _leb128(places[first] + 1 - start)
            body = lengths[first : last - 1]
            if _LONG in body:
                body = b"".join(
                    [_leb128(places[at + 1] - places[at]) for at in range(first, last - 1)]
                )
            found.append(begin + body + _leb128(end - 1 - places[last - 1]))
        start = end
        first = last
        if first < len(places) and places[first] == end - 1:
            first += 1
    return found


def _leb128(length: int) -> bytes:
    return _BYTES[length : length + 1] if length < _LOW else arrays.leb128(length)
