"""Runs a test's coroutine with a limit, so that a client that hangs fails the test."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


def run(test: Callable[[], Awaitable[None]], seconds: float = 30) -> None:
    """Run test() in a loop of its own."""

    async def limited() -> None:
        await asyncio.wait_for(asyncio.ensure_future(test()), seconds)

    asyncio.run(limited())
