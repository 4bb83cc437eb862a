"""Which pixels belong to which shape? A class for each pixel of the input."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor, nn
from torch.nn import functional

from models import draw, draw_shapes
from models.draw_shapes import Shape
from models.networks_dense import Dense
from models.recipe import Arrays, Base
from models.resample import Pixels, Size, stretch

LABELS = {"背景": "", "圆形": "circle", "triangle": "triangle", "square": "square", "star": "star"}
"""Class 0 is the ground, as the platform's post-processing takes it to be."""

KINDS = list(LABELS.values())


def class_map(shapes: list[Shape], frame: Size, size: Size) -> NDArray[np.uint8]:
    """Return the class of each pixel [h, w] of the frame stretched to ``size``."""
    image = Image.new("L", size)
    scale = np.array([size[0] / frame[0], size[1] / frame[1]])
    for shape in shapes:
        # Pillow's coordinates are pixel centres, the stretch keeps pixel edges in place.
        corners = [tuple(point) for point in (shape.corners + 0.5) * scale - 0.5]
        ImageDraw.Draw(image).polygon(corners, fill=KINDS.index(shape.kind))
    return np.asarray(image)


class Segmentation(Base):
    """Full-frame stretch to 128×96, logits [1, 96, 128, 5]."""

    name = "shapes_seg"
    size: Size = (128, 96)
    outputs = ("logits",)
    pool, epochs, batch, rate = 9000, 14, 32, 4e-3

    def network(self) -> nn.Module:
        """Return a chain down to stride 16 that spells out 16×16 pixels a cell."""
        return Dense((8, 16, 32, 64), 64, len(LABELS))

    def scene(
        self, rng: np.random.Generator, *, demo: int | None = None, unseen: bool = False
    ) -> tuple[Pixels, list[Shape]]:
        """Draw one to four shapes, which are the truth together with the frame's size."""
        image = draw.ground(rng, draw.frame_size(rng, demo))
        kinds = [str(kind) for kind in rng.choice(KINDS[1:], int(rng.integers(1, 5)))]
        shapes = draw_shapes.scatter(rng, image, kinds, (0.13, 0.42), gap=0.9)
        return np.asarray(image), shapes

    def prepare(self, frame: Pixels) -> Pixels:
        """Stretch the whole frame."""
        return stretch(frame, self.size)

    def target(self, truth: list[Shape], frame: Size) -> Arrays:
        """Return the class map at the input's size."""
        return (class_map(truth, frame, self.size),)

    def loss(self, outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...]) -> Tensor:
        """Cross entropy per pixel."""
        return functional.cross_entropy(outputs[0].permute(0, 3, 1, 2), targets[0].long())

    def decode(self, outputs: Arrays, frame: Size) -> tuple[NDArray[np.uint8], Size]:
        """Return the class map at the input's size, and the frame's size."""
        return outputs[0][0].argmax(-1).astype(np.uint8), frame

    def score(
        self, pairs: list[tuple[list[Shape], tuple[NDArray[np.uint8], Size]]]
    ) -> dict[str, float]:
        """Return the mean over the classes of the IoU over all pixels, and pixel accuracy."""
        both, either = np.zeros(len(LABELS)), np.zeros(len(LABELS))
        right = total = 0
        for truth, (answer, frame) in pairs:
            wanted = class_map(truth, frame, self.size)
            right, total = right + int((wanted == answer).sum()), total + answer.size
            for number in range(len(LABELS)):
                both[number] += ((wanted == number) & (answer == number)).sum()
                either[number] += ((wanted == number) | (answer == number)).sum()
        return {"mean_iou": float((both / either).mean()), "pixel_accuracy": right / total}

    def expected(self, truth: list[Shape]) -> dict[str, Any]:
        """Return ``{"shapes": [{"label", "polygon"}]}``; corners x, y in frame pixels."""
        names = {kind: label for label, kind in LABELS.items()}
        return {
            "shapes": [
                {"label": names[shape.kind], "polygon": np.round(shape.corners, 1).tolist()}
                for shape in truth
            ]
        }

    def config(self) -> dict[str, Any]:
        """Return the segmenter's fields."""
        return {
            "model_type": "can2",
            "confidence_threshold": 0.5,
            "categories": list(LABELS),
            "num_classes": len(LABELS),
        }


RECIPE = Segmentation()
