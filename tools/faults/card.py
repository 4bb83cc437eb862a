"""The card that the matrix runs from: every task, cheap models, every link open."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

from PIL import Image

import board_types
from benchmarks.pipeline_models import kmodel
from tools.faults.ways import ROOT

PACKAGES = ROOT / "models" / "packages"
START = "shapes_cls"
POINTS, CLASSES, SIDE = 2100, 4, 320
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
    _yolo(folder / "packages" / "yolo")
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
    """Make a package with a YOLOv8 head, which only the stub can run."""
    folder.mkdir()
    data = kmodel((SIDE, SIDE), [(1, 4 + CLASSES, POINTS)], 60_000)
    (folder / "yolo.kmodel").write_bytes(data)
    config = {
        "chip_type": "k230",
        "inference_width": SIDE,
        "inference_height": SIDE,
        "nncase_version": "2.11.0",
        "img_size": [SIDE, SIDE],
        "model_type": "YOLOv8",
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
