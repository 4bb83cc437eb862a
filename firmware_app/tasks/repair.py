"""Answers of the vendor's native post-processing put right.

aicube's AnchorFree decoding ignores the class scores, so that every box comes once per class; its
text boxes are expanded twice. aidemo's YOLO boxes that reach over the left or upper edge are
moved instead of cut, and boxes of different classes always suppress each other.
"""

from math import exp

# Corners of text lie on whole and half pixels. Rounding exactly at the half would turn on a float's last
# bit, which single and double precision have differently; so it is done a little beside it.
TIE = 1 / 256
HALF = 0.5 + TIE

# A text box is offset by 1.5 x area / length of its outline, on every side.
_RATIO = 1.5
_HALF_RATIO, _RATIO_12, _RATIO_14 = _RATIO / 2, 12 * _RATIO, 14 * _RATIO
# The vendor then moves each corner away from its neighbours, by this share of the sides.
_STRETCH_X = 0.025
_STRETCH_Y = 0.15
# Undone, a corner goes so much of the way to the one that moved it.
_BACK_X, _BACK_Y = _STRETCH_X / (1 + 2 * _STRETCH_X), _STRETCH_Y / (1 + 2 * _STRETCH_Y)
_THINNEST = 2 - TIE  # what is thinner is no text
_RIGHT, _DOWN = (1.0, 0.0), (0.0, 1.0)


def anchor_free(
    levels, size, frame, confidence: float, overlap: float, agnostic: bool, most: int = 200
) -> list:
    """Return rows [class, score, x1, y1, x2, y2] in frame pixels, best first; AnchorFreeDet.

    levels: for each output (stride, cells), cells being (number, values) of those with an objectness that
    passes the threshold: the number counts row by row, values is the list x, y, w, h, objectness,
    classes. size, frame: (width, height) of model and picture, the picture centred in the model's
    input. The score is objectness x best class. At most the best `most` candidates are looked at.
    """
    found = []
    for stride, cells in levels:
        columns = size[0] // stride
        for number, values in cells:
            classes = values[5:]
            best = max(classes)
            score = values[4] * best
            if score > confidence:
                x = (values[0] + number % columns) * stride
                y = (values[1] + number // columns) * stride
                w, h = _exp(values[2]) * stride, _exp(values[3]) * stride
                found.append((score, classes.index(best), x, y, w, h))
    return centred(found, size, frame, overlap, agnostic, most)


def centred(found, size, frame, overlap: float, agnostic: bool, most: int = 200) -> list:
    """Return rows as anchor_free() of candidates (score, class, centre x, y, width, height) in model pixels."""
    gain = min(size[0] / frame[0], size[1] / frame[1])
    left = (size[0] - frame[0] * gain) / 2
    top = (size[1] - frame[1] * gain) / 2
    found.sort(key=_first, reverse=True)
    rows: list = []
    rivals: dict = {}  # by class: the rows that may cover one of it
    right, bottom = float(frame[0]), float(frame[1])
    for score, label, cx, cy, width, height in found[:most]:
        x = (cx - left) / gain
        y = (cy - top) / gain
        w, h = width / gain / 2, height / gain / 2
        x1, y1, x2, y2 = x - w, y - h, x + w, y + h
        if x1 < 0:
            x1 = 0.0
        if y1 < 0:
            y1 = 0.0
        x2 = min(x2, right)
        y2 = min(y2, bottom)
        if x2 > x1 and y2 > y1:
            others = rows if agnostic else rivals.get(label)
            if others is None:
                others = rivals[label] = []
            row = [label, score, x1, y1, x2, y2]
            if not _covered(row, others, overlap):
                rows.append(row)
                if not agnostic:
                    others.append(row)
    return rows


def _first(item):
    return item[0]


def _exp(value: float) -> float:
    return exp(min(value, 60.0))  # beyond it the box is larger than any frame


def _covered(row: list, others: list, overlap: float) -> bool:
    """Say whether one of better boxes overlaps by more than overlap."""
    _, _, x1, y1, x2, y2 = row
    for _, _, left, top, right, bottom in others:
        if left < x2 and x1 < right and top < y2 and y1 < bottom:
            both = (min(x2, right) - max(x1, left)) * (min(y2, bottom) - max(y1, top))
            areas = (x2 - x1) * (y2 - y1) + (right - left) * (bottom - top)
            if both > overlap * (areas - both):
                return True
    return False


def text_box(quad, size=None, thickness=None, margin: float = 0.05):
    """Return a text's corners (TL, TR, BR, BL) without the vendor's two expansions, or None.

    quad: the eight floats aicube.ocr_post_process answers when picture and map have one size, in
    map pixels; size: (width, height) of the map, for boxes that reach its right or bottom edge;
    thickness(middle, axis, unit, across): tells how far the text reaches across its long axis, as
    walked() does; across is the box's shorter side. Without it the offset of a nearly level box is a
    guess.
    None stands for no text, what the vendor makes of a hole in one.
    What is left is the outline grown by 1.5 x area / length, as the model was trained for, and by
    margin x the shorter side: bare, the box fits best but may cut into the outermost letters.
    """
    x0, y0, x1, y1, x2, y2, x3, y3 = quad
    if x0 == x3 and x1 == x2 and y0 == y1 and y2 == y3 and x0 < x1 and y0 < y3:
        return _level_box(x0, y0, x1, y3, size, thickness, margin)
    far_x, far_y = size if size else (None, None)
    if min(x0, x1, x2, x3) > 0 and (far_x is None or max(x0, x1, x2, x3) < far_x):
        back = _BACK_X * (x1 - x0)
        x0, x1 = x0 + back, x1 - back
        back = _BACK_X * (x2 - x3)
        x2, x3 = x2 - back, x3 + back
    else:
        x0, x1, x2, x3 = _unstretched([x0, x1, x2, x3], (0, 3, 2, 1), _STRETCH_X, far_x)
    if min(y0, y1, y2, y3) > 0 and (far_y is None or max(y0, y1, y2, y3) < far_y):
        back = _BACK_Y * (y3 - y0)
        y0, y3 = y0 + back, y3 - back
        back = _BACK_Y * (y2 - y1)
        y1, y2 = y1 + back, y2 - back
    else:
        y0, y1, y2, y3 = _unstretched([y0, y1, y2, y3], (0, 1, 2, 3), _STRETCH_Y, far_y)
    ax, ay = x1 - x0, y1 - y0
    bx, by = x3 - x0, y3 - y0
    a = (ax * ax + ay * ay) ** 0.5
    b = (bx * bx + by * by) ** 0.5
    if (a if a < b else b) < _THINNEST:
        return None
    along = abs(ax) + TIE >= abs(ay)
    if thickness is not None:
        middle = ((x0 + x2) / 2, (y0 + y2) / 2)
        if b + TIE < a:
            thick = thickness(middle, (ax, ay), (bx / b, by / b), b)
        else:
            thick = thickness(middle, (bx, by), (ax / a, ay / a), a)
        grown = _grown(a, b, along, thick, margin)
    else:
        sloping = min(abs(ay), abs(ax)) * 16 + TIE >= a
        grown = _grown(a, b, None if sloping else along, None, margin)
    by_a, by_b = grown / a, grown / b
    ax *= by_a
    ay *= by_a
    bx *= by_b
    by *= by_b
    return [
        x0 + ax + bx,
        y0 + ay + by,
        x1 - ax + bx,
        y1 - ay + by,
        x2 - ax - bx,
        y2 - ay - by,
        x3 + ax - bx,
        y3 + ay - by,
    ]


def _level_box(x0, y0, x1, y1, size, thickness, margin):
    """Return what text_box() does of a level box; most are: half of the numbers are the other half's."""
    far_x, far_y = size if size else (None, None)
    if x0 > 0 and (far_x is None or x1 < far_x):
        back = _BACK_X * (x1 - x0)
        x0 += back
        x1 -= back
    else:
        x0, x1 = _pair(x0, x1, _STRETCH_X, x0 <= 0, far_x is not None and x1 >= far_x)
    if y0 > 0 and (far_y is None or y1 < far_y):
        back = _BACK_Y * (y1 - y0)
        y0 += back
        y1 -= back
    else:
        y0, y1 = _pair(y0, y1, _STRETCH_Y, y0 <= 0, far_y is not None and y1 >= far_y)
    a, b = x1 - x0, y1 - y0
    if a < _THINNEST or b < _THINNEST:
        return None
    thick = None
    if thickness is not None:
        middle = ((x0 + x1) / 2, (y0 + y1) / 2)
        if b + TIE < a:
            thick = thickness(middle, (a, 0), _DOWN, b)
        else:
            thick = thickness(middle, (0, b), _RIGHT, a)
    grown = _grown(a, b, True, thick, margin)
    x0 += grown
    y0 += grown
    x1 -= grown
    y1 -= grown
    return [x0, y0, x1, y0, x1, y1, x0, y1]


def _grown(a: float, b: float, along, thick, margin: float) -> float:
    """Return how far a box of these sides is beyond the one that is wanted, on every side.

    thick: how far the text reaches across, None if unknown. along: see offset_of(); None where the
    whole outline's offset is the guess.
    """
    # The vendor leaves out the outline's last edge: up to the whole upper edge of a level box. So the
    # offset is between the one of all edges and the one without that.
    if thick is None:
        offset = _least_offset(a, b) if along is None else offset_of(a, b, along)
    else:
        offset = offset_of(a, b, along)
        wanted = ((a if a < b else b) - thick) / 2
        if wanted < offset:
            offset = _least_offset(a, b)
            if wanted > offset:
                offset = wanted
    twice = offset + offset
    w, h = a - twice, b - twice
    wanted = _HALF_RATIO * w * h / (w + h)
    return offset - wanted - margin * ((w if w < h else h) + wanted + wanted)


def _least_offset(a: float, b: float) -> float:
    """Return the offset of the whole outline, see offset_of()."""
    half = 2.5 * (a + b)
    return (half - (half * half - _RATIO_14 * a * b) ** 0.5) / 14


def walked(middle, axis, unit, inside) -> int:
    """Return how far the text reaches across its long axis, along a unit vector; in pixels.

    inside: tells of a whole x, y whether that pixel of the map is text; it is asked about a hundred
    times.
    """
    ux, uy = unit
    reach = [0, 0]
    for share in (0.0, -0.15, 0.15, -0.3, 0.3):
        px, py = middle[0] + share * axis[0], middle[1] + share * axis[1]
        if inside(int(px + HALF), int(py + HALF)):
            for side in (0, 1):
                sign = 2 * side - 1
                n = reach[side]
                # Farther than another place only where the text is whole up to there.
                if n and not inside(int(px + sign * n * ux + HALF), int(py + sign * n * uy + HALF)):
                    continue
                dx, dy = sign * ux, sign * uy
                while inside(int(px + (n + 1) * dx + HALF), int(py + (n + 1) * dy + HALF)):
                    n += 1
                reach[side] = n
    return reach[0] + reach[1]


def offset_of(a: float, b: float, along: bool) -> float:
    """Return the offset d that made a rectangle of these sides of one of w x h, without its upper edge.

    along: whether a, not b, is the upper edge's side: w + 2 d, the other one h + 2 d. d = 1.5 w h / L,
    where L = w + 2 h; of the whole outline it is 2 w + 2 h, see text_box(). Both are quadratic in d;
    the smaller root is the one with w and h positive.
    """
    half = 2 * (a + b) + (b if along else a) / 2
    return (half - (half * half - _RATIO_12 * a * b) ** 0.5) / 12


def _unstretched(v: list, order, share: float, far) -> list:
    """Undo v' = (1 + share) v - share v(partner) for one coordinate of corners of which some are clipped.

    order: the corners such that the first two lie on the low side (v clipped at 0), the others on
    the high side (clipped at far), and the first's partner is the last, the second's the third.
    """
    a, b, c, d = order
    clipped = [i for i in (a, b) if v[i] <= 0]
    if far is not None:
        clipped += [i for i in (c, d) if v[i] >= far]
    if len(clipped) == 1:  # the stretched box is a parallelogram: three corners tell the fourth
        i = clipped[0]
        v[i] = v[(i + 1) % 4] + v[(i + 3) % 4] - v[(i + 2) % 4]
        clipped = []
    out = list(v)
    for low, high in ((a, d), (b, c)):
        out[low], out[high] = _pair(v[low], v[high], share, low in clipped, high in clipped)
    return out


def _pair(low: float, high: float, share: float, low_clipped: bool, high_clipped: bool) -> tuple:
    """Undo it for two partners, see _unstretched()."""
    grown = 1 + share
    if low_clipped:
        return low, high if high_clipped else (high + share * low) / grown
    if high_clipped:
        return (low + share * high) / grown, high
    both = grown + share
    return (grown * low + share * high) / both, (grown * high + share * low) / both
