"""The YOLO post-processors beside the vendor's rules written once more, a candidate at a time.

Random tensors with what models rarely have: equal scores, boxes over every edge, a single candidate, none,
scores that are no numbers.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from virtual_board.silicon.native import yolo, yolo_obb, yolo_pose, yolo_seg

Floats = npt.NDArray[np.float32]
Row = dict[str, Any]

f = np.float32
MODEL = (64, 96)  # height, width: 126 cells
CELLS = 126
FRAMES = [((64, 96), (64, 96)), ((200, 150), (333, 411)), ((50, 301), (50, 301))]
CLASSES = 3
CONFIDENCE, OVERLAP = 0.4, 0.45
HEADS: dict[str, Any] = {
    "det5": yolo.yolov5_det_postprocess,
    "det8": yolo.yolov8_det_postprocess,
    "det26": yolo.yolo26_det_postprocess,
    "pose8": yolo_pose.yolov8_pose_postprocess,
    "pose26": yolo_pose.yolo26_pose_postprocess,
    "obb8": yolo_obb.yolo_obb_postprocess,
    "obb26": yolo_obb.yolo26_obb_postprocess,
    "seg5": yolo_seg.yolov5_seg_postprocess,
    "seg8": yolo_seg.yolov8_seg_postprocess,
    "seg26": yolo_seg.yolo26_seg_postprocess,
}
KINDS = ("plain", "ties", "edges", "one", "none", "odd")


def made(head: str, seed: int, kind: str, dims: int) -> Floats:
    """Return the rows of a head."""
    random = np.random.default_rng(seed)
    ended = head.endswith("26")
    extra = {"det": 0, "pos": 4 * dims, "obb": 1, "seg": 32}[head[:3]]
    classes = 1 if head == "pose8" else CLASSES
    first = 6 if ended else (5 if head.endswith("5") else 4) + classes
    rows = np.zeros(
        (300 if ended else 3 * CELLS if head.endswith("5") else CELLS, first + extra), f
    )
    rows[:, :4] = random.uniform((0, 0, 1, 1), (96, 64, 40, 40), (len(rows), 4))
    if kind == "edges":
        rows[:, :2] = random.choice([-9.5, -0.5, 0.0, 0.4, 63.7, 95.6, 99.0], (len(rows), 2))
    if head.startswith("seg"):  # of a box wholly outside the display the board's process ends
        rows[:, :2] = rows[:, :2].clip(-9, 95) * (0.45, 0.15)
        if kind == "edges":
            rows[:, 2:4] += 20
    rows[:, 4:first] = random.uniform(0, 1, (len(rows), first - 4))
    count = {"one": 1, "none": 0, "ties": 14}.get(kind, 40)
    chosen = random.permutation(len(rows))[:count]
    if ended:
        rows[:, 4] *= 0.39
        rows[chosen, 4] = random.uniform(0.45, 1, count)
        rows[:, 5] = random.integers(0, CLASSES, len(rows))
        if not head.startswith("obb"):
            rows[:, 2:4] += rows[:, :2]
    else:
        rows[:, 4:first] *= 0.39
        rows[chosen, 4:first] = random.uniform(0.7, 1, (count, first - 4))
    if kind == "ties":
        rows[:, 4:first] = np.floor(rows[:, 4:first] * 8) / 8 if not ended else rows[:, 4:first]
    if kind == "odd" and count:
        rows[chosen[0], 4] = np.nan
        rows[chosen[1], first - 1 if not ended else 4] = np.nan
        rows[chosen[2], 4] = -np.inf
        rows[chosen[3], 4] = np.inf
    rows[:, first:] = random.uniform(-1, 1, (len(rows), extra)) * (60 if head[:3] == "pos" else 2)
    return rows


def best(values: Floats) -> int:
    """Return where std::max_element stops."""
    at = 0
    for other in range(1, len(values)):
        if values[at] < values[other]:
            at = other
    return at


class Rule:
    """The vendor's rules for one head."""

    def __init__(
        self, head: str, frame: tuple[int, int], display: tuple[int, int], dims: int
    ) -> None:
        self.head = head
        self.frame, self.display, self.dims = frame, display, dims
        self.scale = min(f(MODEL[1] / frame[1]), f(MODEL[0] / frame[0]))

    def placed(self, value: np.float32, axis: int) -> np.float32:
        """Return a number of the input in pixels of the display."""
        placed: np.float32 = f(
            float(f(value / self.scale)) * (self.display[axis] / self.frame[axis])
        )
        return placed

    def candidate(self, row: Floats) -> Row | None:
        """Return what a row says, None where it does not pass."""
        ended = self.head.endswith("26")
        first = 5 if self.head.endswith("5") else 4
        classes = 1 if self.head == "pose8" else CLASSES
        if ended:
            score, label, rest = row[4], int(row[5]), row[6:]
        else:
            label = best(row[first : first + classes])
            score = row[first + label] * (row[4] if first == 5 else f(1))
            rest = row[first + classes :]
        if not score > f(CONFIDENCE):
            return None
        x, y, w, h = (self.placed(row[i], 1 - i % 2) for i in range(4))
        if self.head.startswith("obb"):
            box = [int(x), int(y), int(w), int(h)]
        elif ended:
            box = [int(max(x, f(0))), int(max(y, f(0))), int(f(w - x)), int(f(h - y))]
        else:
            left, top = float(x) - 0.5 * float(w), float(y) - 0.5 * float(h)
            box = [int(max(left, 0)), int(max(top, 0)), int(w), int(h)]
        if box[2] <= 0 or box[3] <= 0:
            return None
        return {"box": box, "label": label, "score": score, "rest": rest}

    def decode(self, rows: Floats) -> list[Row]:
        """Return what is left, in the order of the answer."""
        found = [each for each in map(self.candidate, rows) if each is not None]
        if self.head.endswith("26"):
            return found
        found.sort(key=lambda item: -float(item["score"]))
        kept: list[Row] = []
        measure = rotated if self.head.startswith("obb") else upright
        for item in found:
            if not any(measure(other, item) > OVERLAP for other in kept):
                kept.append(item)
        return kept


def upright(one: Row, two: Row) -> float:
    a, b = one["box"], two["box"]
    w = max(0, min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0]))
    h = max(0, min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1]))
    return float(f(w * h) / f(a[2] * a[3] + b[2] * b[3] - w * h))


def rotated(one: Row, two: Row) -> float:
    """Return the vendor's overlap of turned boxes, in double precision."""
    (x1, y1, a1, b1, c1), (x2, y2, a2, b2, c2) = (_spread(item) for item in (one, two))
    a, b, c = a1 + a2, b1 + b2, c1 + c2
    inner = a * b - c * c
    near = ((a * (y1 - y2) ** 2 + b * (x1 - x2) ** 2) / 4 + c * (x2 - x1) * (y1 - y2) / 2) / (
        inner + 1e-7
    )
    own = 4 * math.sqrt((a1 * b1 - c1 * c1) * (a2 * b2 - c2 * c2)) + 1e-7
    distance = min(100.0, max(1e-7, near + math.log(inner / own + 1e-7) / 2))
    return 1 - math.sqrt(1 - math.exp(-distance) + 1e-7)


def _spread(item: Row) -> tuple[float, ...]:
    x, y, w, h = item["box"]
    cos, sin = math.cos(item["rest"][-1]), math.sin(item["rest"][-1])
    along, aside = (w / 2) ** 2, (h / 2) ** 2
    return (
        x,
        y,
        along * cos**2 + aside * sin**2,
        along * sin**2 + aside * cos**2,
        w * h / 4 * cos * sin,
    )


def corners(item: Row) -> list[float]:
    x, y, w, h = item["box"]
    cos, sin = math.cos(item["rest"][-1]), math.sin(item["rest"][-1])
    found = []
    for along, aside in ((w, h), (-w, h), (-w, -h), (w, -h)):
        found += [x + cos * along / 2 - sin * aside / 2, y + sin * along / 2 + cos * aside / 2]
    return found


def painted(rule: Rule, found: list[Row], prototypes: Floats) -> npt.NDArray[np.bool_]:
    """Return which pixels of the display have a colour inside a box."""
    height, width = rule.display
    seen = np.zeros((height, width), bool)
    for item in found:
        logits = np.tensordot(item["rest"].astype(np.float64), prototypes.astype(np.float64), 1)
        used = []
        for axis in (0, 1):
            pad = max(MODEL[axis] - int(f(f(rule.frame[axis]) * rule.scale)), 0)
            used.append(MODEL[axis] // 4 - int(pad * (MODEL[axis] // 4 / MODEL[axis])))
        sigmoid = (1 / (1 + np.exp(-logits[: used[0], : used[1]]))).astype(f)
        mask = cv2.resize(sigmoid, (width, height)) > 0.5
        x, y, w, h = item["box"]
        window = (slice(y, min(y + h, height)), slice(x, min(x + w, width)))
        seen[window] |= mask[window]
    return seen


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("head", HEADS)
def test_every_head_follows_the_rule(head: str, kind: str) -> None:
    call = HEADS[head]
    for seed in range(4):
        frame, display = FRAMES[seed % len(FRAMES)]
        dims = 2 + seed % 2
        rows = made(head, 100 * seed + len(kind), kind, dims)
        prototypes = np.random.default_rng(seed).normal(0, 1, (32, 16, 24)).astype(f)
        args: list[Any] = [rows.reshape(-1)]
        if head.startswith("seg"):
            args.append(prototypes.reshape(-1))
        args += [frame, MODEL, display, 1 if head == "pose8" else CLASSES]
        args += [4, dims] if head.startswith("pose") else []
        args += [CONFIDENCE] + ([] if head.endswith("26") else [OVERLAP])
        answer = call(*args, 0.5 if head.startswith("seg") else 1000)
        more: Any
        found, more = (answer, None) if isinstance(answer, yolo.Found) else answer
        rule = Rule(head, frame, display, dims)
        truth = rule.decode(rows)
        assert {"none": 0, "one": 1}.get(kind, len(truth)) == len(truth), (head, kind, seed)
        assert kind in {"none", "one"} or len(truth) > 2
        assert found.ids.tolist() == [item["label"] for item in truth], (head, kind, seed)
        assert found.scores.tolist() == [float(item["score"]) for item in truth]
        if head.startswith("obb"):
            wanted = np.array([corners(item) for item in truth]).reshape(-1, 8)
            assert np.abs(found.boxes - np.trunc(wanted)).max(initial=0) <= 1
            continue
        boxes = [item["box"] for item in truth]
        if head.startswith("seg"):
            high = [display[1], display[0]]
            boxes = [[x, y, min(w, high[0] - x), min(h, high[1] - y)] for x, y, w, h in boxes]
            inside = painted(rule, truth, prototypes)
            assert (more[..., 0] > 0)[inside].all()
        assert found.boxes.tolist() == boxes, (head, kind, seed)
        if head.startswith("pose"):
            for values, item in zip(more, truth, strict=True):
                for at, value in enumerate(item["rest"]):
                    axis = at % dims
                    assert values[at] == (value if axis == 2 else rule.placed(value, 1 - axis))
