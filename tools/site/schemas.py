"""The page of JSON schemas, from host_client/schemas/."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.site.markdown import cell

FOLDER = Path(__file__).resolve().parents[2] / "host_client" / "schemas"
_DEPTH = 2  # objects within objects that have rows of their own


def files() -> list[Path]:
    """Return the schemas."""
    return sorted(FOLDER.glob("*.json"))


def anchor(path: Path) -> str:
    """Return where the page has a schema."""
    return path.name.replace(".", "")


def _kind(value: Any) -> str:
    """Return what a property may be, in a few words."""
    if not isinstance(value, dict):
        return ""
    if "const" in value:
        return f"`{json.dumps(value['const'])}`"
    if "enum" in value:
        return ", ".join(f"`{json.dumps(each)}`" for each in value["enum"])
    for name in ("oneOf", "anyOf"):
        if name in value:
            return " or ".join(dict.fromkeys(_kind(each) for each in value[name]))
    if "$ref" in value:
        return f"`{value['$ref'].rpartition('/')[2]}`"
    kind = value.get("type", "any")
    kinds = list(kind) if isinstance(kind, list) else [kind]
    if "array" in kinds and isinstance(value.get("items"), dict):
        kinds[kinds.index("array")] = f"array of {_kind(value['items'])}"
    low, high = value.get("minimum"), value.get("maximum")
    limits = "" if low is None and high is None else f" {'' if low is None else low}…{high or ''}"
    return " or ".join(kinds) + limits


def _rows(schema: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield a row for each property, then for those of objects within: `network.address`."""
    required = set(schema.get("required", ()))
    for name, value in schema.get("properties", {}).items():
        if not isinstance(value, dict):
            continue
        always = "yes" if name in required else ""
        text = cell(value.get("description", ""))
        yield f"| `{prefix}{name}` | {cell(_kind(value))} | {always} | {text} |"
        if prefix.count(".") < _DEPTH:
            yield from _rows(value, f"{prefix}{name}.")
            items = value.get("items")
            if isinstance(items, dict):
                yield from _rows(items, f"{prefix}{name}[].")


def page() -> str:
    """Return the page."""
    lines = [
        "# JSON schemas",
        "",
        "The form of each JSON line ([JSON](json.md)), from the schemas in `host_client/schemas/`,",
        "which come with the package.",
    ]
    for path in files():
        schema = json.loads(path.read_text("utf-8"))
        lines += ["", f"## {path.name}", "", f"{cell(schema.get('title', path.stem))}.", ""]
        lines += ["| field | value | always | meaning |", "|---|---|---|---|", *_rows(schema)]
        for branch in schema.get("oneOf", ()):
            names = branch.get("properties", {})
            if names:
                lines += ["", f"With {_branch(names)}:", ""]
                lines += ["| field | value | always | meaning |", "|---|---|---|---|"]
                lines += [*_rows(branch)]
        whole = json.dumps(schema, indent=2, ensure_ascii=False).splitlines()
        lines += ["", f'??? note "The whole of {path.name}"', "", "    ```json"]
        lines += [f"    {line}" for line in whole]
        lines += ["    ```"]
    return "\n".join(lines) + "\n"


def _branch(properties: dict[str, Any]) -> str:
    """Return what tells a branch from the others."""
    for name in ("task", "type", "kind", "command"):
        if name in properties:
            return f"`{name}` {_kind(properties[name])}"
    return ", ".join(f"`{name}`" for name in properties)
