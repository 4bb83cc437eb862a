"""A card that carries every package as a task, and one connection to a board that runs from it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from host_client.results.types import Result
from host_client.sync import Board
from tests.integration.boards import PACKAGES, running

# Task on the card (configs/tasks/NAME.yaml) -> its YAML's lines. The packages lie in /sdcard/packages.
TASKS = {
    "shapes_cls": ["task: classification", "package: /sdcard/packages/shapes_cls"],
    "shapes_det": ["task: detection", "package: /sdcard/packages/shapes_det"],
    "shapes_det_free": ["task: detection", "package: /sdcard/packages/shapes_det_free"],
    "shapes_det_gfl": ["task: detection", "package: /sdcard/packages/shapes_det_gfl"],
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
DETECTORS = ("shapes_det", "shapes_det_free", "shapes_det_gfl")
WAIT_S = 60.0


def expected(package: str) -> dict[str, Any]:
    """Return the right answers of a package by picture name."""
    answers: dict[str, Any] = json.loads((PACKAGES / package / "expected.json").read_text("utf-8"))
    return answers


def pictures(package: str) -> list[Path]:
    """Return a package's pictures."""
    return sorted((PACKAGES / package / "pictures").iterdir())


def labels(package: str) -> list[str]:
    """Return a package's categories."""
    config = PACKAGES / package / "mp_deployment_source" / "deploy_config.json"
    names: list[str] = json.loads(config.read_text("utf-8"))["categories"]
    return names


def make_card(folder: Path, *, camera: tuple[int, int] | None = None, task: str = "") -> Path:
    """Fill a card with all packages and tasks; camera: size of its frames, None for none."""
    for package in sorted(PACKAGES.iterdir()):
        shutil.copytree(package / "mp_deployment_source", folder / "packages" / package.name)
    tasks = folder / "configs" / "tasks"
    tasks.mkdir(parents=True)
    for name, lines in TASKS.items():
        (tasks / f"{name}.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    width, height = camera or (320, 240)
    (folder / "configs" / "service.yaml").write_text(
        f"task: {task or 'shapes_cls'}\n"
        f"camera:\n  enabled: {'true' if camera else 'false'}\n"
        f"  width: {width}\n  height: {height}\n",
        encoding="utf-8",
    )
    return folder


class Tour:
    """A board with every task; ask() switches where it has to."""

    def __init__(self, board: Board, card: Path) -> None:
        self.board = board
        self.card = card
        self.task = ""

    def switch(self, task: str) -> None:
        """Let a task run, unless it does."""
        if task != self.task:
            self.board.switch(task)
            self.task = task

    def ask(self, task: str, picture: Any, **settings: Any) -> Any:
        """Return a task's result for a picture, with settings that are taken back afterwards."""
        self.switch(task)
        with self.set(**settings):
            return self.board.infer(picture, timeout=WAIT_S)

    @contextlib.contextmanager
    def set(self, **settings: Any) -> Iterator[None]:
        """Change settings of the running task for a while."""
        before: dict[str, Any] = self.board.request("config")["task"] if settings else {}
        if settings:
            self.board.set(settings)
        try:
            yield
        finally:
            if settings:
                self.board.set({name: before[name] for name in settings})


@contextlib.contextmanager
def tour(folder: Path, **options: Any) -> Iterator[Tour]:
    """Run a board from a card and connect to it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    board = running(folder, **options)
    try:
        started = asyncio.run_coroutine_threadsafe(board.__aenter__(), loop).result(WAIT_S)
        assert started.url is not None
        try:
            with Board.connect(started.url, started.key, wait=WAIT_S) as client:
                yield Tour(client, folder)
        finally:
            asyncio.run_coroutine_threadsafe(board.__aexit__(None, None, None), loop).result(WAIT_S)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def resized(path: Path, width: int, height: int) -> Image.Image:
    """Return a picture in another size."""
    with Image.open(path) as image:
        made: Image.Image = image.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
        return made


def answer(result: Result) -> dict[str, Any]:
    """Return what a result says, without when and how it came about."""
    row = result.to_dict()
    when = ("time", "time_uncertainty_ms", "time_ms")
    for name in ("seq", *when, "generation", "image"):
        row.pop(name, None)
    return row
