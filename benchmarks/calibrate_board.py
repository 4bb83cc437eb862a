"""The pieces of program with a published time on a board, written anew; run by benchmarks.calibrate.

It runs in any MicroPython, on a board too (`mpremote run`): each line says what it measured, in microseconds.
The interpreter's own ulab is needed for what works on arrays; without it, that is left out.
"""

import gc
import json
import sys
import time

try:
    from ulab import numpy as np
except ImportError:
    np = None

CLASSES = 6
THRESHOLD = 0.4
LIVE = 337000  # bytes on the heap of a service that runs
ROUNDS = 5
WIDTHS = (2.5, 1.8, 2.0, 0.8, 2.0, 2.5)


def output(points):
    """Return what a detector says: rows x, y, w, h and a score for each class, one object among them."""
    values = np.zeros((4 + CLASSES, points))
    for at in range(points):
        for row in range(4):
            values[row, at] = 20.0 + at % 200
        for row in range(CLASSES):
            values[4 + row, at] = 0.01 * ((7 * at + 13 * row) % 30)
    values[5, 1000] = 0.9
    return values


def plain(values):
    """Each score looked at in Python: the published 117 ms."""
    rows = values.transpose()
    found = []
    for at in range(rows.shape[0]):
        best = 0.0
        kind = 0
        for column in range(4, rows.shape[1]):
            score = float(rows[at, column])
            if score > best:
                best = score
                kind = column - 4
        if best >= THRESHOLD:
            found.append(box(rows, at, best, kind))
    return found


def vectors(values):
    """The same with ulab's loops: the published 0.9 ms, and 2.7 for four times as many rows."""
    rows = values.transpose()
    scores = rows[:, 4:]
    best = np.max(scores, axis=1)
    kinds = np.argmax(scores, axis=1)
    found = []
    for at in np.nonzero(best >= THRESHOLD)[0]:
        at = int(at)
        found.append(box(rows, at, float(best[at]), int(kinds[at])))
    return found


def box(rows, at, score, kind):
    x, y = float(rows[at, 0]), float(rows[at, 1])
    w, h = float(rows[at, 2]), float(rows[at, 3])
    return [int(x - w / 2), int(y - h / 2), int(x + w / 2), int(y + h / 2), score, kind]


def overlap(a, b):
    left, top = max(a[0], b[0]), max(a[1], b[1])
    right, bottom = min(a[2], b[2]), min(a[3], b[3])
    shared = max(0.0, right - left) * max(0.0, bottom - top)
    both = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / both if both > 0 else 0.0


class Tracker:
    """Follows boxes, tells how far away they are and whether they come nearer: about 0.1 ms for one box."""

    def __init__(self):
        self.tracks = []
        self.now = 0

    def step(self, boxes):
        self.now += 33
        for track in self.tracks:
            track["seen"] = False
        for found in boxes:
            near, best = None, 0.3
            for track in self.tracks:
                if track["seen"] or track["kind"] != found[5]:
                    continue
                shared = overlap(track["box"], found)
                if shared >= best:
                    near, best = track, shared
            if near is None:
                near = {
                    "kind": found[5],
                    "far": None,
                    "at": 0,
                    "frames": 0,
                    "risk": 0,
                    "speed": 0.0,
                }
                self.tracks.append(near)
            near["box"] = found[:4]
            near["last"] = self.now
            near["seen"] = True
        self.tracks = [track for track in self.tracks if self.now - track["last"] <= 1200]
        worst = 0
        for track in self.tracks:
            if not track["seen"]:
                continue
            x1, _, x2, _ = track["box"]
            far = 92.4 * WIDTHS[track["kind"]] / max(1.0, float(x2 - x1))
            speed = 0.0
            if track["far"] is not None and self.now > track["at"]:
                speed = (track["far"] - far) / ((self.now - track["at"]) / 1000)
            risk = 2 if far <= 10 else 1 if far <= 25 and speed >= 0.2 else 0
            track["frames"] = track["frames"] + 1 if risk and risk == track["risk"] else 0
            track["far"], track["at"], track["speed"], track["risk"] = far, self.now, speed, risk
            worst = max(worst, risk if track["frames"] >= 2 else 0)
        return worst


def measure(name, function, times, *arguments):
    """Print the best time of each round: their least is the interpreter's, the rest is the machine's."""
    bests = []
    for _ in range(ROUNDS):
        best = 1 << 30
        for _ in range(times):
            gc.collect()  # what the piece allocates lies where it lay before, in the caches
            start = time.ticks_us()
            function(*arguments)
            best = min(best, time.ticks_diff(time.ticks_us(), start))
        bests.append(best)
    tell(name, bests)


def tell(name, bests):
    print(json.dumps([name, bests]))


def repeated(function, times, *arguments):
    def run():
        for _ in range(times):
            function(*arguments)

    return run


def count(piece, times):
    """Run one piece so often, for a counter of instructions outside."""
    if piece == "reference":
        run = speed().first
    else:
        values = output(2100)
        run = repeated(plain if piece == "plain" else vectors, 1, values)
    for _ in range(times):
        run()


def speed():
    from _k230.speed import Speed

    return Speed()


def programs():
    """Measure the pieces of program, in a heap with room for their arrays."""
    if np is not None:
        small, large = output(2100), output(8400)
        assert plain(small) == vectors(small)  # the same work
        measure("plain decode", plain, 8, small)
        measure("ulab decode at 320", vectors, 100, small)
        measure("ulab decode at 640", vectors, 40, large)
        table = np.zeros((102400, CLASSES))
        measure("argmax of 614,400 values", lambda: np.argmax(table, axis=1), 10)
    tracker = Tracker()
    one = [[100, 100, 160, 150, 0.9, 1]]
    measure("tracker and risk, 100 times", repeated(tracker.step, 100, one), 20)
    tell("reference piece, 1000 times", [int(1000 * speed().best_us) for _ in range(ROUNDS)])


def loops():
    """Measure what an element takes in ulab's loops, by the kinds of the profile's `arrays`."""
    if np is None:
        return
    count, columns = 24576, 6
    rows = count // columns
    line = np.ones(count)
    table = line.reshape((rows, columns))
    one, small = np.ones((1, columns)), np.ones(count, dtype=np.uint8)
    numbers, half = [1.0] * 1024, np.ones((rows, columns // 2))
    all_hit, none_hit = line > 0.5, line > 2.0
    left = np.ones((64, 64))

    def put_number():
        table[:, ::2] = 1.0

    def put_array():
        table[:, ::2] = half

    for kind, function, elements in (
        ("argmax", lambda: np.argmax(table, axis=1), count),
        ("argmax", lambda: line > 0.5, count),
        ("argmax", lambda: np.bitwise_xor(small, small), count),
        ("arithmetic", lambda: line * line, count),
        ("arithmetic", lambda: table * one, count),
        ("arithmetic", lambda: np.maximum(line, line), count),
        ("arithmetic", lambda: table[:, ::2] * 1.0, count // 2),
        ("whole", lambda: np.max(line), count),
        ("whole", lambda: np.argmax(line), count),
        ("sum", lambda: np.sum(table, axis=0), count),
        ("sum", lambda: np.sum(table, axis=1), count),
        ("sum_whole", lambda: np.sum(line), count),
        ("sum_whole", lambda: np.mean(line), count),
        ("function", lambda: np.exp(line), count),
        ("function", lambda: np.floor(line), count),
        ("function", lambda: np.clip(line, 0.0, 1.0), count),
        ("function", lambda: np.diff(line), count),
        ("nonzero", lambda: np.nonzero(all_hit), count),
        ("nonzero, no hit", lambda: np.nonzero(none_hit), count),
        ("copy", line.copy, count),
        ("copy", lambda: table.transpose().copy(), count),
        ("copy", table[:, ::2].copy, count // 2),
        ("copy", lambda: np.concatenate((line, line)), 2 * count),
        ("copy", lambda: np.roll(line, 1), count),
        ("copy", lambda: np.ones(count), count),
        ("copy", lambda: -line, count),
        ("copy", lambda: line[all_hit], count),
        ("copy", put_number, count // 2),
        ("convert", lambda: np.array(small, dtype=np.float), count),
        ("convert", lambda: np.array(line, dtype=np.int16), count),
        ("put", put_array, count // 2),
        ("list", line.tolist, count),
        ("list_whole_numbers", small.tolist, count),
        ("from_list", lambda: np.array(numbers), len(numbers)),
        ("compress", lambda: np.compress(all_hit, line), count),
        ("compress", lambda: np.compress(all_hit[:rows], table, axis=0), count),
        ("dot", lambda: np.dot(left, left), 64 * 64 * 64),
        ("dot", lambda: np.dot(table[:1024], one.reshape((columns,))), 1024 * columns),
        ("norm", lambda: np.linalg.norm(table, axis=1), count),
    ):
        best = 1 << 30
        for _ in range(ROUNDS * 20):
            start = time.ticks_us()
            function()
            best = min(best, time.ticks_diff(time.ticks_us(), start))
        tell(kind, [round(1000 * best / elements, 2)])


def memory():
    """Measure what looks at the whole heap, which has a board's 4 MiB."""
    kept = []
    while gc.mem_alloc() < LIVE:
        kept.append([len(kept), str(len(kept))])
    measure("collection", gc.collect, 20)
    measure("look at the heap", gc.mem_alloc, 20)


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])  # where _k230 is
    if sys.argv[2] == "programs":
        programs()
    elif sys.argv[2] == "memory":
        memory()
    elif sys.argv[2] == "loops":
        loops()
    else:
        count(sys.argv[2], int(sys.argv[3]))
