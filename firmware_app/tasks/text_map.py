"""A text detector's map of probabilities, and what is asked of it: holes, thickness, score.

The map is large and Python slow: what is asked of many pixels is asked of ulab in few calls.
"""

from firmware_app.board import arrays
from firmware_app.tasks import holes, repair
from firmware_app.tasks.repair import HALF, TIE

_SAMPLED = 3  # a hole lies in text of three rows at least: every third row meets it
LEVEL = 12  # an axis counts as level where it rises by less than a 12th of its length
_STEP = 0.15  # of a text's length, between the five strips across it
_GAP = 4  # columns at least between two parts of a band
_MOST_GAPS = 16  # ends of runs: what has more of them is speckled
_ROWS = 5  # tell a score well enough


class TextMap:
    """A dense 1-D float array of width x height probabilities; more than threshold is text."""

    def __init__(self, values, size, threshold: float) -> None:
        """values: changed in place by close_holes(); size: (width, height)."""
        self.values = values
        self._width, self._height = size
        self._threshold = threshold
        self._table = arrays.rows_of(values, self._width)
        self.met = False  # whether there is text in the middle, where thickness() was asked last
        self._items = memoryview(values)  # single items: many times faster than the array

    def close_holes(self, value: float) -> None:
        """Set background that a text encloses to value."""
        table, threshold = self._table, self._threshold
        for first, last, sampled in self._bands():
            # Of a hole nothing lies in a band's first and last row. A single row is no table to ulab.
            outer = 1 if last - first > _SAMPLED else 0
            top, bottom = first + outer, last - outer
            for left, right in self._columns(first, last, sampled):
                if arrays.one_run_a_row(table, top, bottom, left, right, threshold):
                    continue  # no hole then
                edges = arrays.edges(table, (first, last), (left, right), threshold)
                for row, start, stop in holes.enclosed(holes.rows_of(edges, right - left)):
                    at = (first + row) * self._width + left
                    self.values[at + start : at + stop] = value

    def _bands(self) -> list:
        """Return (first row, row after the last, first sampled row) of each stretch of text of three rows or more."""
        bands = []
        runs = arrays.peak_rows(self._table, _SAMPLED, self._threshold)
        for i in range(0, len(runs), 2):
            sampled, last = runs[i] * _SAMPLED, runs[i + 1] * _SAMPLED
            first = sampled - _SAMPLED + 1
            if last > self._height:
                last = self._height
            bands.append((first if first > 0 else 0, last, sampled))
        return bands

    def _columns(self, first: int, last: int, sampled: int) -> list:
        """Return (first column, column behind the last) of the parts of a band that may have holes, each for itself.

        Above and below each pixel of a hole lies a sampled row, or it is in one. What that row has
        there is text, or hole between text: so holes lie between the sampled rows' outermost text, and
        what encloses them a column farther at most. No hole lies across a column without any text.
        """
        runs = arrays.peak_columns(self._table, sampled, last, _SAMPLED, self._threshold)
        left, right = runs[0] - 1, runs[-1] + 1
        if left < 0:
            left = 0
        if right > self._width:
            right = self._width
        found = []
        if 2 < len(runs) <= _MOST_GAPS:
            for i in range(1, len(runs) - 1, 2):
                stop, start = runs[i], runs[i + 1]
                if start - stop >= _GAP:
                    middle = (start + stop) // 2
                    if not arrays.peaks(self._table, first, last, middle, self._threshold):
                        found.append((left, stop + 1))
                        left = middle
        found.append((left, right))
        return found

    def inside(self, x: int, y: int) -> bool:
        """Return whether there is text at this pixel; there is none beside the map."""
        if 0 <= x < self._width and 0 <= y < self._height:
            return self._items[y * self._width + x] > self._threshold
        return False

    def thickness(self, middle, axis, unit, across: float) -> int:
        """Return how far text reaches across its axis, as repair.walked() does."""
        ax, ay = axis
        mx, my = middle
        place, at = int(mx + HALF), int(my + HALF)
        self.met = False
        width, height = self._width, self._height
        level = not ay or abs(ay) * LEVEL <= abs(ax) + TIE
        if not level:
            if abs(ax) * LEVEL > abs(ay) + TIE:
                self.met = self.inside(place, at)
                return repair.walked(middle, axis, unit, self.inside)
            # The same with x and y changed over.
            ax, ay, mx, my = ay, ax, my, mx
            place, at, width, height = at, place, height, width
        step = int(_STEP * abs(ax) + HALF) or 1
        beside = across / 2 + 1
        rise = 0.0
        if ay:
            rise = ay / ax
            beside += 2 * step * abs(rise)
        top = int(my - beside + TIE)
        if top < 0:
            top = 0
        bottom = int(my + beside + TIE) + 2
        if bottom > height:
            bottom = height
        far = 2 * step
        places = [place - far, place - step, place, place + step, place + far]
        if place < far or place + far >= width:
            places = [x for x in places if 0 <= x < width]
        size = bottom - top
        at -= top  # of the axis in a strip
        if not places or size <= 0 or not (rise or 0 <= at < size):
            return 0
        strips = arrays.strips(self._table, level, places, step, top, bottom, self._threshold)
        above = below = start = 0
        for x in places:
            if rise:
                at = int(my + (x - mx) * rise + HALF) - top
                if not 0 <= at < size:
                    start += size
                    continue
            here = start + at
            following = start + size
            if strips[here]:
                # Farther than in another strip only where there is text at that distance.
                if above < at and strips[here - above - 1]:
                    edge = strips.rfind(b"\0", start, here)
                    reach = here - 1 - edge if edge >= 0 else at
                    above = reach if reach > above else above
                farther = here + below + 1
                if farther < following and strips[farther]:
                    edge = strips.find(b"\0", here, following)
                    reach = edge - here - 1 if edge >= 0 else size - at - 1
                    below = reach if reach > below else below
                if x == place:
                    self.met = True
            start = following
        return above + below

    def score(self, quad: list) -> float:
        """Return the mean probability of the text inside a quadrilateral, 0 where there is none."""
        xs = quad[0::2]
        ys = quad[1::2]
        top = max(0, int(min(ys) + TIE))
        bottom = min(self._height - 1, int(max(ys) + TIE))
        step = max(1, (bottom - top) // _ROWS)
        if abs(ys[1] - ys[0]) * LEVEL <= abs(xs[1] - xs[0]) and abs(xs[3] - xs[0]) * LEVEL <= abs(
            ys[3] - ys[0]
        ):
            left = max(0, int(min(xs) + TIE))
            right = min(self._width, int(max(xs) + TIE) + 1)
            if right <= left or bottom < top:
                return 0.0
            rows = (top, bottom + 1, step)
            sums = arrays.sums_above(self._table, (left, right), rows, self._threshold)
            return sums[0] / sums[1] if sums[1] else 0.0
        total = 0.0
        count = 0.0
        for y in range(top, bottom + 1, step):
            crossings = []
            for i in range(4):
                xa, ya = xs[i], ys[i]
                xb, yb = xs[(i + 1) % 4], ys[(i + 1) % 4]
                if (ya <= y) != (yb <= y):
                    crossings.append(xa + (y - ya) * (xb - xa) / (yb - ya))
            if len(crossings) < 2:
                continue
            left = max(0, int(min(crossings) + TIE))
            right = min(self._width, int(max(crossings) + TIE) + 1)
            if right > left:
                sums = arrays.sums_above(self._table, (left, right), (y, y + 1, 1), self._threshold)
                total += sums[0]
                count += sums[1]
        return total / count if count else 0.0
