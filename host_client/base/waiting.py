"""Wait with a timeout in cases that asyncio.wait_for gets wrong.

Before Python 3.12, wait_for loses a cancellation that arrives in the same loop iteration as the
result. The cancelled task then never ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def happened(event: asyncio.Event, seconds: float) -> bool:
    """Return whether the event was set before the timeout (seconds)."""
    if not event.is_set():
        task = asyncio.ensure_future(event.wait())
        try:
            await asyncio.wait([task], timeout=seconds)
        finally:
            task.cancel()
    return event.is_set()


async def within(coroutine: Coroutine[Any, Any, T], seconds: float) -> T:
    """Return the coroutine's result; raise asyncio.TimeoutError after the timeout.

    A result that arrives together with a cancellation is lost: the caller closes what it holds.
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
            task.exception()  # retrieved, so that asyncio does not log it
