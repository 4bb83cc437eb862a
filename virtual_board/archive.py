"""Unpacks deployment packages that come from elsewhere: nothing in a zip file is believed."""

from __future__ import annotations

import hashlib
import lzma
import re
import stat
import unicodedata
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from firmware_app.package.reader import CONFIG, INNER, like_config

MAX_FILES = 4000
MAX_BYTES = 1 << 30  # unpacked
_MAX_NAME = 40
_DIGITS = 6  # of a name's SHA-256
_UTF8 = 0x800  # flag: the entry's name is UTF-8
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
        similar = sorted(p.name for p in target.rglob("*") if p.is_file() and like_config(p.name))
        hint = (
            f"rename {similar[0]} in it to {CONFIG}"
            if similar
            else "expected a deployment package of the cloud platform"
        )
        raise ArchiveError(f"{file}: no {CONFIG} in it: {hint}")


def inside(root: Path) -> Path:
    """Return the folder in an unpacked zip from which the package is found: past lone folders."""
    while not (root / CONFIG).is_file():
        inner = [p for p in root.iterdir() if p.is_dir() and not p.name.startswith((".", "__"))]
        if len(inner) != 1 or any(p.suffix == ".kmodel" for p in root.iterdir()):
            return root
        root = inner[0]
    return root


def package_name(package: Path, model: str) -> str:
    """Return a plain name for a package: its folder's or file's, else its model's.

    Where letters are lost, six digits of the whole name's SHA-256 keep two names from becoming one.
    """
    stem = package.stem if package.is_file() else package.resolve().name
    whole = stem if _plain(stem) or not stem.isascii() else model
    base = model if not whole.isascii() and model.isascii() else whole
    plain = _plain(base) or "package"
    if whole.isascii() and len(plain) <= _MAX_NAME:
        return plain
    digest = hashlib.sha256(unicodedata.normalize("NFC", whole).encode()).hexdigest()[:_DIGITS]
    return f"{plain[: _MAX_NAME - _DIGITS - 1]}-{digest}"


def _plain(name: str) -> str:
    """Return a name in the letters of a card's names; empty where it says nothing."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_-") if name.isascii() else ""
    return "" if plain == INNER else plain


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
    inside_name = _name_of(entry)
    if len(inside_name) > _MAX_PATH:
        raise ArchiveError(
            f"{name}: a file's name: expected at most {_MAX_PATH} characters, "
            f"found {len(inside_name)}"
        )
    path = PurePosixPath(inside_name)
    if path.is_absolute() or ".." in path.parts or (path.parts and ":" in path.parts[0]):
        raise ArchiveError(f"{name}: it has a file outside its own folder: {inside_name!r}")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise ArchiveError(f"{name}: it has a symbolic link: {inside_name!r}")
    budget[0] -= 1
    if budget[0] < 0:
        raise ArchiveError(f"{name}: it has more than {MAX_FILES} files")
    if inside_name.endswith("/") or not path.parts:
        return
    folded = str(path).casefold()
    if folded in seen:  # which one is meant? And the card does not tell upper from lower case.
        raise ArchiveError(f"{name}: it has two files of the name {inside_name!r}")
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


def _name_of(entry: zipfile.ZipInfo) -> str:
    """Return an entry's name with / between its folders, in the letters that its writer meant.

    Without the flag for UTF-8, zipfile reads every name as code page 437; Windows wrote it in the
    computer's own code page (GBK in China), other programs in UTF-8. In GBK a letter's second byte
    may be a backslash: so decoded first, split afterwards.
    """
    name = entry.orig_filename
    if not entry.flag_bits & _UTF8:
        try:
            raw = name.encode("cp437")
        except UnicodeEncodeError:
            raw = None  # zipfile found the name elsewhere in the archive
        for encoding in ("utf-8", "gb18030") if raw is not None else ():
            try:
                name = (raw or b"").decode(encoding)
                break
            except UnicodeDecodeError:
                continue
    return name.split("\0", 1)[0].replace("\\", "/")


def _too_large(name: str) -> ArchiveError:
    return ArchiveError(f"{name}: it unpacks to more than {MAX_BYTES >> 20} MiB")
