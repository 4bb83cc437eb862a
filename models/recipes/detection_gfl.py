"""GFLDet: class logits that carry the box's quality, and distances as distributions."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from models import assign, boxes
from models.boxes import GFL_BINS, Box
from models.networks_det import Detector
from models.recipe import Arrays
from models.recipes.detection_free import in_reach
from models.recipes.shapes_boxes import LABELS, ShapesBoxes
from models.resample import Size


class Gfl(ShapesBoxes):
    """Three outputs [points, 4+68], raw; points lie on the cells' corners, not their centres."""

    name = "shapes_det_gfl"
    epochs = 22

    def __init__(self) -> None:
        self.cells = assign.Cells.of(self.size)

    def network(self) -> nn.Module:
        """Return the detector; per point 4 × 17 bins and 4 class logits."""
        channels = len(LABELS) + 4 * GFL_BINS
        network = Detector(self.size, channels, 80, nn.Identity(), points=True)
        network.start_scores(slice(len(LABELS)), channels)
        return network

    def loss(self, outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...]) -> Tensor:
        """Quality focal loss of the classes, GIoU and distribution focal loss of the sides."""
        truth, cells = targets[0], self.cells
        px, py = cells.x * cells.stride, cells.y * cells.stride
        dx = (truth[:, :, 1, None] - px).abs() / cells.stride
        dy = (truth[:, :, 2, None] - py).abs() / cells.stride
        # A point must lie inside its box, since distances cannot be negative.
        inside = ((truth[:, :, 1, None] - px).abs() < truth[:, :, 3, None] / 2) & (
            (truth[:, :, 2, None] - py).abs() < truth[:, :, 4, None] / 2
        )
        near = (torch.maximum(dx, dy) < 0.9) & inside
        found, which = assign.nearest(in_reach(truth, cells.stride) & near, dx + dy)
        wanted = assign.take(truth, which)[found]
        bins = outputs[0][found][:, len(LABELS) :].reshape(-1, 4, GFL_BINS)
        reach = torch.softmax(bins, -1) @ torch.arange(GFL_BINS, dtype=torch.float32)
        index = found.nonzero()[:, 1]
        point = torch.stack([px[index], py[index]], -1)
        stride = cells.stride[index][:, None]
        mine = torch.cat([point - reach[:, :2] * stride, point + reach[:, 2:] * stride], -1)
        goal = assign.corners(wanted[:, 1:])
        iou, general = assign.giou(mine, goal)
        exact = torch.cat([point - goal[:, :2], goal[:, 2:] - point], -1) / stride
        exact = exact.clamp(0, GFL_BINS - 1.01)
        below = exact.floor()
        odds = functional.log_softmax(bins, -1)
        spread = -(
            odds.gather(-1, below.long()[..., None])[..., 0] * (below + 1 - exact)
            + odds.gather(-1, below.long()[..., None] + 1)[..., 0] * (exact - below)
        )
        logits = outputs[0][..., : len(LABELS)]
        quality = torch.zeros_like(logits)
        kinds = functional.one_hot(wanted[:, 0].long(), len(LABELS)).float()
        quality[found] = kinds * iou.detach().clamp(min=0)[:, None]
        positives = found.sum().clamp(min=1)
        # Focal loss alone teaches where shapes are much sooner than which they are.
        named = functional.binary_cross_entropy_with_logits(
            logits[found], quality[found], reduction="sum"
        )
        scores = assign.balanced(logits, quality, positives) + 0.5 * named / positives
        return 2 * (1 - general).sum() / positives + 0.25 * spread.sum() / positives + 2 * scores

    def decode(self, outputs: Arrays, frame: Size) -> list[Box]:
        """Return the boxes as aicube does."""
        return self.answer(boxes.gfl(outputs, self.size, self.threshold), frame)

    def config(self) -> dict[str, Any]:
        """Return the detector's fields."""
        return self.fields("GFLDet")


RECIPE = Gfl()
