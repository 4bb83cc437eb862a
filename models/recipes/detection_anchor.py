"""AnchorBaseDet: nine anchors, boxes and scores by sigmoid."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from models import assign, boxes
from models.boxes import Box
from models.networks_det import Detector
from models.recipe import Arrays
from models.recipes.shapes_boxes import LABELS, ShapesBoxes
from models.resample import Size

ANCHORS = (
    (12, 12, 16, 16, 20, 20),
    (25, 25, 31, 31, 38, 38),
    (46, 46, 57, 57, 72, 72),
)
"""Width and height of three anchors for each of the strides 8, 16, 32, in input pixels."""

PER_ANCHOR = 5 + len(LABELS)

RATIO = 1.7
"""A box belongs to an anchor when neither side differs by more than this factor."""


class AnchorBase(ShapesBoxes):
    """Three outputs [1, gh, gw, 3·(5+4)], already sigmoid."""

    name = "shapes_det"
    pool, epochs = 12000, 12

    def __init__(self) -> None:
        self.cells = assign.Cells.of(self.size)
        pairs = torch.tensor(ANCHORS, dtype=torch.float32).view(3, 3, 2)
        level = (torch.log2(self.cells.stride) - 3).long()
        self.anchors = pairs[level]

    def network(self) -> nn.Module:
        """Return the detector; per cell and anchor 4 numbers of geometry and 5 scores."""
        network = Detector(self.size, 3 * PER_ANCHOR, 96, torch.sigmoid)
        network.start_scores(slice(4, None), PER_ANCHOR)
        return network

    def loss(self, outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...]) -> Tensor:
        """GIoU of the positives, their classes, and objectness towards the IoU reached."""
        truth, cells, count = targets[0], self.cells, len(outputs[0])
        raw = outputs[0].view(count, -1, 3, PER_ANCHOR)
        geometry, scores = torch.sigmoid(raw[..., :4]), raw[..., 4:]
        sides = truth[:, :, None, None, 3:]
        ratio = torch.maximum(sides / self.anchors, self.anchors / sides.clamp(min=1)).amax(-1)
        dx = (truth[:, :, 1, None] / cells.stride - cells.x - 0.5).abs()
        dy = (truth[:, :, 2, None] / cells.stride - cells.y - 0.5).abs()
        near = torch.maximum(dx, dy) < 0.8
        allowed = (truth[:, :, 0] >= 0)[:, :, None, None] & (ratio < RATIO) & near[..., None]
        found, which = assign.nearest(allowed, (dx + dy)[..., None].expand_as(ratio))
        grid = torch.stack([cells.x, cells.y], -1)[:, None]
        centre = (geometry[..., :2] * 2 - 0.5 + grid) * cells.stride[:, None, None]
        box = torch.cat([centre, (geometry[..., 2:] * 2) ** 2 * self.anchors], -1)
        mine, wanted = box[found], assign.take(truth, which)[found]
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
        """Return the boxes as aicube does."""
        return self.answer(boxes.anchor_base(outputs, ANCHORS, self.threshold), frame)

    def config(self) -> dict[str, Any]:
        """Return the detector's fields."""
        return {**self.fields("AnchorBaseDet"), "anchors": [list(row) for row in ANCHORS]}


RECIPE = AnchorBase()
