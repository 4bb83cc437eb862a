"""The detectors' network: a trunk, a light top-down neck, and one of three heads."""

# mypy: allow-subclassing-any

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.networks import Trunk, conv

WIDTHS = (8, 16, 32, 48, 64)
NECK = (32, 40, 48)


class Neck(nn.Module):
    """Give each of the strides 8, 16, 32 what the coarser ones know."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = Trunk(WIDTHS)
        self.deep = conv(64, NECK[2])
        self.middle = conv(48 + NECK[2], NECK[1], size=1)
        self.fine = conv(32 + NECK[1], 32, size=1)
        self.last = nn.ModuleList([conv(32, NECK[0]), conv(NECK[1], NECK[1]), nn.Identity()])

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """Map [n, 3, h, w] to three maps, strides 8, 16, 32, ``NECK`` channels."""
        maps = self.trunk(pixels)
        deep = self.deep(maps[4])
        up = functional.interpolate(deep, scale_factor=2.0, mode="nearest")
        middle = self.middle(torch.cat([maps[3], up], 1))
        up = functional.interpolate(middle, scale_factor=2.0, mode="nearest")
        fine = self.fine(torch.cat([maps[2], up], 1))
        return [last(level) for last, level in zip(self.last, (fine, middle, deep), strict=True)]


def _head(width: int, outputs: int, prior: float) -> nn.Conv2d:
    """Return a 1×1 convolution whose bias starts at ``prior``."""
    layer = nn.Conv2d(width, outputs, 1)
    nn.init.constant_(layer.bias, prior)  # type: ignore[arg-type]
    return layer


class Detector(nn.Module):
    """A neck with separate geometry and score heads, joined at the very end.

    Separate convolutions keep their own quantisation: distances and logits differ in range.
    Training sees raw values, [n, cells, channels] in one tensor over the three strides; the
    exported model finishes them with ``finish`` and returns one tensor per stride.
    """

    def __init__(
        self, geometry: int, scores: int, finish: Callable[[Tensor, Tensor], Tensor]
    ) -> None:
        """``geometry`` and ``scores`` are channels per cell."""
        super().__init__()
        self.neck = Neck()
        self.geometry = nn.ModuleList([_head(width, geometry, 0.0) for width in NECK])
        self.scores = nn.ModuleList([_head(width, scores, -3.0) for width in NECK])
        self.finish = finish

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """Return (geometry, scores) in training, the platform's three outputs afterwards."""
        levels = self.neck(pixels)
        shapes = [head(level) for head, level in zip(self.geometry, levels, strict=True)]
        odds = [head(level) for head, level in zip(self.scores, levels, strict=True)]
        if self.training:
            return _flat(shapes), _flat(odds)
        return tuple(self.finish(a, b) for a, b in zip(shapes, odds, strict=True))


def _flat(levels: list[Tensor]) -> Tensor:
    return torch.cat([level.flatten(2).transpose(1, 2) for level in levels], 1)


def finish_anchor_base(geometry: Tensor, scores: Tensor) -> Tensor:
    """Join to [n, gh, gw, 3·(5+nc)], sigmoid; channels come in per anchor."""
    count, _, height, width = geometry.shape
    shapes = torch.sigmoid(geometry).view(count, 3, 4, height, width)
    odds = torch.sigmoid(scores).view(count, 3, -1, height, width)
    joined = torch.cat([shapes, odds], 2).view(count, -1, height, width)
    return joined.permute(0, 2, 3, 1)


def finish_anchor_free(geometry: Tensor, scores: Tensor) -> Tensor:
    """Join to [n, gh, gw, 5+nc]: x, y, log sides raw; object and classes sigmoid."""
    return torch.cat([geometry, torch.sigmoid(scores)], 1).permute(0, 2, 3, 1)


def finish_gfl(geometry: Tensor, scores: Tensor) -> Tensor:
    """Join to [points, nc+68], all raw (one picture at a time)."""
    joined = torch.cat([scores, geometry], 1)
    return joined.permute(0, 2, 3, 1).reshape(-1, joined.shape[1])
