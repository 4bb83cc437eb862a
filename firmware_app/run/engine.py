"""The way of a frame: camera, ai2d, KPU, decode, publish; and pictures that clients send.

One task of the event loop. The camera's frame is scaled into the task's own tensor at once and
given back, so that the next one is captured while this one is inferred.
"""

import asyncio
import time

from firmware_app.base.errors import CommandError, TaskError
from firmware_app.base.problems import CAMERA, GALLERY, RESULTS
from firmware_app.board import arrays, npu
from firmware_app.board.camera import CameraError
from firmware_app.run.collector import Collector
from firmware_app.run.stages import Stages
from firmware_app.tasks.base import Task

_RETRY_MS = 2000  # between attempts to set a failing camera up again
_IDLE_MS = 20
_SOON_MS = 1
_INTERVALS = 15  # of which the median is the period
_FEW = 5  # intervals from which a median says nothing yet
_WORTH = 66  # a fresher frame may cost a 66th of a frame's time, 1.5 %
_LATE_SHARE = 8  # of the newest wait in their mean
_FORGET = 256
_GREY = (320, 240)  # pixels of the picture for trials without a camera


class Engine:
    """Runs the current task on the camera's frames."""

    def __init__(self, service) -> None:
        self._service = service
        self.task: "Task | None" = None
        self.values: dict = {}  # its settings in force
        self.trial = None  # a task that waits for its first frame (trial.py)
        self.generation = 0
        self._plan = None  # for the camera's frames
        self._picture_plan = None  # for the size of the last picture sent
        self.camera = None
        self.processed = 0  # camera frames that were made into results
        self._failing = False  # the last frame made no result
        self.collector = Collector(lambda: service.settings["memory"])
        self.renewed = 0  # frames given back because a newer one was there
        self._renewed_last = False
        self._holding = False  # the frame in hand is given back after the inference
        self._was_later = False  # the frame before was
        self._late_us = 0  # what such frames are waited for, a running mean
        self._result_us = 0  # when the last result was published
        self._intervals: list = []  # between the latest results, us
        self._last_period_us = 0  # of the task before, while the running one made few results
        self.longest_us = 0  # between two results, since somebody set it to 0
        self._reported: dict = {}  # of the last whole period
        self.stages = Stages()  # of the running statistics period
        self._publish_us = 0  # of the last result
        self._waiting = None  # ticks from which on there has been nothing to do

    @property
    def waiting(self) -> bool:
        """Whether there is nothing to infer now."""
        return self._waiting is not None or self.camera is None or self.task is None

    def stage_times(self) -> dict:
        """Return milliseconds a frame of each stage in the last statistics period."""
        results = max(1, self._reported.get("results", 0))
        return {
            name[:-3]: self._reported[name] / results / 1000
            for name in self._reported
            if name.endswith("_us")
        }

    def statistics(self, period_us: int) -> dict:
        """Return where the time of the period went, and begin a new one."""
        self.stages.gc = self.collector.spent_us
        self.collector.spent_us = 0
        values = self.stages.report(period_us)
        self._reported = values
        camera = self.camera
        values["captured"] = camera.captured if camera is not None else 0
        values["processed"] = self.processed
        values["skipped"] = camera.skipped if camera is not None else 0
        values["heap_floor"] = self.collector.floor
        values["heap_floor_first"] = self.collector.first_floor
        return values

    def set_task(self, task: "Task | None", values: dict) -> None:
        """Let task make the results from the next frame on, as a new generation; None stops them."""
        self.restore(task, values)
        if task is not None:
            self.generation += 1

    def restore(self, task: "Task | None", values: dict) -> None:
        """Let task make the results, as the generation that is announced already."""
        self._plan = None
        self._picture_plan = None
        self.task = task
        self.values = values
        self._failing = False
        problems = self._service.problems
        problems.clear(RESULTS)
        recognition = task.recognition if task is not None else None
        problems.set(GALLERY, recognition.problem if recognition is not None else "")

    def apply(self, values: dict) -> None:
        """Let the running task use changed settings from the next frame on, as a new generation."""
        self.generation += 1
        self.use(values)

    def use(self, values: dict) -> None:
        """Let the running task use settings from the next frame on that change no result."""
        self.values = values
        self._plan = None
        self._picture_plan = None

    def check(self, values: dict) -> None:
        """Raise CommandError where the running task could not work with these settings."""
        camera = self.camera
        if camera is None or self.task is None:
            return
        try:
            self.task.plan(values, camera.width, camera.height, True)
        except (TaskError, npu.NpuError) as error:
            raise CommandError("bad_argument", str(error))

    async def run(self) -> None:
        """Process frames for ever; whatever goes wrong with one is logged and survived."""
        while True:
            camera = self.camera
            if camera is None or (self.task is None and self.trial is None):
                await asyncio.sleep_ms(_SOON_MS if self._service.switcher.busy else _IDLE_MS)
                continue
            if camera.broken:
                await self._revive(camera)
                continue
            image = camera.take()
            if image is None:
                if self._waiting is None:
                    self._waiting = time.ticks_us()
                self.collector.waiting(camera.left_us())
                if not camera.ready:
                    await asyncio.sleep_ms(_SOON_MS)
                continue
            waited = 0
            if self._waiting is not None:
                waited = time.ticks_diff(time.ticks_us(), self._waiting)
                self.stages.wait += waited
                self._waiting = None
            self._waited(waited)
            if self._old(camera):
                camera.release()
                continue
            try:
                if self.trial is not None:
                    self._try(camera, image)
                elif self.task is not None and self._due(camera.seq):
                    self._frame(camera, image)
                else:
                    camera.release()
                if self._failing:
                    self._failing = False
                    self._service.problems.clear(RESULTS)
            except (TaskError, npu.NpuError, RuntimeError, ValueError, MemoryError) as error:
                self._trouble(str(error))
                await asyncio.sleep_ms(_IDLE_MS)
            await self._service.flush()
            await asyncio.sleep_ms(0)
            if self._service.commands.fresh:
                await asyncio.sleep_ms(
                    0
                )  # a command begins between these frames, not the next ones

    def _old(self, camera) -> bool:
        """Return whether this frame waited for longer than one inference and a newer one is sure to be there."""
        spare = camera.age_us() - 2 * camera.period_us - camera.least_us
        if spare <= 0 or self._renewed_last or self._service.settings["priority"] != "latency":
            self._renewed_last = False
            return False
        if spare <= self._period_us() * 3 // 2:
            return False
        self._renewed_last = True  # not twice in a row: a frame is better than none
        self.renewed += 1
        return True

    def _later(self, camera, task) -> bool:
        """Return whether the next frame is to be captured between inference and decoding, not before both.

        It is younger by an inference then, and takes the time of a snapshot, of which decoding and
        publishing (the last result's) hide a part; how well, the waits for such frames tell.
        """
        if task.holds_frame or self._service.settings["priority"] != "latency":
            return False
        cost = camera.least_us - task.decode_us - self._publish_us
        return max(cost, self._late_us) * _WORTH <= task.kpu_us

    def _waited(self, us: int) -> None:
        """A frame was waited for so long."""
        if self._was_later:
            self._late_us += (us - self._late_us) // _LATE_SHARE
        elif self._late_us:
            self._late_us -= self._late_us // _FORGET + 1  # to be tried again in some seconds

    def _let_go(self) -> None:
        """Let the thread fetch the next frame."""
        self._holding = False
        camera = self.camera
        camera.release()
        camera.hand_over()

    def _due(self, seq: int) -> bool:
        """Return whether this frame is one of those that the settings want inferred."""
        return seq % self._service.settings["results"]["every_nth_frame"] == 0

    def _trouble(self, text: str) -> None:
        # A task that fails fails on every frame: the store says it once.
        self._failing = True
        self._service.problems.set(RESULTS, "task %s: %s" % (self.task.name, text))

    def _frame(self, camera, image) -> None:
        """Make a result of this frame with the running task."""
        task = self.task
        try:
            if self._plan is None:
                self._plan = task.plan(self.values, camera.width, camera.height, True)
            plan = self._plan
            seq = camera.seq
            ticks = camera.ticks
            task.take(plan, npu.tensor(arrays.frame_planes(image)))
        except Exception:
            camera.release()
            raise
        image = None
        camera.alternate = task.holds_frame
        later = self._was_later = self._later(camera, task)
        self._holding = True
        if not later:
            self._let_go()
        try:
            fields = task.finish(plan, self._let_go if later else None)
        finally:
            if self._holding:
                self._let_go()
        self._publish(task, seq, ticks, fields)
        self.collector.frame(task.output_bytes)

    def _try(self, camera, image) -> None:
        """Make the first result of the task on trial; where it can't, the running one makes it."""
        trial = self.trial
        self.trial = None
        task = trial.task
        plan = trial.plan
        try:
            task.take(plan, npu.tensor(arrays.frame_planes(image)))
            fields = task.finish(plan)
        except Exception as error:  # a model from outside must not take the running task along
            trial.failed(error)
            trial.done = True
            if self.task is not None:
                self._frame(camera, image)
            else:
                camera.release()
            return
        seq = camera.seq
        ticks = camera.ticks
        image = None
        camera.release()
        trial.first_seq = seq
        trial.period_us = self._period_us()
        self.set_task(task, trial.settings.values)
        self._plan = plan
        self._service.switcher.committed(trial)
        last = self._result_us
        self._publish(task, seq, ticks, fields)
        self._service.switcher.tell(trial)
        trial.gap_us = self._result_us - last if last else None
        self._intervals.clear()  # the gap is no period
        self._last_period_us = trial.period_us
        trial.done = True

    def try_grey(self, trial) -> None:
        """Let the task on trial see a grey picture, where there is no camera; it keeps no result."""
        settings = self._service.settings["camera"]
        task = trial.task
        values = trial.settings.values
        try:
            task.plan(values, settings["width"], settings["height"], True)
            grey = bytearray(3 * _GREY[0] * _GREY[1])
            plan = task.plan(values, _GREY[0], _GREY[1], False)
            task.take(plan, npu.tensor(arrays.planes(grey, _GREY[0], _GREY[1])))
            task.finish(plan)
        except Exception as error:  # a model from outside must not take the running task along
            trial.failed(error)

    def _publish(self, task, seq: int, ticks: int, fields: list) -> None:
        service = self._service
        start = time.ticks_us()
        now_us = service.clock.us()
        time_ms = service.clock.at(ticks) // 1000
        rate = service.settings["results"]["rate_limit"]
        message = [task.result_type, seq, time_ms, self.generation] + fields
        service.publisher.result(message, time_ms, int(1000 / rate) if rate else 0)
        service.pump()
        if self._result_us:
            if len(self._intervals) >= _INTERVALS:
                self._intervals.pop(0)
            self._intervals.append(now_us - self._result_us)
            self.longest_us = max(self.longest_us, now_us - self._result_us)
        self._result_us = now_us
        self.processed += 1
        stages = self.stages
        stages.results += 1
        stages.ai2d += task.ai2d_us
        stages.kpu += task.kpu_us
        stages.decode += task.decode_us
        self._publish_us = time.ticks_diff(time.ticks_us(), start)
        stages.publish += self._publish_us

    def _period_us(self) -> int:
        """Return the median time between results, 0 where there were none."""
        if len(self._intervals) < _FEW and self._last_period_us:
            return self._last_period_us
        if not self._intervals:
            return 0
        return sorted(self._intervals)[len(self._intervals) // 2]

    async def _revive(self, camera) -> None:
        service = self._service
        service.problems.set(CAMERA, camera.problem)
        service.log.warning("the sensor is set up again")
        camera.stop()
        while True:
            try:
                camera.start()
                camera.failures = 0
                return
            except CameraError as error:
                camera.problem = str(error)
                service.problems.set(CAMERA, camera.problem)
            await asyncio.sleep_ms(_RETRY_MS)

    def picture(self, data, width: int, height: int) -> list:
        """Return the result of a picture: planes R, G, B of width x height. CommandError, TaskError."""
        task = self.task
        if task is None:
            raise CommandError("no_task", self._service.problems.why_no_task())
        plan = self._picture_plan
        if plan is None or plan.width != width or plan.height != height:
            plan = task.plan(self.values, width, height, False)
            self._picture_plan = plan
        now = self._service.clock.ms()
        source = npu.tensor(arrays.planes(data, width, height))
        task.take(plan, source)
        fields = task.finish(plan)
        self.collector.frame(task.output_bytes)
        # Pictures have no place among the camera's frames: their number is 0.
        return [task.result_type, 0, now, self.generation] + fields
