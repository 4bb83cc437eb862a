"""The log on the card: two files that take turns, so that it keeps its size.

Lines gather in memory and are written every few seconds: each write costs a card some wear, and the
loop some time.
"""

import os

from firmware_app.base import files, places, storage
from firmware_app.base.errors import CommandError
from firmware_app.base.problems import LOG

_OLD = ".1"
_MAX_WAITING = 8192  # characters kept, about, while the card can't be written
PAGE = 8192  # bytes of one answer


class LogFile:
    """The bounded log of this start and the ones before it."""

    def __init__(self, problems) -> None:
        self._problems = problems
        self._path = storage.path(places.LOG)
        self._waiting: list = []
        self._data = b""  # what flush() has not written yet
        self._length = 0
        self._half = 32768

    def limit(self, kilobytes: int) -> None:
        """Let both files together have this size at most."""
        self._half = kilobytes * 512

    def add(self, text: str) -> None:
        """Take a line; it is written at the next flush()."""
        if self._length > _MAX_WAITING:
            return
        self._waiting.append(text)
        self._length += len(text) + 1

    def flush(self) -> None:
        """Write what waits; a card that can't be written is a problem of the board."""
        if self._waiting:
            # What a full card took in part is not written twice.
            self._data += ("\n".join(self._waiting) + "\n").encode()
            self._waiting = []
        if not self._data:
            return
        data = self._data
        try:
            if self._size() + len(data) > self._half:
                files.remove(self._path + _OLD)
                if files.exists(self._path):
                    os.rename(self._path, self._path + _OLD)
            files.make_folders(self._path[: self._path.rfind("/")])
            with open(self._path, "ab") as file:
                count = file.write(data)
            self._data = data[count:]
            self._length = len(self._data)
            if self._data:
                raise OSError(files.ENOSPC)
        except OSError as error:
            self._problems.set(LOG, "the log can't be written: %s" % files.why(error))
            return
        self._problems.clear(LOG)

    def _size(self, suffix: str = "") -> int:
        try:
            return os.stat(self._path + suffix)[6]
        except OSError:
            return 0

    def read(self, offset: int) -> dict:
        """Return a page of the whole log from offset, oldest first: text, next offset or None; CommandError."""
        self.flush()
        old = self._size(_OLD)
        size = old + self._size()
        data = b""
        if offset < old:
            data = self._part(_OLD, offset)
        elif offset < size:
            data = self._part("", offset - old)
        # A page ends with a line, so that no character is cut.
        end = data.rfind(b"\n") + 1
        if end:
            data = data[:end]
        following = offset + len(data)
        return {
            "text": str(data, "utf-8"),
            "next": following if data and following < size else None,
            "size": size,
        }

    def parts(self) -> list:
        """Return the whole log, oldest first: rows of path and size."""
        self.flush()
        return [(self._path + suffix, self._size(suffix)) for suffix in (_OLD, "")]

    def _part(self, suffix: str, offset: int) -> bytes:
        try:
            with open(self._path + suffix, "rb") as file:
                file.seek(offset)
                return file.read(PAGE)
        except OSError as error:
            raise CommandError("failed", "the log can't be read: %s" % files.why(error))
