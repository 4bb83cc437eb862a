"""Scenes for tracks, zones and lines: what a detector would say, and what is true.

Our own generator, the same for the same seed: objects walk, turn, stop, cross each other, hide behind
others; the detector misses some, jitters, cuts what is half hidden, and sees what is not there.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, field

WIDTH, HEIGHT, FPS = 640, 480, 30

SETTINGS = (
    "events:",
    "  enabled: true",
    "  confirm_frames: 1",
    "  zones:",
    "    - {name: a, points: [[0.0, 0.0], [0.5, 0.0], [0.5, 0.5], [0.0, 0.5]]}",
    "    - {name: b, points: [[0.5, 0.0], [1.0, 0.0], [1.0, 0.5], [0.5, 0.5]]}",
    "    - {name: c, points: [[0.0, 0.5], [0.5, 0.5], [0.5, 1.0], [0.0, 1.0]]}",
    "    - {name: d, points: [[0.5, 0.5], [1.0, 0.5], [1.0, 1.0], [0.5, 1.0]]}",
)
"""Lines of a task's YAML: four zones, for what events cost a frame."""

Row = tuple[int, int, int, int, int, int]  # x, y, w, h, score1000, class
Line = tuple[int, int, int, int]


@dataclass
class Scene:
    """Frames of boxes, with the true object of each (-1: none), and what each line should have counted."""

    name: str
    frames: list[list[Row]] = field(default_factory=list)
    truths: list[list[int]] = field(default_factory=list)
    line: Line = (320, 0, 320, 480)
    counted_in: int = 0
    counted_out: int = 0


@dataclass
class Thing:
    """An object: a path of (frame, centre x, bottom y), straight between its points; depth: nearer hides farther."""

    points: list[tuple[int, float, float]]
    w: float
    h: float
    kind: int = 0
    depth: float = 0.0

    def at(self, frame: int) -> tuple[float, float] | None:
        """Return centre x and bottom y, None where it is not there."""
        points = self.points
        if not points[0][0] <= frame <= points[-1][0]:
            return None
        for (f1, x1, y1), (f2, x2, y2) in itertools.pairwise(points):
            if f1 <= frame <= f2:
                part = (frame - f1) / max(1, f2 - f1)
                return x1 + (x2 - x1) * part, y1 + (y2 - y1) * part
        return None


@dataclass(frozen=True)
class Detector:
    """How the boxes are spoiled; jitter: standard deviation, as a part of the object's size."""

    jitter: float = 0.02
    missed: float = 0.05
    burst: float = 0.01  # chance that several frames in a row are missed
    false: float = 0.05  # boxes a frame that are nothing
    hidden: float = 0.6  # the part that must be covered for an object not to be seen


def render(
    name: str, things: list[Thing], frames: int, line: Line, detector: Detector, seed: int
) -> Scene:
    """Return the scene that a detector makes of these objects."""
    chance = random.Random(seed)
    scene = Scene(name, line=line)
    blind = [0] * len(things)
    for frame in range(frames):
        rows: list[tuple[Row, int]] = []
        there = [(i, thing, thing.at(frame)) for i, thing in enumerate(things)]
        for i, thing, place in there:
            if place is None or not _inside(place, thing):
                continue
            covered = max(
                [
                    _covered(thing, place, other, spot)
                    for j, other, spot in there
                    if j != i and spot is not None and other.depth > thing.depth
                ],
                default=0.0,
            )
            if blind[i]:
                blind[i] -= 1
                continue
            if covered >= detector.hidden or chance.random() < detector.missed:
                continue
            if chance.random() < detector.burst:
                blind[i] = chance.randint(3, 12)
                continue
            rows.append((_box(thing, place, covered, detector, chance), i))
        if chance.random() < detector.false:
            size = chance.randint(20, 80)
            x, y = chance.randint(0, WIDTH - size), chance.randint(0, HEIGHT - size)
            rows.append(((x, y, size, size, chance.randint(300, 550), 0), -1))
        rows.sort(key=lambda row: -row[0][4])
        scene.frames.append([row for row, _ in rows])
        scene.truths.append([true for _, true in rows])
    for thing in things:
        _count(scene, thing, frames)
    return scene


def _inside(place: tuple[float, float], thing: Thing) -> bool:
    x, y = place
    return thing.w / 4 < x < WIDTH - thing.w / 4 and thing.h / 2 < y < HEIGHT + thing.h / 4


def _covered(
    thing: Thing, place: tuple[float, float], other: Thing, spot: tuple[float, float]
) -> float:
    w = min(place[0] + thing.w / 2, spot[0] + other.w / 2) - max(
        place[0] - thing.w / 2, spot[0] - other.w / 2
    )
    h = min(place[1], spot[1]) - max(place[1] - thing.h, spot[1] - other.h)
    return max(0.0, w) * max(0.0, h) / (thing.w * thing.h)


def _box(
    thing: Thing,
    place: tuple[float, float],
    covered: float,
    detector: Detector,
    chance: random.Random,
) -> Row:
    def spoiled(value: float, size: float) -> float:
        return value + chance.gauss(0, detector.jitter * size)

    left, right = (
        spoiled(place[0] - thing.w / 2, thing.w),
        spoiled(place[0] + thing.w / 2, thing.w),
    )
    top, bottom = spoiled(place[1] - thing.h, thing.h), spoiled(place[1], thing.h)
    left, top = max(0.0, left), max(0.0, top)
    right, bottom = min(float(WIDTH), right), min(float(HEIGHT), bottom)
    score = int(1000 * max(0.3, min(0.99, chance.gauss(0.85 - 0.6 * covered, 0.06))))
    return (
        int(left),
        int(top),
        max(2, int(right - left)),
        max(2, int(bottom - top)),
        score,
        thing.kind,
    )


def _count(scene: Scene, thing: Thing, frames: int) -> None:
    """Count the true crossings of an object's bottom centre; a vertical or horizontal line of the whole frame."""
    x1, y1, x2, y2 = scene.line
    before = 0
    for frame in range(frames):
        place = thing.at(frame)
        if place is None or not _inside(place, thing):
            continue
        side = (x2 - x1) * (place[1] - y1) - (y2 - y1) * (place[0] - x1)
        now = 1 if side > 0 else -1 if side < 0 else before
        if before and now != before:
            if now > 0:
                scene.counted_in += 1
            else:
                scene.counted_out += 1
        before = now


def walkers(count: int, frames: int, seed: int, speed: float = 3.0) -> list[Thing]:
    """Return people who come in at a side and walk across, some with a turn or a rest."""
    chance = random.Random(seed)
    things = []
    for _ in range(count):
        h = chance.uniform(70, 130)
        w = h * chance.uniform(0.35, 0.5)
        y = chance.uniform(h + 10, HEIGHT - 5)
        start = chance.randint(0, max(1, frames // 2))
        pace = speed * chance.uniform(0.6, 1.6)
        x1, x2 = (-w, WIDTH + w) if chance.random() < 0.5 else (WIDTH + w, -w)
        length = int(abs(x2 - x1) / pace)
        y2 = min(HEIGHT - 5, max(h + 10, y + chance.uniform(-80, 80)))
        points = [(start, x1, y)]
        kind = chance.random()
        if kind < 0.25:  # rests away from the line
            part = chance.choice((0.25, 0.75))
            at = start + int(length * part)
            xm, ym = x1 + (x2 - x1) * part, y + (y2 - y) * part
            rest = chance.randint(15, 60)
            points += [(at, xm, ym), (at + rest, xm, ym), (start + length + rest, x2, y2)]
        elif kind < 0.4:  # turns back behind the line
            at = start + int(length * 0.75)
            xm = x1 + (x2 - x1) * 0.75
            points += [(at, xm, y2), (at + int(length * 0.75), x1, y)]
        else:
            points += [(start + length, x2, y2)]
        things.append(Thing(points, w, h, 0, y))
    return things


def scenes(seed: int = 1) -> list[Scene]:
    """Return the scenes of the benchmark."""
    middle = (320, 0, 320, 480)
    made = []
    for i in range(4):
        base = seed * 1000 + i * 10
        made += [
            render(f"few {i}", walkers(5, 400, base + 1), 500, middle, Detector(), base + 1),
            render(f"many {i}", walkers(14, 500, base + 2), 600, middle, Detector(), base + 2),
            render(
                f"jitter {i}",
                walkers(6, 400, base + 3),
                500,
                middle,
                Detector(jitter=0.05),
                base + 3,
            ),
            render(
                f"missed {i}",
                walkers(6, 400, base + 4),
                500,
                middle,
                Detector(missed=0.2, burst=0.02),
                base + 4,
            ),
            render(
                f"fast {i}",
                walkers(6, 300, base + 5, speed=18.0),
                400,
                middle,
                Detector(),
                base + 5,
            ),
            render(f"crossing {i}", _crossing(base + 6), 300, middle, Detector(), base + 6),
            render(
                f"crowd {i}",
                walkers(20, 120, base + 7, speed=2.5),
                500,
                middle,
                Detector(),
                base + 7,
            ),
            render(
                f"false {i}",
                walkers(4, 400, base + 8),
                500,
                middle,
                Detector(false=0.6),
                base + 8,
            ),
        ]
    return made


def _crossing(seed: int) -> list[Thing]:
    """Two who meet in the middle, on nearly the same way, several times."""
    chance = random.Random(seed)
    things = []
    for start in range(0, 200, 60):
        h = chance.uniform(80, 120)
        y = chance.uniform(250, 460)
        pace = chance.uniform(3, 6)
        length = int(720 / pace)
        for x1, x2, off in ((-40, 680, 0.0), (680, -40, chance.uniform(2, 25))):
            things.append(
                Thing(
                    [(start, x1, y + off), (start + length, x2, y + off)], h * 0.42, h, 0, y + off
                )
            )
    return things
