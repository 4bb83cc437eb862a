"""Targets of an installation: a board over its console, or a card in this computer's reader."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple, Protocol

from host_client.base.exceptions import K230Error
from host_client.base.wording import reason

Moved = Callable[[int], None]


class InstallError(K230Error):
    """The installation failed; the text says what was expected and what to do."""

    code = "install"
    exit_code = 10


class TargetInfo(NamedTuple):
    """Facts about the board; empty or None for a card, which does not tell them.

    mpy: the .mpy version that its interpreter loads.
    """

    place: str
    board: str = ""
    firmware: str = ""
    mpy: int | None = None
    free: int | None = None


class Target(Protocol):
    """Files under the card's root, by paths like `configs/service.yaml`."""

    def info(self) -> TargetInfo:
        """Return the facts about the board."""

    def hashes(self, paths: Iterable[str]) -> dict[str, str]:
        """Return the SHA-256 (hex) of those paths that are files."""

    def names(self, folder: str) -> list[str]:
        """Return the sorted names in a folder; [] if it does not exist."""

    def files(self, folder: str) -> list[str]:
        """Return the relative paths of all files below a folder."""

    def write(self, path: str, data: bytes, moved: Moved) -> None:
        """Write a file and flush it to the card. moved: called with the bytes of each piece."""

    def read(self, path: str) -> bytes | None:
        """Return a small file's content, or None if it does not exist."""

    def copy(self, source: str, path: str) -> None:
        """Copy a file on the card."""

    def rename(self, path: str, to: str) -> None:
        """Rename a file or folder; `to` must not exist."""

    def remove(self, path: str) -> None:
        """Remove a file, or a folder with its content, if it exists."""

    def remove_empty(self, folder: str) -> None:
        """Remove a folder if it is empty."""


class FolderTarget:
    """A card mounted on this computer."""

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise InstallError(f"--card {root}: expected the folder of a mounted card, found none")
        self._root = root

    def _at(self, path: str) -> Path:
        return self._root / path

    def info(self) -> TargetInfo:
        """Return the card's place and free space."""
        return TargetInfo(str(self._root), free=shutil.disk_usage(self._root).free)

    def hashes(self, paths: Iterable[str]) -> dict[str, str]:
        """Return the SHA-256 of the files that exist."""
        return {
            path: hashlib.sha256(self._at(path).read_bytes()).hexdigest()
            for path in paths
            if self._at(path).is_file()
        }

    def names(self, folder: str) -> list[str]:
        """Return the names in a folder."""
        place = self._at(folder)
        return sorted(each.name for each in place.iterdir()) if place.is_dir() else []

    def files(self, folder: str) -> list[str]:
        """Return the files in a folder."""
        place = self._at(folder)
        found = place.rglob("*") if place.is_dir() else ()
        return sorted(each.relative_to(place).as_posix() for each in found if each.is_file())

    def write(self, path: str, data: bytes, moved: Moved) -> None:
        """Write a file and sync it, as the card may be pulled at any time."""
        place = self._at(path)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise InstallError(f"{place}: can't be written: {reason(error)}") from None
        moved(len(data))

    def read(self, path: str) -> bytes | None:
        """Return a file's content."""
        return self._at(path).read_bytes() if self._at(path).is_file() else None

    def copy(self, source: str, path: str) -> None:
        """Copy a file."""
        self.write(path, self._at(source).read_bytes(), lambda _: None)

    def rename(self, path: str, to: str) -> None:
        """Rename; does not replace, like the board."""
        if self._at(to).exists():
            raise InstallError(f"{self._at(to)} already exists")
        self._at(to).parent.mkdir(parents=True, exist_ok=True)
        self._at(path).rename(self._at(to))
        for folder in {self._at(path).parent, self._at(to).parent}:
            _flush(folder)

    def remove(self, path: str) -> None:
        """Remove a file or a tree."""
        place = self._at(path)
        if place.is_dir():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)

    def remove_empty(self, folder: str) -> None:
        """Remove an empty folder."""
        place = self._at(folder)
        if place.is_dir() and not any(place.iterdir()):
            place.rmdir()


def _flush(folder: Path) -> None:
    """Sync a rename to the card before the next one, as the card may be pulled at any time."""
    with contextlib.suppress(OSError):  # Windows can't sync folders
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
