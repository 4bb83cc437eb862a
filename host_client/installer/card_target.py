"""Install on a card that is not mounted: its device, or a file that holds a card."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from host_client.flashing.devices import find, refusal
from host_client.flashing.errors import FlashError
from host_client.flashing.fat import Volume
from host_client.flashing.image import CARD_LABEL, card_volume
from host_client.flashing.partitions import partitions
from host_client.flashing.writer import Card
from host_client.installer.target import InstallError, Moved, TargetInfo


class CardTarget:
    """The partition of a card that becomes /sdcard."""

    def __init__(self, volume: Volume, place: str) -> None:
        self._volume = volume
        self._place = place

    def info(self) -> TargetInfo:
        """Return the card's place and free space."""
        return TargetInfo(self._place, free=self._volume.free())

    def hashes(self, paths: Iterable[str]) -> dict[str, str]:
        """Return the SHA-256 of the files that exist."""
        found = {}
        for path in paths:
            data = self._volume.read(path)
            if data is not None:
                found[path] = hashlib.sha256(data).hexdigest()
        return found

    def names(self, folder: str) -> list[str]:
        """Return the names in a folder."""
        return sorted(each.name for each in self._volume.listing(folder))

    def files(self, folder: str) -> list[str]:
        """Return the files in a folder."""
        return sorted(path for path, _ in self._volume.files(folder))

    def write(self, path: str, data: bytes, moved: Moved) -> None:
        """Write a file."""
        self._volume.write(path, data)
        moved(len(data))

    def read(self, path: str) -> bytes | None:
        """Return a file's content."""
        return self._volume.read(path)

    def copy(self, source: str, path: str) -> None:
        """Copy a file."""
        self._volume.write(path, self._volume.read(source) or b"")

    def rename(self, path: str, to: str) -> None:
        """Rename; does not replace, like the board."""
        self._volume.rename(path, to)

    def remove(self, path: str) -> None:
        """Remove a file or a tree."""
        self._volume.remove(path)

    def remove_empty(self, folder: str) -> None:
        """Remove an empty folder."""
        entry = self._volume.find(folder)
        if entry is not None and entry.folder and not self._volume.listing(folder):
            self._volume.remove(folder)


@contextmanager
def open_volume(
    path: Path, *, write: bool, fixed_too: bool = False, careful: bool = True
) -> Iterator[Volume]:
    """Yield the volume for /sdcard of a card.

    careful: sync after each change, so that a pulled card has either the old or the new files;
    otherwise sync only at the end.

    Raises:
        FlashError: the card must not be written, or has no volume for /sdcard.
    """
    device = find(str(path))
    reason = refusal(device, fixed_too) if write else None
    if reason is not None:
        raise FlashError(reason)
    card = Card(device, write=write)
    try:
        volume = card_volume(card, partitions(card), str(path))
        if volume is None:
            raise InstallError(
                f"--card {path}: expected a card with CanMV firmware (a FAT partition "
                f"{CARD_LABEL}), found none; k230 flash writes it"
            )
        card.lazy = not careful
        yield volume
        card.lazy = False
        if write:
            card.flush()
    finally:
        card.close()
