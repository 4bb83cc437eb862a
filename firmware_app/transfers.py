"""Large data that arrives in chunks between other messages: pictures, for now in memory.

A transfer belongs to the session that began it, and its size is known and allowed before a byte is kept.
"""

import hashlib

from firmware_app import wire
from firmware_app.errors import CommandError

MAX_PICTURE = 3 * 1920 * 1088  # bytes of planar RGB
MAX_OPEN = 2  # transfers at a time, over all sessions
WINDOW = 15 * wire.CHUNK_SIZE  # bytes a sender may be ahead of TAKEN


class Transfer:
    """One picture on its way."""

    def __init__(self, session, number: int, size: int, digest: bytes) -> None:
        self.session = session
        self.number = number
        self.size = size
        self.digest = digest
        self.data = bytearray(size)
        self.offset = 0

    def add(self, offset: int, data: bytes) -> None:
        """Keep data if it is what comes next; anything else is answered by TAKEN alone."""
        if offset == self.offset and self.offset + len(data) <= self.size:
            self.data[offset : offset + len(data)] = data
            self.offset += len(data)


class Transfers:
    """All transfers under way."""

    def __init__(self) -> None:
        self._open: list = []
        self._last = 0

    def begin(self, session, kind, size, digest) -> Transfer:
        """Begin a transfer; CommandError says what is not allowed."""
        if kind != "picture":
            raise CommandError("bad_argument", "kind: expected picture, found %r" % (kind,))
        if type(size) is not int or size < 1:
            raise CommandError(
                "bad_argument", "size: expected a positive integer, found %r" % (size,)
            )
        if size > MAX_PICTURE:
            raise CommandError(
                "too_large", "size: expected at most %d bytes, found %d" % (MAX_PICTURE, size)
            )
        if not isinstance(digest, bytes) or len(digest) != 32:
            raise CommandError("bad_argument", "sha256: expected 32 bytes")
        # What the same session left unfinished makes room first.
        mine = [t for t in self._open if t.session is session]
        if mine and len(self._open) >= MAX_OPEN:
            self._open.remove(mine[0])
        if len(self._open) >= MAX_OPEN:
            raise CommandError("busy", "%d transfers are under way: try again" % MAX_OPEN)
        self._last += 1
        transfer = Transfer(session, self._last, size, digest)
        self._open.append(transfer)
        return transfer

    def find(self, session, number):
        """Return the session's transfer, or None."""
        for transfer in self._open:
            if transfer.session is session and transfer.number == number:
                return transfer
        return None

    def finish(self, session, number) -> bytearray:
        """Return the data of a transfer that is complete and whole, and forget it."""
        transfer = self.find(session, number)
        if transfer is None:
            raise CommandError("not_found", "transfer: there is none with number %r" % (number,))
        if transfer.offset != transfer.size:
            raise CommandError(
                "bad_argument",
                "transfer: expected %d bytes, found %d so far" % (transfer.size, transfer.offset),
            )
        self._open.remove(transfer)
        if hashlib.sha256(transfer.data).digest() != transfer.digest:
            raise CommandError(
                "failed", "transfer: the data does not have the SHA-256 that was announced"
            )
        return transfer.data

    def drop(self, session) -> None:
        """Forget what a session that ended left unfinished."""
        self._open = [t for t in self._open if t.session is not session]
