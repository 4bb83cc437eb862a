"""Finding boards: by UDP from a board that answers, and on ttys."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from firmware_app.wire import messages, packets
from host_client import AddressError, discover, discover_serial, parse_address
from host_client.link import discovery
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


async def test_addresses_of_version_six_are_asked_too() -> None:
    loop = asyncio.get_running_loop()
    try:
        transport, _ = await loop.create_datagram_endpoint(
            lambda: Answering(2), local_addr=("::1", 0)
        )
    except OSError:
        pytest.skip("this computer has no IPv6")
    port = transport.get_extra_info("sockname")[1]
    found = await discover(0.5, [f"[::1]:{port}", f"127.0.0.1:{port}"])
    transport.close()
    assert [board.url for board in found] == [f"tcp://[::1]:{port}"]
    parsed = parse_address(found[0].url)
    assert parsed == ("::1", port)


async def test_what_is_no_address_is_one_sentence() -> None:
    for address in ("", ":5230", "[::1", "[::1]:x", "a:b", "127.0.0.1:0", "127.0.0.1:70000", "a b"):
        with pytest.raises(AddressError, match="expected HOST"):
            await discover(0.1, [address])


async def test_everybody_is_asked_on_every_interface(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five boards on this computer, and two interfaces, of which the general broadcast uses one."""
    hosts = ("192.0.2.255", "198.51.100.255")
    monkeypatch.setattr(discovery, "_interface_broadcasts", lambda: iter(hosts))
    asked = discovery._everybody()
    for host in (*hosts, discovery.BROADCAST):
        assert (host, 5230) in asked
    loop = asyncio.get_running_loop()
    boards = [
        (await loop.create_datagram_endpoint(lambda: Answering(2), local_addr=("127.0.0.1", 0)))[0]
        for _ in range(5)
    ]
    ports = [board.get_extra_info("sockname")[1] for board in boards]
    monkeypatch.setattr(discovery, "_everybody", lambda: [("127.0.0.1", port) for port in ports])
    found = await discover(0.5)
    for board in boards:
        board.close()
    assert sorted(board.url for board in found) == sorted(f"tcp://127.0.0.1:{p}" for p in ports)


def test_the_system_names_its_broadcast_addresses() -> None:
    for host in discovery._interface_broadcasts():
        assert len(host.split(".")) == 4


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
