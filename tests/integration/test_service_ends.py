"""What ends the service: a fault of its own restarts the board, the console and the IDE keep it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import serial

from host_client import Board
from virtual_board.board import VirtualBoard

from .boards import card, running, until

FALLS = """
from firmware_app import service
async def fall(self):
    raise ValueError("a link fell over")
count = 0
try:
    with open("/data/falls") as file:
        count = int(file.read())
except OSError:
    pass
if count < 1:
    with open("/data/falls", "w") as file:
        file.write("1")
    service.Service.serve_statistics = fall
"""


def _said(board: VirtualBoard, text: str) -> bool:
    return any(text in line for line in board.console)


def _boots(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / ".data" / "boots.json").read_text())
    return found


async def test_a_fallen_task_restarts_the_service(tmp_path: Path) -> None:
    folder = card(tmp_path / "card")
    (folder / "boot.py").write_text(FALLS)
    async with running(folder) as virtual:
        await until(lambda: _said(virtual, "the service ended: it starts again"), "end", 60)
        await until(lambda: virtual.said.get("results"), "result after it", 60)
        assert virtual.url is not None
        async with Board.connect(virtual.url, virtual.key) as board:
            status = await board.status()
        assert status["restart_reason"] == {
            "code": "crash",
            "text": "ValueError: a link fell over",
        }


@pytest.mark.parametrize("how", ["console", "IDE"])
async def test_whoever_comes_by_usb_gets_the_board(tmp_path: Path, how: str) -> None:
    frame = {"console": b"\x03", "IDE": b"\x30\x8d\x04\x00\x00\x00"}[how]

    folder = card(tmp_path / "card")
    async with running(folder, console=tmp_path / "console") as virtual:
        await until(lambda: virtual.said.get("results"), "result", 60)
        seen = "KeyboardInterrupt" if how == "console" else "IDE interrupt"
        with serial.Serial(str((tmp_path / "console").resolve()), timeout=0) as port:
            port.write(frame)
            await until(lambda: _said(virtual, seen), "interrupt", 60)
        assert not _said(virtual, "it starts again")
    assert _boots(folder)["code"] == "console"
    assert _boots(folder)["reason"] == "interrupted at the console"
    assert _boots(folder)["crashes"] == 0
