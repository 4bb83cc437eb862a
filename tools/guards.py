"""Calls that may fail and must be checked by the firmware, found in its syntax tree.

A vendor call of `firmware_app/board/` is a call by a name that `tools/stubs/` declares. It must lie in
a `try` with an `except Exception` handler that uses `firmware_app.board.vendor`: any of them may raise
anything. A write to a file says by its result how much of it is on the card: FatFs answers a full card
with a short count and no error, so no result may be thrown away.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from pathlib import Path
from typing import TypeGuard

_BOARD = ("firmware_app", "board")
_SILENT = ("writelines", "dump")  # write, and return nothing that could be looked at


def declared(root: Path) -> set[str]:
    """Return the names of every function, method and class of the vendor's that the stubs declare."""
    names: set[str] = set()
    for path in sorted((root / "tools" / "stubs").rglob("*.pyi")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                names.add(node.name)
    return {name for name in names if not name.startswith("_") or name == "__del__"}


def _parents(tree: ast.AST) -> dict[ast.AST, ast.AST]:
    return {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}


def _called(call: ast.Call) -> str:
    """Return the name by which something is called, "" for Python's own and for the file's own."""
    if isinstance(call.func, ast.Name):
        return "" if hasattr(builtins, call.func.id) else call.func.id
    if isinstance(call.func, ast.Attribute):
        owner = call.func.value
        own = isinstance(owner, ast.Name) and owner.id == "self"
        return "" if own else call.func.attr
    return ""


def _writes(node: ast.AST) -> TypeGuard[ast.Expr]:
    """Return whether a statement is a write that throws its result away; files.write() raises."""
    if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
        return False
    function = node.value.func
    if _called(node.value) != "write" or not isinstance(function, ast.Attribute):
        return False
    owner = function.value
    return getattr(owner, "id", None) != "files" and getattr(owner, "attr", None) != "_log"


def _looks(handler: ast.ExceptHandler) -> bool:
    """Return whether a handler takes every exception and gives it to board/vendor.py."""
    if not (isinstance(handler.type, ast.Name) and handler.type.id == "Exception"):
        return False
    return any(
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "vendor"
        for node in ast.walk(handler)
    )


def _guarded(call: ast.Call, parents: dict[ast.AST, ast.AST]) -> bool:
    child: ast.AST = call
    while child in parents:
        node = parents[child]
        if isinstance(node, ast.Try) and child in node.body and any(map(_looks, node.handlers)):
            return True
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            return False
        child = node
    return False


def unguarded_calls(source: str, names: set[str]) -> Iterator[tuple[int, str]]:
    """Yield (line, name) of each vendor call that lies in no such try."""
    tree = ast.parse(source)
    parents = _parents(tree)
    own = {
        node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef))
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = _called(node)
            plain = isinstance(node.func, ast.Name)
            if name in names and not (plain and name in own) and not _guarded(node, parents):
                yield node.lineno, name


def _prints(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id == "print"


def unchecked_writes(source: str) -> Iterator[tuple[int, str]]:
    """Yield (line, what) of each write that throws its result away, or has none."""
    for node in ast.walk(ast.parse(source)):
        if _writes(node):
            yield node.lineno, "the result of write() is thrown away"
        if isinstance(node, ast.Call):
            if _called(node) in _SILENT:
                yield node.lineno, f"{_called(node)}() does not say how much it wrote"
            if _prints(node) and any(word.arg == "file" for word in node.keywords):
                yield node.lineno, "print() into a file does not say how much it wrote"


def newer_calls(source: str) -> Iterator[tuple[int, str]]:
    """Yield (line, what) of each call that MicroPython takes later than 1.21, which mpy-cross can't see."""
    tree = ast.parse(source)
    tuples = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
            continue
        first, name = node.args[0], node.func.attr
        if name in ("startswith", "endswith") and (
            isinstance(first, ast.Tuple) or (isinstance(first, ast.Name) and first.id in tuples)
        ):
            yield node.lineno, f"{name}() takes one string in MicroPython 1.21, not a tuple"


def faults(root: Path) -> list[str]:
    """Return one sentence for each call that may fail unseen."""
    found = []
    names = declared(root)
    for path in sorted((root / "firmware_app").rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        where = path.relative_to(root)
        if where.parts[:2] == _BOARD:
            for line, name in unguarded_calls(source, names):
                found.append(
                    f"{where}:{line}: {name}: expected a vendor call inside try … except Exception "
                    "that uses board/vendor.py"
                )
        for line, what in unchecked_writes(source):
            found.append(f"{where}:{line}: {what}: use files.write() or look at the count")
    return found
