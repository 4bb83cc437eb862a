"""Outputs of YOLO11 at 320 that show so many objects: for the pipeline's table and the counted instructions.

As a real model has them, each object has several candidates about it, which suppress each other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

SIDE = 320
CLASSES = 80
POINTS = 17
BOX = 32.0  # pixels of a box's sides
BEST = 0.95  # score of the first object; each further one has STEP less
STEP = 0.01
EXTRA = {"detection": 0, "instance_segmentation": 32, "pose": 3 * POINTS, "oriented_detection": 1}
ANGLE = 0.3
_AROUND = ((0, 0), (0, 1), (1, 0), (1, 1))  # cells of stride 16 with a candidate for one object
_WORSE = 0.1  # score of each further candidate of an object
_DOUBT = 0.001
_RADIUS = 13.6  # pixels of the disc that a mask is
_CELLS = SIDE // 4  # of the prototypes, each way


def label_of(task: str, index: int) -> str:
    """Return the name of a class."""
    return "person" if task == "pose" else f"class {index}"


def labels(task: str) -> list[str]:
    """Return the labels of a task's model."""
    return [label_of(task, index) for index in range(1 if task == "pose" else CLASSES)]


def centres(boxes: int) -> list[tuple[float, float]]:
    """Return the centres of so many objects (at most 20), in pixels of the model's input.

    All of them lie in the picture wherever it lies in the input: in the middle, as the service puts it, or
    at the top, as the vendor's examples do. Of a box beyond the picture their native decoder dies.
    """
    return [(24 + 45.0 * (i % 7), 92 + 33.0 * (i // 7)) for i in range(boxes)]


def outputs(task: str, boxes: int) -> list[Array]:
    """Return the outputs of one inference."""
    classes = len(labels(task))
    output = np.full((1, 4 + classes + EXTRA[task], 2100), _DOUBT, np.float32)
    output[0, 4 + classes :] = 0
    for number, (x, y) in enumerate(centres(boxes)):
        for worse, (down, across) in enumerate(_AROUND):
            at = 1600 + (int(y) // 16 + down) * 20 + int(x) // 16 + across
            column = output[0, :, at]
            column[:4] = (x + worse, y - worse, BOX, BOX)
            column[4 + number % classes] = BEST - STEP * number - _WORSE * worse
            if task == "instance_segmentation":
                column[4 + classes] = 1
            if task == "oriented_detection":
                column[4 + classes] = ANGLE + 0.1 * number
            if task == "pose":
                points = column[4 + classes :].reshape(POINTS, 3)
                points[:] = [(x + i - 8, y + 8 - i, 0.9) for i in range(POINTS)]
    if task != "instance_segmentation":
        return [output]
    prototypes = np.zeros((1, 32, _CELLS, _CELLS), np.float32)
    grid = (np.arange(_CELLS) + 0.5) * 4
    nearest = np.full((_CELLS, _CELLS), np.inf)
    for x, y in centres(20):
        nearest = np.minimum(nearest, np.hypot(grid[None] - x, grid[:, None] - y))
    prototypes[0, 0] = _RADIUS - nearest
    return [output, prototypes]


def config(task: str) -> dict[str, object]:
    """Return the fields of the package's deploy_config.json."""
    return {
        "model_type": "yolo11",
        "task": task,
        "categories": labels(task),
        "confidence_threshold": 0.25,
        "nms_threshold": 0.45,
    }
