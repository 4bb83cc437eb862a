"""A command that no message can carry is refused before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from host_client import ArgumentError, Board
from tests.host.scripted_board import tcp_board


@pytest.mark.parametrize("value", ["x" * 40000, 1 << 70, "\ud800", object()])
async def test_arguments_that_do_not_fit(value: Any) -> None:
    async with tcp_board() as scripted, Board.connect(scripted.url) as board:
        scripted.answers["set"] = lambda arguments: {"generation": 1, "changed": [], "saved": False}
        with pytest.raises(ArgumentError, match=r"^set: it can't be sent: "):
            await board.set({"a": value})
        assert (await board.set({"a": 1})).generation == 1  # the link lives on
        assert [number for number, *_ in scripted.commands] == [1]


async def test_a_push_of_too_many_files() -> None:
    async with tcp_board() as scripted, Board.connect(scripted.url) as board:
        files = [(f"a_name_that_says_a_lot_{number}.py", b"x") for number in range(600)]
        with pytest.raises(ArgumentError, match=r"^push: it can't be sent: .* at most 32768 bytes"):
            await board._requests.send_files("firmware", "a", files, {})
        assert scripted.commands == []
