"""A text detector's map of probabilities, and what is asked of it: holes, thickness, score.

The map is large and Python slow: what is asked of many pixels is asked of ulab in few calls.
"""

from firmware_app.board import arrays
from firmware_app.tasks import holes, repair
from firmware_app.tasks.repair import HALF, TIE

_SAMPLED = 3  # a hole lies in text of three rows at least: every third row meets it
LEVEL = 12  # an axis counts as level where it rises by less than a 12th of its length
_STRIPS = (-2, -1, 0, 1, 2)  # across the text, in steps of
_STEP = 0.15  # of its length
_ROWS = 5  # tell a score well enough


class TextMap:
    """A dense 1-D float array of width x height probabilities; more than threshold is text."""

    def __init__(self, values, size, threshold: float) -> None:
        """values: changed in place by close_holes(); size: (width, height)."""
        self.values = values
        self._width, self._height = size
        self._threshold = threshold
        self._table = arrays.rows_of(values, self._width)
        self._items = memoryview(values)  # single items: many times faster than the array

    def close_holes(self, value: float) -> None:
        """Set background that a text encloses to value."""
        for first, last, sampled in self._bands():
            # Above and below each pixel of a hole lies a sampled row, or it is in one. What that row has
            # there is text, or hole between text: so holes lie between the sampled rows' outermost text,
            # and what encloses them a column farther at most.
            left, right = arrays.peak_columns(self._table, sampled, last, _SAMPLED, self._threshold)
            left, right = max(0, left - 1), min(self._width, right + 1)
            width = right - left
            edges = arrays.edges(self._table, (first, last), (left, right), self._threshold)
            starts = [(edge + 1) // width for edge in edges[0::2]]
            if len(set(starts)) == len(starts):
                # One run a row has no gaps, unless it is several that join at the rows' ends.
                if starts == [edge // width for edge in edges[1::2]]:
                    continue
            for row, start, stop in holes.enclosed(holes.rows_of(edges, width)):
                at = (first + row) * self._width + left
                self.values[at + start : at + stop] = value

    def _bands(self) -> list:
        """Return (first row, row after the last, first sampled row) of each stretch of text of three rows or more."""
        bands: list = []
        for place in arrays.peak_rows(self._table, _SAMPLED, self._threshold):
            first = max(0, place * _SAMPLED - _SAMPLED + 1)
            last = min(self._height, place * _SAMPLED + _SAMPLED)
            if bands and bands[-1][1] >= first:
                bands[-1] = (bands[-1][0], last, bands[-1][2])
            else:
                bands.append((first, last, place * _SAMPLED))
        return bands

    def inside(self, x: int, y: int) -> bool:
        """Return whether there is text at this pixel; there is none beside the map."""
        if 0 <= x < self._width and 0 <= y < self._height:
            return self._items[y * self._width + x] > self._threshold
        return False

    def thickness(self, middle, axis, unit, across: float) -> int:
        """Return how far text reaches across its axis, as repair.walked() does."""
        ax, ay = axis
        level = abs(ay) * LEVEL <= abs(ax) + TIE
        if not level and abs(ax) * LEVEL > abs(ay) + TIE:
            return repair.walked(middle, axis, unit, self.inside)
        if level:
            mx, my = middle
            width, height = self._width, self._height
        else:  # the same with x and y changed over
            my, mx = middle
            ay, ax = axis
            width, height = self._height, self._width
        step = max(1, int(_STEP * abs(ax) + HALF))
        rise = ay / ax
        beside = across / 2 + 2 * step * abs(rise) + 1
        top = max(0, int(my - beside + TIE))
        bottom = min(height, int(my + beside + TIE) + 2)
        places = [int(mx + HALF) + number * step for number in _STRIPS]
        places = [x for x in places if 0 <= x < width]
        if not places or bottom <= top:
            return 0
        strips = arrays.strips(self._table, level, places, step, top, bottom, self._threshold)
        size = bottom - top
        above = below = 0
        start = 0
        for place in places:
            at = start + int(my + (place - mx) * rise + HALF) - top
            stop = start + size
            if start <= at < stop and strips[at]:
                edge = strips.rfind(b"\0", start, at)
                reach = at - 1 - edge if edge >= 0 else at - start
                above = max(above, reach)
                edge = strips.find(b"\0", at, stop)
                reach = edge - at - 1 if edge >= 0 else stop - at - 1
                below = max(below, reach)
            start = stop
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
