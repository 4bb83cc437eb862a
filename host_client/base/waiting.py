"""Waiting with a limit, where asyncio.wait_for would not do.

Before Python 3.12 wait_for forgets that it was cancelled where what it waits for happens in the same
turn of the loop: a task that was told to end then goes on for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def happened(event: asyncio.Event, seconds: float) -> bool:
    """Return whether the event was set within so many seconds."""
    if not event.is_set():
        task = asyncio.ensure_future(event.wait())
        try:
            await asyncio.wait([task], timeout=seconds)
        finally:
            task.cancel()
    return event.is_set()


async def within(coroutine: Coroutine[Any, Any, T], seconds: float) -> T:
    """Return what the coroutine returns; asyncio.TimeoutError where it takes longer.

    A result that comes in the same turn as a cancellation is lost: what it holds is the caller's to close.
    """
    task = asyncio.ensure_future(coroutine)
    try:
        await asyncio.wait([task], timeout=seconds)
        if not task.done():
            raise asyncio.TimeoutError
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
        elif not task.cancelled():
            task.exception()  # nobody may be left to hear of it
