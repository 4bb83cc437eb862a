"""A command is answered exactly once, whatever its handler does; runs on CPython and MicroPython."""

import asyncio

from firmware_app.base.errors import CommandError, NpuError, TaskError
from firmware_app.base.pause import until
from firmware_app.commands import call as call_room
from firmware_app.commands.queue import MAX_LONG, MAX_QUEUED, CommandQueue
from firmware_app.settings.reader import SettingsError
from firmware_app.wire import messages

ERRORS = {
    "command": (CommandError("not_found", "no label"), ["not_found", "no label"]),
    "task": (TaskError("no model"), ["failed", "no model"]),
    "npu": (NpuError("no region"), ["failed", "no region"]),
    "settings": (
        SettingsError(["max_results: too many"]),
        ["bad_argument", "max_results: too many"],
    ),
    "memory": (MemoryError(), ["too_large", "not enough memory on the board for memory"]),
    "value": (ValueError("a fault"), ["internal", "value failed: ValueError: a fault"]),
    "key": (KeyError("x"), ["internal"]),
}


class Console:
    """In place of the console: faults of ours are printed there."""

    printed: list = []

    @staticmethod
    def exception(error) -> None:
        Console.printed.append(str(error))


call_room.console = Console


class Clock:
    def __init__(self) -> None:
        self.now = 0

    def ms(self) -> int:
        return self.now


class Request:
    def __init__(self, number: int) -> None:
        self.number = number


class Session:
    """What a session does for commands, recorded: every answer and every report."""

    def __init__(self) -> None:
        self.answers: list = []
        self.sent: list = []

    def reply(self, request: Request, result) -> None:
        self.answers.append([request.number, result])

    def fail(self, request: Request, code: str, text: str) -> None:
        self.answers.append([request.number, code, text])

    def send(self, message: list) -> None:
        self.sent.append(message)


class Board:
    """What the handlers of this file work on."""

    def __init__(self) -> None:
        self.event = asyncio.Event()
        self.own: list = []  # events of waiting calls
        self.order: list = []
        self.begun = 0
        self.pumped = 0
        self.clock = Clock()
        tables = (
            {"short": self.short, "after": self.after},
            {"long": self.long, "wait": self.wait, "twice": self.twice},
            {"after": lambda board: board.event},
        )
        for name in ERRORS:
            tables[0][name] = self.raises
            tables[1]["long " + name] = self.raises_late
        self.queue = CommandQueue(self, tables, self.clock, self.pump, self.begins)
        self.session = Session()
        self.number = 0

    def pump(self) -> None:
        self.pumped += 1

    def begins(self) -> None:
        self.begun += 1

    def ask(self, name: str, session=None, **arguments) -> int:
        self.number += 1
        self.queue.add(session or self.session, Request(self.number), name, arguments)
        return self.number

    @staticmethod
    def short(board, call):
        return call.arguments.get("value")

    @staticmethod
    def after(board, call):
        board.order.append("after")
        return "after"

    @staticmethod
    async def long(board, call):
        board.order.append("long")
        await until(board.event)
        for done in range(4):
            call.progress(done, 4, "frames")
            board.clock.now += 600
        return "long"

    @staticmethod
    async def wait(board, call):
        event = asyncio.Event()
        board.own.append(event)
        await call.wait(event, call.arguments["ms"])
        return event.is_set()

    @staticmethod
    async def twice(board, call):
        call.reply("first")
        call.fail("failed", "second")
        raise ValueError("third")

    @staticmethod
    def raises(board, call):
        raise ERRORS[call.name][0]

    @staticmethod
    async def raises_late(board, call):
        await asyncio.sleep(0)
        raise ERRORS[call.name[5:]][0]


def run(work) -> None:
    """Run work(board) beside a board's queue."""

    async def main() -> None:
        Console.printed.clear()
        board = Board()
        task = asyncio.create_task(board.queue.run())
        await work(board)
        task.cancel()

    asyncio.run(main())


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_what_a_handler_returns_is_the_answer() -> None:
    async def work(board) -> None:
        for value in (1, None, [], {"a": "b"}):
            number = board.ask("short", value=value)
            await turns()
            assert board.session.answers[-1] == [number, value]
        assert len(board.session.answers) == 4 and board.pumped >= 4 and not board.begun

    run(work)


def test_each_kind_of_error_is_one_answer() -> None:
    async def work(board) -> None:
        for name in sorted(ERRORS):
            for kind in ("", "long "):
                board.session.answers.clear()
                number = board.ask(kind + name)
                await turns()
                assert len(board.session.answers) == 1, (name, board.session.answers)
                found = board.session.answers[0]
                expected = [
                    text.replace("for memory", "for %smemory" % kind) for text in ERRORS[name][1]
                ]
                expected = [
                    text.replace("value failed", kind + "value failed") for text in expected
                ]
                ours = found[1] == "internal"
                assert len(Console.printed) == ours
                Console.printed.clear()
                assert found[0] == number and found[1 : 1 + len(expected)] == expected, found

    run(work)


def test_an_answer_is_given_once() -> None:
    async def work(board) -> None:
        number = board.ask("twice")
        await turns()
        assert board.session.answers == [[number, "first"]]

    run(work)


def test_long_commands_leave_the_others_their_turn() -> None:
    async def work(board) -> None:
        first = board.ask("long")
        second = board.ask("short", value=2)
        await turns()
        assert board.session.answers == [[second, 2]] and board.begun == 1
        board.event.set()
        await turns()
        assert board.session.answers[1:] == [[first, "long"]]
        # A report a second at most, of this command, and none in the first second.
        assert board.session.sent == [[messages.PROGRESS, first, 2, 4, "frames"]]

    run(work)


def test_a_short_one_waits_for_its_event_only_where_it_must() -> None:
    async def work(board) -> None:
        first = board.ask("after")
        second = board.ask("short", value=2)
        await turns()
        assert board.session.answers == [[second, 2]] and not board.order
        board.event.set()
        await turns()
        assert board.session.answers[1:] == [[first, "after"]]
        begun = board.begun
        third = board.ask("after")
        await turns()
        assert board.session.answers[2:] == [[third, "after"]] and board.begun == begun

    run(work)


def test_too_many_and_unknown_commands_are_refused() -> None:
    async def work(board) -> None:
        unknown = board.ask("x" * 100)
        assert board.session.answers[0][:2] == [unknown, "unknown_command"]
        assert len(board.session.answers[0][2]) < 120
        for _ in range(MAX_QUEUED):
            board.ask("long")
        refused = board.ask("long")
        assert board.session.answers[1][:2] == [refused, "busy"]
        await turns(60)
        busy = [answer for answer in board.session.answers[2:] if answer[1] == "busy"]
        assert len(busy) == MAX_QUEUED - MAX_LONG
        board.event.set()
        await turns(60)
        assert len(board.session.answers) == 2 + MAX_QUEUED
        numbers = [answer[0] for answer in board.session.answers]
        assert len(set(numbers)) == len(numbers) == board.number

    run(work)


def test_a_session_that_ends_gets_no_answer_and_holds_nothing_up() -> None:
    async def work(board) -> None:
        gone, other = Session(), Session()
        board.ask("wait", gone, ms=3600000)
        board.ask("long", gone)
        stays = board.ask("wait", other, ms=3600000)
        await turns()
        board.ask("short", gone, value=1)  # still queued when the session ends
        board.queue.forget(gone)
        last = board.ask("short", other, value=2)
        await turns()
        assert other.answers == [[last, 2]]
        assert len(board.queue._working) == 2  # its wait is over, and nothing is owed to it
        board.event.set()
        board.own[1].set()
        await turns()
        assert not board.queue._working
        assert gone.answers == [] and gone.sent == []
        assert other.answers[1:] == [[stays, True]]

    run(work)


def test_a_wait_ends_with_its_time() -> None:
    async def work(board) -> None:
        number = board.ask("wait", ms=20)
        await asyncio.sleep(0.3)
        await turns()
        assert board.session.answers == [[number, False]]

    run(work)
