"""What is asked of a text map in few calls, beside the same asked pixel by pixel; in MicroPython."""

from __future__ import annotations

from pathlib import Path

from tests.virtual_board.scripts import run_script

FIRMWARE = Path(__file__).resolve().parents[2]

SOURCE = """
import sys
sys.path.insert(0, %r)
from ulab import numpy as np
from firmware_app.tasks import holes, repair
from firmware_app.tasks.text_map import TextMap

W, H, THRESHOLD = 96, 80, 0.3
seed = 7

def random(count):
    global seed
    seed = (seed * 1103515245 + 12345) & 0x3FFFFFFF
    return (seed >> 8) %% count

def rows_of(flat):
    for y in range(H):
        line = [value > THRESHOLD for value in flat[y * W : (y + 1) * W]]
        runs = []
        for x in range(W + 1):
            here = x < W and line[x]
            if here != (x > 0 and line[x - 1]):
                runs.append(x)
        if runs:
            yield y, runs

def picture(texts, specks):
    flat = [0.0625] * (W * H)
    for _ in range(texts):
        left, top = random(W - 20), random(H - 6)
        for y in range(top, min(H, top + 3 + random(12))):
            for x in range(left, min(W, left + 20 + random(2))):
                flat[y * W + x] = 0.5 + random(8) / 16
    for _ in range(specks):
        flat[random(W * H)] = (0.0625, 0.875)[random(2)]
    return flat

closed = 0
for texts, specks in ((0, 0), (0, 40), (1, 0), (4, 0), (4, 30), (9, 200), (12, 900), (40, 500)):
    flat = picture(texts, specks)
    wanted = flat[:]
    for row, start, stop in holes.enclosed(rows_of(flat)):
        wanted[row * W + start : row * W + stop] = [0.3125] * (stop - start)
        closed += 1
    values = np.array(flat)
    text_map = TextMap(values, (W, H), THRESHOLD)
    text_map.close_holes(0.3125)
    assert values.tolist() == wanted, (texts, specks)
    for y in range(-1, H + 1):
        for x in (-1, 0, 3, W - 1, W):
            there = 0 <= x < W and 0 <= y < H
            assert text_map.inside(x, y) == (there and wanted[y * W + x] > THRESHOLD)
assert closed > 50

# Two texts side by side with nothing between them in each third row, joined above and below: a hole.
for bars in ((), (31,), (31, 35)):
    flat = [0.0625] * (W * H)
    for y in range(28, 40):
        for x in range(10, 70):
            if not 30 <= x < 45 or y in bars:
                flat[y * W + x] = 0.75
    wanted = flat[:]
    if len(bars) == 2:
        for y in range(32, 35):
            wanted[y * W + 30 : y * W + 45] = [0.3125] * 15
    values = np.array(flat)
    TextMap(values, (W, H), THRESHOLD).close_holes(0.3125)
    assert values.tolist() == wanted, bars

def line(rise, upright):
    # One line of text, 9 pixels thick, along the middle; 5 thick in its second half.
    flat = [0.0] * (W * H)
    for along in range(10, 70):
        middle = 40 + int((along - 40) * rise + 0.5 if along >= 40 else (along - 40) * rise - 0.5)
        for beside in range(-4, 5) if along < 44 else range(-2, 3):
            x, y = along, middle + beside
            if upright:
                x, y = y, x
            flat[y * W + x] = 0.75
    return flat

for rise in (0.0, 0.04, -0.07, 0.3):
    for upright in (False, True):
        text_map = TextMap(np.array(line(rise, upright)), (W, H), THRESHOLD)
        middle, axis, unit = (40.0, 40.0), (80.0, 80.0 * rise), (0.0, 1.0)
        if upright:
            axis, unit = (axis[1], axis[0]), (1.0, 0.0)
        fast = text_map.thickness(middle, axis, unit, 16.0)
        slow = repair.walked(middle, axis, unit, text_map.inside)
        # A slanting line goes in steps: a pixel more or less.
        assert 0 <= slow - 8 <= (rise != 0) and abs(fast - slow) <= (rise != 0), (rise, fast, slow)
        assert text_map.thickness((5.0, 75.0), axis, unit, 4.0) == 0
        assert text_map.thickness((-9.0, -300.0), axis, unit, 4.0) == 0

flat = [0.0] * (W * H)
for y in range(20, 30):
    for x in range(10, 60):
        flat[y * W + x] = 0.5 if x < 35 else 0.75
text_map = TextMap(np.array(flat), (W, H), THRESHOLD)
for quad, mean in (
    ([10.0, 20.0, 60.0, 20.0, 60.0, 30.0, 10.0, 30.0], 0.625),
    ([40.0, 15.0, 59.0, 15.0, 59.0, 35.0, 40.0, 35.0], 0.75),
    ([11.0, 21.0, 33.0, 22.0, 33.0, 29.0, 11.0, 28.0], 0.5),
    ([-30.0, 15.0, 200.0, 15.0, 200.0, 35.0, -30.0, 35.0], 0.625),
    ([20.0, 5.0, 34.0, 20.0, 20.0, 34.0, 5.0, 20.0], 0.5),
    ([70.0, 50.0, 80.0, 50.0, 80.0, 60.0, 70.0, 60.0], 0.0),
    ([200.0, 200.0, 210.0, 200.0, 210.0, 210.0, 200.0, 210.0], 0.0),
):
    assert abs(text_map.score(quad) - mean) < 0.02, (quad, text_map.score(quad))
print("done")
"""


def test_few_calls_tell_what_every_pixel_does(tmp_path: Path) -> None:
    run = run_script(tmp_path, SOURCE % str(FIRMWARE))
    assert run.lines[-1] == "done", run.lines
