"""Read bytes at any place of an image, compressed or not.

A .gz is read once from end to end, which also checks it. Saved decompression states along the way
make later reads start near their place.
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, NamedTuple

from host_client.base.wording import reason
from host_client.flashing.errors import ImageError

if TYPE_CHECKING:
    from typing_extensions import Self

CHUNK = 1 << 20
_INPUT = 1 << 14  # bytes read from a .gz at once; zeros unpack to a thousand times as much
_SPACING = 16 << 20  # bytes of the image between two saved states
_GZIP = 31  # zlib's name for a gzip header and trailer
MAX_SIZE = 64 << 30  # bytes; larger than any card's image
Progress = Callable[[int, int, str], None]


class Source:
    """A file that is not compressed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.compressed = False
        try:
            self._file: IO[bytes] = path.open("rb")
            self.size = self._file.seek(0, 2)
        except OSError as error:
            raise ImageError(f"{path}: {reason(error)}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to size bytes from a place; fewer only at the end."""
        try:
            self._file.seek(offset)
            return self._file.read(size)
        except OSError as error:
            raise ImageError(f"{self.path}: {reason(error)}") from None

    def chunks(self, offset: int, size: int) -> Iterator[bytes]:
        """Yield size bytes from a place, in pieces."""
        while size:
            piece = self.read_at(offset, min(size, CHUNK))
            if not piece:
                raise ImageError(f"{self.path}: the file ended early: expected {size} more bytes")
            yield piece
            offset += len(piece)
            size -= len(piece)


class _State(NamedTuple):
    """A saved decompression state: bytes out, bytes in, and the decompressor."""

    out: int
    place: int
    decoder: zlib._Decompress


class GzipSource(Source):
    """A .gz, checked as a whole when it is opened."""

    def __init__(self, path: Path, progress: Progress | None = None) -> None:
        super().__init__(path)
        self.compressed = True
        self._length = self.size
        self._states: list[_State] = []
        self._cursor: tuple[int, Iterator[bytes], bytes] | None = None
        try:
            self.size = self._scan(progress)
        except BaseException:
            self.close()
            raise

    def _scan(self, progress: Progress | None) -> int:
        total = 0
        for piece in self._pieces(_State(0, 0, zlib.decompressobj(_GZIP)), keep=True):
            total += len(piece)
            if total > MAX_SIZE:
                raise ImageError(
                    f"{self.path}: expected an image of at most {MAX_SIZE >> 30} GB, found more "
                    "after unpacking"
                )
            if progress is not None:
                progress(self._file.tell(), self._length, "check")
        return total

    def _pieces(self, state: _State, keep: bool = False) -> Iterator[bytes]:
        """Yield the unpacked data from a state on.

        Sets the file's position before each read, because several generators share the file.
        """
        out, place, decoder = state
        decoder = decoder.copy()
        kept = out - _SPACING
        pending = b""
        while True:
            if keep and out - kept >= _SPACING and not pending:
                self._states.append(_State(out, place, decoder.copy()))
                kept = out
            if not pending:
                pending = super().read_at(place, _INPUT)
                place += len(pending)
                if not pending:
                    raise ImageError(
                        f"{self.path}: the .gz is cut off: expected its end, found only "
                        f"{self._length} bytes; download it again"
                    )
            try:
                piece = decoder.decompress(pending, CHUNK)
            except zlib.error as error:
                raise ImageError(
                    f"{self.path}: the .gz is damaged near byte {place - len(pending)} "
                    f"({error}); download it again"
                ) from None
            pending = decoder.unconsumed_tail
            if piece:
                out += len(piece)
                yield piece
            if decoder.eof:
                pending = decoder.unused_data.lstrip(b"\0")
                if not pending and place >= self._length:
                    return
                if not pending:
                    pending = super().read_at(place, _INPUT).lstrip(b"\0")
                    place = min(place + _INPUT, self._length)
                    if not pending:
                        return
                if pending[:2] != b"\x1f\x8b":
                    return  # ignore data after the end of the .gz
                decoder = zlib.decompressobj(_GZIP)

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to size bytes from a place."""
        size = max(0, min(size, self.size - offset))
        if not size:
            return b""
        place, pieces, rest = self._at(offset)
        while place + len(rest) < offset:
            place += len(rest)
            rest = next(pieces)
        rest = rest[offset - place :]
        place = offset
        parts = [rest[:size]]
        missing = size - len(parts[0])
        rest = rest[size:]
        while missing:
            piece = next(pieces)
            parts.append(piece[:missing])
            rest = piece[missing:]
            missing -= len(parts[-1])
        self._cursor = (offset + size, pieces, rest)
        return b"".join(parts)

    def _at(self, offset: int) -> tuple[int, Iterator[bytes], bytes]:
        """Return a place at or before offset, its data generator, and its unpacked rest."""
        state = [each for each in self._states if each.out <= offset][-1]
        cursor = self._cursor
        if cursor is not None and state.out <= cursor[0] <= offset:
            return cursor
        return state.out, self._pieces(state), b""


def open_source(path: Path, progress: Progress | None = None) -> Source:
    """Open an image; a .gz is recognised by its first bytes, not by its name."""
    with contextlib.suppress(OSError):
        if path.is_dir():
            raise ImageError(f"{path}: expected an image file, found a folder")
    plain = Source(path)
    first = plain.read_at(0, 2)
    if first != b"\x1f\x8b":
        return plain
    plain.close()
    return GzipSource(path, progress)
