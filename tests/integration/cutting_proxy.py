"""A TCP relay that breaks the link after so many bytes towards the board, once for each number."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType


class CuttingProxy:
    """Use as `async with CuttingProxy(port, [20_000, 50_000]) as proxy:` and connect to proxy.url."""

    def __init__(self, port: int, cuts: list[int]) -> None:
        self._port = port
        self.cuts = list(cuts)
        self.made = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.url = ""

    async def __aenter__(self) -> CuttingProxy:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"tcp://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()

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
