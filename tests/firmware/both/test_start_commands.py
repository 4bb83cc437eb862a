"""Commands that come while the board starts; runs on CPython and MicroPython."""

import asyncio

import card_tools  # noqa: F401  (names the modules that are only on a board)
from test_calls import Clock, Request, Session

from firmware_app.base.errors import CommandError
from firmware_app.commands import table
from firmware_app.commands.queue import CommandQueue


class _Part:
    """Any part of a board, with what a test gives it."""

    def __init__(self, **values) -> None:
        for name in values:
            setattr(self, name, values[name])


def starting() -> _Part:
    """Return a board whose first task is being loaded."""
    return _Part(
        engine=_Part(running=_Part(task=None), camera=None),
        switcher=_Part(idle=asyncio.Event()),
        installed=asyncio.Event(),
    )


def _answer(board: _Part, call) -> str:
    if board.engine.running.task is None:
        raise CommandError("no_task", "no task is running")
    return "done"


async def _long(board: _Part, call) -> str:
    return _answer(board, call)


async def _ask(names: list, loads: bool) -> list:
    """Ask while the board starts; return the answers before the first task is there, and behind it."""
    board = starting()
    short = dict.fromkeys([name for name in names if name in table.SHORT], _answer)
    long = dict.fromkeys([name for name in names if name not in table.SHORT], _long)
    queue = CommandQueue(board, (short, long, table.AFTER), Clock(), lambda: None, lambda: None)
    task = asyncio.create_task(queue.run())
    session = Session()
    for number, name in enumerate(names):
        queue.add(session, Request(number), name, {})
    for _ in range(20):
        await asyncio.sleep(0)
    before = list(session.answers)
    if loads:
        board.engine.running.task = "a task"
    board.switcher.idle.set()
    for _ in range(20):
        await asyncio.sleep(0)
    task.cancel()
    return [before, session.answers]


NEED_A_TASK = ("describe", "infer", "config", "gallery.list") + table.GALLERY


def test_commands_wait_for_the_first_task() -> None:
    for name in NEED_A_TASK:
        before, behind = asyncio.run(_ask([name], True))
        assert before == [], (name, before)
        assert behind == [[0, "done"]], (name, behind)


def test_where_no_task_comes_they_are_told_so_then() -> None:
    before, behind = asyncio.run(_ask(["infer"], False))
    assert before == []
    assert [answer[:2] for answer in behind] == [[0, "no_task"]], behind


def test_others_do_not_wait() -> None:
    before, _ = asyncio.run(_ask(["status", "tasks"], True))
    assert len(before) == 2


def test_every_command_exists() -> None:
    for name in table.AFTER:
        assert name in table.SHORT or name in table.LONG, name
