"""Which calls of the firmware reach the vendor's code, found in the syntax tree.

A call counts where its name leads to a vendor module (`network.WLAN(...)`), to a built-in that the
vendor's file system or console serves (`open`, `print`), or to a method of an object that such a
call gave (`sensor.snapshot(...)`). Objects are followed by the names and attributes that hold them:
through assignments, `with`, tuples, returns and arguments, over all files. A method with a name that
belongs to the vendor's objects alone (`to_numpy`) counts on every object.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

# Modules with functions of the vendor's; what each is called in the matrix.
MODULES = {
    "_thread": "_thread",
    "aicube": "aicube",
    "aidemo": "aidemo",
    "gc": "gc",
    "hashlib": "hashlib",
    "image": "image",
    "machine": "machine",
    "media.sensor": "media.sensor",
    "media": "media",
    "network": "network",
    "nncase_runtime": "nncase_runtime",
    "os": "os",
    "select": "select",
    "socket": "socket",
    "time": "time",
    "ucryptolib": "ucryptolib",
    "ulab": "ulab",
    "ulab.numpy": "ulab.numpy",
    "uos": "os",
    "usocket": "socket",
}
BUILTINS = ("open", "print")
SYS = ("print_exception",)

_PYTHONS = {name for kind in (str, bytes, bytearray, list, dict, set) for name in dir(kind)}

Gives = Mapping[str, Sequence[str]]
"""What a call gives: its name -> the kind of its answer, or of the parts of a tuple ("": nothing known)."""


class Call(NamedTuple):
    """One place that calls the vendor's code."""

    name: str
    file: str
    line: int


class _File:
    """One file: its tree, and what its names are known to hold."""

    def __init__(self, root: Path, path: Path) -> None:
        self.name = str(path.relative_to(root))
        self.tree = ast.parse(path.read_text(encoding="utf-8"))
        self.modules: dict[str, str] = {}  # local name -> vendor module
        self.direct: dict[str, str] = {}  # local name -> a call of a vendor module
        self.own: dict[str, str] = {}  # local name -> dotted name within the firmware
        self.holds: dict[str, set[str]] = {}  # name, or .attribute -> kinds
        self.aliases: dict[str, str] = {}  # name -> a vendor call: `write = file.write`
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name in MODULES:
                        self.modules[alias.asname or alias.name] = MODULES[alias.name]
                    else:
                        self.own[alias.asname or alias.name] = alias.name
            elif isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    full = f"{node.module}.{alias.name}"
                    local = alias.asname or alias.name
                    if full in MODULES:
                        self.modules[local] = MODULES[full]
                    elif node.module in MODULES:
                        self.direct[local] = f"{MODULES[node.module]}.{alias.name}"
                    else:
                        self.own[local] = full


def _own_methods(files: Sequence[_File]) -> set[str]:
    found = set(_PYTHONS)
    for file in files:
        for node in ast.walk(file.tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                found.add(node.name)
    return found


class Finder:
    """Looks through all files until nothing more becomes known."""

    def __init__(self, root: Path, folder: str, gives: Gives) -> None:
        paths = sorted((root / folder).rglob("*.py"))
        self._files = [_File(root, path) for path in paths]
        self._gives = gives
        self._returns: dict[str, set[str]] = {}  # dotted function -> kinds
        self._functions: dict[str, tuple[_File, list[str]]] = {}
        methods: dict[str, set[str]] = {}
        kinds = {kind for parts in gives.values() for kind in parts if kind}
        for name in gives:
            kind, _, method = name.rpartition(".")
            if kind in kinds:
                methods.setdefault(method, set()).add(name)
        own = _own_methods(self._files)
        self._distinct = {
            m: next(iter(n)) for m, n in methods.items() if len(n) == 1 and m not in own
        }
        for file in self._files:
            self._index(file)

    def _index(self, file: _File) -> None:
        """Remember each function's parameters, under the names by which callers know it."""
        module = file.name[:-3].replace("/", ".")
        for node in ast.walk(file.tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                names = [arg.arg for arg in (*node.args.args, *node.args.kwonlyargs)]
                method = bool(names) and names[0] == "self"
                self._functions[f"{module}.{node.name}"] = (file, names[method:])
            elif isinstance(node, ast.ClassDef):
                for inner in node.body:
                    if isinstance(inner, ast.FunctionDef) and inner.name == "__init__":
                        names = [arg.arg for arg in inner.args.args][1:]
                        self._functions[f"{module}.{node.name}"] = (file, names)

    def calls(self) -> list[Call]:
        """Return every call of the vendor's code, by file and line."""
        known = -1
        while known != (known := self._known()):
            for file in self._files:
                self._learn(file)
        found = []
        for file in self._files:
            for node in ast.walk(file.tree):
                if isinstance(node, ast.Call):
                    for name in self._called(file, node.func):
                        found.append(Call(name, file.name, node.lineno))
                elif isinstance(node, (ast.With, ast.AsyncWith)):
                    for item in node.items:
                        if "file" in self._kinds(file, item.context_expr):
                            found.append(Call("file.close", file.name, node.lineno))
        return sorted(set(found), key=lambda call: (call.file, call.line, call.name))

    def _known(self) -> int:
        return sum(
            sum(map(len, file.holds.values())) + len(file.aliases) for file in self._files
        ) + sum(map(len, self._returns.values()))

    def _learn(self, file: _File) -> None:
        function = ""
        for node, inside in _walk(file.tree, ""):
            function = inside
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    self._assign(file, target, node.value)
            elif isinstance(node, ast.AnnAssign) and node.value is not None:
                self._assign(file, node.target, node.value)
            elif isinstance(node, (ast.With, ast.AsyncWith)):
                for item in node.items:
                    if item.optional_vars is not None:
                        self._assign(file, item.optional_vars, item.context_expr)
            elif isinstance(node, ast.Return) and node.value is not None and function:
                module = file.name[:-3].replace("/", ".")
                kinds = self._kinds(file, node.value)
                if kinds:
                    self._returns.setdefault(f"{module}.{function}", set()).update(kinds)
            elif isinstance(node, ast.Call):
                self._arguments(file, node)

    def _assign(self, file: _File, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple):
            parts = self._parts(file, value)
            if isinstance(value, ast.Tuple) and len(value.elts) == len(target.elts):
                for inner, each in zip(target.elts, value.elts, strict=True):
                    self._assign(file, inner, each)
            for inner, kind in zip(target.elts, parts, strict=False):
                if kind:
                    self._hold(file, inner, {kind})
            return
        self._hold(file, target, self._kinds(file, value))
        if isinstance(target, ast.Name) and isinstance(value, ast.Attribute):
            for name in self._called(file, value):
                if name in self._gives:
                    file.aliases[target.id] = name

    def _hold(self, file: _File, target: ast.expr, kinds: set[str]) -> None:
        if not kinds:
            return
        if isinstance(target, ast.Name):
            file.holds.setdefault(target.id, set()).update(kinds)
        elif isinstance(target, ast.Attribute):
            file.holds.setdefault(f".{target.attr}", set()).update(kinds)

    def _arguments(self, file: _File, node: ast.Call) -> None:
        """What is handed to a function of the firmware is held by its parameter."""
        callee, handed = node.func, list(node.args)
        if self._called(file, callee) & {"_thread.start_new_thread"} and len(handed) == 2:
            callee = handed[0]
            handed = list(handed[1].elts) if isinstance(handed[1], ast.Tuple) else []
        known = self._functions.get(self._own_name(file, callee))
        if known is None:
            return
        there, names = known
        pairs = [*zip(names, handed, strict=False)]
        pairs += [(key.arg, key.value) for key in node.keywords if key.arg in names]
        for name, value in pairs:
            kinds = self._kinds(file, value)
            if kinds and name:
                there.holds.setdefault(name, set()).update(kinds)

    def _own_name(self, file: _File, node: ast.expr) -> str:
        """Return the dotted name of a function of the firmware, or nothing."""
        module = file.name[:-3].replace("/", ".")
        if isinstance(node, ast.Name):
            return file.own.get(node.id, f"{module}.{node.id}")
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id == "self":
                return f"{module}.{node.attr}"
            return f"{file.own.get(node.value.id, '')}.{node.attr}"
        return ""

    def _called(self, file: _File, node: ast.expr) -> set[str]:
        """Return the vendor calls that an expression may name."""
        if isinstance(node, ast.Name):
            if node.id in BUILTINS:
                return {node.id}
            direct = file.direct.get(node.id) or file.aliases.get(node.id)
            return {direct} if direct else set()
        if not isinstance(node, ast.Attribute):
            return set()
        if isinstance(node.value, ast.Name):
            module = file.modules.get(node.value.id)
            if module is not None:
                return {f"{module}.{node.attr}"}
            if node.value.id == "sys" and node.attr in SYS:
                return {f"sys.{node.attr}"}
        if isinstance(node.value, ast.Attribute) and isinstance(node.value.value, ast.Name):
            module = file.modules.get(node.value.value.id)  # np.linalg.norm
            if module is not None:
                return {f"{module}.{node.value.attr}.{node.attr}"}
        found = {f"{kind}.{node.attr}" for kind in self._kinds(file, node.value)}
        direct = file.direct.get(node.value.id) if isinstance(node.value, ast.Name) else None
        if direct is not None:  # a class of the vendor's: Sensor.list_mode()
            found.add(f"{direct}.{node.attr}")
        # A list that some name holds elsewhere: `append` is not the vendor's.
        found = {name for name in found if name in self._gives or node.attr not in _PYTHONS}
        if not found and node.attr in self._distinct:
            found = {self._distinct[node.attr]}
        return found

    def _parts(self, file: _File, node: ast.expr) -> Sequence[str]:
        """Return the kinds of what an expression gives, one for each part of a tuple."""
        if isinstance(node, ast.Call):
            for name in self._called(file, node.func):
                if name in self._gives:
                    return self._gives[name]
        return ()

    def _kinds(self, file: _File, node: ast.expr) -> set[str]:
        """Return the kinds of vendor object that an expression may hold."""
        if isinstance(node, ast.Name):
            return file.holds.get(node.id, set())
        if isinstance(node, ast.Attribute):
            return file.holds.get(f".{node.attr}", set())
        if isinstance(node, ast.IfExp):
            return self._kinds(file, node.body) | self._kinds(file, node.orelse)
        if isinstance(node, ast.Call):
            parts = self._parts(file, node)
            if len(parts) == 1 and parts[0]:
                return {parts[0]}
            return self._returns.get(self._own_name(file, node.func), set())
        return set()


def _walk(node: ast.AST, function: str) -> Iterator[tuple[ast.AST, str]]:
    """Yield every node and the function that it stands in."""
    for child in ast.iter_child_nodes(node):
        inside = (
            child.name if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)) else function
        )
        yield child, inside
        yield from _walk(child, inside)


def find(root: Path, gives: Gives, folder: str = "firmware_app") -> list[Call]:
    """Return every vendor call of the firmware; gives: what known calls give."""
    return Finder(root, folder, gives).calls()
