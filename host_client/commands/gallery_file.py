"""Read and check a gallery file (docs/gallery.md) on this computer."""

from __future__ import annotations

import math
import struct
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from firmware_app.gallery import format as gallery_format
from firmware_app.gallery.contents import Contents, Label
from host_client.base.exceptions import GalleryFileError
from host_client.base.wording import reason
from host_client.commands.gallery_answers import LabelInfo


class GalleryContent(NamedTuple):
    """The content of a gallery file, without its vectors."""

    dimension: int
    sha256: str
    labels: tuple[LabelInfo, ...]


class _Tally(Contents):
    """Counts the samples of a file; checks the vectors without keeping them."""

    def __init__(self, dimension: int) -> None:
        super().__init__(dimension)
        self._owners: dict[int, tuple[Label, bool]] = {}  # by sample; bool: negative

    def __len__(self) -> int:
        return len(self._owners)

    def _has(self, number: int) -> bool:
        return number in self._owners

    def _rows(self, vectors: bytes) -> list[tuple[float, ...]]:
        return list(struct.iter_unpack(f"<{self.dimension}f", vectors))

    def _lengths(self, rows: list[tuple[float, ...]]) -> list[float]:
        return [math.hypot(*row) for row in rows]

    def _store(self, heads: list[tuple[int, int, int]], rows: list[tuple[float, ...]]) -> None:
        for number, owner, flags in heads:
            negative = bool(flags & gallery_format.NEGATIVE)
            self._owners[number] = (self._labels[owner], negative)
            self._count(self._labels[owner], negative, 1)

    def _drop(self, number: int) -> None:
        if number in self._owners:
            self._count(*self._owners.pop(number), -1)

    def _drop_all(self, label: Label) -> None:
        self._owners = {n: entry for n, entry in self._owners.items() if entry[0] is not label}


def read_file(data: bytes, *, complete: bool = True) -> GalleryContent:
    """Check every byte of a gallery file and return its content.

    complete: the file must end as an export does, not within changes. Raises GalleryFileError.
    """
    position = 0

    def take(count: int) -> bytes:
        nonlocal position
        position += count
        return data[position - count : position]

    try:
        reader = gallery_format.Reader(take)
        tally = _Tally(reader.dimension)
        kind = 0
        while (record := reader.record()) is not None:
            kind, body, _ = record
            tally.apply(kind, body)
    except ValueError as error:
        raise GalleryFileError(f"not a gallery file, or damaged: {error}") from error
    if complete and kind != gallery_format.END:
        raise GalleryFileError("the gallery file is incomplete: its end is missing")
    labels = tuple(
        LabelInfo(label.text, label.count, label.negatives, label.threshold)
        for label in tally.labels()
    )
    return GalleryContent(reader.dimension, reader.sha256.hex(), labels)


def load(path: str | PathLike[str]) -> bytes:
    """Return the unchecked bytes of a gallery file; GalleryFileError if it can't be read."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise GalleryFileError(f"{path}: can't be read: {reason(error)}") from error
