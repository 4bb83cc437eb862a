"""The gallery's file, byte by byte: header and records, each with a CRC-32 that covers all before it.

docs/gallery.md is the normative text; export and import carry the same bytes.
"""

import struct

from firmware_app.wire.packets import crc32

if 0:  # for type checkers; mpy-cross leaves it out
    from typing import Callable

MAGIC = b"K230GAL\x01"
HEADER_SIZE = 48
_HEAD_SIZE = 12
MAX_BODY = 1048576  # bytes of one record
MAX_LABEL = 65535  # highest number of a label
MAX_TEXT = 200  # bytes of a label in UTF-8
MAX_DIMENSION = 16384

# Records.
LABEL = 1  # number u16, threshold i16 (x 10,000; -32768: none), text
SAMPLES = 2  # for each: id u32, label u16, flags u16; then for each: float32 x dimension
REMOVE_SAMPLES = 3  # ids u32
REMOVE_LABEL = 4  # number u16; its samples go too
END = 5  # u32: highest id ever given, samples, labels; last of a file that was written in one go
MORE = 0x80  # flag of the kind: the next record belongs to the same change

NEGATIVE = 1  # flag of a sample

_NO_THRESHOLD = -32768


class DamagedError(ValueError):
    """The file is not what was written; the text says where."""


class TornError(ValueError):
    """The file ends inside a change: power went off while it was written. good: bytes before it."""

    def __init__(self, good: int) -> None:
        self.good = good
        super().__init__("the last change was not finished, everything before it is whole")


def header(dimension: int, sha256: bytes) -> bytes:
    """Return the header of a gallery of this embedding model."""
    start = MAGIC + struct.pack("<I", dimension) + sha256
    return start + struct.pack("<I", crc32(start))


def parse_header(data: bytes) -> "tuple[int, bytes, int]":
    """Return (dimension, SHA-256 of the kmodel, CRC that the first record continues)."""
    if len(data) < HEADER_SIZE or data[:7] != MAGIC[:7]:
        raise DamagedError("expected a gallery file (it begins with K230GAL), found something else")
    crc = crc32(data[:44])
    if struct.unpack("<I", data[44:48])[0] != crc:
        raise DamagedError("the header is damaged")
    if data[7] != MAGIC[7]:
        raise DamagedError("expected format version %d, found %d" % (MAGIC[7], data[7]))
    dimension = struct.unpack("<I", data[8:12])[0]
    if not 2 <= dimension <= MAX_DIMENSION:
        raise DamagedError("dimension: expected 2...%d, found %d" % (MAX_DIMENSION, dimension))
    return dimension, bytes(data[12:44]), crc


def record(kind: int, body: bytes, crc: int) -> "tuple[bytes, int]":
    """Return (bytes of a record, CRC that the next one continues); crc: of what is before it."""
    head = struct.pack("<II", len(body), kind)
    crc = crc32(head, crc)
    middle = struct.pack("<I", crc)
    crc = crc32(body, crc)
    return head + middle + body + struct.pack("<I", crc), crc


def records(changes: "list[tuple[int, bytes]]", crc: int) -> "tuple[bytes, int]":
    """Return (bytes, CRC) of records (kind, body) that count together or not at all."""
    parts: "list[bytes]" = []
    for i in range(len(changes)):
        kind, body = changes[i]
        data, crc = record(kind | MORE if i < len(changes) - 1 else kind, body, crc)
        parts.append(data)
    return b"".join(parts), crc


class Reader:
    """Reads a gallery file; take(count) returns the next bytes, fewer only where the file ends."""

    def __init__(self, take: "Callable[[int], bytes]") -> None:
        self._take = take
        self.dimension, self.sha256, self.crc = parse_header(take(HEADER_SIZE))
        self.good = HEADER_SIZE  # bytes up to the end of the last whole change
        self.good_crc = self.crc  # that the next record continues
        self._at = HEADER_SIZE
        self._inside = False  # a change: its last record is still to come

    def record(self) -> "tuple[int, bytes, bool] | None":
        """Return the next (kind without MORE, body, whether it ends a change), or None at the end."""
        head = self._take(_HEAD_SIZE)
        if not head and not self._inside:
            return None
        if len(head) < _HEAD_SIZE:
            raise TornError(self.good)
        size, kind, crc = struct.unpack("<III", head)
        self.crc = crc32(head[:8], self.crc)
        if crc != self.crc or size > MAX_BODY:
            raise DamagedError("the record at byte %d is damaged" % self._at)
        body = self._take(size)
        check = self._take(4) if len(body) == size else b""
        if len(check) < 4:
            raise TornError(self.good)
        self.crc = crc32(body, self.crc)
        if struct.unpack("<I", check)[0] != self.crc:
            raise DamagedError("the record at byte %d is damaged" % self._at)
        self._at += _HEAD_SIZE + size + 4
        self._inside = kind & MORE != 0
        if not self._inside:
            self.good = self._at
            self.good_crc = self.crc
        return kind & ~MORE, body, not self._inside


def label_body(number: int, text: str, threshold: "float | None") -> bytes:
    """Return the body of LABEL; threshold: a cosine or None."""
    value = _NO_THRESHOLD if threshold is None else int(round(threshold * 10000))
    return struct.pack("<Hh", number, value) + text.encode()


def parse_label(body: bytes) -> "tuple[int, float | None, str]":
    """Return (number, threshold or None, text)."""
    if not 4 < len(body) <= 4 + MAX_TEXT:
        raise ValueError("a label of %d bytes" % (len(body) - 4))
    number, value = struct.unpack("<Hh", body[:4])
    if value != _NO_THRESHOLD and not -10000 <= value <= 10000:
        raise ValueError("a threshold of %d" % value)
    try:
        text = str(bytes(body[4:]), "utf-8")
    except UnicodeError:
        raise ValueError("a label that is not UTF-8")
    return number, None if value == _NO_THRESHOLD else value / 10000, text


def samples_body(heads: "list[tuple[int, int, int]]", vectors: bytes) -> bytes:
    """Return the body of SAMPLES; heads: (id, label, flags), vectors: float32 of all of them."""
    return (
        b"".join([struct.pack("<IHH", number, label, flags) for number, label, flags in heads])
        + vectors
    )


def samples_per_record(dimension: int) -> int:
    """Return how many samples one record of a rewritten file holds: about 64 KiB of them."""
    return max(1, 65536 // (8 + 4 * dimension))


def split_samples(body: bytes, dimension: int) -> "tuple[list[tuple[int, ...]], bytes]":
    """Return ([(id, label, flags)...], the vectors' bytes)."""
    size = 8 + 4 * dimension
    count = len(body) // size
    if not count or len(body) != count * size:
        raise ValueError("samples of %d bytes for dimension %d" % (len(body), dimension))
    values = struct.unpack("<" + "IHH" * count, body[: 8 * count])
    return [values[i : i + 3] for i in range(0, 3 * count, 3)], body[8 * count :]


def ids_body(numbers: "list[int]") -> bytes:
    """Return the body of REMOVE_SAMPLES (or the numbers of END)."""
    return struct.pack("<%dI" % len(numbers), *numbers)


def parse_ids(body: bytes) -> "list[int]":
    """Return the numbers of the samples."""
    if not body or len(body) % 4:
        raise ValueError("numbers of samples in %d bytes" % len(body))
    return list(struct.unpack("<%dI" % (len(body) // 4), body))


def number_body(number: int) -> bytes:
    """Return the body of REMOVE_LABEL."""
    return struct.pack("<H", number)


def parse_number(body: bytes) -> int:
    """Return the number of the label."""
    if len(body) != 2:
        raise ValueError("a label's number in %d bytes" % len(body))
    return int(struct.unpack("<H", body)[0])
