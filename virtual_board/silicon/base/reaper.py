"""Ends what a process has started, however that process ends: even where it is killed.

A shell waits at the end of a pipe. When the pipe closes without a last word, its other end is dead:
the shell then kills the interpreter's process group and removes the folder.
"""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

_DONE = "done"
_NOBODY = "nobody"
_SCRIPT = f"""
while read -r word; do last=$word; done
case "$last" in
    {_DONE}) exit ;;
    {_NOBODY}|"") ;;
    *) kill -9 "-$last" ;;
esac
rm -rf -- "$1"
"""


class Reaper:
    """Watches over one process group at a time, and over a folder."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", _SCRIPT, "sh", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # signals for the parent's group are not for it
        )

    def watch(self, group: int | None) -> None:
        """Kill this process group if the parent dies; None: none."""
        self._say(_NOBODY if group is None else str(group))

    def close(self) -> None:
        """The parent has ended everything by itself."""
        self._say(_DONE)
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._process.wait()

    def _say(self, word: str) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.write(f"{word}\n".encode())
            self._process.stdin.flush()
