"""An encrypted session under damage: whatever is done to its packets, only what was sent comes out."""

from __future__ import annotations

import random
from typing import Any

import pytest

from firmware_app.wire import packets, seal
from host_client.link.encryption import cipher

from .support import damaged

SEAL, SECRET = bytes(range(32)), bytes(range(16))
ROUNDS = 75_000  # of each seed; a round damages one packet
KEPT = 64


def session() -> tuple[seal.Sealer, Any]:
    """Return a board's sealer and a client's decoder behind READY."""
    decoder: Any = packets.Decoder()
    decoder.opener = seal.Opener(SEAL, cipher(SECRET)).open
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


@pytest.mark.parametrize("seed", range(4))
def test_nothing_damaged_is_opened(seed: int) -> None:
    chance = random.Random(seed)
    sealer, decoder = session()
    old: list[bytes] = []
    opened = 0
    for number in range(ROUNDS):
        payload = packets.payload_of([11, number])
        sealed = sealer.seal(payload)
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
            assert message == [11, number], (number, kind, bad)
            opened += 1
        if number % 16 == 0:  # in step again, the counters where they were
            later = packets.packet_of(sealer.seal(packets.payload_of([12, number])))
            assert decoder.feed(b"\0" + later) == [[12, number]]
            old = [*old[-KEPT:], later]
    assert decoder.rejected > 0.7 * ROUNDS
    assert opened < 0.2 * ROUNDS


def test_a_decoder_that_does_not_look_at_tags_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal, "same", lambda a, b: True)
    with pytest.raises(AssertionError):
        test_nothing_damaged_is_opened(0)
