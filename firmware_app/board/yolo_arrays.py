"""What the YOLO tasks compute on tensors: candidates, keypoints and masks. See arrays.py."""

from firmware_app.board import arrays
from firmware_app.board.arrays import np

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.package.yolo import Layout

_LOW = 128  # from here on a run takes two bytes
_LONGEST = 16383  # of a run that two bytes hold
_TINY = 1e-6
_FAR = 1e6  # pixels: wider than any model's input
_GONE = -1.0  # the score of what is kept or suppressed
_KEPT = 300  # boxes of a picture at most
_COORDINATE = 32000.0  # what keypoints are clipped to: 16 bits hold it


class Candidates:
    """The candidates of one picture whose best class passes, best first.

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


class _Boxes:
    """The candidates that pass as arrays: scores, and corners in pixels of the model's input."""

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
            w = flat[2 * count : 3 * count][passed] * 0.5
            h = flat[3 * count : 4 * count][passed] * 0.5
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
                self.corners = [table[:, side].copy() for side in range(4)]
                return
            scores = table[:, 5:]
            self._labels = np.argmax(scores, axis=1)
            self.scores = np.max(scores, axis=1) * table[:, 4].copy()
            x, y = table[:, 0].copy(), table[:, 1].copy()
            w, h = table[:, 2] * 0.5, table[:, 3] * 0.5
        self.corners = [x - w, y - h, x + w, y + h]

    def label(self, number: int) -> int:
        """Return the class of a candidate."""
        if self._layout.kind != "columns":
            return int(self._labels[number])
        classes, count = self._layout.classes, self._layout.count
        if classes == 1:
            return 0
        first = 4 * count + self.bases[number]
        return int(np.argmax(self._flat[first : first + classes * count : count]))

    def same(self, label: int):
        """Return which candidates are of a class, a boolean array."""
        if self._layout.kind != "columns":
            return self._labels == label
        at = (4 + label) * self._layout.count
        # Of this class is what has no better one.
        return self._flat[at : at + self._layout.count][self._passed] >= self._best

    def suppress(self, threshold: float, overlap: float, alone: bool, most: int) -> list:
        """Return [(score, class, x1, y1, x2, y2, base)] of what is kept, best first.

        overlap: from 1 on nothing suppresses. alone: classes suppress each other.
        """
        left, top, right, bottom = self.corners
        scores = self.scores
        self._best = scores.copy()
        views = [memoryview(side) for side in self.corners]
        alone = alone or (self._layout.kind == "columns" and self._layout.classes == 1)
        rows: list = []
        if overlap < 1:
            areas = (right - left) * (bottom - top)
            sizes = memoryview(areas)
            # both / (areas - both) > overlap, without a division.
            share = (1 + overlap) / max(overlap, _TINY)
        for _ in range(min(most, len(self.bases))):
            number = int(np.argmax(scores))
            score = scores[number]
            if not score > threshold:
                break
            label = self.label(number)
            x1, y1, x2, y2 = [view[number] for view in views]
            rows.append((score, label, x1, y1, x2, y2, self.bases[number]))
            if overlap < 1:
                wide = np.minimum(right, x2) - np.maximum(left, x1)
                high = np.minimum(bottom, y2) - np.maximum(top, y1)
                both = np.clip(wide, 0.0, _FAR) * np.clip(high, 0.0, _FAR)
                over = both * share - areas > sizes[number]
                if not alone:
                    over = over & self.same(label)
                scores[over] = _GONE
            scores[number] = _GONE
        return rows


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
    boxes = _Boxes(tensor, layout, threshold, most)
    return boxes.suppress(threshold, overlap, alone, _KEPT) if boxes.bases else []


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

    def mask(self, row: int, window, step: int, limit: float):
        """Return the runs of one object's mask: bytes, LEB128 lengths off, on, off ...

        window: (left, top, right, bottom) in cells of the mask, right and bottom behind the last ones.
        step: -2 for two cells each way in each of the prototypes', n for one cell for n of them. limit:
        the logit from which a cell is on.
        """
        left, top, right, bottom = window
        if step == -2:
            logits = self._twice(row, left, top, right, bottom)
        else:
            planes = self._planes[:, top * step : bottom * step, left * step : right * step]
            if step > 1:
                planes = planes[:, ::step, ::step]
            logits = self._logits(row, planes)
        cells = (right - left) * (bottom - top)
        return runs(logits.reshape((cells,)) > limit, cells)

    def _logits(self, row: int, planes):
        high, wide = planes.shape[1], planes.shape[2]
        planes = planes.copy().reshape((self._count, high * wide))
        return np.dot(self._table[row : row + 1], planes).reshape((high, wide))

    def _twice(self, row: int, left: int, top: int, right: int, bottom: int):
        """Return the logits between the prototypes' cells, bilinear."""
        # The prototypes' cells that these lie in, and one more on each side, where there is one.
        x0, x1 = left // 2 - 1, (right + 1) // 2 + 1
        y0, y1 = top // 2 - 1, (bottom + 1) // 2 + 1
        inside = self._planes[
            :, max(0, y0) : min(self._height, y1), max(0, x0) : min(self._width, x1)
        ]
        near = self._logits(row, inside)
        # At the edge the last cells are taken twice.
        if x0 < 0:
            near = np.concatenate((near[:, :1].copy(), near), axis=1)
        if x1 > self._width:
            near = np.concatenate((near, near[:, -1:].copy()), axis=1)
        if y0 < 0:
            near = np.concatenate((near[:1], near), axis=0)
        if y1 > self._height:
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
        x, y = left - 2 * (x0 + 1), top - 2 * (y0 + 1)
        if x or y or down.shape != (bottom - top, right - left):
            return down[y : y + bottom - top, x : x + right - left].copy()
        return down


def runs(cells, count: int) -> bytes:
    """Return the LEB128 lengths of the runs of a 1-D boolean array: off, on, off ..."""
    ends = np.nonzero(cells[1:] != cells[:-1])[0]
    size = len(ends) + 1
    edges = np.zeros((size + 1,))
    edges[0] = -1
    edges[size] = count - 1
    if size > 1:
        edges[1:size] = ends
    lengths = edges[1:] - edges[:-1]
    start = b"\0" if cells[0] else b""  # none are off at first
    longest = np.max(lengths)
    if longest < _LOW:
        return start + bytes(np.array(lengths, dtype=np.uint8))
    if longest > _LONGEST:
        out = bytearray(start)
        for length in lengths.tolist():
            out.extend(arrays.leb128(int(length + 0.5)))
        return bytes(out)
    high = np.floor(lengths * (1 / _LOW))
    pairs = np.zeros((size, 2), dtype=np.uint8)
    # The low byte says with its highest bit that another one follows; no length is 0.
    pairs[:, 0] = np.array(lengths - high * _LOW + (high > 0) * _LOW, dtype=np.uint8)
    pairs[:, 1] = np.array(high, dtype=np.uint8)
    pairs = pairs.reshape((2 * size,))
    return start + bytes(pairs[pairs > 0])
