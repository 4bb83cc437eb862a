"""A network that answers for every pixel, without a branch (see ``networks_det`` for why)."""

# mypy: allow-subclassing-any

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.networks import conv
from models.networks_det import spread


class Dense(nn.Module):
    """Strided stages, plain ones, and one channel per value of each pixel under a last cell."""

    def __init__(
        self, widths: Sequence[int], *plain_then_classes: int, probability: bool = False
    ) -> None:
        """Take the widths of the strided stages, those of plain ones, and values per pixel.

        ``probability`` puts a sigmoid on the exported output.
        """
        super().__init__()
        *plain, classes = plain_then_classes
        layers = []
        before = 3
        for width in widths:
            layers.append(conv(before, width, stride=2))
            before = width
        for width in plain:
            layers.append(conv(before, width))
            before = width
        self.trunk = nn.Sequential(*layers)
        self.side = 2 ** len(widths)
        self.head = nn.Conv2d(before, classes * self.side**2, 1)
        self.probability = probability

    def forward(self, pixels: Tensor) -> Tensor:
        """Map [n, 3, h, w] to [n, h, w, classes]."""
        raw = self.head(self.trunk(pixels))
        if self.probability and not self.training:
            raw = torch.sigmoid(raw)
        return spread(raw, self.side)
