"""How work waits: in small pieces that let the others go on, and for events."""

import asyncio
import time

if 0:  # for type checkers; mpy-cross leaves it out
    from typing import Any

_core: "Any" = getattr(asyncio, "core", None)  # MicroPython's own loop
if not hasattr(_core, "_task_queue"):
    _core = None

_WORK_MS = 5  # of work between two frames

_paused: list[int] = [0]  # when any work paused last, time.ticks_ms()


async def pause() -> None:
    """Let frames, links and other commands go on, where this work has had its time."""
    if time.ticks_diff(time.ticks_ms(), _paused[0]) >= _WORK_MS:
        await asyncio.sleep_ms(0)
        _paused[0] = time.ticks_ms()


def others_due() -> bool:
    """Return whether another task of the loop would run now, where the caller let it.

    A turn of the loop in which no other task is due costs as much as sealing a result.
    """
    if _core is None:
        return True  # a loop of another make: nobody knows
    first = _core._task_queue.peek()
    return first is not None and _core.ticks_diff(first.ph_key, _core.ticks()) <= 0


async def until(event: asyncio.Event) -> None:
    """Return while the event is set; another one that waited may have cleared it again before."""
    while not event.is_set():
        await event.wait()


def set_event() -> asyncio.Event:
    """Return an event that is set."""
    event = asyncio.Event()
    event.set()
    return event
