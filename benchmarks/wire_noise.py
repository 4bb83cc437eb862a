"""Noise on the link: what arrives, and whether anything damaged is ever delivered.

A trial is one stretch of bytes between two delimiters that the decoder took up and that was no
intact packet: each ends as one more in `Decoder.rejected`, or as a delivered message that
no one sent. Packets that the noise left alone are no trials.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from firmware_app.wire import packets

Stream = NDArray[np.uint8]
FIRST_SEQ = 65536
POOL = 5000  # different packets, sent again and again under other noise
READ_SIZE = 4096  # bytes of one read

Make = Callable[[int, int], list[Any]]  # (boxes, seq) -> message


class Share(NamedTuple):
    """One line of the table: a channel, a packet length, and what arrived.

    ceiling is the chance that nothing happens to a packet. A reader in mid-stream needs the delimiter
    in front of it as well, so a little less can arrive: (1 - rate) ** 8 of it at most.
    """

    channel: str
    rate: float
    boxes: int
    packet_bytes: int
    sent: int
    delivered: float
    ceiling: float


class Tally:
    """Trials and damaged deliveries, over everything."""

    def __init__(self) -> None:
        self.trials = 0
        self.damaged = 0


class Pool:
    """Packets of results with so many boxes, each of another packet number, as one stream."""

    def __init__(self, make: Make, boxes: int) -> None:
        self.boxes = boxes
        self.messages = [make(boxes, FIRST_SEQ + i) for i in range(POOL)]
        encoded = [packets.encode(message) for message in self.messages]
        self.lengths = np.array([len(packet) for packet in encoded])
        self.starts = np.cumsum(self.lengths) - self.lengths
        self.stream = np.frombuffer(b"".join(encoded), dtype=np.uint8)

    def deliver(self, noisy: Stream, tally: Tally) -> int:
        """Feed a damaged stream, read by read; return how many results arrived as sent."""
        decoder = packets.Decoder()
        data = noisy.tobytes()
        intact = 0
        for at in range(0, len(data), READ_SIZE):
            for message in decoder.feed(data[at : at + READ_SIZE]):
                if self._was_sent(message):
                    intact += 1
                else:
                    tally.damaged += 1
        tally.trials += decoder.rejected
        return intact

    def _was_sent(self, message: list[Any]) -> bool:
        number = message[1] if len(message) > 1 else None
        if type(number) is not int or not FIRST_SEQ <= number < FIRST_SEQ + POOL:
            return False
        return bool(message == self.messages[number - FIRST_SEQ])


def flip(stream: Stream, rate: float, chance: np.random.Generator) -> Stream:
    """Flip each bit with probability `rate`."""
    noisy: Stream = stream.copy()
    bits = chance.integers(0, 8 * len(stream), chance.binomial(8 * len(stream), rate))
    np.bitwise_xor.at(noisy, bits >> 3, (1 << (bits & 7)).astype(np.uint8))
    return noisy


def lose_and_insert(stream: Stream, rate: float, chance: np.random.Generator) -> Stream:
    """Lose each byte with probability `rate`, and put a random one in front of it with the same."""
    lost = np.flatnonzero(chance.random(len(stream)) < rate)
    shorter = np.delete(stream, lost)
    places = np.flatnonzero(chance.random(len(shorter)) < rate)
    return np.insert(shorter, places, chance.integers(0, 256, len(places), dtype=np.uint8))


def shares(
    make: Make, rates: tuple[float, ...], packets: int, seed: int, tally: Tally
) -> list[Share]:
    """Measure the delivered share for each channel, rate and number of boxes."""
    chance = np.random.default_rng(seed)
    rows = []
    for boxes in (1, 5, 20):
        pool = Pool(make, boxes)
        size = int(pool.lengths[0])
        for rate in rates:
            for channel in ("flips", "lost and inserted bytes"):
                rounds = max(1, packets // POOL // (1 if channel == "flips" else 4))
                arrived = 0
                for _ in range(rounds):
                    if channel == "flips":
                        noisy = flip(pool.stream, rate, chance)
                    else:
                        noisy = lose_and_insert(pool.stream, 8 * rate, chance)
                    arrived += pool.deliver(noisy, tally)
                ceiling = (
                    (1 - rate) ** (8 * size)
                    if channel == "flips"
                    else (1 - 8 * rate) ** (2 * size - 1)
                )
                sent = rounds * POOL
                rows.append(Share(channel, rate, boxes, size, sent, arrived / sent, ceiling))
    return rows


def _one_each(pool: Pool, chance: np.random.Generator) -> NDArray[np.int64]:
    """A random place in each packet."""
    places: NDArray[np.int64] = pool.starts + (chance.random(POOL) * pool.lengths).astype(np.int64)
    return places


def _few_flips(pool: Pool, chance: np.random.Generator) -> Stream:
    noisy: Stream = pool.stream.copy()
    for _ in range(int(chance.integers(1, 7))):
        noisy[_one_each(pool, chance)] ^= (1 << chance.integers(0, 8, POOL)).astype(np.uint8)
    return noisy


def _other_bytes(pool: Pool, chance: np.random.Generator) -> Stream:
    noisy: Stream = pool.stream.copy()
    for _ in range(int(chance.integers(1, 4))):
        noisy[_one_each(pool, chance)] = chance.integers(0, 256, POOL, dtype=np.uint8)
    return noisy


def _bursts(pool: Pool, chance: np.random.Generator) -> Stream:
    noisy: Stream = pool.stream.copy()
    first = _one_each(pool, chance)
    for offset in range(int(chance.integers(2, 9))):
        noisy[np.minimum(first + offset, len(noisy) - 1)] = chance.integers(
            0, 256, POOL, dtype=np.uint8
        )
    return noisy


def _lost_bytes(pool: Pool, chance: np.random.Generator) -> Stream:
    return np.delete(pool.stream, _one_each(pool, chance))


def _inserted_bytes(pool: Pool, chance: np.random.Generator) -> Stream:
    places = _one_each(pool, chance)
    return np.insert(pool.stream, places, chance.integers(0, 256, POOL, dtype=np.uint8))


def _split_packets(pool: Pool, chance: np.random.Generator) -> Stream:
    """A delimiter too many in each packet: two halves to be refused."""
    return np.insert(pool.stream, pool.starts + pool.lengths // 2, np.uint8(0))


def _code_bytes(pool: Pool, chance: np.random.Generator) -> Stream:
    """The first code byte of each packet is another: the structure changes, not the data."""
    noisy: Stream = pool.stream.copy()
    noisy[pool.starts] ^= (1 << chance.integers(0, 8, POOL)).astype(np.uint8)
    return noisy


DAMAGES = (
    _few_flips,
    _other_bytes,
    _bursts,
    _lost_bytes,
    _inserted_bytes,
    _split_packets,
    _code_bytes,
)


def hammer(make: Make, trials: int, seed: int, tally: Tally) -> float:
    """Damage every packet, each round in another way, until there were so many trials.

    Returns the seconds it took.
    """
    chance = np.random.default_rng(seed)
    pools = [Pool(make, boxes) for boxes in (0, 1, 5)]
    start = time.perf_counter()
    turn = 0
    while tally.trials < trials:
        pool = pools[turn % len(pools)]
        damage = DAMAGES[turn // len(pools) % len(DAMAGES)]
        pool.deliver(damage(pool, chance), tally)
        turn += 1
    return time.perf_counter() - start
