"""Holes in text: background that a region encloses. Runs of pixels in, runs out.

The native code makes a box of a hole, too. It shrinks the hole's outline, and where nothing is left of
it, reads memory that was freed: such a box may be anywhere.
"""


def rows_of(edges: list, width: int):
    """Yield (row, [start, stop, start, stop ...]) of the runs in each row, of width items, that has any.

    edges: [before, last, before, last ...] over all rows, the place before each run and its last one;
    a run may go on in the next row.
    """
    row = -1
    left = right = 0  # the row's first item, and the next one's
    runs: list = []
    start = None
    for edge in edges:
        edge += 1
        if start is None:
            start = edge
            continue
        while start < edge:  # a run that goes on in the next row is one of each
            if start >= right:
                if runs:
                    yield row, runs
                    runs = []
                row = start // width
                left = row * width
                right = left + width
            end = edge if edge < right else right
            runs.append(start - left)
            runs.append(end - left)
            start = end
        start = None
    if runs:
        yield row, runs


def enclosed(rows) -> list:
    """Return runs (row, start, stop) of background that lie in holes.

    rows: (row, [start, stop, start, stop …]) of the runs of text in each row that has any, downwards.
    Only holes with one run in each of their rows count: others have something in them.
    """
    found: list = []
    above: list = []  # gaps of the row before: (start, stop, hole); an empty hole is open somewhere
    before = -2
    left = right = 0  # where the row before begins and ends
    open_start, open_stop = -1, -1  # the one gap of the row before, where that is all and open
    for row, runs in rows:
        count = len(runs)
        if count == 4 and open_start >= 0 and row == before + 1:
            # Two lines of text side by side: what lies between them stays open.
            first, last = runs[1], runs[2]
            if open_start < last and open_stop > first:
                open_start, open_stop = first, last
                before = row
                left, right = runs[0], runs[3]
                continue
        if open_start >= 0:
            above = [(open_start, open_stop, [])]
            open_start = -1
        if row != before + 1:
            above = []
        if above or count > 2:
            above = _next(found, above, left, right, row, runs, row == before + 1)
            if len(above) == 1 and not above[0][2]:
                open_start, open_stop, _ = above[0]
        before = row
        left, right = runs[0], runs[-1]
    return found


def _next(found: list, above: list, left: int, right: int, row: int, runs: list, joins: bool):
    """Return the gaps of this row; what closes here is found. left, right: of the row before, if it joins."""
    gaps: list = []
    for i in range(1, len(runs) - 1, 2):
        start, stop = runs[i], runs[i + 1]
        parents = [gap[2] for gap in above if gap[0] < stop and gap[1] > start]
        hole: list = []
        whole = joins and start >= left and stop <= right
        if whole and not parents:
            hole = [(row, start, stop)]
        elif whole and len(parents) == 1 and parents[0] and parents[0][-1][0] != row:
            hole = parents[0]
            hole.append((row, start, stop))
        else:
            for parent in parents:
                parent.clear()
        gaps.append((start, stop, hole))
    for start, stop, hole in above:
        if start < runs[0] or stop > runs[-1]:
            hole.clear()
        elif hole and hole[-1][0] != row:
            found.extend(hole)
            hole.clear()
    return gaps
