"""The network as a transport."""

from __future__ import annotations

import asyncio
import socket
from typing import cast

from host_client.base.exceptions import ConnectionFailed
from host_client.base.waiting import within
from host_client.link.address import TcpAddress
from host_client.link.transport import OnData, OnLost

CONNECT_TIMEOUT = 10.0  # seconds without an answer until a host counts as absent
# A board without power acknowledges nothing: the kernel reports it after this long.
_UNACKNOWLEDGED_MS = 20_000
# A slow program should get new results, not old ones: the kernel's buffer is small, and the
# board drops results for a slow reader.
_RECEIVE_BUFFER = 64 * 1024


# Taken from a connection in one iteration of the loop, so that a program with many busy boards
# stays responsive. The boards hold back the rest, or drop it.
_PIECE = 2048


class TcpTransport(asyncio.BufferedProtocol):
    """One TCP connection."""

    def __init__(self, on_data: OnData, on_lost: OnLost) -> None:
        self._buffer = memoryview(bytearray(_PIECE))
        self._on_data = on_data
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Configure the socket."""
        self._transport = cast("asyncio.Transport", transport)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            _set_up(sock)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return the buffer for received bytes."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Deliver the received bytes."""
        if not self._closed:
            self._on_data(bytes(self._buffer[:nbytes]))

    def connection_lost(self, exc: Exception | None) -> None:
        """Report why the connection ended, unless close() ended it."""
        if not self._closed:
            self._closed = True
            reason = "the board closed the connection" if exc is None else _reason(exc)
            self._on_lost(reason)

    def write(self, data: bytes) -> None:
        """Send data."""
        if self._transport is not None and not self._closed:
            self._transport.write(data)

    def close(self) -> None:
        """Close at once."""
        self._closed = True
        if self._transport is not None:
            self._transport.abort()


async def open_tcp(address: TcpAddress, on_data: OnData, on_lost: OnLost) -> TcpTransport:
    """Connect to address; raises ConnectionFailed."""
    loop = asyncio.get_running_loop()
    transport = TcpTransport(on_data, on_lost)
    try:
        await within(
            loop.create_connection(lambda: transport, address.host, address.port),
            CONNECT_TIMEOUT,
        )
    except asyncio.CancelledError:
        transport.close()
        raise
    except asyncio.TimeoutError:
        raise ConnectionFailed(
            f"{address}: no answer within {CONNECT_TIMEOUT:.0f} s; is the board on this network?"
        ) from None
    except ConnectionRefusedError:
        raise ConnectionFailed(
            f"{address}: connection refused: no service listens there (k230 discover finds boards)"
        ) from None
    except socket.gaierror as error:
        raise ConnectionFailed(f"{address}: unknown host ({error.strerror})") from None
    except (OSError, UnicodeError) as error:
        raise ConnectionFailed(f"{address}: {_reason(error)}") from None
    return transport


def _set_up(sock: socket.socket) -> None:
    wanted = [
        (socket.IPPROTO_TCP, "TCP_NODELAY", 1),
        (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
        (socket.SOL_SOCKET, "SO_RCVBUF", _RECEIVE_BUFFER),
        (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 10),
        (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 5),
        (socket.IPPROTO_TCP, "TCP_KEEPCNT", 3),
        (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", _UNACKNOWLEDGED_MS),
    ]
    for level, name, value in wanted:
        option = getattr(socket, name, None)
        if option is None:
            continue  # not every system has all of them
        try:
            sock.setsockopt(level, option, value)
        except OSError:
            continue


def _reason(error: Exception) -> str:
    if isinstance(error, ConnectionResetError):
        return "the board reset the connection"
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return text[:1].lower() + text[1:]
