"""The ways in which each vendor call may fail: ways.yaml, read and held against the code."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from tools.faults.finder import Call, find

ROOT = Path(__file__).resolve().parents[2]
TABLE = Path(__file__).with_name("ways.yaml")

KINDS = ("raise", "after", "give", "short", "lost", "hang", "fault", "absent", "abort")
ERRORS = (
    "OSError",
    "ValueError",
    "RuntimeError",
    "TypeError",
    "EOFError",
    "MemoryError",
    "AssertionError",
    "AttributeError",
)
_BESIDE = {"lasting", "quiet", "guard", "against"}
_FOR_EVER = 1 << 30


@dataclass(frozen=True)
class Way:
    """One way of failing.

    Attributes:
        kind: one of KINDS.
        value: what is raised (type, arguments) or given, or why a process ends.
        times: calls in a row that fail.
        quiet: why it need not be reported: anywhere (""), in one step (its name), at a file (a pattern of
            its path); elsewhere status, an event, the log or an answer must tell.
        guard: of an abort, the test that shows that the firmware can't get there: FILE::NAME.
        against: of one without, what makes it rare.
    """

    kind: str
    value: Any = None
    times: int = 1
    quiet: Mapping[str, str] = field(default_factory=dict)
    guard: str = ""
    against: str = ""

    def __str__(self) -> str:
        words = self.kind
        if self.kind in ("raise", "after"):
            words = " ".join([self.kind, *map(str, self.value)])
        elif self.kind == "give":
            words = f"give {self.value!r}"
        return words + (" for ever" if self.lasting else "")

    @property
    def lasting(self) -> bool:
        """Whether it fails from then on."""
        return self.times == _FOR_EVER

    def why_quiet(self, step: str, where: str) -> str:
        """Return why it need not be reported in this step, at the file `where`, or nothing."""
        for key, reason in self.quiet.items():
            if key in ("", step) or (key[:1] == "/" and fnmatchcase(where, key)):
                return reason
        return ""

    @property
    def order(self) -> list[Any]:
        """What modules/_k230/faults.py reads."""
        if self.kind in ("raise", "after"):
            return [self.kind, *self.value]
        return [self.kind, self.value]


@dataclass(frozen=True)
class Row:
    """One call of the table."""

    name: str
    source: str
    gives: tuple[str, ...]
    ways: tuple[Way, ...]


class TableError(Exception):
    """ways.yaml is not what it should be; the text says where."""


def read(path: Path = TABLE) -> dict[str, Row]:
    """Return the table's rows by name; TableError says which row is wrong."""
    rows = {}
    for name, fields in yaml.safe_load(path.read_text(encoding="utf-8")).items():
        if set(fields) - {"source", "gives", "ways"} or not fields.get("source"):
            raise TableError(f"{name}: expected source, gives and ways, found {sorted(fields)}")
        if not isinstance(fields.get("ways"), list):
            raise TableError(f"{name}: ways: expected a list, found none")
        ways = tuple(_way(name, each) for each in fields["ways"])
        rows[name] = Row(name, fields["source"], tuple(fields.get("gives", ())), ways)
    return rows


def _way(name: str, fields: Mapping[str, Any]) -> Way:
    kinds = [kind for kind in KINDS if kind in fields]
    if len(kinds) != 1 or set(fields) - set(kinds) - _BESIDE:
        raise TableError(f"{name}: a way: expected one of {', '.join(KINDS)}, found {dict(fields)}")
    kind = kinds[0]
    value = fields[kind]
    if kind in ("raise", "after") and value[0] not in ERRORS:
        raise TableError(f"{name}: expected one of {', '.join(ERRORS)}, found {value[0]}")
    times = _FOR_EVER if fields.get("lasting") else 1
    quiet = fields.get("quiet") or {}
    if isinstance(quiet, str):
        quiet = {"": quiet}
    return Way(kind, value, times, quiet, fields.get("guard", ""), fields.get("against", ""))


def calls(rows: Mapping[str, Row], root: Path = ROOT) -> list[Call]:
    """Return the vendor calls that the firmware makes."""
    return find(root, {name: row.gives for name, row in rows.items()})


def faults(root: Path = ROOT) -> list[str]:
    """Return one sentence for each call without ways of failing, and each row without a call."""
    try:
        rows = read()
    except TableError as error:
        return [f"{TABLE.name}: {error}"]
    found: dict[str, Call] = {}
    for call in calls(rows, root):
        found.setdefault(call.name, call)
    sentences = [
        f"{call.file}:{call.line}: calls {name}: say in {TABLE.name} how it can fail, and where its source says so"
        for name, call in found.items()
        if name not in rows
    ]
    sentences += [
        f"{TABLE.name}: {name}: nothing calls it any more" for name in rows if name not in found
    ]
    for row in rows.values():
        for way in row.ways:
            if way.guard and not guarded(way.guard, root):
                sentences.append(f"{TABLE.name}: {row.name}: there is no test {way.guard}")
            if way.kind == "abort" and not way.guard and not way.against:
                sentences.append(f"{TABLE.name}: {row.name}: an abort needs guard or against")
    return sentences


def page(rows: Mapping[str, Row]) -> str:
    """Return the rows of docs/faults.md: what nothing in the product survives."""
    return "\n".join(
        f"| `{row.name}` | {way.value} | {way.against} |"
        for row in rows.values()
        for way in row.ways
        if way.kind == "abort" and not way.guard
    )


def guarded(guard: str, root: Path = ROOT) -> bool:
    """Return whether the test FILE::NAME exists."""
    file, _, name = guard.partition("::")
    path = root / file
    if not path.is_file():
        return False
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return any(
        isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == name
        for node in ast.walk(tree)
    )
