"""The service with its default configuration on every kind of board: a result, or the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import board_types
from board_types import BoardType
from host_client.board import Board
from tests.integration.boards import card, running


def _distinct() -> list[BoardType]:
    """Return one type of each combination of what the service meets: the others are its like."""
    found: dict[Any, BoardType] = {}
    for each in board_types.all_types():
        if each.name != board_types.VIRTUAL:
            found.setdefault((each.absent, each.mmz_kb, each.default_csi, each.buffers), each)
    return list(found.values())


@pytest.mark.parametrize("kind", _distinct(), ids=lambda each: each.name)
async def test_default_configuration(tmp_path: Path, kind: BoardType) -> None:
    sdcard = card(tmp_path / "card", camera_size=None)  # all defaults but the task
    async with running(sdcard, board=kind.name, restart=False) as board:
        assert board.said["problems"] == ([] if kind.wlan or kind.lan else ["network"])
        if kind.wlan or kind.lan:
            assert board.url is not None
            async with Board.connect(board.url, board.key) as client:
                result = await client.results().__anext__()
                status = await client.status()
            assert result.task == "classification"
            assert status["problems"] == []
            assert status["board_type"] == kind.uname


NO_NETWORK = [each for each in _distinct() if not (each.wlan or each.lan)]


@pytest.mark.parametrize("kind", NO_NETWORK, ids=lambda each: each.name)
async def test_without_a_network_the_uart_says_why(tmp_path: Path, kind: BoardType) -> None:
    number, tx, rx = kind.link
    sdcard = card(
        tmp_path / "card",
        uart=True,
        settings={"uart.id": number, "uart.tx": tx, "uart.rx": rx, "uart.baudrate": 921600},
    )
    async with running(sdcard, board=kind.name, restart=False, uart=tmp_path / "wire") as board:
        assert board.uart_url is not None
        async with Board.connect(board.uart_url, False) as client:
            [problem] = (await client.status())["problems"]
    assert problem["code"] == "network"
    assert "use the UART" in problem["text"]


async def test_an_interface_that_the_build_lacks(tmp_path: Path) -> None:
    settings = {"network.interface": "ethernet"}
    sdcard = card(tmp_path / "card", settings=settings)
    async with running(sdcard, board="bpi-zero", restart=False) as board:
        assert board.said["problems"] == ["network"]
        text = "\n".join(board.console)
    assert "network.interface: expected station or access_point, found ethernet" in text
