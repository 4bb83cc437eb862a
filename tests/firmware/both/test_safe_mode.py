"""When safe mode tries its task again; runs on CPython and MicroPython."""

import asyncio

from card_tools import use
from folder_card import FolderCard

from firmware_app.base.problems import SAFE_MODE, Problems
from firmware_app.card.boots import CAMERA, LOAD, RUN, Boots
from firmware_app.run import safe_mode
from firmware_app.run.safe_mode import SafeMode


class _Loop:
    """Stands for asyncio in the module: sleeping moves the board's clock."""

    def __init__(self, board) -> None:
        self._board = board

    async def sleep_ms(self, ms: int) -> None:
        self._board.now_ms += ms
        self._board.passed()


class _Camera:
    broken = True


class _Board:
    """The parts that safe mode works on, in one."""

    def __init__(self, phase: str = RUN + " aaaaaaaa") -> None:
        use(FolderCard())
        for _ in range(3):
            boots = Boots(version="1")
            boots.begin()
            boots.enter(phase)
        self.boots = Boots(version="1")
        self.boots.begin()
        assert self.boots.enter_safe_mode(3)
        self.now_ms = 0
        self.camera = None
        self.started = []
        self.opened = 0
        self.lines = []
        self.problems = Problems()
        self.at = {}  # ms -> what happens then
        self.mode = SafeMode(self.boots, self, self, self.problems, self, self)
        safe_mode.asyncio = _Loop(self)

    def ms(self) -> int:
        return self.now_ms

    def info(self, text: str) -> None:
        self.lines.append(text)

    def passed(self) -> None:
        for ms in list(self.at):
            if self.now_ms >= ms:
                self.at.pop(ms)()
        assert self.now_ms < 10000000, "it never tries"

    async def start(self, task: str) -> None:
        self.started.append((task, self.now_ms))

    def open_camera(self) -> None:
        self.opened += 1

    def run(self, wait_s: int) -> list:
        self.mode.say("cup", wait_s)
        asyncio.run(self.mode.run("cup", wait_s, self.open_camera))
        return self.started


def test_after_a_while() -> None:
    board = _Board()
    assert board.mode.wait_s(600, 3) == 600
    assert board.run(600) == [("cup", 600000)]
    assert not board.boots.safe
    assert board.problems.codes() == []
    assert board.opened == 1


def test_each_try_that_crashed_doubles_the_wait() -> None:
    board = _Board()
    waits = []
    for _ in range(8):
        waits.append(board.mode.wait_s(600, 3))
        board.boots.try_again()
        board.boots.crashed("x")
        board.boots = Boots(version="1")
        board.boots.begin()
        board.mode = SafeMode(board.boots, board, board, board.problems, board, board)
    assert waits[:3] == [600, 600, 600], waits  # three exceptions until they outweigh the phases
    assert waits[-1] > 600
    assert board.mode.wait_s(600, 3) <= 21600
    assert board.mode.wait_s(0, 3) == 0


def test_when_a_camera_is_back() -> None:
    board = _Board()
    board.camera = _Camera()
    board.at[4000] = lambda: setattr(board.camera, "broken", False)
    assert board.run(600) == [("cup", 4000)]
    assert board.opened == 0


def test_when_a_package_was_pushed() -> None:
    board = _Board()
    board.at[7000] = lambda: setattr(board.boots, "anew", True)
    assert board.run(0) == [("cup", 7000)]
    assert not board.boots.anew


def test_a_client_ends_it() -> None:
    board = _Board()
    board.at[3000] = board.boots.leave_safe_mode
    assert board.run(600) == []


def test_what_is_said() -> None:
    for phase, words in (
        (RUN, "3 starts crashed in the first run of task cup; the board tries again in 10 min; "),
        (LOAD, "3 starts crashed while task cup was loaded; the board tries again"),
        (CAMERA, "3 starts crashed while the camera was set up; the board tries again"),
    ):
        board = _Board(phase + " aaaaaaaa")
        board.mode.say("cup", 600)
        (row,) = board.problems.rows()
        assert row["code"] == SAFE_MODE
        assert row["text"].startswith(words), row["text"]
    board.mode.say("cup", 0)
    assert "again" not in board.problems.rows()[0]["text"]
