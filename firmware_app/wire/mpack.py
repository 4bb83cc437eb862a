"""msgpack for MicroPython: the types that messages use, bounded in depth and size.

The host uses the msgpack library; both read the same vectors (tests/vectors/wire.json).
"""

import struct
from builtins import bytearray, int, len, list, type  # found sooner than where they are built in

MAX_DEPTH = 16


class Packed:
    """A value that is packed already: large results are made by other means than item by item."""

    def __init__(self, data: bytes) -> None:
        self.data = data


class Text:
    """A string, as the UTF-8 that it is on the wire: MicroPython compares each string that it makes with all names."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __str__(self) -> str:
        return str(self.data, "utf-8")


def pack(value) -> bytes:
    """Return value as msgpack; Packed, Text, lists, dicts, str, bytes, int (64 bits), float (single), bool, None."""
    out = bytearray()
    _pack(out, value, 0)
    return bytes(out)


# Of a result: array, type, number, time, generation; then with the bytes that are the only field that follows.
_HEAD = ">HBHBIB"
_LATER_HEAD = ">HBIBIB"  # where the number has left two bytes
_WITH_BYTES = ">HBHBIBH"
_LATER_WITH_BYTES = ">HBIBIBH"


def pack_result(message: list) -> "bytes | bytearray":
    """Return pack() of a list that begins with type, number, milliseconds and generation, in less time."""
    size = len(message)
    kind = message[0]
    number = message[1]
    ms = message[2]
    generation = message[3]
    if not 255 < number <= 0xFFFFFFFF or not 65535 < ms <= 0xFFFFFFFF:
        return pack(message)
    if size > 15 or generation > 127:
        return pack(message)
    late = number > 65535
    # Array and type, then the mark of the number.
    head = 0x9000 | size << 8 | kind
    mark = 0xCE if late else 0xCD
    if size == 5:
        data = message[4]
        if type(data) is bytearray and len(data) < 256:
            form = _LATER_WITH_BYTES if late else _WITH_BYTES
            return (
                struct.pack(form, head, mark, number, 0xCE, ms, generation, 0xC400 | len(data))
                + data
            )
    form = _LATER_HEAD if late else _HEAD
    if size == 6:
        data = message[4]
        more = message[5]
        if type(data) is bytearray and type(more) is bytearray and len(data) + len(more) < 65536:
            first = struct.pack(form, head, mark, number, 0xCE, ms, generation)
            return _with_both(first, data, more)
    out = bytearray(struct.pack(form, head, mark, number, 0xCE, ms, generation))
    _pack_items(out, message[4:], 1)
    return out  # as bytes it would be copied, and hashed


def _with_both(head: bytes, data: bytearray, more: bytearray) -> bytearray:
    """Return what begins a message with its two fields behind it, each of less than 65,536 bytes."""
    size, rest = len(data), len(more)
    middle = len(head) + size + (2 if size < 256 else 3)
    out = bytearray(middle + rest + (2 if rest < 256 else 3))
    out[: len(head)] = head
    out[middle - size : middle] = data
    out[len(out) - rest :] = more
    at = len(head)
    for count in (size, rest):
        if count < 256:
            out[at] = 0xC4
            out[at + 1] = count
        else:
            out[at] = 0xC5
            out[at + 1] = count >> 8
            out[at + 2] = count & 0xFF
        at = middle
    return out


def _pack_items(out: bytearray, items, depth: int) -> None:
    # Most of a result are small numbers: they are written without a call of their own.
    append = out.append
    kind_of, whole = type, int  # what is local is found sooner
    for value in items:
        kind = kind_of(value)
        if kind is whole:
            if value < 128:
                if value >= 0:
                    append(value)
                else:
                    _pack_int(out, value)
            elif value < 256:
                append(0xCC)
                append(value)
            elif value < 65536:
                append(0xCD)
                append(value >> 8)
                append(value & 0xFF)
            else:
                _pack_int(out, value)
        elif kind is list and depth < MAX_DEPTH and len(value) < 16:
            append(0x90 | len(value))
            _pack_items(out, value, depth + 1)
        elif kind is Text and len(value.data) < 32:
            append(0xA0 | len(value.data))
            out.extend(value.data)
        else:
            _pack(out, value, depth)


def _pack(out: bytearray, value, depth: int) -> None:
    kind = type(value)
    if kind is int:
        _pack_int(out, value)
    elif kind is list or kind is tuple:
        if depth >= MAX_DEPTH:
            raise ValueError("nested deeper than %d" % MAX_DEPTH)
        size = len(value)
        if size < 16:
            out.append(0x90 | size)
        elif size < 65536:
            out.extend(struct.pack(">BH", 0xDC, size))
        else:
            out.extend(struct.pack(">BI", 0xDD, size))
        _pack_items(out, value, depth + 1)
    elif kind is str or kind is Text:
        data = value.encode() if kind is str else value.data
        size = len(data)
        if size < 32:
            out.append(0xA0 | size)
        elif size < 256:
            out.append(0xD9)
            out.append(size)
        elif size < 65536:
            out.extend(struct.pack(">BH", 0xDA, size))
        else:
            out.extend(struct.pack(">BI", 0xDB, size))
        out.extend(data)
    elif value is None:
        out.append(0xC0)
    elif kind is bool:
        out.append(0xC3 if value else 0xC2)
    elif kind is bytes or kind is bytearray or kind is memoryview:
        size = len(value)
        if size < 256:
            out.append(0xC4)
            out.append(size)
        elif size < 65536:
            out.extend(struct.pack(">BH", 0xC5, size))
        else:
            out.extend(struct.pack(">BI", 0xC6, size))
        out.extend(value)
    elif kind is dict:
        if depth >= MAX_DEPTH:
            raise ValueError("nested deeper than %d" % MAX_DEPTH)
        size = len(value)
        if size < 16:
            out.append(0x80 | size)
        else:
            out.extend(struct.pack(">BH", 0xDE, size))
        for key in value:
            _pack(out, key, depth + 1)
            _pack(out, value[key], depth + 1)
    elif kind is float:
        out.extend(struct.pack(">Bf", 0xCA, value))
    elif kind is Packed:
        out.extend(value.data)
    else:
        raise TypeError("can't pack %s" % kind)


def _pack_int(out: bytearray, value: int) -> None:
    if 0 <= value < 128:
        out.append(value)
    elif value >= 0:
        if value < 0x100:
            out.append(0xCC)
            out.append(value)
        elif value < 0x10000:
            out.append(0xCD)
            out.append(value >> 8)
            out.append(value & 0xFF)
        elif value < 0x100000000:
            out.extend(struct.pack(">BI", 0xCE, value))
        else:
            out.extend(struct.pack(">BQ", 0xCF, value))
    elif value >= -32:
        out.append(value & 0xFF)
    elif value >= -0x80:
        out.extend(struct.pack(">Bb", 0xD0, value))
    elif value >= -0x8000:
        out.extend(struct.pack(">Bh", 0xD1, value))
    elif value >= -0x80000000:
        out.extend(struct.pack(">Bi", 0xD2, value))
    else:
        out.extend(struct.pack(">Bq", 0xD3, value))


def unpack(data: bytes):
    """Return the one value that data holds; ValueError where it holds another number or is cut off."""
    value, at = _unpack(data, 0, 0)
    if at != len(data):
        raise ValueError("bytes after the value")
    return value


# Fixed-size values: type byte -> (struct format, size).
_FIXED = {
    0xCA: (">f", 4),
    0xCB: (">d", 8),
    0xCC: (">B", 1),
    0xCD: (">H", 2),
    0xCE: (">I", 4),
    0xCF: (">Q", 8),
    0xD0: (">b", 1),
    0xD1: (">h", 2),
    0xD2: (">i", 4),
    0xD3: (">q", 8),
}


def _unpack(data: bytes, at: int, depth: int):
    if at >= len(data):
        raise ValueError("cut off")
    kind = data[at]
    at += 1
    if kind < 0x80:
        return kind, at
    if kind >= 0xE0:
        return kind - 0x100, at
    if kind < 0x90:
        return _map(data, at, kind & 0x0F, depth)
    if kind < 0xA0:
        return _array(data, at, kind & 0x0F, depth)
    if kind < 0xC0:
        return _text(data, at, kind & 0x1F)
    if kind == 0xC0:
        return None, at
    if kind == 0xC2:
        return False, at
    if kind == 0xC3:
        return True, at
    if kind in _FIXED:
        form, size = _FIXED[kind]
        if at + size > len(data):
            raise ValueError("cut off")
        return struct.unpack_from(form, data, at)[0], at + size
    if 0xC4 <= kind <= 0xC6:
        size, at = _size(data, at, 1 << (kind - 0xC4))
        if at + size > len(data):
            raise ValueError("cut off")
        return bytes(data[at : at + size]), at + size
    if 0xD9 <= kind <= 0xDB:
        size, at = _size(data, at, 1 << (kind - 0xD9))
        return _text(data, at, size)
    if kind == 0xDC or kind == 0xDD:
        size, at = _size(data, at, 2 if kind == 0xDC else 4)
        return _array(data, at, size, depth)
    if kind == 0xDE or kind == 0xDF:
        size, at = _size(data, at, 2 if kind == 0xDE else 4)
        return _map(data, at, size, depth)
    raise ValueError("type byte 0x%02x is not used here" % kind)


def _size(data: bytes, at: int, width: int):
    if at + width > len(data):
        raise ValueError("cut off")
    return int.from_bytes(data[at : at + width], "big"), at + width


def _text(data: bytes, at: int, size: int):
    if at + size > len(data):
        raise ValueError("cut off")
    text = str(data[at : at + size], "utf-8")
    if len(text) != size:
        _check_utf8(data, at, at + size)
    return text, at + size


def _check_utf8(data: bytes, at: int, stop: int) -> None:
    # MicroPython lets pass what every other reader refuses: overlong forms, surrogates, beyond U+10FFFF.
    while at < stop:
        head = data[at]
        at += 1
        if head < 0xC0:
            continue
        following = data[at]
        if (
            head < 0xC2
            or head > 0xF4
            or (head == 0xE0 and following < 0xA0)
            or (head == 0xED and following > 0x9F)
            or (head == 0xF0 and following < 0x90)
            or (head == 0xF4 and following > 0x8F)
        ):
            raise ValueError("text is not UTF-8")


def _array(data: bytes, at: int, size: int, depth: int):
    # Each item takes a byte at least: a size beyond the data is refused before a list grows to it.
    if depth >= MAX_DEPTH or size > len(data) - at:
        raise ValueError("array of %d items" % size)
    items = []
    for _ in range(size):
        item, at = _unpack(data, at, depth + 1)
        items.append(item)
    return items, at


def _map(data: bytes, at: int, size: int, depth: int):
    if depth >= MAX_DEPTH or size > len(data) - at:
        raise ValueError("map of %d items" % size)
    items = {}
    for _ in range(size):
        key, at = _unpack(data, at, depth + 1)
        if type(key) is not str and type(key) is not int:
            raise ValueError("map keys are text or integers")
        value, at = _unpack(data, at, depth + 1)
        items[key] = value
    return items, at
