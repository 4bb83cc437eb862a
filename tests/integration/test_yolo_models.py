"""Strangers' YOLO models in packages made by `k230 package`, beside their outputs decoded with NumPy."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from firmware_app.package import letterbox
from host_client.cli.app import run
from tests.firmware import yolo_reference as reference
from tests.integration.boards import SHARED
from tests.integration.tour import Tour, tour

KMODELS = SHARED / "data" / "kmodels" / "yolo"
PICTURES = SHARED / "data" / "pictures"
FRUIT = ["apple", "banana", "orange"]
DOTA = [f"class {i}" for i in range(15)]
COCO = [f"class {i}" for i in range(80)]
# Task -> kmodel, labels, picture, layout of the output.
MODELS: dict[str, tuple[str, list[str], str, str]] = {
    "detection": ("fruit_det_yolov5n_320", FRUIT, "test_fruit.jpg", "anchors"),
    "instance_segmentation": ("yolov8n_seg_320", COCO, "test_coco.jpg", "columns"),
    "pose": ("yolov8n-pose", ["person"], "test_pose.jpg", "columns"),
    "oriented_detection": ("yolo11n-obb", DOTA, "test_obb.jpg", "columns"),
    "classification": ("fruit_cls_yolov8n_224", FRUIT, "test_apple.jpg", "vector"),
}
SIDE = 320

pytestmark = [
    pytest.mark.slow,
    pytest.mark.alone,  # beside others an inference here takes longer than a client waits for a sign of life
    pytest.mark.skipif(not KMODELS.is_dir(), reason="no ../shared/data/kmodels/yolo"),
]


class Models:
    """A board with the five packages, and what its KPU answered."""

    def __init__(self, board: Tour, replay: Path) -> None:
        self.board = board
        self._replay = replay

    def ask(self, task: str, picture: str) -> tuple[Any, list[Any]]:
        """Return the typed result and the model's outputs for the picture."""
        self.board.switch(task)  # which tries the model
        before = set(self._replay.glob("*.npz"))
        result = self.board.board.infer(PICTURES / picture, timeout=300)
        (recorded,) = set(self._replay.glob("*.npz")) - before
        with np.load(recorded) as stored:
            return result, [stored[f"output{i}"] for i in range(len(stored.files))]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Models]:
    folder = tmp_path_factory.mktemp("yolo")
    card = folder / "card"
    (card / "packages").mkdir(parents=True)
    (card / "configs" / "tasks").mkdir(parents=True)
    labels = folder / "labels.txt"
    for task, (kmodel, names, _, _) in MODELS.items():
        labels.write_text("\n".join(names) + "\n", "utf-8")
        words = ["package", str(KMODELS / f"{kmodel}.kmodel"), "--labels", str(labels)]
        place = card / "packages" / task
        if task == "classification":
            # Loading the first task needs no second board: the package's own trial is of this one.
            assert run([*words, "--out", str(place)]) == 0
        else:
            assert run([*words, "--out", str(place), "--no-verify"]) == 0
        text = f"task: {task}\npackage: /sdcard/packages/{task}\n"
        (card / "configs" / "tasks" / f"{task}.yaml").write_text(text, "utf-8")
    (card / "configs" / "service.yaml").write_text(
        "task: classification\ncamera:\n  enabled: false\n", "utf-8"
    )
    replay = folder / "replay"
    with tour(card, replay=replay) as board:
        yield Models(board, replay)


def placed(picture: str, x: float, y: float) -> tuple[float, float]:
    """Return a point of the model's input in the picture."""
    with Image.open(PICTURES / picture) as image:
        width, height = image.size
    top, bottom, left, right = letterbox.centre_pads(width, height, SIDE, SIDE)
    return (x - left) * width / (SIDE - left - right), (y - top) * height / (SIDE - top - bottom)


def size_of(picture: str) -> tuple[int, int]:
    with Image.open(PICTURES / picture) as image:
        width, height = image.size
        return int(width), int(height)


@pytest.mark.parametrize("task", [name for name in MODELS if name != "classification"])
def test_objects_are_the_outputs(models: Models, task: str) -> None:
    _, names, picture, kind = MODELS[task]
    result, outputs = models.ask(task, picture)
    rows = reference.candidates(outputs[0], kind, len(names), 0.25)
    truth = reference.suppressed(rows, 0.45, task == "oriented_detection")[:50]
    objects = result.boxes if task == "detection" else result.objects
    width, height = size_of(picture)
    if task == "oriented_detection":
        # A quantised model has many equal scores, and which of them stays is anybody's choice; but each
        # is one of the candidates.
        assert 0.9 * len(truth) <= len(objects) <= 50
        for item in objects:
            same = [row for row in rows if names[row["class"]] == item.label]
            assert min(_distance(item, row, picture) for row in same) < 0.3
        return
    seen = []
    for row in truth:
        x1, y1 = placed(picture, row["box"][0], row["box"][1])
        x2, y2 = placed(picture, row["box"][2], row["box"][3])
        seen.append((max(0, x1), max(0, y1), min(width, x2), min(height, y2)))
    assert len(objects) == len(truth) > 0
    for item, row, sides in zip(objects, truth, seen, strict=True):
        assert item.label == names[row["class"]]
        assert abs(item.score - row["score"]) < 0.001
        assert np.allclose([item.x, item.y, item.x + item.w, item.y + item.h], sides, atol=1.1)
        if task == "pose":
            for point, (x, y, score) in zip(
                item.keypoints, row["rest"].reshape(-1, 3), strict=True
            ):
                assert np.allclose([point.x, point.y], placed(picture, x, y), atol=1.1)
                assert abs(point.score - score) < 0.001
        if task == "instance_segmentation":
            mask = reference.mask_of(row, outputs[1], (SIDE, SIDE), 0.5)
            found = item.mask.in_frame(width, height)
            ys, xs = np.nonzero(mask)
            inside = [placed(picture, x + 0.5, y + 0.5) for x, y in zip(xs, ys, strict=True)]
            hit = [found[min(height - 1, int(y)), min(width - 1, int(x))] for x, y in inside
                   if 0 <= x < width and 0 <= y < height]  # fmt: skip
            assert np.mean(hit) > 0.88, (item.label, np.mean(hit))
            scale = (width / SIDE) ** 2
            assert abs(found.sum() - len(hit) * scale) < 0.15 * len(hit) * scale + 300


def _distance(item: Any, row: dict[str, Any], picture: str) -> float:
    cx, cy = placed(picture, row["raw"][0], row["raw"][1])
    return math.hypot(item.centre[0] - cx, item.centre[1] - cy)


def test_right_answers(models: Models) -> None:
    """What a person sees in the pictures."""
    boxes = models.board.ask("detection", PICTURES / "test_fruit.jpg", nms="class_agnostic")
    assert sorted(box.label for box in boxes.boxes) == ["apple", "banana", "orange"]


def test_a_classifier_sees_the_middle_of_the_picture(models: Models) -> None:
    result = models.board.ask("classification", PICTURES / "test_apple.jpg")
    assert result.label == "apple" and result.score > 0.9
