"""The vendor's AnchorFree and text boxes put right; the same on both interpreters."""

from math import log

from firmware_app.tasks import repair


def near(found, expected, tolerance) -> bool:
    return all(abs(a - b) <= tolerance for a, b in zip(found, expected))


def cell(x, y, w, h, objectness, *classes):
    return [x, y, log(w), log(h), objectness] + list(classes)


def test_a_box_has_the_class_and_the_score_of_its_cell():
    levels = [(8, [(9, cell(0.5, 0.25, 2.0, 1.0, 0.8, 0.1, 0.75, 0.2))]), (16, []), (32, [])]
    rows = repair.anchor_free(levels, (32, 32), (64, 32), 0.5, 0.5, False)
    # Cell (1, 2): centre 12, 18, size 16 x 8; the frame is twice as wide, 8 rows of padding on top.
    assert len(rows) == 1
    assert rows[0][0] == 1
    assert near(rows[0][1:], [0.6, 8, 12, 40, 28], 0.001)


def test_a_box_below_the_threshold_by_its_class_is_dropped():
    levels = [(8, [(0, cell(0.5, 0.5, 1.0, 1.0, 0.9, 0.5, 0.4))])]
    assert repair.anchor_free(levels, (32, 32), (32, 32), 0.5, 0.5, True) == []
    assert len(repair.anchor_free(levels, (32, 32), (32, 32), 0.4, 0.5, True)) == 1


def test_boxes_are_suppressed_within_a_class_or_across():
    same = cell(0.5, 0.5, 4.0, 4.0, 0.9, 0.8, 0.1)
    other = cell(0.5, 0.5, 4.0, 4.0, 0.9, 0.1, 0.9)
    weak = cell(0.5, 0.6, 4.0, 4.0, 0.9, 0.7, 0.1)
    levels = [(8, [(18, same), (18, other), (18, weak)])]
    rows = repair.anchor_free(levels, (64, 64), (64, 64), 0.5, 0.5, False)
    assert [row[0] for row in rows] == [1, 0]
    rows = repair.anchor_free(levels, (64, 64), (64, 64), 0.5, 0.5, True)
    assert [row[0] for row in rows] == [1]


def test_boxes_end_at_the_frame_and_empty_ones_are_dropped():
    corner = cell(0.0, 0.0, 4.0, 4.0, 0.9, 0.9)
    outside = cell(-9.0, 0.0, 1.0, 1.0, 0.9, 0.9)
    levels = [(8, [(0, corner), (1, outside)])]
    rows = repair.anchor_free(levels, (64, 64), (64, 64), 0.5, 0.5, True)
    assert len(rows) == 1
    assert near(rows[0][2:], [0, 0, 16, 16], 0.001)


def test_a_huge_exponent_gives_the_whole_frame():
    levels = [(8, [(9, [0.5, 0.5, 500.0, 500.0, 0.9, 0.9])])]
    rows = repair.anchor_free(levels, (64, 64), (64, 64), 0.5, 0.5, True)
    assert rows[0][2:] == [0.0, 0.0, 64.0, 64.0]


def test_only_the_best_candidates_are_looked_at():
    cells = [(i, cell(0.5, 0.5, 0.5, 0.5, 0.6 + i / 1000, 1.0)) for i in range(64)]
    rows = repair.anchor_free([(8, cells)], (64, 64), (64, 64), 0.5, 0.5, True, 10)
    assert len(rows) == 10
    assert abs(rows[0][1] - 0.663) < 0.001


def stretch(quad):
    """Apply the vendor's last step to TL, TR, BR, BL."""
    xs, ys = quad[0::2], quad[1::2]
    out = []
    for i, (beside, across) in enumerate(((1, 3), (0, 2), (3, 1), (2, 0))):
        out += [1.025 * xs[i] - 0.025 * xs[beside], 1.15 * ys[i] - 0.15 * ys[across]]
    return out


def upright(x, y, w, h, offset):
    x1, y1, x2, y2 = x - offset, y - offset, x + w + offset, y + h + offset
    return [x1, y1, x2, y1, x2, y2, x1, y2]


def walker(inside):
    def thickness(middle, axis, unit, across):
        return repair.walked(middle, axis, unit, inside)

    return thickness


def test_an_upright_box_is_given_its_right_offset():
    x, y, w, h = 100, 80, 90, 18
    vendor = stretch(upright(x, y, w, h, 1.5 * w * h / (w + 2 * h)))
    right = upright(x, y, w, h, 1.5 * w * h / (2 * (w + h)))
    assert near(repair.text_box(vendor, margin=0.0), right, 0.05)

    def inside(px, py):
        return x <= px <= x + w and y <= py <= y + h

    assert near(repair.text_box(vendor, (320, 320), walker(inside), 0.0), right, 1.0)


def test_a_ragged_outline_lacks_less_of_its_length():
    x, y, w, h = 100, 80, 90, 18
    vendor = stretch(upright(x, y, w, h, 1.5 * w * h / (1.7 * w + 2 * h)))
    right = upright(x, y, w, h, 1.5 * w * h / (2 * (w + h)))

    def inside(px, py):
        return x <= px <= x + w and y <= py <= y + h

    assert near(repair.text_box(vendor, (320, 320), walker(inside), 0.0), right, 1.0)


def test_a_rotated_box_keeps_its_place_and_direction():
    w, h = 100.0, 20.0
    offset = 1.5 * w * h / (2 * (w + h))
    a, b = w / 2 + offset, h / 2 + offset
    quad = []
    for u, v in ((-a, -b), (a, -b), (a, b), (-a, b)):
        quad += [160 + 0.8 * u - 0.6 * v, 160 + 0.6 * u + 0.8 * v]
    assert near(repair.text_box(stretch(quad), margin=0.0), quad, 0.05)


def test_a_corner_clipped_at_the_edge_is_found_again():
    w, h = 100.0, 20.0
    offset = 1.5 * w * h / (2 * (w + h))
    a, b = w / 2 + offset, h / 2 + offset
    quad = []
    for u, v in ((-a, -b), (a, -b), (a, b), (-a, b)):
        quad += [55 + 0.8 * u - 0.6 * v, 160 + 0.6 * u + 0.8 * v]
    vendor = stretch(quad)
    assert vendor[6] < 0 < vendor[0]
    vendor[6] = 0.0
    assert near(repair.text_box(vendor, (320, 320), margin=0.0), quad, 0.05)


def test_a_side_clipped_at_the_edge_stays_there():
    vendor = [0.0, 50.0, 99.0, 50.0, 99.0, 90.0, 0.0, 90.0]
    found = repair.text_box(vendor, (320, 320))
    assert found[0] < 12
    assert abs(found[0] - found[6]) < 0.001
    assert 80 < found[2] < 99
    assert 50 < found[1] < found[7] < 90


def test_the_margin_is_a_share_of_the_shorter_side():
    vendor = stretch(upright(100, 80, 90, 18, 5.0))
    bare = repair.text_box(vendor, margin=0.0)
    wide = repair.text_box(vendor, margin=0.1)
    grown = (bare[7] - bare[1]) * 0.1
    signs = (-1, -1, 1, -1, 1, 1, -1, 1)
    assert near(wide, [v + sign * grown for v, sign in zip(bare, signs)], 0.01)


def test_the_bogus_box_of_a_hole_is_no_text():
    assert repair.text_box([0.0, 64.0, 0.0, 0.0, 0.0, 0.0, 0.0, 64.0], (64, 64)) is None
