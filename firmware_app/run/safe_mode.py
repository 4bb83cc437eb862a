"""Safe mode tries its task again by itself: after a while, and when what may have been missing is there.

Each try that crashed makes the next one wait twice as long. A native fault may leave a board that only
its power switch starts again, so a try must stay rare; meanwhile the links are open.
"""

import asyncio

from firmware_app.base.problems import SAFE_MODE
from firmware_app.card import boots as record

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.base.clock import Clock
    from firmware_app.base.log import Log
    from firmware_app.base.problems import Problems
    from firmware_app.card.boots import Boots
    from firmware_app.run.engine import Engine
    from firmware_app.run.switcher import Switcher

_MOST_S = 21600  # between two tries
_LOOK_MS = 500


class SafeMode:
    """Waits in safe mode for a reason to try again."""

    def __init__(
        self,
        boots: "Boots",
        engine: "Engine",
        switcher: "Switcher",
        problems: "Problems",
        log: "Log",
        clock: "Clock",
    ) -> None:
        self._boots = boots
        self._engine = engine
        self._switcher = switcher
        self._problems = problems
        self._log = log
        self._clock = clock

    def say(self, task: str, wait_s: int) -> None:
        """Let `status` name the reason, and how the board leaves safe mode."""
        what = {record.LOAD: "while task %s was loaded", record.RUN: "in the first run of task %s"}
        during = what.get(self._boots.blamed, "with task %s") % task
        if self._boots.blamed == record.CAMERA:
            during = "while the camera was set up"
        again = "; the board tries again in %d min" % ((wait_s + 59) // 60) if wait_s else ""
        text = "%d starts crashed %s%s; switch to a task to leave safe mode"
        self._problems.set(SAFE_MODE, text % (self._boots.early, during, again))

    def wait_s(self, retry_s: int, limit: int) -> int:
        """Return how long to wait for the next try, 0 for ever; limit: crashes that lead to safe mode."""
        return min(_MOST_S, retry_s << min(16, max(0, self._boots.early - limit)))

    async def run(self, task: str, wait_s: int, open_camera) -> None:
        """Wait, then start the task; open_camera(): called for a try where no camera was opened."""
        start = self._clock.ms()
        camera = self._engine.camera
        missing = camera is not None and camera.broken
        while self._boots.safe:
            await asyncio.sleep_ms(_LOOK_MS)
            late = wait_s and self._clock.ms() - start >= wait_s * 1000
            back = missing and camera is not None and not camera.broken
            if self._boots.safe and (late or back or self._boots.anew):
                self._log.info("safe mode: task %s is tried again" % task)
                self._boots.try_again()
                await self._switcher.start(task)
                self._problems.clear(SAFE_MODE)
                if self._engine.camera is None:
                    open_camera()
