"""From a YOLO head's output to objects, in numpy, and the mean average precision of answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.resample import Placement

Values = NDArray[np.float64]

LEAST = 0.05
"""Answers below this score are left out: the rest of the curve is flat."""


@dataclass(frozen=True)
class Object:
    """One object in frame pixels: a box x1, y1, x2, y2 and key points, or a turned box."""

    label: str
    score: float
    box: Values
    """x1, y1, x2, y2, or for oriented boxes cx, cy, w, h, angle."""
    points: Values | None = None
    """Key points [n, 2]."""


Likeness = Callable[[Object, Object], float]
"""How well an answer fits the truth (first), 0 to 1."""


def candidates(output: NDArray[Any], classes: int) -> tuple[Values, Values, Values, Values]:
    """Return boxes [n, 4] as centre and sides, class numbers, scores and the rest [n, rows]."""
    rows = output[0].astype(float).T
    scores = rows[:, 4 : 4 + classes]
    best = scores.max(1)
    chosen = np.argsort(-best)
    chosen = chosen[best[chosen] > LEAST]
    rows = rows[chosen]
    return rows[:, :4], scores[chosen].argmax(1), best[chosen], rows[:, 4 + classes :]


def suppress(objects: Sequence[Object], overlap: Likeness, most: float) -> list[Object]:
    """Keep the objects, best first, that overlap no better one of their label."""
    kept: list[Object] = []
    for one in objects:
        if not any(o.label == one.label and overlap(o, one) > most for o in kept):
            kept.append(one)
    return kept


def unplaced(points: Values, placement: Placement) -> Values:
    """Turn points [n, 2] of the input into frame pixels."""
    offset = np.array([placement.dx, placement.dy])
    return np.asarray((points - offset) / placement.gain)


def polygon_iou(one: Values, other: Values) -> float:
    """Return the IoU of two convex polygons [n, 2]."""
    hulls = [cv2.convexHull(points.astype(np.float32)) for points in (one, other)]
    both, _ = cv2.intersectConvexConvex(hulls[0], hulls[1])
    areas = sum(float(cv2.contourArea(hull)) for hull in hulls)
    return float(both) / max(areas - float(both), 1e-6)


def average_precision(
    pairs: Sequence[tuple[Sequence[Object], Sequence[Object]]], fits: Likeness, least: float = 0.5
) -> float:
    """Return the mean over labels of the average precision, interpolated at 101 recalls.

    ``pairs`` holds each picture's truths and answers.
    """
    labels = sorted({one.label for truths, _ in pairs for one in truths})
    figures = []
    for label in labels:
        ranked: list[tuple[float, bool]] = []
        wanted = 0
        for truths, answers in pairs:
            free = [one for one in truths if one.label == label]
            wanted += len(free)
            for answer in sorted(answers, key=lambda one: -one.score):
                if answer.label != label:
                    continue
                fit = [fits(one, answer) for one in free]
                hit = bool(fit) and max(fit) >= least
                if hit:
                    free.pop(int(np.argmax(fit)))
                ranked.append((answer.score, hit))
        ranked.sort(key=lambda row: -row[0])
        hits = np.cumsum([hit for _, hit in ranked])
        recall = hits / max(wanted, 1)
        precision = hits / np.arange(1, len(hits) + 1)
        best = np.maximum.accumulate(precision[::-1])[::-1]
        at = np.searchsorted(recall, np.linspace(0, 1, 101))
        figures.append(float(np.mean([best[i] if i < len(best) else 0.0 for i in at])))
    return float(np.mean(figures)) if figures else 0.0


def hits(
    pairs: Sequence[tuple[Sequence[Object], Sequence[Object]]], fits: Likeness, threshold: float
) -> dict[str, float]:
    """Return precision and recall of the answers that reach the package's threshold."""
    found, wanted, given = 0, 0, 0
    for truths, answers in pairs:
        free = list(truths)
        sure = [one for one in answers if one.score > threshold]
        wanted, given = wanted + len(truths), given + len(sure)
        for answer in sure:
            fit = [fits(one, answer) if one.label == answer.label else 0.0 for one in free]
            if fit and max(fit) >= 0.5:
                found += 1
                free.pop(int(np.argmax(fit)))
    return {"precision": found / max(given, 1), "recall": found / max(wanted, 1)}
