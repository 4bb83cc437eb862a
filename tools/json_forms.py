"""Short forms of JSON Schema, for tools/json_types.py."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]


def kind(name: str, text: str = "", **more: Any) -> Schema:
    """Return a schema of a JSON type, with a description where there is one."""
    return {"type": name, **more, **({"description": text} if text else {})}


def string(text: str = "", **more: Any) -> Schema:
    """Return the schema of a text."""
    return kind("string", text, **more)


def whole(text: str = "", least: int | None = 0) -> Schema:
    """Return the schema of an integer; least None: any."""
    return kind("integer", text, **({} if least is None else {"minimum": least}))


def number(text: str = "", **more: Any) -> Schema:
    """Return the schema of a number."""
    return kind("number", text, **more)


def flag(text: str = "") -> Schema:
    """Return the schema of true or false."""
    return kind("boolean", text)


def array(items: Schema, text: str = "", **more: Any) -> Schema:
    """Return the schema of an array of these."""
    return kind("array", text, items=items, **more)


def mapping(values: Schema, text: str = "") -> Schema:
    """Return the schema of an object whose names are data."""
    return kind("object", text, additionalProperties=values)


def entry(fields: Schema, text: str = "") -> Schema:
    """Return the schema of an object with these fields; one whose name ends in ? may be left out."""
    return kind(
        "object",
        text,
        properties={name.rstrip("?"): value for name, value in fields.items()},
        required=[name for name in fields if not name.endswith("?")],
    )


def maybe(schema: Schema) -> Schema:
    """Return the schema of this or null."""
    rest = dict(schema)
    text = rest.pop("description", None)
    if set(rest) <= {"type", "minimum", "maximum", "pattern", "format"}:
        found = {**rest, "type": [rest["type"], "null"]}
    else:
        found = {"anyOf": [rest, {"type": "null"}]}
    return {**found, "description": text} if text else found
