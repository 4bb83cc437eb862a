"""What a recorder on the network learns of an encrypted session, and what a meddler gets: nothing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from firmware_app.wire import messages, packets, seal
from host_client import AuthenticationError, Board, CommandFailed, K230Error, LogLine
from host_client.link import encryption
from host_client.results.streams import Stream
from tests.integration.boards import PACKAGES, card, running
from tests.integration.middle import Change, Middle, port_of, unchanged

pytestmark = pytest.mark.slow

GLYPHS = PACKAGES / "glyphs_ml"
SIGN = GLYPHS / "pictures" / "glyphs_ml_0.jpg"
GREETING = (messages.HELLO, messages.WELCOME, messages.AUTH, messages.READY)
BACK = GREETING[1::2]
WINDOW = 8  # bytes that are the same in clear and on the wire by chance: one in 10 ** 19


class Clear:
    """Everything that the client's side of all sessions encrypted or decrypted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.texts: list[bytes] = []
        self.blocks: list[bytes] = []  # of the keystream
        crypt = encryption.Cipher.crypt

        def watched(cipher: encryption.Cipher, counter: bytes, data: bytes) -> bytes:
            found = crypt(cipher, counter, data)
            stream = bytes(a ^ b for a, b in zip(data, found, strict=True))
            self.blocks += [stream[at : at + 16] for at in range(0, len(stream) - 15, 16)]
            return found

        sealed, opened = seal.Sealer.seal, encryption.Opener.open

        def sealing(sealer: seal.Sealer, payload: bytes) -> bytes:
            self.texts.append(payload)
            return sealed(sealer, payload)

        def opening(opener: encryption.Opener, packet: bytes) -> bytes:
            self.texts.append(bytes(opened(opener, packet)))
            return self.texts[-1]

        monkeypatch.setattr(encryption.Cipher, "crypt", watched)
        monkeypatch.setattr(seal.Sealer, "seal", sealing)
        monkeypatch.setattr(encryption.Opener, "open", opening)


async def speak_of_everything(board: Board, folder: Path) -> Stream[LogLine]:
    """Results, settings, pictures both ways, files, a gallery, the log, errors; return what is logged next."""
    results, logs = board.results(), board.logs()
    assert board.info.encrypted
    await asyncio.wait_for(anext(results), 60)
    await board.set({"log.level": "debug", "board.name": "the name of a board"})
    await board.infer(SIGN)
    await board.gallery.enroll("the label of somebody", SIGN)
    await board.gallery.recognize(SIGN)
    exported = await board.gallery.export()
    assert b"the label of somebody" in exported
    await board.gallery.import_(exported, "other")
    text = folder / "words.txt"
    text.write_text("a dictionary that nobody may read\n" * 40)
    await board.card.push_file(text, "dictionaries/words.txt")
    assert await board.card.pull("dictionaries/words.txt") == text.read_bytes()
    await board.set({"preview.enabled": True})
    assert (await board.snapshot())[:2] == b"\xff\xd8"
    assert (await board.get("log")).data
    with pytest.raises(CommandFailed, match="a task that is not there"):
        await board.switch("a task that is not there")
    await asyncio.wait_for(anext(board.statistics()), 60)
    return logs


async def test_a_recorder_finds_no_plain_byte_and_no_block_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clear = Clear(monkeypatch)
    sdcard = card(tmp_path / "card", GLYPHS)
    async with (
        running(sdcard, camera=str(GLYPHS / "pictures")) as virtual,
        Middle(port_of(virtual.url)) as recorder,
    ):
        async with Board.connect(recorder.url, virtual.key, wait=20) as board:
            logs = await speak_of_everything(board, tmp_path)
            # A second client at the same time, and some who come back: keys of their own.
            async with Board.connect(recorder.url, virtual.key) as other:
                await asyncio.wait_for(anext(other.results()), 60)
                await asyncio.wait_for(anext(logs), 60)  # of the new client
        for _ in range(5):
            async with Board.connect(recorder.url, virtual.key) as board:
                await board.status()
    assert len(recorder.heard) == 7

    plain = [
        (way, message[0])
        for way, payload in recorder.payloads()
        if payload[0] != messages.SEALED_MARK
        for message in packets.Decoder().feed(packets.packet_of(payload))
    ]
    assert {kind for _, kind in plain} == set(GREETING)
    assert all((kind in BACK) == bool(way) for way, kind in plain)
    sealed = [payload for _, payload in recorder.payloads() if payload[0] == messages.SEALED_MARK]
    assert len(sealed) > 100 and sum(map(len, sealed)) > 50_000
    seen = {
        payload[at : at + WINDOW] for payload in sealed for at in range(len(payload) - WINDOW + 1)
    }
    said = 0
    for text in clear.texts:
        for at in range(len(text) - WINDOW + 1):
            assert text[at : at + WINDOW] not in seen, text[at : at + 40]
            said += 1
    assert said > 50_000
    for secret in (b"the label of somebody", b"a dictionary", b"a task that", b"the name of a"):
        assert any(secret in text for text in clear.texts)
    # A counter or a key used twice would give a block twice.
    assert len(clear.blocks) > 3000
    assert len(set(clear.blocks)) == len(clear.blocks)


async def test_nobody_on_the_way_gets_less_than_was_meant(tmp_path: Path) -> None:
    def changed(position: int, value: Callable[[Any], Any]) -> Change:
        def change(part: bytes) -> bytes:
            for message in packets.Decoder().feed(part + b"\0"):
                if message[0] == messages.WELCOME:
                    message[position] = value(message[position])
                    return packets.encode(message)[:-1]
            return part

        return change

    every = messages.FLAG_KEY_REQUIRED | messages.FLAG_SEALED
    attacks = {
        "sealed only": changed(6, lambda flags: flags & every),
        "not sealed": changed(6, lambda flags: messages.FLAG_KEY_REQUIRED),
        "no key": changed(6, lambda flags: 0),
        "another board": changed(4, lambda board_id: "f" * 16),
        "the board's nonce": changed(7, lambda nonce: bytes(16)),
    }
    async with (
        running(card(tmp_path / "card")) as virtual,
        Middle(port_of(virtual.url)) as recorder,
    ):
        for name, attack in attacks.items():
            recorder.down = attack
            with pytest.raises(AuthenticationError):
                async with Board.connect(recorder.url, virtual.key, encryption="optional"):
                    raise AssertionError(f"{name}: a session was opened")
        recorder.down = unchanged
        async with Board.connect(recorder.url, virtual.key, wait=20) as board:
            assert board.info.encrypted


async def test_a_greeting_in_the_middle_of_a_session_shows_nothing(tmp_path: Path) -> None:
    """Anybody on the way can end a session; what the old one still had to say stays unsaid."""
    async with (
        running(card(tmp_path / "card")) as virtual,
        Middle(port_of(virtual.url)) as recorder,
    ):
        async with Board.connect(recorder.url, virtual.key) as board:
            results = board.results(queue=1000)
            logs = board.logs()
            await asyncio.wait_for(anext(results), 60)
            hello = [messages.HELLO, messages.PROTOCOL_VERSION, "somebody", bytes(16)]
            begun = len(recorder.heard[0][1])
            recorder.inject = packets.encode(hello)
            with contextlib.suppress(K230Error):
                await board.set({"log.level": "debug"}, timeout=2)
            # The client notices, greets anew, and goes on.
            while len(recorder.heard) < 2:
                await asyncio.sleep(0.1)
            await asyncio.wait_for(anext(results), 60)
            del logs
        behind = bytes(recorder.heard[0][1][begun:])
        told = [message[0] for message in packets.Decoder().feed(behind + b"\0")]
        assert messages.WELCOME in told
        assert set(told) <= {messages.WELCOME, messages.REFUSED}
