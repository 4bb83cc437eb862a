"""Write docs/configuration.md from the settings' own definitions.

Run it as `python -m tools.configuration_reference`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from firmware_app.settings import service_fields, task_fields
from firmware_app.settings.schema import Field, show

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "configuration.md"

INTRODUCTION = """\
# Configuration

The service reads `/sdcard/configs/service.yaml` and the active task's
`/sdcard/configs/tasks/NAME.yaml`; [configs/](../configs) has both, commented and ready to copy.
[yaml.md](yaml.md) says which YAML they may use. `k230 config validate FILE` says on the PC what
the board would say, in the same words: file, line, setting, what was expected, what was found.

*live*: `k230 set URL KEY=VALUE` changes it in the running service, effective at the next frame.
Text lengths count characters. This page is generated from `firmware_app/settings/service_fields.py` and
`firmware_app/settings/task_fields.py` by `python -m tools.configuration_reference`.
"""


def _default(field: Field) -> str:
    return "required" if field.required else f"`{show(field.default)}`"


def _expected(field: Field) -> str:
    words = field.expected()
    return f"{words}; {field.unit}" if field.unit and field.kind != "region" else words


def _row(name: str, field: Field) -> str:
    live = " *live*" if field.live else ""
    return f"| `{name}` | {_expected(field)} | {_default(field)} | {field.text}{live} |"


_HEADER = "| setting | value | default | meaning |\n|---|---|---|---|"


def service_section() -> list[str]:
    """The settings of service.yaml: first those of the root, then a table for each group."""
    lines = ["## service.yaml", "", "Every setting has a default; an empty file is valid.", ""]
    lines += [_HEADER, *(_row(f.path, f) for f in service_fields.FIELDS if "." not in f.path)]
    for group, text in service_fields.GROUPS.items():
        members = [f for f in service_fields.FIELDS if f.path.startswith(f"{group}.")]
        lines += ["", f"### {group}", "", text, "", _HEADER]
        lines += [_row(field.path.split(".")[1], field) for field in members]
        if group == "uart":
            lines += ["", "Pins (TX/RX) that the processor can connect:", ""]
            for number, pairs in service_fields.UART_PINS.items():
                pins = ", ".join(f"{tx}/{rx}" for tx, rx in pairs)
                lines.append(f"- UART {number}: {pins}")
    return lines


def task_section() -> list[str]:
    """The settings of a task's file, and which tasks each is meant for."""
    lines = ["## tasks/NAME.yaml", "", "Settings not meant for the file's task are refused.", ""]
    lines += ["| setting | tasks | value | default | meaning |", "|---|---|---|---|---|"]
    for field in task_fields.FIELDS:
        row = _row(field.path, field).split(" | ", 1)
        lines.append(f"{row[0]} | {', '.join(field.tasks) or 'all'} | {row[1]}")
    return lines


def reference() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *service_section(), "", *task_section()]) + "\n"


def main() -> int:
    """Write the page."""
    TARGET.write_text(reference(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
