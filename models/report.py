"""Keep the table of ``models/README.md`` in step with what was measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from models.package import PACKAGES

README = Path(__file__).parent / "README.md"
START, END = "<!-- measured: start -->", "<!-- measured: end -->"

TASKS = {
    "shapes_cls": "classification",
    "shapes_det": "detection, AnchorBaseDet",
    "shapes_det_free": "detection, AnchorFreeDet",
    "shapes_det_gfl": "detection, GFLDet",
    "shapes_seg": "segmentation",
    "glyphs_ml": "metric learning",
    "shapes_multl": "multi-label",
    "text_det": "text detection",
    "text_rec": "text recognition",
    "shapes_pose": "pose, YOLO11",
    "shapes_obb": "oriented boxes, YOLO11",
}
"""Every package and the task it shows, in the order of the table."""

HEAD = (
    "| task | package | input | MAC | ms | figure | float | kmodel | end to end |\n"
    "| --- | --- | --- | ---: | ---: | --- | ---: | ---: | ---: |"
)


def _row(name: str) -> str:
    folder = PACKAGES / name
    measured: dict[str, Any] = json.loads((folder / "measured.json").read_text(encoding="utf-8"))
    config = folder / "mp_deployment_source" / "deploy_config.json"
    width, height = json.loads(config.read_text(encoding="utf-8"))["img_size"]
    figures = list(measured["float"])
    columns = [
        "<br>".join(f"{100 * measured[stage][figure]:.1f} %" for figure in figures)
        for stage in ("float", "kmodel", "end_to_end")
    ]
    named = "<br>".join(figure.replace("_", " ") for figure in figures)
    return (
        f"| {TASKS[name]} | `{name}` | {width}×{height} "
        f"| {measured['multiply_adds'] / 1e6:.1f} M | {measured['milliseconds']:.0f} "
        f"| {named} | {' | '.join(columns)} |"
    )


def update() -> None:
    """Write the table anew between its two marks."""
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(START)
    _, after = rest.split(END)
    rows = [_row(name) for name in TASKS if (PACKAGES / name / "measured.json").exists()]
    table = "\n".join([HEAD, *rows])
    README.write_text(f"{before}{START}\n{table}\n{END}{after}", encoding="utf-8")
