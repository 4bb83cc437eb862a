"""What a client pushes to the card: files that gather in a folder of their own until all are there.

One push at a time. Its list of files comes first and is kept beside them, so that a client that
lost its link, or a board that lost its power, goes on where it was. Nothing here counts until
package_commands.install() has checked it and moved it to its place.
"""

import hashlib
import json
import os

from firmware_app.base import files
from firmware_app.base.errors import CommandError
from firmware_app.settings.schema import is_name

INCOMING = "/sdcard/.incoming"
FOLDER = INCOMING + "/files"
_MANIFEST = INCOMING + "/manifest.json"

KINDS = ("package", "file", "firmware")
MAX_FILES = {"package": 128, "file": 1, "firmware": 512}
MAX_SIZES = {"package": 134217728, "file": 1048576, "firmware": 4194304}  # bytes, all files
_MAX_MANIFEST = 65536  # more than the list in a message of 32 kB can make
_MAX_STARTS = 10  # of the board, after which an unfinished push is discarded
_FLUSH = 131072  # bytes that a power cut may cost
_SPARE = 1048576  # bytes of the card that stay free
_CLUSTER = 32768  # bytes that FAT gives to a file at a time, at most
_SLICE = 65536


if 0:  # for type checkers; mpy-cross leaves it out
    from typing import BinaryIO


class FileTransfer:
    """The files of the push on their way, one after the other; has what Transfers wants of a transfer."""

    kind = "file"

    def __init__(self, session, number: int, push) -> None:
        self.session = session
        self.number = number
        self.rows = push.rows
        self.size = sum([row[1] for row in push.rows])
        self.offset = 0
        self._row = 0  # of the file that is being written
        self._at = 0  # in that file
        self._unsafe = 0
        self._file: "BinaryIO | None" = None  # the one that is being written
        have = push.have()
        while self._row < len(have) and have[self._row] == self.rows[self._row][1]:
            self.offset += have[self._row]
            self._row += 1
        if self._row < len(have):
            self._at = max(0, have[self._row])
            self.offset += self._at
            for row in self.rows[self._row + 1 :]:
                # What comes after it does not count: it is sent again.
                files.remove(FOLDER + "/" + row[0])
            while self._row < len(self.rows) and not self.rows[self._row][1]:
                self._make_empty()
                self._row += 1

    def add(self, offset: int, data: bytes) -> None:
        """Write data if it is what comes next; OSError where the card can't be written."""
        if offset != self.offset or offset + len(data) > self.size:
            return
        at = 0
        while at < len(data):
            name, size, _ = self.rows[self._row]
            if self._file is None:
                self._file = open(FOLDER + "/" + name, "ab")
            count = min(len(data) - at, size - self._at)
            files.write(self._file, data[at : at + count] if count < len(data) else data)
            at += count
            self._at += count
            self.offset += count
            self._unsafe += count
            if self._at == size:
                self.close()
                self._next()
            elif self._unsafe >= _FLUSH:
                self._file.flush()
                self._unsafe = 0

    def _next(self) -> None:
        self._row += 1
        self._at = 0
        while self._row < len(self.rows) and not self.rows[self._row][1]:
            self._make_empty()
            self._row += 1

    def _make_empty(self) -> None:
        open(FOLDER + "/" + self.rows[self._row][0], "wb").close()

    def close(self) -> None:
        """Let everything that came be on the card."""
        if self._file is not None:
            file = self._file
            self._file = None
            self._unsafe = 0
            file.close()


class Push:
    """The push in the incoming folder: kind, name, rows [file name, size, SHA-256 as hex]."""

    def __init__(self, kind: str, name: str, rows: list, starts: int = 0) -> None:
        self.kind = kind
        self.name = name
        self.rows = rows
        self.starts = starts

    def same(self, other) -> bool:
        """Return whether the other one is of the same files."""
        return (self.kind, self.name, self.rows) == (other.kind, other.name, other.rows)

    def make_folders(self) -> None:
        """Make the folders that its files lie in."""
        made = set()
        for row in self.rows:
            folder = row[0].rpartition("/")[0]
            if folder not in made:
                made.add(folder)
                files.make_folders(FOLDER + "/" + folder)

    def have(self) -> list:
        """Return how many bytes of each file are on the card, -1 where it is not there."""
        sizes: list = []
        for name, size, _ in self.rows:
            path = FOLDER + "/" + name
            size_now = os.stat(path)[6] if files.exists(path) else -1
            if size_now > size:
                os.remove(path)
                size_now = -1
            sizes.append(size_now)
        return sizes

    def keep(self) -> None:
        """Write the list beside the files."""
        record = {"kind": self.kind, "name": self.name, "files": self.rows, "starts": self.starts}
        files.replace(_MANIFEST, json.dumps(record).encode())


def waiting():
    """Return the push in the incoming folder, or None."""
    try:
        files.recover(_MANIFEST)
        if os.stat(_MANIFEST)[6] > _MAX_MANIFEST:
            return None
        with open(_MANIFEST, "rb") as file:
            record = json.loads(str(file.read(), "utf-8"))
        rows = [[str(name), int(size), str(digest)] for name, size, digest in record["files"]]
        return Push(str(record["kind"]), str(record["name"]), rows, int(record["starts"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def begin(push: Push) -> Push:
    """Begin a push or go on with it; CommandError where the card does not hold it, OSError."""
    earlier = waiting()
    if earlier is not None and earlier.same(push) and files.is_folder(FOLDER):
        push = earlier
        push.starts = 0
    else:
        earlier = None
        discard()
    _check_room(push, push.have() if earlier is not None else [])
    if earlier is None:
        files.make_folders(FOLDER)
        push.keep()
    push.make_folders()
    return push


def discard() -> None:
    """Remove the incoming folder with all that is in it, its list first."""
    files.remove(_MANIFEST)
    files.remove_tree(INCOMING)


def recover() -> None:
    """At start: remove what no list belongs to, and pushes that were not resumed for many starts."""
    if not files.exists(INCOMING):
        return
    push = waiting()
    if push is None or push.starts >= _MAX_STARTS or not files.is_folder(FOLDER):
        discard()
        return
    push.starts += 1
    push.keep()


async def verify(push: Push, pause) -> None:
    """Read all files again from the card; CommandError where one is not what was announced."""
    have = push.have()
    for i in range(len(push.rows)):
        name, size, digest = push.rows[i]
        if have[i] != size:
            raise CommandError(
                "bad_argument",
                "%s: expected %d bytes, found %d so far" % (name, size, max(0, have[i])),
            )
        calculated = hashlib.sha256()
        try:
            with open(FOLDER + "/" + name, "rb") as file:
                while True:
                    data = file.read(_SLICE)
                    if not data:
                        break
                    calculated.update(data)
                    await pause()
        except OSError as error:
            raise CommandError("failed", "%s can't be read again: %s" % (name, files.why(error)))
        if calculated.digest().hex() != digest:
            files.remove(FOLDER + "/" + name)
            raise CommandError(
                "damaged", "%s: the file does not have the SHA-256 that was announced" % name
            )


def _bad(text: str, given) -> CommandError:
    return CommandError("bad_argument", "%s, found %s" % (text, repr(given)[:80]))


def _module(name: str) -> str:
    """Return a file of the service without its ending and in lower case, "" where it can't be one.

    It lies beside main.py or one folder deeper. What this returns must be unique: FAT tells no cases
    apart, and a.py, a.mpy and the folder a are one module.
    """
    stem, _, ending = name.rpartition(".")
    parts = stem.split("/")
    if ending not in ("py", "mpy") or len(parts) > 2:
        return ""
    for part in parts:
        if not is_name(part) or "." in part:
            return ""
    return stem.lower()


def checked(kind, name, rows) -> Push:
    """Return the push that a client wants; CommandError says what is not allowed."""
    if kind not in KINDS:
        raise _bad("kind: expected one of %s" % ", ".join(KINDS), kind)
    if not isinstance(name, str) or (kind == "package" and not is_name(name)):
        raise _bad("name: expected a plain name, without folders and leading dot", name)
    if not isinstance(rows, list) or not rows:
        raise _bad("files: expected rows of name, size and SHA-256", rows)
    if len(rows) > MAX_FILES[kind]:
        raise CommandError(
            "too_large",
            "files: expected at most %d, found %d" % (MAX_FILES[kind], len(rows)),
        )
    good: list = []
    seen = set()
    folders: dict = {}  # as they are compared -> as they are spelled
    total = 0
    for row in rows:
        if not isinstance(row, list) or len(row) != 3:
            raise _bad("files: expected rows of name, size and SHA-256", row)
        file_name, size, digest = row
        if kind == "firmware":
            key = _module(file_name) if isinstance(file_name, str) else ""
            if not key:
                raise _bad(
                    "files: expected NAME.py or NAME.mpy, at most one folder deep", file_name
                )
            at = key.find("/")
            if at > 0 and folders.setdefault(key[:at], file_name[:at]) != file_name[:at]:
                raise _bad("files: expected one spelling of each folder", file_name)
        elif isinstance(file_name, str) and is_name(file_name):
            key = file_name.lower()  # FAT does not tell them apart
        else:
            raise _bad("files: expected a plain file name", file_name)
        if key in seen:
            raise _bad("files: expected each name once", file_name)
        if type(size) is not int or size < 0:
            raise _bad("%s: expected a size in bytes" % file_name, size)
        if not isinstance(digest, bytes) or len(digest) != 32:
            raise _bad("%s: expected a SHA-256 of 32 bytes" % file_name, digest)
        seen.add(key)
        total += size
        good.append([file_name, size, digest.hex()])
    for key in folders:
        if key in seen:
            raise _bad("files: expected no file with the name of a folder", folders[key])
    if total > MAX_SIZES[kind]:
        raise CommandError(
            "too_large",
            "files: expected at most %d bytes for a %s, found %d" % (MAX_SIZES[kind], kind, total),
        )
    return Push(kind, name, good)


def _check_room(push: Push, have: list) -> None:
    needed = _SPARE - sum([max(0, size) for size in have])
    for row in push.rows:
        needed += row[1] + _CLUSTER
    try:
        stat = os.statvfs("/sdcard")
    except (OSError, AttributeError):
        return  # a file system that does not say: writing will tell
    free = (stat[1] or stat[0]) * stat[4]
    if free < needed:
        raise CommandError(
            "too_large", "the card has %d kB free, expected %d kB" % (free // 1024, needed // 1024)
        )
