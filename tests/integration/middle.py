"""A man in the middle of a board's TCP links, and what he hears."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator

from firmware_app.wire import packets
from tests.servers import Server

Change = Callable[[bytes], bytes]


def port_of(url: str | None) -> int:
    """Return the port of a tcp:// URL."""
    return int(str(url).rsplit(":", 1)[1])


def unchanged(part: bytes) -> bytes:
    return part


class Middle:
    """Passes whole packets on, keeps every byte of both directions, and may change packets.

    up, down: what becomes of a packet to the board and to the client; both without its delimiter.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._server = Server(self._serve)
        self.heard: list[tuple[bytearray, bytearray]] = []  # of each connection: up, down
        self.up: Change = unchanged
        self.down: Change = unchanged
        self.inject = b""  # said to the board once, as if by the client

    @property
    def url(self) -> str:
        return self._server.url

    async def __aenter__(self) -> Middle:
        await self._server.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, sink = await asyncio.open_connection("127.0.0.1", self._port)
        ways = bytearray(), bytearray()
        self.heard.append(ways)

        async def copy(
            source: asyncio.StreamReader, target: asyncio.StreamWriter, back: bool
        ) -> None:
            rest = b""
            with contextlib.suppress(OSError):
                while data := await source.read(4096):
                    ways[back].extend(data)
                    whole, delimiter, rest = (rest + data).rpartition(b"\0")
                    if not back and self.inject:
                        target.write(self.inject)
                        self.inject = b""
                    for part in (whole + delimiter).split(b"\0")[:-1]:
                        target.write((self.down if back else self.up)(part) + b"\0")
                    await target.drain()
            target.close()

        await asyncio.gather(copy(reader, sink, False), copy(upstream, writer, True))

    def payloads(self) -> Iterator[tuple[int, bytes]]:
        """Yield direction (0: up) and the payload of each packet."""
        for ways in self.heard:
            for way, data in enumerate(ways):
                for part in bytes(data).split(b"\0"):
                    body = packets.unstuff(part) if part else b""
                    if body:
                        yield way, body[:-4]
