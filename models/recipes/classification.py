"""Which shape is it? One shape a frame, six classes, softmax."""

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
    "三角形": "triangle",
    "square": "square",
    "star": "star",
    "cross": "cross",
    "heart": "heart",
}
"""Label and the outline it stands for; two are Chinese: non-ASCII labels are always tried."""

KINDS = list(LABELS.values())
THRESHOLD = 0.5


def label(shape: Shape) -> str:
    """Return the shape's label."""
    return list(LABELS)[KINDS.index(shape.kind)]


class Classification(Base):
    """Full-frame stretch to 96×96, logits [1, 6]."""

    name = "shapes_cls"
    size: Size = (96, 96)
    outputs = ("logits",)
    pool, epochs, batch, rate = 14000, 22, 64, 4e-3

    def network(self) -> nn.Module:
        """Return a plain convolutional classifier."""
        return Classifier((16, 24, 48, 64, 64), len(LABELS), len(LABELS), extra=(3,))

    def scene(
        self, rng: np.random.Generator, *, demo: int | None = None, unseen: bool = False
    ) -> tuple[Pixels, Shape]:
        """Draw one shape, which is the truth."""
        image = draw.ground(rng, draw.frame_size(rng, demo))
        kind = str(rng.choice(KINDS)) if demo is None else KINDS[demo % len(KINDS)]
        shape = draw_shapes.scatter(rng, image, [kind], (0.15, 0.48))[0]
        return np.asarray(image), shape

    def prepare(self, frame: Pixels) -> Pixels:
        """Stretch the whole frame."""
        return stretch(frame, self.size)

    def target(self, truth: Shape, frame: Size) -> Arrays:
        """Return the class number and what lies in each cell."""
        cells = draw_shapes.cell_map([truth], KINDS, frame, self.size)
        return (np.array(KINDS.index(truth.kind)), cells)

    def loss(self, outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...]) -> Tensor:
        """Cross entropy of the answer, and of the cells."""
        answer = functional.cross_entropy(outputs[0], targets[0], label_smoothing=0.02)
        return answer + cell_loss(outputs[1], outputs[2], targets[1])

    def decode(self, outputs: Arrays, frame: Size) -> tuple[str, float]:
        """Softmax, the best class, an empty label below the threshold."""
        logits = outputs[0][0].astype(np.float64)
        odds = np.exp(logits - logits.max())
        odds /= odds.sum()
        best = int(odds.argmax())
        return (list(LABELS)[best] if odds[best] > THRESHOLD else "", float(odds[best]))

    def score(self, pairs: list[tuple[Shape, tuple[str, float]]]) -> dict[str, float]:
        """Return the part of frames with the right label above the threshold."""
        return {"accuracy": float(np.mean([label(truth) == answer[0] for truth, answer in pairs]))}

    def expected(self, truth: Shape) -> dict[str, str]:
        """Return ``{"label"}``."""
        return {"label": label(truth)}

    def config(self) -> dict[str, Any]:
        """Return the classifier's fields."""
        return {
            "model_type": "can2",
            "confidence_threshold": THRESHOLD,
            "categories": list(LABELS),
            "num_classes": len(LABELS),
        }


RECIPE = Classification()
