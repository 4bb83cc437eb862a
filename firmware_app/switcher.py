"""Changes the running task: a transaction that leaves the old one running unless all goes well.

Read and check, load the new model beside the old (or after it, where memory is short), try it on a
real frame, commit between two frames, give the old one's memory back.
"""

import asyncio
import gc
import os

from firmware_app.configuration import SERVICE_YAML, shown, task_path
from firmware_app.errors import CommandError, TaskError
from firmware_app.settings import SettingsError
from firmware_app.tasks import make_task

_TRIAL_MS = 3000  # to wait for a frame to try the new model on


class Trial:
    """A task that waits for its first frame."""

    def __init__(self, task, name: str, values) -> None:
        self.task = task
        self.name = name
        self.settings = values
        self.done = False
        self.error = ""
        # Filled in at the commit.
        self.first_seq = 0
        self.gap_us = 0
        self.period_us = 0


class Switcher:
    """Which task runs, why none does, and how another one comes to run."""

    def __init__(self, service) -> None:
        self._service = service
        self.name = ""  # of the running task
        self.settings = None  # of the running task, as Settings
        self.problem = ""  # why no task runs, or empty
        self._busy = False
        self._seen: dict = {}  # path -> what os.stat said when it was read

    def _read(self, name: str):
        try:
            return self._service.configuration.read_task(name)
        except OSError:
            raise TaskError(
                "%s: expected the file on the card, found none" % shown(task_path(name))
            )
        except SettingsError as error:
            raise TaskError(str(error))

    async def start(self, name) -> None:
        """Load the first task; where that fails, say why and run without."""
        log = self._service.log
        if not name:
            self.problem = self.problem or "configs/service.yaml: task: none is named"
            log.warning("no task: %s" % self.problem)
            return
        self._busy = True
        try:
            values = self._read(name)
            task = await self._make(values)
            self._commit(Trial(task, name, values))
        except TaskError as error:
            self.problem = str(error)
            log.error("no task: %s" % error)
        finally:
            self._busy = False

    async def _make(self, values):
        try:
            return await make_task(values.values, self._pause)
        except OSError as error:
            raise TaskError("%s: a file of the package can't be read: %s" % (values.name, error))

    async def _pause(self) -> None:
        await asyncio.sleep_ms(0)

    async def switch(self, name: str) -> dict:
        """Let another task run; return what happened. CommandError: the old one runs on."""
        if self._busy:
            raise CommandError("busy", "another switch is under way")
        self._busy = True
        try:
            return await self._switch(name)
        except TaskError as error:
            raise CommandError("failed", str(error))
        finally:
            self._busy = False

    async def _switch(self, name: str) -> dict:
        service = self._service
        engine = service.engine
        values = self._read(name)
        before = gc.mem_alloc()
        old = engine.task
        beside = service.settings["switch"]["policy"] == "beside" or old is None
        task = None
        if beside:
            try:
                task = await self._make(values)
            except MemoryError:
                service.log.warning("the memory does not hold both models: the old one goes first")
                gc.collect()
        if task is None:
            task = await self._replace(old, values)
            old = None
        trial = Trial(task, name, values)
        try:
            await self._try(trial)
        except TaskError:
            task.release()
            if old is None:
                await self._back()
            raise
        if old is not None:
            old.release()
        gc.collect()
        try:
            service.configuration.remember_task(name)
        except CommandError as error:
            service.log.warning("task %s is not remembered: %s" % (name, error))
        gap_us = max(0, trial.gap_us - trial.period_us)
        return {
            "task": name,
            "generation": engine.generation,
            "first_seq": trial.first_seq,
            "gap_ms": (gap_us + 500) // 1000,
            "gap_frames": (gap_us + trial.period_us // 2) // trial.period_us
            if trial.period_us
            else 0,
            "heap_before": before,
            "heap_after": gc.mem_alloc(),
            "sha256": "".join(["%02x" % b for b in task.sha256]),
        }

    async def _replace(self, old, values):
        """Give the old model's memory back, then load the new one; the old comes back where that fails."""
        service = self._service
        service.engine.set_task(None)
        if old is not None:
            old.release()
        try:
            return await self._make(values)
        except (TaskError, MemoryError) as error:
            await self._back()
            if isinstance(error, MemoryError):
                raise TaskError("%s: the board's memory does not hold the model" % values.name)
            raise

    async def _back(self) -> None:
        """Load the task again that ran before."""
        if self.settings is None:
            return
        try:
            task = await self._make(self.settings)
            self._service.engine.restore(task)
        except (TaskError, MemoryError) as error:
            self.problem = "the task that ran before can't be loaded again: %s" % error
            self._service.log.error(self.problem)

    async def _try(self, trial: Trial) -> None:
        """Let the engine make the trial's first result of a real frame; TaskError where it can't."""
        service = self._service
        engine = service.engine
        camera = engine.camera
        if camera is not None and not camera.broken:
            engine.trial = trial
            waited = 0
            while not trial.done and waited < _TRIAL_MS:
                await asyncio.sleep_ms(1)
                waited += 1
            if trial.error:
                raise TaskError(trial.error)
            if trial.done:
                return
            engine.trial = None
        # No camera, or one without frames: nothing to try it on.
        self._commit(trial)

    def _commit(self, trial: Trial) -> None:
        self._service.engine.set_task(trial.task)
        self.committed(trial)

    def committed(self, trial: Trial) -> None:
        """The trial's task makes the results from now on: say so to everybody, before its first result."""
        service = self._service
        self.name = trial.name
        self.settings = trial.settings
        self.problem = ""
        for warning in trial.task.warnings:
            service.log.warning(warning)
        service.publisher.set_model(service.model_message())
        service.publisher.event(
            "switched",
            {"task": trial.name, "generation": service.engine.generation},
            service.clock.ms(),
        )
        service.log.info("task %s runs: %s" % (trial.name, trial.task.name))

    def has(self, path: str) -> bool:
        """Return whether this is a setting of the running task."""
        return self.settings is not None and any(
            [field.path == path for field in self.settings.fields]
        )

    def change(self, path: str, value, save: bool) -> None:
        """Change one setting of the running task, effective at the next frame; CommandError."""
        configuration = self._service.configuration
        changed = configuration.changed(self.settings, path, value)
        if save:
            configuration.remember(self.settings, path, changed.get(path))
        self.settings = changed
        self._service.engine.apply(changed.values)

    async def watch(self) -> None:
        """Notice edited YAML for ever: of the running task, and which task service.yaml names."""
        while True:
            period_s = self._service.settings["switch"]["watch_s"]
            await asyncio.sleep(period_s or 5)
            if not period_s or self._busy:
                continue
            try:
                await self._look()
            except CommandError as error:
                self._service.log.error("the edited configuration is not used: %s" % error)
                self._service.publisher.event(
                    "problem", {"text": str(error)}, self._service.clock.ms()
                )

    def _changed(self, path: str) -> bool:
        """Return whether the file differs from when it was looked at last; not at the first look."""
        try:
            stat = os.stat(path)
            now = (stat[6], stat[8])
        except OSError:
            now = None
        first = path not in self._seen
        before = self._seen.get(path)
        self._seen[path] = now
        return not first and now != before and now is not None

    async def _look(self) -> None:
        if self._changed(SERVICE_YAML):
            name = self._service.configuration.reread()
            if name and name != self.name:
                await self.switch(name)
                return
        if self.name and self._changed(task_path(self.name)):
            await self.switch(self.name)
