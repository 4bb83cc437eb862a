"""The service: reads its settings, brings up what they name, and keeps running.

Whatever is missing or wrong (camera, network, task) is said on the log, in `status` and to subscribers; the rest
runs on. main() never returns: the firmware would sit in its REPL for good.
"""

import asyncio
import gc
import sys
import time

from firmware_app import commands, files, hardware, keyring, log, settings, wire
from firmware_app.attempts import Attempts
from firmware_app.camera import Camera, CameraError
from firmware_app.clock import Clock
from firmware_app.engine import Engine
from firmware_app.errors import CommandError, TaskError
from firmware_app.npu import NpuError
from firmware_app.publisher import Publisher
from firmware_app.tasks import make_task
from firmware_app.transfers import Transfers
from firmware_app.version import VERSION

CONFIGS = "/sdcard/configs"
SERVICE_YAML = CONFIGS + "/service.yaml"
MAX_CONFIG = 65536  # characters
MAX_QUEUED = 16  # commands that wait for their turn, over all sessions
MAX_LONG = 4  # commands under way that wait for frames or files
_LINK_MS = 2  # between looks at the links while nothing happens


_FAILED = object()  # a command that was answered already


def _raiser(error: BaseException):
    def raise_it():
        raise error

    return raise_it


class Service:
    """Everything that runs on the board, put together."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.log = log.Log(self.clock)
        self.settings = {}
        self.name = ""
        self.version = VERSION
        self.board_id = hardware.board_id()
        self.boot_id = hardware.random_id()
        self.key = b""
        self.attempts = Attempts()
        self.publisher = Publisher()
        self.transfers = Transfers()
        self.engine = Engine(self)
        self.task_name = ""
        self.task_problem = ""  # why no task runs, or empty
        self.problems: list = []  # what else is wrong since the start, one sentence each
        self._queue: list = []  # (session, request id, command, arguments)
        self._long = 0  # commands that wait for something
        self._links: list = []
        self._network = None

    # -- start

    def read_settings(self) -> None:
        """Read service.yaml; with a missing or faulty one the defaults run, links open, and no task."""
        try:
            self.settings = settings.read_service(
                _read_text(SERVICE_YAML), "configs/service.yaml"
            ).values
        except OSError:
            self._wrong(
                "configs/service.yaml: expected the file on the card, found none; the defaults are used"
            )
            self.settings = settings.read_service("", SERVICE_YAML).values
        except settings.SettingsError as error:
            for message in error.messages:
                self._wrong(message)
            self.settings = settings.read_service("", SERVICE_YAML).values
            self.task_problem = "configs/service.yaml is not valid: %s" % error
        levels = {"debug": log.DEBUG, "info": log.INFO, "warning": log.WARNING, "error": log.ERROR}
        self.log.level = levels[self.settings["log"]["level"]]
        self.name = self.settings["board"]["name"]

    def _wrong(self, text: str) -> None:
        self.problems.append(text)
        self.log.error(text)

    def read_key(self) -> None:
        """Load the board's key, or make it and show it this once."""
        try:
            self.key, made = keyring.load_key()
        except (OSError, ValueError) as error:
            # Without a key nobody could be let in, and nobody must be: the network stays closed.
            self._wrong("the board's key: %s; the network link stays closed" % error)
            return
        if made:
            # The one secret that is ever shown, once, where only whoever holds the board reads it.
            print("the key of this board (shown this once): %s" % keyring.hex_of(self.key))

    def open_links(self) -> None:
        """Open the UART and the network as far as they are wanted and there."""
        uart = self.settings["uart"]
        if uart["enabled"]:
            from firmware_app.uart_link import UartLink

            link = UartLink(self, uart)
            try:
                link.start()
                self._links.append(link)
                self.log.info("uart%d open at %d baud" % (uart["id"], uart["baudrate"]))
            except (OSError, ValueError, AssertionError, TypeError) as error:
                self._wrong("uart: UART %d can't be opened: %s" % (uart["id"], error))
        network = self.settings["network"]
        if network["enabled"] and (self.key or not network["key_required"]):
            from firmware_app import nic
            from firmware_app.tcp_link import TcpLink

            try:
                self._network = nic.bring_up(network, self.log)
                link = TcpLink(self, network)
                link.start()
                self._links.append(link)
                self.log.info("listening on TCP port %d" % network["port"])
            except OSError as error:
                self._wrong("network: port %d can't be opened: %s" % (network["port"], error))
        self.publisher.links = self._links
        self.log.listener = self.publisher.log

    def open_camera(self) -> None:
        """Start the camera; a missing one is tried again by the engine."""
        if not self.settings["camera"]["enabled"]:
            return
        camera = Camera(self.settings["camera"])
        try:
            camera.start()
        except CameraError as error:
            self._wrong(str(error))
            camera.problem = str(error)
            camera.failures = 1000  # the engine keeps trying
        self.engine.camera = camera

    async def start_task(self, name) -> None:
        """Load the task and let it run; where it can't, say why and run without."""
        if not name:
            if not self.task_problem:
                self.task_problem = "configs/service.yaml: task: none is named"
            self.log.warning("no task: %s" % self.task_problem)
            return
        path = "%s/tasks/%s.yaml" % (CONFIGS, name)
        shown = "configs/tasks/%s.yaml" % name
        try:
            text = _read_text(path)
        except OSError:
            self._no_task("%s: expected the file on the card, found none" % shown)
            return
        try:
            values = settings.read_task(text, shown).values
            task = await make_task(values, self._pause)
        except (settings.SettingsError, TaskError) as error:
            self._no_task(str(error))
            return
        except (OSError, MemoryError) as error:
            self._no_task("%s: the task can't be loaded: %s" % (shown, error))
            return
        self.task_name = name
        self.task_problem = ""
        for warning in task.warnings:
            self.log.warning(warning)
        self.engine.set_task(task, self.engine.generation + 1)
        self.publisher.set_model(self.model_message())
        self.log.info("task %s runs: %s, %s" % (name, values["task"], task.name))

    def _no_task(self, reason: str) -> None:
        self.task_problem = reason
        self.log.error("no task: %s" % reason)

    async def _pause(self) -> None:
        await asyncio.sleep_ms(0)

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
        self._queue = [entry for entry in self._queue if entry[0] is not session]
        if session.client:
            self.log.info(
                "%s: %s left: %s"
                % (session.name, session.client, session.closing or "a new greeting")
            )

    def request(self, session, request: int, command: str, arguments: dict) -> None:
        """A command arrived; it is executed between frames."""
        if command not in commands.COMMANDS:
            session.fail(
                request, "unknown_command", "the board does not know the command %s" % command[:64]
            )
        elif len(self._queue) >= MAX_QUEUED:
            session.fail(request, "busy", "%d commands are waiting: try again" % MAX_QUEUED)
        else:
            self._queue.append((session, request, command, arguments))

    def chunk(self, session, number, offset, data) -> None:
        """A piece of a large transfer arrived."""
        transfer = self.transfers.find(session, number)
        if transfer is None or type(offset) is not int or not isinstance(data, bytes):
            return
        transfer.add(offset, data)
        session.send([wire.TAKEN, number, transfer.offset])

    def taken(self, session, number, offset) -> None:
        """A client has what we sent of a large transfer; the board sends none yet."""

    def model_message(self):
        """Return MODEL of what runs, or None."""
        task = self.engine.task
        if task is None:
            return None
        camera = self.settings["camera"]
        size = (camera["width"], camera["height"])
        return [
            wire.MODEL,
            self.engine.generation,
            self.task_name,
            task.name,
            task.sha256,
            task.labels,
            size[0],
            size[1],
        ]

    def status(self) -> dict:
        """Return what `status` answers."""
        camera = self.engine.camera
        task = self.engine.task
        problems = list(self.problems)
        if camera is not None and camera.problem and camera.problem not in problems:
            problems.append(camera.problem)
        if self.task_problem:
            problems.append(self.task_problem)
        if self.engine.problem:
            problems.append(self.engine.problem)
        return {
            "name": self.name,
            "version": self.version,
            "board": hardware.board_name(),
            "firmware": hardware.firmware_version(),
            "id": self.board_id,
            "boot": self.boot_id,
            "uptime_ms": self.clock.ms(),
            "task": self.task_name,
            "model": task.name if task is not None else "",
            "generation": self.engine.generation,
            "camera": self.settings["camera"]["enabled"],
            "frames": self.engine.frames,
            "seq": camera.seq if camera is not None else 0,
            "clients": [
                {
                    "name": s.name,
                    "client": s.client,
                    "sent": s.outbox.sent,
                    "dropped": s.outbox.dropped,
                }
                for s in self.publisher.sessions()
            ],
            "rejected": sum([link.rejected for link in self._links]),
            "heap_used": gc.mem_alloc(),
            "heap_free": gc.mem_free(),
            "temperature": hardware.temperature(),
            "problems": problems,
        }

    def list_tasks(self) -> list:
        """Return the tasks on the card: name, task, package, whether active, and what is wrong."""
        import os

        found: list = []
        try:
            names = sorted([n[:-5] for n in os.listdir(CONFIGS + "/tasks") if n.endswith(".yaml")])
        except OSError:
            names = []
        for name in names[:64]:
            entry = {
                "name": name,
                "task": None,
                "package": None,
                "active": name == self.task_name,
                "problem": None,
            }
            shown = "configs/tasks/%s.yaml" % name
            try:
                values = settings.read_task(
                    _read_text("%s/tasks/%s.yaml" % (CONFIGS, name)), shown
                ).values
                entry["task"] = values["task"]
                entry["package"] = values.get("package") or values.get("recognition_package")
            except (OSError, ValueError) as error:
                entry["problem"] = str(error)
            found.append(entry)
        return found

    # -- the loop

    def pump(self) -> bool:
        """Let every link take and send what it can without waiting."""
        busy = False
        now_ms = self.clock.ms()
        for link in self._links:
            if link.serve(now_ms):
                busy = True
        return busy

    async def serve_links(self) -> None:
        """Move bytes for ever."""
        while True:
            busy = self.pump()
            await asyncio.sleep_ms(0 if busy else _LINK_MS)

    async def serve_commands(self) -> None:
        """Execute commands, one between two frames."""
        while True:
            if not self._queue:
                await asyncio.sleep_ms(_LINK_MS)
                continue
            session, request, command, arguments = self._queue.pop(0)
            outcome = self._guarded(session, request, command, lambda: commands.COMMANDS[command](self, session, arguments))
            if hasattr(outcome, "send"):
                # It waits for something (frames, a file): others need not wait for it.
                if self._long >= MAX_LONG:
                    outcome.close()
                    session.fail(request, "busy", "%d long commands are under way: try again" % MAX_LONG)
                else:
                    self._long += 1
                    asyncio.create_task(self._finish(session, request, command, outcome))
            elif outcome is not _FAILED:
                session.reply(request, outcome)
            await asyncio.sleep_ms(0)

    async def _finish(self, session, request: int, command: str, work) -> None:
        try:
            session.reply(request, await work)
        except Exception as error:
            self._guarded(session, request, command, _raiser(error))
        finally:
            self._long -= 1

    def _guarded(self, session, request: int, command: str, work):
        """Return what work() returns; where it raises, answer the command and return _FAILED."""
        try:
            return work()
        except CommandError as error:
            session.fail(request, error.code, str(error))
        except (TaskError, NpuError) as error:
            session.fail(request, "failed", str(error))
        except settings.SettingsError as error:
            session.fail(request, "bad_argument", str(error))
        except MemoryError:
            gc.collect()
            session.fail(request, "too_large", "the board's memory does not suffice for %s" % command)
        except Exception as error:  # a fault of ours must not end the service
            sys.print_exception(error)
            session.fail(request, "internal", "%s failed: %s: %s" % (command, type(error).__name__, error))
        return _FAILED

    async def serve_statistics(self) -> None:
        """Publish statistics in their period."""
        last = self.clock.us()
        while True:
            period_ms = self.settings["results"]["statistics_period_ms"]
            await asyncio.sleep_ms(period_ms or 1000)
            if not period_ms:
                continue
            now = self.clock.us()
            values = self.engine.statistics()
            values["period_us"] = now - last
            values["generation"] = self.engine.generation
            values["heap_used"] = gc.mem_alloc()
            last = now
            self.publisher.statistics(values, now // 1000)

    async def run(self) -> None:
        """Start everything and run for ever."""
        self.log.info("K230 vision service %s on %s" % (VERSION, hardware.board_name()))
        self.read_settings()
        self.read_key()
        self.open_links()
        asyncio.create_task(self.serve_links())
        asyncio.create_task(self.serve_commands())
        asyncio.create_task(self.serve_statistics())
        if not self.task_problem:
            await self.start_task(self.settings["task"])
        else:
            self.log.error("no task: %s" % self.task_problem)
        self.open_camera()
        await self.engine.run()


def _read_text(path: str) -> str:
    if files.is_folder(path):
        raise OSError(21)
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_CONFIG + 1)
        return str(data, "utf-8")
    except UnicodeError:
        raise settings.SettingsError(["%s: expected UTF-8 text" % path.replace("/sdcard/", "")])


def main() -> None:
    """Run the service; if it ever ends, restart the board."""
    try:
        asyncio.run(Service().run())
    except KeyboardInterrupt:
        raise  # whoever sits at the console wants the REPL
    except BaseException as error:
        print("the service ended: it starts again")
        sys.print_exception(error)
    time.sleep(1)
    hardware.reset()
