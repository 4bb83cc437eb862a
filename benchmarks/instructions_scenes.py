"""What benchmarks.instructions shows the tasks: for each one outputs with no, 5 and 20 results.

These models are not inferred: a kmodel here is its headers, and the outputs lie beside it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import events_scenes, yolo_scenes
from benchmarks.pipeline_models import kmodel
from firmware_app.package import fit
from firmware_app.package import kmodel as headers
from firmware_app.package.reader import read_package
from firmware_app.settings.reader import read_task
from host_client.base.mpy import compiled

Array = NDArray[np.float32]

FIRMWARE = Path(__file__).resolve().parents[1] / "firmware_app"
CLASSES = 6
ANCHORS = [[12, 12, 16, 16, 20, 20], [25, 25, 31, 31, 38, 38], [46, 46, 57, 57, 72, 72]]
CHARACTERS = [*"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-."]
TEXT = "K230"
STEPS = 40
DIMENSION = 256
COUNTS = (0, 5, 20)
YOLO = {
    "detection": "detection",
    "instance_segmentation": "segmentation",
    "pose": "pose",
    "oriented_detection": "oriented",
}
_LENGTH = 2048  # bytes of a kmodel
_PLAIN = (str, int, float, list, tuple, type(None))
_SURE = 6.0  # a logit
_CHANCE = 0.9


@dataclass(frozen=True)
class Model:
    """One model: its input's (width, height), its outputs, and further fields of deploy_config.json."""

    size: tuple[int, int]
    outputs: Sequence[Array]
    config: dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One task with what it sees."""

    name: str
    task: str
    models: tuple[Model, ...]
    settings: tuple[str, ...] = ()
    """Further lines of the task's YAML."""


def cases() -> list[Case]:
    """Return all cases, those of a task side by side."""
    found = [Case("classification", "classification", (_vector(CLASSES, 1),))]
    heads: tuple[tuple[str, int, Callable[[int, int], Model]], ...] = (
        ("detection 320", 320, _anchor_base),
        ("detection 640", 640, _anchor_base),
        ("AnchorFree 320", 320, _anchor_free),
        ("GFL 320", 320, _gfl),
        ("YOLOv8 320", 320, _yolov8),
    )
    for name, side, make in heads:
        for count in COUNTS:
            found.append(Case(f"{name}, {count}", "detection", (make(side, count),)))
    for count in COUNTS:
        found.append(Case(f"segmentation 320, {count}", "segmentation", (_segmentation(count),)))
    for task, words in YOLO.items():
        for count in COUNTS:
            found.append(Case(f"YOLO11 {words} 320, {count}", task, (_yolo11(task, count),)))
    for count in COUNTS:
        found.append(Case(f"OCR, {count}", "ocr", (_text_map(count), _recogniser())))
    found.append(Case("text boxes, 5", "ocr_detection", (_text_map(5),)))
    found.append(Case("text line", "ocr_recognition", (_recogniser(),)))
    found.append(Case("metric learning", "metric_learning", (_embedding(),)))
    for count in COUNTS:
        found.append(Case(f"multi-label, {count}", "multilabel", (_vector(24, count),)))
    # Last: from the first one on each frame asks whether its objects are to be followed.
    for count in COUNTS[1:]:
        models = (_anchor_base(320, count),)
        found.append(Case(f"events 320, {count}", "detection", models, events_scenes.SETTINGS))
    return found


def write_card(folder: Path, chosen: Sequence[Case]) -> list[dict[str, Any]]:
    """Write a card with the service, compiled, and the models of these tasks; return the plan of each."""
    (folder / "configs").mkdir(parents=True)
    sources = {path.relative_to(FIRMWARE).as_posix(): path for path in FIRMWARE.rglob("*.py")}
    for name, data in compiled({n: path.read_bytes() for n, path in sources.items()}).items():
        path = folder / "firmware_app" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (folder / "configs" / "service.yaml").write_text("log:\n  level: error\n", encoding="utf-8")
    return [_plan(folder, number, case) for number, case in enumerate(chosen)]


def _plan(folder: Path, number: int, case: Case) -> dict[str, Any]:
    keys: tuple[str, ...] = ("package",)
    kinds: tuple[str, ...] = (case.task,)
    if case.task == "ocr":
        keys = ("detection_package", "recognition_package")
        kinds = ("ocr_detection", "ocr_recognition")
    lines = [f"task: {case.task}"]
    packages = []
    for key, kind, model in zip(keys, kinds, case.models, strict=True):
        place = folder / "packages" / f"{number}{key}"
        outputs = _write(model, place)
        package = read_package(str(place), kind)
        package.labels = package.categories or []
        package.characters = CHARACTERS if kind == "ocr_recognition" else None
        if package.family is not None:
            fit.check(package, headers.read(package.kmodel_path), package.labels)
        fields: dict[str, Any] = {k: v for k, v in vars(package).items() if isinstance(v, _PLAIN)}
        fields["layout"] = vars(package.layout) if package.layout is not None else None
        on_card = f"/sdcard/packages/{place.name}"
        fields["kmodel_path"] = f"{on_card}/m.kmodel"
        packages.append(
            {"fields": fields, "outputs": [[shape, f"{on_card}/{name}"] for shape, name in outputs]}
        )
        lines.append(f"{key}: {on_card}")
    lines += case.settings
    values = read_task("\n".join(lines) + "\n", "task").values
    return {"name": case.name, "settings": values, "packages": packages}


def _write(model: Model, package: Path) -> list[tuple[list[int], str]]:
    package.mkdir(parents=True)
    data = kmodel(model.size, [one.shape for one in model.outputs], _LENGTH)
    (package / "m.kmodel").write_bytes(data)
    config = {
        "kmodel_path": "m.kmodel",
        "img_size": list(model.size),
        "nncase_version": "2.11.0",
        **model.config,
    }
    (package / "deploy_config.json").write_text(json.dumps(config), encoding="utf-8")
    if "dict_num" in config:
        (package / "dict.txt").write_text("\n".join(CHARACTERS) + "\n", encoding="utf-8")
    kept = []
    for number, output in enumerate(model.outputs):
        name = f"{number}.f32"
        (package / name).write_bytes(output.astype("<f4").tobytes())
        kept.append((list(output.shape), name))
    return kept


def _labels(count: int = CLASSES) -> dict[str, Any]:
    return {"categories": [f"class {i}" for i in range(count)], "num_classes": count}


def _vector(classes: int, chosen: int) -> Model:
    logits = np.full((1, classes), -_SURE, np.float32)
    logits[0, 2 : 2 + chosen] = _SURE
    kind = "can2" if chosen == 1 and classes == CLASSES else "multilabel"
    config = {"model_type": kind, "confidence_threshold": 0.5, **_labels(classes)}
    return Model((224, 224), [logits], config)


def _detector(kind: str, **fields: Any) -> dict[str, Any]:
    thresholds = {"confidence_threshold": 0.4, "nms_threshold": 0.5, "nms_option": False}
    return {"model_type": kind, **thresholds, **_labels(), **fields}


def _cells(side: int, boxes: int) -> list[tuple[int, int, int]]:
    """Return (row, column, class) of cells of stride 16, far enough apart for boxes of 31 x 31."""
    step = side // 320
    return [
        ((5 + 3 * (i // 5)) * step, (1 + 4 * (i % 5)) * step, i % CLASSES) for i in range(boxes)
    ]


def _anchor_base(side: int, boxes: int) -> Model:
    outputs = [
        np.full((1, side // s, side // s, 3 * (5 + CLASSES)), 0.01, np.float32) for s in (8, 16, 32)
    ]
    for row, column, kind in _cells(side, boxes):
        cell = outputs[1][0, row, column]
        cell[11:15] = 0.5  # the second anchor: in the middle of the cell, as large as the anchor
        cell[15] = _CHANCE
        cell[16 + kind] = _CHANCE
    return Model((side, side), outputs, _detector("AnchorBaseDet", anchors=ANCHORS))


def _anchor_free(side: int, boxes: int) -> Model:
    outputs = [
        np.full((1, side // s, side // s, 5 + CLASSES), 0.01, np.float32) for s in (8, 16, 32)
    ]
    for row, column, kind in _cells(side, boxes):
        cell = outputs[1][0, row, column]
        cell[:2] = 0.5
        cell[2:4] = np.log(31 / 16)
        cell[4] = _CHANCE
        cell[5 + kind] = _CHANCE
    return Model((side, side), outputs, _detector("AnchorFreeDet"))


def _gfl(side: int, boxes: int) -> Model:
    outputs = [
        np.full((1, (side // s) ** 2, CLASSES + 68), -_SURE, np.float32) for s in (8, 16, 32)
    ]
    columns = side // 16
    for row, column, kind in _cells(side, boxes):
        cell = outputs[1][0, row * columns + column]
        cell[kind] = _SURE
        cell[CLASSES:] = 0.0
        cell[CLASSES + 1 :: 17] = 20.0  # one stride to each side
    return Model((side, side), outputs, _detector("GFLDet"))


def _yolov8(side: int, boxes: int) -> Model:
    points = sum((side // s) ** 2 for s in (8, 16, 32))
    output = np.full((1, 4 + CLASSES, points), 0.01, np.float32)
    first = (side // 8) ** 2
    for row, column, kind in _cells(side, boxes):
        at = first + row * (side // 16) + column
        output[0, :4, at] = (column * 16 + 8, row * 16 + 8, 31, 31)
        output[0, 4 + kind, at] = _CHANCE
    return Model((side, side), [output], _detector("YOLOv8"))


def _yolo11(task: str, boxes: int) -> Model:
    return Model((320, 320), yolo_scenes.outputs(task, boxes), yolo_scenes.config(task))


def _segmentation(areas: int) -> Model:
    logits = np.zeros((1, 320, 320, CLASSES), np.float32)
    logits[..., 0] = _SURE / 2
    for number in range(areas):
        top, left = 10 + 75 * (number // 5), 5 + 62 * (number % 5)
        logits[0, top : top + 60, left : left + 50, 1 + number % (CLASSES - 1)] = _SURE
    return Model((320, 320), [logits], {"confidence_threshold": 0.5, **_labels()})


def _text_map(boxes: int) -> Model:
    chances = np.full((1, 512, 512, 2), 0.02, np.float32)
    for number in range(boxes):
        top, left = 14 + 27 * (number // 2), 30 + 240 * (number % 2)
        chances[0, top : top + 16, left : left + 150, 0] = 0.95
    config = {"model_type": "OCR_DNet", "mask_threshold": 0.3, "box_threshold": 0.5}
    return Model((512, 512), [chances], config)


def _recogniser() -> Model:
    logits = np.zeros((1, STEPS, len(CHARACTERS) + 1), np.float32)
    logits[0, :, -1] = _SURE  # blank
    for number, letter in enumerate(TEXT):
        logits[0, 4 + 8 * number, CHARACTERS.index(letter)] = 2 * _SURE
    return Model((320, 32), [logits], {"model_type": "OCR_RCNet", "dict_num": len(CHARACTERS) + 1})


def _embedding() -> Model:
    values = np.linspace(-1, 1, DIMENSION, dtype=np.float32).reshape(1, DIMENSION)
    return Model(
        (224, 224), [values], {"model_type": "metric_learning", "confidence_threshold": 0.5}
    )
