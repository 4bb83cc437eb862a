"""Boxes and texts of a result's fields (docs/protocol.md section 4), as the tracker takes them."""

import struct

from firmware_app.wire import messages

BOXES = (
    messages.DETECTION,
    messages.INSTANCE_SEGMENTATION,
    messages.POSE,
    messages.ORIENTED_DETECTION,
    messages.OCR_DETECTION,
    messages.OCR,
    messages.IDENTITIES,
)
MOST_TEXT = 48  # characters of a text or an identity in an event

# 1024 times the sine of 0, 5 ... 90 degrees; in between on a straight line.
_SINES = (
    0,
    89,
    178,
    265,
    350,
    433,
    512,
    587,
    658,
    724,
    784,
    839,
    887,
    928,
    962,
    989,
    1008,
    1020,
    1024,
)


def boxes(kind: int, fields: list) -> list:
    """Return (x, y, w, h, score1000, class) of each object of a result."""
    data = fields[0]
    if kind == messages.ORIENTED_DETECTION:
        return _oriented(data)
    if kind == messages.IDENTITIES:
        return [(row[3], row[4], row[5], row[6], row[8], row[7]) for row in data]
    if kind in (messages.OCR, messages.OCR_DETECTION):
        return [_upright(row) for row in data]
    if isinstance(data, list):
        return [tuple(row[:6]) for row in data]
    found: list = []
    # Bytes: MicroPython compares a string that it makes with all names that it knows.
    words = struct.unpack(b"<" + b"I" * (len(data) // 4), data)
    for i in range(0, len(words), 2):
        a = words[i]
        b = words[i + 1]
        found.append((a & 2047, a >> 21, b & 2047, b >> 21, a >> 11 & 1023, b >> 11 & 1023))
    return found


def texts(kind: int, fields: list) -> "list | None":
    """Return what each object says of itself: an identity, a text; None where the task has none."""
    if kind in (messages.IDENTITIES, messages.OCR):
        return [short(row[0]) for row in fields[0]]
    return None


def short(text) -> "str | None":
    """Return an identity or a text (a str, or Text as the wire has it) as events carry it; None for none."""
    return None if text is None else str(text)[:MOST_TEXT]


def _upright(row: list) -> tuple:
    corners = row[2]
    if corners is None:
        return (0, 0, 0, 0, 1000 * row[1] // 65535, 0)
    xs = corners[0::2]
    ys = corners[1::2]
    x = min(xs)
    y = min(ys)
    return (x, y, max(xs) - x, max(ys) - y, 1000 * row[1] // 65535, 0)


def _oriented(data) -> list:
    if not isinstance(data, list):
        numbers = struct.unpack(b"<" + b"h" * (len(data) // 2), data)
        data = [numbers[i : i + 7] for i in range(0, len(numbers), 7)]
    found: list = []
    for row in data:
        cx, cy, w, h, angle, score, kind = row[:7]
        sine = _sine(angle % 18000)
        cosine = abs(_sine((angle + 9000) % 36000))
        wide = (w * cosine + h * sine) // 1024  # eighths of a pixel
        high = (w * sine + h * cosine) // 1024
        found.append(
            ((2 * cx - wide) // 16, (2 * cy - high) // 16, wide // 8, high // 8, score, kind)
        )
    return found


def _sine(angle: int) -> int:
    """Return 1024 times the sine of hundredths of degrees, 0 to 35,999."""
    if angle >= 18000:
        return -_sine(angle - 18000)
    if angle > 9000:
        angle = 18000 - angle
    at = angle // 500
    if at == 18:
        return 1024
    return _SINES[at] + (_SINES[at + 1] - _SINES[at]) * (angle - 500 * at) // 500
