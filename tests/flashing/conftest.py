"""Images that several tests read; none of them writes one."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from tests.flashing.images import NAME, Image


class Images(NamedTuple):
    """The same image in its forms."""

    img: Path
    gz: Path
    kdimg: Path
    source: Image


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Images:
    """Return an image of CanMV 1.7 for the 01Studio board."""
    folder = tmp_path_factory.mktemp("images")
    source = Image(folder)
    return Images(
        source.img(folder / NAME),
        source.img(folder / f"{NAME}.gz"),
        source.kdimg(folder / NAME.replace(".img", ".kdimg")),
        source,
    )
