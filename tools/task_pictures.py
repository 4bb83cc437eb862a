"""Make the README's picture of all tasks: python -m tools.task_pictures.

A virtual board answers one picture of each demo package; the answers are drawn as by
`k230 infer --out`.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw

from host_client.board import Board
from host_client.cli import demo_card
from host_client.commands.pictures import open_rgb
from host_client.drawing.font import font_for
from host_client.drawing.palette import INK, PAPER
from host_client.drawing.result import drawn
from virtual_board.board import VirtualBoard

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "pictures"
# The picture of each task: one with enough to see.
_SHOWN = {
    "classification": ("shapes_cls", 0),
    "detection": ("shapes_det", 3),
    "segmentation": ("shapes_seg", 1),
    "pose": ("shapes_pose", 6),
    "oriented_detection": ("shapes_obb", 1),
    "multilabel": ("shapes_multl", 1),
    "metric_learning": ("glyphs_ml", 1),
    "ocr": ("text_det", 0),
}
_TITLES = {
    "classification": "classification",
    "detection": "detection",
    "segmentation": "segmentation",
    "pose": "pose",
    "oriented_detection": "oriented boxes",
    "multilabel": "multi-label",
    "metric_learning": "metric learning",
    "ocr": "OCR",
}
_COLUMNS = 4
_CELL = 290  # pixels
_GAP = 10
_HEAD = 26
_QUALITY = 82  # of the JPEG
_READY_S = 120


async def _answers(folder: Path) -> dict[str, Image.Image]:
    card = folder / "card"
    stops = [stop for stop in demo_card.STOPS if stop.task in _SHOWN]
    tasks = card / "configs" / "tasks"
    tasks.mkdir(parents=True)
    for stop in stops:
        for name in stop.packages.values():
            demo_card.copy_package(name, card / "packages" / name, demo_card.LANGUAGES[0])
        lines = [f"task: {stop.task}"]
        lines += [f"{key}: /sdcard/packages/{name}" for key, name in stop.packages.items()]
        (tasks / f"{stop.task}.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (card / "pictures").mkdir()
    for path in sorted((demo_card.PACKAGES / "glyphs_ml" / "pictures").iterdir()):
        shutil.copyfile(path, card / "pictures" / path.name)
    service = f"task: {stops[0].task}\ncamera:\n  enabled: false\n"
    (card / "configs" / "service.yaml").write_text(service, encoding="utf-8")
    found: dict[str, Image.Image] = {}
    async with VirtualBoard(sdcard=card, data=folder / "data", camera="none") as virtual:
        await virtual.ready(_READY_S)
        assert virtual.url is not None
        async with Board.connect(virtual.url, virtual.key) as board:
            for number, stop in enumerate(stops):
                if number:
                    await board.switch(stop.task)
                if stop.task == "metric_learning":
                    for identity, sample in demo_card.signs():
                        await board.gallery.enroll(identity, path=sample)
                package, index = _SHOWN[stop.task]
                pictures = sorted((demo_card.PACKAGES / package / "pictures").iterdir())
                picture = pictures[index % len(pictures)]
                found[stop.task] = drawn(open_rgb(picture), await board.infer(picture))
                print(f"{stop.task}: {picture.name}")
    return found


def _mosaic(pictures: dict[str, Image.Image]) -> Image.Image:
    """Return all pictures in rows, each below the name of its task."""
    cells = []
    for task, picture in pictures.items():
        ratio = _CELL / picture.width
        size = (_CELL, round(picture.height * ratio))
        cells.append((_TITLES[task], picture.resize(size, Image.Resampling.LANCZOS)))
    rows = [cells[at : at + _COLUMNS] for at in range(0, len(cells), _COLUMNS)]
    heights = [_HEAD + max(picture.height for _, picture in row) for row in rows]
    size = (_COLUMNS * (_CELL + _GAP) + _GAP, sum(heights) + _GAP * (len(rows) + 1))
    whole = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(whole)
    top = _GAP
    for row, height in zip(rows, heights, strict=True):
        for column, (title, picture) in enumerate(row):
            left = _GAP + column * (_CELL + _GAP)
            pen.text((left, top), title, fill=INK, font=font_for(title, 18))
            whole.paste(picture, (left, top + _HEAD))
        top += height + _GAP
    return whole


def main() -> None:
    """Write docs/pictures/tasks.jpg."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="k230-pictures-") as name:
        pictures = asyncio.run(_answers(Path(name)))
    place = FOLDER / "tasks.jpg"
    _mosaic(pictures).save(place, quality=_QUALITY, optimize=True)
    print(json.dumps({"file": str(place.name), "bytes": place.stat().st_size}))


if __name__ == "__main__":
    main()
