"""Write docs/configuration.md and the files in configs/ from the settings' own definitions.

Run it as `python -m tools.configuration_reference`.
"""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

from firmware_app.settings import service_fields, task_fields
from firmware_app.settings.schema import Field, show

ROOT = Path(__file__).resolve().parent.parent

INTRODUCTION = """\
# Configuration

The service reads `/sdcard/configs/service.yaml` and the active task's
`/sdcard/configs/tasks/NAME.yaml`. [configs/](../configs) has both, with every setting, commented
and ready to copy. [yaml.md](yaml.md) says which YAML they may use. `k230 config validate FILE`
checks a file on the PC as the board would: file, line, setting, what was expected, what was found.

*live*: `k230 set URL KEY=VALUE` changes it in the running service, effective at the next frame.
Text lengths count characters, or bytes in UTF-8 where the table says so.
`python -m tools.configuration_reference` generates this page and `configs/` from
`firmware_app/settings/service_fields.py`, `firmware_app/settings/task_fields.py` and
`firmware_app/settings/event_fields.py`.
"""

# What the files in configs/ say where a default would be no example.
_SERVICE_EXAMPLE: dict[str, object] = {"task": "classification"}
_TASKS: dict[str, tuple[str, dict[str, object]]] = {
    "classification": (
        "Classification: one label for the frame, and the best classes after it.",
        {"package": "/sdcard/mp_deployment_source"},
    ),
    "detection": (
        f"Detection: boxes with class and score ({', '.join(task_fields.HEADS)}).",
        {},
    ),
    "segmentation": (
        "Segmentation: a class for each pixel, run-length encoded, with the area of each class.",
        {},
    ),
    "ocr_detection": ("Text detection: the places of text, as quadrilaterals.", {}),
    "ocr_recognition": (
        "Text recognition: the frame, or a region of it, is one line of text.",
        {},
    ),
    "ocr": (
        "OCR: one model finds text, another reads it.",
        {
            "detection_package": "/sdcard/packages/ocr_detection",
            "recognition_package": "/sdcard/packages/ocr_recognition",
            "max_results": 10,
            "min_size": 8,
        },
    ),
    "metric_learning": (
        "Metric learning: an embedding of the frame and, with a gallery, the identity it matches.",
        {},
    ),
    "multilabel": (
        "Multi-label classification: every label that reaches the threshold, with its score.",
        {},
    ),
    "instance_segmentation": (
        "Instance segmentation: boxes, each with a mask (YOLO models).",
        {},
    ),
    "pose": ("Pose: boxes, each with its keypoints (YOLO models).", {}),
    "oriented_detection": ("Oriented detection: rotated boxes (YOLO models).", {}),
}

_TASK_GROUPS = {
    "events": "Tracks, zones, lines, counters and steady answers ([events.md](events.md)).",
}

_COMMENTS_AT = 31
_WIDTH = 100


def _default(field: Field) -> str:
    return "required" if field.required else f"`{show(field.default)}`"


def _expected(field: Field) -> str:
    words = field.expected()
    return f"{words}; {field.unit}" if field.unit and field.kind != "region" else words


def _row(name: str, field: Field) -> str:
    live = " *live*" if field.live else ""
    return f"| `{name}` | {_expected(field)} | {_default(field)} | {field.text}{live} |"


_HEADER = "| setting | value | default | meaning |\n|---|---|---|---|"


def _members(group: str) -> list[Field]:
    return [f for f in service_fields.FIELDS if f.path.startswith(f"{group}.")]


def service_section() -> list[str]:
    """The settings of service.yaml: first those of the root, then a table for each group."""
    lines = ["## service.yaml", "", "Every setting has a default; an empty file is valid.", ""]
    lines += [_HEADER, *(_row(f.path, f) for f in service_fields.FIELDS if "." not in f.path)]
    for group, text in service_fields.GROUPS.items():
        lines += ["", f"### {group}", "", text, "", _HEADER]
        lines += [_row(field.path.split(".")[1], field) for field in _members(group)]
        if group == "uart":
            lines += ["", "Pins (TX/RX) that the processor can connect:", ""]
            for number, pairs in service_fields.UART_PINS.items():
                pins = ", ".join(f"{tx}/{rx}" for tx, rx in pairs)
                lines.append(f"- UART {number}: {pins}")
    return lines


def task_section() -> list[str]:
    """The settings of a task's file, and which tasks each is meant for."""
    lines = [
        "## tasks/NAME.yaml",
        "",
        "A setting that the file's task does not have is refused.",
        "",
    ]
    lines += ["| setting | tasks | value | default | meaning |", "|---|---|---|---|---|"]
    lines += [_task_row(field.path, field) for field in task_fields.FIELDS if "." not in field.path]
    for group, text in _TASK_GROUPS.items():
        lines += ["", f"### {group} (of a task)", "", text, ""]
        lines += ["| setting | tasks | value | default | meaning |", "|---|---|---|---|---|"]
        for field in task_fields.FIELDS:
            if field.path.startswith(f"{group}."):
                lines.append(_task_row(field.path.split(".")[1], field))
    return lines


def _task_row(name: str, field: Field) -> str:
    row = _row(name, field).split(" | ", 1)
    return f"{row[0]} | {', '.join(field.tasks) or 'all'} | {row[1]}"


def reference() -> str:
    """Return docs/configuration.md."""
    return "\n".join([INTRODUCTION, *service_section(), "", *task_section()]) + "\n"


def _comment(field: Field) -> str:
    """Return a setting's text, with its range or choices where the text does not name them."""
    limits = ""
    if field.kind in {"integer", "number"}:
        limits = field.expected().removeprefix("an integer ").removeprefix("a number ")
        limits = limits.removesuffix(" or null") + (f"; {field.unit}" if field.unit else "")
    elif field.kind == "choice" and not all(choice in field.text for choice in field.choices):
        limits = ", ".join(field.choices)
    return f"{field.text} [{limits}]" if limits else field.text


def _line(field: Field, value: object) -> str:
    name = field.path.split(".")[-1]
    return f"{name}: {value if isinstance(value, str) else show(value)}"


def _above(comment: str, indent: str = "") -> list[str]:
    margin = f"{indent}# "
    return textwrap.wrap(comment, _WIDTH, initial_indent=margin, subsequent_indent=margin)


def _entry(field: Field, value: object, indent: str = "") -> list[str]:
    """Return the lines of one setting of service.yaml: its comment beside it where there is room."""
    comment = _comment(field)
    line = indent + _line(field, value)
    beside = f"{line:<{_COMMENTS_AT}}# {comment}"
    if len(beside) <= _WIDTH and len(line) < _COMMENTS_AT:
        return [beside]
    return [*_above(comment, indent), line]


def service_file() -> str:
    """Return configs/service.yaml."""
    lines = [
        "# The K230 vision service. Copy to /sdcard/configs/service.yaml.",
        "# Every setting is shown with its default: an empty file is valid too.",
        "# [in brackets]: the allowed values. docs/configuration.md lists all settings.",
        "",
    ]
    for field in service_fields.FIELDS:
        if "." not in field.path:
            lines += _entry(field, _SERVICE_EXAMPLE.get(field.path, field.default))
    for group, text in service_fields.GROUPS.items():
        if group == service_fields.FIRST_RARE_GROUP:
            lines += ["", "# Most boards keep the defaults below."]
        lines += ["", f"# {text}", f"{group}:"]
        for field in _members(group):
            lines += _entry(field, field.default, "  ")
    return "\n".join(lines) + "\n"


def task_file(task: str) -> str:
    """Return configs/tasks/TASK.yaml, each comment above its setting."""
    title, example = _TASKS[task]
    example = {"package": f"/sdcard/packages/{task}", **example}
    lines = [f"# {title}", f"task: {task}"]
    begun = ""
    for field in task_fields.FIELDS[1:]:
        if not field.tasks or task in field.tasks:
            value = example.get(field.path, field.default)
            group = field.path.rpartition(".")[0]
            if group != begun:
                begun = group
                lines += ["", *_above(_TASK_GROUPS[group].partition(" (")[0] + "."), f"{group}:"]
            indent = "  " if group else ""
            space = [] if group else [""]
            lines += [*space, *_above(_comment(field), indent), indent + _line(field, value)]
    return "\n".join(lines) + "\n"


def files() -> dict[Path, str]:
    """Return every generated file and its content."""
    configs = ROOT / "configs"
    return {
        ROOT / "docs" / "configuration.md": reference(),
        configs / "service.yaml": service_file(),
        **{configs / "tasks" / f"{task}.yaml": task_file(task) for task in task_fields.TASKS},
    }


def main() -> int:
    """Write the files."""
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
