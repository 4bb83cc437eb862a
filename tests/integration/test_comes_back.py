"""What was missing at the start, or is lost later, comes back by itself: a port, the camera."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from host_client import Board
from virtual_board.board import VirtualBoard

from .boards import card, running

LIMIT_S = 60.0
REPLUGS = 3


async def _until(board: Board, what: str, condition: Callable[[dict[str, Any]], bool]) -> None:
    """Wait until the board's status is so."""
    for _ in range(int(LIMIT_S / 0.1)):
        status: Any = await board.status()
        if condition(status):
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"no {what} in {LIMIT_S:g} s: {status['problems']}")


def _codes(status: Any) -> set[str]:
    return {row["code"] for row in status["problems"]}


async def test_a_port_that_is_taken_at_the_start_is_tried_again(tmp_path: Path) -> None:
    folder = card(tmp_path / "card", camera_enabled=False, uart=True)
    other = socket.socket()
    virtual = VirtualBoard(sdcard=folder, uart=tmp_path / "uart")
    assert virtual.url is not None
    port = int(virtual.url.rpartition(":")[2])
    other.bind(("127.0.0.1", port))
    other.listen()
    async with virtual:
        await virtual.ready(LIMIT_S)
        assert virtual.said["port"] is None
        assert "network_port" in virtual.said["problems"]
        assert virtual.uart_url is not None
        async with Board.connect(virtual.uart_url, virtual.key, wait=LIMIT_S) as wired:
            assert "network_port" in _codes(await wired.status())
            other.close()
            await _until(wired, "open port", lambda status: "network_port" not in _codes(status))
        async with Board.connect(virtual.url, virtual.key, wait=LIMIT_S) as board:
            assert "discovery" not in _codes(await board.status())


async def test_a_camera_is_unplugged_and_plugged_in_again(tmp_path: Path) -> None:
    """Each time the reason is told, pictures of clients are answered, and frames come back."""
    around = tmp_path / "around.json"
    around.write_text("{}")

    def plug(there: bool) -> None:
        fresh = around.with_suffix(".new")
        fresh.write_text(json.dumps({"camera": there}))
        fresh.replace(around)

    folder = card(tmp_path / "card")
    async with running(folder, air=around) as virtual:
        assert virtual.url is not None
        async with Board.connect(virtual.url, virtual.key, wait=LIMIT_S) as board:
            await _until(board, "results", lambda status: status["processed"] > 0)
            before: Any = await board.status()
            for _ in range(REPLUGS):
                plug(False)
                await _until(board, "problem", lambda status: "camera" in _codes(status))
                status: Any = await board.status()
                assert status["camera"] is False
                text = next(row["text"] for row in status["problems"] if row["code"] == "camera")
                assert "already inited" not in text, "the cause is hidden"
                made = status["processed"]
                plug(True)
                await _until(
                    board,
                    "results",
                    lambda status, made=made: status["processed"] > made + 3,  # type: ignore[misc]
                )
                await _until(board, "end of it", lambda status: "camera" not in _codes(status))
            after: Any = await board.status()
        assert after["boot_id"] == before["boot_id"]  # no restart did it
        assert after["memory"] == before["memory"] or (
            after["memory"]["media_free_bytes"] >= before["memory"]["media_free_bytes"] - (1 << 20)
        )


async def test_a_board_that_starts_without_its_camera_takes_it_later(tmp_path: Path) -> None:
    around = tmp_path / "around.json"
    around.write_text(json.dumps({"camera": False}))
    folder = card(tmp_path / "card")
    async with running(folder, air=around) as virtual:
        assert virtual.url is not None
        async with Board.connect(virtual.url, virtual.key, wait=LIMIT_S) as board:
            await _until(board, "problem", lambda status: "camera" in _codes(status))
            around.write_text("{}")
            await _until(board, "results", lambda status: status["processed"] > 0)
