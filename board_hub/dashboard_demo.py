"""`k230 demo --open`: a virtual board with every task, played in the dashboard.

The camera looks at a belt of pictures that passes by, beside cards that lie still for a while.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from board_hub.cli import check_installed
from board_hub.dashboard_cli import serve
from host_client.base.exceptions import PackageError
from host_client.cli import demo_card
from host_client.cli.demo_card import PACKAGES
from host_client.cli.simulation import started, virtual_board

SIZE = (1280, 720)
FPS = 4  # more than a PC can simulate would leave pictures without their results
BELT = (0, 0, 960, 720)  # where detection looks: the belt, its pictures enlarged
STEP = 24  # pixels that the belt moves between two frames
# Cards on the right, each for the tasks that look at one thing.
CARDS = {
    "classification": (960, 0, 320, 240),
    "metric_learning": (960, 240, 320, 240),
    "ocr": (960, 480, 320, 240),
}
_PICTURES = {"classification": "shapes_cls", "metric_learning": "glyphs_ml", "ocr": "text_det"}
_REGIONS = {
    "detection": BELT,
    "segmentation": BELT,
    "multilabel": CARDS["classification"],
    "ocr_detection": CARDS["ocr"],
    **CARDS,
}
HELD = 80  # frames for which a card lies still
_SERVICE = f"""\
task: detection
board:
  name: demo
camera:
  width: {SIZE[0]}
  height: {SIZE[1]}
  fps: {FPS}
preview:
  enabled: true
  width: 640
  height: 360
"""


async def show(options: dict[str, Any], seconds: float | None, as_json: bool, spoken: str) -> None:
    """Run the demo until Ctrl-C. options: of the virtual board; spoken: the labels' language."""
    check_installed()
    from board_hub.configuration.reader import BoardEntry, Configuration  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="k230-demo-") as name:
        folder = Path(name)
        card, camera = folder / "card", folder / "camera"
        make(card, camera, spoken)
        async with virtual_board(
            sdcard=card, data=folder / "data", camera=str(camera), **options
        ) as board:
            await started(board, as_json)
            assert board.url is not None
            configuration = Configuration(boards=[BoardEntry(board.url, key=board.key)])
            configuration.values |= {
                "web.listen": "127.0.0.1:0",
                "web.users_file": str(folder / "users.json"),
                "web.metrics": False,
            }
            await serve(configuration, True, seconds, as_json)


def make(card: Path, camera: Path, spoken: str = demo_card.LANGUAGES[0]) -> None:
    """Fill a card with every task, and a folder with the camera's pictures."""
    tasks = card / "configs" / "tasks"
    tasks.mkdir(parents=True)
    for stop in demo_card.STOPS:
        sources = {
            name: PACKAGES / name / "mp_deployment_source" for name in stop.packages.values()
        }
        region = _REGIONS.get(stop.task)
        if region is None or not all(any(s.glob("*.kmodel")) for s in sources.values()):
            continue
        for name in sources:
            demo_card.copy_package(name, card / "packages" / name, spoken)
        lines = [f"task: {stop.task}"]
        lines += [f"{key}: /sdcard/packages/{name}" for key, name in stop.packages.items()]
        lines.append("region: {{x: {}, y: {}, width: {}, height: {}}}".format(*region))
        (tasks / f"{stop.task}.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (card / "configs" / "service.yaml").write_text(_SERVICE, encoding="utf-8")
    film(camera)


def film(camera: Path) -> None:
    """Write the pictures that pass before the camera."""
    camera.mkdir(parents=True)
    belt = _belt()
    cards = {task: _pictures(package) for task, package in _PICTURES.items()}
    for number in range(belt.width // STEP):
        frame = Image.new("RGB", SIZE, "#20262a")
        offset = number * STEP
        frame.paste(belt.crop((offset, 0, offset + BELT[2], BELT[3])), BELT[:2])
        left = belt.width - offset
        if left < BELT[2]:  # the belt has no end
            frame.paste(belt.crop((0, 0, BELT[2] - left, BELT[3])), (left, 0))
        for task, (x, y, w, h) in CARDS.items():
            rows = cards[task]
            frame.paste(rows[number // HELD % len(rows)].resize((w, h)), (x, y))
        frame.save(camera / f"{number:04}.jpg", quality=92)


def _belt() -> Image.Image:
    rows = _pictures("shapes_det")
    height = BELT[3]
    strip = Image.new("RGB", (len(rows) * 960, height))
    for number, picture in enumerate(rows):
        strip.paste(picture.resize((960, height), Image.Resampling.BICUBIC), (number * 960, 0))
    return strip


def _pictures(package: str) -> list[Image.Image]:
    folder = PACKAGES / package / "pictures"
    found = []
    for path in sorted(folder.iterdir())[:6] if folder.is_dir() else ():
        with Image.open(path) as picture:
            found.append(picture.convert("RGB"))
    if not found:
        raise PackageError(f"{folder}: expected the demo's pictures, found none")
    return found
