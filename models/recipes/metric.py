"""Which sign is it, when the signs are only shown later? An embedding to compare by cosine."""

# mypy: allow-subclassing-any

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from models import draw, draw_glyphs
from models.networks import Trunk
from models.recipe import Arrays, Base
from models.resample import Pixels, Size, stretch

SIGNS = 1600
"""Signs 0 to 1599 are for training."""

UNSEEN = 1_000_000
UNSEEN_SIGNS = 25
DEMO = 2_000_000

WIDTH = 64
SCALE, MARGIN = 14.0, 0.15
THRESHOLD = 0.6

COARSE = 16
"""Side of the coarse pictures that training asks for."""


class Embedder(nn.Module):
    """A trunk and one layer over its whole last map.

    In training the embedding also has to tell the sign itself, upright and in the middle, as a
    coarse picture. A sign never seen is then no harder than a seen one; to learn names alone
    takes many times longer and says little about new signs.
    """

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.trunk = Trunk((12, 24, 48, 64, 64), extra=(3,))
        # A convolution as large as the map: a linear layer would be a run of its own.
        self.head = nn.Conv2d(64, WIDTH, (size[1] // 32, size[0] // 32))
        self.directions = nn.Parameter(torch.randn(SIGNS, WIDTH))
        self.picture = nn.Linear(WIDTH, COARSE**2)

    def forward(self, pixels: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Map [n, 3, h, w] to embeddings [n, 64]; in training to cosines and coarse pictures."""
        embedding: Tensor = torch.flatten(self.head(self.trunk(pixels)[-1]), 1)
        if self.training:
            cosines = functional.normalize(embedding) @ functional.normalize(self.directions).T
            return cosines, self.picture(embedding)
        return embedding


@lru_cache(maxsize=4096)
def coarse(number: int) -> NDArray[np.float32]:
    """Return how much of each part of the upright sign is ink, [COARSE²], 0 to 1."""
    ink = draw_glyphs.mask(number).resize((COARSE, COARSE), Image.Resampling.BOX)
    return np.asarray(np.asarray(ink).ravel() / 255, np.float32)


class Metric(Base):
    """Full-frame stretch to 96×96, embedding [1, 64]."""

    name = "glyphs_ml"
    size: Size = (96, 96)
    outputs = ("embedding",)
    pool, epochs, batch, rate = 14000, 14, 64, 4e-3

    def network(self) -> nn.Module:
        """Return the embedder."""
        return Embedder(self.size)

    def scene(
        self, rng: np.random.Generator, *, demo: int | None = None, unseen: bool = False
    ) -> tuple[Pixels, int]:
        """Draw a card with a dark sign on light paper; the truth is the sign's number."""
        image = draw.ground(rng, draw.frame_size(rng, demo))
        if demo is not None:
            number = DEMO + demo // 2
        elif unseen:
            number = UNSEEN + int(rng.integers(UNSEEN_SIGNS))
        else:
            number = int(rng.integers(SIGNS))
        paper, ink = rng.integers(170, 256, 3), rng.integers(0, 100, 3)
        draw_glyphs.card(
            rng,
            image,
            number,
            (int(paper[0]), int(paper[1]), int(paper[2])),
            (int(ink[0]), int(ink[1]), int(ink[2])),
        )
        return np.asarray(image), number

    def prepare(self, frame: Pixels) -> Pixels:
        """Stretch the whole frame."""
        return stretch(frame, self.size)

    def target(self, truth: int, frame: Size) -> Arrays:
        """Return the sign's number and its coarse picture."""
        return np.array(truth if truth < SIGNS else 0), coarse(truth)

    def loss(self, outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...]) -> Tensor:
        """Cross entropy of the scaled cosines, the right one less a margin, and of the pictures."""
        right = functional.one_hot(targets[0], SIGNS)
        named = functional.cross_entropy(SCALE * (outputs[0] - MARGIN * right), targets[0])
        drawn = functional.binary_cross_entropy_with_logits(outputs[1], targets[1])
        return 0.2 * named + 10 * drawn

    def decode(self, outputs: Arrays, frame: Size) -> NDArray[np.float64]:
        """Return the embedding [64], of length one."""
        embedding = outputs[0][0].astype(np.float64)
        return np.asarray(embedding / np.linalg.norm(embedding))

    def score(self, pairs: list[tuple[int, NDArray[np.float64]]]) -> dict[str, float]:
        """Enrol the first view of each sign, then identify the others.

        ``identification``: the nearest enrolled sign is the right one. ``verification``: of all
        pairs (view, enrolled sign), the part on the right side of the threshold, the mean of
        same and different pairs.
        """
        gallery: dict[int, NDArray[np.float64]] = {}
        right: list[bool] = []
        same: list[float] = []
        different: list[float] = []
        rest = []
        for number, embedding in pairs:
            if number in gallery:
                rest.append((number, embedding))
            else:
                gallery[number] = embedding
        names = list(gallery)
        stack = np.stack([gallery[name] for name in names])
        for number, embedding in rest:
            cosines = stack @ embedding
            right.append(names[int(cosines.argmax())] == number)
            at = names.index(number)
            same.append(cosines[at])
            different.extend(np.delete(cosines, at))
        accepted = float((np.array(same) > THRESHOLD).mean())
        refused = float((np.array(different) <= THRESHOLD).mean())
        return {
            "identification": float(np.mean(right)),
            "verification": (accepted + refused) / 2,
            "accepted": accepted,
            "refused": refused,
        }

    def expected(self, truth: int) -> dict[str, str]:
        """Return ``{"identity"}``: pictures of one sign share it."""
        return {"identity": f"sign{truth - DEMO}"}

    def config(self) -> dict[str, Any]:
        """Return the embedder's fields."""
        return {"model_type": "metric_learning", "confidence_threshold": THRESHOLD}


RECIPE = Metric()
