"""What is said to the board's REPL, and what it answers, where a byte of it gets lost."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import pytest

from host_client.installer import board_code

PATHS = ["/sdcard/.k230/stage/a", "/sdcard/b.mpy", "/sdcard/c"]
EXPRESSION = f"told([p for p in {PATHS!r}])"


class Board:
    """The helpers in this interpreter; `told` collects what was evaluated."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.names: dict[str, Any] = {"told": self._tell}
        self.say(board_code.introduction())
        assert self.names["_k_id"] == board_code.IDENTITY

    def _tell(self, value: Any) -> Any:
        self.told.append(value)
        return value

    def say(self, code: str) -> str:
        """Run code as the raw REPL would; return what it printed."""
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.suppress(Exception):
            exec(code, self.names)
        return out.getvalue()


def test_an_answer_comes_back() -> None:
    board = Board()
    out = board.say(board_code.request(7, EXPRESSION))
    assert board_code.answer(7, out) == [None, PATHS]
    assert board_code.answer(8, out) is None


def test_what_is_said_again_runs_once() -> None:
    board = Board()
    first = board.say(board_code.request(7, EXPRESSION))
    assert board.say(board_code.request(7, EXPRESSION)) == first
    assert len(board.told) == 1
    board.say(board_code.request(8, EXPRESSION))
    assert len(board.told) == 2


@pytest.mark.parametrize("damage", ["lost", "changed", "swapped"])
def test_a_damaged_request_does_nothing(damage: str) -> None:
    board = Board()
    code = board_code.request(7, EXPRESSION)
    for i in range(len(code)):
        now = {
            "lost": code[:i] + code[i + 1 :],
            "changed": code[:i] + "~" + code[i + 1 :],
            "swapped": code[:i] + code[i : i + 2][::-1] + code[i + 2 :],
        }[damage]
        out = board.say(now)
        # Blanks may be lost, as long as the same was evaluated.
        assert board_code.answer(7, out) in (None, [None, PATHS])
        assert board.told in ([], [PATHS])
        board.told.clear()
        board.names["_k_number"] = 0


def test_damaged_helpers_do_not_run() -> None:
    code = board_code.introduction()
    board = Board()
    for i in range(0, len(code), 7):
        board.names.pop("_k_id", None)
        board.say(code[:i] + code[i + 1 :])
        if board.names.get("_k_id") == board_code.IDENTITY:
            assert board_code.answer(9, board.say(board_code.request(9, "_k_id")))
        board.names["_k_number"] = 0


def test_a_damaged_answer_is_none() -> None:
    line = Board().say(board_code.request(7, EXPRESSION))
    for i in range(len(line.strip())):
        said = line.strip()[:i] + line.strip()[i + 1 :]
        assert board_code.answer(7, said) in (None, [None, PATHS])
        assert board_code.answer(7, line.strip()[:i] + "x" + line.strip()[i:]) is None or i == 0


def test_foreign_lines_do_not_harm() -> None:
    line = Board().say(board_code.request(7, EXPRESSION))
    said = f"camera: trouble\r\n@k230 7 00000000 [null, 1]\r\n{line}@k230\r\nmore"
    assert board_code.answer(7, said) == [None, PATHS]


def test_an_error_has_its_number() -> None:
    board = Board()
    found = board_code.answer(1, board.say(board_code.request(1, "_k_rename('/no/a', '/dev/b')")))
    assert found is not None
    assert found[0][0] == "FileNotFoundError"
    assert found[0][2] == 2
    found = board_code.answer(2, board.say(board_code.request(2, "1/0")))
    assert found is not None
    assert found[0] == ["ZeroDivisionError", "division by zero", None]
