"""The service: puts everything together, brings up what the settings name, and keeps running.

What is missing or wrong (camera, network, task) is said on the log, in `status` and to subscribers; the rest
runs on. main() never returns: the firmware would sit in its REPL for good.
"""

import asyncio
import time

from firmware_app.base import console, problems, restarts, storage
from firmware_app.base.errors import CameraError, VendorError, ide_connects
from firmware_app.board import hardware
from firmware_app.board.camera import Camera
from firmware_app.card import boots, firmware_update
from firmware_app.commands import packages as package_commands
from firmware_app.commands import table
from firmware_app.commands.board import Board
from firmware_app.commands.queue import CommandQueue
from firmware_app.link.gateway import Gateway
from firmware_app.run.card_watch import CardWatch
from firmware_app.run.live import preview_of
from firmware_app.run.loop_thread import LoopThread
from firmware_app.run.safe_mode import SafeMode
from firmware_app.version import VERSION

TRIAL_MS = 10000  # that a new version runs without a result until it counts as good
trial_dog = None  # the watchdog of a version on trial: main.py sets it
trouble: "list[str]" = []  # why main.py could not put another version in place: it sets this, too
_END_MS = 3000  # for the service to end where the console wants the REPL
_LOOK_MS = 10


class _End(BaseException):
    """The service is to end: no Exception, so that it passes all that survives errors."""


class Service:
    """Everything put together, and started."""

    def __init__(self) -> None:
        self.ending = False  # set by the main thread: the console wants the REPL
        self.fault: "BaseException | None" = None  # what ended the service
        self._data_note = storage.choose()  # first: the parts keep files there
        board = self.board = Board()
        board.problems.listener = self._problem
        self.commands = CommandQueue(
            board,
            (table.SHORT, table.LONG, table.AFTER),
            board.clock,
            board.links.pump,
            board.engine.give_turn,
        )
        self.gateway = Gateway(
            board.identity, board.clock, board.log, board.transfers, board.attempts, self.commands
        )
        self.watch = CardWatch(
            board.watched,
            board.configuration,
            board.engine,
            board.switcher,
            board.live,
            board.problems,
            board.log,
        )
        self.safe_mode = SafeMode(
            board.boots, board.engine, board.switcher, board.problems, board.log, board.clock
        )
        self._up_ms: "int | None" = None  # when everything was started

    @property
    def settings(self) -> dict:
        """The values of service.yaml in force."""
        return self.board.configuration.values

    # -- start

    def _problem(self, code: str, text: str) -> None:
        """Something went wrong, or (without a text) is solved: tell the log and subscribers."""
        board = self.board
        if text:
            board.log.error("%s: %s" % (code, text))
            board.publisher.event("problem", {"code": code, "text": text})
        else:
            board.log.info("%s: solved" % code)
            board.publisher.event("solved", {"code": code})

    def look_at_data(self) -> None:
        """Say what is wrong with the service's own folder, before anything is written there."""
        upkeep = self.board.upkeep
        upkeep.data_note = self._data_note
        if self.board.identity.bring_key_back():
            upkeep.data_note = (
                "%s was emptied: the key came back from the card; changes over the link, galleries and log are lost"
                % storage.place()
            )
        upkeep.look_at_cards()

    def read_settings(self) -> None:
        """Read service.yaml; in place of a faulty one the last good one is in force, else the defaults, no task."""
        board = self.board
        lost, faults = board.configuration.read()
        board.live.adopt()
        if lost:
            board.problems.set(problems.STATE, lost)
        for text in faults:
            board.problems.add(problems.SETTINGS, text)
        if faults and board.configuration.task is None:
            board.problems.set(problems.TASK, faults[-1])

    def read_key(self) -> None:
        """Load the board's key, or make it."""
        try:
            self.board.identity.load_key()
        except (OSError, ValueError) as error:
            # Without a key no client could be let in, and none must be.
            self.board.problems.set(problems.KEY, "%s; links that need it stay closed" % error)

    def open_camera(self) -> None:
        """Start the camera; a missing one is tried again by the engine."""
        board = self.board
        if not self.settings["camera"]["enabled"]:
            return
        camera = Camera(self.settings["camera"], preview_of(self.settings))
        task = board.engine.running.task
        camera.alternate = task is not None and task.holds_frame
        try:
            board.engine.start_camera(camera)
        except CameraError as error:
            camera.give_up(str(error))
            board.problems.set(problems.CAMERA, camera.problem)
        if camera.warning:
            board.log.warning(camera.warning)
        board.engine.use_camera(camera)

    # -- what runs beside the frames

    async def serve_links(self) -> None:
        """Move bytes for ever."""
        await self.board.links.run(self._idle)

    def _idle(self) -> bool:
        if self.ending:
            raise _End
        return self.board.engine.idle()

    async def serve_statistics(self) -> None:
        """Publish statistics in their period."""
        board = self.board
        last = board.clock.us()
        while True:
            period_ms = self.settings["results"]["statistics_period_ms"]
            await asyncio.sleep_ms(period_ms or 1000)
            if not period_ms:
                continue
            now = board.clock.us()
            values = board.engine.statistics(now - last)
            values["generation"] = board.engine.running.generation
            values["heap_used_bytes"] = board.engine.collector.used()
            last = now
            board.publisher.statistics(values, now // 1000)

    async def settle(self) -> None:
        """Count this start as a good one once it has lasted; out of safe mode the time starts anew.

        A new version has proved itself with its first result, or TRIAL_MS after all was started.
        """
        board = self.board
        since = board.clock.ms()
        trial = firmware_update.on_trial()
        while True:
            await asyncio.sleep_ms(500)
            now = board.clock.ms()
            if trial and (
                board.engine.processed
                or (self._up_ms is not None and now - self._up_ms >= TRIAL_MS)
            ):
                trial = False
                firmware_update.lasted()
                board.upkeep.end_trial()
            if board.boots.safe:
                since = now
            elif now - since >= self.settings["recovery"]["early_s"] * 1000:
                board.boots.settled()
                if not trial:
                    return

    async def run(self) -> None:
        """Start everything and run for ever."""
        board = self.board
        asyncio.get_event_loop().set_exception_handler(_end)
        if not board.identity.board_id:
            board.problems.set(problems.CHIP, "its number can't be read: the board has no board id")
        for text in trouble:
            board.problems.add(problems.UPDATE, text)
        self.look_at_data()
        board.boots.begin()
        board.upkeep.begin()
        package_commands.recover()
        self.read_settings()
        network = self.settings["network"]
        board.upkeep.watch(
            self.settings["watchdog"],
            network["enabled"] and network["interface"] == "station",
            trial_dog,
        )
        # The first line that a good start prints: a console that is not read may hold it up for ever,
        # and from here on the watchdog ends that.
        board.log.info("K230 vision service %s on %s" % (VERSION, hardware.board_name()))
        self.read_key()
        board.links.open(self.gateway, self.settings)
        board.log.keep(board.publisher.log)
        for work in (
            self.serve_links,
            self.commands.run,
            self.serve_statistics,
            self.settle,
            self.watch.run,
            board.upkeep.run,
        ):
            asyncio.create_task(work())
        task = board.configuration.task
        recovery = self.settings["recovery"]
        if board.boots.enter_safe_mode(recovery["early_crashes"]):
            wait_s = self.safe_mode.wait_s(recovery["retry_s"], recovery["early_crashes"])
            self.safe_mode.say(task, wait_s)
            if board.boots.blamed != boots.CAMERA:
                self.open_camera()
            asyncio.create_task(self.safe_mode.run(task, wait_s, self.open_camera))
        else:
            await board.switcher.start(task)
            self.open_camera()
        self._up_ms = board.clock.ms()
        board.upkeep.announce()
        await board.engine.run()

    # -- end

    def make_way(self, thread: LoopThread) -> None:
        """Let the service's thread end; called by the main one.

        A soft reset waits for all threads, for ever where one waits in a lock (Stars1233/canmv_k230
        port/core/main.c, 603).
        """
        self.ending = True
        if not thread.end(_END_MS):
            console.say("the service did not end: reset the board, a soft reset would hang")
            self.board.upkeep.close()

    def serve(self) -> None:
        """Run until the end, and leave no thread behind. What is no end by the console is a crash."""
        try:
            asyncio.run(self.run())
        except _End:
            self._leave()
        except BaseException as error:
            self.crashed(error)

    def crashed(self, error: BaseException) -> None:
        """The service has a fault of its own: keep why, before the board restarts."""
        self.fault = error
        console.say("the service ended: it starts again")
        console.exception(error)
        self.board.boots.crashed("%s: %s" % (type(error).__name__, error))
        self.board.upkeep.flush()

    def _leave(self) -> None:
        """The console takes over: nothing may run on, nothing be lost, nothing reset the board."""
        board = self.board
        try:
            asyncio.new_event_loop()  # the tasks of this one are not to run on in another
            board.links.close()
            camera = board.engine.camera
            if camera is not None:
                camera.close()
            for _ in range(_END_MS // _LOOK_MS):
                if board.links.closed():
                    break
                time.sleep_ms(_LOOK_MS)
            board.boots.planned(restarts.CONSOLE, "interrupted at the console")
            firmware_update.interrupted()
        finally:
            board.upkeep.close()  # after any failure: no watchdog resets the user of the REPL


def _end(loop, context) -> None:
    # A task beside the main one fell over: without it the service would be half a service for ever.
    raise context["exception"]


def main() -> None:
    """Run the service; if it ever ends, restart the board."""
    service: "Service | None" = None
    thread = fault = None
    try:
        service = Service()
        thread = LoopThread(service.serve)
        thread.start()
        thread.wait()
        fault = service.fault
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) or ide_connects(error):
            if service is not None and thread is not None:
                service.make_way(thread)
            raise  # the user at the console wants the REPL
        if service is not None:
            service.crashed(error)
        else:
            console.exception(error)
        fault = error
    if fault is not None and firmware_update.on_trial():
        raise fault  # main.py brings the version before back
    while True:
        time.sleep(1)
        try:
            hardware.reset()
        except VendorError as error:
            console.say(str(error))  # the watchdog, which is not fed any more, tries too
