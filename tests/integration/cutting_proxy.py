"""A TCP relay that breaks the link after so many bytes towards the board, once for each number."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType

from tests.servers import Server


class CuttingProxy:
    """Use as `async with CuttingProxy(port, [20_000, 50_000]) as proxy:` and connect to proxy.url."""

    def __init__(self, port: int, cuts: list[int]) -> None:
        self._port = port
        self.cuts = list(cuts)
        self.made = 0
        self._server = Server(self._serve)
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return self._server.url

    async def __aenter__(self) -> CuttingProxy:
        await self._server.listen()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for writer in list(self._writers):
            writer.transport.abort()
        await self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, inner_writer}
        left = self.cuts[0] if self.cuts else None

        async def up() -> None:
            nonlocal left
            while data := await reader.read(4096):
                if left is not None:
                    left -= len(data)
                    if left <= 0:
                        self.cuts.pop(0)
                        self.made += 1
                        return
                inner_writer.write(data)
                await inner_writer.drain()

        async def down() -> None:
            while data := await inner_reader.read(4096):
                writer.write(data)
                await writer.drain()

        both = [asyncio.ensure_future(up()), asyncio.ensure_future(down())]
        with contextlib.suppress(OSError):
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for task in both:
            task.cancel()
        await asyncio.gather(*both, return_exceptions=True)
        for each in (writer, inner_writer):
            self._writers.discard(each)
            each.transport.abort()
