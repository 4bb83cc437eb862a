"""The way of a frame: camera, ai2d, KPU, decode, publish; and pictures that clients send.

One task of the event loop. The camera's frame is scaled into the task's own tensor at once and
given back, so that the next one is captured while this one is inferred.
"""

import asyncio
from builtins import len  # found sooner than where it is built in
from time import ticks_diff, ticks_us  # found sooner than in their module

from firmware_app.base.errors import CameraError, CommandError, TaskError, ide_connects
from firmware_app.base.pause import others_due
from firmware_app.base.problems import CAMERA, GALLERY, MEMORY, OLD_TASK, RESULTS, SAFE_MODE, TASK
from firmware_app.board import arrays, npu
from firmware_app.card.boots import CAMERA as CAMERA_PHASE
from firmware_app.card.boots import RUN, mark
from firmware_app.run.collector import Collector
from firmware_app.run.running import Running
from firmware_app.run.stages import Stages

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.base.clock import Clock
    from firmware_app.base.log import Log
    from firmware_app.base.problems import Problems
    from firmware_app.board.camera import Camera
    from firmware_app.card.boots import Boots
    from firmware_app.card.configuration import Configuration
    from firmware_app.link.links import Links
    from firmware_app.link.publisher import Publisher
    from firmware_app.run.happenings import Happenings
    from firmware_app.run.trial import Trial
    from firmware_app.tasks.base import Plan, Task

_HUNG_MS = 10000  # in which a call into the camera's driver ends; after it only a restart helps
_RETRY_MS = 2000  # between attempts to set a failing camera up again
_IDLE_MS = 20  # after a frame that failed
_SOON_MS = 1
_INTERVALS = 15  # of which the median is the period
_FEW = 5  # intervals from which a median says nothing yet
_WORTH = 66  # a fresher frame may cost a 66th of a frame's time, 1.5 %
_LATE_SHARE = 8  # of the newest wait in their mean
_FORGET = 256
_GREY = (320, 240)  # pixels of the picture for trials without a camera


class Engine:
    """Runs the current task on the camera's frames."""

    def __init__(
        self,
        configuration: "Configuration",
        links: "Links",
        publisher: "Publisher",
        boots: "Boots",
        problems: "Problems",
        log: "Log",
        clock: "Clock",
    ) -> None:
        self._configuration = configuration
        self._links = links
        self._publisher = publisher
        self._boots = boots
        self._problems = problems
        self._log = log
        self._clock = clock
        self.running = Running("", None, None, 0)
        self._trial: "Trial | None" = None  # waits for its first frame
        self._plan: "Plan | None" = None  # for the camera's frames
        self._picture_plan: "Plan | None" = None  # for the size of the last picture sent
        self.camera: "Camera | None" = None
        self._size = (0, 0)  # of the frames, as MODEL told it last
        self._work = asyncio.Event()  # set where there may be something to infer again
        self._turns = 0  # of the loop, to be given after the frame in hand
        self.processed = 0  # camera frames that were made into results
        self.failing = False  # the last frame made no result
        self.collector = Collector()
        self._values: "dict | None" = None  # the service's settings that the next three are of
        self._every = 1
        self._latency = True
        self._least_ms = 0  # between two results
        self.happenings: "Happenings | None" = (
            None  # tracks, zones, lines: of the first task that wants them
        )
        self.renewed = 0  # frames given back because a newer one was there
        self._renewed_last = False
        self._holding = False  # the frame in hand is given back after the inference
        self._was_later = False  # the frame before was
        self._late_us = 0  # what such frames are waited for, a running mean
        self._result_us = 0  # when the last result was published
        self._intervals: list = []  # between the latest results, us
        self._last_period_us = 0  # of the task before, while the running one made few results
        self.longest_us = 0  # between two results, since measure_longest()
        self._reported: dict = {}  # of the last whole period
        self.stages = Stages()  # of the running statistics period
        self._publish_us = 0  # of the last result
        self._waiting: "int | None" = None  # ticks from which on there has been nothing to do

    def idle(self) -> bool:
        """Return whether nothing is to be inferred; else the links have their turn with the frames."""
        camera = self.camera
        return camera is None or camera.broken or self.running.task is None

    def stage_times(self) -> dict:
        """Return microseconds a frame of each stage in the last statistics period."""
        results = max(1, self._reported.get("results", 0))
        return {
            name[:-3]: self._reported[name] // results
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
        values["captured"] = camera.captured() if camera is not None else 0
        values["processed"] = self.processed
        values["skipped"] = camera.skipped if camera is not None else 0
        values["heap_floor_bytes"] = self.collector.floor
        values["heap_floor_first_bytes"] = self.collector.first_floor
        return values

    def replace(self, running: Running) -> None:
        """Let this make the results from the next frame on; subscribers hear of a new generation."""
        before = self.running
        self.running = running
        self._plan = None
        self._picture_plan = None
        task = running.task
        if task is not before.task:
            self.failing = False
            self._problems.clear(RESULTS)
            recognizer = task.recognizer if task is not None else None
            self._problems.set(GALLERY, recognizer.problem if recognizer is not None else "")
        if running.settings is None:
            self._publisher.set_model(None)
        elif running.generation != before.generation:
            self._publisher.set_model(self.model())
        self._follow()
        self._work.set()

    def _follow(self) -> None:
        """Let the events of tracks, zones and lines be those of what runs now."""
        wanted = self.running.values.get("events")
        if self.happenings is None:
            if wanted is None or not wanted["enabled"]:
                return
            from firmware_app.run.happenings import Happenings

            self.happenings = Happenings(
                self._publisher, self._boots, self._problems, self._log, self._clock
            )
        if wanted is None:
            self.happenings.stop()
            return
        self.happenings.use(self.running, self._size[0], self._size[1])

    def commit(self, trial: "Trial") -> None:
        """Let a trial's task make the results as a new generation, and say so before its first result."""
        trial.generation = self.running.generation + 1
        self.replace(Running(trial.name, trial.task, trial.settings, trial.generation))
        details = {"task": trial.name, "generation": trial.generation}
        self._publisher.event("switched", details)
        for code in (TASK, SAFE_MODE, OLD_TASK):
            self._problems.clear(code)

    def model(self) -> "list | None":
        """Return the message MODEL of what runs, None where no task does."""
        camera = self.camera
        settings = self._configuration.values["camera"]
        self._size = (settings["width"], settings["height"])
        if camera is not None:
            self._size = (camera.width, camera.height)
        return self.running.message(self._size[0], self._size[1])

    def use_camera(self, camera: "Camera") -> None:
        """Take the frames of this camera."""
        self.camera = camera
        self.size_known()
        self._work.set()

    def size_known(self) -> None:
        """The camera was set up: its frames may be smaller than wanted, where memory is short."""
        camera = self.camera
        self._problems.set(MEMORY, "the camera: " + camera.choice if camera.choice else "")
        if (camera.width, camera.height) != self._size:
            self._plan = None
            if self.running.task is not None:
                self._publisher.set_model(self.model())
                self._follow()

    def offer(self, trial: "Trial") -> None:
        """Let a task make its first result of the next frame, and be committed where it can."""
        self._trial = trial
        self._work.set()

    def withdraw(self) -> None:
        """Take back what was offered."""
        self._trial = None

    def measure_longest(self) -> None:
        """Measure the longest time between two results anew."""
        self.longest_us = 0

    def give_turn(self) -> None:
        """Give the loop one more turn after the frame in hand: a command begins then, not a frame later."""
        self._turns += 1

    def check(self, values: dict, width: int, height: int) -> None:
        """Raise CommandError where the running task could not work with these settings and frames."""
        task = self.running.task
        if self.camera is None or task is None:
            return
        try:
            task.plan(values, width, height, True)
        except (TaskError, npu.NpuError) as error:
            raise CommandError("bad_argument", str(error))

    def check_events(self, values: dict) -> None:
        """Raise CommandError where `events:` does not fit the running task's labels or frames."""
        task = self.running.task
        if task is None:
            return
        from firmware_app.run.happenings import fault_of

        fault = fault_of(task, values["events"], self._size[0], self._size[1])
        if fault:
            raise CommandError("bad_argument", fault)

    async def run(self) -> None:
        """Process frames for ever; a failure of one is logged and survived."""
        while True:
            camera = self.camera
            if camera is None or (self.running.task is None and self._trial is None):
                self._work.clear()
                await self._work.wait()
                continue
            if camera.broken:
                await self._revive(camera)
                continue
            frame = camera.take()
            if frame is None:
                if self._waiting is None:
                    self._waiting = ticks_us()
                self.collector.waiting(camera.left_us())
                if self.happenings is not None:
                    self._shoot(camera, self.happenings)
                if not camera.ready:
                    # Polled: the frame comes in a thread, which can't set an event of the loop.
                    await asyncio.sleep_ms(0 if self._links.look() else _SOON_MS)
                continue
            waited = 0
            if self._waiting is not None:
                waited = ticks_diff(ticks_us(), self._waiting)
                self.stages.wait += waited
                self._waiting = None
            if self._was_later or self._late_us:
                self._waited(waited)
            if self._values is not self._configuration.values:
                self._look_up()
            if self._old(camera):
                camera.release()
                continue
            try:
                if self._trial is not None:
                    self._try(camera, frame, self._trial)
                elif self.running.task is not None and camera.seq % self._every == 0:
                    task = self.running.task
                    if task.ran:
                        self._frame(camera, frame)
                    else:
                        self._first_frame(task, camera, frame)
                else:
                    camera.release()
                if self.failing:
                    self.failing = False
                    self._problems.clear(RESULTS)
            except Exception as error:  # each of the vendor's calls raises what it likes
                if ide_connects(error):
                    raise
                camera.release()
                self._trouble(str(error) or type(error).__name__)
                await asyncio.sleep_ms(_IDLE_MS)
            if self._links.uart is not None:
                await self._links.flush()
            if self.happenings is not None:
                self._shoot(camera, self.happenings)
            if others_due():
                await asyncio.sleep_ms(0)
            if self._turns:
                self._turns = 0
                await asyncio.sleep_ms(0)

    def _shoot(self, camera: "Camera", happenings: "Happenings") -> None:
        """Take the picture that events want, where it is time for one."""
        happenings.picture(camera, self._configuration.values["preview"]["quality"])

    def _old(self, camera: "Camera") -> bool:
        """Return whether this frame waited for longer than one inference and a newer one is sure to be there."""
        spare = camera.age_us() - 2 * camera.period_us - camera.least_us
        if spare <= 0 or self._renewed_last or not self._latency:
            self._renewed_last = False
            return False
        if spare <= self._period_us() * 3 // 2:
            return False
        self._renewed_last = True  # not twice in a row: a frame is better than none
        self.renewed += 1
        return True

    def _later(self, camera: "Camera", task: "Task") -> bool:
        """Return whether the next frame is to be captured between inference and decoding, not before both.

        It is younger by an inference then, and takes the time of a snapshot, of which decoding and
        publishing (the last result's) hide a part; how well, the waits for such frames tell.
        """
        if task.holds_frame or not self._latency:
            return False
        worth = task.kpu_us // _WORTH
        hidden = task.decode_us + self._publish_us
        return camera.least_us - hidden <= worth and self._late_us <= worth

    def _waited(self, us: int) -> None:
        """Add the time that a frame was waited for."""
        if self._was_later:
            self._late_us += (us - self._late_us) // _LATE_SHARE
        elif self._late_us:
            self._late_us -= self._late_us // _FORGET + 1  # to be tried again in some seconds

    def _let_go(self) -> None:
        """Let the thread fetch the next frame."""
        self._holding = False
        self.camera.hand_over()

    def _look_up(self) -> None:
        """Look the settings up that each frame asks for; new ones are another dict."""
        values = self._values = self._configuration.values
        results = values["results"]
        self._every = results["every_nth_frame"]
        self._least_ms = int(1000 / results["rate_limit"]) if results["rate_limit"] else 0
        self._latency = values["priority"] == "latency"
        self.collector.most_frames = values["memory"]["collect_frames"]

    def _trouble(self, text: str) -> None:
        # A task that fails fails on every frame: the store says it once.
        self.failing = True
        self._problems.set(RESULTS, "task %s: %s" % (self.running.task.name, text))

    def _first_frame(self, task: "Task", camera: "Camera", frame) -> None:
        self._first(task, lambda: self._frame(camera, frame))

    def _frame(self, camera: "Camera", frame) -> None:
        """Make a result of this frame with the running task."""
        running = self.running
        task = running.task
        try:
            if self._plan is None:
                self._plan = task.plan(running.values, camera.width, camera.height, True)
            plan = self._plan
            seq = camera.seq
            ticks = camera.ticks
            task.take(plan, npu.frame_tensor(arrays.frame_planes(frame)))
        except Exception:
            camera.release()
            raise
        frame = None
        if camera.alternate != task.holds_frame:
            camera.alternate = task.holds_frame
        later = self._was_later = self._later(camera, task)
        self._holding = True
        # With one channel there is no other to capture on while the task uses the frame.
        if not later and (camera.channels > 1 or not task.holds_frame):
            self._let_go()
        try:
            fields = task.finish(plan, self._let_go if later else None)
        finally:
            if self._holding:
                self._let_go()
        self._publish(task, seq, ticks, fields)
        self.collector.frame(task.output_bytes)

    def _try(self, camera: "Camera", frame, trial: "Trial") -> None:
        """Make the first result of the task on trial; where it can't, the running one makes it."""
        self._trial = None
        task = trial.task
        plan = trial.plan
        try:
            source = npu.frame_tensor(arrays.frame_planes(frame))
            fields = self._first(task, lambda: _infer(task, plan, source))
        except Exception as error:  # a model from outside must not take the running task along
            trial.failed(error)
            trial.done = True
            if self.running.task is not None:
                self._frame(camera, frame)
            else:
                camera.release()
            return
        seq = camera.seq
        ticks = camera.ticks
        frame = source = None
        camera.release()
        trial.first_seq = seq
        trial.period_us = self._period_us()
        self.commit(trial)
        self._plan = plan
        last = self._result_us
        self._publish(task, seq, ticks, fields)
        trial.gap_us = self._result_us - last if last else None
        self._intervals.clear()  # the gap is no period
        self._last_period_us = trial.period_us
        trial.done = True

    def try_grey(self, trial: "Trial") -> None:
        """Let the task on trial see a grey picture, where there is no camera; it keeps no result."""
        settings = self._configuration.values["camera"]
        task = trial.task
        values = trial.settings.values
        try:
            task.plan(values, settings["width"], settings["height"], True)
            grey = bytearray(3 * _GREY[0] * _GREY[1])
            plan = task.plan(values, _GREY[0], _GREY[1], False)
            source = npu.tensor(arrays.planes(grey, _GREY[0], _GREY[1]))
            self._first(task, lambda: _infer(task, plan, source))
        except Exception as error:  # a model from outside must not take the running task along
            trial.failed(error)

    def _publish(self, task: "Task", seq: int, ticks: int, fields: list) -> None:
        clock = self._clock
        now_us = clock.us()
        start = clock.ticks
        time_ms = (
            now_us - ticks_diff(start, ticks)
        ) // 1000  # clock.at(ticks), without another look
        if self.happenings is not None:
            fields = self.happenings.take(task.result_type, time_ms, fields)
        message = [task.result_type, seq, time_ms, self.running.generation] + fields
        self._publisher.result(message, time_ms, self._least_ms)
        self._links.pump(now_us // 1000)
        if self._result_us:
            intervals = self._intervals
            if len(intervals) >= _INTERVALS:
                intervals.pop(0)
            passed = now_us - self._result_us
            intervals.append(passed)
            if passed > self.longest_us:
                self.longest_us = passed
        self._result_us = now_us
        self.processed += 1
        stages = self.stages
        stages.results += 1
        stages.ai2d += task.ai2d_us
        stages.kpu += task.kpu_us
        stages.decode += task.decode_us
        self._publish_us = ticks_diff(ticks_us(), start)
        stages.publish += self._publish_us

    def _period_us(self) -> int:
        """Return the median time between results, 0 where there were none."""
        if len(self._intervals) < _FEW and self._last_period_us:
            return self._last_period_us
        if not self._intervals:
            return 0
        return sorted(self._intervals)[len(self._intervals) // 2]

    def start_camera(self, camera: "Camera") -> None:
        """Set the camera up; CameraError."""
        phase = "%s %s" % (CAMERA_PHASE, mark([camera.settings, camera.preview_settings or {}]))
        self._boots.enter(phase)
        good = False
        try:
            camera.start()
            good = True
        finally:
            self._boots.leave(phase, good)
        if self.camera is camera:
            self.size_known()

    def _first(self, task: "Task", work):
        """Return work(), a run of the task; its first is noted on the card: it may crash the board."""
        if task.ran:
            return work()
        phase = "%s %s" % (RUN, task.mark)
        self._boots.enter(phase)
        try:
            value = work()
            task.ran = True
            return value
        finally:
            self._boots.leave(phase, task.ran)

    async def _revive(self, camera: "Camera") -> None:
        self._problems.set(CAMERA, camera.problem)
        self._log.warning("the sensor is set up again")
        since = self._clock.ms()
        while not camera.pause():
            if self._clock.ms() - since >= _HUNG_MS:
                raise RuntimeError("the camera's driver does not return")
            await asyncio.sleep_ms(_IDLE_MS)
        camera.stop()
        while True:
            try:
                self.start_camera(camera)
                return
            except CameraError as error:
                camera.problem = str(error)
                self._problems.set(CAMERA, camera.problem)
            await asyncio.sleep_ms(_RETRY_MS)

    def picture(self, data, width: int, height: int) -> list:
        """Return the result of a picture: planes R, G, B of width x height. CommandError, TaskError."""
        running = self.running
        task = running.task
        if task is None:
            raise CommandError("no_task", self._problems.why_no_task())
        plan = self._picture_plan
        if plan is None or plan.width != width or plan.height != height:
            plan = task.plan(running.values, width, height, False)
            self._picture_plan = plan
        now = self._clock.ms()
        source = npu.tensor(arrays.planes(data, width, height))
        fields = self._first(task, lambda: _infer(task, plan, source))
        self._look_up()  # without a camera nobody else does
        self.collector.frame(task.output_bytes)
        # Pictures have no place among the camera's frames: their number is 0.
        return [task.result_type, 0, now, running.generation] + fields


def _infer(task: "Task", plan: "Plan", source) -> list:
    task.take(plan, source)
    return task.finish(plan)
