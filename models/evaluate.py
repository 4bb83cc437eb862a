"""Measure one model on held-out pictures: float, quantised, and end to end."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from models.draw import camera, jpeg, read
from models.recipe import Recipe
from models.simulator import Kmodel

HELD_OUT = 7
"""The seed of the pictures nothing was trained or calibrated on."""

FLOAT_PICTURES = 400
KMODEL_PICTURES = 150


class Twin:
    """The ONNX twin, run by onnxruntime."""

    def __init__(self, onnx: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(onnx, options, ["CPUExecutionProvider"])

    def run(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[Any], ...]:
        """Run one input [1, 3, h, w]."""
        return tuple(self._session.run(None, {"input": pixels.astype(np.float32)}))


def feed(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Turn a prepared picture [h, w, 3] into a model's input [1, 3, h, w]."""
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])


def evaluate(recipe: Recipe, onnx: bytes, kmodel: bytes) -> dict[str, Any]:
    """Return the figures of the float model, the kmodel and the whole way, and the time.

    The first two see the same pictures, prepared first and blurred after, as in training. End to
    end the frame itself goes through camera faults and JPEG before it is prepared.
    """
    rng = np.random.default_rng(HELD_OUT)
    twin = Twin(onnx)
    inputs = []
    truths = []
    pairs = []
    for _ in range(FLOAT_PICTURES):
        frame, truth = recipe.scene(rng, unseen=True)
        size = (frame.shape[1], frame.shape[0])
        pixels = feed(camera(rng, recipe.prepare(frame)))
        pairs.append((truth, recipe.decode(twin.run(pixels), size)))
        inputs.append((pixels, size))
        truths.append(truth)
    report: dict[str, Any] = {"float": recipe.score(pairs)}
    with Kmodel(kmodel) as simulator:
        pairs = [
            (truth, recipe.decode(simulator.run(pixels), size))
            for (pixels, size), truth in zip(
                inputs[:KMODEL_PICTURES], truths[:KMODEL_PICTURES], strict=True
            )
        ]
        report["kmodel"] = recipe.score(pairs)
        pairs = []
        for _ in range(KMODEL_PICTURES):
            frame, truth = recipe.scene(rng, unseen=True)
            seen = read(jpeg(camera(rng, frame, strength=1.5)))
            outputs = simulator.run(feed(recipe.prepare(seen)))
            pairs.append((truth, recipe.decode(outputs, (frame.shape[1], frame.shape[0]))))
        report["end_to_end"] = recipe.score(pairs)
        report["milliseconds"] = round(1000 * float(np.median(simulator.seconds)), 1)
    return report
