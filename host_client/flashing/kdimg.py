"""Read the vendor's .kdimg: parts with their places on a card and their SHA-256.

Format after kendryte/k230_rtos_sdk tools/genimage_py/image_kd.py and PyPI k230-flash 1.4 kdimage.md.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from typing import NamedTuple

from host_client.flashing.errors import ImageError
from host_client.flashing.source import CHUNK, Progress, Source

MAGIC = 0x27CB8F93
PART_MAGIC = 0x91DF6DA4
HEADER_SIZE = 512
PART_SIZE = 256
MOST_PARTS = 512
HEADER = struct.Struct("<6I32s32s64s")
PART_1 = struct.Struct("<8I32s32s")
PART_2 = struct.Struct("<5I4xQII32s32s")
PADDING = b"\xff"


class KdPart(NamedTuple):
    """A part: its place on the medium, and the place of its content in the file."""

    name: str
    offset: int
    size: int
    room: int
    content: int
    content_size: int
    sha256: str

    @property
    def written(self) -> int:
        """Bytes on the medium: the padded content."""
        return max(self.size, self.content_size)


class Kdimg(NamedTuple):
    """The header, and the parts by their place."""

    image_info: str
    chip_info: str
    board_info: str
    parts: tuple[KdPart, ...]

    @property
    def end(self) -> int:
        """Bytes that the medium needs at least."""
        return max((part.offset + max(part.room, part.written) for part in self.parts), default=0)


def is_kdimg(source: Source) -> bool:
    """Return whether the file begins like a .kdimg."""
    return source.read_at(0, 4) == struct.pack("<I", MAGIC)


def read_kdimg(source: Source) -> Kdimg:
    """Return header and parts, checked by their CRC-32.

    Raises:
        ImageError: header or table is damaged.
    """
    head = source.read_at(0, HEADER_SIZE)
    if len(head) < HEADER_SIZE:
        raise _cut(source)
    _, crc, _, version, count, table_crc, *texts = HEADER.unpack(head[: HEADER.size])
    if zlib.crc32(head[:4] + bytes(4) + head[8:]) != crc:
        raise ImageError(f"{source.path}: the .kdimg's header is damaged (its CRC-32 differs)")
    if not 0 < count <= MOST_PARTS:
        raise ImageError(
            f"{source.path}: expected 1 to {MOST_PARTS} parts in the .kdimg, found {count}"
        )
    table = source.read_at(HEADER_SIZE, PART_SIZE * count)
    if len(table) < PART_SIZE * count:
        raise _cut(source)
    if zlib.crc32(table) != table_crc:
        raise ImageError(f"{source.path}: the .kdimg's table is damaged (its CRC-32 differs)")
    form = PART_2 if version >= 2 else PART_1
    parts = []
    for index in range(count):
        entry = table[index * PART_SIZE :][: form.size]
        magic, offset, size, _, room, _, content, content_size, sha, name = form.unpack(entry)
        if magic != PART_MAGIC:
            raise ImageError(f"{source.path}: part {index + 1} of the .kdimg has a wrong mark")
        parts.append(
            KdPart(_text(name), offset, size, room, content, content_size, bytes(sha).hex())
        )
    parts.sort(key=lambda part: part.offset)
    info, chip, board = map(_text, texts)
    return Kdimg(info, chip, board, tuple(parts))


def check_parts(source: Source, image: Kdimg, progress: Progress | None = None) -> None:
    """Compare every part with its SHA-256; raises ImageError."""
    total = sum(part.content_size for part in image.parts)
    done = 0
    for part in image.parts:
        if part.content + part.content_size > source.size:
            raise _cut(source)
        digest = hashlib.sha256()
        for offset in range(part.content, part.content + part.content_size, CHUNK):
            piece = source.read_at(offset, min(CHUNK, part.content + part.content_size - offset))
            digest.update(piece)
            done += len(piece)
            if progress is not None:
                progress(done, total, "check")
        if digest.hexdigest() != part.sha256:
            raise ImageError(
                f"{source.path}: part {part.name} is damaged (its SHA-256 differs); "
                "download it again"
            )


def _text(raw: bytes) -> str:
    return raw.partition(b"\0")[0].decode("utf-8", "replace")


def _cut(source: Source) -> ImageError:
    return ImageError(
        f"{source.path}: the .kdimg is cut off after {source.size} bytes; download it again"
    )
