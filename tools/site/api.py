"""The reference of the Python library, from its docstrings and signatures."""

from __future__ import annotations

import enum
import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Any, ForwardRef

import host_client
import host_client.convert
import host_client.sync
from host_client.base.exceptions import K230Error
from tools.site.markdown import escaped

_WIDTH = 88
_SHORT = 40  # characters of a default
# Title of a section -> modules of host_client that its names come from; () is all others.
_SECTIONS: dict[str, tuple[str, ...]] = {
    "Board": ("board", "commands.gallery", "commands.card"),
    "Results": ("results.types", "results.objects", "results.decode"),
    "Events": ("results.events", "results.counters"),
    "Errors": ("base.exceptions",),
    "Answers and everything else": (),
}
_MARKS = {"VAR_POSITIONAL": "*", "VAR_KEYWORD": "**"}
_ARGUMENT = re.compile(r"^(\*{0,2}\w+): (.*)")


def _annotation(value: Any) -> str:
    if value is inspect.Signature.empty:
        return ""
    if isinstance(value, ForwardRef):
        return value.__forward_arg__
    return value if isinstance(value, str) else getattr(value, "__name__", str(value))


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHORT else f"{type(value).__name__}(…)"


def signature(function: Any) -> str:
    """Return a function's arguments and result as they are written, one a line where it is long."""
    try:
        found = inspect.signature(function)
    except (TypeError, ValueError):
        return "(...)"
    parts: list[str] = []
    starred = False
    for parameter in found.parameters.values():
        if parameter.name in ("self", "cls") and not parts:
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            parts.append("*")
        starred |= parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_POSITIONAL)
        mark = _MARKS.get(parameter.kind.name, "")
        kind = _annotation(parameter.annotation)
        text = mark + parameter.name + (f": {kind}" if kind else "")
        if parameter.default is not parameter.empty:
            text += f"{' = ' if kind else '='}{parameter.default!r}"
        parts.append(text)
    result = _annotation(found.return_annotation)
    end = f") -> {result}" if result else ")"
    line = f"({', '.join(parts)}{end}"
    if len(line) <= _WIDTH or not parts:
        return line
    return "(\n    " + ",\n    ".join(parts) + f",\n{end}"


def docstring(value: Any) -> Iterator[str]:
    """Yield the lines of a docstring as Markdown: paragraphs, code, and a list for its arguments."""
    text = inspect.cleandoc(value.__doc__ or "")
    for paragraph in re.split(r"\n\s*\n", text):
        lines = paragraph.split("\n")
        if lines[0].startswith("    "):
            yield from ("```python", textwrap.dedent(paragraph), "```", "")
        elif lines[0] in ("Args:", "Attributes:", "Raises:"):
            title = lines[0].rstrip(":").replace("Args", "Arguments")
            yield from (f"**{title}**", "", *_arguments(lines[1:]), "")
        else:
            yield from (escaped(paragraph), "")


def _arguments(lines: list[str]) -> Iterator[str]:
    item = ""
    for line in textwrap.dedent("\n".join(lines)).split("\n"):
        named = _ARGUMENT.match(line)
        if named is None:
            item += " " + escaped(line.strip())
            continue
        if item:
            yield item
        item = f"- `{named[1]}`: {escaped(named[2])}"
    if item:
        yield item


def _members(cls: type) -> Iterator[tuple[str, Any]]:
    """Yield a class's own public methods and properties, in the order of its source."""
    for name, value in vars(cls).items():
        if name.startswith("_"):
            continue
        plain = value.__func__ if isinstance(value, (classmethod, staticmethod)) else value
        if inspect.isfunction(plain) or isinstance(value, property):
            yield name, plain


def _class(name: str, cls: type, place: str) -> Iterator[str]:
    bases = [base.__name__ for base in cls.__bases__ if base.__name__ not in ("object", "Generic")]
    yield from (
        f"### {name}",
        "",
        f"`{place}.{name}`" + (f" ({', '.join(bases)})" if bases else ""),
    )
    yield ""
    yield from docstring(cls)
    fields = getattr(cls, "_fields", ())
    if fields:
        yield from ("| field | type | default |", "|---|---|---|")
        defaults = getattr(cls, "_field_defaults", {})
        notes = cls.__annotations__
        for field in fields:
            default = f"`{_short(defaults[field])}`" if field in defaults else ""
            kind = _annotation(notes.get(field, ""))
            yield f"| `{field}` | `{kind}` | {default} |"
        yield ""
    if issubclass(cls, enum.Enum):
        yield ", ".join(f"`{member.name}`" for member in cls) + "."
        yield ""
    elif issubclass(cls, K230Error):
        yield f"Code `{getattr(cls, 'code', '')}`, exit code {cls.exit_code}."
        yield ""
    for method, value in _members(cls):
        yield from (f"#### {name}.{method}", "")
        if isinstance(value, property):
            kind = _annotation(inspect.signature(value.fget).return_annotation)  # type: ignore[arg-type]
            yield from ("```python", f"{method}: {kind}", "```", "")
        else:
            before = "async " if inspect.iscoroutinefunction(value) else ""
            yield from ("```python", f"{before}{method}{signature(value)}", "```", "")
        yield from docstring(value)


def _entry(name: str, value: Any, place: str) -> Iterator[str]:
    if inspect.isclass(value):
        yield from _class(name, value, place)
    elif callable(value):
        yield from (f"### {name}", "", "```python", f"{name}{signature(value)}", "```", "")
        yield from docstring(value)
    else:  # a union of types, or a constant
        text = str(value).replace("host_client.", "")
        text = re.sub(r"\b(?:\w+\.)+(?=[A-Z])", "", text)
        yield from (f"### {name}", "", f"`{text}`", "")


def _section(name: str) -> str:
    module = str(getattr(getattr(host_client, name), "__module__", ""))
    for title, modules in _SECTIONS.items():
        if module.removeprefix("host_client.") in modules:
            return title
    return "Results" if name == "Result" else [*_SECTIONS][-1]


def reference() -> str:
    """Return the page."""
    lines = [
        "# Python reference",
        "",
        "Made from the docstrings of `host_client`. [The guide](python.md) is the place to begin.",
        "",
    ]
    for title in _SECTIONS:
        lines += [f"## {title}", ""]
        names = [name for name in host_client.__all__ if _section(name) == title]
        names.sort(key=lambda name: (name != "Board", name.lower()))
        for name in names:
            lines += _entry(name, getattr(host_client, name), "host_client")
    lines += ["## Without await", "", *docstring(host_client.sync)]
    lines += ["## Other libraries", "", *docstring(host_client.convert)]
    for name in host_client.convert.__all__:
        value = getattr(host_client.convert, name)
        if callable(value):
            lines += _entry(name, value, "host_client.convert")
    return "\n".join(lines) + "\n"
