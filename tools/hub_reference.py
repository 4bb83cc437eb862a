"""Writes the table of settings in docs/hub.md: `python -m tools.hub_reference`."""

from __future__ import annotations

from pathlib import Path

from board_hub.configuration.fields import BOARD_FIELDS, FIELDS, GROUPS
from firmware_app.settings.schema import Field, show

PAGE = Path(__file__).resolve().parent.parent / "docs" / "hub.md"
BEGIN, END = "<!-- settings: python -m tools.hub_reference -->", "<!-- end of settings -->"


def _row(field: Field, prefix: str = "") -> str:
    default = "required" if field.required else show(field.default)
    unit = f" {field.unit}" if field.unit else ""
    expected = field.expected().replace(" or null", "").replace("|", "\\|")
    return f"| `{prefix}{field.path}` | {default} | {expected}{unit} | {field.text} |"


def table() -> str:
    """Return the table, with its marks."""
    rows = ["| setting | default | value | meaning |", "|---|---|---|---|"]
    rows += [_row(field, "boards[].") for field in BOARD_FIELDS]
    rows += [_row(field) for field in FIELDS if "." not in field.path]
    for group in GROUPS:
        rows += [_row(field) for field in FIELDS if field.path.startswith(f"{group}.")]
    return "\n".join([BEGIN, "", *rows, "", END])


def with_table(text: str) -> str:
    """Return the page with the table as the fields are now."""
    before, _, rest = text.partition(BEGIN)
    return before + table() + rest.partition(END)[2]


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text("utf-8")), encoding="utf-8")
