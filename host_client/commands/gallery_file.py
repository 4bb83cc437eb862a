"""A gallery's file (docs/gallery.md), read and checked on this computer."""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from firmware_app.gallery import format as gallery_format
from host_client.base.exceptions import GalleryFileError
from host_client.commands.gallery_answers import LabelInfo


class GalleryFile(NamedTuple):
    """What a gallery's file holds."""

    dimension: int
    sha256: str
    labels: tuple[LabelInfo, ...]


def read_file(data: bytes, *, complete: bool = True) -> GalleryFile:
    """Check a gallery's file, every byte of it, and return what it holds.

    complete: the file must end as an export does, not inside of changes. Raises GalleryFileError.
    """
    labels: dict[int, list[Any]] = {}
    owners: dict[int, tuple[int, bool]] = {}
    position = 0

    def take(count: int) -> bytes:
        nonlocal position
        position += count
        return data[position - count : position]

    try:
        reader = gallery_format.Reader(take)
        kind = 0
        for kind, body in _records(reader):
            _apply(kind, body, reader.dimension, labels, owners)
        if complete and kind != gallery_format.END:
            raise GalleryFileError("the gallery's file is not complete: its end is missing")
    except GalleryFileError:
        raise
    except ValueError as error:
        raise GalleryFileError(f"no gallery's file, or a damaged one: {error}") from error
    for owner, negative in owners.values():
        labels[owner][3 if negative else 2] += 1
    rows = sorted(labels.values(), key=lambda row: str(row[0]))
    found = tuple(LabelInfo(row[0], row[2], row[3], row[1]) for row in rows)
    return GalleryFile(reader.dimension, reader.sha256.hex(), found)


def _records(reader: Any) -> Iterator[tuple[int, bytes]]:
    while (found := reader.record()) is not None:
        yield found[0], found[1]


def _apply(
    kind: int,
    body: bytes,
    dimension: int,
    labels: dict[int, list[Any]],
    owners: dict[int, tuple[int, bool]],
) -> None:
    if kind == gallery_format.LABEL:
        number, threshold, text = gallery_format.parse_label(body)
        labels[number] = [text, threshold, 0, 0]
    elif kind == gallery_format.SAMPLES:
        for number, owner, flags in gallery_format.split_samples(body, dimension)[0]:
            if owner not in labels:
                raise ValueError("a sample of a label that is not there")
            owners[number] = (owner, bool(flags & gallery_format.NEGATIVE))
    elif kind == gallery_format.REMOVE_SAMPLES:
        for number in gallery_format.parse_ids(body):
            owners.pop(number, None)
    elif kind == gallery_format.REMOVE_LABEL:
        gone = gallery_format.parse_number(body)
        labels.pop(gone, None)
        for number in [n for n, (owner, _) in owners.items() if owner == gone]:
            owners.pop(number)
    elif kind == gallery_format.END:
        numbers = gallery_format.parse_ids(body)
        if len(numbers) != 3 or numbers[1:] != [len(owners), len(labels)]:
            raise ValueError("samples or labels are missing")


def load(path: str | PathLike[str]) -> bytes:
    """Return a gallery file's bytes, unchecked; GalleryFileError where it can't be read."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise GalleryFileError(f"{path} can't be read: {error.strerror}") from error
