"""Find boards: on the network by SEEK over UDP, on a tty by a greeting (docs/protocol.md)."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import struct
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from firmware_app.settings.service_fields import DEFAULT_BAUDRATE, DEFAULT_PORT
from firmware_app.wire import messages, packets
from host_client.base.exceptions import AddressError, ConnectionFailed
from host_client.base.waiting import happened
from host_client.link.address import SerialAddress, TcpAddress
from host_client.link.greeting import Settings, Welcome
from host_client.link.opening import open_transport
from host_client.link.session import ClientSession
from host_client.link.trace import printable
from host_client.results import limits

BROADCAST = "255.255.255.255"
LOOPBACK = "127.0.0.1"
LOCAL_PORTS = 16  # from 5230 on, where virtual boards on this computer listen
SEEK_SIZE = 240  # bytes, about; boards read 256, and their answers have 180 at most
REPEATS = 3  # a datagram may be lost

Target = tuple[int, Any]  # family of the socket, and its address


class FoundBoard(NamedTuple):
    """A board that answered: its URL, and whether it requires a key.

    version: of the service. A board with a protocol other than messages.PROTOCOL_VERSION refuses this
    client; over a tty it leaves some fields empty.
    """

    url: str
    board_id: str
    name: str
    version: str
    key_required: bool
    protocol: int = messages.PROTOCOL_VERSION


class _Seeker(asyncio.DatagramProtocol):
    """Collects the answers to one search."""

    def __init__(self, number: int, boards: dict[str, FoundBoard]) -> None:
        """boards: filled with the boards that answer, by URL."""
        self._number = number
        self._boards = boards

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """Take one datagram; ignore it unless it answers this search."""
        for message in packets.Decoder().feed(data):
            if message[0] != messages.HERE or len(message) < 6 or message[1] != self._number:
                continue
            _, _, board_id, name, version, flags = message[:6]
            if not isinstance(flags, int):
                continue
            # The TCP link uses the same port number as UDP.
            url = str(TcpAddress(str(addr[0]), int(addr[1])))
            required = bool(flags & messages.FLAG_KEY_REQUIRED)
            texts = (printable(board_id), printable(name), printable(version))
            # Protocol version 1 did not send the version.
            protocol = message[6] if len(message) > 6 and type(message[6]) is int else 1
            if url in self._boards or len(self._boards) < limits.BOARDS:
                self._boards[url] = FoundBoard(url, *texts, required, protocol)

    def error_received(self, exc: Exception) -> None:
        """Ignore an address without a listener; others may answer."""


def seek(number: int) -> bytes:
    """Return the search datagram, padded because an answer is never longer than it."""
    return packets.encode([messages.SEEK, number, b"\xff" * (SEEK_SIZE - 16)])


async def discover(timeout: float = 1.0, addresses: Iterable[str] = ()) -> list[FoundBoard]:
    """Return the boards that answer within timeout seconds, sorted by URL.

    Args:
        timeout: seconds to wait for answers.
        addresses: HOST, HOST:PORT or [IPV6]:PORT to query; none: broadcast on every interface, and
            query virtual boards on this computer.

    Raises:
        AddressError: an address is not valid, or the network can't be used.
    """
    asked = list(addresses)
    loop = asyncio.get_running_loop()
    if asked:
        targets = [found for each in asked for found in await _resolve(loop, each)]
    else:
        targets = [(socket.AF_INET, target) for target in _everybody()]
    number = secrets.randbits(32)
    boards: dict[str, FoundBoard] = {}
    transports: dict[int, asyncio.DatagramTransport] = {}
    try:
        for family in {family for family, _ in targets}:
            transports[family] = await _open(loop, family, _Seeker(number, boards))
        packet = seek(number)
        for _ in range(REPEATS):
            for family, target in targets:
                transports[family].sendto(packet, target)
            await asyncio.sleep(timeout / REPEATS)
    finally:
        for transport in transports.values():
            transport.close()
    return sorted(boards.values())


async def _open(
    loop: asyncio.AbstractEventLoop, family: int, seeker: _Seeker
) -> asyncio.DatagramTransport:
    local = "::" if family == socket.AF_INET6 else "0.0.0.0"
    try:
        transport, _ = await loop.create_datagram_endpoint(
            lambda: seeker,
            local_addr=(local, 0),
            family=family,
            allow_broadcast=family == socket.AF_INET or None,
        )
    except OSError as error:
        raise AddressError(f"looking for boards: {error.strerror}") from None
    return transport


async def _resolve(loop: asyncio.AbstractEventLoop, address: str) -> list[Target]:
    """Return the sockets' addresses of HOST, HOST:PORT, IPV6 or [IPV6]:PORT."""
    host, port = address, ""
    if address.startswith("["):
        host, bracket, port = address[1:].partition("]")
        # An invalid port or a missing bracket is refused below.
        port = port[1:] if port.startswith(":") else port
        host = host if bracket else ""
    elif address.count(":") == 1:
        host, _, port = address.partition(":")
    try:
        number = int(port) if port else DEFAULT_PORT
        if not host or not 0 < number < 65536:
            raise ValueError(address)
        found = await loop.getaddrinfo(host, number, type=socket.SOCK_DGRAM)
    except (ValueError, OSError, UnicodeError):
        raise AddressError(
            f"{printable(address)!r}: expected HOST, HOST:PORT or [IPV6]:PORT"
        ) from None
    return list(dict.fromkeys((row[0], row[4]) for row in found))


def _everybody() -> list[tuple[str, int]]:
    """Return each interface's broadcast address, the general one, and this computer's own ports.

    The system sends the general broadcast over one interface only.
    """
    hosts = dict.fromkeys([BROADCAST, *_interface_broadcasts()])
    local = [(LOOPBACK, DEFAULT_PORT + step) for step in range(LOCAL_PORTS)]
    return [(host, DEFAULT_PORT) for host in hosts] + local


def _interface_broadcasts() -> Iterator[str]:
    """Yield the IPv4 broadcast address of each interface, if the system provides it."""
    try:
        import fcntl  # noqa: PLC0415 - not on Windows
    except ImportError:
        return
    request = 0xC0206923 if sys.platform == "darwin" else 0x8919  # SIOCGIFBRDADDR
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            with contextlib.suppress(OSError):
                answer = fcntl.ioctl(probe, request, struct.pack("16s24x", name.encode()[:15]))
                host = socket.inet_ntoa(answer[20:24])
                if not host.startswith(("0.", "127.")):
                    yield host


async def discover_serial(
    ports: Iterable[str], baudrate: int = DEFAULT_BAUDRATE, timeout: float = 1.5
) -> list[FoundBoard]:
    """Return the boards that answer a greeting on these ttys within timeout seconds.

    Skips ttys that can't be opened or are in use. A greeting ends another client's session on the
    line; a device that is not a board receives about 40 bytes.
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
        if session.ready or session.error:  # the error of a board that needs its key
            answered.set()

    session = ClientSession(no_key, Settings("discover", address.baudrate), time.monotonic())
    try:
        transport = await open_transport(address, on_data, lambda reason: None)
    except ConnectionFailed:
        return None
    try:
        hello = session.data_to_send()
        for _ in range(REPEATS):
            transport.write(hello)  # a repeated one gets the same answer
            if await happened(answered, timeout / REPEATS):
                break
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
