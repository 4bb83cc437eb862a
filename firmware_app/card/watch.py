"""Notices YAML that somebody edited or replaced on the card, and lets it take effect.

Watched are service.yaml and the YAML of the task that runs, and of the one that should. Contents are compared,
not times: FAT keeps times in steps of two seconds, and a PC may write with another clock.
"""

import asyncio
import hashlib

from firmware_app.base.errors import CommandError
from firmware_app.base.problems import OLD_TASK, SETTINGS
from firmware_app.card.configuration import MAX_CONFIG, SERVICE_YAML, task_path

_QUIET_MS = 300  # what is still being written differs after so long
_OFF_S = 5  # between looks at whether watching was switched on
_UNUSED = "the edited configuration is not used: %s"


def _digest(path: str):
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read(MAX_CONFIG + 1)).digest()
    except OSError:
        return None


class CardWatch:
    """What the watched files were when they were used last."""

    def __init__(self, service) -> None:
        self._service = service
        self._problems = service.problems
        self._seen: dict = {}  # path -> digest
        service.switcher.reading = self.note

    def note(self, path: str) -> None:
        """The file is about to be read and used: only later edits count."""
        self._seen[path] = _digest(path)

    async def run(self) -> None:
        """Look for ever."""
        # Also of a task that was not started: in safe mode only an edit is a reason to try it again.
        for path in (SERVICE_YAML, task_path(self._service.configuration.task or "")):
            if path not in self._seen:
                self._seen[path] = _digest(path)
        while True:
            period_s = self._service.settings["switch"]["watch_s"]
            await asyncio.sleep(period_s or _OFF_S)
            if not period_s or self._service.switcher.busy:
                continue
            try:
                await self._look()
            except CommandError as error:
                self._problems.set(OLD_TASK, _UNUSED % error)

    async def _edited(self, path: str) -> bool:
        """Return whether the file holds something new, and all of it by now."""
        now = _digest(path)
        if now is None or now == self._seen.get(path):
            return False
        await asyncio.sleep_ms(_QUIET_MS)
        if _digest(path) != now or self._service.switcher.busy:
            return False  # next time
        self._seen[path] = now
        return True

    async def _look(self) -> None:
        service = self._service
        switcher = service.switcher
        if await self._edited(SERVICE_YAML):
            try:
                name, later = service.configuration.reread()
            except CommandError as error:
                self._problems.set(SETTINGS, _UNUSED % error)
                return
            self._problems.clear(SETTINGS)
            if later:
                service.log.warning(
                    "configs/service.yaml: takes effect at the next start: %s" % ", ".join(later)
                )
            if name and name != switcher.name:
                await switcher.switch(name)
                return
            self._problems.clear(OLD_TASK)
        # The task that runs, and the one that should and could not.
        for name in (switcher.name, service.configuration.task):
            if not name or not await self._edited(task_path(name)):
                continue
            # Looking took its time: a switch may have come and gone meanwhile.
            if name in (switcher.name, service.configuration.task):
                await switcher.switch(name)
            return
