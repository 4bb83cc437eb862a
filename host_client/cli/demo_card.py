"""What `k230 demo` shows: a card with every task, and camera pictures with a tile for each task.

A frame is a mosaic of the packages' own pictures; each task looks at its tile by `region`.
"""

from __future__ import annotations

import json
import locale
import os
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
CHINESE = "zh"
LANGUAGES = ("en", CHINESE)
# The packages' labels come in both languages, as users' packages do; the demo speaks one.
_LABELS = {
    "background": "背景",
    "circle": "圆形",
    "triangle": "三角形",
    "square": "正方形",
    "star": "星形",
    "cross": "十字形",
    "heart": "心形",
    "ellipse": "椭圆",
    "rectangle": "长方形",
    "arrow": "箭头",
    "dart": "飞镖",
    "kite": "风筝",
}
_ENGLISH = {chinese: english for english, chinese in _LABELS.items()}


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


def language() -> str:
    """Return the user's language: Chinese, or English for all others."""
    names = [os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG")]
    found = next((name for name in names if name), None) or locale.getlocale()[0] or ""
    return CHINESE if found.lower().startswith(("zh", "chinese")) else LANGUAGES[0]


def copy_package(name: str, folder: Path, spoken: str) -> None:
    """Copy a package of the demo to a folder, with its labels in one language."""
    shutil.copytree(PACKAGES / name / "mp_deployment_source", folder, dirs_exist_ok=True)
    place = folder / "deploy_config.json"
    config = json.loads(place.read_text(encoding="utf-8"))
    table = _LABELS if spoken == CHINESE else _ENGLISH
    if "categories" in config:
        config["categories"] = [table.get(label, label) for label in config["categories"]]
        place.write_text(json.dumps(config, ensure_ascii=False, indent=2), encoding="utf-8")


def board_fps(package: str) -> float:
    """Return how many frames a second a board makes of a package, as its timing profile estimates."""
    from virtual_board.silicon.clock.profile import DEFAULT_MODES, load_profile  # noqa: PLC0415

    profile = load_profile("k230")
    source = PACKAGES / package / "mp_deployment_source"
    kmodel = next(source.glob("*.kmodel"))
    width, height = json.loads((source / "deploy_config.json").read_text("utf-8"))["img_size"]
    pixels = width * height
    ms = profile.ai2d_ms(TILE[0] * TILE[1])
    # As many outputs as a detector has: the slower case.
    ms += profile.kpu_ms(kmodel.name, kmodel.stat().st_size, max(width, height), pixels, pixels)
    ms += profile.numbers["post_processing.ms"] + profile.numbers["camera.snapshot_ms"]
    return min(1000 / ms, DEFAULT_MODES[0][2])


def make(folder: Path, spoken: str = LANGUAGES[0]) -> tuple[list[Stop], Path, Path]:
    """Fill folder; return the stops with complete packages, the card and the camera's pictures.

    spoken: the language of the labels, one of LANGUAGES.
    """
    stops = [stop for stop in STOPS if all(_complete(name) for name in stop.packages.values())]
    if not stops:
        raise PackageError(f"{PACKAGES}: expected the demo packages, found none that is complete")
    names = list(dict.fromkeys(name for stop in stops for name in stop.packages.values()))
    card, camera = folder / "card", folder / "camera"
    tasks = card / "configs" / "tasks"
    tasks.mkdir(parents=True)
    for name in names:
        copy_package(name, card / "packages" / name, spoken)
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
    """Return (identity, path on the card) of the samples that the demo enrolls: one an identity."""
    path = PACKAGES / "glyphs_ml" / "expected.json"
    answers = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    samples: dict[str, str] = {}
    for picture in _pictures("glyphs_ml"):
        identity = answers.get(picture.name, {}).get("identity")
        if identity:
            samples.setdefault(identity, f"/sdcard/pictures/{picture.name}")
    return list(samples.items())
