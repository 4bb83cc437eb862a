"""Changes the running task: a transaction that leaves the old one running unless all goes well.

Read and check, load the new model beside the old (or after it, where memory is short), try it on a
real frame, commit between two frames, give the old one's memory back. docs/switching.md tells why.
"""

import asyncio
import gc
import sys

from firmware_app.base.errors import CommandError, TaskError, ide_connects
from firmware_app.base.problems import OLD_TASK, SAFE_MODE, TASK, UNSAVED
from firmware_app.card.configuration import shown, task_path
from firmware_app.run.trial import Trial
from firmware_app.settings.reader import SettingsError
from firmware_app.settings.schema import is_name
from firmware_app.tasks.prepare import prepare_task

_IDLE_MS = 3000  # without a frame: there is nothing to wait for
_TURN_MS = 10  # of a turn of the loop that count as idle; what is longer was a frame's work
_START_MS = 5  # between looks whether the first task is there
_SPARE = 2097152  # bytes of media memory that must stay free beside a new model


class Switcher:
    """Which task runs, why none does, and how another one comes to run."""

    def __init__(self, service) -> None:
        self._service = service
        self._problems = service.problems
        self.name = ""  # of the running task
        self.settings = None  # of the running task, as Settings
        self.busy = False
        self._starting = False  # the first task is being loaded
        self.reading = None  # called with the path of every task YAML that is about to be used

    def _read(self, name: str):
        if not is_name(name):
            raise TaskError(
                "task: expected the name of a file in configs/tasks without .yaml, found %s"
                % name[:64]
            )
        path = task_path(name)
        if self.reading is not None:
            self.reading(path)
        try:
            return self._service.configuration.read_task(name)
        except OSError:
            raise TaskError("%s: expected the file on the card, found none" % shown(path))
        except SettingsError as error:
            raise TaskError(str(error))

    async def start(self, name) -> None:
        """Load the first task; where that fails, the one that ran last, else none; say why."""
        service = self._service
        if not name:
            if TASK not in self._problems.codes():
                self._problems.set(TASK, "configs/service.yaml: no task is set")
            return
        self.busy = self._starting = True
        told = ""
        tried: list = []
        try:
            before, old = service.configuration.ran()
            # What should run; else what ran, as the card has it, or as it ran.
            for each, remembered in ((name, None), (before, None), (before, old)):
                try:
                    values = remembered or (self._read(each) if each else None)
                    if values is None or (each, values.source) in tried:
                        continue
                    tried.append((each, values.source))
                    await self._first(each, values)
                    break
                except (TaskError, MemoryError) as error:
                    told = told or _sentence(name, error)
                    gc.collect()
            else:
                self._problems.set(TASK, told)
                return
            if told:
                self._problems.set(OLD_TASK, "%s; task %s runs as it did before" % (told, each))
        finally:
            self.busy = self._starting = False

    async def _first(self, name: str, values) -> None:
        prepared = await self._guarded(values, prepare_task(values.values, self._pause))
        task = await self._guarded(values, prepared.load(self._pause))
        self._commit(Trial(task, name, values))
        try:
            self._service.configuration.remember_ran(name, values)
        except CommandError:
            pass  # said at the next switch: nothing was changed

    async def _guarded(self, values, work):
        """Await a part of making a task; whatever goes wrong is a TaskError or a MemoryError."""
        try:
            return await work
        except (TaskError, MemoryError):
            raise
        except OSError as error:
            raise TaskError("%s: a file of the package can't be read: %s" % (values.name, error))
        except Exception as error:  # a package from outside must not take the running task along
            if ide_connects(error):
                raise
            sys.print_exception(error)
            raise TaskError(
                "%s: the task can't be made: %s: %s" % (values.name, type(error).__name__, error)
            )

    async def _pause(self) -> None:
        await asyncio.sleep_ms(0)

    async def switch(self, name: str) -> dict:
        """Let another task run; return what happened. CommandError: the old one runs on."""
        while self._starting:  # nobody asked for that one: it is no reason to refuse
            await asyncio.sleep_ms(_START_MS)
        if self.busy:
            raise CommandError("busy", "another switch is under way")
        self.busy = True
        try:
            return await self._switch(name)
        except TaskError as error:
            raise CommandError("failed", str(error))
        finally:
            self.busy = False

    async def _switch(self, name: str) -> dict:
        service = self._service
        engine = service.engine
        values = self._read(name)
        gc.collect()
        answer: dict = {"task": name}
        _memory(answer, "before")
        engine.longest_us = 0
        prepared = None
        trial = None
        try:
            # Files are read while the old task still makes its results, whatever the policy.
            prepared = await self._guarded(values, prepare_task(values.values, self._pause))
            if engine.task is None or service.settings["switch"]["policy"] == "beside":
                room = _room if engine.task is not None else None
                task = await self._guarded(values, prepared.load(self._pause, room))
                trial = await self._beside(Trial(task, name, values))
        except MemoryError as error:
            if engine.task is None:
                raise TaskError(_sentence(name, error))
            service.log.warning("the memory does not hold both models: the old one goes first")
            task = None
            gc.collect()
        if trial is None:
            trial = await self._replace(name, values, prepared)
        prepared = None
        gc.collect()
        service.boots.leave_safe_mode()
        lost = ""
        try:
            service.configuration.remember_task(name, values)
        except CommandError as error:
            lost = "task %s will not run again after a power loss: %s" % (name, error)
        self._problems.set(UNSAVED, lost)
        trial.report(answer)
        # The longest time between two results, loading included: load_kmodel holds the interpreter.
        answer["pause_ms"] = engine.longest_us // 1000
        _memory(answer, "after")
        return answer

    async def _beside(self, trial: Trial) -> Trial:
        old = self._service.engine.task
        gc.collect()  # now, rather than in the frame that makes the gap
        try:
            await self._try(trial)
        except (TaskError, MemoryError):
            trial.task.release()
            raise
        if old is not None:
            old.release()
        return trial

    async def _replace(self, name: str, values, prepared) -> Trial:
        """Give the old model's memory back, then load the new one; the old comes back where that fails."""
        engine = self._service.engine
        gc.collect()  # now, rather than in the gap
        await self._next_result()  # the gap begins behind a result, not in front of one
        old = engine.task
        made_of = old.packages
        engine.set_task(None, {})
        old.release()
        old = None
        task = None
        try:
            if prepared is None:
                prepared = await self._guarded(values, prepare_task(values.values, self._pause))
            task = await self._guarded(values, prepared.load(self._pause))
            trial = Trial(task, name, values)
            await self._try(trial)
            return trial
        except (TaskError, MemoryError) as error:
            if task is not None:
                task.release()
            task = prepared = None
            gc.collect()
            await self._back(made_of)
            raise TaskError(_sentence(name, error))

    async def _back(self, made_of: list) -> None:
        """Load the task again that ran before, as the generation that it had where its packages are the same."""
        try:
            values = self.settings
            prepared = await self._guarded(values, prepare_task(values.values, self._pause))
            task = await self._guarded(values, prepared.load(self._pause))
            if [each.__dict__ for each in task.packages] == [each.__dict__ for each in made_of]:
                self._service.engine.restore(task, values.values)
            else:  # something else was pushed under their names meanwhile
                self._commit(Trial(task, self.name, values))
        except (TaskError, MemoryError) as error:
            self._problems.set(TASK, "the task that ran before can't be loaded again: %s" % error)
            self.name = ""
            self.settings = None
            self._service.publisher.set_model(None)

    async def _try(self, trial: Trial) -> None:
        """Let the engine make the trial's first result of a real frame; TaskError where it can't."""
        engine = self._service.engine
        camera = engine.camera
        if camera is not None and not camera.broken:
            try:
                trial.plan = trial.task.plan(
                    trial.settings.values, camera.width, camera.height, True
                )
            except (TaskError, RuntimeError, ValueError) as error:
                raise TaskError("the camera's frames can't be scaled: %s" % error)
            if engine.task is not None:
                # load_kmodel held everybody up: the old task makes good for it first, so that
                # loading and trying don't add up to one long gap.
                await self._next_result()
            engine.trial = trial
            await self._until(lambda: trial.done)
            trial.check()
            if trial.done:
                return
            engine.trial = None
        # No camera, or one without frames: a grey picture shows at least whether the model runs.
        engine.try_grey(trial)
        trial.check()
        self._commit(trial)

    async def _next_result(self) -> None:
        engine = self._service.engine
        if engine.camera is not None and not engine.camera.broken:
            made = engine.processed
            await self._until(lambda: engine.processed != made)

    async def _until(self, condition) -> None:
        """Return when condition() holds, or when the loop had nothing to do for _IDLE_MS."""
        clock = self._service.clock
        idle = 0
        last = clock.ms()
        while not condition() and idle < _IDLE_MS:
            await asyncio.sleep_ms(1)
            now = clock.ms()
            idle += min(_TURN_MS, now - last)
            last = now

    def _commit(self, trial: Trial) -> None:
        self._service.engine.set_task(trial.task, trial.settings.values)
        self.committed(trial)
        self.tell(trial)

    def committed(self, trial: Trial) -> None:
        """The trial's task makes the results from now on: say so to everybody, before its first result."""
        service = self._service
        trial.generation = service.engine.generation
        self.name = trial.name
        self.settings = trial.settings
        service.publisher.set_model(service.model_message())
        service.publisher.event(
            "switched",
            {"task": trial.name, "generation": service.engine.generation},
            service.clock.ms(),
        )
        for code in (TASK, SAFE_MODE, OLD_TASK):
            self._problems.clear(code)

    def tell(self, trial: Trial) -> None:
        """The log's part of it, which need not make the first result wait."""
        log = self._service.log
        for warning in trial.task.warnings:
            log.warning(warning)
        log.info("task %s runs: %s" % (trial.name, trial.task.name))


def _room(size: int) -> None:
    """Raise MemoryError where the media memory does not hold a model of so many bytes as well."""
    if hasattr(gc, "sys_mmz") and gc.sys_mmz()[2] < size + size // 2 + _SPARE:
        raise MemoryError


def _sentence(name: str, error) -> str:
    if isinstance(error, MemoryError):
        return "%s: the board's memory does not hold the model" % shown(task_path(name))
    return str(error)


def _memory(answer: dict, when: str) -> None:
    answer["heap_" + when] = gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0
    if hasattr(gc, "sys_mmz"):
        answer["mmz_" + when] = gc.sys_mmz()[1]
