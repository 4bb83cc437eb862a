"""A command of a client as its handler sees it, answered exactly once."""

import asyncio
import gc

from firmware_app.base import console
from firmware_app.base.errors import (
    CommandError,
    NpuError,
    TaskError,
    VendorError,
    ide_connects,
)
from firmware_app.settings.reader import SettingsError
from firmware_app.wire import messages

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.base.clock import Clock
    from firmware_app.link.requests import Request
    from firmware_app.link.session import Session

_REPORT_MS = 1000  # between two reports of how far a command is


class Call:
    """One command, from its arrival to its answer."""

    def __init__(
        self, session: "Session", request: "Request", name: str, arguments: dict, clock: "Clock"
    ) -> None:
        """arguments: from outside, so that handlers check each of them before use."""
        self.session = session
        self.name = name
        self.arguments = arguments
        self._request = request
        self._clock = clock
        self._report_ms = clock.ms() + _REPORT_MS  # no earlier
        self._done = False  # answered, or nothing is left to answer to
        self._event: "asyncio.Event | None" = None  # that its handler waits for

    @property
    def done(self) -> bool:
        """Whether it was answered, or its session ended."""
        return self._done

    def reply(self, result: object) -> None:
        """Answer with the result."""
        if not self._done:
            self._done = True
            self.session.reply(self._request, result)

    def fail(self, code: str, text: str) -> None:
        """Answer that it can't be done: code of docs/protocol.md, section 10, and a sentence."""
        if not self._done:
            self._done = True
            self.session.fail(self._request, code, text)

    def raised(self, error: Exception) -> None:
        """Answer with what the handler raised; only what the IDE raises goes on."""
        if isinstance(error, CommandError):
            self.fail(error.code, str(error))
        elif isinstance(error, (TaskError, NpuError, VendorError)):
            self.fail("failed", str(error))
        elif isinstance(error, SettingsError):
            self.fail("bad_argument", str(error))
        elif isinstance(error, MemoryError):
            gc.collect()
            text = "not enough memory on the board for %s" % self.name
            self.fail("too_large", "%s: %s" % (text, error) if error.args else text)
        elif ide_connects(error):
            raise error
        else:  # a fault of ours must not end the service
            text = "%s failed: %s: %s" % (self.name, type(error).__name__, error)
            self.fail("internal", text)
            console.exception(error)

    def progress(self, done: int, total: int, what: str) -> None:
        """Tell the client how far the command is, once a second at most."""
        now_ms = self._clock.ms()
        if now_ms >= self._report_ms and not self._done:
            self._report_ms = now_ms + _REPORT_MS
            self.session.send([messages.PROGRESS, self._request.number, done, total, what])

    def end(self) -> None:
        """Its session ended: what waits goes on, and no answer is sent."""
        self._done = True
        if self._event is not None:
            self._event.set()

    async def wait(self, event: asyncio.Event, ms: int) -> None:
        """Wait for an event of this call alone, ms at most; CommandError where the session ends meanwhile."""
        self._event = event
        try:
            await asyncio.wait_for(event.wait(), ms / 1000)
        except asyncio.TimeoutError:
            pass
        finally:
            self._event = None
        if self._done:
            raise CommandError("failed", "the session ended")
