"""Sealed packets: replayed, reordered, altered, lost; HMAC against the standard library's."""

from __future__ import annotations

import hashlib
import hmac
import random

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_app.wire import messages, packets, seal
from host_client.link.encryption import cipher

KEY = bytes(range(32))
OTHER = bytes(range(1, 33))


@given(st.binary(max_size=200), st.lists(st.binary(max_size=300), max_size=4))
@settings(deadline=None)
def test_hmac_is_the_standard_one(key: bytes, parts: list[bytes]) -> None:
    expected = hmac.new(key, b"".join(parts), hashlib.sha256).digest()
    assert seal.Hmac(key).digest(*parts) == expected


@given(st.lists(st.binary(min_size=1, max_size=100), min_size=1, max_size=20))
@settings(deadline=None)
def test_what_is_sealed_opens_once_and_in_order(payloads: list[bytes]) -> None:
    sealer, opener = seal.Sealer(KEY), seal.Opener(KEY)
    sealed = [sealer.seal(payload) for payload in payloads]
    for one, payload in zip(sealed, payloads, strict=True):
        assert len(one) == len(payload) + 11
        assert opener.open(one) == payload
        assert opener.open(one) == b""
    for one in sealed:
        assert opener.open(one) == b""


def test_every_bit_counts() -> None:
    sealed = seal.Sealer(KEY).seal(packets.payload_of([12, 1, 2]))
    opener = seal.Opener(KEY)
    for at in range(1, len(sealed)):
        for bit in range(8):
            altered = bytearray(sealed)
            altered[at] ^= 1 << bit
            assert opener.open(bytes(altered)) == b""
    assert opener.open(sealed) == packets.payload_of([12, 1, 2])


def test_another_key_opens_nothing() -> None:
    assert seal.Opener(OTHER).open(seal.Sealer(KEY).seal(b"payload")) == b""


def test_packets_may_be_lost_but_never_come_late() -> None:
    chance = random.Random(3)
    sealer, opener = seal.Sealer(KEY), seal.Opener(KEY)
    newest = -1
    waiting: list[tuple[int, bytes]] = []
    for number in range(3000):
        waiting.append((number, sealer.seal(number.to_bytes(4, "little"))))
        if len(waiting) > 5 or chance.random() < 0.5:
            chosen, sealed = waiting.pop(chance.randrange(len(waiting)))
            if chance.random() < 0.2:
                continue  # lost
            opened = opener.open(sealed)
            assert (opened != b"") == (chosen > newest)
            if opened:
                assert int.from_bytes(opened, "little") == chosen
                newest = chosen


@pytest.mark.parametrize("gap", [1, 2, 65534, 65535])
def test_a_gap_is_bridged(gap: int) -> None:
    sealer, opener = seal.Sealer(KEY), seal.Opener(KEY)
    assert opener.open(sealer.seal(b"first"))
    for _ in range(gap - 1):
        sealer.seal(b"lost")
    assert opener.open(sealer.seal(b"next")) == b"next"


def test_neither_side_takes_its_own_packets_for_the_others() -> None:
    handshake = seal.Handshake(KEY, b"hello", b"welcome")
    sealed = seal.Sealer(handshake.client_seal()).seal(b"payload")
    assert seal.Opener(handshake.board_seal()).open(sealed) == b""


@pytest.mark.parametrize("side", ["hello", "welcome", "key"])
def test_everything_said_goes_into_the_proofs(side: str) -> None:
    first = seal.Handshake(KEY, b"hello", b"welcome")
    other = seal.Handshake(
        OTHER if side == "key" else KEY,
        b"hellp" if side == "hello" else b"hello",
        b"welcomf" if side == "welcome" else b"welcome",
    )
    assert first.client_proof() != other.client_proof()
    assert first.board_proof() != other.board_proof()
    assert first.board_seal() != other.board_seal()
    assert first.client_seal() != other.client_seal()


@given(st.binary(max_size=64))
@settings(deadline=None)
def test_any_bytes_are_refused_without_a_word(data: bytes) -> None:
    assert seal.Opener(KEY).open(b"\xc1" + data) == b""


def test_a_sealed_session_takes_no_plain_packet_and_no_replay() -> None:
    decoder: object = packets.Decoder()
    decoder.opener = seal.Opener(KEY).open  # type: ignore[attr-defined]
    decoder.plain = (messages.HELLO,)  # type: ignore[attr-defined]
    sealer = seal.Sealer(KEY)
    recorded = packets.packet_of(sealer.seal(packets.payload_of([11, 1])))
    assert isinstance(decoder, packets.Decoder)
    assert decoder.feed(recorded) == [[11, 1]]
    assert decoder.feed(recorded) == []
    assert decoder.feed(packets.encode([5, 1, "status", {}])) == []
    assert decoder.feed(packets.encode([0, 1, "a", b""])) == [[0, 1, "a", b""]]
    assert decoder.rejected == 2


@given(st.integers(1, 1 << 40), st.binary(min_size=1, max_size=6000))
@settings(deadline=None)
def test_the_cipher_is_counter_mode(counter: int, data: bytes) -> None:
    number = counter.to_bytes(8, "little")
    library = Cipher(algorithms.AES(KEY[:16]), modes.CTR(number + bytes(8))).encryptor()
    expected = library.update(data)
    mine = cipher(KEY[:16])
    assert mine.crypt(number, data) == expected
    assert mine.crypt(number, bytearray(expected)) == data


def _places_of_zeros(data: bytes | bytearray) -> list[int]:
    return [at for at, byte in enumerate(data) if not byte]


@given(
    st.lists(st.sampled_from(b"\0\1\xff"), max_size=40), st.integers(0, 5), st.binary(max_size=400)
)
@settings(deadline=None)
def test_zeros_told_beforehand_change_no_packet(few: list[int], runs: int, data: bytes) -> None:
    payload = (bytes(few) + b"\7" * 253 * runs + data) * 3
    parts = (b"\xc1\0\1", payload, b"\0\1\2\3\0\0\6\0")
    packet = packets.packet_of(b"".join(parts))
    assert packets.packet_of_parts(parts) == packet
    assert packets.packet_of_parts(parts, _places_of_zeros) == packet
    assert packets.packet_of_parts(parts, lambda data: None) == packet


def test_no_block_is_encrypted_twice() -> None:
    """Over every size around 256 blocks, packet by packet: all counter blocks differ."""
    seen: set[bytes] = set()

    def encrypt(blocks: bytes) -> bytes:
        for at in range(0, len(blocks), 16):
            block = blocks[at : at + 16]
            assert block not in seen
            seen.add(block)
        return blocks

    sealer = seal.Sealer(KEY, seal.Cipher(encrypt))
    total = 0
    for size in (1, 15, 16, 17, 4095, 4096, 4097, 8192, 8193, 32768, 1, 31):
        sealer.seal(bytes(size))
        total += -(-size // 16)
    assert len(seen) == total


def test_keys_differ_by_side_and_use() -> None:
    handshake = seal.Handshake(KEY, b"hello", b"welcome")
    keys = [
        handshake.client_seal(),
        handshake.board_seal(),
        handshake.client_cipher(),
        handshake.board_cipher(),
    ]
    assert len({key[:16] for key in keys}) == 4
    again = seal.Handshake(KEY, b"hello", b"another nonce")
    assert again.board_cipher() != handshake.board_cipher()


def test_what_is_encrypted_shows_nothing_and_opens() -> None:
    ours, theirs = cipher(KEY[:16]), cipher(KEY[:16])
    sealer, opener = seal.Sealer(KEY, ours), seal.Opener(KEY, theirs)
    text = b"the label of the thing in front of the camera"
    sealed = [sealer.seal(text) for _ in range(3)]
    assert len({one[3:-8] for one in sealed}) == 3
    assert all(len(one) == len(text) + 11 and text[:8] not in one for one in sealed)
    assert [opener.open(one) for one in sealed] == [text] * 3
    altered = bytearray(sealer.seal(text))
    altered[9] ^= 1
    assert opener.open(bytes(altered)) == b""
