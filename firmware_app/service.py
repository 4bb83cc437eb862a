"""The service: puts everything together, brings up what the settings name, and keeps running.

Whatever is missing or wrong (camera, network, task) is said on the log, in `status` and to subscribers; the rest
runs on. main() never returns: the firmware would sit in its REPL for good.
"""

import asyncio
import gc
import sys
import time

from firmware_app.base import files, log, problems
from firmware_app.base.clock import Clock
from firmware_app.base.errors import ide_connects
from firmware_app.board import hardware
from firmware_app.board.camera import Camera, CameraError
from firmware_app.card import firmware_update
from firmware_app.card.boots import Boots
from firmware_app.card.configuration import Configuration
from firmware_app.card.watch import CardWatch
from firmware_app.commands import packages as package_commands
from firmware_app.commands.queue import CommandQueue
from firmware_app.link import keyring
from firmware_app.link.attempts import Attempts
from firmware_app.link.publisher import Publisher
from firmware_app.link.transfers import Transfers
from firmware_app.run.engine import Engine
from firmware_app.run.switcher import Switcher
from firmware_app.run.upkeep import Upkeep
from firmware_app.version import VERSION
from firmware_app.wire import log_lines, messages

_FULL_MS = 15  # and while frames pump
_LINK_MS = 2  # between looks at the links while nothing happens


class Service:
    """Everything that runs on the board; also what sessions see of it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.log = log.Log(self.clock)
        self.problems = problems.Problems()
        self.problems.listener = self._problem
        self.configuration = Configuration()
        self.name = ""
        self.version = VERSION
        self.board_id = hardware.board_id()
        self.boot_id = hardware.random_id()
        self.key = b""
        self.attempts = Attempts()
        self.boots = Boots()
        self.publisher = Publisher()
        self.transfers = Transfers()
        self.installing = False  # what was pushed is being checked and put in place
        self.commands = CommandQueue(self)
        self.engine = Engine(self)
        self.switcher = Switcher(self)
        self.watch = CardWatch(self)
        self.nic = None  # the network interface, where the network is wanted
        self.port = None  # of TCP, where it is open
        self.uart = None  # the settings of the UART, where it is open
        self.upkeep = Upkeep(self)
        self._pumped_ms = 0

    @property
    def settings(self) -> dict:
        """The values of service.yaml in force."""
        return self.configuration.values

    # -- start

    def _problem(self, code: str, text: str) -> None:
        """Something went wrong, or (without a text) is solved: tell the log and subscribers."""
        if text:
            self.log.error("%s: %s" % (code, text))
            self.publisher.event("problem", {"code": code, "text": text}, self.clock.ms())
        else:
            self.log.info("%s: solved" % code)
            self.publisher.event("solved", {"code": code}, self.clock.ms())

    def read_settings(self) -> None:
        """Read service.yaml; in place of a faulty one the last good one is in force, else the defaults, no task."""
        lost, faults = self.configuration.read()
        self.log.level = log_lines.level_of(self.settings["log"]["level"])
        self.name = self.settings["board"]["name"]
        # Between the regular collections: what one burst of commands or text may leave behind.
        gc.threshold(self.settings["memory"]["collect_kb"] * 1024)
        if lost:
            self.problems.set(problems.STATE, lost)
        for text in faults:
            self.problems.add(problems.SETTINGS, text)
        if faults and self.configuration.task is None:
            self.problems.set(problems.TASK, faults[-1])

    def read_key(self) -> None:
        """Load the board's key, or make it and show it this once."""
        try:
            self.key, made = keyring.load_key()
        except (OSError, ValueError) as error:
            # Without a key nobody could be let in, and nobody must be.
            self.problems.set(problems.KEY, "%s; links that need it stay closed" % error)
            return
        if made:
            # The one secret that is ever shown, once, where only whoever holds the board reads it.
            print(messages.CONSOLE_KEY + self.key.hex())

    def open_links(self) -> None:
        """Open the UART and the network as far as they are wanted and there."""
        links: list = []
        uart = self.settings["uart"]
        if uart["enabled"] and (self.key or not uart["key_required"]):
            from firmware_app.link.uart import UartLink

            link = UartLink(self, uart)
            try:
                link.start()
                links.append(link)
                self.uart = uart
                self.log.info("UART %d open at %d baud" % (uart["id"], uart["baudrate"]))
            except (OSError, ValueError, AssertionError, TypeError) as error:
                self.problems.set(
                    problems.UART, "UART %d can't be opened: %s" % (uart["id"], error)
                )
        network = self.settings["network"]
        if network["enabled"] and (self.key or not network["key_required"]):
            from firmware_app.board import nic
            from firmware_app.link.tcp import TcpLink

            try:
                self.nic = nic.Nic(network, self.log, self.problems)
                self.nic.bring_up()
                link = TcpLink(self, network, self.settings["results"]["queue"])
                link.start()
                links.append(link)
                if network["discovery"]:
                    self._announce(network)
                self.port = network["port"]
                self.log.info("listening on TCP port %d" % self.port)
            except OSError as error:
                text = "TCP port %d can't be opened: %s" % (network["port"], error)
                self.problems.set(problems.NETWORK_PORT, text)
        self.publisher.links = links
        self.log.listener = self.publisher.log

    def _announce(self, network) -> None:
        from firmware_app.link.discovery import Discovery

        try:
            Discovery(self, network["port"], network["key_required"]).start()
        except OSError as error:
            text = "UDP port %d can't be opened: %s" % (network["port"], error)
            self.problems.set(problems.DISCOVERY, text)

    def open_camera(self) -> None:
        """Start the camera; a missing one is tried again by the engine."""
        if not self.settings["camera"]["enabled"]:
            return
        preview = self.settings["preview"]
        camera = Camera(self.settings["camera"], preview if preview["enabled"] else None)
        try:
            camera.start()
        except CameraError as error:
            camera.give_up(str(error))
            self.problems.set(problems.CAMERA, camera.problem)
        if camera.warning:
            self.log.warning(camera.warning)
        self.engine.camera = camera

    # -- what sessions ask for

    def nonce(self) -> bytes:
        """Return the random bytes of a greeting."""
        return hardware.nonce()

    def opened(self, session) -> None:
        """A session's greeting is done."""
        self.log.info("%s: %s connected" % (session.name, session.client))

    def closed(self, session) -> None:
        """A session ended: nothing of it may stay behind."""
        self.transfers.drop(session)
        self.commands.forget(session)
        if session.client:
            # Strangers who only greet would push everything else out of the log.
            self.log.write(
                log.INFO if session.notable else log.DEBUG,
                "%s: %s left: %s"
                % (session.name, session.client, session.closing or "a new greeting"),
            )

    def failed(self, error: BaseException) -> None:
        """A session met a fault of ours."""
        sys.print_exception(error)

    def request(self, session, request, command: str, arguments: dict) -> None:
        """A command arrived; it is executed between frames."""
        self.commands.add(session, request, command, arguments)

    def chunk(self, session, number, offset, data) -> None:
        """A piece of a large transfer arrived."""
        transfer = self.transfers.find(session, number)
        if transfer is None or type(offset) is not int or not isinstance(data, bytes):
            return
        try:
            transfer.add(offset, data)
        except OSError as error:
            # Only the end of the session tells a client that sends on.
            self.log.error("the card can't be written: %s" % files.why(error))
            session.refuse("card", "the card can't be written: %s" % files.why(error))
            return
        session.send([messages.TAKEN, number, transfer.offset])

    def taken(self, session, number, offset) -> None:
        """A client has what we sent of a large transfer; the board sends none yet."""

    def model_message(self):
        """Return MODEL of what runs, or None."""
        task = self.engine.task
        if task is None:
            return None
        camera = self.settings["camera"]
        return [
            messages.MODEL,
            self.engine.generation,
            messages.RESULT_TASKS[task.result_type],
            task.name,
            task.sha256,
            task.labels,
            camera["width"],
            camera["height"],
            self.switcher.name,
        ]

    # -- the loop

    def pump(self) -> bool:
        """Let every link take and send what it can without waiting."""
        busy = False
        now_ms = self.clock.ms()
        self._pumped_ms = now_ms
        for link in self.publisher.links:
            if link.serve(now_ms):
                busy = True
        return busy

    async def flush(self) -> None:
        """Give slow wires the time that their share of the line is worth, before the next frame.

        In pieces, with everybody else's turn between them: a write holds the interpreter.
        """
        for link in self.publisher.links:
            for _ in range(link.pieces):
                if not link.due():
                    break
                link.serve(self.clock.ms())
                await asyncio.sleep_ms(0)

    async def serve_links(self) -> None:
        """Move bytes for ever."""
        while True:
            # Frames pump too, with each result: once is enough.
            busy = self.clock.ms() - self._pumped_ms >= _LINK_MS and self.pump()
            if busy:
                await asyncio.sleep_ms(0)
            else:
                # Between frames that leave no time this task would only cost some.
                await asyncio.sleep_ms(_LINK_MS if self.engine.waiting else _FULL_MS)

    async def serve_statistics(self) -> None:
        """Publish statistics in their period."""
        last = self.clock.us()
        while True:
            period_ms = self.settings["results"]["statistics_period_ms"]
            await asyncio.sleep_ms(period_ms or 1000)
            if not period_ms:
                continue
            now = self.clock.us()
            values = self.engine.statistics(now - last)
            values["generation"] = self.engine.generation
            values["heap_used"] = gc.mem_alloc()
            last = now
            self.publisher.statistics(values, now // 1000)

    async def settle(self) -> None:
        """Count this start as a good one once it has lasted; out of safe mode the time starts anew."""
        since = self.clock.ms()
        while True:
            await asyncio.sleep(1)
            if self.boots.safe:
                since = self.clock.ms()
            elif self.clock.ms() - since >= self.settings["recovery"]["early_s"] * 1000:
                self.boots.settled()
                firmware_update.lasted()
                return

    async def run(self) -> None:
        """Start everything and run for ever."""
        asyncio.get_event_loop().set_exception_handler(_end)
        self.log.info("K230 vision service %s on %s" % (VERSION, hardware.board_name()))
        self.boots.begin()
        self.upkeep.begin()
        package_commands.recover()
        self.read_settings()
        self.upkeep.watch(self.settings["watchdog"])
        self.read_key()
        self.open_links()
        for work in (
            self.serve_links,
            self.commands.run,
            self.serve_statistics,
            self.settle,
            self.watch.run,
            self.upkeep.run,
        ):
            asyncio.create_task(work())
        task = self.configuration.task
        if self.boots.enter_safe_mode(self.settings["recovery"]["early_crashes"]):
            self.problems.set(
                problems.SAFE_MODE,
                "%d starts with task %s crashed; switch to a task to leave safe mode"
                % (self.boots.early, task),
            )
        else:
            await self.switcher.start(task)
        self.open_camera()
        if self.engine.task is None or self.engine.camera is None:
            self.boots.proven()  # nothing makes results by itself
        self.upkeep.announce()
        await self.engine.run()


def _end(loop, context) -> None:
    # A task beside the main one fell over: without it the service would be half a service for ever.
    raise context["exception"]


def main() -> None:
    """Run the service; if it ever ends, restart the board."""
    service = Service()
    try:
        asyncio.run(service.run())
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) or ide_connects(error):
            service.boots.planned("interrupted at the console")
            service.upkeep.close()
            raise  # whoever sits at the console wants the REPL
        print("the service ended: it starts again")
        sys.print_exception(error)
        service.boots.crashed("%s: %s" % (type(error).__name__, error))
        service.upkeep.file.flush()
    time.sleep(1)
    hardware.reset()
