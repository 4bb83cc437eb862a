"""FAT names: long names, and the 8.3 alias of each."""

from __future__ import annotations

import struct
from collections.abc import Container, Sequence

_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'()-@^_`{}~")
_FORBIDDEN = frozenset('"*/:<>?\\|')
_LONGEST = 255


def checksum(alias: bytes) -> int:
    """Return the checksum that ties the entries of a long name to their alias."""
    total = 0
    for byte in alias:
        total = (((total & 1) << 7) + (total >> 1) + byte) & 0xFF
    return total


def long_name(entries: Sequence[bytes], alias: bytes) -> str:
    """Return the long name in the entries before an alias; "" if none belongs to it."""
    if not entries or entries[0][0] & 0x3F != len(entries):
        return ""
    total = checksum(alias)
    text = b""
    for number, entry in enumerate(reversed(entries), 1):
        if entry[0] & 0x3F != number or entry[13] != total:
            return ""
        text += entry[1:11] + entry[14:26] + entry[28:32]
    return text.decode("utf-16-le", "replace").partition("\0")[0].rstrip("\uffff")


def short_name(alias: bytes, case: int) -> str:
    """Return an alias as NAME.EXT; `case` says which part is in lower case."""
    raw = (b"\xe5" + alias[1:]) if alias[0] == 0x05 else alias
    base, end = raw[:8].decode("cp437").rstrip(), raw[8:].decode("cp437").rstrip()
    base = base.lower() if case & 0x08 else base
    end = end.lower() if case & 0x10 else end
    return f"{base}.{end}" if end else base


def encode(name: str, used: Container[bytes]) -> tuple[bytes, list[bytes]]:
    """Return the alias and the entries of the long name, in folder order.

    Raises:
        ValueError: FAT does not allow the name.
    """
    if (
        not name
        or len(name.encode("utf-16-le")) // 2 > _LONGEST
        or any(c in _FORBIDDEN or ord(c) < 32 for c in name)
        or name[-1] in ". "
    ):
        raise ValueError("expected a name that FAT can hold, found another")
    base, dot, end = name.rpartition(".")
    base, end = (base, end) if dot and base else (name, "")
    exact = base.ljust(8).encode("latin-1", "replace") + end.ljust(3).encode("latin-1", "replace")
    plain = all(c in _PLAIN for c in base + end) and len(base) <= 8 and len(end) <= 3
    if plain and exact not in used:
        return exact, []
    alias = _alias(base, end, used)
    total = checksum(alias)
    units = name.encode("utf-16-le")
    if len(units) % 26:
        units += b"\0\0"
    units += b"\xff" * (-len(units) % 26)
    count = len(units) // 26
    entries = []
    for number in range(count, 0, -1):
        piece = units[(number - 1) * 26 : number * 26]
        mark = number | (0x40 if number == count else 0)
        entries.append(
            bytes([mark])
            + piece[:10]
            + bytes([0x0F, 0, total])
            + piece[10:22]
            + b"\0\0"
            + piece[22:]
        )
    return alias, entries


def _alias(base: str, end: str, used: Container[bytes]) -> bytes:
    stem = "".join(c if c in _PLAIN else "_" for c in base.upper() if c not in ". ")
    tail = "".join(c if c in _PLAIN else "_" for c in end.upper() if c not in ". ")[:3]
    for number in range(1, 1_000_000):
        mark = f"~{number}"
        alias = ((stem or "_")[: 8 - len(mark)] + mark).ljust(8) + tail.ljust(3)
        if alias.encode("ascii") not in used:
            return alias.encode("ascii")
    raise ValueError("expected fewer files of that name")


def short_entry(alias: bytes, attributes: int, cluster: int, size: int, date: int) -> bytes:
    """Return the entry of a file or folder."""
    return struct.pack(
        "<11sBBBHHHHHHHI",
        alias,
        attributes,
        0,
        0,
        0,
        date,
        date,
        cluster >> 16,
        0,
        date,
        cluster & 0xFFFF,
        size,
    )
