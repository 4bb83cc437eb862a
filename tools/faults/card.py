"""The card that the matrix runs from: every task, cheap models, every link open."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

from PIL import Image

import board_types
from benchmarks.pipeline_models import kmodel
from tools.faults.ways import ROOT

PACKAGES = ROOT / "models" / "packages"
START = "shapes_cls"
CLASSES, SIDE, SMALL = 4, 320, 64
# Package -> (side, model_type, shape of the head, made of how many cells there are): each native decoder.
_YOLO: dict[str, tuple[int, str, Callable[[int], tuple[int, ...]]]] = {
    "yolo": (SIDE, "YOLOv8", lambda cells: (1, 4 + CLASSES, cells)),
    "yolo5": (SMALL, "yolov5", lambda cells: (1, 3 * cells, 5 + CLASSES)),
    "yolo26": (SMALL, "yolo26", lambda _: (1, 300, 6)),
    "pose": (SMALL, "yolov8", lambda cells: (1, 4 + CLASSES + 51, cells)),
    "pose26": (SMALL, "yolo26", lambda _: (1, 300, 6 + 51)),
    "turned": (SMALL, "yolo11", lambda cells: (1, 4 + CLASSES + 1, cells)),
    "turned26": (SMALL, "yolo26", lambda _: (1, 300, 7)),
}
_TASKS = {
    "shapes_cls": ["task: classification", "package: /sdcard/packages/shapes_cls"],
    "shapes_det": ["task: detection", "package: /sdcard/packages/shapes_det"],
    "shapes_det_free": ["task: detection", "package: /sdcard/packages/shapes_det_free"],
    "shapes_det_gfl": ["task: detection", "package: /sdcard/packages/shapes_det_gfl"],
    "yolo": ["task: detection", "package: /sdcard/packages/yolo"],
    "vendor_free": [
        "task: detection",
        "package: /sdcard/packages/shapes_det_free",
        "vendor_compatible: true",
    ],
    "vendor_yolo": [
        "task: detection",
        "package: /sdcard/packages/yolo",
        "vendor_compatible: true",
    ],
    **{
        name: [f"task: {task}", f"package: /sdcard/packages/{name}", "vendor_compatible: true"]
        for name, task in (
            ("yolo5", "detection"),
            ("yolo26", "detection"),
            ("pose", "pose"),
            ("pose26", "pose"),
            ("turned", "oriented_detection"),
            ("turned26", "oriented_detection"),
        )
    },
    "narrow": [  # so narrow that its border is made in Python
        "task: detection",
        "package: /sdcard/packages/shapes_det",
        "region: {x: 16, y: 16, width: 24, height: 96}",
    ],
    "shapes_seg": ["task: segmentation", "package: /sdcard/packages/shapes_seg"],
    "shapes_multl": ["task: multilabel", "package: /sdcard/packages/shapes_multl"],
    "glyphs_ml": ["task: metric_learning", "package: /sdcard/packages/glyphs_ml"],
    "text_det": ["task: ocr_detection", "package: /sdcard/packages/text_det"],
    "text_rec": ["task: ocr_recognition", "package: /sdcard/packages/text_rec"],
    "ocr": [
        "task: ocr",
        "detection_package: /sdcard/packages/text_det",
        "recognition_package: /sdcard/packages/text_rec",
    ],
}
TASKS = tuple(_TASKS)
# Interface -> the lines of service.yaml's network section.
NETWORKS = {
    "station": ["interface: station", 'ssid: "faults"', 'password: "long enough"'],
    "ethernet": ["interface: ethernet"],
    "access_point": ["interface: access_point", 'ssid: "faults"', 'password: "long enough"'],
    "none": ["interface: none"],
}


def make(folder: Path, network: str, board: str, watches: bool) -> Path:
    """Fill a card for a board of this type, which looks at it for edits or not: folder is made."""
    number, tx, rx = board_types.find(board).link
    for package in sorted(PACKAGES.iterdir()):
        shutil.copytree(package / "mp_deployment_source", folder / "packages" / package.name)
    for name in _YOLO:
        _yolo(folder / "packages" / name)
    tasks = folder / "configs" / "tasks"
    tasks.mkdir(parents=True)
    for name, lines in _TASKS.items():
        (tasks / f"{name}.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    service = [
        f"task: {START}",
        "camera:",
        "  width: 320",
        "  height: 240",
        "  fps: 60",
        "preview:",
        "  enabled: true",
        "uart:",
        "  enabled: true",
        f"  id: {number}",
        f"  tx: {tx}",
        f"  rx: {rx}",
        "switch:",
        f"  watch_s: {1 if watches else 0}",
        "network:",
        *[f"  {line}" for line in NETWORKS[network]],
    ]
    (folder / "configs" / "service.yaml").write_text("\n".join(service) + "\n", encoding="utf-8")
    for script in ("main.py", "fallback.py", "boot.py"):
        shutil.copyfile(ROOT / "firmware_app" / script, folder / script)
    (folder / "pictures").mkdir()
    Image.new("RGB", (160, 120), (200, 120, 40)).save(folder / "pictures" / "one.jpg")
    return folder


def _yolo(folder: Path) -> None:
    """Make a package with a YOLO head, which only the stub can run."""
    side, model_type, head = _YOLO[folder.name]
    cells = sum((side // stride) ** 2 for stride in (8, 16, 32))
    folder.mkdir()
    (folder / "yolo.kmodel").write_bytes(kmodel((side, side), [head(cells)], 60_000))
    config = {
        "chip_type": "k230",
        "inference_width": side,
        "inference_height": side,
        "nncase_version": "2.11.0",
        "img_size": [side, side],
        "model_type": model_type,
        "confidence_threshold": 0.4,
        "nms_threshold": 0.5,
        "categories": [f"class {number}" for number in range(CLASSES)],
        "num_classes": CLASSES,
        "kmodel_path": "yolo.kmodel",
    }
    (folder / "deploy_config.json").write_text(json.dumps(config), encoding="utf-8")


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file that a user put on the card."""
    found = {}
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder)
        if "pushed" in str(place):  # what a step adds and takes away again
            continue
        if path.is_file() and place.parts[0] in ("packages", "configs", "pictures"):
            found[str(place)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found
