"""Each task keeps the contract of firmware_app/tasks/base.py, on real packages."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from firmware_app.wire import messages
from tests.virtual_board.scripts import PACKAGES, run_script

TASKS = {
    "classification": ("package: packages/shapes_cls", messages.CLASSIFICATION, 2),
    "detection": ("package: packages/shapes_det", messages.DETECTION, 1),
    "segmentation": ("package: packages/shapes_seg", messages.SEGMENTATION, 4),
    "multilabel": ("package: packages/shapes_multl", messages.MULTILABEL, 1),
    "metric_learning": ("package: packages/glyphs_ml", messages.METRIC_LEARNING, 2),
    "identities": (
        "package: packages/glyphs_ml\ndetection_package: packages/shapes_det_free",
        messages.IDENTITIES,
        1,
    ),
    "ocr_detection": ("package: packages/text_det", messages.OCR_DETECTION, 1),
    "ocr_recognition": ("package: packages/text_rec", messages.OCR_RECOGNITION, 1),
    "ocr": (
        "detection_package: packages/text_det\nrecognition_package: packages/text_rec",
        messages.OCR,
        1,
    ),
}

SCRIPT = """
import asyncio, json
from firmware_app.board import arrays, npu
from firmware_app.settings.reader import read_task
from firmware_app.tasks.base import Plan, Task
from firmware_app.tasks.prepare import prepare_task

async def pause():
    await asyncio.sleep_ms(0)

async def main():
    settings = read_task(TEXT, "task.yaml").values
    prepared = await prepare_task(settings, pause)
    task = await prepared.load(pause)
    promised = Task(prepared._packages, task.models)
    found = {
        "is a task": isinstance(task, Task),
        "lacks": [name for name in promised.__dict__ if name not in task.__dict__],
        "result_type": task.result_type,
        "holds_frame": task.holds_frame,
        "recognizer": task.recognizer is not None,
        "name": task.name,
        "sha256": len(task.sha256),
        "packages": len(task.packages),
    }
    before = json.dumps(settings)
    plans = [task.plan(settings, 320, 240, True), task.plan(settings, 64, 48, False)]
    found["plans"] = [isinstance(plan, Plan) for plan in plans]
    found["sizes"] = [[plan.width, plan.height, plan.camera] for plan in plans]
    found["region"] = list(plans[0].region)
    called = []
    inferred = None if task.holds_frame else lambda: called.append(1)
    for plan in plans:
        picture = bytearray(bytes(range(256)) * (3 * plan.width * plan.height // 256))
        task.take(plan, npu.tensor(arrays.planes(picture, plan.width, plan.height)))
        found["fields"] = len(task.finish(plan, inferred))
    found["inferred"] = len(called)
    found["times"] = task.kpu_us > 0 and task.ai2d_us >= 0 and task.decode_us >= 0
    found["settings kept"] = json.dumps(settings) == before
    other = dict(settings)
    other["region"] = {"x": 8, "y": 16, "width": 64, "height": 32}
    found["other region"] = list(task.plan(other, 320, 240, True).region)
    other["region"] = {"x": 300, "y": 16, "width": 64, "height": 32}
    try:
        task.plan(other, 320, 240, True)
    except (npu.NpuError, ValueError):
        found["refused"] = True
    found["old plan"] = list(plans[0].region)
    task.release()
    found["released"] = [model._kpu is None for model in task.models]
    print("found", json.dumps(found))

asyncio.run(main())
"""


QUICK = ("classification", "ocr")  # one model, and two


@pytest.mark.parametrize(
    "name",
    [pytest.param(each, marks=[pytest.mark.slow] * (each not in QUICK)) for each in sorted(TASKS)],
)
def test_a_task_keeps_its_contract(tmp_path: Path, name: str) -> None:
    packages, kind, fields = TASKS[name]
    task = "metric_learning" if name == "identities" else name
    (tmp_path / "card").mkdir()
    for package in PACKAGES.iterdir():
        shutil.copytree(
            package / "mp_deployment_source", tmp_path / "card" / "packages" / package.name
        )
    text = f"task: {task}\n{packages}\n"
    run = run_script(tmp_path, f"TEXT = {text!r}\n{SCRIPT}", camera="synthetic:64x64")
    assert not run.details("fault") and not run.details("bug"), run.events
    lines = [line for line in run.lines if line.startswith("found ")]
    assert lines, "\n".join(run.lines)
    found: dict[str, Any] = json.loads(lines[0][6:])
    assert found["is a task"] and not found["lacks"]
    assert found["result_type"] == kind and found["fields"] == fields
    assert found["recognizer"] == (task == "metric_learning")
    assert found["name"].count("+") == found["packages"] - 1 and found["sha256"] == 32
    assert found["plans"] == [True, True]
    assert found["sizes"] == [[320, 240, True], [64, 48, False]]
    assert found["region"] == found["old plan"] == [0, 0, 320, 240]
    assert found["other region"] == [8, 16, 64, 32]
    assert found["refused"] and found["settings kept"] and found["times"]
    assert found["holds_frame"] == (name in ("identities", "ocr"))
    assert found["inferred"] == (0 if found["holds_frame"] else 2)
    assert all(found["released"]) and len(found["released"]) == found["packages"]
