"""Links at paths that the user names: each leads to a pty while the virtual board runs.

Nothing that the user made is removed: a path must be free, or be a link that an earlier board left
behind because it was killed.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

_PTY = re.compile(r"/dev/(pts/\d+|ttys\d+|ttyp\w+)")  # Linux, macOS


class LinkError(Exception):
    """No link can be made at the path; the text is one sentence for the user."""


def check(link: Path) -> None:
    """Raise LinkError where the path is taken, or no link can be made there."""
    if link.is_symlink():
        if not _PTY.fullmatch(os.readlink(link)):
            raise LinkError(f"{link}: expected a free path, found a link to {os.readlink(link)}")
    elif link.exists():
        kind = "a folder" if link.is_dir() else "a file"
        raise LinkError(f"{link}: expected a free path for the link, found {kind}")
    if not link.parent.is_dir():
        raise LinkError(f"{link}: expected a folder for the link, found no {link.parent}")
    if not os.access(link.parent, os.W_OK | os.X_OK):
        raise LinkError(f"{link}: no link can be made: the folder {link.parent} is read-only")


def make(link: Path, pty: str) -> None:
    """Let the link lead to a pty; raises LinkError."""
    check(link)
    try:
        with contextlib.suppress(FileNotFoundError):
            link.unlink()
        link.symlink_to(pty)
    except OSError as error:
        raise LinkError(f"{link}: no link can be made: {error.strerror or error}") from None


def remove(link: Path, pty: str) -> None:
    """Remove the link, unless something else has its place by now."""
    with contextlib.suppress(OSError):
        if os.readlink(link) == pty:
            link.unlink()
