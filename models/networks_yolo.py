"""YOLO11's heads for key points and oriented boxes on the unbranched chain of ``networks_det``.

The export has one output [1, rows, cells] as a YOLO export has it: centre, sides, a score for each
class, then x, y and visibility of each key point, or the angle. All but the angle is a sigmoid
stretched to a range of its own in each cell: a multiplication per channel, and an addition. The
angle is the middle of the likeliest of 36 sectors, because a number that jumps from 135 degrees to
-45 is hard to learn, and because an arc tangent costs the simulator ten times as much.
"""

# mypy: allow-subclassing-any

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from models.assign import Cells
from models.networks import conv
from models.networks_det import CELLS, spread
from models.resample import Size

REACH = 2.75
"""Key points lie at most this many cells from the middle of their cell."""

SECTORS = 36
"""Of the half turn that the angle has."""

FIRST = -math.pi / 4
"""Where the first sector begins: YOLO's angles go from -45 to 135 degrees."""

LARGEST = 5.0
"""Longest side in cells."""


class Scale:
    """What turns a cell's sigmoids into values: ``low`` and ``span`` [cells, rows]."""

    def __init__(self, size: Size, classes: int, points: int) -> None:
        """Take the input's size, and how many classes and key points a cell has."""
        cells = Cells.of(size)
        stride = cells.stride[:, None]
        grid = torch.stack([cells.x, cells.y], 1)
        one = torch.ones_like(stride)
        low = [(grid - 1) * stride, 0 * one, 0 * one, *[0 * one] * classes]
        span = [*[3 * stride] * 2, *[LARGEST * stride] * 2, *[one] * classes]
        for _ in range(points):
            low += [(grid + 0.5 - REACH) * stride, 0 * one]
            span += [*[2 * REACH * stride] * 2, one]
        self.low, self.span = torch.cat(low, 1), torch.cat(span, 1)


class Yolo(nn.Module):
    """Raw values [n, cells, rows] in training; one output [1, rows, cells] afterwards."""

    low: Tensor
    span: Tensor

    def __init__(
        self,
        size: Size,
        classes: int,
        widths: tuple[int, int, int, int],
        *,
        points: int = 0,
        angle: bool = False,
    ) -> None:
        """Take what a cell tells, and the last four layers' widths; ``angle`` adds the sectors."""
        super().__init__()
        first, second, third, last = widths
        self.trunk = nn.Sequential(
            conv(3, 8, stride=2),
            conv(8, 16, stride=2),
            conv(16, first, stride=2),
            conv(first, second, stride=2),
            conv(second, third, stride=2),
            conv(third, last),
        )
        scale = Scale(size, classes, points)
        rows = scale.low.shape[1]
        self.raw = rows + SECTORS * angle
        height, across = size[1] // 32, size[0] // 32
        channels = sum(CELLS) * self.raw
        # Sectors' middles are values of the map, too: one more joined to it would be a run more.
        spare = -(-SECTORS // (height * across)) if angle else 0
        self.head = nn.Conv2d(last, channels + spare, 1)
        with torch.no_grad():
            bias = self.head.bias
            assert bias is not None
            bias.zero_()
            # Scores start low, and key points in the middle of their range.
            bias[:channels].view(-1, self.raw)[:, 4 : 4 + classes] = -4.0
        places = torch.arange(channels * height * across).view(1, -1, height, across)
        order = self._cells(places)[0].T
        wanted, self.turns = order[:rows], order[rows:]
        # The same numbers where the map has them: stretching comes before the gather, in one run.
        count = (channels + spare) * height * across
        low, span = torch.zeros(count), torch.ones(count)
        low[wanted.reshape(-1)] = scale.low.T.reshape(-1)
        span[wanted.reshape(-1)] = scale.span.T.reshape(-1)
        if angle:
            middles = (torch.arange(SECTORS) + 0.5) * (math.pi / SECTORS) + FIRST
            span[places.numel() :] = 0
            low[places.numel() : places.numel() + SECTORS] = middles
            wanted = torch.cat([wanted, torch.full_like(wanted[:1], places.numel())])
        self.register_buffer("low", low.view(1, -1, height, across), persistent=False)
        span = span.view(1, -1, height, across)[..., :1, :1]
        self.register_buffer("span", span, persistent=False)
        self.places = wanted
        self.last = (torch.arange(len(wanted)) == rows).long()[:, None]

    def _cells(self, raw: Tensor) -> Tensor:
        """Turn [n, 21·rows, h, w] into [n, cells, rows], finest cells first."""
        levels = torch.split(raw, [count * self.raw for count in CELLS], 1)
        sides = (4, 2, 1)
        parts = [spread(level, side) for level, side in zip(levels, sides, strict=True)]
        return torch.cat([part.flatten(1, 2) for part in parts], 1)

    def forward(self, pixels: Tensor) -> Tensor:
        """Map [n, 3, h, w] to raw values in training, one picture to the export's rows after."""
        raw = self.head(self.trunk(pixels))
        if self.training:
            return self._cells(raw[:, : sum(CELLS) * self.raw])
        finished = (torch.sigmoid(raw) * self.span + self.low).reshape(-1)
        places = self.places
        if len(self.turns):
            sector = torch.argmax(finished[self.turns], 0, keepdim=True)
            places = places + self.last * sector
        return finished[places][None]
