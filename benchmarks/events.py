"""Tracks and lines beside ByteTrack, and what they cost: python -m benchmarks.events [--json].

Both follow the same boxes of the same scenes (benchmarks/events_scenes.py), and the same line counts by
their ids. `count_errors`: crossings that were counted wrongly, over all scenes; `switches`: how often an
object got another id; `fragments`: how often one was without an id in between. `us_per_frame`: of
following 5 and 20 objects with four zones and a line in MicroPython on this computer, unscaled.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.events_scenes import FPS, Scene, scenes
from firmware_app.events.counters import Counters
from firmware_app.events.follower import Follower
from firmware_app.events.places import Line, anchor_point
from firmware_app.events.rules import Rules
from firmware_app.settings.reader import read_task
from firmware_app.wire import messages

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = Path(__file__).with_name("events_board.py")
SEEDS = (1, 2, 3)
BYTETRACK = "2.6.0"
_FRAMES_HELD = 3


@dataclass
class Score:
    """What a tracker made of the scenes."""

    count_errors: int = 0
    switches: int = 0
    fragments: int = 0
    crossings: int = 0  # the true ones
    scenes: dict[str, tuple[int, int]] = field(default_factory=dict)  # kind: errors, switches

    def add(self, scene: Scene, ids: list[list[int]], counted: tuple[int, int]) -> None:
        """Compare what was found in a scene with what is true."""
        assert len(ids) == len(scene.frames)
        for row, truths in zip(ids, scene.truths, strict=True):
            assert len(row) == len(truths)
            given = [number for number in row if number]
            assert len(given) == len(set(given)), f"{scene.name}: an id twice in one frame"
        errors = abs(counted[0] - scene.counted_in) + abs(counted[1] - scene.counted_out)
        switches, fragments = _switches(scene, ids)
        self.count_errors += errors
        self.switches += switches
        self.fragments += fragments
        self.crossings += scene.counted_in + scene.counted_out
        kind = scene.name.split()[0]
        before = self.scenes.get(kind, (0, 0))
        self.scenes[kind] = (before[0] + errors, before[1] + switches)


def _switches(scene: Scene, ids: list[list[int]]) -> tuple[int, int]:
    last: dict[int, int] = {}
    without: set[int] = set()
    switches = fragments = 0
    for row, truths in zip(ids, scene.truths, strict=True):
        for number, true in zip(row, truths, strict=True):
            if true < 0:
                continue
            if not number:
                if true in last:
                    without.add(true)
                continue
            if true in last:
                switches += last[true] != number
                fragments += true in without
            without.discard(true)
            last[true] = number
    return switches, fragments


def ours(scene: Scene) -> tuple[list[list[int]], tuple[int, int]]:
    """Return the ids of each frame's boxes and what the line counted, by the board's own code."""
    x1, y1, x2, y2 = scene.line
    text = (
        "task: detection\npackage: /sdcard/p\nevents:\n  enabled: true\n  lines:\n"
        f"    - {{name: line, from: [{x1}, {y1}], to: [{x2}, {y2}]}}\n"
    )
    settings: Any = read_task(text, "task.yaml").values["events"]
    rules = Rules(settings, ["person"], 640, 480)
    counters = Counters([1, 0, None])
    follower = Follower(rules, counters, lambda time_ms, kind, details: None)
    found = []
    for number, rows in enumerate(scene.frames):
        data = follower.take(messages.DETECTION, number * 1000 // FPS, [[list(r) for r in rows]])
        assert data is not None
        found.append([int.from_bytes(data[i : i + 2], "little") for i in range(0, len(data), 2)])
    counted = counters.lines.get("line", {}).get("person", [0, 0])
    return found, (counted[0], counted[1])


def bytetrack(scene: Scene) -> tuple[list[list[int]], tuple[int, int]]:
    """Return the same by the `trackers` package's ByteTrack with its defaults."""
    import numpy as np
    import supervision as sv
    from trackers import ByteTrackTracker

    tracker: Any = ByteTrackTracker(frame_rate=FPS)
    found: list[list[int]] = []
    for rows in scene.frames:
        boxes = np.array([[r[0], r[1], r[0] + r[2], r[1] + r[3]] for r in rows], float)
        detections = sv.Detections(
            xyxy=boxes.reshape(-1, 4),
            confidence=np.array([r[4] / 1000 for r in rows]),
            class_id=np.array([r[5] for r in rows], int),
            data={"place": np.arange(len(rows))},
        )
        tracked = tracker.update(detections)
        ids = [0] * len(rows)
        numbers = tracked.tracker_id if tracked.tracker_id is not None else []
        for place, number in zip(tracked.data.get("place", []), numbers, strict=True):
            ids[int(place)] = int(number) + 1 if number >= 0 else 0
        found.append(ids)
    return found, _counted(scene, found)


class _Seen:
    """What a line looks at, of a track."""

    def __init__(self, number: int, box: tuple[int, int, int, int]) -> None:
        self.number = number
        self.box = box
        self.leapt = False


def _counted(scene: Scene, ids: list[list[int]]) -> tuple[int, int]:
    """Count with our own line by another program's ids."""
    x1, y1, x2, y2 = scene.line
    line = Line("line", (x1, y1), (x2, y2), 0, None, _FRAMES_HELD)
    states: dict[int, list[Any]] = {}
    both = [0, 0]
    for rows, numbers in zip(scene.frames, ids, strict=True):
        for row, number in zip(rows, numbers, strict=True):
            if not number:
                continue
            state = states.setdefault(number, line.begin())
            box = (row[0], row[1], row[2], row[3])
            step = line.see(state, _Seen(number, box), *anchor_point(0, box))  # type: ignore[arg-type]
            if step:
                both[0 if step > 0 else 1] += 1
    return both[0], both[1]


def interpreter() -> str:
    """Return the MicroPython command."""
    beside = Path(sys.executable).with_name("micropython")
    found = os.environ.get("K230_TEST_MICROPYTHON") or shutil.which(
        str(beside) if beside.exists() else "micropython"
    )
    if found is None:
        raise SystemExit("benchmarks.events: micropython is missing (make setup)")
    return found


def cost() -> dict[str, float]:
    """Return microseconds a frame in MicroPython, by the number of objects."""
    run = subprocess.run(
        [interpreter(), str(SCRIPT)],
        env={**os.environ, "MICROPYPATH": f"{ROOT}:.frozen"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if run.returncode:
        raise SystemExit(f"benchmarks.events: {run.stdout}{run.stderr}")
    figures: dict[str, float] = json.loads(run.stdout)
    assert set(figures) == {"5", "20"}
    assert all(value > 0 for value in figures.values())
    return {name: round(value, 1) for name, value in figures.items()}


def compare(seeds: tuple[int, ...] = SEEDS) -> tuple[Score, Score]:
    """Return the scores of our tracker and of ByteTrack on the same boxes."""
    mine, theirs = Score(), Score()
    for seed in seeds:
        for scene in scenes(seed):
            assert sum(map(len, scene.frames)) > 0, scene.name
            mine.add(scene, *ours(scene))
            theirs.add(scene, *bytetrack(scene))
    assert mine.crossings == theirs.crossings > 0
    return mine, theirs


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.events", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    options = parser.parse_args()
    mine, theirs = compare()
    row = {
        "count_errors": mine.count_errors,
        "count_errors_bytetrack": theirs.count_errors,
        "switches": mine.switches,
        "switches_bytetrack": theirs.switches,
        "fragments": mine.fragments,
        "fragments_bytetrack": theirs.fragments,
        "crossings": mine.crossings,
        "us_per_frame": cost(),
    }
    if options.json:
        print(json.dumps(row))
        return 0
    print(f"{'scenes':12} {'errors':>7} {'ByteTrack':>10} {'switches':>9} {'ByteTrack':>10}")
    for kind, (errors, switches) in mine.scenes.items():
        other = theirs.scenes[kind]
        print(f"{kind:12} {errors:7} {other[0]:10} {switches:9} {other[1]:10}")
    for name, value in row.items():
        print(f"{name}: {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
