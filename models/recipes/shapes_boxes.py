"""What the three detectors share: pictures with several shapes, letterboxed, and the scoring."""

from __future__ import annotations

from typing import Any

import numpy as np

from models import boxes, draw, draw_shapes
from models.assign import MOST_BOXES
from models.boxes import Box
from models.recipe import Arrays, Base
from models.resample import Pixels, Placement, Size, pad_centre

LABELS = {"圆形": "circle", "三角形": "triangle", "square": "square", "star": "star"}
BORDER = 114
NMS = 0.5


def placement(frame: Size, size: Size) -> Placement:
    """Return where a frame lies in the input."""
    return pad_centre(np.zeros((frame[1], frame[0], 3), np.uint8), size, BORDER)[1]


class ShapesBoxes(Base):
    """Pictures of up to six shapes of four kinds, 128×96 letterboxed on grey 114."""

    size: Size = (128, 96)
    outputs = ("stride8", "stride16", "stride32")
    pool, epochs, batch, rate = 14000, 14, 48, 4e-3
    threshold = 0.4

    def scene(
        self, rng: np.random.Generator, *, demo: int | None = None, unseen: bool = False
    ) -> tuple[Pixels, list[Box]]:
        """Draw the shapes; the truth is a list of boxes."""
        image = draw.ground(rng, draw.frame_size(rng, demo))
        names = {kind: label for label, kind in LABELS.items()}
        wanted = [str(kind) for kind in rng.choice(list(names), int(rng.integers(1, 7)))]
        if demo is None and rng.random() < 0.04:
            wanted = []
        found = draw_shapes.scatter(rng, image, wanted, (0.08, 0.42), gap=0.95)
        width, height = image.size
        truth = []
        for shape in found:
            x1, y1, x2, y2 = shape.box
            inside = (max(x1, 0.0), max(y1, 0.0), min(x2, float(width)), min(y2, float(height)))
            truth.append(Box(names[shape.kind], 1.0, inside))
        return np.asarray(image), truth

    def prepare(self, frame: Pixels) -> Pixels:
        """Fit the frame in the middle of a grey input."""
        return pad_centre(frame, self.size, BORDER)[0]

    def target(self, truth: list[Box], frame: Size) -> Arrays:
        """Return rows of class, cx, cy, w, h in input pixels; class −1 where there is none."""
        at = placement(frame, self.size)
        rows = np.zeros((MOST_BOXES, 5), np.float32)
        rows[:, 0] = -1
        for row, box in zip(rows, truth, strict=False):
            x1, y1, x2, y2 = (value * at.gain for value in box.corners)
            row[:] = (
                list(LABELS).index(box.label),
                (x1 + x2) / 2 + at.dx,
                (y1 + y2) / 2 + at.dy,
                x2 - x1,
                y2 - y1,
            )
        return (rows,)

    def answer(self, rows: boxes.Rows, frame: Size) -> list[Box]:
        """Turn candidates in input pixels into boxes in frame pixels."""
        return boxes.finish(rows, list(LABELS), placement(frame, self.size), frame, NMS)

    def score(self, pairs: list[tuple[list[Box], list[Box]]]) -> dict[str, float]:
        """Return F1 at IoU 0.5, its parts and the mean IoU of the hits."""
        return boxes.score(pairs)

    def expected(self, truth: list[Box]) -> dict[str, Any]:
        """Return ``{"boxes": [{"label", "x", "y", "w", "h"}]}`` in frame pixels."""
        rows = []
        for box in truth:
            x1, y1, x2, y2 = (round(value, 1) for value in box.corners)
            rows.append(
                {
                    "label": box.label,
                    "x": x1,
                    "y": y1,
                    "w": round(x2 - x1, 1),
                    "h": round(y2 - y1, 1),
                }
            )
        return {"boxes": rows}

    def fields(self, model_type: str) -> dict[str, Any]:
        """Return the detector's fields without anchors."""
        return {
            "model_type": model_type,
            "confidence_threshold": self.threshold,
            "nms_threshold": NMS,
            "nms_option": False,
            "categories": list(LABELS),
            "num_classes": len(LABELS),
        }
