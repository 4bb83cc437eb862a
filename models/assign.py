"""Which cells answer for which box, and the detectors' losses. Boxes are in input pixels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from models.boxes import STRIDES
from models.resample import Size

MOST_BOXES = 8
"""Room for boxes per picture in a target: rows class (−1 = none), cx, cy, w, h."""


@dataclass(frozen=True)
class Cells:
    """The cells of all three strides in one list, finest first; all tensors [cells]."""

    x: Tensor
    y: Tensor
    stride: Tensor

    @staticmethod
    def of(size: Size) -> Cells:
        """Return the cells of an input of ``size``."""
        xs, ys, strides = [], [], []
        for stride in STRIDES:
            width, height = size[0] // stride, size[1] // stride
            y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
            xs.append(x.flatten())
            ys.append(y.flatten())
            strides.append(torch.full((height * width,), stride))
        return Cells(torch.cat(xs).float(), torch.cat(ys).float(), torch.cat(strides).float())


def nearest(allowed: Tensor, distance: Tensor) -> tuple[Tensor, Tensor]:
    """Pick for each cell the nearest allowed box.

    Both [n, boxes, …]; returns the mask of cells that have one and its number, [n, …].
    """
    away = torch.where(allowed, distance, torch.full_like(distance, 1e9))
    least, which = away.min(1)
    return least < 1e9, which


def take(boxes: Tensor, which: Tensor) -> Tensor:
    """Gather the boxes [n, m, 5] by number [n, …] to [n, …, 5]."""
    flat = which.flatten(1)
    picked = torch.gather(boxes, 1, flat[..., None].expand(-1, -1, boxes.shape[-1]))
    return picked.view(*which.shape, boxes.shape[-1])


def giou(ours: Tensor, theirs: Tensor) -> tuple[Tensor, Tensor]:
    """Return (IoU, generalised IoU) of boxes x1, y1, x2, y2, row by row."""
    low = torch.maximum(ours[..., :2], theirs[..., :2])
    high = torch.minimum(ours[..., 2:], theirs[..., 2:])
    both = (high - low).clamp(min=0).prod(-1)
    area = (ours[..., 2:] - ours[..., :2]).clamp(min=0).prod(-1)
    union = area + (theirs[..., 2:] - theirs[..., :2]).prod(-1) - both + 1e-6
    hull_low = torch.minimum(ours[..., :2], theirs[..., :2])
    hull_high = torch.maximum(ours[..., 2:], theirs[..., 2:])
    hull = (hull_high - hull_low).prod(-1) + 1e-6
    iou = both / union
    return iou, iou - (hull - union) / hull


def corners(boxes: Tensor) -> Tensor:
    """Turn cx, cy, w, h into x1, y1, x2, y2."""
    half = boxes[..., 2:] / 2
    return torch.cat([boxes[..., :2] - half, boxes[..., :2] + half], -1)


def balanced(logits: Tensor, wanted: Tensor, count: Tensor) -> Tensor:
    """Return focal cross entropy with soft targets, per positive.

    The modulation |target − p|² is the quality focal loss's.
    """
    chance = torch.sigmoid(logits)
    entropy = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    return ((wanted - chance.detach()).abs() ** 2 * entropy).sum() / count
