"""Large data that arrives in chunks between other messages: pictures in memory, files on the card (uploads.py).

A transfer belongs to the session that began it, and its size is known and allowed before a byte is kept.
"""

import hashlib

from firmware_app.base.errors import CommandError
from firmware_app.wire import messages

MAX_PICTURE = 3 * messages.MAX_PIXELS  # bytes of planar RGB
MAX_OPEN = 2  # transfers at a time, over all sessions
WINDOW = 15 * messages.CHUNK_SIZE  # bytes a sender may be ahead of TAKEN


class Transfer:
    """One picture on its way."""

    kind = "picture"

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

    def close(self) -> None:
        """Nothing is to be closed."""


class Transfers:
    """All running transfers."""

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
        pictures = [t for t in self._open if t.kind == "picture"]
        mine = [t for t in pictures if t.session is session]
        if len(pictures) >= MAX_OPEN and mine:
            self._open.remove(mine[0])
        elif len(pictures) >= MAX_OPEN:
            raise CommandError("busy", "%d transfers are in progress: try again" % MAX_OPEN)
        transfer = Transfer(session, self.next_number(), size, digest)
        self._open.append(transfer)
        return transfer

    def next_number(self) -> int:
        """Return the number of a new transfer."""
        self._last += 1
        return self._last

    def add(self, transfer) -> None:
        """Take a transfer of another kind in: it has session, number, size, offset, kind, add(), close()."""
        self._open.append(transfer)

    def of_kind(self, kind: str) -> list:
        """Return the running transfers of a kind."""
        return [t for t in self._open if t.kind == kind]

    def forget(self, transfer) -> None:
        """End one transfer."""
        self._open.remove(transfer)
        transfer.close()

    def find(self, session, number):
        """Return the session's transfer, or None."""
        for transfer in self._open:
            if transfer.session is session and transfer.number == number:
                return transfer
        return None

    def finish(self, session, number) -> bytearray:
        """Return the data of a transfer that is complete and whole, and forget it."""
        transfer = self.find(session, number)
        if transfer is None or transfer.kind != "picture":
            raise CommandError("not_found", "transfer: no transfer has the number %r" % (number,))
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
        for transfer in [t for t in self._open if t.session is session]:
            try:
                self.forget(transfer)
            except OSError:
                pass  # a card that is full or gone: what came is counted anew at the next push
