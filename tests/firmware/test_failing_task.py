"""A task that makes no result, and a switch away from it."""

from __future__ import annotations

from pathlib import Path

from tests.virtual_board.scripts import run_script

SCRIPT = """
import asyncio, time
from firmware_app.run.switcher import Switcher

class Camera:
    broken = False

class Engine:
    camera = Camera()
    processed = 7
    failing = False

class Clock:
    def ms(self):
        return time.ticks_ms()

class Switch:
    _until = Switcher._until
    _engine = Engine()
    _clock = Clock()

async def frames():
    # As Engine.run() does where each frame fails: an inference, then a pause.
    for _ in range(3):
        time.sleep_ms(60)
        Switch._engine.failing = True
        await asyncio.sleep_ms(20)
    print("no end")

async def main():
    task = asyncio.create_task(frames())
    await Switcher._next_result(Switch())
    task.cancel()
    print("failing", Switch._engine.failing)

asyncio.run(main())
"""


def test_a_switch_does_not_wait_for_results_of_a_task_that_makes_none(tmp_path: Path) -> None:
    run = run_script(tmp_path, SCRIPT, camera="none")
    assert run.lines[-1] == "failing True" and "no end" not in run.lines, run.lines
