"""The client's quick decoder takes exactly what the shared one takes, and packed boxes as rows."""

from __future__ import annotations

import random
import struct
from typing import Any

import msgpack
import pytest

from firmware_app.wire import messages, packets, seal
from host_client.link.decoder import Decoder
from host_client.link.encryption import Opener, cipher
from host_client.results.decode import Model, decode_result

from .support import load

PAYLOADS = [bytes.fromhex(row["payload"]) for row in load()["messages"] if "payload" in row]
ODD: list[Any] = [
    [33, 1, 2, 3, b"x"], [33, [], 2, 3, b"x"], [33, 1, {}, 3, b"x"], [33, 1, 2, {5: 6}, b"x"],
    [33, {}, {}, {}, b"x"], [{}, {}, {}, {}, b"x"], [True, 1, 2, 3, b"x"], [33, True, 2, 3, b"x"],
    [33, 1.5, 2, 3, b"x"], [33, -1, 2, 3, b"x"], [-1, 1, 2, 3, b"x"], [128, 1, 2, 3, b"x"],
    [33, None, 2, 3, b"x"], [33, "a", 2, 3, b"x"], [33, b"a", 2, 3, b"x"], [33, 1, 2, 3, "x"],
    [33, msgpack.ExtType(5, b""), 2, 3, b"x"], [33, 1, 2, msgpack.Timestamp(5), b"x"],
    [33, msgpack.ExtType(5, b"aa"), 2, 3, b"x"], [33, {b"k": 1}, 2, 3, b"x"], {0: 1}, {"a": 1},
    {b"a": b"b", b"b": b"b", b"c": b"b", b"d": b"b", b"e": b"b"}, "abcde", b"\1\2\3\4\5", 5, None,
    [], [[]], [33], [11, 7], [33, 1, 2, 3, b"x", b"y"], [6, 1, {1: 2, "a": [3]}],
]  # fmt: skip


def both(payload: bytes, plain: Any = None) -> tuple[Any, Any]:
    """Return what each decoder makes of a packet: messages, rejected, payload."""
    rows = []
    for kind in (packets.Decoder, Decoder):
        decoder: Any = kind()
        decoder.plain = plain
        found = decoder.feed(packets.packet_of(payload))
        rows.append((repr(found), decoder.rejected, bytes(decoder.payload)))
    return rows[0], rows[1]


def deep(depth: int) -> bytes:
    return b"\x95\x21" + b"\x91" * depth + b"\1\2\3\xc4\1x"


def test_odd_payloads() -> None:
    payloads = [msgpack.packb(value, strict_types=False) for value in ODD]
    payloads += [deep(depth) for depth in range(1, 40)] + [b"\x91" * 200, b"\xc1", b"\xc1" * 30]
    for payload in [*payloads, *PAYLOADS]:
        for plain in (None, (), (messages.HELLO,), (messages.DETECTION,)):
            shared, quick = both(payload, plain)
            assert shared == quick, payload.hex()


@pytest.mark.parametrize("seed", range(4))
def test_payloads_with_other_bytes(seed: int) -> None:
    chance = random.Random(seed)
    taken = 0
    for _ in range(3000):
        payload = bytearray(chance.choice(PAYLOADS)[:200])
        for _ in range(chance.randint(1, 4)):
            payload[chance.randrange(len(payload))] = chance.randrange(256)
        shared, quick = both(bytes(payload))
        assert shared == quick, payload.hex()
        taken += quick[1] == 0
    assert 500 < taken < 2900


def test_damaged_packets() -> None:
    chance = random.Random(9)
    shared, quick = packets.Decoder(), Decoder()
    for number in range(20_000):
        packet = bytearray(packets.encode([33, number, 5, 6, chance.randbytes(8)]))
        if chance.random() < 0.8:
            packet[chance.randrange(len(packet))] = chance.randrange(256)
        assert shared.feed(bytes(packet)) == quick.feed(bytes(packet))
        assert shared.rejected == quick.rejected
    assert 10_000 < quick.rejected < 18_000


@pytest.mark.parametrize("encrypted", [False, True])
def test_the_client_opens_what_the_board_seals(encrypted: bool) -> None:
    """Counters that run over 16 bits, packets that are lost, said again, or changed."""
    chance = random.Random(3)
    key, secret = bytes(range(32)), bytes(range(16))
    pair = cipher(secret) if encrypted else None
    sealer = seal.Sealer(key, pair)
    shared, quick = seal.Opener(key, pair), Opener(key, pair)
    old = b""
    for number in range(70_000):
        sealed = sealer.seal(bytes((chance.randrange(256),)) * (1 + number % 40))
        tries = [sealed] if number % 7 else [old, sealed[:-1] + b"\0", sealed[: number % 13]]
        for data in tries:
            assert shared.open(data) == quick.open(data)
        old = sealed
    assert quick.open(sealer.seal(b"end")) == b"end"


@pytest.mark.parametrize("count", [*range(70), 200])
def test_packed_boxes_are_those_of_rows(count: int) -> None:
    chance = random.Random(count)
    limits = (2047, 2047, 2047, 2047, 1000, 1023)
    rows = [
        [chance.choice((0, most, chance.randint(0, most))) for most in limits] for _ in range(count)
    ]
    packed = b"".join(
        struct.pack("<II", x | score << 11 | y << 21, w | kind << 11 | h << 21)
        for x, y, w, h, score, kind in rows
    )
    model = Model([3, "detection", "m", bytes(32), ["a", "b"], 640, 480, "task"])
    head = [messages.DETECTION, 70_000, 5, 3]
    assert decode_result([*head, packed], model) == decode_result([*head, rows], model)
    if count:
        for short in (1, 4, 7):
            with pytest.raises(struct.error):
                decode_result([*head, packed[:-short]], model)
