"""Executes commands between frames, and answers each of them, whatever happens."""

import asyncio
import gc
import sys

from firmware_app import commands
from firmware_app.errors import CommandError, TaskError
from firmware_app.npu import NpuError
from firmware_app.settings import SettingsError

MAX_QUEUED = 16  # commands that wait for their turn, over all sessions
MAX_LONG = 4  # commands under way that wait for frames or files
_FAILED = object()  # a command that was answered already


class CommandQueue:
    """Commands in the order of their arrival."""

    def __init__(self, service) -> None:
        self._service = service
        self._waiting: list = []  # (session, request id, command, arguments)
        self._arrived = asyncio.Event()
        self._long = 0

    def add(self, session, request: int, command: str, arguments: dict) -> None:
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
                if self._long >= MAX_LONG:
                    outcome.close()
                    session.fail(
                        request, "busy", "%d long commands are under way: try again" % MAX_LONG
                    )
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
        except SettingsError as error:
            session.fail(request, "bad_argument", str(error))
        except MemoryError:
            gc.collect()
            session.fail(
                request, "too_large", "the board's memory does not suffice for %s" % command
            )
        except Exception as error:  # a fault of ours must not end the service
            sys.print_exception(error)
            session.fail(
                request, "internal", "%s failed: %s: %s" % (command, type(error).__name__, error)
            )
        return _FAILED


def _raiser(error: BaseException):
    def raise_it():
        raise error

    return raise_it
