"""What does the line say? Connectionist temporal classification over 40 steps."""

# mypy: allow-subclassing-any

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from models import draw, draw_text
from models.draw_text import CHARACTERS
from models.networks import conv
from models.recipe import Arrays, Base
from models.resample import Pixels, Size, pad_corner

LONGEST = 10
BLANK = len(CHARACTERS)
"""The platform's blank is last: the empty line after the dictionary's trailing newline."""


class Reader(nn.Module):
    """Squeeze the height step by step, keep a step of four pixels along the line."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            conv(3, 16, stride=2),
            conv(16, 32, stride=2),
            conv(32, 40, stride=(2, 1)),
            conv(40, 56, stride=(2, 1)),
            nn.Conv2d(56, 72, (2, 3), padding=(0, 1), bias=False),
            nn.BatchNorm2d(72),
            nn.ReLU(),
            nn.Conv2d(72, 72, (1, 5), padding=(0, 2), bias=False),
            nn.BatchNorm2d(72),
            nn.ReLU(),
        )
        self.head = nn.Conv2d(72, len(CHARACTERS) + 1, 1)

    def forward(self, pixels: Tensor) -> Tensor:
        """Map [n, 3, 32, w] to scores [n, w/4, characters + blank]."""
        # Not squeeze and transpose: the compiler would make that a run of its own, 35 ms.
        rows = self.head(self.trunk(pixels)).permute(0, 2, 3, 1)
        scores: Tensor = rows.reshape(rows.shape[0], -1, rows.shape[3])
        return scores


class TextRecognition(Base):
    """Corner pad on black to 160×32, logits [1, 40, 39]."""

    name = "text_rec"
    size: Size = (160, 32)
    outputs = ("logits",)
    pool, epochs, batch, rate = 24000, 14, 64, 4e-3

    def network(self) -> nn.Module:
        """Return the line reader."""
        return Reader()

    def scene(
        self, rng: np.random.Generator, *, demo: int | None = None, unseen: bool = False
    ) -> tuple[Pixels, str]:
        """Draw one word, cut out as loosely as a text detector cuts; the truth is its text."""
        height = 48.0 if demo is not None else float(rng.uniform(14, 60))
        text = draw_text.word(rng, 1 if demo is None else 4, 9)
        mask = draw_text.stamp(rng, text, height)
        above, below = rng.uniform(-0.02, 0.4, 2) * mask.height
        before, after = rng.uniform(-0.02, 0.7, 2) * mask.height
        width, full = mask.width + before + after, mask.height + above + below
        if demo is not None:
            width = -(-width // 16) * 16
        size = (max(round(width), 4), max(round(full), 4))
        image = draw.ground(rng, size)
        angle = float(rng.normal(0, 1.5))
        middle = (before + mask.width / 2, above + mask.height / 2)
        draw_text.paste(rng, image, mask, middle, angle)
        return np.asarray(image.convert("RGB")), text

    def prepare(self, frame: Pixels) -> Pixels:
        """Fit the line into the left of a black input."""
        return pad_corner(frame, self.size, 0)[0]

    def target(self, truth: str, frame: Size) -> Arrays:
        """Return the character numbers, filled up with blanks, and their count."""
        numbers = np.full(LONGEST, BLANK)
        numbers[: len(truth)] = [CHARACTERS.index(letter) for letter in truth]
        return numbers, np.array(len(truth))

    def loss(self, outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...]) -> Tensor:
        """Connectionist temporal classification."""
        odds = functional.log_softmax(outputs[0], 2).transpose(0, 1)
        steps = torch.full((odds.shape[1],), odds.shape[0])
        return functional.ctc_loss(
            odds, targets[0], steps, targets[1], blank=BLANK, zero_infinity=True
        )

    def decode(self, outputs: Arrays, frame: Size) -> str:
        """Take the best character of each step, drop repeats, then blanks."""
        best = outputs[0][0].argmax(-1)
        changed = np.concatenate([[True], best[1:] != best[:-1]])
        return "".join(CHARACTERS[number] for number in best[changed] if number != BLANK)

    def score(self, pairs: list[tuple[str, str]]) -> dict[str, float]:
        """Return the part of words read without a fault, and the character error rate."""
        faults = sum(distance(truth, answer) for truth, answer in pairs)
        return {
            "word_accuracy": float(np.mean([truth == answer for truth, answer in pairs])),
            "character_error": faults / sum(len(truth) for truth, _ in pairs),
        }

    def expected(self, truth: str) -> dict[str, str]:
        """Return ``{"text"}``."""
        return {"text": truth}

    def config(self) -> dict[str, Any]:
        """Return the recogniser's fields."""
        return {"model_type": "OCR_RCNet", "dict_num": len(CHARACTERS) + 1}

    def extras(self) -> dict[str, bytes]:
        """Return the dictionary, a character a line; the blank is what follows the last newline."""
        return {"dict.txt": ("\n".join(CHARACTERS) + "\n").encode()}


def distance(one: str, other: str) -> int:
    """Return the edit distance of two texts."""
    row = list(range(len(other) + 1))
    for number, letter in enumerate(one, 1):
        before, row[0] = row[0], number
        for at, mine in enumerate(other, 1):
            before, row[at] = (
                row[at],
                min(row[at] + 1, row[at - 1] + 1, before + (mine != letter)),
            )
    return row[-1]


RECIPE = TextRecognition()
