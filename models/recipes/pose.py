"""Pose in YOLO11's form: darts and kites with their four corners as key points."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models import assign, boxes, draw, draw_shapes, yolo
from models.draw_turned import CORNERS, SKELETON
from models.networks_yolo import Yolo
from models.recipe import Arrays
from models.recipes.yolo_shapes import YoloShapes
from models.resample import Pixels, Placement, Size
from models.yolo import Object, Values

LABELS = {"飞镖": "dart", "kite": "kite"}

SIGMA = 1 / len(CORNERS)
"""How exact a corner has to be: what Ultralytics' evaluation takes for key points that are not
COCO's."""

STRICT = 0.1
"""The same in training: as exact as a person's hip in COCO."""

SHAPE = 0.53
"""A shape's area as part of its box's, as the same evaluation takes it."""


class Pose(YoloShapes):
    """One output [1, 4 + 2 + 4·3, 252]."""

    name = "shapes_pose"
    figure = "oks_map50"

    def __init__(self) -> None:
        super().__init__(LABELS, len(CORNERS))

    def network(self) -> nn.Module:
        """Return the network: per cell a box, two scores and four points."""
        return Yolo(self.size, len(self.labels), (40, 80, 144, 160), points=len(CORNERS))

    def scene(
        self, rng: np.random.Generator, *, demo: int | None = None, unseen: bool = False
    ) -> tuple[Pixels, list[Object]]:
        """Draw the shapes; the truth is a list of objects with key points."""
        image = draw.ground(rng, draw.frame_size(rng, demo))
        found = draw_shapes.scatter(rng, image, self.kinds(rng, demo), (0.16, 0.42), gap=0.95)
        truth = [
            Object(self.label(shape.kind), 1.0, np.array(shape.box), shape.corners)
            for shape in found
        ]
        return np.asarray(image), truth

    def target(self, truth: list[Object], frame: Size) -> Arrays:
        """Return rows of class, cx, cy, w, h and the corners in input pixels."""
        at = self.placement(frame)
        rows = self.rows(truth, 5 + 2 * len(CORNERS))
        for row, one in zip(rows, truth, strict=False):
            assert one.points is not None
            x1, y1, x2, y2 = one.box * at.gain + [at.dx, at.dy, at.dx, at.dy]
            row[1:5] = (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1
            row[5:] = (one.points * at.gain + [at.dx, at.dy]).ravel()
        return (rows,)

    def loss(self, outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...]) -> Tensor:
        """GIoU of the boxes, similarity and distance of the points, scores towards both."""
        raw = outputs[0]
        found, mine, wanted = self.answering(raw, targets[0])
        iou, general = assign.giou(assign.corners(mine[:, :4]), assign.corners(wanted[:, 1:5]))
        at = mine[:, 4 + len(self.labels) :].reshape(-1, len(CORNERS), 3)
        goal = wanted[:, 5:].reshape(-1, len(CORNERS), 2)
        area = wanted[:, 3:5].prod(-1).clamp(min=1)[:, None]
        away = (at[..., :2] - goal).square().sum(-1)
        alike = torch.exp(-away / (2 * SHAPE * area * (2 * STRICT) ** 2))
        far = torch.sqrt(away / area + 1e-6)
        positives = found.sum().clamp(min=1)
        fit = (iou.clamp(min=0) * alike.mean(-1)).sqrt().detach()
        points = (1 - alike).mean(-1) + 2 * far.mean(-1)
        seen = (1 - at[..., 2]).mean(-1)
        geometry = ((1 - general) + 2 * points + 0.1 * seen).sum() / positives
        return geometry + self.named(raw, found, wanted[:, 0], fit)

    def shape(
        self, box: Values, rest: Values, at: Placement, frame: Size
    ) -> tuple[Values, Values | None]:
        """Return the upright box inside the frame, and the corners."""
        corners = np.stack([box[:2] - box[2:] / 2, box[:2] + box[2:] / 2])
        upright = np.clip(yolo.unplaced(corners, at), 0, frame).ravel()
        return upright, yolo.unplaced(rest.reshape(-1, 3)[:, :2], at)

    def overlap(self, one: Object, other: Object) -> float:
        """Return the IoU of the boxes."""
        return float(boxes.overlap(one.box, other.box[None])[0])

    def likeness(self, truth: Object, answer: Object) -> float:
        """Return the object key point similarity."""
        assert truth.points is not None
        assert answer.points is not None
        area = float(np.prod(truth.box[2:] - truth.box[:2])) * SHAPE
        away = ((truth.points - answer.points) ** 2).sum(1)
        return float(np.exp(-away / (2 * max(area, 1e-6) * (2 * SIGMA) ** 2)).mean())

    def expected(self, truth: list[Object]) -> dict[str, Any]:
        """Return ``{"objects": [{"label", "x", "y", "w", "h", "keypoints"}]}``, frame pixels."""
        rows = []
        for one in truth:
            assert one.points is not None
            x1, y1, x2, y2 = (round(float(value), 1) for value in one.box)
            box = {"x": x1, "y": y1, "w": round(x2 - x1, 1), "h": round(y2 - y1, 1)}
            points = [
                {"name": name, "x": round(float(x), 1), "y": round(float(y), 1)}
                for name, (x, y) in zip(CORNERS, one.points, strict=True)
            ]
            rows.append({"label": one.label, **box, "keypoints": points})
        return {"objects": rows}

    def config(self) -> dict[str, Any]:
        """Return the model's fields."""
        skeleton = [list(pair) for pair in SKELETON]
        return {**self.fields("pose"), "keypoints": list(CORNERS), "skeleton": skeleton}


RECIPE = Pose()
