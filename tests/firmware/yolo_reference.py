"""YOLO outputs decoded with NumPy, written from the papers' formulas: what the firmware is compared with.

Rows are dicts: class, score, and x1, y1, x2, y2 (or the five numbers of a rotated box) in pixels of the
model's input, with what belongs to a task.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Row = dict[str, Any]


def candidates(
    output: NDArray[np.float32], kind: str, classes: int, confidence: float
) -> list[Row]:
    """Return the candidates that pass, best first; `rest` is what follows the classes."""
    table = np.asarray(output[0], np.float64)
    if kind == "columns":
        table = table.T
    found: list[Row] = []
    for values in table:
        if kind == "rows":
            score, label, rest = values[4], int(values[5]), values[6:]
            box = values[:4]
        else:
            first = 5 if kind == "anchors" else 4
            scores = values[first : first + classes] * (values[4] if kind == "anchors" else 1)
            label, rest = int(scores.argmax()), values[first + classes :]
            score = scores[label]
            x, y, w, h = values[:4]
            box = np.array([x - w / 2, y - h / 2, x + w / 2, y + h / 2])
        if score > confidence:
            found.append(
                {"class": label, "score": score, "box": box, "raw": values[:4], "rest": rest}
            )
    return sorted(found, key=lambda row: -row["score"])


def iou(a: Array, b: Array) -> float:
    """Return the overlap of two boxes x1, y1, x2, y2."""
    w = min(a[2], b[2]) - max(a[0], b[0])
    h = min(a[3], b[3]) - max(a[1], b[1])
    both = max(0.0, w) * max(0.0, h)
    return float(both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both))


def probiou(a: Array, b: Array) -> float:
    """Return the overlap of two rotated boxes cx, cy, w, h, angle as Gaussians: 1 - Hellinger distance."""

    def covariance(box: Array) -> Array:
        turn = np.array([[np.cos(box[4]), -np.sin(box[4])], [np.sin(box[4]), np.cos(box[4])]])
        return np.asarray(turn @ np.diag([box[2] ** 2 / 12, box[3] ** 2 / 12]) @ turn.T)

    one, two = covariance(a), covariance(b)
    mean = (one + two) / 2
    way = a[:2] - b[:2]
    distance = way @ np.linalg.inv(mean) @ way / 8 + 0.5 * np.log(
        np.linalg.det(mean) / np.sqrt(np.linalg.det(one) * np.linalg.det(two))
    )
    return float(1 - np.sqrt(1 - np.exp(-distance)))


def suppressed(rows: list[Row], overlap: float, rotated: bool, agnostic: bool = False) -> list[Row]:
    """Return what greedy suppression keeps, class by class."""
    kept: list[Row] = []
    for row in rows:
        if rotated:
            row["box"] = np.array([*row["raw"], row["rest"][-1]])
        measure = probiou if rotated else iou
        if not any(
            (agnostic or other["class"] == row["class"])
            and measure(other["box"], row["box"]) > overlap
            for other in kept
        ):
            kept.append(row)
    return kept


def mask_of(
    row: Row, prototypes: NDArray[np.float32], size: tuple[int, int], threshold: float
) -> NDArray[np.bool_]:
    """Return an instance's mask in the model's input, (height, width), cut to its box."""
    width, height = size
    logits = np.tensordot(row["rest"][-32:], np.asarray(prototypes[0], np.float64), 1)
    logits = cv2.resize(logits, (width, height), interpolation=cv2.INTER_LINEAR)
    mask = np.zeros((height, width), np.bool_)
    x1, y1, x2, y2 = (round(max(0.0, side)) for side in row["box"])
    mask[y1:y2, x1:x2] = logits[y1:y2, x1:x2] > np.log(threshold / (1 - threshold))
    return mask
