"""A KPU that answers at once: no model is run, each output shows one thing that its decoder finds.

For runs that do not look at what a model says (tools/faults): every output has the model's own shape
and type, and holds the same values at each inference.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from virtual_board.silicon.base.errors import SiliconError
from virtual_board.silicon.kpu.kmodel import read_header
from virtual_board.silicon.kpu.runner import Kpu, Model, describe, fit_inputs

Array = NDArray[Any]

STUB_BACKEND = "stub (no model runs)"
_SURE = 6.0  # a logit
_LIKELY = 0.9
_SLANT = 0.35  # of the line in a text map: its box must be turned upright


class StubKpu(Kpu):
    """A KPU without a simulator."""

    def __init__(self) -> None:
        """Nothing is started."""

    @property
    def backend(self) -> str:
        """What runs the models: nothing."""
        return STUB_BACKEND

    def load(
        self, kmodel: bytes, *, name: str = "kmodel", twin: Path | None = None, run: bool = True
    ) -> Model:
        """Return the model in `kmodel`; SiliconError EOFError for a bad one."""
        try:
            header = read_header(kmodel, f"model {name}")
        except ValueError as error:
            raise SiliconError("EOFError", str(error)) from None
        digest = hashlib.sha256(kmodel).hexdigest()
        inputs, outputs = describe(header.inputs), describe(header.outputs)
        return Model(name, digest, inputs, outputs, bytes(kmodel))

    def run(self, model: Model, inputs: Sequence[Array]) -> list[Array]:
        """Return the same outputs for any inputs that fit."""
        fit_inputs(model, inputs)
        return [_shown(desc.shape).astype(desc.dtype) for desc in model.outputs]

    def close(self) -> None:
        """Nothing runs."""


def _shown(shape: tuple[int, ...]) -> Array:
    """Return values of this shape in which a decoder finds something."""
    if len(shape) == 4 and shape[3] == 2:
        return _text_map(shape)
    if len(shape) == 3 and shape[1] > 4 and shape[2] > shape[1] * 4:
        return _points(shape)
    made = np.zeros(shape, np.float32)
    flat = made.reshape(-1, shape[-1])
    if len(shape) == 2 and shape[0] == 1:  # scores, or an embedding
        flat[0] = np.sin(np.arange(shape[1], dtype=np.float32) + 1)
    elif len(shape) == 3:  # a line of text: another character at each second step
        for step in range(0, len(flat), 2):
            flat[step, step % (shape[-1] - 1)] = 1.0
    elif len(shape) == 4 and shape[1] >= 96:  # classes of pixels, in stripes
        made[0, :, :, 0] = 0.5
        for column in range(0, shape[2], 8):
            made[0, :, column : column + 4, column % shape[3]] = 1.0
    elif len(shape) == 4:  # one box of a detector, in the middle of the grid; as a score or a logit
        flat[len(flat) // 2] = _LIKELY
    else:  # the same of a GFL head: logits
        flat[:] = -_SURE
        flat[len(flat) // 2] = _SURE
    return made


def _text_map(shape: tuple[int, ...]) -> Array:
    """Return a map with one slanted line of text."""
    height, width = shape[1], shape[2]
    y, x = np.mgrid[0:height, 0:width]
    along = (x - width / 2) + _SLANT * (y - height / 2)
    across = (y - height / 2) - _SLANT * (x - width / 2)
    inside = (abs(along) < width / 3) & (abs(across) < height / 12)
    made = np.zeros(shape, np.float32)
    made[0, :, :, 0] = inside
    return made


def _points(shape: tuple[int, ...]) -> Array:
    """Return a YOLOv8 head's (1, 4 + classes, points) with one box."""
    made = np.zeros(shape, np.float32)
    side = math.sqrt(shape[2])
    made[0, :4, 0] = (side * 2, side * 2, side, side)
    made[0, 4, 0] = 0.9
    return made
