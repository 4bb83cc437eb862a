"""Tells the board what to send by itself: what this program's streams read, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from host_client.base.exceptions import K230Error, LinkLost, RequestTimeout
from host_client.link.driver import Link

_TIMEOUT = 60.0  # seconds until the board is told again
_NOTHING = {"results": False, "events": False, "statistics": False, "logs": False, "rate": 0}


class Subscriber:
    """Sends `subscribe` over each new link, and again whenever the streams that are read change."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Work in this event loop."""
        self._loop = loop

    def streams_changed(self) -> None:
        """Note that a stream was opened or ended; may be called in any thread."""
        if self._loop is None or self._loop.is_closed():
            return
        with contextlib.suppress(RuntimeError):  # the loop has just ended
            self._loop.call_soon_threadsafe(self._changed.set)

    def start(self, link: Link, wanted: Callable[[], dict[str, Any]]) -> None:
        """Serve a new link in place of the one before."""
        if self._task is not None:
            self._task.cancel()
        self._task = asyncio.create_task(self._serve(link, wanted), name="k230-subscriber")

    async def stop(self) -> None:
        """End; the board is told nothing more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _serve(self, link: Link, wanted: Callable[[], dict[str, Any]]) -> None:
        sent = _NOTHING
        while not link.ended.done():
            self._changed.clear()
            streams = wanted()
            if streams == sent:
                await self._changed.wait()
                continue
            try:
                await link.request("subscribe", streams, _TIMEOUT)
                sent = streams
            except RequestTimeout:
                continue
            except K230Error as error:
                link.close(LinkLost(f"the board refused the subscription: {error}"))
                return
