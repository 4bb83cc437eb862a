"""The vendor's firmware releases: what is supported, and what a file's name says."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from board_types import BoardType, all_types
from firmware_app.settings import yaml_subset

_FILE = Path(__file__).resolve().parent / "releases.yaml"
_NAME = re.compile(
    r"(?P<image>.+?)_micropython_(?P<version>.+?)_nncase_v(?P<nncase>\d+(?:\.\d+)*)"
    r"(?P<ota>_ota)?(?: ?\(\d+\))?(?P<end>(?:\.[A-Za-z0-9]+)*)",
    re.ASCII,
)
_VERSION = re.compile(r"v?(\d+\.\d+(?:\.\d+)?)", re.ASCII)


@dataclass(frozen=True)
class Releases:
    """What the product supports.

    Attributes:
        supported: CanMV versions.
        nncase: the version that kmodels are converted with.
        nncase_of: CanMV version -> nncase version, where a source says it.
        name_form: how release files are called.
        downloads: pages that have them.
    """

    supported: tuple[str, ...]
    nncase: str
    nncase_of: dict[str, str]
    name_form: str
    downloads: tuple[str, ...]


@dataclass(frozen=True)
class ReleaseName:
    """What the name of a release file says: image (the board's), version as written, nncase."""

    image: str
    version: str
    nncase: str
    update: bool

    @property
    def boards(self) -> tuple[BoardType, ...]:
        """The types with releases of this name."""
        wanted = self.image.casefold()
        return tuple(
            each for each in all_types() if wanted in (image.casefold() for image in each.images)
        )


@functools.cache
def releases() -> Releases:
    """Return the data."""
    root: Any = yaml_subset.load(_FILE.read_text("utf-8"), _FILE.name)
    return Releases(
        supported=tuple(root["supported"]),
        nncase=root["nncase"],
        nncase_of=dict(root["nncase_of"]),
        name_form=root["name_form"],
        downloads=tuple(root["downloads"]),
    )


def parse_name(name: str) -> ReleaseName | None:
    """Return what a file's name says; None where it is called otherwise."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    return ReleaseName(found["image"], found["version"], found["nncase"], bool(found["ota"]))


def number(version: str) -> str | None:
    """Return 1.7 of v1.7-0-gabc, 1.4.1 of 1.4.1; None where no number leads it."""
    found = _VERSION.match(version)
    return found[1] if found is not None else None


def is_supported(version: str) -> bool | None:
    """Return whether a CanMV version is supported; None where it says no number (a nightly build)."""
    text = number(version)
    if text is None:
        return None
    return ".".join(text.split(".")[:2]) in releases().supported
