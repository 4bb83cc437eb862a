"""Damaged packets for an encrypted session: python -m benchmarks.wire_fuzz [--trials N] [--seed S].

Each trial damages one packet: bits and bytes of it, its counter, its tag, its length, with the CRC put
right or not; or says an old one again, or glues two together. Whatever is done, only what was sent may
come out, and what is sent next arrives. Ten million trials by default, in all processors.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any, NamedTuple

from firmware_app.wire import packets, seal
from host_client.link.decoder import Decoder
from host_client.link.encryption import Opener, cipher

SEAL, SECRET = bytes(range(32)), bytes(range(16))
TRIALS = 10_000_000
PART = 250_000  # trials of one session: its counter's 16 bits go round some times
_KEPT = 64
_EVERY = 16  # a packet that must arrive follows so many damaged ones


class Found(NamedTuple):
    """What a session made of the packets: rejected, and opened because the damage left them whole."""

    trials: int
    rejected: int
    opened: int


class Wrong(AssertionError):
    """Something came out that was not sent, or what was sent did not arrive."""


def session() -> tuple[seal.Sealer, Any]:
    """Return a board's sealer and a client's decoder after READY."""
    decoder: Any = Decoder()
    decoder.opener = Opener(SEAL, cipher(SECRET)).open
    decoder.plain = ()
    return seal.Sealer(SEAL, cipher(SECRET)), decoder


def forged(sealed: bytes, chance: random.Random) -> bytes:
    """Damage what is under the CRC, which is right again: only the seal can tell."""
    body = bytearray(sealed)
    kind = chance.randrange(6)
    if kind == 0:
        body[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
    elif kind == 1:  # another counter, near or far
        number = (body[1] | body[2] << 8) + chance.choice((-1, 1, 2, 256, 32767, 32768, 65535))
        body[1:3] = (number & 0xFFFF).to_bytes(2, "little")
    elif kind == 2:
        del body[chance.randrange(1, len(body)) :]
    elif kind == 3:
        body[3:3] = chance.randbytes(chance.randint(1, 16))
    elif kind == 4:  # another tag
        body[-8:] = chance.randbytes(8)
    else:  # no mark: in clear
        body[0] = 0x93
    return packets.packet_of(bytes(body))


def damaged(data: bytes, chance: random.Random, faults: int) -> bytes:
    """Return data with bits flipped, bytes lost, inserted, zeroed, repeated."""
    noisy = bytearray(data)
    for _ in range(faults):
        at = chance.randrange(len(noisy))
        kind = chance.randrange(7)
        if kind < 3:
            noisy[at] ^= 1 << chance.randrange(8)
        elif kind == 3:
            del noisy[at : at + chance.randint(1, 20)]
        elif kind == 4:
            noisy[at:at] = chance.randbytes(chance.randint(1, 20))
        elif kind == 5:
            noisy[at] = 0
        else:
            noisy[at:at] = noisy[max(0, at - 30) : at]
        if not noisy:
            noisy.append(1)
    return bytes(noisy)


def fuzz(seed: int, trials: int) -> Found:
    """Damage so many packets of one session; Wrong where anything but what was sent comes out."""
    chance = random.Random(seed)
    sealer, decoder = session()
    old: list[bytes] = []
    opened = 0
    for number in range(trials):
        sealed = sealer.seal(packets.payload_of([11, number]))
        packet = packets.packet_of(sealed)
        kind = number % 4
        if kind == 0:
            bad = forged(sealed, chance)
        elif kind == 1:
            bad = damaged(packet, chance, chance.randint(1, 4)) + b"\0"
        elif kind == 2:  # said again, or late
            bad = chance.choice(old) if old else b"\1\0"
        else:  # two glued together, each cut somewhere
            cut = chance.randrange(1, len(packet))
            bad = packet[:cut] + chance.choice(old or [packet])[cut:] + b"\0"
        for message in decoder.feed(bad):
            # Damage may leave the packet whole, or put it beside other bytes.
            if message != [11, number]:
                raise Wrong(f"seed {seed}, trial {number}: {bad.hex()} gave {message}")
            opened += 1
        if number % _EVERY == 0:  # in step again, the counters where they were
            later = packets.packet_of(sealer.seal(packets.payload_of([12, number])))
            if decoder.feed(b"\0" + later) != [[12, number]]:
                raise Wrong(f"seed {seed}, trial {number}: what was sent next did not arrive")
            old = [*old[-_KEPT:], later]
    return Found(trials, decoder.rejected, opened)


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.wire_fuzz", description=__doc__)
    parser.add_argument("--trials", type=int, default=TRIALS)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    parts = max(1, arguments.trials // PART)
    each = partial(fuzz, trials=arguments.trials // parts)
    start = time.perf_counter()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        rows = list(pool.map(each, range(arguments.seed, arguments.seed + parts)))
    print(
        f"{sum(row.trials for row in rows):,} damaged packets in {time.perf_counter() - start:.0f} s: "
        f"{sum(row.rejected for row in rows):,} packets rejected, "
        f"{sum(row.opened for row in rows):,} whole in spite of the damage, nothing else came out"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
