"""Finds boards: on the local network SEEK by UDP, on a tty a greeting (docs/protocol.md)."""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from collections.abc import Iterable
from typing import NamedTuple

from firmware_app.settings.service_fields import DEFAULT_BAUDRATE, DEFAULT_PORT
from firmware_app.wire import messages, packets
from host_client.base.exceptions import AddressError, ConnectionFailed
from host_client.link.address import SerialAddress
from host_client.link.greeting import Settings, Welcome
from host_client.link.opening import open_transport
from host_client.link.session import ClientSession
from host_client.link.trace import printable
from host_client.results import limits

BROADCAST = "255.255.255.255"
SEEK_SIZE = 240  # bytes, about; boards read 256, and their answers have 180 at most
REPEATS = 3  # a datagram may be lost


class FoundBoard(NamedTuple):
    """A board that answered: where its link is, and whether it asks for a key.

    version is the service's. With another protocol than messages.PROTOCOL_VERSION the board refuses
    this client. What a board of another protocol does not tell over a tty is empty.
    """

    url: str
    board_id: str
    name: str
    version: str
    key_required: bool
    protocol: int = messages.PROTOCOL_VERSION


class _Seeker(asyncio.DatagramProtocol):
    """Collects the answers to one number."""

    def __init__(self, number: int) -> None:
        self._number = number
        self.boards: dict[str, FoundBoard] = {}

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        """Take one datagram; whatever is no answer to our number is not ours."""
        for message in packets.Decoder().feed(data):
            if message[0] != messages.HERE or len(message) < 6 or message[1] != self._number:
                continue
            _, _, board_id, name, version, flags = message[:6]
            if not isinstance(flags, int):
                continue
            url = f"tcp://{addr[0]}:{addr[1]}"  # the link has the number of the UDP port
            required = bool(flags & messages.FLAG_KEY_REQUIRED)
            texts = (printable(board_id), printable(name), printable(version))
            # Version 1 did not tell the protocol.
            protocol = message[6] if len(message) > 6 and type(message[6]) is int else 1
            if url in self.boards or len(self.boards) < limits.BOARDS:
                self.boards[url] = FoundBoard(url, *texts, required, protocol)

    def error_received(self, exc: Exception) -> None:
        """An address that nobody listens on says so; others may answer."""


def seek(number: int) -> bytes:
    """Return the datagram that asks boards to answer: filled up, since no answer is longer than it."""
    return packets.encode([messages.SEEK, number, b"\xff" * (SEEK_SIZE - 16)])


async def discover(timeout: float = 1.0, addresses: Iterable[str] = ()) -> list[FoundBoard]:
    """Return the boards that answer within timeout seconds, sorted by URL.

    Args:
        timeout: seconds to wait for answers.
        addresses: HOST or HOST:PORT to ask; none: everybody on the local networks, by broadcast.

    Raises:
        AddressError: an address is none, or the network can't be used.
    """
    targets = [_target(address) for address in addresses] or [(BROADCAST, DEFAULT_PORT)]
    number = secrets.randbits(32)
    loop = asyncio.get_running_loop()
    try:
        transport, seeker = await loop.create_datagram_endpoint(
            lambda: _Seeker(number), local_addr=("0.0.0.0", 0), allow_broadcast=True
        )
    except OSError as error:
        raise AddressError(f"looking for boards: {error.strerror}") from None
    try:
        packet = seek(number)
        for _ in range(REPEATS):
            for target in targets:
                transport.sendto(packet, target)
            await asyncio.sleep(timeout / REPEATS)
    finally:
        transport.close()
    return sorted(seeker.boards.values())


async def discover_serial(
    ports: Iterable[str], baudrate: int = DEFAULT_BAUDRATE, timeout: float = 1.5
) -> list[FoundBoard]:
    """Return the boards that answer a greeting on these ttys within timeout seconds.

    What is in use by another program or can't be opened is left out. A greeting ends the session of
    whoever had the line before; what else is connected gets some 40 bytes.
    """
    answers = await asyncio.gather(*(_greet(SerialAddress(p, baudrate), timeout) for p in ports))
    return [board for board in answers if board is not None]


async def _greet(address: SerialAddress, timeout: float) -> FoundBoard | None:
    answered = asyncio.Event()
    heard: list[Welcome] = []

    def no_key(welcome: Welcome) -> None:
        heard.append(welcome)

    def on_data(data: bytes) -> None:
        session.receive(data, time.monotonic())
        if session.ready or session.error:  # an error: it needs its key
            answered.set()

    session = ClientSession(no_key, Settings("discover", address.baudrate), time.monotonic())
    try:
        transport = await open_transport(address, on_data, lambda reason: None)
    except ConnectionFailed:
        return None
    try:
        hello = session.data_to_send()
        for _ in range(REPEATS):
            transport.write(hello)  # the same one gets the same answer
            try:
                await asyncio.wait_for(answered.wait(), timeout / REPEATS)
                break
            except asyncio.TimeoutError:
                continue
        session.goodbye()
        transport.write(session.data_to_send())
    finally:
        transport.close()
    if session.other_protocol is not None:
        return FoundBoard(str(address), "", "", "", False, session.other_protocol)
    if not heard:
        return None
    board = heard[0]
    return FoundBoard(
        str(address), board.board_id, board.board_name, board.version, board.key_required
    )


def _target(address: str) -> tuple[str, int]:
    host, _, port = address.partition(":")
    try:
        number = int(port) if port else DEFAULT_PORT
        return socket.gethostbyname(host), number
    except (ValueError, OSError):
        raise AddressError(f"{address!r}: expected HOST or HOST:PORT") from None
