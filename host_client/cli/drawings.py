"""Places for pictures with drawn answers."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click

from host_client.base import wording
from host_client.check.pictures import drawn_here
from host_client.cli.options import F
from host_client.cli.terminal import FileError

SIMILARITIES = "similarities.png"  # beside the pictures of a metric-learning package


def drawings_option(function: F) -> F:
    """Add --out: a folder for drawings."""
    return click.option(
        "--out",
        type=click.Path(path_type=Path),
        metavar="FOLDER",
        help="Save each IMAGE with the answer drawn into it as FOLDER/NAME.png.",
    )(function)


def make_folder(out: Path) -> None:
    """Create the folder for the drawings before slow work begins; raises FileError."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        reason = "it is a file" if out.is_file() else wording.reason(error)
        raise FileError(
            f"--out: expected a folder that can be written, found {out}: {reason}"
        ) from None


def drawing_places(pictures: Sequence[Path], out: Path) -> dict[Path, Path]:
    """Return the drawing's path for each picture: STEM.png, or NAME.png if two share a stem."""
    stems = Counter(picture.stem.casefold() for picture in pictures)
    places: dict[Path, Path] = {}
    taken: set[str] = {Path(SIMILARITIES).stem}
    for picture in pictures:
        base = picture.stem if stems[picture.stem.casefold()] == 1 else picture.name
        name, number = base, 1
        while name.casefold() in taken:
            number += 1
            name = f"{base}-{number}"
        taken.add(name.casefold())
        places[picture] = out / f"{name}.png"
        if os.path.lexists(places[picture]) and not drawn_here(places[picture]):
            raise FileError(
                f"--out: {places[picture]} exists and is not a drawing of an earlier run; "
                "choose another folder"
            )
    return places
