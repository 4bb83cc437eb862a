"""Differences between Markdown in a repository and in the site: links, and where lists begin."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping

_LINK = re.compile(r"(?<=\]\()([^)\s]+)(?=\))")
_ITEM = re.compile(r"^(\s*)([-*]|\d+\.) ")
_CODE = re.compile(r"`[^`]*`")


def escaped(text: str) -> str:
    """Return plain text so that Markdown shows it as it is; `code` stays code."""
    parts = []
    at = 0
    for code in _CODE.finditer(text):
        parts += [_escaped(text[at : code.start()]), code[0]]
        at = code.end()
    return "".join([*parts, _escaped(text[at:])])


def _escaped(text: str) -> str:
    return re.sub(r"([*\[\]])", r"\\\1", text.replace("&", "&amp;").replace("<", "&lt;"))


def cell(text: str) -> str:
    """Return text for a cell of a table: one line, no bar."""
    return " ".join(escaped(text).split()).replace("|", "\\|")


def _lines(text: str) -> Iterator[tuple[str, bool]]:
    """Yield each line, and whether it is in a fenced block of code."""
    fenced = False
    for line in text.split("\n"):
        fence = line.lstrip().startswith("```")
        yield line, fenced or fence
        fenced ^= fence


def linked(text: str, source: str, page: str, places: Mapping[str, str]) -> str:
    """Return the text with links for the site.

    source: its path in the repository, page: its path in the site. places: path in the repository ->
    path in the site, with its anchor where it has one; files of docs/ have theirs.
    """

    def mended(link: re.Match[str]) -> str:
        path, sign, anchor = link[0].partition("#")
        if not path or "://" in path or path.startswith("mailto:"):
            return link[0]
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        if target in places:
            target = places[target]
            if "#" in target:
                sign = ""
        elif target.startswith("docs/"):
            target = target.removeprefix("docs/")
        else:
            return link[0]  # the strict build names it
        target, inner, place = target.partition("#")
        relative = posixpath.relpath(target, posixpath.dirname(page) or ".")
        return f"{relative}{inner}{place}{sign}{anchor if sign else ''}"

    return "\n".join(line if code else _LINK.sub(mended, line) for line, code in _lines(text))


def with_bars(text: str) -> str:
    """Return the text with bare bars in the code of tables: the site's Markdown escapes none there."""
    return "\n".join(
        line
        if code or not line.lstrip().startswith("|")
        else _CODE.sub(lambda span: span[0].replace("\\|", "|"), line)
        for line, code in _lines(text)
    )


def with_lists(text: str) -> str:
    """Return the text with an empty line before each list, and inner lists four spaces deep."""
    found: list[str] = []
    in_list = False
    for line, code in _lines(text):
        item = None if code else _ITEM.match(line)
        if item and not in_list and not item[1]:
            if found and found[-1].strip():
                found.append("")
            in_list = True
        elif in_list and item and 0 < len(item[1]) < 4:
            found.append("    " + line.lstrip())
            continue
        elif in_list and line and not line[0].isspace() and found and not found[-1].strip():
            in_list = item is not None
        found.append(line)
    return "\n".join(found)


_WIDE = "\u3000-\u303f\u4e00-\u9fff\uff00-\uffef"  # Chinese characters and their punctuation
_GAP = re.compile(rf"(?<=[{_WIDE}])\n[ \t]*(?=[{_WIDE}\[`*])|(?<=[`*)])\n[ \t]*(?=[{_WIDE}])")


def without_gaps(text: str) -> str:
    """Join lines of Chinese text: a browser shows the end of a line as a space."""
    parts = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(_joined(part) if number % 2 == 0 else part for number, part in enumerate(parts))


def _joined(text: str) -> str:
    blocks = re.split(r"(\n(?=\s*(?:[-|#>*]|\d+\.|$)))", text, flags=re.MULTILINE)
    return "".join(_GAP.sub("", block) for block in blocks)
