"""Files of names, of labels or keypoints: text, JSON, or the YAML files that Ultralytics writes.

Of a YAML file `names:` alone is read: beside it stand scripts and other things that a name needs none of.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from firmware_app.settings import yaml_scalar
from host_client.base.exceptions import PackageError
from host_client.base.wording import reason

_MAX_FILE = 1 << 20  # bytes
_NUMBERED = re.compile(r"""(["']?)(\d{1,9})\1\s*:(?:\s+(.*))?$""")
_NUMBER = re.compile(r"\d{1,9}")
_CLOSING = {"[": "]", "{": "}"}


class _Entry(NamedTuple):
    """What a YAML file says of one name: line, number or None, and the name as it is written."""

    line: int
    number: int | None
    text: str


def names_in(path: Path) -> list[str]:
    """Return the names in a file, in their order; PackageError if they can't be told.

    Text has one a line; JSON and YAML have a list, a numbered map, or one of them as `names`.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_FILE + 1)
    except OSError as error:
        raise PackageError(f"{path}: can't be read: {reason(error)}") from None
    if len(raw) > _MAX_FILE:
        raise PackageError(f"{path}: expected at most {_MAX_FILE} bytes of names")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PackageError(
            f"{path}: expected UTF-8, found other bytes at {error.start}; save it as UTF-8"
        ) from None
    kind = path.suffix.lower()
    if kind == ".json":
        names = _of_json(text, path)
    elif kind in (".yaml", ".yml"):
        names = _of_yaml(text, path)
    else:
        names = [line.strip() for line in _lines(text)]
        while names and not names[-1]:
            names.pop()
    if not isinstance(names, list) or not names:
        raise PackageError(f"{path}: expected names, one a line, found none")
    for number, name in enumerate(names, 1):
        if not isinstance(name, str) or not name:
            raise PackageError(f"{path}: name {number}: expected text, found {name!r}")
        odd = [letter for letter in name if _unshowable(letter)]
        if odd:
            raise PackageError(
                f"{path}: name {number}: expected letters that can be shown, found U+{ord(odd[0]):04X}"
            )
    return names


def _unshowable(letter: str) -> bool:
    code = ord(letter)
    return code < 0x20 or 0x7F <= code < 0xA0 or 0xD800 <= code < 0xE000 or code in (0x2028, 0x2029)


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _of_json(text: str, path: Path) -> Any:
    try:
        names = json.loads(text)
    except ValueError as error:
        raise PackageError(f"{path}: expected JSON: {error}") from None
    except RecursionError:
        raise PackageError(f"{path}: expected a list of names, found one nested too deep") from None
    if isinstance(names, dict) and "names" in names:
        names = names["names"]
    if not isinstance(names, dict):
        return names
    numbers: dict[int, Any] = {}
    for key, value in names.items():
        if not _NUMBER.fullmatch(key) or int(key) in numbers:
            raise PackageError(
                f"{path}: expected a list, or names numbered from 0 on, found {key[:40]!r}"
            )
        numbers[int(key)] = value
    return _in_order(numbers, path)


def _in_order(numbers: dict[int, Any], path: Path) -> list[Any]:
    """Return numbered names as a list; a missing number would move all behind it to another class."""
    for number in range(len(numbers)):
        if number not in numbers:
            raise PackageError(
                f"{path}: expected names 0 to {len(numbers) - 1}, found none of number {number}"
            )
    return [numbers[number] for number in range(len(numbers))]


def _of_yaml(text: str, path: Path) -> list[str]:
    lines = _lines(text)
    start, rest = 0, ""
    for number, line in enumerate(lines):
        if re.match(r"names\s*:(\s|$)", line):
            start, rest = number + 1, line.split(":", 1)[1].strip()
            break
    if rest[:1] in _CLOSING:
        entries = _between_brackets([rest, *lines[start:]], start, path)
    elif not start and text.lstrip()[:1] in _CLOSING:
        entries = _between_brackets(lines, 1, path)
    elif rest and not rest.startswith("#"):
        raise PackageError(f"{path} line {start}: expected a list of names, found {rest}")
    else:
        entries = _one_a_line(lines, start, path)
    numbers: dict[int, str] = {}
    for place, entry in enumerate(entries):
        number = place if entry.number is None else entry.number
        if number in numbers:
            raise PackageError(f"{path} line {entry.line}: the number {number} appears twice")
        numbers[number] = _scalar(entry, path)
    return _in_order(numbers, path)


def _one_a_line(lines: list[str], start: int, path: Path) -> list[_Entry]:
    """Return the entries of lines such as "- cup" or "0: cup", as far as they belong together."""
    entries: list[_Entry] = []
    for number, line in enumerate(lines[start:], start + 1):
        plain = line.strip()
        if not plain or plain.startswith("#") or (not start and plain == "---"):
            continue
        item = plain == "-" or plain.startswith("- ")
        if start and not line[0].isspace() and not item:
            break  # the next key
        numbered = _NUMBERED.match(plain)
        if item:
            entries.append(_Entry(number, None, plain[1:].strip()))
        elif numbered:
            entries.append(_Entry(number, int(numbered[2]), (numbered[3] or "").strip()))
        else:
            raise PackageError(
                f"{path} line {number}: expected names as - NAME or 0: NAME, one a line, found {plain[:40]}"
            )
    return entries


def _between_brackets(lines: list[str], first: int, path: Path) -> list[_Entry]:
    """Return the entries of [a, b] or {0: a, 1: b}, over any number of lines; first: the number of lines[0]."""
    closing = ""
    entries: list[_Entry] = []
    piece = quote = ""
    for number, line in enumerate(lines, first):
        before = " "
        for letter in line:
            opens = not piece.strip() or piece.rstrip().endswith(":")
            if quote:
                piece += letter
                # Of a quote that is doubled or escaped, the next letter goes on.
                if letter == quote and not (quote == '"' and before == "\\"):
                    quote = ""
            elif not closing:
                if letter in _CLOSING:
                    closing = _CLOSING[letter]
            elif letter == "#" and before.isspace():
                break
            elif letter in "\"'" and (opens or before == "'" == letter):
                quote = letter
                piece += letter
            elif letter in _CLOSING:
                raise PackageError(
                    f"{path} line {number}: expected one list of names, found another in it"
                )
            elif letter in (",", closing):
                if piece.strip() or letter == ",":
                    entries.append(_bracketed(piece.strip(), closing, number, path))
                if letter == closing:
                    return entries
                piece = ""
            else:
                piece += letter
            before = letter
        piece += " "
    raise PackageError(f"{path} line {first}: the {closing} that closes the names is missing")


def _bracketed(piece: str, closing: str, line: int, path: Path) -> _Entry:
    if closing == "]":
        return _Entry(line, None, piece)
    numbered = _NUMBERED.match(piece)
    if numbered is None:
        raise PackageError(f"{path} line {line}: expected names as 0: NAME, found {piece[:40]}")
    return _Entry(line, int(numbered[2]), (numbered[3] or "").strip())


def _scalar(entry: _Entry, path: Path) -> str:
    """Return a name as YAML means it. What is not in quotes is text, also where it looks like a number."""
    text = entry.text
    try:
        if text[:1] == '"':
            name, end = yaml_scalar.double_quoted(text, 0)
        elif text[:1] == "'":
            name, end = yaml_scalar.single_quoted(text, 0)
        else:
            name, end = re.split(r"(?:^|\s)#", text, maxsplit=1)[0].strip(), len(text)
    except yaml_scalar.ScalarError as error:
        raise PackageError(f"{path} line {entry.line}: {error}") from None
    rest = text[end:].strip()
    if not name or (rest and not rest.startswith("#")):
        raise PackageError(
            f"{path} line {entry.line}: expected one name, found {text[:40] or 'none'}"
        )
    return name
