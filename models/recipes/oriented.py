"""Oriented boxes in YOLO11's form: ellipses, rectangles and arrows turned any way."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from models import draw, draw_turned, yolo
from models.draw_turned import box_corners
from models.networks_yolo import FIRST, SECTORS, Yolo
from models.recipe import Arrays
from models.recipes.yolo_shapes import YoloShapes
from models.resample import Pixels, Placement, Size
from models.yolo import Object, Values

LABELS = {"椭圆": "ellipse", "rectangle": "rectangle", "箭头": "arrow"}


def spread(sides: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the covariance (xx, yy, xy) of boxes; ``cos``, ``sin`` of twice the angle."""
    long, short = (sides.clamp(min=1) ** 2 / 12).unbind(-1)
    mean, half = (long + short) / 2, (long - short) / 2
    return mean + half * cos, mean - half * cos, half * sin


def distance(
    one: tuple[Tensor, Tensor, Tensor], other: tuple[Tensor, Tensor, Tensor], offset: Tensor
) -> Tensor:
    """Return the Hellinger distance of boxes taken as normal distributions, 0 to 1."""
    xx, yy, xy = (a + b for a, b in zip(one, other, strict=True))
    dx, dy = offset.unbind(-1)
    both = xx * yy - xy * xy + 1e-6
    away = (yy * dx**2 + xx * dy**2 - 2 * xy * dx * dy) / both / 4
    areas = [(a * b - c * c).clamp(min=1e-6) for a, b, c in (one, other)]
    shape = 0.5 * torch.log(both / (4 * torch.sqrt(areas[0] * areas[1]) + 1e-6))
    return torch.sqrt(1 - torch.exp(-(away + shape).clamp(1e-4, 50)) + 1e-6)


def near_sectors(angle: Tensor) -> Tensor:
    """Return how near each sector is to the angles [n], round the half turn: [n, sectors]."""
    middles = (torch.arange(SECTORS) + 0.5) * (math.pi / SECTORS) + FIRST
    away = (angle[:, None] - middles + math.pi / 2) % math.pi - math.pi / 2
    return torch.exp(-((away / (1.2 * math.pi / SECTORS)) ** 2) / 2)


class Oriented(YoloShapes):
    """One output [1, 4 + 3 + 1, 252]; the angle in radians, clockwise, from -45 to 135 degrees."""

    name = "shapes_obb"
    figure = "oriented_map50"
    more = (9, 9)
    threshold = 0.5

    def __init__(self) -> None:
        super().__init__(LABELS, 0)

    def network(self) -> nn.Module:
        """Return the network: per cell a box, three scores and the angle."""
        return Yolo(self.size, len(self.labels), (32, 64, 112, 128), angle=True)

    def scene(
        self, rng: np.random.Generator, *, demo: int | None = None, unseen: bool = False
    ) -> tuple[Pixels, list[Object]]:
        """Draw the shapes; the truth is a list of objects with turned boxes."""
        image = draw.ground(rng, draw.frame_size(rng, demo))
        found = draw_turned.scatter(rng, image, self.kinds(rng, demo), (0.16, 0.42))
        return np.asarray(image), [Object(self.label(one.kind), 1.0, one.box) for one in found]

    def target(self, truth: list[Object], frame: Size) -> Arrays:
        """Return rows of class, cx, cy, upright w, h, long and short side, angle in the input."""
        at = self.placement(frame)
        rows = self.rows(truth, 8)
        for row, one in zip(rows, truth, strict=False):
            points = box_corners(one.box) * at.gain
            row[1:3] = one.box[:2] * at.gain + [at.dx, at.dy]
            row[3:5] = points.max(0) - points.min(0)
            row[5:7], row[7] = one.box[2:4] * at.gain, one.box[4]
        return (rows,)

    def loss(self, outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...]) -> Tensor:
        """Distance of the boxes and of their directions, scores towards the likeness."""
        raw = outputs[0]
        found, mine, wanted = self.answering(raw, targets[0])
        cos, sin = torch.cos(2 * wanted[:, 7]), torch.sin(2 * wanted[:, 7])
        # With the right angle: the sides are learnt before the direction is.
        away = distance(
            spread(mine[:, 2:4], cos, sin),
            spread(wanted[:, 5:7], cos, sin),
            mine[:, :2] - wanted[:, 1:3],
        )
        sides = (mine[:, 2:4].clamp(min=1) / wanted[:, 5:7]).log().abs().sum(-1)
        turns = raw[found][:, -SECTORS:]
        direction = functional.binary_cross_entropy_with_logits(
            turns, near_sectors(wanted[:, 7]), reduction="sum"
        )
        positives = found.sum().clamp(min=1)
        geometry = (2 * away + 0.5 * sides).sum() / positives + 0.4 * direction / positives
        return geometry + self.named(raw, found, wanted[:, 0], (1 - away).detach().clamp(0, 1))

    def shape(
        self, box: Values, rest: Values, at: Placement, frame: Size
    ) -> tuple[Values, Values | None]:
        """Return the turned box."""
        centre = yolo.unplaced(box[None, :2], at)[0]
        return np.array([*centre, *box[2:] / at.gain, rest[0]]), None

    def overlap(self, one: Object, other: Object) -> float:
        """Return the IoU of the turned boxes."""
        return yolo.polygon_iou(box_corners(one.box), box_corners(other.box))

    def likeness(self, truth: Object, answer: Object) -> float:
        """Return the same."""
        return self.overlap(truth, answer)

    def expected(self, truth: list[Object]) -> dict[str, Any]:
        """Return ``{"objects": [{"label", "corners", "angle"}]}``: degrees, 0 to 180, clockwise."""
        return {
            "objects": [
                {
                    "label": one.label,
                    "corners": np.round(box_corners(one.box), 1).tolist(),
                    "angle": round(float(np.degrees(one.box[4])) % 180, 1) % 180,
                }
                for one in truth
            ]
        }

    def config(self) -> dict[str, Any]:
        """Return the model's fields."""
        return self.fields("oriented_detection")


RECIPE = Oriented()
