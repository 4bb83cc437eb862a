"""Where is text? A probability for each pixel, as in differentiable binarisation."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from models import draw, draw_text
from models.draw_text import Word
from models.networks_dense import Dense
from models.recipe import Arrays, Base
from models.resample import Pixels, Size, pad_corner

BORDER = 114
MASK_THRESHOLD = 0.5
BOX_THRESHOLD = 0.5
UNCLIP = 1.5
"""The platform grows a region by this factor times its area over its circumference."""

Quad = NDArray[np.float64]


def core(quad: Quad) -> tuple[Quad, float]:
    """Shrink a rectangle so that the platform's growing gives it back; also return by how much."""
    width = float(np.hypot(*(quad[1] - quad[0])))
    height = float(np.hypot(*(quad[3] - quad[0])))
    reach = 0.0
    for _ in range(30):
        w, h = max(width - 2 * reach, 0.0), max(height - 2 * reach, 0.0)
        reach = (reach + UNCLIP * w * h / max(2 * (w + h), 1e-6)) / 2
    along = (quad[1] - quad[0]) / max(width, 1e-6) * reach
    down = (quad[3] - quad[0]) / max(height, 1e-6) * reach
    moved = np.stack([along + down, down - along, -along - down, along - down])
    return quad + moved, reach


def _fill(size: Size, quads: list[Quad], value: int) -> NDArray[np.uint8]:
    image = np.zeros((size[1], size[0]), np.uint8)
    for quad in quads:
        # Sixteenths of a pixel, and pixel centres instead of edges.
        fixed = np.round((quad - 0.5) * 16).astype(np.int32)
        cv2.fillPoly(image, [fixed], value, shift=4)
    return image


class TextDetection(Base):
    """Corner pad on grey 114 to 160×128, output [1, 128, 160, 2]: probability, threshold map."""

    name = "text_det"
    size: Size = (160, 128)
    outputs = ("maps",)
    pool, epochs, batch, rate = 9000, 12, 32, 4e-3

    def network(self) -> nn.Module:
        """Return a chain down to stride 8 that spells out 8×8 pixels a cell."""
        return Dense((8, 16, 32), 24, 24, 2, probability=True)

    def scene(
        self, rng: np.random.Generator, *, demo: int | None = None, unseen: bool = False
    ) -> tuple[Pixels, list[Word]]:
        """Draw up to five words, which are the truth."""
        image = draw.ground(rng, draw.frame_size(rng, demo))
        count = int(rng.integers(0 if demo is None else 2, 6))
        words = draw_text.scatter(rng, image, count)
        return np.asarray(image), words

    def prepare(self, frame: Pixels) -> Pixels:
        """Fit the frame into the upper left of a grey input."""
        return pad_corner(frame, self.size, BORDER)[0]

    def _gain(self, frame: Size) -> float:
        return min(self.size[0] / frame[0], self.size[1] / frame[1])

    def target(self, truth: list[Word], frame: Size) -> Arrays:
        """Return the map of the words' cores, 1, and of the rest of the words, 2."""
        quads = [word.quad * self._gain(frame) for word in truth]
        cores = _fill(self.size, [core(quad)[0] for quad in quads], 1)
        return (np.where(cores == 1, 1, 2 * _fill(self.size, quads, 1)).astype(np.uint8),)

    def loss(self, outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...]) -> Tensor:
        """Cross entropy and overlap of the cores; the threshold is high at the words' rims."""
        cores, rims = (targets[0] == 1).float(), (targets[0] == 2).float()
        raw = outputs[0]
        entropy = functional.binary_cross_entropy_with_logits(raw[..., 0], cores)
        chance = raw[..., 0].sigmoid()
        shared = (chance * cores).sum()
        dice = 1 - (2 * shared + 1) / (chance.sum() + cores.sum() + 1)
        limit = functional.binary_cross_entropy_with_logits(raw[..., 1], 0.3 + 0.4 * rims)
        return 3 * entropy + dice + 0.2 * limit

    def decode(self, outputs: Arrays, frame: Size) -> list[Quad]:
        """Return the words' corners [4, 2] in frame pixels, each region's outline closed."""
        chance = np.ascontiguousarray(outputs[0][0, :, :, 0], np.float32)
        mask = (chance > MASK_THRESHOLD).astype(np.uint8)
        outlines, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
        quads = []
        for outline in outlines:
            if len(outline) < 4:
                continue
            inside = np.zeros_like(mask)
            cv2.fillPoly(inside, [outline], 1)
            if chance[inside == 1].mean() < BOX_THRESHOLD:
                continue
            grown = UNCLIP * cv2.contourArea(outline) / cv2.arcLength(outline, True)
            middle, sides, angle = cv2.minAreaRect(outline)
            larger = (sides[0] + 2 * grown, sides[1] + 2 * grown)
            corners = np.array(cv2.boxPoints((middle, larger, angle)), float)
            quads.append((corners + 0.5) / self._gain(frame))
        return quads

    def score(self, pairs: list[tuple[list[Word], list[Quad]]]) -> dict[str, float]:
        """Return F1 at IoU 0.5 of the quadrilaterals, its parts and the mean IoU of the hits."""
        wanted = sum(len(truth) for truth, _ in pairs)
        given = sum(len(answer) for _, answer in pairs)
        overlaps = []
        for truth, answer in pairs:
            free = list(answer)
            for word in truth:
                best = max(free, key=lambda quad: overlap(word.quad, quad), default=None)
                if best is not None and overlap(word.quad, best) >= 0.5:
                    overlaps.append(overlap(word.quad, best))
                    free = [quad for quad in free if quad is not best]
        hits = len(overlaps)
        return {
            "f1": 2 * hits / max(wanted + given, 1),
            "precision": hits / max(given, 1),
            "recall": hits / max(wanted, 1),
            "mean_iou": float(np.mean(overlaps)) if overlaps else 0.0,
        }

    def expected(self, truth: list[Word]) -> dict[str, Any]:
        """Return ``{"texts": [{"text", "quad"}]}``; top left first, clockwise, frame pixels."""
        return {
            "texts": [
                {"text": word.text, "quad": np.round(word.quad, 1).ravel().tolist()}
                for word in truth
            ]
        }

    def config(self) -> dict[str, Any]:
        """Return the text detector's fields."""
        return {
            "model_type": "OCR_DNet",
            "mask_threshold": MASK_THRESHOLD,
            "box_threshold": BOX_THRESHOLD,
        }


def overlap(one: Quad, other: Quad) -> float:
    """Return the IoU of two convex quadrilaterals."""
    both, _ = cv2.intersectConvexConvex(
        cv2.convexHull(one.astype(np.float32)), cv2.convexHull(other.astype(np.float32))
    )
    areas = sum(float(cv2.contourArea(quad.astype(np.float32))) for quad in (one, other))
    return float(both) / max(areas - float(both), 1e-6)


RECIPE = TextDetection()
