"""Find the pictures to try a deployment package with, and their expected answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from host_client.base.exceptions import PictureError
from host_client.drawing.result import DRAWN_BY

PICTURES = (".jpg", ".jpeg", ".png", ".bmp")


def find_pictures(package: Path) -> list[Path]:
    """Return the result pictures beside an unpacked package, or those of its `pictures` folder."""
    base = package if package.is_dir() else package.parent
    for root in (base, base.parent):
        pictures = sorted(
            path
            for folder in sorted(root.glob("*_result*"))
            for path in folder.rglob("test_*")
            if is_picture(path)
        )
        if pictures:
            return pictures
        if (root / "pictures").is_dir():
            return pictures_in(root / "pictures")
    return []


def pictures_in(place: Path) -> list[Path]:
    """Return the pictures of a folder in name order, or the picture itself; PictureError.

    Skips hidden files (macOS adds one beside each file) and our own drawings in a folder.
    """
    if place.is_file():
        return [place]
    pictures = sorted(p for p in place.rglob("*") if is_picture(p))
    if not pictures:
        raise PictureError(f"{place}: expected a picture or a folder of pictures, found none")
    return pictures


def is_picture(path: Path) -> bool:
    """Return whether a file found in a folder is a picture to try."""
    if path.suffix.lower() not in PICTURES or path.name.startswith(".") or not path.is_file():
        return False
    return path.suffix.lower() != ".png" or not drawn_here(path)


def drawn_here(path: Path) -> bool:
    """Return whether a PNG is one of our own drawings, by its header."""
    try:
        with Image.open(path) as image:
            return bool(image.info.get("Software") == DRAWN_BY)
    except (
        Exception
    ):  # decoders raise nearly anything for damaged files; trying the picture reports it
        return False


def expectations(
    pictures: Sequence[Path], labels: Sequence[str], given: Path | None
) -> dict[Path, frozenset[str]]:
    """Return the expected labels of the pictures, as far as they are known.

    They come from a JSON file {picture: label, [labels] or {"label"|"labels"|"boxes": …}} (given, or
    `expected.json` beside the pictures or one folder above), else from folders or files named like a
    label.
    """
    known = set(labels)
    expected: dict[Path, frozenset[str]] = {}
    tables: dict[Path, dict[str, Any]] = {}
    for picture in pictures:
        table: dict[str, Any] = {}
        places = (
            [given] if given is not None else [p / "expected.json" for p in picture.parents[:2]]
        )
        for place in places:
            if place.is_file():
                if place not in tables:
                    tables[place] = _table(place)
                table = tables[place]
                break
        names = _labels_of(table.get(picture.name))
        if not names:
            stem = picture.stem.lower()
            # The longest first: "red_car" must not match "red".
            ordered = sorted(known, key=len, reverse=True)
            by_folder = [label for label in ordered if picture.parent.name == label]
            by_name = [label for label in ordered if stem.startswith(label.lower() + "_")]
            names = frozenset((by_folder or by_name)[:1])
        if names:
            expected[picture] = names
    return expected


def identities(pictures: Sequence[Path], given: Path | None) -> dict[Path, str]:
    """Return the identity of each picture, as far as it is known.

    It comes from a JSON file {picture: identity or {"identity": …}} (given, or `expected.json` beside
    the pictures or one folder above), else from the pictures' folders if there are several.
    """
    found: dict[Path, str] = {}
    tables: dict[Path, dict[str, Any]] = {}
    for picture in pictures:
        places = (
            [given] if given is not None else [p / "expected.json" for p in picture.parents[:2]]
        )
        place = next((place for place in places if place.is_file()), None)
        if place is None:
            continue
        if place not in tables:
            tables[place] = _table(place)
        value = tables[place].get(picture.name)
        name = value.get("identity", value.get("label")) if isinstance(value, dict) else value
        if isinstance(name, str) and name:
            found[picture] = name
    if not found and len({picture.parent for picture in pictures}) > 1:
        found = {picture: picture.parent.name for picture in pictures}
    return found


def _table(place: Path) -> dict[str, Any]:
    try:
        table = json.loads(place.read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise PictureError(f"{place}: expected JSON with the expected answers: {error}") from None
    if not isinstance(table, dict):
        raise PictureError(f"{place}: expected a JSON object with picture names as keys")
    return table


def _labels_of(value: Any) -> frozenset[str]:
    if isinstance(value, str):
        return frozenset((value,))
    if isinstance(value, list):
        return frozenset(
            str(row["label"]) if isinstance(row, dict) and "label" in row else str(row)
            for row in value
        )
    if isinstance(value, dict):
        for name in ("labels", "label", "boxes", "objects", "shapes", "texts", "text"):
            if name in value:
                rows = value[name]
                if name == "texts" and isinstance(rows, list):
                    rows = [row.get("text", row) if isinstance(row, dict) else row for row in rows]
                return _labels_of(rows)
        if isinstance(value.get("areas"), dict):
            return frozenset(value["areas"])
    return frozenset()
