"""Runs the vendor-style loop (vendor_loop.py) on the virtual board."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import pipeline_card
from benchmarks.pipeline_board import MOST_LATE, REPEATS, Bench
from benchmarks.pipeline_card import Case
from virtual_board.board import VirtualBoard

WARM_S = 0.7
LIMIT_S = 300.0
SCRIPT = Path(__file__).with_name("vendor_loop.py")


@dataclass(frozen=True)
class VendorFigures:
    """Frames a second with and without display, and what a frame with display takes of the interpreter."""

    fps: float
    display_fps: float
    python_us: float
    display_python_us: float


async def run(
    bench: Bench,
    chosen: Sequence[Case],
    sensor_fps: int,
    seconds: float,
    frames: Sequence[tuple[int, int]] | None = None,
) -> dict[str, VendorFigures]:
    """Return the figures by the case's task name; frames: the AI channel of each case."""
    sizes = frames or [pipeline_card.AI_FRAME] * len(chosen)
    with tempfile.TemporaryDirectory(prefix="k230-") as name:
        card, pictures, replay = pipeline_card.make(Path(name), chosen, sensor_fps, {})
        jobs = [
            {
                "name": pipeline_card.task_name(case),
                "task": case.task,
                "frame": list(size),
                "packages": [f"/sdcard/packages/{Path(s.file).stem}" for s in case.scenes],
            }
            for case, size in zip(chosen, sizes, strict=True)
        ]
        plan = {
            "fps": sensor_fps,
            "seconds": seconds,
            "warm": WARM_S,
            "tries": 1 + REPEATS,
            "late": MOST_LATE,
            "jobs": jobs,
        }
        (card / "vendor.json").write_text(json.dumps(plan), encoding="utf-8")
        shutil.copyfile(SCRIPT, card / "vendor.py")
        rows: dict[str, dict[bool, dict[str, float]]] = {}
        async with VirtualBoard(
            sdcard=card,
            camera=str(pictures),
            timing=bench.timing,
            micropython=bench.ran.path,
            replay=replay,
            tcp=None,
            scripts=("/sdcard/vendor.py",),
            seconds=LIMIT_S,
            restart=False,
        ) as board:
            async for event in board.events():
                detail = event["detail"]
                if event["event"] == "console" and detail.startswith("row "):
                    row = json.loads(detail[4:])
                    rows.setdefault(row["name"], {})[row["display"]] = row
                elif event["event"] in ("fault", "bug"):
                    raise RuntimeError(f"the vendor-style loop: {detail}")
            console = "; ".join(list(board.console)[-3:])
    if len(rows) < len(chosen):
        raise RuntimeError(f"the vendor-style loop ended early: {console}")
    return {
        name: VendorFigures(
            one[False]["fps"],
            one[True]["fps"],
            one[False]["python"],
            one[True]["python"],
        )
        for name, one in rows.items()
    }
