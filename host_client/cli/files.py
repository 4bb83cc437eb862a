"""Output files that the user names: docs/cli.md, "Files", has the rule."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from host_client.cli.terminal import FileError, file_error


def write_file(path: str | Path, data: bytes) -> None:
    """Make a file of data, whole or not at all; one of that name is replaced, nothing beside it is.

    Through a link, what it points at is replaced; a device or a pipe is written to.
    Raises FileError.
    """
    given = Path(path)
    try:
        with contextlib.suppress(FileNotFoundError):
            given.stat()  # refuses a link to itself, which has no real path
        place = Path(os.path.realpath(given))
        if place.is_dir():
            raise FileError(f"{given}: expected the name of a file, found a folder")
        if place.exists() and not place.is_file():
            with place.open("wb", buffering=0) as device:
                device.write(data)
            return
        _replace(place, data)
    except OSError as error:
        failed = file_error(error)
        raise FileError(f"{given}: can't be written: {str(failed).rpartition(': ')[2]}") from error


def _replace(place: Path, data: bytes) -> None:
    mode = place.stat().st_mode & 0o777 if place.exists() else 0o666 & ~_umask()
    handle, name = tempfile.mkstemp(prefix=".k230-", dir=place.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(OSError):  # a card's FAT has no modes
            os.chmod(name, mode)
        os.replace(name, place)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
