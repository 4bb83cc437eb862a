"""From detector outputs to boxes, in numpy: the platform's three heads, per-class NMS, scoring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.resample import Placement, Size

STRIDES = (8, 16, 32)
GFL_BINS = 17

Rows = NDArray[np.float64]
"""Candidates [n, 6]: class, score, x1, y1, x2, y2."""


@dataclass(frozen=True)
class Box:
    """One object in frame pixels."""

    label: str
    score: float
    corners: tuple[float, float, float, float]
    """x1, y1, x2, y2."""


def _grid(height: int, width: int) -> tuple[Rows, Rows]:
    y, x = np.mgrid[0:height, 0:width]
    return x.astype(float), y.astype(float)


def _rows(scores: Rows, corners: Rows, threshold: float) -> Rows:
    """Keep each (box, class) above the threshold; scores [n, nc], corners [n, 4]."""
    at, kind = np.nonzero(scores > threshold)
    return np.concatenate([kind[:, None], scores[at, kind][:, None], corners[at]], 1)


def anchor_base(
    outputs: Sequence[NDArray[Any]], anchors: Sequence[Sequence[int]], threshold: float
) -> Rows:
    """Decode three [1, gh, gw, 3·(5+nc)], already sigmoid, in input pixels."""
    found = []
    for stride, output, row in zip(STRIDES, outputs, anchors, strict=True):
        height, width = output.shape[1:3]
        cells = output.reshape(height, width, 3, -1).astype(float)
        x, y = _grid(height, width)
        cx = (2 * cells[..., 0] - 0.5 + x[..., None]) * stride
        cy = (2 * cells[..., 1] - 0.5 + y[..., None]) * stride
        sides = (2 * cells[..., 2:4]) ** 2 * np.array(row, float).reshape(3, 2)
        half = sides / 2
        corners = np.stack(
            [cx - half[..., 0], cy - half[..., 1], cx + half[..., 0], cy + half[..., 1]], -1
        )
        scores = cells[..., 5:] * cells[..., 4:5]
        found.append(_rows(scores.reshape(-1, scores.shape[-1]), corners.reshape(-1, 4), threshold))
    return np.concatenate(found)


def anchor_free(outputs: Sequence[NDArray[Any]], threshold: float) -> Rows:
    """Decode three [1, gh, gw, 5+nc]; score = object, label = the best class."""
    found = []
    for stride, output in zip(STRIDES, outputs, strict=True):
        height, width = output.shape[1:3]
        cells = output.reshape(height * width, -1).astype(float)
        x, y = _grid(height, width)
        centre = (cells[:, :2] + np.stack([x.ravel(), y.ravel()], 1)) * stride
        half = np.exp(cells[:, 2:4]) * stride / 2
        scores = np.zeros_like(cells[:, 5:])
        best = cells[:, 5:].argmax(1)
        scores[np.arange(len(best)), best] = cells[:, 4]
        found.append(_rows(scores, np.concatenate([centre - half, centre + half], 1), threshold))
    return np.concatenate(found)


def gfl(outputs: Sequence[NDArray[Any]], size: Size, threshold: float) -> Rows:
    """Decode three [points, nc+68]: class logits, then four times 17 bins."""
    found = []
    for stride, output in zip(STRIDES, outputs, strict=True):
        width, height = -(-size[0] // stride), -(-size[1] // stride)
        cells = output.reshape(width * height, -1).astype(float)
        x, y = _grid(height, width)
        point = np.stack([x.ravel(), y.ravel()], 1) * stride
        logits = cells[:, : -4 * GFL_BINS]
        bins = cells[:, -4 * GFL_BINS :].reshape(-1, 4, GFL_BINS)
        odds = np.exp(bins - bins.max(-1, keepdims=True))
        odds /= odds.sum(-1, keepdims=True)
        reach = odds @ np.arange(GFL_BINS) * stride
        corners = np.concatenate([point - reach[:, :2], point + reach[:, 2:]], 1)
        scores = 1 / (1 + np.exp(-logits))
        scores[scores < scores.max(1, keepdims=True)] = 0
        found.append(_rows(scores, corners, threshold))
    return np.concatenate(found)


def overlap(one: Rows, many: Rows) -> Rows:
    """Return the IoU of one box [4] with many [n, 4]."""
    low, high = np.maximum(one[:2], many[:, :2]), np.minimum(one[2:], many[:, 2:])
    both = np.prod(np.clip(high - low, 0, None), 1)
    area = np.prod(one[2:] - one[:2]) + np.prod(many[:, 2:] - many[:, :2], 1)
    return np.asarray(both / np.maximum(area - both, 1e-9))


def finish(
    rows: Rows, labels: Sequence[str], placement: Placement, frame: Size, nms: float
) -> list[Box]:
    """Suppress overlaps class by class and return boxes in frame pixels, best first."""
    rows = rows[np.argsort(-rows[:, 1])]
    kept: list[Rows] = []
    for row in rows:
        rivals = np.array([other[2:] for other in kept if other[0] == row[0]]).reshape(-1, 4)
        if not (overlap(row[2:], rivals) >= nms).any():
            kept.append(row)
    boxes = []
    for row in kept:
        x1, x2 = np.clip((row[[2, 4]] - placement.dx) / placement.gain, 0, frame[0])
        y1, y2 = np.clip((row[[3, 5]] - placement.dy) / placement.gain, 0, frame[1])
        corners = (float(x1), float(y1), float(x2), float(y2))
        boxes.append(Box(labels[int(row[0])], float(row[1]), corners))
    return boxes


def score(pairs: list[tuple[list[Box], list[Box]]], least: float = 0.5) -> dict[str, float]:
    """Match answers to truths of the same label at IoU ≥ ``least``; return F1 and its parts."""
    hits, wanted, given, overlaps = 0, 0, 0, []
    for truths, answers in pairs:
        free = list(truths)
        wanted, given = wanted + len(truths), given + len(answers)
        for answer in answers:
            same = [box for box in free if box.label == answer.label]
            if not same:
                continue
            iou = overlap(np.array(answer.corners), np.array([box.corners for box in same]))
            if iou.max() >= least:
                hits += 1
                overlaps.append(float(iou.max()))
                free.remove(same[int(iou.argmax())])
    recall, precision = hits / max(wanted, 1), hits / max(given, 1)
    return {
        "f1": 2 * hits / max(wanted + given, 1),
        "precision": precision,
        "recall": recall,
        "mean_iou": float(np.mean(overlaps)) if overlaps else 0.0,
    }
