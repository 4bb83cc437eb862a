"""What the service does beside its work: feeds the watchdog, writes the log, looks after the network.

The watchdog is fed by the event loop: where the loop hangs, it is not fed and the board restarts.
"""

import asyncio
import gc
import json

from firmware_app.base import console, places, storage
from firmware_app.base.errors import VendorError
from firmware_app.base.problems import CAMERA, CARD, DATA, WATCHDOG
from firmware_app.board import hardware
from firmware_app.board.nic import LONGEST_JOIN_S
from firmware_app.card import log_file
from firmware_app.wire import log_lines, messages

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.base.clock import Clock
    from firmware_app.base.log import Log
    from firmware_app.base.problems import Problems
    from firmware_app.board.camera import Camera
    from firmware_app.card.boots import Boots
    from firmware_app.card.configuration import Configuration
    from firmware_app.link.gateway import Identity
    from firmware_app.link.links import Links
    from firmware_app.run.engine import Engine

_PERIOD_MS = 500
_SPARE_S = 10  # of the watchdog's time, beside joining a network
_FLUSH_MS = 5000  # between writes of the log
_CARDS_MS = 10000  # between looks at the file systems
_TREND_MS = 60000  # between the figures of the memory's trend
_TRENDS = 60  # figures kept: an hour


class Upkeep:
    """The service's housekeeping."""

    def __init__(
        self,
        identity: "Identity",
        configuration: "Configuration",
        boots: "Boots",
        links: "Links",
        engine: "Engine",
        problems: "Problems",
        log: "Log",
        clock: "Clock",
    ) -> None:
        self._identity = identity
        self._configuration = configuration
        self._boots = boots
        self._links = links
        self._engine = engine
        self._problems = problems
        self._log = log
        self._clock = clock
        self.file = log_file.LogFile(problems)
        self.data_note = ""  # what was wrong with /data at the start
        self._dog = None
        self.watchdog_s = 0  # its timeout, 0: none runs
        self.memory: list = []  # used heap once a minute, kB
        self.ready: "dict | None" = None  # what the ready line said last

    def write(self, row: tuple) -> None:
        """Take a line of the log for the card."""
        self.file.add(log_lines.line(row[0], row[1], row[2]))

    def begin(self) -> None:
        """Begin the log of this start; the settings may still be unknown."""
        boots = self._boots
        self._log.keep(self.write)
        self.file.add(
            "--- start %d%s" % (boots.starts, ": " + boots.reason if boots.reason else "")
        )

    def watch(self, settings: dict, joins: bool, trial_dog=None) -> None:
        """Start the watchdog, where it is wanted and there is one.

        joins: whether the board joins a Wi-Fi network. Then the time is long enough for that at least:
        joining holds the interpreter, and a board that it resets would do nothing else for ever.
        trial_dog: main.py's, of a new version.
        """
        if trial_dog is not None:
            self._dog = hardware.Watchdog(0, trial_dog)
        if not settings["enabled"]:
            return
        self._stop_dog()  # there is only one
        seconds = settings["timeout_s"]
        if joins:
            seconds = max(seconds, LONGEST_JOIN_S + _SPARE_S)
        try:
            self._dog = hardware.Watchdog(seconds)
            self.watchdog_s = seconds
        except VendorError as error:
            self._problems.set(WATCHDOG, "it can't be started: %s" % error)

    def end_trial(self) -> None:
        """A new version has proved itself: only a watchdog that the settings want goes on."""
        if not self.watchdog_s:
            self._stop_dog()

    def close(self) -> None:
        """The user at the console takes over: nothing may reset the board, nothing be lost."""
        self.flush()
        self._stop_dog()

    def flush(self) -> None:
        """Write what the log still has to say, and what lines have counted, before the service ends."""
        if self._engine.happenings is not None:
            self._engine.happenings.flush()
        self._log.tell(True)
        self.file.flush()

    def _stop_dog(self) -> None:
        if self._dog is not None:
            self._dog.stop()
            self._dog = None

    async def run(self) -> None:
        """Look after everything for ever."""
        flush_ms = check_ms = trend_ms = cards_ms = 0
        while True:
            if self._dog is not None:
                self._feed()
            now_ms = self._clock.ms()
            self._log.tell()
            if now_ms >= flush_ms:
                flush_ms = now_ms + _FLUSH_MS
                self.file.limit(self._configuration.values["log"]["size"])
                self.file.flush()
            if self._links.nic is not None and now_ms >= check_ms:
                self._links.nic.check(now_ms)
                check_ms = self._clock.ms() + self._links.nic.pause_ms
            self._links.again()
            if now_ms >= cards_ms:
                cards_ms = now_ms + _CARDS_MS
                self.look_at_cards()
            if now_ms >= trend_ms:
                trend_ms = now_ms + _TREND_MS
                self.memory = self.memory[1 - _TRENDS :] + [gc.mem_alloc() // 1024]
            if self._engine.happenings is not None:
                self._engine.happenings.keep()
            self._look(self._engine.camera)
            if console.typed():
                self._show()
            if self.ready:
                self.announce()
            await asyncio.sleep_ms(_PERIOD_MS)

    def look_at_cards(self) -> None:
        """Say what keeps files from being written."""
        place = storage.place()
        data = storage.trouble(place)
        if not data and self._boots.unwritten:
            data = "%s: %s" % (place, self._boots.unwritten)
        self._problems.set(CARD, storage.trouble(places.CARD))
        self._problems.set(DATA, "; ".join([text for text in (self.data_note, data) if text]))

    def _show(self) -> None:
        """Something was typed at the console: show how things are, and the latest lines of the log."""
        if self.ready:
            console.tell(messages.CONSOLE_READY + json.dumps(self.ready))
        size = 0
        first = len(self._log.lines)
        while first and size < console.PEOPLE // 2:
            first -= 1
            size += len(self._log.lines[first][2].encode()) + 24
        for line in self._log.lines[first:]:
            console.say(log_lines.line(line[0], line[1], line[2]))

    def _feed(self) -> None:
        try:
            self._dog.feed()
            self._problems.clear(WATCHDOG)
        except VendorError as error:
            # It is tried on: a dog that bites is better than one that sleeps unnoticed.
            self._problems.set(WATCHDOG, str(error))

    def _look(self, camera: "Camera | None") -> None:
        """Pass on what the camera's thread left word of: only the loop may change the store."""
        if camera is not None:
            if camera.broken:
                self._problems.set(CAMERA, camera.problem)
            elif not camera.problem:
                self._problems.clear(CAMERA)

    def announce(self) -> None:
        """Print the ready line, at first and where it changed since: installers and tests read it.

        docs/protocol.md, section 9, says what is in it. In the card's log it can be read later.
        """
        nic = self._links.nic
        uart = self._links.uart
        ready = {
            "version": self._identity.version,
            "board_id": self._identity.board_id,
            "address": [nic.known] if nic is not None and nic.known else [],
            "waiting": nic.waiting if nic is not None else "",
            "port": self._links.port,
            "uart": None if uart is None else {"id": uart["id"], "baudrate": uart["baudrate"]},
            "task": self._engine.running.name,
            "results": self._engine.processed > 0,
            "problems": self._problems.codes(),
        }
        if ready != self.ready:
            self.ready = ready
            line = messages.CONSOLE_READY + json.dumps(ready)
            console.tell(line)
            if not self._log.repeats(log_lines.INFO, line):
                self.file.add(line)

    def trend(self) -> "int | None":
        """Return how much the used heap grew over the figures kept, bytes an hour; None: too early."""
        if len(self.memory) < 10:
            return None
        quarter = len(self.memory) // 4
        first = min(self.memory[:quarter])  # the least of some: between collections it swings
        last = min(self.memory[-quarter:])
        return (last - first) * 60 * 1024 // (len(self.memory) - quarter)
