"""What `k230 demo` shows: a card with every task, and a camera whose frame has a place for each.

A frame is a mosaic of the packages' own pictures; each task looks at its tile by `region`.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from host_client.base.data import data
from host_client.base.exceptions import PackageError

PACKAGES = data("packages")
TILE = (320, 240)
LINE = (320, 64)  # one line of text
COLUMNS = 4
SIGNS = 2  # that are enrolled, by one picture each; the others stay unknown


class Stop(NamedTuple):
    """A task of the tour: its packages by the setting that names them; the first one's pictures are shown."""

    task: str
    packages: dict[str, str]


STOPS = (
    Stop("classification", {"package": "shapes_cls"}),
    Stop("detection", {"package": "shapes_det"}),
    Stop("segmentation", {"package": "shapes_seg"}),
    Stop("multilabel", {"package": "shapes_multl"}),
    Stop("pose", {"package": "shapes_pose"}),
    Stop("oriented_detection", {"package": "shapes_obb"}),
    Stop("metric_learning", {"package": "glyphs_ml"}),
    Stop("ocr_detection", {"package": "text_det"}),
    Stop("ocr_recognition", {"package": "text_rec"}),
    Stop("ocr", {"detection_package": "text_det", "recognition_package": "text_rec"}),
)


def _pictures(package: str) -> list[Path]:
    folder = PACKAGES / package / "pictures"
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _complete(package: str) -> bool:
    folder = PACKAGES / package / "mp_deployment_source"
    return any(folder.glob("*.kmodel")) and bool(_pictures(package))


def make(folder: Path) -> tuple[list[Stop], Path, Path]:
    """Fill folder; return the stops whose packages are there, the card and the camera's pictures."""
    stops = [stop for stop in STOPS if all(_complete(name) for name in stop.packages.values())]
    if not stops:
        raise PackageError(f"{PACKAGES}: expected the demo packages, found none that is complete")
    names = list(dict.fromkeys(name for stop in stops for name in stop.packages.values()))
    card, camera = folder / "card", folder / "camera"
    tasks = card / "configs" / "tasks"
    tasks.mkdir(parents=True)
    for name in names:
        shutil.copytree(PACKAGES / name / "mp_deployment_source", card / "packages" / name)
    (card / "pictures").mkdir()
    for picture in _pictures("glyphs_ml"):
        shutil.copyfile(picture, card / "pictures" / picture.name)
    width, height = _film(names, camera)
    for stop in stops:
        x, y, w, h = _place(names.index(next(iter(stop.packages.values()))), stop)
        lines = [f"task: {stop.task}"]
        lines += [f"{key}: /sdcard/packages/{name}" for key, name in stop.packages.items()]
        lines.append(f"region: {{x: {x}, y: {y}, width: {w}, height: {h}}}")
        (tasks / f"{stop.task}.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (card / "configs" / "service.yaml").write_text(
        f"task: {stops[0].task}\ncamera:\n  width: {width}\n  height: {height}\n", encoding="utf-8"
    )
    return stops, card, camera


def _place(index: int, stop: Stop | None = None) -> tuple[int, int, int, int]:
    width, height = LINE if stop is not None and stop.task == "ocr_recognition" else TILE
    return index % COLUMNS * TILE[0], index // COLUMNS * TILE[1], width, height


def _film(names: list[str], camera: Path) -> tuple[int, int]:
    """Write the camera's pictures; return their size."""
    camera.mkdir()
    size = (
        min(len(names), COLUMNS) * TILE[0],
        -(-len(names) // COLUMNS) * TILE[1],
    )
    for number in range(max(len(_pictures(name)) for name in names)):
        frame = Image.new("RGB", size)
        for index, name in enumerate(names):
            pictures = _pictures(name)
            with Image.open(pictures[number % len(pictures)]) as opened:
                picture = opened.convert("RGB")
            target = LINE if name == "text_rec" else TILE
            ratio = min(target[0] / picture.width, target[1] / picture.height)
            if ratio != 1:
                inner = (round(picture.width * ratio), round(picture.height * ratio))
                picture = picture.resize(inner, Image.Resampling.BICUBIC)
            frame.paste(picture, _place(index)[:2])
        frame.save(camera / f"{number:02}.png", compress_level=1)
    return size


def signs() -> list[tuple[str, str]]:
    """Return (identity, path on the card) of the samples that the demo enrolls."""
    path = PACKAGES / "glyphs_ml" / "expected.json"
    answers = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    samples: dict[str, str] = {}
    for picture in _pictures("glyphs_ml"):
        identity = answers.get(picture.name, {}).get("identity")
        if identity and len(samples) < SIGNS:
            samples.setdefault(identity, f"/sdcard/pictures/{picture.name}")
    return list(samples.items())
