"""Finding boards: by UDP from a board that answers, and on ttys."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from firmware_app.wire import messages, packets
from host_client import discover, discover_serial
from tests.host.scripted_board import KEY, pty_board


class Answering(asyncio.DatagramProtocol):
    """A board's UDP port, and somebody who answers to questions that nobody asked."""

    def __init__(self, protocol: int) -> None:
        self.protocol = protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        (message,) = packets.Decoder().feed(data)
        assert message[0] == messages.SEEK
        for answer in (
            [messages.HERE, message[1] ^ 1, "00", "of another question", "1", 0],
            [messages.HERE, message[1], "00a1"],
            [
                messages.HERE,
                message[1],
                "00a1",
                "yard\x1b[2J\n",
                "1.2.3",
                messages.FLAG_KEY_REQUIRED,
                self.protocol,
            ][: 7 if self.protocol > 1 else 6],
        ):
            self.transport.sendto(b"noise\0" + packets.encode(answer), addr)  # type: ignore[attr-defined]


@pytest.mark.parametrize("protocol", [1, messages.PROTOCOL_VERSION, 9])
async def test_boards_that_answer_are_found_once(protocol: int) -> None:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: Answering(protocol), local_addr=("127.0.0.1", 0)
    )
    port = transport.get_extra_info("sockname")[1]
    found = await discover(0.5, [f"127.0.0.1:{port}"])
    transport.close()
    assert found == [(f"tcp://127.0.0.1:{port}", "00a1", "yard?[2J?", "1.2.3", True, protocol)]


@pytest.mark.skipif(os.name != "posix", reason="there are no ptys here")
@pytest.mark.parametrize("key", [None, KEY])
async def test_a_board_on_a_tty_is_found_and_left_alone(key: bytes | None, tmp_path: Path) -> None:
    async with pty_board(key=key) as scripted:
        missing = str(tmp_path / "none")
        (found,) = await discover_serial([missing, str(scripted.path)], 921600, 20)
        assert found.url == scripted.url
        assert found.key_required == bool(key)
        if key is None:  # a session that was opened is closed
            bye = packets.encode([messages.BYE])
            await scripted.until(lambda: scripted.sessions[0].recorded[-1].endswith(bye))
