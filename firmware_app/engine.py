"""The way of a frame: camera, ai2d, KPU, decode, publish; and pictures that clients send.

One task of the event loop. The camera's frame is scaled into the task's own tensor at once and
given back, so that the next one is captured while this one is inferred.
"""

import asyncio
import gc
import time

from firmware_app import arrays, npu
from firmware_app.camera import CameraError
from firmware_app.errors import CommandError, TaskError

_RETRY_MS = 2000  # between attempts to set a failing camera up again
_IDLE_MS = 20
_SOON_MS = 1
_INTERVALS = 15  # of which the median is the period
_FEW = 5  # intervals from which a median says nothing yet
_GREY = (320, 240)  # pixels of the picture for trials without a camera


class Engine:
    """Runs the current task on the camera's frames."""

    def __init__(self, service) -> None:
        self._service = service
        self.task = None
        self.trial = None  # a task that waits for its first frame (switcher.Trial)
        self.generation = 0
        self._plan = None  # for the camera's frames
        self._picture_plan = None  # for the size of the last picture sent
        self.camera = None
        self.frames = 0
        self.problem = ""  # why no results are made, or empty
        self._since_gc = 0
        self._result_us = 0  # when the last result was published
        self._intervals: list = []  # between the latest results, us
        self._last_period_us = 0  # of the task before, while the running one made few results
        self.longest_us = 0  # between two results, since somebody set it to 0
        # Sums of the running statistics period.
        self.stages: dict = {}
        self._clear()

    def _clear(self) -> None:
        self.stages = {
            "frames": 0,
            "wait_us": 0,
            "ai2d_us": 0,
            "kpu_us": 0,
            "decode_us": 0,
            "publish_us": 0,
            "gc_us": 0,
        }

    def statistics(self) -> dict:
        """Return the sums since the last call, and begin anew."""
        sums = self.stages
        self._clear()
        return sums

    def set_task(self, task) -> None:
        """Let task make the results from the next frame on, as a new generation; None stops them."""
        self.restore(task)
        if task is not None:
            self.generation += 1

    def restore(self, task) -> None:
        """Let task make the results, as the generation that is announced already."""
        self._plan = None
        self._picture_plan = None
        self.task = task
        self.problem = ""

    def apply(self, values) -> None:
        """Let the running task use changed settings from the next frame on, as a new generation."""
        self.task.settings = values
        self.generation += 1
        self._plan = None
        self._picture_plan = None

    def check(self, values) -> None:
        """Raise CommandError where the running task could not work with these settings."""
        camera = self.camera
        if camera is None or self.task is None:
            return
        before = self.task.settings
        self.task.settings = values
        try:
            self.task.plan(camera.width, camera.height, True)
        except (TaskError, npu.NpuError) as error:
            raise CommandError("bad_argument", str(error))
        finally:
            self.task.settings = before

    async def run(self) -> None:
        """Process frames for ever; whatever goes wrong with one is logged and survived."""
        while True:
            camera = self.camera
            if camera is None or (self.task is None and self.trial is None):
                await asyncio.sleep_ms(_IDLE_MS)
                continue
            if camera.broken:
                await self._revive(camera)
                continue
            image = camera.take()
            if image is None:
                await asyncio.sleep_ms(_SOON_MS)
                continue
            try:
                if self.trial is not None:
                    self._try(camera, image)
                elif self.task is not None and self._due(camera.seq):
                    self._frame(camera, image)
                else:
                    camera.release()
                self.problem = ""
            except (TaskError, npu.NpuError, RuntimeError, ValueError, MemoryError) as error:
                self._trouble(str(error))
                await asyncio.sleep_ms(_IDLE_MS)
            self._collect()
            await self._service.flush()
            await asyncio.sleep_ms(0)

    def _due(self, seq: int) -> bool:
        """Return whether this frame is one of those that the settings want inferred."""
        return seq % self._service.settings["results"]["every_nth_frame"] == 0

    def _trouble(self, text: str) -> None:
        # A task that fails fails on every frame: say it once.
        if text != self.problem:
            self.problem = text
            self._service.log.error("task %s: %s" % (self.task.name, text))
            self._service.publisher.event("problem", {"text": text}, self._service.clock.ms())

    def _frame(self, camera, image) -> None:
        """Make a result of this frame with the running task."""
        task = self.task
        try:
            if self._plan is None:
                self._plan = task.plan(camera.width, camera.height, True)
            plan = self._plan
            seq = camera.seq
            ticks = camera.ticks
            self.stages["wait_us"] += camera.waited_us
            task.take(plan, npu.tensor(arrays.frame_planes(image, camera.width, camera.height)))
            if task.holds_frame:
                fields = task.finish(plan)
        finally:
            image = None
            camera.release()
        if not task.holds_frame:
            fields = task.finish(plan)
        self._publish(task, seq, ticks, fields)

    def _try(self, camera, image) -> None:
        """Make the first result of the task on trial; where it can't, the running one makes it."""
        trial = self.trial
        self.trial = None
        task = trial.task
        try:
            plan = task.plan(camera.width, camera.height, True)
            task.take(plan, npu.tensor(arrays.frame_planes(image, camera.width, camera.height)))
            fields = task.finish(plan)
        except (TaskError, npu.NpuError, RuntimeError, ValueError, MemoryError) as error:
            trial.error = "the first inference failed: %s" % error
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
        self.set_task(task)
        self._plan = plan
        self._service.switcher.committed(trial)
        last = self._result_us
        self._publish(task, seq, ticks, fields)
        trial.gap_us = self._result_us - last if last else None
        self._intervals.clear()  # the gap is no period
        self._last_period_us = trial.period_us
        trial.done = True

    def try_grey(self, trial) -> None:
        """Let the task on trial see a grey picture, where there is no camera; it keeps no result."""
        settings = self._service.settings["camera"]
        task = trial.task
        try:
            task.plan(settings["width"], settings["height"], True)
            grey = bytearray(3 * _GREY[0] * _GREY[1])
            plan = task.plan(_GREY[0], _GREY[1], False)
            task.take(plan, npu.tensor(arrays.planes(grey, _GREY[0], _GREY[1])))
            task.finish(plan)
        except (TaskError, npu.NpuError, RuntimeError, ValueError, MemoryError) as error:
            trial.error = "the first inference failed: %s" % error

    def _publish(self, task, seq: int, ticks: int, fields: list) -> None:
        service = self._service
        start = time.ticks_us()
        now_us = service.clock.us()
        time_ms = service.clock.at(ticks) // 1000
        rate = service.settings["results"]["rate_limit"]
        message = [task.kind, seq, time_ms, self.generation] + fields
        service.publisher.result(message, time_ms, int(1000 / rate) if rate else 0)
        service.pump()
        if self._result_us:
            if len(self._intervals) >= _INTERVALS:
                self._intervals.pop(0)
            self._intervals.append(now_us - self._result_us)
            self.longest_us = max(self.longest_us, now_us - self._result_us)
        self._result_us = now_us
        self.frames += 1
        stages = self.stages
        stages["frames"] += 1
        stages["ai2d_us"] += task.ai2d_us
        stages["kpu_us"] += task.kpu_us
        stages["decode_us"] += task.decode_us
        stages["publish_us"] += time.ticks_diff(time.ticks_us(), start)

    def _period_us(self) -> int:
        """Return the median time between results, 0 where there were none."""
        if len(self._intervals) < _FEW and self._last_period_us:
            return self._last_period_us
        if not self._intervals:
            return 0
        return sorted(self._intervals)[len(self._intervals) // 2]

    def _collect(self) -> None:
        # ulab's arrays lie outside the heap and are freed by finalisers only: without regular
        # collections the memory of many frames piles up.
        self._since_gc += 1
        if self._since_gc >= self._service.settings["memory"]["collect_frames"]:
            start = time.ticks_us()
            gc.collect()
            self._since_gc = 0
            self.stages["gc_us"] += time.ticks_diff(time.ticks_us(), start)

    async def _revive(self, camera) -> None:
        service = self._service
        service.log.warning("%s; the sensor is set up again" % camera.problem)
        camera.stop()
        while True:
            try:
                camera.start()
                camera.failures = 0
                return
            except CameraError as error:
                self.problem = str(error)
                service.log.error(str(error))
            await asyncio.sleep_ms(_RETRY_MS)

    def picture(self, data, width: int, height: int) -> list:
        """Return the result of a picture: planes R, G, B of width x height. CommandError, TaskError."""
        task = self.task
        if task is None:
            raise CommandError("no_task", self._service.switcher.problem or "no task is running")
        plan = self._picture_plan
        if plan is None or plan.width != width or plan.height != height:
            plan = task.plan(width, height, False)
            self._picture_plan = plan
        now = self._service.clock.ms()
        source = npu.tensor(arrays.planes(data, width, height))
        task.take(plan, source)
        fields = task.finish(plan)
        self._collect()
        # Pictures have no place among the camera's frames: their number is 0.
        return [task.kind, 0, now, self.generation] + fields
