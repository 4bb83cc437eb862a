"""The decoder under noise: it never raises, keeps little, and delivers nothing damaged."""

from __future__ import annotations

import gc
import random
import tracemalloc
from typing import Any

import msgpack
import pytest

from benchmarks.wire_fuzz import damaged
from firmware_app.wire import messages, packets

from .support import BoardSide, load, pieces, value_of

MESSAGES = [
    value_of(row["message"])
    for row in load()["messages"]
    if len(row["packet"]) < 2000 and row["name"] != "depth 16"
]


def _numbered(chance: random.Random, count: int) -> list[list[Any]]:
    """Messages that can't be taken for one another: each bears its number."""
    messages = []
    for number in range(count):
        body = chance.choice(MESSAGES)
        messages.append([6, number, body])
    return messages


def _in_order(found: list[Any], sent: list[Any]) -> bool:
    """Whether found is sent with some left out (and some perhaps said twice by the noise)."""
    known = {msgpack.packb(message) for message in sent}
    return all(msgpack.packb(message) in known for message in found)


@pytest.mark.parametrize("seed", range(60))
def test_nothing_damaged_is_delivered(seed: int) -> None:
    chance = random.Random(seed)
    sent = _numbered(chance, 60)
    stream = damaged(b"".join(map(packets.encode, sent)), chance, chance.randint(1, 60))
    decoder = packets.Decoder()
    found: list[Any] = []
    for piece in pieces(stream, chance.choice((0, 1, 17)), chance):
        found.extend(decoder.feed(piece))
    assert _in_order(found, sent)
    assert decoder.rejected > 0
    # Back in step at the next delimiter.
    assert decoder.feed(b"\0" + packets.encode([11, 99])) == [[11, 99]]


@pytest.mark.parametrize("seed", range(10))
def test_intact_packets_between_damaged_ones_arrive(seed: int) -> None:
    chance = random.Random(seed)
    sent = _numbered(chance, 200)
    stream = bytearray()
    intact = []
    for message in sent:
        packet = packets.encode(message)
        if chance.random() < 0.3:
            # The delimiter stays: what is lost is this packet alone.
            at = chance.randrange(len(packet) - 1)
            packet = packet[:at] + bytes((packet[at] ^ chance.randint(1, 255),)) + packet[at + 1 :]
        else:
            intact.append(message)
        stream += packet
    decoder = packets.Decoder()
    found: list[Any] = []
    for piece in pieces(bytes(stream), 0, chance):
        found.extend(decoder.feed(piece))
    assert found == intact
    assert decoder.rejected >= len(sent) - len(intact)


@pytest.mark.parametrize("seed", range(20))
def test_random_bytes(seed: int) -> None:
    chance = random.Random(seed)
    decoder = packets.Decoder()
    for _ in range(300):
        assert decoder.feed(chance.randbytes(chance.randint(0, 600))) == []
    assert decoder.rejected > 300


def test_every_single_bit_of_a_packet() -> None:
    for message in MESSAGES[:40]:
        packet = packets.encode(message)
        for at in range(len(packet) - 1):
            for bit in range(8):
                noisy = bytearray(packet)
                noisy[at] ^= 1 << bit
                decoder = packets.Decoder()
                assert decoder.feed(bytes(noisy)) == []
                assert decoder.rejected > 0


@pytest.mark.parametrize("byte", [b"\x01", b"\x02", b"\xff", b"A"])
def test_memory_is_bounded(byte: bytes) -> None:
    decoder = packets.Decoder()
    piece = byte * 4096
    gc.collect()
    tracemalloc.start()
    for _ in range(2000):
        assert decoder.feed(piece) == []
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * messages.MAX_ENCODED
    assert decoder.rejected == 1
    assert decoder.feed(b"\0" + packets.encode([11, 1])) == [[11, 1]]
    assert decoder.rejected == 1


@pytest.mark.parametrize(
    "payload",
    [
        b"\xdc\x7f\x00" * 10000,
        b"\xdd\x00\x00\x7f\x00" * 6000,
        b"\xde\x3f\x00" * 10000,
        b"\x91" * 32000,
        b"\x81\x01" * 16000,
    ],
)
def test_an_intact_packet_of_a_hostile_payload(payload: bytes) -> None:
    """Arrays that claim more than they hold, a thousand deep: no memory goes to them."""
    decoder = packets.Decoder()
    packet = packets.packet_of(payload + b"\xc0" * (messages.MAX_PAYLOAD - len(payload)))
    gc.collect()
    tracemalloc.start()
    assert decoder.feed(packet) == []
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4_000_000
    assert decoder.rejected == 1


def test_same_outcome_under_micropython(board: BoardSide) -> None:
    chance = random.Random(5)
    for _ in range(150):
        sent = _numbered(chance, 8)
        stream = damaged(b"".join(map(packets.encode, sent)), chance, chance.randint(1, 10))
        parts = list(pieces(stream, 0, chance))
        decoder = packets.Decoder()
        found: list[Any] = []
        for part in parts:
            found.extend(decoder.feed(part))
        answer = board.ask("D " + " ".join(part.hex() for part in parts)).split()
        assert int(answer[0]) == decoder.rejected
        theirs = msgpack.unpackb(bytes.fromhex(answer[1]), strict_map_key=False)
        assert theirs == found
        assert _in_order(found, sent)


@pytest.mark.slow
def test_memory_is_bounded_under_micropython(board: BoardSide) -> None:
    board.ask("M 00")
    before = int(board.ask("H"))
    piece = "aa" * 4096
    for _ in range(100):
        assert board.ask("M " + piece).endswith(" 90")
    assert int(board.ask("H")) - before < 3 * messages.MAX_ENCODED
    answer = board.ask("M 00" + packets.encode([11, 1]).hex()).split()
    assert answer == ["1", msgpack.packb([[11, 1]]).hex()]
    assert int(board.ask("H")) - before < 4096
