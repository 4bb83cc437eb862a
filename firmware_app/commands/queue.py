"""Executes commands between frames, and answers each of them, whatever happens."""

import asyncio
import gc
import sys

from firmware_app.base.errors import CommandError, TaskError, ide_connects
from firmware_app.board.npu import NpuError
from firmware_app.commands import table as commands
from firmware_app.settings.reader import SettingsError
from firmware_app.wire import messages

MAX_QUEUED = 16  # commands that wait for their turn, over all sessions
MAX_LONG = 4  # commands under way that wait for frames or files
REPORT_MS = 1000  # between two reports of how far a long one is
_FAILED = object()  # a command that was answered already


class CommandQueue:
    """Commands in the order of their arrival."""

    def __init__(self, service) -> None:
        self._service = service
        self._waiting: list = []  # (session, request id, command, arguments)
        self._arrived = asyncio.Event()
        self._long: list = []  # [arguments, session, request, when to report next]
        self.fresh = 0  # long commands whose first step is still to come

    def add(self, session, request, command: str, arguments: dict) -> None:
        """Queue a command, or say why not."""
        if command not in commands.COMMANDS:
            session.fail(
                request, "unknown_command", "the board does not know the command %s" % command[:64]
            )
        elif len(self._waiting) >= MAX_QUEUED:
            session.fail(request, "busy", "%d commands are waiting: try again" % MAX_QUEUED)
        else:
            self._waiting.append((session, request, command, arguments))
            self._arrived.set()

    def forget(self, session) -> None:
        """Drop what a session that ended still has waiting."""
        self._waiting = [entry for entry in self._waiting if entry[0] is not session]

    def progress(self, arguments: dict, done: int, total: int, what: str) -> None:
        """Tell the client of a long command how far it is, once a second at most.

        arguments: the command's own map; it names the command, of which one client may have sent several.
        """
        now_ms = self._service.clock.ms()
        for entry in self._long:
            if entry[0] is arguments and now_ms >= entry[3]:
                entry[3] = now_ms + REPORT_MS
                entry[1].send([messages.PROGRESS, entry[2].number, done, total, what])

    async def run(self) -> None:
        """Execute commands for ever, one between two frames."""
        while True:
            if not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
                continue
            session, request, command, arguments = self._waiting.pop(0)
            outcome = self._guarded(
                session,
                request,
                command,
                lambda: commands.COMMANDS[command](self._service, session, arguments),
            )
            if hasattr(outcome, "send"):
                # It waits for something (frames, a file): others need not wait for it.
                if len(self._long) >= MAX_LONG:
                    outcome.close()
                    session.fail(
                        request, "busy", "%d long commands are under way: try again" % MAX_LONG
                    )
                else:
                    entry = [arguments, session, request, self._service.clock.ms() + REPORT_MS]
                    self._long.append(entry)
                    self.fresh += 1
                    asyncio.create_task(self._finish(entry, command, outcome))
            elif outcome is not _FAILED:
                session.reply(request, outcome)
            # At once, not with the next frame: what the client asks for next comes a frame earlier.
            self._service.pump()
            await asyncio.sleep_ms(0)

    async def _finish(self, entry: list, command: str, work) -> None:
        _, session, request, _ = entry
        self.fresh -= 1
        try:
            session.reply(request, await work)
        except Exception as error:
            self._guarded(session, request, command, _raiser(error))
        finally:
            self._long.remove(entry)
            self._service.pump()

    def _guarded(self, session, request, command: str, work):
        """Return what work() returns; where it raises, answer the command and return _FAILED."""
        try:
            return work()
        except CommandError as error:
            session.fail(request, error.code, str(error))
        except (TaskError, NpuError) as error:
            session.fail(request, "failed", str(error))
        except SettingsError as error:
            session.fail(request, "bad_argument", str(error))
        except MemoryError:
            gc.collect()
            session.fail(
                request, "too_large", "the board's memory does not suffice for %s" % command
            )
        except Exception as error:  # a fault of ours must not end the service
            if ide_connects(error):
                raise
            sys.print_exception(error)
            session.fail(
                request, "internal", "%s failed: %s: %s" % (command, type(error).__name__, error)
            )
        return _FAILED


def _raiser(error: BaseException):
    def raise_it():
        raise error

    return raise_it
