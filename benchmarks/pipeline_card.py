"""Cards and boards of the pipeline benchmark: the same virtual board for both loops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks import events_scenes
from benchmarks import pipeline_models as models

AI_FRAME = (640, 360)
"""The AI channel of both loops, a size that vendor examples use."""

BAUDRATES = (115200, 921600)
PICTURES = 4
BOXES = (0, 5, 20)
YOLO = {"detection": "detection", "instance_segmentation": "segmentation", "pose": "pose"}
USUAL_BOXES = 5
"""Of a detector's scene where the number of boxes is not the point."""

# The firmware's main.py, and a thread that tells what the virtual board's clock has counted. On a
# board there is no such clock, and nothing is told.
MAIN = """
import _thread, gc, json, time
from _k230.silicon import clock

def tell():
    while True:
        time.sleep_ms(250)
        if clock.on:
            print("clock " + json.dumps(clock.statistics()))

_thread.start_new_thread(tell, ())
from firmware_app import service
service.main()
"""


@dataclass(frozen=True)
class Case:
    """One scene of the table: its model's name there, its task and packages, and what a frame costs."""

    name: str
    task: str
    scenes: tuple[models.Scene, ...]
    runs: tuple[int, ...] = (1,)
    """How often each scene's model runs in a frame."""
    settings: tuple[str, ...] = ()
    """Further lines of the task's YAML."""
    counted: str = ""
    """Its name in benchmarks.instructions."""
    target: bool = True
    """Whether a share of the limit is asked of it."""
    events: bool = False
    """Whether its objects are followed, too: measured at the likely level only."""


def cases() -> list[Case]:
    """Return the scenes of the table."""
    return [
        Case(
            "classification 224",
            "classification",
            (models.classification(),),
            counted="classification",
        ),
        *(
            Case(
                f"detection {side}",
                "detection",
                (models.detection(side, count),),
                counted=f"detection {side}, {count}",
            )
            for side in (320, 640)
            for count in BOXES
        ),
        *(
            Case(
                "detection 320, events",
                "detection",
                (models.detection(320, count),),
                settings=events_scenes.SETTINGS,
                counted=f"events 320, {count}",
                events=True,
            )
            for count in BOXES[1:]
        ),
        Case(
            "segmentation 320",
            "segmentation",
            (models.segmentation(),),
            counted="segmentation 320, 5",
        ),
        Case(
            "segmentation 320",
            "segmentation",
            (models.segmentation("yolov8n-seg_320_whole.kmodel"),),
            settings=("map_side: 320",),
            target=False,
        ),
        *(
            Case(
                f"YOLO11n {words} 320",
                task,
                (models.yolo(task, count),),
                counted=f"YOLO11 {words} 320, {count}",
            )
            for task, words in YOLO.items()
            for count in BOXES
        ),
        Case(
            "OCR, 5 boxes",
            "ocr",
            (models.text_detection(5), models.text_recognition()),
            (1, 5),
            counted="OCR, 5",
        ),
    ]


def case_of(name: str, boxes: int = USUAL_BOXES) -> Case:
    """Return the case of a model's name; of a detector the one with so many boxes."""
    return next(
        case
        for case in cases()
        if case.name == name and (case.task not in YOLO or len(case.scenes[0].shown) == boxes)
    )


def task_name(case: Case) -> str:
    """Return the name of the case's task on the card."""
    return Path(case.scenes[0].file).stem + ("_events" if case.events else "")


def make(
    folder: Path, chosen: Sequence[Case], sensor_fps: int, settings: dict[str, Any]
) -> tuple[Path, Path, Path]:
    """Write a card with all these tasks, the first one active; return (card, pictures, replay).

    settings: sections of service.yaml with their fields.
    """
    card, replay = folder / "card", folder / "replay"
    for case in chosen:
        lines = [f"task: {case.task}", *case.settings]
        fields = (
            ("package",) if len(case.scenes) == 1 else ("detection_package", "recognition_package")
        )
        for field, scene in zip(fields, case.scenes, strict=True):
            package = card / "packages" / Path(scene.file).stem
            models.write_package(scene, package, replay)
            lines.append(f"{field}: /sdcard/packages/{package.name}")
        tasks = card / "configs" / "tasks"
        tasks.mkdir(parents=True, exist_ok=True)
        (tasks / f"{task_name(case)}.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    width, height = AI_FRAME
    sections: dict[str, Any] = {
        "camera": {"width": width, "height": height, "fps": sensor_fps},
        **settings,
    }
    lines = [f"task: {task_name(chosen[0])}"]
    for name, values in sections.items():
        lines.append(f"{name}:")
        lines += [
            f"  {field}: {str(value).lower() if isinstance(value, bool) else value}"
            for field, value in values.items()
        ]
    (card / "configs" / "service.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (card / "main.py").write_text(MAIN, encoding="utf-8")
    return card, _pictures(folder / "pictures"), replay


def _pictures(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(7)
    for number in range(PICTURES):
        small = random.integers(0, 255, (9, 16, 3), dtype=np.uint8)
        Image.fromarray(small).resize(AI_FRAME).save(folder / f"{number}.png")
    return folder
