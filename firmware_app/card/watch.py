"""Notices YAML that was edited or replaced on the card.

Contents are compared, not times: FAT keeps times in steps of two seconds, and a PC may write with
another clock.
"""

import asyncio
import hashlib

from firmware_app.card.configuration import MAX_CONFIG

_QUIET_MS = 300  # what is still being written differs after so long


def _digest(path: str) -> "bytes | None":
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read(MAX_CONFIG + 1)).digest()
    except (
        OSError,
        MemoryError,
    ):  # a look from time to time must not end the service: the next one tells
        return None


class Watched:
    """What the watched files were when they were used last."""

    def __init__(self) -> None:
        self._seen: dict = {}  # path -> digest

    def note(self, path: str) -> None:
        """The file is about to be read and used: only later edits count."""
        self._seen[path] = _digest(path)

    def begin(self, path: str) -> None:
        """Watch a file that was perhaps not used yet."""
        if path not in self._seen:
            self.note(path)

    async def edited(self, path: str, idle: asyncio.Event) -> bool:
        """Return whether the file holds something new, all of it by now, and no switch is running."""
        now = _digest(path)
        if now is None or now == self._seen.get(path):
            return False
        await asyncio.sleep_ms(_QUIET_MS)
        if _digest(path) != now or not idle.is_set():
            return False  # next time
        self._seen[path] = now
        return True
