"""Segmentation's runs, computed in the interpreter: every shape of a class map comes back whole."""

from __future__ import annotations

from pathlib import Path

from .scripts import run_script

FIRMWARE = Path(__file__).resolve().parents[2]

SOURCE = """
import sys
sys.path.insert(0, %r)
from ulab import numpy as np
from firmware_app.board import arrays

def expanded(runs):
    flat = []
    at = 0
    while at < len(runs):
        kind, length = runs[at] - 1, runs[at + 1]
        at += 2
        shift = 7
        while length >> shift:
            assert runs[at], "not the shortest form"
            length += (runs[at] << shift) - (1 << shift)
            at += 1
            shift += 7
        assert 0 < length
        flat.append((kind, length))
    return flat

def runs_of(logits, width, height):
    w, h, runs, areas = arrays.class_runs(logits.reshape((1, height, width, 4)), 4, 1, False)
    assert (w, h) == (width, height)
    return runs, areas

def check(name, flat, width, height):
    logits = np.zeros((len(flat) * 4,))
    for i in range(len(flat)):
        logits[i * 4 + flat[i]] = 5.0
    runs, areas = runs_of(logits, width, height)
    found = []
    for kind, length in expanded(runs):
        found.extend([kind] * length)
    assert found == flat, name
    assert areas == [flat.count(kind) for kind in range(4)], name

check("two pixels", [1, 2], 2, 1)
check("one class", [1] * 6, 3, 2)
check("lengths of one and two bytes", [1, 0] + [3] * 127 + [0] * 128 + [2] * 200 + [1, 3], 1, 459)
seed = 1
noise = []
for _ in range(600):
    seed = (seed * 1103515245 + 12345) & 0x3FFFFFFF
    noise.append(seed >> 20 & 3)
check("noise", noise, 30, 20)
check("some runs", [1] * 300 + [0, 2] * 30 + [3] * 260 + [2] * 129, 107, 7)
check("few runs", [1] * 300 + [0, 2] * 10 + [3] * 260 + [2] * 129 + [1], 142, 5)

logits = np.zeros((200 * 200 * 4,))  # more pixels of a kind than two bytes count
logits[2::4] = 5.0
logits[3 * 4 + 1] = 9.0
logits[39999 * 4 + 3] = 9.0
runs, areas = runs_of(logits, 200, 200)
assert areas == [0, 1, 39998, 1], areas
assert expanded(runs) == [(2, 3), (1, 1), (2, 39995), (3, 1)], expanded(runs)

logits = np.zeros((700 * 100 * 4,))  # more changes than 16 bits count
logits[0::8] = 5.0
logits[5::8] = 5.0
runs, areas = runs_of(logits, 700, 100)
assert areas == [35000, 35000, 0, 0], areas
assert runs == bytes([1, 1, 2, 1]) * 35000
logits = np.zeros((9 * 7 * 4,))  # every second and third pixel, both ways
for y in range(9):
    for x in range(7):
        logits[(y * 7 + x) * 4 + (x * x + 3 * y) % 4] = 1.0
for step in (2, 3):
    w, h, runs, areas = arrays.class_runs(logits.reshape((1, 9, 7, 4)), 4, step, False)
    flat = [(x * x + 3 * y) % 4 for y in range(0, 9, step) for x in range(0, 7, step)]
    found = []
    for kind, length in expanded(runs):
        found.extend([kind] * length)
    assert (w, h) == (-(-7 // step), -(-9 // step)) and found == flat, (w, h, found)
    assert areas == [flat.count(kind) for kind in range(4)], areas

logits[5 * 4 + 3] = 90.0  # the vendor's e^x overflows: class 0
w, h, runs, areas = arrays.class_runs(logits.reshape((1, 9, 7, 4)), 4, 1, True)
assert areas[3] == [(x * x + 3 * y) % 4 for y in range(9) for x in range(7)].count(3) - ((5 * 5) % 4 == 3)
assert expanded(runs)[-1][1] >= 1
print("done")
"""


def test_every_map_comes_back_whole(tmp_path: Path) -> None:
    run = run_script(tmp_path, SOURCE.replace("%r", repr(str(FIRMWARE)), 1))
    assert run.lines[-1] == "done", run.lines
