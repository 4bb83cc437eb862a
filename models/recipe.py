"""What a model's recipe has to say; ``models/recipes`` has one per package."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from models.resample import Pixels, Size

Truth = Any
"""The right answer of one picture, plain data, in frame pixels."""

Arrays = tuple[NDArray[Any], ...]

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


class Base:
    """What most recipes have in common."""

    more: tuple[int, ...] = ()
    quantised: str = "uint8"

    def extras(self) -> dict[str, bytes]:
        """Return nothing: only a text recogniser has another file."""
        return {}


class Recipe(Protocol):
    """One model: its pictures, its network, its training and its package."""

    name: str
    size: Size
    outputs: tuple[str, ...]
    pool: int
    """How many pictures training draws."""
    epochs: int
    more: tuple[int, ...]
    """Epochs of further rounds, each on a new pool."""
    quantised: str
    """What the kmodel's activations are: uint8, or int16, which is exact and slower."""
    batch: int
    rate: float

    def network(self) -> nn.Module:
        """Return the untrained network: float [n, 3, h, w], normalised, to the outputs."""

    def scene(
        self, rng: np.random.Generator, *, demo: int | None = None, unseen: bool = False
    ) -> tuple[Pixels, Truth]:
        """Draw a frame and its right answer.

        ``demo`` numbers a committed picture; ``unseen`` asks for classes that training never saw,
        where that means something.
        """

    def prepare(self, frame: Pixels) -> Pixels:
        """Return the model's input [h, w, 3], as the board makes it from the frame."""

    def target(self, truth: Truth, frame: Size) -> Arrays:
        """Return what the loss needs to know about one picture."""

    def loss(self, outputs: tuple[Tensor, ...], targets: tuple[Tensor, ...]) -> Tensor:
        """Return the scalar to minimise."""

    def decode(self, outputs: Arrays, frame: Size) -> Any:
        """Return the answer, as the service would give it, from one picture's outputs."""

    def score(self, pairs: list[tuple[Truth, Any]]) -> dict[str, float]:
        """Return named figures of merit over (truth, answer) pairs, the main one first."""

    def expected(self, truth: Truth) -> Any:
        """Return the truth as it is written to ``expected.json``."""

    def config(self) -> dict[str, Any]:
        """Return the task's own fields of ``deploy_config.json``."""

    def extras(self) -> dict[str, bytes]:
        """Return further files of the package."""
