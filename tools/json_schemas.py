"""Write the JSON Schemas of what `k230 … --json` prints: python -m tools.json_schemas [--check].

The schemas of results, events, statistics and log lines are written by hand beside them. VERBS says
which types of lines each verb prints; docs/json.md has it as a table.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tools.json_forms import Schema, entry
from tools.json_types import HEAD, LINES

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "host_client" / "schemas"
PAGE = ROOT / "docs" / "json.md"
BEGIN, END = "<!-- verbs: written by tools.json_schemas -->", "<!-- end of verbs -->"
DRAFT = "https://json-schema.org/draft/2020-12/schema"
BY_HAND = ("result", "event", "statistics", "log")

# Types of the lines of each verb, besides `error`.
VERBS: dict[str, tuple[str, ...]] = {
    "watch": ("result",),
    "events": ("event",),
    "stats": ("statistics",),
    "logs": ("log",),
    "infer": ("result",),
    "sim infer": ("result",),
    "sim run": ("simulation",),
    "status": ("status",),
    "tasks": ("task",),
    "switch": ("switch",),
    "set": ("settings_changed",),
    "keep": ("settings_changed",),
    "forget": ("settings_changed",),
    "settings": ("setting",),
    "config get": ("configuration",),
    "config validate": ("configuration_check",),
    "snapshot": ("file",),
    "zones": ("file",),
    "record": ("file",),
    "bag": ("file",),
    "pull": ("file",),
    "push": ("pushed",),
    "packages list": ("package",),
    "packages remove": ("package_removed",),
    "restart": ("restart",),
    "reboot": ("restart",),
    "counters": ("counters",),
    "enroll": ("enrolment",),
    "recognize": ("recognition",),
    "gallery list": ("gallery",),
    "gallery show": ("sample",),
    "gallery rename": ("gallery_totals",),
    "gallery remove": ("gallery_totals",),
    "gallery clear": ("gallery_totals",),
    "gallery threshold": ("gallery_totals",),
    "gallery select": ("gallery_totals",),
    "gallery delete": ("gallery_totals",),
    "gallery suggest": ("suggestion",),
    "gallery export": ("file",),
    "gallery import": ("gallery_imported",),
    "gallery check": ("gallery_content",),
    "discover": ("found_board", "serial_port"),
    "doctor": ("finding",),
    "key list": ("key",),
    "firmware list": ("firmware",),
    "firmware check": ("image",),
    "flash": ("flashed",),
    "install": ("installation",),
    "uninstall": ("uninstallation",),
    "package": ("package_made",),
    "verify": ("verdict",),
    "demo": ("result", "switch", "demo_enrolled", "demo"),
    "hub": ("listening", "hub_check"),
    "dashboard": ("listening",),
}


def schemas() -> dict[str, Schema]:
    """Return the schema of each type that is written here, and `line`: of any line."""
    found: dict[str, Schema] = {}
    for name, (title, fields) in LINES.items():
        row = entry({**HEAD, "type": {"const": name}, **fields})
        found[name] = {"$schema": DRAFT, "$id": f"{name}.json", "title": title, **row}
    names = sorted({*LINES, *BY_HAND})
    found["line"] = {
        "$schema": DRAFT,
        "$id": "line.json",
        "title": "Any line: its type says which of the other schemas describes it",
        "type": "object",
        "properties": {"type": {"enum": names}},
        "required": ["schema", "type", "board_id", "board_name", "time"],
        "allOf": [
            {"if": {"properties": {"type": {"const": name}}}, "then": {"$ref": f"{name}.json"}}
            for name in names
        ],
    }
    return found


def table() -> str:
    """Return the table of verbs for docs/json.md."""
    rows = ["| verb | `type` |", "|---|---|"]
    for types in sorted(set(VERBS.values())):
        verbs = ", ".join(f"`k230 {verb}`" for verb, own in VERBS.items() if own == types)
        shown = ", ".join(f"`{name}`" for name in types)
        rows.append(f"| {verbs} | {shown} |")
    return "\n".join(rows)


def page(text: str) -> str:
    """Return docs/json.md with the table."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def main() -> int:
    """Write the schemas and the table, or with --check say what is not as it should be."""
    files = {
        FOLDER / f"{name}.json": json.dumps(schema, indent=2) + "\n"
        for name, schema in schemas().items()
    }
    files[PAGE] = page(PAGE.read_text("utf-8"))
    stale = [
        path
        for path, text in files.items()
        if not path.is_file() or path.read_text("utf-8") != text
    ]
    if "--check" in sys.argv[1:]:
        for path in stale:
            sys.stderr.write(f"{path.name}: run `python -m tools.json_schemas`\n")
        return 1 if stale else 0
    for path in stale:
        path.write_text(files[path], "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
