"""A console that somebody opened and does not read stops nothing; whoever types sees how things are."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path

import pytest
import serial

from host_client import Board

from .boards import card, running, until

# More than a service says in ten minutes, and than any PC takes unread: 200 kB.
CHATTER = """
import asyncio
from firmware_app import service
settle = service.Service.settle
async def chatter(self):
    for number in range(2000):
        word = "".join([chr(97 + int(digit)) for digit in str(number)])  # repeats are only counted
        self.board.log.info("chatter %s %s" % (word, "x" * 90))
        await asyncio.sleep_ms(1)
    open("/data/done", "w").close()
    await settle(self)
service.Service.settle = chatter
"""


@pytest.mark.slow
async def test_an_unread_console(tmp_path: Path) -> None:
    console = tmp_path / "console"
    folder = card(tmp_path / "card", camera_enabled=False)
    (folder / "boot.py").write_text(CHATTER)
    async with running(folder, console=console) as virtual:
        assert virtual.url is not None
        port = serial.Serial(os.path.realpath(console), timeout=0.1)
        port.write(b"\r")  # so that nothing is held back
        await until((folder / ".data" / "done").exists, "end of the chatter", 60)
        async with Board.connect(virtual.url, virtual.key) as board:
            status = await board.status()
            assert status["starts"] == 1
        said = "\n".join(virtual.console)
        assert "press Enter" in said
        assert "chatter bjjj" not in said
        data = await asyncio.to_thread(_typed, port)
        ready = [line for line in data.splitlines() if line.startswith("k230-ready ")]
        assert json.loads(ready[-1].split(" ", 1)[1])["port"] == 5230
        assert "chatter bjjj" in data
        port.close()


def _typed(port: serial.Serial) -> str:
    """Read what was left unread, press Enter, and return what the board shows."""
    port.read(10000)
    port.write(b"\r")
    data: bytes = b""
    stop = time.monotonic() + 10
    while b"chatter bjjj" not in data and time.monotonic() < stop:
        data += port.read(1000)
    time.sleep(0.2)
    return str(data + port.read(10000), "utf-8")
