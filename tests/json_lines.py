"""Holds a line of JSON to the schema of its type in host_client/schemas/."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import jsonschema
import referencing

from tools.json_types import HEAD

SCHEMAS = Path(__file__).resolve().parents[1] / "host_client" / "schemas"


@functools.cache
def schema(name: str) -> Any:
    """Return one of the schemas."""
    return json.loads((SCHEMAS / f"{name}.json").read_text("utf-8"))


@functools.cache
def validator(name: str) -> Any:
    """Return what validates by a schema, which may refer to the others."""
    resources = {
        path.name: referencing.Resource.from_contents(schema(path.stem))
        for path in SCHEMAS.glob("*.json")
    }
    registry: Any = referencing.Registry().with_resources(resources.items())
    return jsonschema.Draft202012Validator(schema(name), registry=registry)


def own(row: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a line that not every line has."""
    return {name: value for name, value in row.items() if name not in HEAD}


def check_form(row: Any) -> str:
    """Return the line's type; AssertionError where it is not as the schema of its type says."""
    name = str(row["type"])
    text = json.dumps(row, allow_nan=False)
    for error in validator(name).iter_errors(json.loads(text)):
        raise AssertionError(f"{error.json_path}: {error.message} in {text[:300]}")
    return name


def check_line(row: Any) -> str:
    """As check_form; and there is no field that the schema does not have."""
    name = check_form(row)
    unknown = _unknown(row, [schema(name)], name)
    assert not unknown, f"not in the schema: {unknown}"
    return name


def _unknown(value: Any, found: list[Any], place: str) -> list[str]:
    """Return the fields that no branch of the schemas has; an object that lists none may have any."""
    branches = [
        branch
        for each in found
        for branch in (each, *each.get("oneOf", []), *each.get("anyOf", []))
    ]
    if any("$ref" in branch for branch in branches):
        return []
    if isinstance(value, list):
        items = [branch["items"] for branch in branches if "items" in branch]
        return [text for item in value for text in _unknown(item, items, place)]
    names: dict[str, list[Any]] = {}
    for branch in branches:
        for name, part in branch.get("properties", {}).items():
            names.setdefault(name, []).append(part)
    if not isinstance(value, dict) or not names:
        return []
    unknown = [f"{place}.{name}" for name in value if name not in names]
    for name in value:
        unknown += _unknown(value[name], names.get(name, []), f"{place}.{name}")
    return unknown
