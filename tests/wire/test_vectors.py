"""tests/vectors/packets.json: what its generator makes, and what both interpreters make of it."""

from __future__ import annotations

import random
import subprocess
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from firmware_app.wire import messages, mpack, packets, seal
from host_client.link.decoder import Decoder
from host_client.link.encryption import Opener, cipher
from tools import wire_vectors

from .support import (
    BOARD_SIDE,
    VECTORS,
    board_environment,
    joined,
    load,
    micropython,
    pieces,
    value_of,
)

FILE = load()
SIZES = (1, 3, 64, 0, 0, 0)
DECODERS = (packets.Decoder, Decoder)  # the board's and the client's
OPENERS = (seal.Opener, Opener)
LONG = 5000  # bytes; beyond, one byte at a time is left to the shorter ones


def blocks(key: bytes) -> Any:
    """Return AES-128 of whole blocks, which is all that the board's cipher needs."""
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update


def _names(rows: list[dict[str, Any]]) -> list[str]:
    return [row["name"] for row in rows]


def _feed(decoder: Any, data: bytes, size: int, chance: random.Random) -> list[Any]:
    found: list[Any] = []
    for piece in pieces(data, size, chance):
        found.extend(decoder.feed(piece))
    return found


def test_file_is_what_the_generator_makes() -> None:
    assert VECTORS.read_text(encoding="utf-8") == wire_vectors.text()


def test_every_type_has_a_vector() -> None:
    types = {
        value
        for name, value in vars(messages).items()
        if name.isupper() and isinstance(value, int) and name in _type_names()
    }
    assert set(range(17)) | set(range(32, 41)) <= types
    assert types <= {row["message"][0] for row in FILE["messages"]}


def _type_names() -> set[str]:
    limits = {"PROTOCOL_VERSION", "CHUNK_SIZE", "NONCE_SIZE", "KEY_SIZE", "SEALED_MARK"}
    return {
        name
        for name in vars(messages)
        if name.isupper() and not name.startswith(("MAX_", "FLAG_", "_")) and name not in limits
    }


@pytest.mark.parametrize("row", FILE["messages"], ids=_names(FILE["messages"]))
def test_message(row: dict[str, Any]) -> None:
    message = value_of(row["message"])
    packet = bytes.fromhex(row["packet"])
    assert packets.encode(message) == packet
    payload = mpack.pack(message)
    assert packets.packet_of(payload) == packet
    if "payload" in row:
        assert payload.hex() == row["payload"]
    assert mpack.unpack(payload) == message
    chance = random.Random(1)
    for size in SIZES if len(packet) < LONG else (0, len(packet)):
        for kind in DECODERS:
            decoder = kind()
            assert _feed(decoder, packet, size, chance) == [message]
            assert decoder.rejected == 0
    assert Decoder().feed(packet) == [message]  # whole, as most reads hold it


def test_all_messages_in_one_stream() -> None:
    stream = b"".join(bytes.fromhex(row["packet"]) for row in FILE["messages"])
    expected = [value_of(row["message"]) for row in FILE["messages"]]
    for seed in range(20):
        decoder = DECODERS[seed % 2]()
        assert _feed(decoder, stream, 0 if seed else 1, random.Random(seed)) == expected
        assert decoder.rejected == 0


@pytest.mark.parametrize("row", FILE["cobs"])
def test_cobs(row: dict[str, str]) -> None:
    data, stuffed = bytes.fromhex(row["data"]), bytes.fromhex(row["stuffed"])
    assert 0 not in stuffed
    assert packets.stuff(data) == stuffed
    assert packets.unstuff(stuffed) == data


def test_cobs_of_zeros_in_a_row() -> None:
    """A model's padding; runs of every length beside blocks of every kind."""
    chance = random.Random(5)
    for count in [*range(70), 253, 254, 255, 270, 4096]:
        for before in (0, 1, 253, 254, 300):
            for behind in (b"", b"\1", b"\1" * 20, b"x" * 300):
                data = bytes(chance.randrange(1, 256) for _ in range(before))
                data += bytes(count) + behind
                stuffed = packets.stuff(data)
                assert 0 not in stuffed
                if data:
                    assert packets.unstuff(stuffed) == data


@pytest.mark.parametrize("row", FILE["streams"], ids=_names(FILE["streams"]))
def test_stream(row: dict[str, Any]) -> None:
    data = joined(row["stream"])
    for seed, size in enumerate(SIZES if len(data) < LONG else (0, len(data))):
        for kind in DECODERS:
            decoder = kind()
            found = _feed(decoder, data, size, random.Random(seed))
            assert found == value_of(row["messages"])
            assert decoder.rejected == row["rejected"]


def test_handshake() -> None:
    row = {name: bytes.fromhex(value) for name, value in FILE["handshake"].items()}
    handshake = seal.Handshake(row["key"], row["hello"], row["welcome"])
    assert handshake.client_proof() == row["client_proof"]
    assert handshake.board_proof() == row["board_proof"]
    assert handshake.client_seal() == row["client_seal"]
    assert handshake.board_seal() == row["board_seal"]
    assert handshake.client_cipher() == row["client_cipher"]
    assert handshake.board_cipher() == row["board_cipher"]


def _whole(decoder: Any, packet: bytes, size: int) -> list[Any]:
    """Feed a packet in pieces, or at once where size is negative."""
    return decoder.feed(packet) if size < 0 else _feed(decoder, packet, size, random.Random(2))


@pytest.mark.parametrize("side", range(2), ids=["board", "client"])
@pytest.mark.parametrize("size", [*SIZES[:4], -1])
def test_sealed(size: int, side: int) -> None:
    decoder: Any = DECODERS[side]()
    decoder.opener = OPENERS[side](bytes.fromhex(FILE["sealed"]["key"])).open
    decoder.plain = ()
    rejected = 0
    for row in FILE["sealed"]["steps"]:
        found = _whole(decoder, bytes.fromhex(row["packet"]), size)
        if row["message"] is None:
            rejected += 1
            assert found == [], row["name"]
        else:
            assert found == [value_of(row["message"])], row["name"]
        assert decoder.rejected == rejected, row["name"]


@pytest.mark.parametrize("side", range(2), ids=["board", "client"])
@pytest.mark.parametrize("size", [*SIZES[:4], -1])
def test_encrypted(size: int, side: int) -> None:
    table = FILE["encrypted"]
    decoder: Any = DECODERS[side]()
    secret = bytes.fromhex(table["cipher"])
    theirs = cipher(secret) if side else seal.Cipher(blocks(secret))
    decoder.opener = OPENERS[side](bytes.fromhex(table["key"]), theirs).open
    decoder.plain = ()
    for row in table["steps"]:
        found = _whole(decoder, bytes.fromhex(row["packet"]), size)
        expected = [] if row["message"] is None else [value_of(row["message"])]
        assert found == expected, row["name"]
    sealer = seal.Sealer(bytes.fromhex(table["key"]), theirs)
    first = table["steps"][0]
    sealed = packets.packet_of(sealer.seal(packets.payload_of(value_of(first["message"]))))
    assert sealed.hex() == first["packet"]


@pytest.mark.slow
def test_under_micropython() -> None:
    result = subprocess.run(
        [micropython(), "-X", "heapsize=8M", str(BOARD_SIDE), "vectors", str(VECTORS)],
        env=board_environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    checks = int(result.stdout.split()[-4])
    assert checks > 4 * len(FILE["messages"]) + 4 * len(FILE["streams"])
    assert result.stdout.endswith(", 0 differ\n")
