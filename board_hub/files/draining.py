"""Writes what a feed brings, many items at a time, in a thread beside the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from board_hub.feed import Feed, Item

_PAUSE_S = 0.2  # what arrives meanwhile is written together


async def drain(feed: Feed, write: Callable[[list[Item]], None]) -> None:
    """Write until cancelled; what waits then is written, too."""
    try:
        while items := await feed.get():
            job = asyncio.ensure_future(asyncio.to_thread(write, items))
            try:
                await asyncio.shield(job)
            except asyncio.CancelledError:
                await job  # a thread can't be ended: the files must stay open for it
                raise
            await asyncio.sleep(_PAUSE_S)
    except asyncio.CancelledError:
        feed.close()
        write(await feed.get())
        raise
