"""What the service does beside its work: feeds the watchdog, writes the log, looks after the network.

The watchdog is fed by the event loop: where the loop hangs, nobody feeds it and the board restarts.
"""

import asyncio
import gc

from firmware_app.base import log
from firmware_app.board import hardware, nic
from firmware_app.card import log_file

_PERIOD_MS = 500
_FLUSH_MS = 5000  # between writes of the log
_TREND_MS = 60000  # between the figures of the memory's trend
_TRENDS = 60  # figures kept: an hour


class Upkeep:
    """The service's housekeeping."""

    def __init__(self, service) -> None:
        self._service = service
        self.file = log_file.LogFile()
        self._dog = None
        self.watchdog_s = 0  # its timeout, 0: none runs
        self.memory: list = []  # used heap once a minute, kB
        self._told = False

    def write(self, line: tuple) -> None:
        """Take a line of the log for the card."""
        self.file.add(
            "%d.%03d %s: %s" % (line[0] // 1000, line[0] % 1000, log.NAMES[line[1]], line[2])
        )

    def begin(self) -> None:
        """Begin the log of this start; the settings may still be unknown."""
        boots = self._service.boots
        self._service.log.kept = self.write
        self.file.add(
            "--- start %d%s" % (boots.starts, ": " + boots.reason if boots.reason else "")
        )

    def watch(self, settings) -> None:
        """Start the watchdog, where it is wanted and there is one."""
        if not settings["enabled"]:
            return
        try:
            self._dog = hardware.watchdog(settings["timeout_s"])
            self.watchdog_s = settings["timeout_s"]
        except (OSError, ValueError, TypeError, AttributeError) as error:
            self._service.wrong("watchdog: it can't be started: %s" % error)

    def close(self) -> None:
        """Whoever sits at the console takes over: nothing may reset the board, nothing be lost."""
        self.file.flush()
        if self._dog is not None:
            try:
                self._dog.stop()
            except (OSError, AttributeError):
                pass
            self._dog = None

    async def run(self) -> None:
        """Look after everything for ever."""
        service = self._service
        flush_ms = check_ms = trend_ms = 0
        while True:
            if self._dog is not None:
                self._dog.feed()
            now_ms = service.clock.ms()
            if now_ms >= flush_ms:
                flush_ms = now_ms + _FLUSH_MS
                self.file.limit(service.settings["log"]["size"])
                self.file.flush()
            if service.nic is not None and now_ms >= check_ms:
                check_ms = now_ms + nic.CHECK_MS
                service.nic.check(now_ms)
            if now_ms >= trend_ms:
                trend_ms = now_ms + _TREND_MS
                self.memory = self.memory[1 - _TRENDS :] + [gc.mem_alloc() // 1024]
            if service.engine.frames:
                service.boots.proven()
            if not self._told and service.engine.frames:
                # Whoever installs the board over its console waits for this line.
                self._told = True
                service.log.info(
                    "results are made: the first of generation %d" % service.engine.generation
                )
            await asyncio.sleep_ms(_PERIOD_MS)

    def trend(self):
        """Return how much the used heap grew over the figures kept, kB an hour; None: too early."""
        if len(self.memory) < 10:
            return None
        quarter = len(self.memory) // 4
        first = min(self.memory[:quarter])  # the least of some: between collections it swings
        last = min(self.memory[-quarter:])
        return (last - first) * 60 // (len(self.memory) - quarter)
