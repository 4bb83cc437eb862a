"""Executes commands between frames, and sees to it that each is answered."""

import asyncio

from firmware_app.base.pause import until
from firmware_app.commands.call import Call

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.base.clock import Clock
    from firmware_app.link.requests import Request
    from firmware_app.link.session import Session

MAX_QUEUED = 16  # commands that wait for their turn, over all sessions
MAX_LONG = 4  # running commands that wait for frames or files


class CommandQueue:
    """Commands in the order of their arrival."""

    def __init__(self, board, tables: tuple, clock: "Clock", pump, begins) -> None:
        """board: what handlers work on; pump(): sends what waits; begins(): a long command was made.

        tables: {name: handler} of the short commands, (board, call) -> result; of the long ones,
        async, beside which frames and other commands go on; and of those short ones that may have
        to wait first, {name: (board) -> event or None}.
        """
        self._board = board
        self._short, self._long, self._after = tables
        self._clock = clock
        self._pump = pump
        self._begins = begins
        self._waiting: list[Call] = []
        self._arrived = asyncio.Event()
        self._working: list[Call] = []

    def add(self, session: "Session", request: "Request", name: str, arguments: dict) -> None:
        """Queue a command, or say why not."""
        call = Call(session, request, name, arguments, self._clock)
        if name not in self._short and name not in self._long:
            call.fail("unknown_command", "the board does not know the command %s" % name[:64])
        elif len(self._waiting) >= MAX_QUEUED:
            call.fail("busy", "%d commands are waiting: try again" % MAX_QUEUED)
        else:
            self._waiting.append(call)
            self._arrived.set()

    def forget(self, session: "Session") -> None:
        """Drop what a session that ended still has waiting; what runs already goes unanswered."""
        for call in self._waiting + self._working:
            if call.session is session:
                call.end()
        self._waiting = [call for call in self._waiting if not call.done]

    async def run(self) -> None:
        """Execute commands for ever, one between two frames."""
        while True:
            if not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
                continue
            call = self._waiting.pop(0)
            after = self._after.get(call.name)
            event = after(self._board) if after is not None else None
            if call.name in self._long or (event is not None and not event.is_set()):
                # It waits for something (frames, a file): others need not wait for it.
                if len(self._working) >= MAX_LONG:
                    call.fail("busy", "%d long commands are in progress: try again" % MAX_LONG)
                else:
                    self._working.append(call)
                    asyncio.create_task(self._work(call, event))
                    self._begins()
            else:
                self._answer(call)
            # At once, not with the next frame: what the client asks for next comes a frame earlier.
            self._pump()
            await asyncio.sleep(0)

    def _answer(self, call: Call) -> None:
        try:
            call.reply(self._short[call.name](self._board, call))
        except Exception as error:
            call.raised(error)

    async def _work(self, call: Call, event: "asyncio.Event | None") -> None:
        try:
            if event is not None:
                await until(event)
            if call.name in self._short:
                self._answer(call)
            else:
                call.reply(await self._long[call.name](self._board, call))
        except Exception as error:
            call.raised(error)
        finally:
            self._working.remove(call)
            self._pump()
