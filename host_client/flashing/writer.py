"""Write an image to a card, read it back, and compare.

The first megabyte, with the partition table, is written last. An interrupted card has no partition
table, so nothing mistakes it for a complete one.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import sys
from collections.abc import Iterator
from typing import NamedTuple

from host_client.base.wording import reason
from host_client.flashing.devices import Device, find, refusal, size_text
from host_client.flashing.errors import FlashError, ImageError
from host_client.flashing.image import ImageFacts, Segment
from host_client.flashing.source import CHUNK, Progress, Source

HEAD = 1 << 20  # bytes that are written last
_FLUSHED = 32 << 20  # bytes between two syncs, so that progress shows what is on the card
_BLKFLSBUF = 0x1261
_BLKRRPART = 0x125F
_PADDING = b"\xff"


class Written(NamedTuple):
    """The result: bytes written and compared, and their SHA-256."""

    size: int
    sha256: str


class Card:
    """An open card."""

    def __init__(self, device: Device, write: bool = True) -> None:
        self.device = device
        self.size = device.size
        self.lazy = False
        """Whether flush() waits for nothing: for a card that is no worse than empty meanwhile."""
        flags = (os.O_RDWR if write else os.O_RDONLY) | getattr(os, "O_BINARY", 0)
        if not device.image:
            # The kernel refuses where the card is mounted, at the moment that counts.
            flags |= os.O_EXCL
        try:
            self._handle = os.open(device.path, flags)
        except OSError as error:
            raise open_error(device, error) from None
        self._block = stat.S_ISBLK(os.fstat(self._handle).st_mode)
        if write and not device.image:
            size = os.lseek(self._handle, 0, os.SEEK_END)
            if size != device.size:
                self.close()
                raise FlashError(
                    f"{device.path} is another card now: expected {size_text(device.size)}, "
                    f"found {size_text(size)}; start again"
                )

    def close(self) -> None:
        """Close the card."""
        with contextlib.suppress(OSError):
            os.close(self._handle)

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to size bytes from there."""
        parts = []
        try:
            while size > 0:
                piece = os.pread(self._handle, size, offset)
                if not piece:
                    break
                parts.append(piece)
                offset += len(piece)
                size -= len(piece)
        except OSError as error:
            raise self._lost(error) from None
        return b"".join(parts)

    def write_at(self, offset: int, data: bytes) -> None:
        """Write all of data at a place."""
        view = memoryview(data)
        try:
            while view:
                count = os.pwrite(self._handle, view, offset)
                offset += count
                view = view[count:]
        except OSError as error:
            raise self._lost(error) from None

    def flush(self) -> None:
        """Wait until the card has everything."""
        if self.lazy:
            return
        try:
            os.fsync(self._handle)
        except OSError as error:
            raise self._lost(error) from None

    def forget(self) -> None:
        """Make the next reads come from the card, not from the cache."""
        if self._block and sys.platform.startswith("linux"):
            import fcntl  # noqa: PLC0415 - Windows has none

            with contextlib.suppress(OSError):
                fcntl.ioctl(self._handle, _BLKFLSBUF, 0)
        if hasattr(os, "posix_fadvise"):
            with contextlib.suppress(OSError):
                os.posix_fadvise(self._handle, 0, 0, os.POSIX_FADV_DONTNEED)

    def announce(self) -> None:
        """Make the system read the new partition table."""
        if self._block and sys.platform.startswith("linux"):
            import fcntl  # noqa: PLC0415

            with contextlib.suppress(OSError):
                fcntl.ioctl(self._handle, _BLKRRPART, 0)

    def _lost(self, error: OSError) -> FlashError:
        path = self.device.path
        if error.errno == errno.ENOSPC:
            return FlashError(f"{path}: the card is too small: it ended while it was written")
        if error.errno in (errno.EROFS, errno.EPERM):
            return FlashError(f"{path} is write-protected: move the switch at the card's side")
        if error.errno in (errno.EIO, errno.ENODEV, errno.ENXIO, errno.ENOMEDIUM):
            return FlashError(
                f"{path}: the card does not answer any more; it was pulled out, or it or the "
                "reader is broken. Put it in again and start again: the card is not usable now"
            )
        return FlashError(f"{path}: the card can't be read or written: {reason(error)}")


def open_error(device: Device, error: OSError) -> FlashError:
    """Return the sentence for a card that can't be opened."""
    path = device.path
    if error.errno in (errno.EACCES, errno.EPERM):
        if device.image:
            return FlashError(f"{path}: permission denied: the file belongs to another user")
        group = _group(path)
        how = f", or join the group {group} (`sudo usermod -aG {group} $USER`, then log in again)"
        line = f"sudo {_command()}"
        return FlashError(
            f"{path}: permission denied; run `{line}`" + (how if group not in ("", "root") else "")
        )
    if error.errno == errno.EBUSY:
        return FlashError(f"{path} is in use: it is mounted, or another program writes to it")
    if error.errno == errno.EROFS:
        return FlashError(f"{path} is write-protected: move the switch at the card's side")
    if error.errno in (errno.ENOMEDIUM, errno.ENXIO, errno.ENODEV):
        return FlashError(f"{path}: there is no card in the reader")
    return FlashError(f"{path}: {reason(error)}")


def _command() -> str:
    import shlex  # noqa: PLC0415

    words = sys.argv[1:]
    return shlex.join([sys.argv[0] if os.sep in sys.argv[0] else "k230", *words])


def _group(path: str) -> str:
    try:
        import grp  # noqa: PLC0415 - Windows has none

        return grp.getgrgid(os.stat(path).st_gid).gr_name
    except (ImportError, KeyError, OSError):
        return ""


def write_image(
    source: Source,
    facts: ImageFacts,
    device: Device,
    *,
    fixed_too: bool = False,
    progress: Progress | None = None,
) -> Written:
    """Write an image, read it back and compare.

    The device is looked at once more, at the last moment.

    Raises:
        FlashError: the card must not or can't be written, or the comparison failed.
    """
    now = find(device.path)
    if (now.size, now.serial) != (device.size, device.serial):
        raise FlashError(f"{device.path} is another card now; start again")
    reason = refusal(now, fixed_too)
    if reason is not None:
        raise FlashError(reason)
    if facts.card_size > now.size:
        raise FlashError(
            f"{device.path}: the card is too small: expected at least "
            f"{size_text(facts.card_size)}, found {size_text(now.size)}"
        )
    card = Card(now)
    try:
        expected = _write(source, facts, card, progress)
        found = _read_back(facts, card, progress)
        if found != expected:
            raise FlashError(
                f"{device.path}: the data read back differs from the data written; the card or the "
                "reader is faulty, or the card is smaller than it claims"
            )
        card.announce()
    finally:
        card.close()
    return Written(facts.written, expected)


def _write(source: Source, facts: ImageFacts, card: Card, progress: Progress | None) -> str:
    """Write everything, the first megabyte last; return the SHA-256 in segment order."""
    digest = hashlib.sha256()
    head: list[tuple[int, bytes]] = []
    card.write_at(0, bytes(min(HEAD, card.size)))
    card.flush()
    done = unflushed = 0
    for place, piece in _pieces(source, facts.segments):
        digest.update(piece)
        if place < HEAD:
            head.append((place, piece[: HEAD - place]))
            if place + len(piece) > HEAD:
                card.write_at(HEAD, piece[HEAD - place :])
        else:
            card.write_at(place, piece)
        done += len(piece)
        unflushed += len(piece)
        if unflushed >= _FLUSHED:
            card.flush()
            unflushed = 0
        if progress is not None:
            progress(min(done, facts.written - 1), facts.written, "write")
    card.flush()
    for place, piece in head:
        card.write_at(place, piece)
    card.flush()
    if progress is not None:
        progress(facts.written, facts.written, "write")
    return digest.hexdigest()


def _pieces(source: Source, segments: list[Segment]) -> Iterator[tuple[int, bytes]]:
    """Yield (place on the card, bytes)."""
    for segment in segments:
        place = segment.place
        try:
            for piece in source.chunks(segment.source, segment.size):
                yield place, piece
                place += len(piece)
        except ImageError as error:
            raise FlashError(f"{error}; the card is not usable now") from None
        end = place + segment.padding
        for offset in range(place, end, CHUNK):
            yield offset, _PADDING * min(CHUNK, end - offset)


def _read_back(facts: ImageFacts, card: Card, progress: Progress | None) -> str:
    card.forget()
    digest = hashlib.sha256()
    done = 0
    for place, _, size, padding in facts.segments:
        for offset in range(place, place + size + padding, CHUNK):
            piece = card.read_at(offset, min(CHUNK, place + size + padding - offset))
            digest.update(piece)
            done += len(piece)
            if progress is not None:
                progress(done, facts.written, "compare")
    return digest.hexdigest()
