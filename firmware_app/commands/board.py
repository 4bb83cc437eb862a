"""The board as commands see it: its parts by name, each with what it uses."""

from firmware_app.base.clock import Clock
from firmware_app.base.errors import CommandError
from firmware_app.base.log import Log
from firmware_app.base.pause import set_event
from firmware_app.base.problems import Problems
from firmware_app.board import hardware
from firmware_app.card.boots import Boots
from firmware_app.card.configuration import Configuration
from firmware_app.card.watch import Watched
from firmware_app.link.attempts import Attempts
from firmware_app.link.gateway import Identity
from firmware_app.link.links import Links
from firmware_app.link.publisher import Publisher
from firmware_app.link.transfers import Transfers
from firmware_app.run.engine import Engine
from firmware_app.run.live import Live
from firmware_app.run.switcher import Switcher
from firmware_app.run.upkeep import Upkeep
from firmware_app.version import VERSION

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.tasks.base import Task


class Board:
    """The parts; commands read them, and change them by their methods."""

    def __init__(self) -> None:
        clock = self.clock = Clock()
        log = self.log = Log(clock)
        problems = self.problems = Problems()
        configuration = self.configuration = Configuration()
        boots = self.boots = Boots(version="%s %s" % (VERSION, hardware.firmware_version()))
        identity = self.identity = Identity()
        self.attempts = Attempts()
        self.transfers = Transfers()
        links = self.links = Links(clock, log, problems)
        publisher = self.publisher = Publisher(links, clock)
        engine = self.engine = Engine(configuration, links, publisher, boots, problems, log, clock)
        self.watched = Watched()
        self.switcher = Switcher(engine, configuration, self.watched, boots, problems, log, clock)
        self.live = Live(
            configuration, engine, self.switcher, links, publisher, identity, log, clock
        )
        self.upkeep = Upkeep(identity, configuration, boots, links, engine, problems, log, clock)
        # (SHA-256, its data, what the answer said) of the last picture that a client got in chunks
        self.kept_picture: "tuple | None" = None
        self.installed = set_event()  # cleared while what was pushed is checked and put in place

    def event_picture(self, number: int) -> "bytes | None":
        """Return the JPEG of the object of a numbered event, None where none is kept."""
        happenings = self.engine.happenings
        return happenings.snapshots.find(number) if happenings is not None else None

    def running_task(self) -> "Task":
        """Return the task that runs; CommandError where none does."""
        task = self.engine.running.task
        if task is None:
            raise CommandError("no_task", self.problems.why_no_task())
        return task
