"""Read files of this computer that are sent to a board's card."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from host_client.base.exceptions import PackageError
from host_client.base.wording import reason


def read_file(path: str | PathLike[str]) -> bytes:
    """Return a file's content; PackageError if it can't be read."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise PackageError(f"{path}: can't be read: {reason(error)}") from None
