"""Read where the parts of a card lie: partition table (MBR or GPT) and boot loader's table.

Layout after kendryte/k230_rtos_sdk tools/genimage_py: image_hd.py, lib/gpt.py, lib/toc.py.
"""

from __future__ import annotations

import struct
import uuid
from typing import NamedTuple, Protocol

SECTOR = 512
TOC_PLACE = 0xE0000  # every board's genimage-sdcard.cfg: toc-offset
_TOC_ENTRY = struct.Struct("<32sQQBB")
_TOC_STEP = 64
_TOC_MOST = 64
SPL_PLACE = 0x100000
SPL_MAGIC = b"K230"  # tools/image_tools/k230_image_generator.py MAGIC_BYTES
_FAT_TYPES = (0x01, 0x04, 0x06, 0x0B, 0x0C, 0x0E)
_GPT_MOST = 128


class Readable(Protocol):
    """Gives bytes at places."""

    size: int

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to size bytes from a place."""


class Partition(NamedTuple):
    """A partition: number from 1, place and size in bytes, and its type."""

    number: int
    offset: int
    size: int
    kind: str
    name: str = ""

    @property
    def end(self) -> int:
        """The first byte after it."""
        return self.offset + self.size


class Part(NamedTuple):
    """An entry of the boot loader's table: a name and its place."""

    name: str
    offset: int
    size: int


def partitions(source: Readable) -> list[Partition]:
    """Return the partitions by number; empty without a partition table."""
    head = source.read_at(0, SECTOR)
    if len(head) < SECTOR or head[510:] != b"\x55\xaa":
        return []
    found = []
    for number in range(4):
        entry = head[446 + 16 * number : 462 + 16 * number]
        kind = entry[4]
        first, count = struct.unpack("<II", entry[8:])
        if kind == 0xEE:
            return _gpt(source)
        if kind and count:
            name = "fat" if kind in _FAT_TYPES else f"type {kind:#04x}"
            found.append(Partition(number + 1, first * SECTOR, count * SECTOR, name))
    return found


def _gpt(source: Readable) -> list[Partition]:
    head = source.read_at(SECTOR, SECTOR)
    if head[:8] != b"EFI PART":
        return []
    place, count, step = struct.unpack("<QII", head[72:88])
    if not 128 <= step <= 4096:
        return []
    table = source.read_at(place * SECTOR, step * min(count, _GPT_MOST))
    found = []
    for number in range(len(table) // step):
        entry = table[number * step : (number + 1) * step]
        if entry[:16] == bytes(16):
            continue
        first, last = struct.unpack("<QQ", entry[32:48])
        name = entry[56:128].decode("utf-16-le", "replace").partition("\0")[0]
        kind = str(uuid.UUID(bytes_le=entry[:16]))
        size = (last - first + 1) * SECTOR
        found.append(Partition(number + 1, first * SECTOR, size, kind, name))
    return found


def boot_parts(source: Readable) -> list[Part]:
    """Return the boot loader's table; [] if it is empty or invalid."""
    table = source.read_at(TOC_PLACE, _TOC_STEP * _TOC_MOST)
    found = []
    for index in range(len(table) // _TOC_STEP):
        raw = table[index * _TOC_STEP : (index + 1) * _TOC_STEP]
        text, offset, size, _, _ = _TOC_ENTRY.unpack(raw[: _TOC_ENTRY.size])
        name = text.rstrip(b"\0")
        if not name or not all(0x21 <= byte < 0x7F for byte in name):
            break
        found.append(Part(name.decode("ascii"), offset, size))
    return found


def has_loader(source: Readable) -> bool:
    """Return whether the chip's boot ROM finds its first stage."""
    return source.read_at(SPL_PLACE, len(SPL_MAGIC)) == SPL_MAGIC
