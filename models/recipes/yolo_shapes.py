"""What the YOLO-headed models share: pictures with several shapes, letterboxed, and the scoring."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from models import assign, yolo
from models.networks_yolo import Scale
from models.recipe import Arrays, Base
from models.recipes.detection_free import in_reach
from models.resample import Pixels, Placement, Size, pad_centre
from models.yolo import Object, Values

BORDER = 114
NMS = 0.5
MOST = 8
"""Room for objects per picture in a target; class -1 = none."""


class YoloShapes(Base):
    """Up to five shapes, 128×96 letterboxed on grey 114, one output as YOLO11 exports it."""

    size: Size = (128, 96)
    outputs = ("output0",)
    pool, epochs, batch, rate = 10000, 17, 48, 4e-3
    more: tuple[int, ...] = (9,)
    figure = ""
    """What the mean average precision is called."""

    threshold = 0.35
    # Pixels up to 128 and scores up to 1 share one tensor: 8 bits leave four steps for the scores.
    quantised = "int16"

    def __init__(self, labels: dict[str, str], points: int) -> None:
        """Take what each kind of shape is called, label to kind, and the key points of each."""
        self.labels = labels
        self.cells = assign.Cells.of(self.size)
        self.scale = Scale(self.size, len(labels), points)

    def kinds(self, rng: np.random.Generator, demo: int | None) -> list[str]:
        """Choose one to five kinds, rarely none."""
        chosen = [str(kind) for kind in rng.choice(list(self.labels.values()), rng.integers(1, 6))]
        if demo is None and rng.random() < 0.04:
            chosen = []
        return chosen

    def label(self, kind: str) -> str:
        """Return the label of a kind."""
        return next(label for label, other in self.labels.items() if other == kind)

    def placement(self, frame: Size) -> Placement:
        """Return where a frame lies in the input."""
        return pad_centre(np.zeros((frame[1], frame[0], 3), np.uint8), self.size, BORDER)[1]

    def prepare(self, frame: Pixels) -> Pixels:
        """Fit the frame in the middle of a grey input."""
        return pad_centre(frame, self.size, BORDER)[0]

    def matched(self, truth: Tensor) -> tuple[Tensor, Tensor]:
        """Return which cells [n, cells] answer for an object, and for which.

        ``truth`` is [n, objects, 5]: class, centre and the upright box's sides.
        """
        cells = self.cells
        dx = (truth[:, :, 1, None] / cells.stride - cells.x - 0.5).abs()
        dy = (truth[:, :, 2, None] / cells.stride - cells.y - 0.5).abs()
        near = torch.maximum(dx, dy) < 0.9
        return assign.nearest(in_reach(truth, cells.stride) & near, dx + dy)

    def values(self, raw: Tensor) -> Tensor:
        """Turn raw rows into the export's, cell by cell."""
        rows = self.scale.low.shape[1]
        return torch.sigmoid(raw[..., :rows]) * self.scale.span + self.scale.low

    def named(self, raw: Tensor, found: Tensor, kinds: Tensor, fit: Tensor) -> Tensor:
        """Return the loss of the scores: each towards how well its cell's answer fits."""
        count = len(self.labels)
        logits = raw[..., 4 : 4 + count]
        quality = torch.zeros_like(logits)
        quality[found] = functional.one_hot(kinds.long(), count).float() * fit[:, None]
        positives = found.sum().clamp(min=1)
        alone = functional.binary_cross_entropy_with_logits(
            logits[found], quality[found], reduction="sum"
        )
        return 2 * assign.balanced(logits, quality, positives) + alone / positives

    def rows(self, truth: list[Object], width: int) -> NDArray[np.float32]:
        """Return the rows of a target, with the class of each object in front; -1: none."""
        rows = np.zeros((MOST, width), np.float32)
        rows[:, 0] = -1
        for row, one in zip(rows, truth, strict=False):
            row[0] = list(self.labels).index(one.label)
        return rows

    def answering(self, raw: Tensor, truth: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return which cells answer for an object, their values, and the objects' rows of the target."""
        found, which = self.matched(truth[..., :5])
        return found, self.values(raw)[found], assign.take(truth, which)[found]

    def decode(self, outputs: Arrays, frame: Size) -> list[Object]:
        """Return objects in frame pixels, best first."""
        at = self.placement(frame)
        labels = list(self.labels)
        answers = zip(*yolo.candidates(outputs[0], len(labels)), strict=True)
        found = [
            Object(labels[int(kind)], float(score), *self.shape(box, rest, at, frame))
            for box, kind, score, rest in answers
        ]
        return yolo.suppress(found, self.overlap, NMS)

    def shape(
        self, box: Values, rest: Values, at: Placement, frame: Size
    ) -> tuple[Values, Values | None]:
        """Return the box and the key points of an object in frame pixels.

        box: centre and sides, rest: what follows the scores, in the input's pixels.
        """
        raise NotImplementedError

    def overlap(self, one: Object, other: Object) -> float:
        """Return how much of two answers is the same object, 0 to 1."""
        raise NotImplementedError

    def likeness(self, truth: Object, answer: Object) -> float:
        """Return how well an answer fits the truth, 0 to 1."""
        raise NotImplementedError

    def score(self, pairs: list[tuple[list[Object], list[Object]]]) -> dict[str, float]:
        """Return the mean average precision at a likeness of 0.5, precision and recall at the threshold."""
        figures = {self.figure: yolo.average_precision(pairs, self.likeness)}
        return {**figures, **yolo.hits(pairs, self.likeness, self.threshold)}

    def fields(self, task: str) -> dict[str, Any]:
        """Return the fields of ``deploy_config.json`` that both share."""
        return {
            "model_type": "yolo11",
            "task": task,
            "confidence_threshold": self.threshold,
            "nms_threshold": NMS,
            "categories": list(self.labels),
            "num_classes": len(self.labels),
        }
