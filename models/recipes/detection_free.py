"""AnchorFreeDet: one box per cell, centre offset and log sides."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from models import assign, boxes
from models.boxes import Box
from models.networks_det import Detector, Ranges
from models.recipe import Arrays
from models.recipes.shapes_boxes import LABELS, ShapesBoxes
from models.resample import Size

REACH = {8: (0.0, 28.0), 16: (22.0, 54.0), 32: (42.0, 1e6)}
"""Longer side of the boxes that each stride answers for, input pixels; the ranges overlap."""


LOW, HIGH = (-1.0, -1.0, -1.0, -1.0), (2.0, 2.0, 3.0, 3.0)
"""Ranges of the centre's offset in cells and of the log of the sides in cells."""


def in_reach(truth: Tensor, stride: Tensor) -> Tensor:
    """Return which boxes [n, m, 5] belong to which cells [cells] by size: [n, m, cells]."""
    longest = truth[:, :, 3:].amax(-1)[:, :, None]
    low = torch.zeros_like(stride)
    high = torch.zeros_like(stride)
    for step, (least, most) in REACH.items():
        low[stride == step] = least
        high[stride == step] = most
    return (truth[:, :, :1] >= 0) & (longest >= low) & (longest < high)


class AnchorFree(ShapesBoxes):
    """Three outputs [1, gh, gw, 5+4]."""

    name = "shapes_det_free"
    epochs = 18

    def __init__(self) -> None:
        self.cells = assign.Cells.of(self.size)

    def network(self) -> nn.Module:
        """Return the detector; per cell 4 numbers of geometry and 5 scores."""
        scores = 1 + len(LABELS)
        low, high = [*LOW, *[0.0] * scores], [*HIGH, *[1.0] * scores]
        network = Detector(self.size, 4 + scores, 96, Ranges(low, high))
        network.start_scores(slice(4, None), 4 + scores)
        return network

    def loss(self, outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...]) -> Tensor:
        """GIoU of the positives, their classes, and objectness towards the IoU reached."""
        truth, cells = targets[0], self.cells
        dx = (truth[:, :, 1, None] / cells.stride - cells.x - 0.5).abs()
        dy = (truth[:, :, 2, None] / cells.stride - cells.y - 0.5).abs()
        near = torch.maximum(dx, dy) < 0.9
        found, which = assign.nearest(in_reach(truth, cells.stride) & near, dx + dy)
        grid = torch.stack([cells.x, cells.y], -1)
        low, high = torch.tensor(LOW), torch.tensor(HIGH)
        geometry = torch.sigmoid(outputs[0][..., :4]) * (high - low) + low
        scores = outputs[0][..., 4:]
        centre = (geometry[..., :2] + grid) * cells.stride[:, None]
        sides = torch.exp(geometry[..., 2:]) * cells.stride[:, None]
        mine, wanted = torch.cat([centre, sides], -1)[found], assign.take(truth, which)[found]
        iou, general = assign.giou(assign.corners(mine), assign.corners(wanted[:, 1:]))
        quality = torch.zeros(found.shape)
        quality[found] = iou.detach().clamp(min=0)
        positives = found.sum().clamp(min=1)
        kinds = functional.one_hot(wanted[:, 0].long(), len(LABELS)).float()
        named = functional.binary_cross_entropy_with_logits(
            scores[found][:, 1:], kinds, reduction="sum"
        )
        objects = assign.balanced(scores[..., 0], quality, positives)
        return 2 * (1 - general).sum() / positives + named / positives + 2 * objects

    def decode(self, outputs: Arrays, frame: Size) -> list[Box]:
        """Return the boxes, each once, with its best class."""
        return self.answer(boxes.anchor_free(outputs, self.threshold), frame)

    def config(self) -> dict[str, Any]:
        """Return the detector's fields."""
        return self.fields("AnchorFreeDet")


RECIPE = AnchorFree()
