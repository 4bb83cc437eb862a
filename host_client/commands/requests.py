"""The Requester of a Board: commands, pictures and files over a link that reconnects."""

from __future__ import annotations

import asyncio
import hashlib
import time
from typing import Any

from host_client.base.exceptions import LinkLost, RequestTimeout
from host_client.base.waiting import within
from host_client.commands.downloads import receive
from host_client.commands.pictures import PictureSource, load_picture
from host_client.commands.requester import (
    GET_TIMEOUT,
    PICTURE_TIMEOUT,
    PUSH_TIMEOUT,
    REQUEST_TIMEOUT,
    Files,
    Received,
)
from host_client.commands.uploads import send_files, transfer_place
from host_client.link.address import Address
from host_client.link.calls import Progress
from host_client.link.connection import Connection


class Requests:
    """One board's Requester; sends one picture or set of files at a time."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._transfer_lock = asyncio.Lock()
        self._downloads = asyncio.Semaphore(2)  # as many as a board sends one client at a time

    @property
    def address(self) -> Address:
        """The board's address."""
        return self._connection.address

    async def request(
        self,
        command: str,
        arguments: dict[str, Any] | None = None,
        timeout: float = REQUEST_TIMEOUT,
        *,
        progress: Progress | None = None,
        repeat: bool = False,
    ) -> Any:
        """Send a command and return its result undecoded; see Board.request()."""
        deadline = time.monotonic() + timeout
        while True:
            link = await self._connection.usable_link(deadline)
            try:
                return await link.request(command, arguments or {}, timeout, progress)
            except LinkLost:
                if not repeat:
                    raise
                await asyncio.sleep(0)  # let the reconnecting task see the loss
            except RequestTimeout:
                raise RequestTimeout(f"{command}: no answer within {timeout:g} s") from None

    async def send_picture(
        self,
        command: str,
        picture: PictureSource,
        arguments: dict[str, Any],
        timeout: float = PICTURE_TIMEOUT,
        *,
        progress: Progress | None = None,
        repeat: bool = False,
    ) -> tuple[Any, str | None]:
        """Send a picture, then a command that uses it; see Requester."""
        loop = asyncio.get_running_loop()
        loaded = await loop.run_in_executor(None, load_picture, picture)
        digest = hashlib.sha256(loaded.planes).digest()
        put = {"kind": "picture", "size": len(loaded.planes), "sha256": digest}
        deadline = time.monotonic() + timeout
        async with self._transfer_lock:
            while True:
                link = await self._connection.usable_link(deadline)
                sent = False
                try:
                    answer = await link.request("put", put, timeout)
                    number, offset, window = transfer_place("put", answer, len(loaded.planes))
                    await within(
                        link.transfer(number, loaded.planes, offset, window, progress), timeout
                    )
                    place = {
                        "transfer": number,
                        "width": loaded.width,
                        "height": loaded.height,
                        "format": "rgb888p",
                    }
                    sent = True
                    answer = await link.request(command, {**arguments, **place}, timeout, progress)
                    return answer, loaded.name
                except LinkLost:
                    if (sent and not repeat) or time.monotonic() >= deadline:
                        raise
                    await asyncio.sleep(0)
                except asyncio.TimeoutError:
                    raise RequestTimeout(
                        f"{command}: the board did not take the picture within {timeout:g} s"
                    ) from None

    async def send_files(
        self,
        kind: str,
        name: str,
        files: Files,
        arguments: dict[str, Any],
        timeout: float = PUSH_TIMEOUT,
        progress: Progress | None = None,
    ) -> Any:
        """Send and install files; see Requester."""
        async with self._transfer_lock:
            return await send_files(
                self._connection, kind, name, files, arguments, timeout, progress
            )

    async def get(
        self,
        kind: str,
        arguments: dict[str, Any],
        timeout: float = GET_TIMEOUT,
        progress: Progress | None = None,
    ) -> Received:
        """Download large data from the board; see Requester."""
        async with self._downloads:
            return await receive(self._connection, kind, arguments, timeout, progress)
