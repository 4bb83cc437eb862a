"""Unpacks deployment packages that come from elsewhere: nothing in a zip file is believed."""

from __future__ import annotations

import lzma
import re
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from firmware_app.package.reader import CONFIG

MAX_FILES = 4000
MAX_BYTES = 1 << 30  # unpacked
_MAX_NAME = 40
_MAX_PATH = 1000  # characters of a file's name in a zip, folders included
_DAMAGED = (
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
)


class ArchiveError(Exception):
    """The zip file is refused; the text is one sentence for the user."""


def unpack(file: Path, target: Path) -> None:
    """Unpack a package's zip, and the zip files in it where the package is not there already.

    Refuses files outside of the archive's own folder, symbolic links, encrypted files, names that
    come twice, and more than MAX_FILES files or MAX_BYTES bytes over all layers, counted while
    reading.

    Raises:
        ArchiveError: with one sentence.
    """
    budget = [MAX_FILES, MAX_BYTES]
    _extract(file, target, str(file), budget)
    if any(target.rglob(CONFIG)):
        return
    inner = sorted(p for p in target.rglob("*.zip") if p.is_file())
    for path in inner:
        _extract(path, path.with_suffix(""), f"{file}: {path.name}", budget)
    if not any(target.rglob(CONFIG)):
        raise ArchiveError(
            f"{file}: no {CONFIG} in it: expected a deployment package of the cloud platform"
        )


def inside(root: Path) -> Path:
    """Return the folder in an unpacked zip from which the package is found: past lone folders."""
    while not (root / CONFIG).is_file():
        inner = [p for p in root.iterdir() if p.is_dir() and not p.name.startswith((".", "__"))]
        if len(inner) != 1 or any(p.suffix == ".kmodel" for p in root.iterdir()):
            return root
        root = inner[0]
    return root


def package_name(package: Path, model: str) -> str:
    """Return a plain name for a package: its folder's or file's, else its model's."""
    for candidate in (
        package.stem if package.is_file() else package.resolve().name,
        model,
        "package",
    ):
        plain = re.sub(r"[^A-Za-z0-9_-]+", "_", candidate).strip("_-")
        if plain and plain != "mp_deployment_source":
            return plain[:_MAX_NAME]
    return "package"


def _extract(file: Path, target: Path, name: str, budget: list[int]) -> None:
    try:
        seen: set[str] = set()
        with zipfile.ZipFile(file) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > budget[1]:
                raise _too_large(name)
            for entry in archive.infolist():
                _extract_one(archive, entry, target, name, budget, seen)
    except _DAMAGED as error:
        raise ArchiveError(f"{name}: not a zip file that can be read: {error}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ArchiveError(f"{name}: cannot be unpacked: {reason}") from None


def _extract_one(
    archive: zipfile.ZipFile,
    entry: zipfile.ZipInfo,
    target: Path,
    name: str,
    budget: list[int],
    seen: set[str],
) -> None:
    if len(entry.filename) > _MAX_PATH:
        raise ArchiveError(
            f"{name}: a file's name: expected at most {_MAX_PATH} characters, "
            f"found {len(entry.filename)}"
        )
    path = PurePosixPath(entry.filename.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or (path.parts and ":" in path.parts[0]):
        raise ArchiveError(f"{name}: it has a file outside its own folder: {entry.filename!r}")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise ArchiveError(f"{name}: it has a symbolic link: {entry.filename!r}")
    budget[0] -= 1
    if budget[0] < 0:
        raise ArchiveError(f"{name}: it has more than {MAX_FILES} files")
    if entry.is_dir() or not path.parts:
        return
    folded = str(path).casefold()
    if folded in seen:  # which one is meant? And the card does not tell upper from lower case.
        raise ArchiveError(f"{name}: it has two files of the name {entry.filename!r}")
    seen.add(folded)
    place = target.joinpath(*path.parts)
    place.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(entry) as source, place.open("wb") as sink:
        # Counted while it is read: what a header says of its size is a claim.
        while chunk := source.read(1 << 16):
            budget[1] -= len(chunk)
            if budget[1] < 0:
                raise _too_large(name)
            sink.write(chunk)


def _too_large(name: str) -> ArchiveError:
    return ArchiveError(f"{name}: it unpacks to more than {MAX_BYTES >> 20} MiB")
