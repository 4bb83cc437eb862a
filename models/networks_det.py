"""The detectors' network: one unbranched chain that tells all three strides' cells at its end.

Every branch of a network ends a run of fused layers, and each run costs the KPU simulator 30 ms
before the first multiply-add. So there is no feature pyramid: the last map, stride 32, has a
channel for each value of the sixteen stride-8, four stride-16 and one stride-32 cells under it.
A gather with fixed indices, which the CPU does in passing, puts them in order; slices and
transpositions would be three more runs.
"""

# mypy: allow-subclassing-any

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from models.networks import conv
from models.resample import Size

CELLS = (16, 4, 1)
"""Cells of the strides 8, 16 and 32 under one cell of the last map."""


def spread(block: Tensor, side: int) -> Tensor:
    """Turn [n, side·side·c, h, w] into [n, h·side, w·side, c]."""
    count, channels, height, width = block.shape
    depth = channels // side**2
    split = block.view(count, side, side, depth, height, width)
    ordered = split.permute(0, 4, 1, 5, 2, 3)
    return ordered.reshape(count, height * side, width * side, depth)


class Detector(nn.Module):
    """Raw values [n, cells, channels] in training; the platform's three outputs afterwards."""

    def __init__(
        self,
        size: Size,
        channels: int,
        width: int,
        activate: Callable[[Tensor], Tensor],
        *,
        points: bool = False,
    ) -> None:
        """Take channels per cell; ``activate`` maps raw [n, 21·channels, h, w] to finished.

        ``points`` asks for outputs [points, channels] instead of [1, gh, gw, channels].
        """
        super().__init__()
        self.trunk = nn.Sequential(
            conv(3, 8, stride=2),
            conv(8, 16, stride=2),
            conv(16, 32, stride=2),
            conv(32, 64, stride=2),
            conv(64, 112, stride=2),
            conv(112, width),
        )
        self.head = nn.Conv2d(width, sum(CELLS) * channels, 1)
        self.channels = channels
        self.activate = activate
        height, across = size[1] // 32, size[0] // 32
        count = sum(CELLS) * channels * height * across
        places = torch.arange(count).view(1, -1, height, across)
        self.places = [
            level.reshape(-1, channels) if points else level for level in self._levels(places)
        ]

    def _levels(self, raw: Tensor) -> tuple[Tensor, ...]:
        fine, middle, coarse = torch.split(raw, [count * self.channels for count in CELLS], 1)
        return spread(fine, 4), spread(middle, 2), coarse.permute(0, 2, 3, 1)

    def start_scores(self, scores: slice, every: int) -> None:
        """Start the scores low: the channels ``scores`` of each group of ``every``."""
        with torch.no_grad():
            bias = self.head.bias
            assert bias is not None
            bias.zero_()
            bias.view(-1, every)[:, scores] = -3.0

    def forward(self, pixels: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Map [n, 3, h, w] to one tensor in training, one picture to three afterwards."""
        raw = self.head(self.trunk(pixels))
        if self.training:
            return torch.cat([level.flatten(1, 2) for level in self._levels(raw)], 1)
        finished = self.activate(raw).reshape(-1)
        return tuple(finished[places] for places in self.places)


class Ranges(nn.Module):
    """A sigmoid stretched to its own range in each channel.

    One activation for geometry and scores alike keeps the chain in one piece, and its bounded
    range is what 8-bit quantisation likes.
    """

    low: Tensor
    span: Tensor

    def __init__(self, low: list[float], high: list[float]) -> None:
        """Take the range of each of a cell's channels."""
        super().__init__()
        lows = torch.tensor(low * sum(CELLS)).view(1, -1, 1, 1)
        highs = torch.tensor(high * sum(CELLS)).view(1, -1, 1, 1)
        self.register_buffer("low", lows, persistent=False)
        self.register_buffer("span", highs - lows, persistent=False)

    def forward(self, raw: Tensor) -> Tensor:
        """Map raw [n, 21·channels, h, w] to the ranges."""
        return torch.sigmoid(raw) * self.span + self.low
