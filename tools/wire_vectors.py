"""Makes tests/vectors/wire.json, the link by example (docs/protocol.md).

    python -m tools.wire_vectors          writes the file
    python -m tools.wire_vectors --check  says whether the file is what this program makes

Written from the text of docs/protocol.md with the standard library, msgpack and cryptography:
nothing of firmware_app is used, so that the vectors check it rather than repeat it.

In the file, `{"bin": "hex"}` is binary and `{"map": [[key, value], ...]}` a map; a stream is a list
of [hex, how many times].
"""

from __future__ import annotations

import hashlib
import hmac
import json
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import msgpack
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PATH = Path(__file__).resolve().parent.parent / "tests" / "vectors" / "wire.json"
MAX_PAYLOAD = 32768
Json = dict[str, Any]

LONG = "Ein langer Text, der mehr als 31 Bytes hat: äöüß 摄像头 🙂"
SHA = bytes(range(32))
HELLO = [0, 2, "vectors", bytes(range(16))]
WELCOME = [1, 2, "1.0.0", "bench board", "00a1b2c3d4e5", 41, 3, bytes(range(16, 32)), MAX_PAYLOAD]
KEY = bytes(range(100, 132))


def stuff(data: bytes) -> bytes:
    """COBS, a byte at a time."""
    out = bytearray(b"\1")
    code = 0  # where the code of the open block stands
    for at, byte in enumerate(data):
        if byte:
            out.append(byte)
            out[code] += 1
            if out[code] == 255 and at + 1 < len(data):
                code = len(out)
                out.append(1)
        else:
            code = len(out)
            out.append(1)
    return bytes(out)


def packet_of(payload: bytes) -> bytes:
    """The packet of a payload."""
    return stuff(payload + struct.pack("<I", zlib.crc32(payload))) + b"\0"


def pack(message: Any) -> bytes:
    """The msgpack of a message."""
    data: bytes = msgpack.packb(message)
    return data


def encode(message: Any) -> bytes:
    """The packet of a message."""
    return packet_of(pack(message))


def plain(value: Any) -> Any:
    """A message as JSON."""
    if isinstance(value, bytes):
        return {"bin": value.hex()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {"map": [[plain(key), plain(item)] for key, item in value.items()]}
    return value


def packed_boxes(rows: list[list[int]]) -> bytes:
    """Boxes x, y, w, h, score1000, class in 8 bytes each."""
    return b"".join(
        struct.pack("<II", x | score << 11 | y << 21, w | label << 11 | h << 21)
        for x, y, w, h, score, label in rows
    )


def some_boxes(count: int) -> list[list[int]]:
    """Boxes as a camera of 640 by 480 sees them."""
    return [
        [
            37 * i % 600 + 20,
            53 * i % 430 + 20,
            60 + 7 * i % 200,
            80 + 11 * i % 200,
            990 - 31 * i,
            i % 20,
        ]
        for i in range(count)
    ]


def leb128(number: int) -> bytes:
    """A run's length."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


RUNS = [(0, 1), (1, 127), (0, 128), (2, 16383), (0, 16384), (3, 43777)]
HEAD = [70000, 17000000, 3]  # seq, time_ms, generation
LARGE = [2**32, 2**40, 70000]


def messages() -> list[tuple[str, list[Any]]]:
    """Every message type, and the edges of its fields."""
    quad = [10, 20, 110, 22, 109, 50, 9, 48]
    runs = b"".join(bytes((kind + 1,)) + leb128(run) for kind, run in RUNS)
    areas = [sum(run for kind, run in RUNS if kind == index) for index in range(5)]
    embedding = struct.pack("<4f", 0.5, -1.25, 3.0, 0.0)
    floats = struct.pack("<256f", *(i / 8 - 16 for i in range(256)))
    mask = [16, 24, 72, 88, 9, 11, b"".join(map(leb128, (0, 9, 3, 4, 70, 13)))]
    points = [20, 30, 999, -1, 31, 500, 0, 0, 0, 21, 3000, 1000, -20, -30, -1, 1, 2, 3]
    rotated = [801, 1604, 320, 80, 17999, 912, 4]
    labels = ["person", "bicycle", "traffic light", "Straßenbahn", "汽车"]
    numbers = [
        *(0, 127, 128, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1),
        *(-1, -32, -33, -128, -129, -32768, -32769, -(2**31), -(2**31) - 1, -(2**63)),
    ]
    return [
        ("hello", HELLO),
        ("welcome", WELCOME),
        ("auth", [2, SHA]),
        ("ready with proof", [3, SHA[::-1]]),
        ("ready without key", [3, b""]),
        ("refused", [4, "wait", "too many failed attempts from this address: try again in 8 s", 2]),
        ("request", [5, 1, "subscribe", {"results": True}]),
        ("request without arguments", [5, 2, "status", {}]),
        ("reply map", [6, 1, {"generation": 3}]),
        ("reply nil", [6, 300, None]),
        ("reply array", [6, 70000, [1, [2, [3, []]], "four", False]]),
        ("failure", [7, 4, "unknown_command", "there is no command 'frob'"]),
        ("progress", [8, 4, 65536, 1048576, "sha256"]),
        ("chunk", [9, 7, 4096, bytes(i * 7 & 255 for i in range(4096))]),
        ("chunk of zeros", [9, 7, 0, bytes(300)]),
        ("chunk empty", [9, 7, 0, b""]),
        ("taken", [10, 7, 8192]),
        ("ping", [11, 123456789012]),
        ("pong", [12, 123456789012, 17000000000]),
        ("event", [13, 17000000, "switched", {"generation": 3}, 0]),
        ("model", [14, 3, "detection", "traffic", SHA, labels, 640, 480, "crossing"]),
        (
            "model of many labels",
            [14, 4, "classification", "m", SHA, list(map(str, range(70))), 1280, 720, "all"],
        ),
        ("statistics", [15, 17000000, {"fps": 29970}]),
        ("statistics by number", [15, 17000000, {7: [1, 2, 3]}]),
        ("log", [16, 17000000, 30, LONG]),
        ("seek", [17, 3735928559]),
        ("here", [18, 3735928559, "00a1b2c3d4e5", "bench board", "1.0.0", 3, 2]),
        ("bye", [19]),
        ("alive", [20]),
        ("classification", [32, *HEAD, 1, [3, 65535, 0, 12345, 4, 0]]),
        ("classification undecided", [32, *HEAD, 0, [1, 20000]]),
        ("detection none", [33, *HEAD, b""]),
        ("detection 1", [33, *HEAD, packed_boxes(some_boxes(1))]),
        ("detection 5", [33, *HEAD, packed_boxes(some_boxes(5))]),
        ("detection 20", [33, *HEAD, packed_boxes(some_boxes(20))]),
        ("detection 40", [33, *HEAD, packed_boxes(some_boxes(20) * 2)]),
        (
            "detection at the limits",
            [33, *LARGE, packed_boxes([[2047, 2047, 2047, 2047, 1000, 1023], [0, 0, 1, 1, 0, 0]])],
        ),
        (
            "detection in rows",
            [33, *HEAD, [[3000, 10, 500, 70, 812, 2], [0, 0, 4096, 2160, 7, 1500]]],
        ),
        ("detection no rows", [33, *HEAD, []]),
        ("segmentation", [34, *HEAD, 320, 240, runs, areas]),
        ("ocr_detection", [35, *HEAD, [[None, 60000, quad], [None, 1, [0] * 8]]]),
        ("ocr_recognition", [36, *HEAD, [["京A·12345", 65000, None]]]),
        ("ocr", [37, *HEAD, [["EXIT", 64000, quad], [LONG, 30000, quad], ["", 0, quad]]]),
        ("ocr none", [37, *HEAD, []]),
        ("metric_learning", [38, *HEAD, embedding, None]),
        ("metric_learning of 256", [38, *HEAD, floats, None]),
        ("metric_learning known", [38, *HEAD, embedding, ["Ada", 9876, 4321]]),
        ("metric_learning unknown", [38, *HEAD, None, [None, -120, 0]]),
        ("multilabel", [39, *HEAD, [4, 65535, 1, 40000]]),
        ("multilabel none", [39, *HEAD, []]),
        (
            "identities",
            [
                40,
                *HEAD,
                [
                    ["Ada", 9876, 4321, 20, 30, 64, 80, 2, 875],
                    [None, -120, 0, 0, 0, 3000, 9, 0, 1],
                    [None, None, None, 1, 2, 3, 4, 70, 1000],
                ],
            ],
        ),
        ("instance_segmentation none", [41, *HEAD, b"", []]),
        (
            "instance_segmentation",
            [41, *HEAD, packed_boxes(some_boxes(3)), [mask, None, [-3, 0, 9, 8, 1, 1, b"\0\1"]]],
        ),
        (
            "instance_segmentation in rows",
            [41, *HEAD, [[3000, 10, 500, 70, 812, 2]], [[3000, 8, 502, 74, 63, 9, b"\xb7\4"]]],
        ),
        ("pose none", [42, *HEAD, b"", b""]),
        ("pose", [42, *HEAD, packed_boxes(some_boxes(2)), struct.pack("<18h", *points)]),
        ("pose in rows", [42, *HEAD, [[40000, 1, 2, 3, 4, 0]], [[40001, -2, -1, 40002, 3, 1000]]]),
        ("oriented_detection none", [43, *HEAD, b""]),
        (
            "oriented_detection",
            [43, *HEAD, struct.pack("<14h", *rotated, -80, 0, 32767, 1, 0, 1000, 0)],
        ),
        ("oriented_detection in rows", [43, *HEAD, [rotated, [40000, 8, 80, 16, 4500, 1, 70]]]),
        (
            "model of poses",
            [
                *(14, 5, "pose", "people", SHA, ["person"], 640, 480, "people"),
                {"keypoints": ["head", "hand"], "skeleton": [[0, 1]]},
            ],
        ),
        ("unknown type", [127, "later versions", [1, 2, 3]]),
        ("appended field", [33, *HEAD, packed_boxes(some_boxes(1)), "appended", {"more": 1}]),
        ("numbers", [6, 1, numbers]),
        (
            "texts",
            [6, 1, ["", "x" * 31, "x" * 32, "x" * 255, "x" * 256, "\0", "\u07ff\u0800\uffff"]],
        ),
        ("long text", [6, 1, "y" * 70]),
        ("array of 15 and 16", [6, 1, [list(range(15)), list(range(16))]]),
        ("map of 16", [6, 1, {f"key {i}": i for i in range(16)}]),
        ("depth 16", _nested(16)),
        ("type alone", [0]),
        ("largest payload", [9, 1, 0, bytes(i * 11 % 251 + 1 for i in range(MAX_PAYLOAD - 7))]),
    ]


def _nested(depth: int) -> list[Any]:
    """A message with arrays nested so deep; the message itself counts."""
    inner: list[Any] = []
    for _ in range(depth - 2):
        inner = [inner]
    return [6, inner]


def message_vectors() -> list[Json]:
    """Message, payload, packet."""
    rows = []
    for name, message in messages():
        payload = pack(message)
        if len(payload) > MAX_PAYLOAD:
            raise ValueError(f"{name}: {len(payload)} bytes")
        row: Json = {"name": name, "message": plain(message)}
        if len(payload) < 1000:
            row["payload"] = payload.hex()
        row["packet"] = packet_of(payload).hex()
        rows.append(row)
    return rows


def cobs_vectors() -> list[Json]:
    """Data and its stuffing."""
    ramp = bytes(i % 255 + 1 for i in range(1100))
    cases = [b"", b"\0", b"\0\0", b"\1", b"\1\0", b"\0\1", b"ab\0cd", bytes(10), bytes(600)]
    for size in (253, 254, 255, 256, 507, 508, 509, 762, 1016):
        cases.append(ramp[:size])
        cases.append(ramp[:size] + b"\0")
        cases.append(b"\0" + ramp[:size])
        cases.append(ramp[:size] + b"\0\0" + ramp[: size // 2])
    return [{"data": case.hex(), "stuffed": stuff(case).hex()} for case in cases]


def stream_vectors() -> list[Json]:
    """Streams that hold more or less than one intact packet: what comes out, what is counted."""
    good = encode([11, 1])
    after = encode([11, 2])
    body = packet_of(pack([32, 1, 2, 3, 1, [0, 65535]]))

    def flipped(at: int, bit: int) -> bytes:
        damaged = bytearray(body)
        damaged[at] ^= 1 << bit
        return bytes(damaged)

    def of(*pieces: bytes | tuple[bytes, int]) -> list[list[Any]]:
        return [
            [piece.hex(), 1] if isinstance(piece, bytes) else [piece[0].hex(), piece[1]]
            for piece in pieces
        ]

    # A body of 254 bytes without a zero: its block is full and may be followed by an empty one.
    exact = next(
        payload
        for filler in range(1, 256)
        for payload in [b"\x93\x06\x01\xc4\xf5" + bytes([filler]) * 245]
        if b"\0" not in struct.pack("<I", zlib.crc32(payload))
    )
    exact_packet = packet_of(exact)
    assert exact_packet[0] == 255
    ping, pong = [11, 1], [11, 2]
    one = {"messages": [plain(pong)], "rejected": 1}
    bad_crc = bytearray(pack([6, 1, None]) + struct.pack("<I", zlib.crc32(pack([6, 1, None]))))
    bad_crc[-1] ^= 0x80
    cases: list[tuple[str, list[list[Any]], Json]] = [
        ("two packets", of(good, after), {"messages": [plain(ping), plain(pong)], "rejected": 0}),
        ("empty packets", of((b"\0", 9), good, b"\0\0", after),
         {"messages": [plain(ping), plain(pong)], "rejected": 0}),
        ("an unended packet", of(after, good[:-1]), {"messages": [plain(pong)], "rejected": 0}),
        ("joined in mid-packet", of(body[5:], after), one),
        ("five ones", of(b"\1\1\1\1\1\0", after), one),
        ("noise", of(bytes(range(255, 0, -1)) + b"\0", after), one),
        ("bad CRC", of(stuff(bytes(bad_crc)) + b"\0", after), one),
        ("CRC of the other byte order",
         of(stuff(b"\x92\x0b\x05" + struct.pack(">I", zlib.crc32(b"\x92\x0b\x05"))) + b"\0", after),
         one),
        ("flipped code byte", of(flipped(0, 0), after), one),
        ("flipped digit", of(flipped(4, 2), after), one),
        ("flipped delimiter", of(body[:-1] + b"\x04", after, after), one),
        ("lost byte", of(body[:6] + body[7:], after), one),
        ("inserted byte", of(body[:6] + b"\x2a" + body[6:], after), one),
        ("inserted zero", of(body[:6] + b"\0" + body[6:], after),
         {"messages": [plain(pong)], "rejected": 2}),
        ("block beyond the packet", of(b"\x09abc\0", after), one),
        ("too short for a CRC", of(stuff(b"abc") + b"\0", after), one),
        ("CRC alone", of(stuff(bytes(4)) + b"\0", after), one),
        ("oversized", of((b"\xff" + b"A" * 254, 140), b"\0", after), one),
        ("oversized without a block", of((b"B", 70000), b"\0", after), one),
        ("oversized, intact", of(packet_of(b"\x92\x06\xc6" + struct.pack(">I", 40000) + b"C" * 40000),
                                 after), one),
        ("not an array: integer", of(packet_of(b"\x0b"), after), one),
        ("not an array: map", of(packet_of(pack({0: 1})), after), one),
        ("not an array: text", of(packet_of(pack("text")), after), one),
        ("empty array", of(packet_of(b"\x90"), after), one),
        ("type is text", of(packet_of(pack(["PING", 1])), after), one),
        ("type is nil", of(packet_of(pack([None, 1])), after), one),
        ("type is true", of(packet_of(pack([True, 1])), after), one),
        ("type 128", of(packet_of(pack([128, 1])), after), one),
        ("type -1", of(packet_of(pack([-1, 1])), after), one),
        ("bytes behind the array", of(packet_of(pack([11, 1]) + b"\xc0"), after), one),
        ("array cut off", of(packet_of(b"\x93\x0b\x01"), after), one),
        ("text cut off", of(packet_of(b"\x92\x0b\xa5abc"), after), one),
        ("binary cut off", of(packet_of(b"\x92\x0b\xc4\x05abc"), after), one),
        ("integer cut off", of(packet_of(b"\x92\x0b\xcf\0\0\0"), after), one),
        ("array longer than the payload", of(packet_of(b"\x92\x0b\xdd\xff\xff\xff\xff"), after), one),
        ("map longer than the payload", of(packet_of(b"\x92\x0b\xdf\x7f\xff\xff\xff"), after), one),
        ("binary longer than the payload", of(packet_of(b"\x92\x0b\xc6\xff\xff\xff\xff"), after), one),
        ("text is not UTF-8", of(packet_of(b"\x92\x0b\xa2\xc3\x28"), after), one),
        ("text in an overlong form", of(packet_of(b"\x92\x0b\xa2\xc0\x80"), after), one),
        ("text with a surrogate", of(packet_of(b"\x92\x0b\xa3\xed\xa0\x80"), after), one),
        ("text beyond Unicode", of(packet_of(b"\x92\x0b\xa4\xf4\x90\x80\x80"), after), one),
        ("the unused byte inside", of(packet_of(b"\x92\x0b\xc1"), after), one),
        ("extension type", of(packet_of(b"\x92\x0b\xd4\x05\x00"), after), one),
        ("empty extension", of(packet_of(b"\x92\x0b\xc7\x00\x05"), after), one),
        ("map key is true", of(packet_of(b"\x92\x0b\x81\xc3\x01"), after), one),
        ("map key is an array", of(packet_of(b"\x92\x0b\x81\x90\x01"), after), one),
        ("depth 17", of(encode(_nested(17)), after), one),
        ("sealed without a session", of(packet_of(b"\xc1\1\0" + pack([11, 1]) + bytes(8)), after), one),
        ("long forms", of(packet_of(b"\xdc\x00\x03\xcc\x0b\xcd\x00\x01\xd9\x01a"), after),
         {"messages": [[11, 1, "a"], plain(pong)], "rejected": 0}),
        ("longest forms",
         of(packet_of(b"\xdd\0\0\0\x03\xce\0\0\0\x0b\xd3\0\0\0\0\0\0\0\x01\xdb\0\0\0\x01a"), after),
         {"messages": [[11, 1, "a"], plain(pong)], "rejected": 0}),
        ("signed forms", of(packet_of(b"\x95\x0b\xd0\x05\xd1\x00\x05\xd2\0\0\0\x05\xd0\xff"), after),
         {"messages": [[11, 5, 5, 5, -1], plain(pong)], "rejected": 0}),
        ("long map and binary", of(packet_of(b"\x93\x0b\xde\x00\x01\x07\xc0\xc5\x00\x01z"), after),
         {"messages": [[11, {"map": [[7, None]]}, {"bin": "7a"}], plain(pong)], "rejected": 0}),
        ("floats", of(packet_of(b"\x94\x06\x01\xca\x3f\0\0\0\xcb\xbf\xf8" + bytes(6)), after),
         {"messages": [[6, 1, 0.5, -1.5], plain(pong)], "rejected": 0}),
        ("full last block", of(exact_packet, after),
         {"messages": [plain([6, 1, exact[5:]]), plain(pong)], "rejected": 0}),
        ("full last block and an empty one", of(exact_packet[:-1] + b"\1\0", after),
         {"messages": [plain([6, 1, exact[5:]]), plain(pong)], "rejected": 0}),
    ]  # fmt: skip
    return [{"name": name, "stream": stream, **outcome} for name, stream, outcome in cases]


def digest(key: bytes, *parts: bytes) -> bytes:
    """HMAC-SHA-256."""
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


def handshake_vectors() -> Json:
    """Proofs, sealing and cipher keys."""
    hello, welcome = pack(HELLO), pack(WELCOME)
    both = hashlib.sha256(hello).digest() + hashlib.sha256(welcome).digest()

    def derived(label: bytes, size: int) -> str:
        return HKDF(hashes.SHA256(), size, salt=both, info=label).derive(KEY).hex()

    return {
        "key": KEY.hex(),
        "hello": hello.hex(),
        "welcome": welcome.hex(),
        "client_proof": digest(KEY, b"k230 client proof", both).hex(),
        "board_proof": digest(KEY, b"k230 board proof", both).hex(),
        "client_seal": derived(b"k230 client seal", 32),
        "board_seal": derived(b"k230 board seal", 32),
        "client_cipher": derived(b"k230 client cipher", 16),
        "board_cipher": derived(b"k230 board cipher", 16),
    }


def sealed_vectors(handshake: Json) -> Json:
    """What a client after READY gets, packet by packet, and what it makes of it."""
    key = bytes.fromhex(handshake["board_seal"])
    other = bytes.fromhex(handshake["client_seal"])

    def sealed(counter: int, message: list[Any], secret: bytes = key) -> bytes:
        payload = pack(message)
        number = struct.pack("<Q", counter)
        return b"\xc1" + number[:2] + payload + digest(secret, number, payload)[:8]

    def altered(payload: bytes, at: int) -> bytes:
        damaged = bytearray(payload)
        damaged[at] ^= 1
        return bytes(damaged)

    first = [33, *HEAD, packed_boxes(some_boxes(1))]
    five = [33, *HEAD, packed_boxes(some_boxes(5))]
    steps: list[tuple[str, bytes, list[Any] | None]] = [
        ("the first", sealed(1, first), first),
        ("replayed", sealed(1, first), None),
        ("counter 0", sealed(0, first), None),
        ("a gap", sealed(3, five), five),
        ("reordered", sealed(2, first), None),
        ("altered payload", altered(sealed(4, first), 5), None),
        ("altered tag", altered(sealed(4, first), -1), None),
        ("altered counter", altered(sealed(4, first), 1), None),
        ("the other side's key", sealed(4, first, other), None),
        ("reflected from the client", sealed(4, [11, 5], other), None),
        ("plain", pack([12, 1, 2]), None),
        ("plain HELLO", pack(HELLO), None),
        ("no payload", b"\xc1\4\0" + digest(key, struct.pack("<Q", 4))[:8], None),
        ("cut short", b"\xc1\4\0\0", None),
        ("sealed, but no message", sealed(4, [200]), None),
        ("the next", sealed(5, five), five),
        ("a gap of 65,535", sealed(65540, first), first),
        ("across the low 16 bits", sealed(65541, five), five),
        ("the low 16 bits again", sealed(5, five), None),
        ("the last", sealed(65600, [12, 1, 2]), [12, 1, 2]),
        ("a gap of 65,536", sealed(131136, first), None),
    ]
    return {
        "key": key.hex(),
        "steps": [
            {
                "name": name,
                "packet": packet_of(payload).hex(),
                "message": None if message is None else plain(message),
            }
            for name, payload, message in steps
        ],
    }


def encrypted_vectors(handshake: Json) -> Json:
    """What a client of an encrypted session gets, as sealed_vectors()."""
    key = bytes.fromhex(handshake["board_seal"])
    cipher = bytes.fromhex(handshake["board_cipher"])

    def encrypted(counter: int, message: list[Any], secret: bytes = cipher) -> bytes:
        number = struct.pack("<Q", counter)
        encryptor = Cipher(algorithms.AES(secret), modes.CTR(number + bytes(8))).encryptor()
        payload = encryptor.update(pack(message))
        return b"\xc1" + number[:2] + payload + digest(key, number, payload)[:8]

    first = [33, *HEAD, packed_boxes(some_boxes(1))]
    # More than 256 blocks: their number does not fit one byte.
    long = [9, 3, 4096, bytes(range(256)) * 20]
    steps: list[tuple[str, bytes, list[Any] | None]] = [
        ("the first", encrypted(1, first), first),
        ("replayed", encrypted(1, first), None),
        ("one block", encrypted(2, [12, 1, 2]), [12, 1, 2]),
        ("the same again under another counter", encrypted(3, first), first),
        ("an altered bit", encrypted(4, first)[:5] + b"\0" + encrypted(4, first)[6:], None),
        ("sealed, but not encrypted", b"\xc1\4\0" + pack([12, 1, 2])
         + digest(key, struct.pack("<Q", 4), pack([12, 1, 2]))[:8], None),
        ("another cipher key", encrypted(5, first, bytes(16)), None),
        ("long", encrypted(6, long), long),
        ("a gap of 65,535", encrypted(65541, first), first),
    ]  # fmt: skip
    return {
        "key": key.hex(),
        "cipher": cipher.hex(),
        "steps": [
            {
                "name": name,
                "packet": packet_of(payload).hex(),
                "message": None if message is None else plain(message),
            }
            for name, payload, message in steps
        ],
    }


def vectors() -> Json:
    """Everything."""
    handshake = handshake_vectors()
    return {
        "about": "The link by example: docs/protocol.md. Made by tools/wire_vectors.py.",
        "messages": message_vectors(),
        "cobs": cobs_vectors(),
        "streams": stream_vectors(),
        "handshake": handshake,
        "sealed": sealed_vectors(handshake),
        "encrypted": encrypted_vectors(handshake),
    }


def text() -> str:
    """The file: one vector a line."""
    parts = []
    for name, value in vectors().items():
        if isinstance(value, list):
            rows = ",\n  ".join(json.dumps(row, ensure_ascii=False) for row in value)
            parts.append(f' "{name}": [\n  {rows}\n ]')
        elif isinstance(value, dict) and "steps" in value:
            rows = ",\n   ".join(json.dumps(row, ensure_ascii=False) for row in value["steps"])
            keys = "".join(f'"{key}": "{value[key]}", ' for key in value if key != "steps")
            parts.append(f' "{name}": {{{keys}"steps": [\n   {rows}\n ]}}')
        else:
            parts.append(f' "{name}": {json.dumps(value, ensure_ascii=False)}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main() -> int:
    """Write or check the file."""
    if sys.argv[1:] == ["--check"]:
        if PATH.exists() and PATH.read_text(encoding="utf-8") == text():
            return 0
        print(f"{PATH.name} is not what tools/wire_vectors.py makes: run it without --check")
        return 1
    PATH.write_text(text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
