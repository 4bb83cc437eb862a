"""Subscribe to exactly what this program's streams read."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Protocol

from host_client.base.exceptions import K230Error, LinkLost, RequestTimeout
from host_client.link.driver import Link

_TIMEOUT = 60.0  # seconds before `subscribe` is sent again
_SENT = ("results", "events", "statistics", "logs")


class Readers(Protocol):
    """Knows which streams are in use."""

    def wanted(self) -> dict[str, Any]:
        """Return what to subscribe to; a change is sent to the board."""

    def arguments(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments of `subscribe`."""

    def subscribed(self, answer: Any) -> None:
        """Take the answer."""


class Subscriber:
    """Sends `subscribe` over each new link, and after each change of the streams in use."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start in this event loop."""
        self._loop = loop

    def streams_changed(self) -> None:
        """Note that a stream was opened or ended; callable from any thread."""
        if self._loop is None or self._loop.is_closed():
            return
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._changed.set)

    def start(self, link: Link, readers: Readers) -> None:
        """Use a new link instead of the old one."""
        if self._task is not None:
            self._task.cancel()
        self._task = asyncio.create_task(self._serve(link, readers), name="k230-subscriber")

    async def stop(self) -> None:
        """Stop; nothing more is sent to the board."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _serve(self, link: Link, readers: Readers) -> None:
        sent: dict[str, Any] | None = None
        while not link.ended.done():
            self._changed.clear()
            streams = readers.wanted()
            nothing = sent is None and not any(streams[name] for name in _SENT)
            if nothing or streams == sent:
                await self._changed.wait()
                continue
            try:
                answer = await link.request("subscribe", readers.arguments(streams), _TIMEOUT)
                readers.subscribed(answer)
                sent = streams
            except RequestTimeout:
                continue
            except K230Error as error:
                link.close(LinkLost(f"the board refused the subscription: {error}"))
                return
