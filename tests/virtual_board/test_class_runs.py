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
    return arrays.class_runs(logits.reshape((1, height, width, 4)), 4, False)

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
print("done")
"""


def test_every_map_comes_back_whole(tmp_path: Path) -> None:
    run = run_script(tmp_path, SOURCE % str(FIRMWARE))
    assert run.lines[-1] == "done", run.lines
