"""Which kinds of shapes are there? Any number of them, one sigmoid each."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.nn import functional

from models import draw, draw_shapes
from models.draw_shapes import Shape
from models.networks import Classifier, cell_loss
from models.recipe import Arrays, Base
from models.resample import Pixels, Size, stretch

LABELS = {
    "圆形": "circle",
    "triangle": "triangle",
    "square": "square",
    "星形": "star",
    "heart": "heart",
}
KINDS = list(LABELS.values())
THRESHOLD = 0.5


def labels(shapes: list[Shape]) -> list[str]:
    """Return the labels of the kinds present, in the order of the categories."""
    present = {shape.kind for shape in shapes}
    return [label for label, kind in LABELS.items() if kind in present]


class Multilabel(Base):
    """Full-frame stretch to 128×96, logits [1, 5]."""

    name = "shapes_multl"
    size: Size = (128, 96)
    outputs = ("logits",)
    pool, epochs, batch, rate = 12000, 16, 64, 4e-3

    def network(self) -> nn.Module:
        """Return a plain convolutional classifier that looks for peaks."""
        count = len(LABELS)
        return Classifier((12, 24, 48, 64, 64), count, count, extra=(3,), peak=True)

    def scene(
        self, rng: np.random.Generator, *, demo: int | None = None, unseen: bool = False
    ) -> tuple[Pixels, list[Shape]]:
        """Draw up to four shapes of different kinds, which are the truth."""
        image = draw.ground(rng, draw.frame_size(rng, demo))
        count = int(rng.integers(0 if demo is None else 1, 5))
        kinds = [str(kind) for kind in rng.permutation(KINDS)[:count]]
        shapes = draw_shapes.scatter(rng, image, kinds, (0.13, 0.32), gap=0.95)
        return np.asarray(image), shapes

    def prepare(self, frame: Pixels) -> Pixels:
        """Stretch the whole frame."""
        return stretch(frame, self.size)

    def target(self, truth: list[Shape], frame: Size) -> Arrays:
        """Return which kinds are present, 0 or 1 each, and what lies in each cell."""
        present = np.zeros(len(KINDS), np.float32)
        for shape in truth:
            present[KINDS.index(shape.kind)] = 1
        return present, draw_shapes.cell_map(truth, KINDS, frame, self.size)

    def loss(self, outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...]) -> Tensor:
        """Cross entropy of each label, and of the cells."""
        answer = functional.binary_cross_entropy_with_logits(outputs[0], targets[0])
        return 3 * answer + cell_loss(outputs[1], outputs[2], targets[1])

    def decode(self, outputs: Arrays, frame: Size) -> list[str]:
        """Return the labels above the threshold."""
        odds = 1 / (1 + np.exp(-outputs[0][0].astype(np.float64)))
        return [label for label, chance in zip(LABELS, odds, strict=True) if chance > THRESHOLD]

    def score(self, pairs: list[tuple[list[Shape], list[str]]]) -> dict[str, float]:
        """Return the part of single labels right, and of frames with all labels right."""
        wrong = [len(set(labels(truth)) ^ set(answer)) for truth, answer in pairs]
        return {
            "label_accuracy": 1 - float(np.mean(wrong)) / len(LABELS),
            "frame_accuracy": float(np.mean([count == 0 for count in wrong])),
        }

    def expected(self, truth: list[Shape]) -> dict[str, list[str]]:
        """Return ``{"labels"}``."""
        return {"labels": labels(truth)}

    def config(self) -> dict[str, Any]:
        """Return the classifier's fields."""
        return {
            "model_type": "multilabel",
            "confidence_threshold": THRESHOLD,
            "categories": list(LABELS),
            "num_classes": len(LABELS),
        }


RECIPE = Multilabel()
