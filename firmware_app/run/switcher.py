"""Changes the running task: a transaction that leaves the old one running unless all goes well.

Read and check, load the new model beside the old (or after it, where memory is short), try it on a
real frame, commit between two frames, give the old one's memory back. docs/switching.md tells why.
"""

import asyncio
import gc

from firmware_app.base import console
from firmware_app.base.errors import CommandError, NoSuchTask, TaskError, ide_connects
from firmware_app.base.pause import pause, set_event, until
from firmware_app.base.problems import OLD_TASK, TASK, UNSAVED
from firmware_app.board import memory
from firmware_app.card.boots import LOAD
from firmware_app.card.configuration import shown, task_path
from firmware_app.run.running import Running
from firmware_app.run.trial import Trial
from firmware_app.settings.reader import SettingsError
from firmware_app.settings.schema import is_name
from firmware_app.tasks.prepare import prepare_task

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.base.clock import Clock
    from firmware_app.base.log import Log
    from firmware_app.base.problems import Problems
    from firmware_app.card.boots import Boots
    from firmware_app.card.configuration import Configuration
    from firmware_app.card.watch import Watched
    from firmware_app.run.engine import Engine
    from firmware_app.settings.reader import Settings
    from firmware_app.tasks.base import Task
    from firmware_app.tasks.prepare import Prepared

_IDLE_MS = 3000  # without a frame: there is nothing to wait for
_TURN_MS = 10  # of a turn of the loop that count as idle; what is longer was a frame's work


class Switcher:
    """Which task runs, why none does, and how another one comes to run."""

    def __init__(
        self,
        engine: "Engine",
        configuration: "Configuration",
        watched: "Watched",
        boots: "Boots",
        problems: "Problems",
        log: "Log",
        clock: "Clock",
    ) -> None:
        self._engine = engine
        self._configuration = configuration
        self._watched = watched
        self._boots = boots
        self._problems = problems
        self._log = log
        self._clock = clock
        self.idle = set_event()  # cleared while a switch runs
        self._started = set_event()  # cleared while the first task is being loaded

    def hold(self) -> None:
        """Let no switch begin: it waits, as for the first task."""
        self.idle.clear()
        self._started.clear()

    def let_go(self) -> None:
        """Undo hold()."""
        self.idle.set()
        self._started.set()

    def _read(self, name: str) -> "Settings":
        if not is_name(name):
            raise TaskError(
                "task: expected the name of a file in configs/tasks without .yaml, found %s"
                % name[:64]
            )
        path = task_path(name)
        self._watched.note(path)
        try:
            return self._configuration.read_task(name)
        except OSError:
            raise NoSuchTask("%s: expected the file on the card, found none" % shown(path))
        except SettingsError as error:
            raise TaskError(str(error))

    async def start(self, name) -> None:
        """Load the first task; where that fails, the one that ran last, else none; say why."""
        if not name:
            if TASK not in self._problems.codes():
                self._problems.set(TASK, "configs/service.yaml: no task is set")
            return
        self.idle.clear()
        self._started.clear()
        told = ""
        tried: list = []
        try:
            before, old = self._configuration.ran()
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
            self.idle.set()
            self._started.set()

    async def _first(self, name: str, values: "Settings") -> None:
        self._commit(Trial(await self._load(values), name, values))
        try:
            self._configuration.remember_ran(name, values)
        except CommandError as error:
            # The card's own YAML counts at the next start; only where that can't run it would be missed.
            self._problems.set(UNSAVED, "task %s is not kept as it runs: %s" % (name, error))

    async def _guarded(self, values: "Settings", work):
        """Await a part of making a task; each failure becomes a TaskError or a MemoryError."""
        try:
            return await work
        except (TaskError, MemoryError):
            raise
        except OSError as error:
            raise TaskError("%s: a file of the package can't be read: %s" % (values.name, error))
        except Exception as error:  # a package from outside must not take the running task along
            if ide_connects(error):
                raise
            console.exception(error)
            raise TaskError(
                "%s: the task can't be made: %s: %s" % (values.name, type(error).__name__, error)
            )

    async def _load(self, values: "Settings") -> "Task":
        prepared = await self._guarded(values, prepare_task(values.values, pause))
        return await self._made(values, prepared)

    async def _made(self, values: "Settings", prepared: "Prepared") -> "Task":
        phase = "%s %s" % (LOAD, prepared.mark())
        self._boots.enter(phase)
        good = False
        try:
            task: "Task" = await self._guarded(values, prepared.load(pause))
            good = True
            return task
        finally:
            self._boots.leave(phase, good)

    async def switch(self, name: str) -> dict:
        """Let another task run; return what happened. CommandError: the old one runs on."""
        await until(self._started)  # no client asked for that one: it is no reason to refuse
        if not self.idle.is_set():
            raise CommandError("busy", "another switch is in progress")
        self.idle.clear()
        try:
            return await self._switch(name)
        except NoSuchTask as error:
            raise CommandError("not_found", str(error))
        except TaskError as error:
            raise CommandError("failed", str(error))
        finally:
            self.idle.set()

    async def _switch(self, name: str) -> dict:
        engine = self._engine
        values = self._read(name)
        gc.collect()
        answer: dict = {"task": name}
        _memory(answer, "before")
        engine.measure_longest()
        prepared = None
        trial = None
        try:
            # Files are read while the old task still makes its results, with each policy.
            prepared = await self._guarded(values, prepare_task(values.values, pause))
            alone = engine.running.task is None
            if alone or self._configuration.values["switch"]["policy"] == "beside":
                task = await self._made(values, prepared)
                trial = await self._beside(Trial(task, name, values))
        except MemoryError as error:
            if engine.running.task is None:
                raise TaskError(_sentence(name, error))
            why = str(error) or "not enough memory"
            self._log.warning(
                "the memory does not hold both models (%s): the old one goes first" % why
            )
            task = None
            gc.collect()
        if trial is None:
            trial = await self._replace(name, values, prepared)
        prepared = None
        gc.collect()
        self._boots.leave_safe_mode()
        lost = ""
        try:
            self._configuration.remember_task(name, values)
        except CommandError as error:
            lost = "task %s will not run again after a power loss: %s" % (name, error)
        self._problems.set(UNSAVED, lost)
        trial.report(answer)
        # The longest time between two results, loading included: load_kmodel holds the interpreter.
        answer["pause_ms"] = engine.longest_us // 1000
        _memory(answer, "after")
        return answer

    async def _beside(self, trial: Trial) -> Trial:
        old = self._engine.running.task
        gc.collect()  # now, rather than in the frame that makes the gap
        try:
            await self._try(trial)
        except (TaskError, MemoryError):
            trial.task.release()
            raise
        if old is not None:
            old.release()
        return trial

    async def _replace(self, name: str, values: "Settings", prepared: "Prepared | None") -> Trial:
        """Give the old model's memory back, then load the new one; the old comes back where that fails."""
        engine = self._engine
        gc.collect()  # now, rather than in the gap
        if prepared is not None and engine.running.task is not None:
            freed = sum([model.needs.loaded for model in engine.running.task.models])
            try:
                memory.need_models_after(prepared.footprints, freed)
            except memory.MemoryShort as error:  # no need to stop the old one for that
                raise TaskError(_sentence(name, error))
        await self._next_result()  # the gap begins after a result, not before one
        old = engine.running.task
        made_of = old.packages
        before = engine.running.with_task(None)
        engine.replace(before)
        old.release()
        old = None
        task = None
        try:
            if prepared is None:
                task = await self._load(values)
            else:
                task = await self._made(values, prepared)
            trial = Trial(task, name, values)
            await self._try(trial)
            return trial
        except (TaskError, MemoryError) as error:
            if task is not None:
                task.release()
            task = prepared = None
            gc.collect()
            await self._back(before, made_of)
            raise TaskError(_sentence(name, error))

    async def _back(self, before: Running, made_of: list) -> None:
        """Load the task again that ran before, as the generation that it had where its packages are the same."""
        try:
            task = await self._load(before.settings)
            if [each.__dict__ for each in task.packages] == [each.__dict__ for each in made_of]:
                self._engine.replace(before.with_task(task))
            else:  # something else was pushed under their names meanwhile
                self._commit(Trial(task, before.name, before.settings))
        except (TaskError, MemoryError) as error:
            self._problems.set(TASK, "the task that ran before can't be loaded again: %s" % error)
            self._engine.replace(Running("", None, None, before.generation))

    async def _try(self, trial: Trial) -> None:
        """Let the engine make the trial's first result of a real frame; TaskError where it can't."""
        engine = self._engine
        camera = engine.camera
        if camera is not None and not camera.broken:
            try:
                trial.plan = trial.task.plan(
                    trial.settings.values, camera.width, camera.height, True
                )
            except (TaskError, RuntimeError, ValueError) as error:
                raise TaskError("the camera's frames can't be scaled: %s" % error)
            if engine.running.task is not None:
                # load_kmodel held everybody up: the old task makes good for it first, so that
                # loading and trying don't add up to one long gap.
                await self._next_result()
            engine.offer(trial)
            await self._until(lambda: trial.done)
            trial.check()
            if trial.done:
                self._tell(trial)
                return
            engine.withdraw()
        # No camera, or one without frames: a grey picture shows at least whether the model runs.
        engine.try_grey(trial)
        trial.check()
        self._commit(trial)

    async def _next_result(self) -> None:
        """Return after the next result; a task that fails makes none."""
        engine = self._engine
        if engine.camera is not None and not engine.camera.broken:
            made = engine.processed
            await self._until(lambda: engine.processed != made or engine.failing)

    async def _until(self, condition) -> None:
        """Return when condition() holds, or when the loop had nothing to do for _IDLE_MS.

        It polls, to measure the loop's idle time: an inference may take longer than any timeout.
        """
        clock = self._clock
        idle = 0
        last = clock.ms()
        while not condition() and idle < _IDLE_MS:
            await asyncio.sleep_ms(1)
            now = clock.ms()
            idle += min(_TURN_MS, now - last)
            last = now

    def _commit(self, trial: Trial) -> None:
        self._engine.commit(trial)
        self._tell(trial)

    def _tell(self, trial: Trial) -> None:
        """The log's part of a commit, which need not make the first result wait."""
        for warning in trial.task.warnings:
            self._log.warning(warning)
        self._log.info("task %s runs: %s" % (trial.name, trial.task.name))


def _sentence(name: str, error) -> str:
    if isinstance(error, MemoryError):
        why = str(error) or "the board's memory does not hold the model"
        return "%s: %s" % (shown(task_path(name)), why)
    return str(error)


def _memory(answer: dict, when: str) -> None:
    answer["heap_%s_bytes" % when] = gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0
    figures = memory.media()
    if figures is not None:
        answer["mmz_%s_bytes" % when] = figures[1]
