"""Moves bytes between this computer and a board; who uses it knows neither sockets nor ttys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from host_client.link.address import Address, TcpAddress

OnData = Callable[[bytes], None]
OnLost = Callable[[str], None]


class Transport(Protocol):
    """An open connection. on_data gets what arrives, on_lost once the reason of its end."""

    def write(self, data: bytes) -> None:
        """Send data, some time; never waits."""

    def close(self) -> None:
        """Close; on_lost is not called any more."""


async def open_transport(address: Address, on_data: OnData, on_lost: OnLost) -> Transport:
    """Open the way to address; raises ConnectionFailed (PortLocked for a tty in use)."""
    if isinstance(address, TcpAddress):
        from host_client.link.tcp import open_tcp  # noqa: PLC0415 - each medium loads its own library

        return await open_tcp(address, on_data, on_lost)
    from host_client.link.serial_port import open_serial  # noqa: PLC0415

    return open_serial(address, on_data, on_lost)
