"""Small networks that suit the KPU: plain convolutions, ReLU, no depthwise tricks.

The KPU's time, and its simulator's, goes by multiply-adds on full-width convolutions; depthwise
ones cost the simulator as much as plain ones of several times the work.
"""

# mypy: allow-subclassing-any

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.draw_shapes import MIXED


def conv(
    width_in: int, width_out: int, *, stride: int | tuple[int, int] = 1, size: int = 3
) -> nn.Sequential:
    """Return convolution, batch normalisation (folded at export) and ReLU."""
    return nn.Sequential(
        nn.Conv2d(width_in, width_out, size, stride, size // 2, bias=False),
        nn.BatchNorm2d(width_out),
        nn.ReLU(),
    )


class Trunk(nn.Module):
    """A chain of stride-2 stages; returns the outputs of all of them, finest first."""

    def __init__(self, widths: Sequence[int], *, extra: Sequence[int] = ()) -> None:
        """Give the stages named by ``extra`` (from 0) a second convolution."""
        super().__init__()
        stages = []
        before = 3
        for index, width in enumerate(widths):
            layers = [conv(before, width, stride=2)]
            if index in extra:
                layers.append(conv(width, width))
            stages.append(nn.Sequential(*layers))
            before = width
        self.stages = nn.ModuleList(stages)

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """Map [n, 3, h, w] to maps of stride 2, 4, 8, …"""
        maps = []
        for stage in self.stages:
            pixels = stage(pixels)
            maps.append(pixels)
        return maps


class Classifier(nn.Module):
    """A trunk, the mean or maximum over the picture and one linear layer: [n, classes].

    In training two maps come along, [n, 1 + kinds, h/8, w/8] and [n, 1 + kinds, h/16, w/16]: what
    lies in each cell. The answer alone teaches too little a picture: after ten epochs it is still
    at chance.
    """

    def __init__(
        self,
        widths: Sequence[int],
        classes: int,
        kinds: int,
        *,
        extra: Sequence[int] = (),
        peak: bool = False,
    ) -> None:
        """Take ``kinds``, what a cell may show; ``peak`` asks for the maximum, not the mean."""
        super().__init__()
        self.trunk = Trunk(widths, extra=extra)
        self.pool = nn.AdaptiveMaxPool2d(1) if peak else nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(widths[-1], classes)
        self.fine = nn.Conv2d(widths[2], 1 + kinds, 1)
        self.coarse = nn.Conv2d(widths[3], 1 + kinds, 1)

    def forward(self, pixels: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Map [n, 3, h, w] to raw scores [n, classes]."""
        maps = self.trunk(pixels)
        pooled = self.pool(maps[-1])
        scores: Tensor = self.head(torch.flatten(pooled, 1))
        if self.training:
            return scores, self.fine(maps[2]), self.coarse(maps[3])
        return scores


def cell_loss(fine: Tensor, coarse: Tensor, cells: Tensor) -> Tensor:
    """Return the cross entropy of a classifier's two maps; ``cells`` is [n, h/8, w/8]."""
    double = functional.interpolate(coarse, scale_factor=2.0)
    return functional.cross_entropy(
        fine, cells.long(), ignore_index=MIXED
    ) + functional.cross_entropy(double, cells.long(), ignore_index=MIXED)
