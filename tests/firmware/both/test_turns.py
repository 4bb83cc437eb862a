"""Whether another task of the loop is due: the engine gives a turn only then."""

import asyncio
import sys
import time

from firmware_app.base.pause import others_due

KNOWN = sys.implementation.name == "micropython"  # a loop of another make is asked each time


async def _wait(ms, done):
    await asyncio.sleep(ms / 1000)
    done.append(ms)


def _at(steps):
    """Run steps, a coroutine function, in a loop; it returns what others_due() said."""
    return asyncio.run(steps())


def test_alone_nobody_is_due():
    async def steps():
        return others_due()

    assert _at(steps) is not KNOWN


def test_a_new_task_is_due_until_it_waits():
    async def steps():
        done = []
        task = asyncio.create_task(_wait(50, done))
        said = [others_due()]
        await asyncio.sleep(0)
        said.append(others_due())
        await asyncio.sleep(0.02)
        said.append(others_due())
        await task
        return said + done

    assert _at(steps) == [True, not KNOWN, not KNOWN, 50]


def test_a_task_is_due_when_its_time_or_its_event_has_come():
    async def steps():
        event = asyncio.Event()

        async def waits():
            await event.wait()

        tasks = [asyncio.create_task(waits()), asyncio.create_task(_wait(10, []))]
        await asyncio.sleep(0)
        said = [others_due()]
        event.set()
        said.append(others_due())
        await asyncio.sleep(0)
        await tasks[0]
        time.sleep(0.03)  # the other task's time comes meanwhile
        said.append(others_due())
        await tasks[1]
        return said

    assert _at(steps) == [not KNOWN, True, True]
