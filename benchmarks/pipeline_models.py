"""Models of the published sizes for the pipeline benchmark: they are not inferred here.

The table of published KPU times has YOLO networks at 224, 320 and 640, which are not ours to ship, and
a simulated inference of one takes 12 to 20 s. What a timed run needs of a model is its headers (sizes,
types), its length (for loading) and its outputs; so each kmodel made here holds genuine headers and
zeros, is called like the published network that gives its KPU time, and comes with the recorded outputs
of one scene (`ReplayStore.put_scene`): so many objects, for any picture. Everything else of
the way of a frame runs for real: camera, ai2d, decoding, publishing, links.

Outputs are what the decoders take: the detectors' values are those after the sigmoid. What each scene
shows stands beside it, in pixels of the model's input; pipeline_scenes.py holds each published result to
it before anything is measured.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import yolo_scenes
from virtual_board.silicon.nncase.replay import ReplayStore

Array = NDArray[np.float32]

CLASSES = 6
ANCHORS = [[12, 12, 16, 16, 20, 20], [25, 25, 31, 31, 38, 38], [46, 46, 57, 57, 72, 72]]
CHARACTERS = [*"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-."]
TEXT = "K230"
STEPS = 40
MB = 1_000_000
_UINT8, _FLOAT32 = 6, 11
_SURE = 6.0  # a logit
_DOUBT = 0.02  # a probability
_CENTRE = 0.5  # of a detector's x, y, w, h: the middle of its cell, as large as the anchor
BEST_SCORE = 0.95  # of the first box; each further one has SCORE_STEP less
SCORE_STEP = 0.01


@dataclass(frozen=True)
class Shown:
    """One object of a scene: its class, its score, and its place in pixels of the model's input."""

    label: str
    score: float = 1.0
    left: float = 0.0
    top: float = 0.0
    width: float = 0.0
    height: float = 0.0


@dataclass(frozen=True)
class Scene:
    """One model with what it sees.

    Attributes:
        file: name of the kmodel; the timing profile knows its beginning and input side.
        size: (width, height) of its input.
        outputs: of one inference.
        length: bytes of the kmodel.
        config: further fields of deploy_config.json.
        shown: what a result of it must hold.
    """

    file: str
    size: tuple[int, int]
    outputs: Sequence[Array]
    length: int
    config: dict[str, Any]
    shown: tuple[Shown, ...] = ()


def label_of(index: int) -> str:
    """Return the name of a class."""
    return f"class {index}"


def kmodel(size: tuple[int, int], outputs: Sequence[Sequence[int]], length: int) -> bytes:
    """Return a kmodel of `length` bytes with headers that say: RGB planes in, float outputs out."""

    def tensor(code: int, shape: Sequence[int]) -> bytes:
        sides = b"".join(b"\1" + struct.pack("<I", side) for side in shape)
        return bytes((2, code, 1)) + sides + b"\xff"

    given = [tensor(_FLOAT32, shape) for shape in outputs]
    types = tensor(_UINT8, (1, 3, size[1], size[0]))
    types += given[0] if len(given) == 1 else b"\3" + b"".join(given) + b"\xff"
    types += bytes(-len(types) % 8)
    function = struct.pack("<2I3Q", 1, 0, 0, 0, 32 + len(types)) + types
    body = max(8, length - 32 - 40 - len(function) - 56)
    section = struct.pack("<16s2I4Q", b".text", 0, 0, 56 + body, 0, body, body) + bytes(body)
    inside = function + section
    module = struct.pack("<16s4IQ", b"k230", 1, 1, 1, 0, 40 + len(inside))
    return struct.pack("<4s7I", b"LDMK", 7, 0, 8, 1, 0, 0, 0) + module + inside


def classification() -> Scene:
    """The classifier at 224, sure of one class."""
    logits = np.zeros((1, CLASSES), np.float32)
    logits[0, 2] = _SURE
    return Scene(
        "yolov8n_cls_224.kmodel",
        (224, 224),
        [logits],
        int(2.7 * MB),
        {
            "model_type": "can2",
            "confidence_threshold": 0.5,
            "categories": [label_of(i) for i in range(CLASSES)],
            "num_classes": CLASSES,
        },
        (Shown(label_of(2), float(np.exp(_SURE) / (np.exp(_SURE) + CLASSES - 1))),),
    )


def detection(side: int, boxes: int) -> Scene:
    """An anchor-based detector that finds so many boxes (at most 20), its outputs after the sigmoid."""
    outputs = [
        np.full((1, side // s, side // s, 3 * (5 + CLASSES)), _DOUBT, np.float32)
        for s in (8, 16, 32)
    ]
    step = side // 320  # cells of stride 16 between those at 320
    anchor = ANCHORS[1][2:4]
    shown = []
    for number in range(boxes):
        row, column = (5 + 3 * (number // 5)) * step, (1 + 4 * (number % 5)) * step
        score = BEST_SCORE - SCORE_STEP * number
        cell = outputs[1][0, row, column]
        cell[11:15] = _CENTRE  # the second anchor
        cell[15] = 1.0
        cell[16 + number % CLASSES] = score
        left, top = 16 * (column + 0.5) - anchor[0] / 2, 16 * (row + 0.5) - anchor[1] / 2
        shown.append(Shown(label_of(number % CLASSES), score, left, top, anchor[0], anchor[1]))
    return Scene(
        f"yolov8n_{side}_{boxes}.kmodel",
        (side, side),
        outputs,
        int(3.2 * MB) + boxes,  # of another content, so of another recording
        {
            "model_type": "AnchorBaseDet",
            "confidence_threshold": 0.4,
            "nms_threshold": 0.5,
            "nms_option": False,
            "categories": [label_of(i) for i in range(CLASSES)],
            "num_classes": CLASSES,
            "anchors": ANCHORS,
        },
        tuple(shown),
    )


def segmentation(file: str = "yolov8n-seg_320.kmodel") -> Scene:
    """A map with four areas before a background."""
    logits = np.zeros((1, 320, 320, CLASSES), np.float32)
    logits[..., 0] = _SURE / 2
    shown = []
    for kind, (top, left) in enumerate(((60, 40), (60, 200), (180, 60), (190, 180)), start=1):
        logits[0, top : top + 60, left : left + 80, kind] = _SURE
        shown.append(Shown(label_of(kind), 1.0, left, top, 80, 60))
    return Scene(
        file,
        (320, 320),
        [logits],
        int(3.4 * MB),
        {
            "model_type": "can2",
            "confidence_threshold": 0.5,
            "categories": [label_of(i) for i in range(CLASSES)],
            "num_classes": CLASSES,
        },
        tuple(shown),
    )


def yolo(task: str, boxes: int) -> Scene:
    """A YOLO11 with so many objects (at most 20)."""
    half = yolo_scenes.BOX / 2
    shown = [
        Shown(
            yolo_scenes.labels(task)[number % len(yolo_scenes.labels(task))],
            yolo_scenes.BEST - yolo_scenes.STEP * number,
            *(x - half, y - half, yolo_scenes.BOX, yolo_scenes.BOX),
        )
        for number, (x, y) in enumerate(yolo_scenes.centres(boxes))
    ]
    name = {"detection": "", "instance_segmentation": "-seg", "pose": "-pose"}[task]
    return Scene(
        f"yolo11n{name}_320_{boxes}.kmodel",
        (320, 320),
        yolo_scenes.outputs(task, boxes),
        int(2.8 * MB) + boxes,
        yolo_scenes.config(task),
        tuple(shown),
    )


def text_detection(boxes: int) -> Scene:
    """A map with so many lines of text (at most 10)."""
    chances = np.full((1, 512, 512, 2), _DOUBT, np.float32)
    shown = []
    for number in range(boxes):
        top, left = 20 + 50 * (number % 5), 30 + 240 * (number // 5)
        chances[0, top : top + 16, left : left + 150, 0] = BEST_SCORE
        shown.append(Shown(TEXT, 1.0, left, top, 150, 16))
    return Scene(
        "text_det_512.kmodel",
        (512, 512),
        [chances],
        int(2.96 * MB),
        {"model_type": "OCR_DNet", "mask_threshold": 0.3, "box_threshold": 0.5},
        tuple(shown),
    )


def text_recognition() -> Scene:
    """A line that reads TEXT."""
    logits = np.zeros((1, STEPS, len(CHARACTERS) + 1), np.float32)
    logits[0, :, -1] = _SURE  # blank
    for number, letter in enumerate(TEXT):
        logits[0, 4 + 8 * number, CHARACTERS.index(letter)] = 2 * _SURE
    return Scene(
        "text_rec_320.kmodel",
        (320, 32),
        [logits],
        int(2.6 * MB),
        {"model_type": "OCR_RCNet", "dict_num": len(CHARACTERS) + 1},
    )


def write_package(scene: Scene, folder: Path, replay: Path) -> None:
    """Write the deployment package into `folder` and the recording into `replay`."""
    folder.mkdir(parents=True, exist_ok=True)
    data = kmodel(scene.size, [one.shape for one in scene.outputs], scene.length)
    (folder / scene.file).write_bytes(data)
    config = {
        "chip_type": "k230",
        "inference_width": scene.size[0],
        "inference_height": scene.size[1],
        "nncase_version": "2.11.0",
        "img_size": list(scene.size),
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
        **scene.config,
        "kmodel_path": scene.file,
    }
    (folder / "deploy_config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")
    if "dict_num" in scene.config:
        (folder / "dict.txt").write_text("\n".join(CHARACTERS) + "\n", encoding="utf-8")
    ReplayStore(replay).put_scene(data, list(scene.outputs))
