"""Open the transport of an address."""

from __future__ import annotations

from host_client.link.address import Address, ReplayAddress, TcpAddress
from host_client.link.transport import OnData, OnLost, Transport


async def open_transport(address: Address, on_data: OnData, on_lost: OnLost) -> Transport:
    """Open a transport to an address; raises ConnectionFailed (PortLocked for a tty in use)."""
    if isinstance(address, TcpAddress):
        from host_client.link.tcp import open_tcp  # noqa: PLC0415 - each medium loads its own library

        return await open_tcp(address, on_data, on_lost)
    if isinstance(address, ReplayAddress):
        from host_client.link.replay import open_replay  # noqa: PLC0415

        return await open_replay(address.path, on_data)
    from host_client.link.serial_port import open_serial  # noqa: PLC0415

    return open_serial(address, on_data, on_lost)
