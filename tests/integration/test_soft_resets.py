"""The console takes the board from the service: all threads end, soft resets work again and again.

On the firmware a soft reset waits for every thread without limit, and the stack of each one that ended
stays (virtual_board/modules/_k230/threads.py has the sources).
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest
import serial

from host_client import Board
from virtual_board.board import VirtualBoard

from .boards import card, running, until

STACKS = 0x24000 + 65536 + 2 * 0x8000  # of the service's threads: loop, camera, acceptor, receiver
COUNT = b"from _k230 import threads; print('left', threads.alive(), threads.stacks())\r"
REPL_S = 1.0
MANY = int(os.environ.get("K230_SOFT_RESETS", "10"))  # a hundred take three minutes


class Console:
    """The PC's side, as a terminal program has it."""

    def __init__(self, path: Path) -> None:
        self.port = serial.Serial(str(path.resolve()), timeout=0)

    async def until(self, text: bytes, seconds: float = 60) -> bytes:
        """Read until text comes."""
        data = b""
        stop = time.monotonic() + seconds
        while text not in data:
            assert time.monotonic() < stop, data[-2000:]
            data += self.port.read(4096)
            await asyncio.sleep(0.005)
        return data

    async def take(self) -> float:
        """Interrupt the service; return the seconds until the REPL is there."""
        start = time.monotonic()
        self.port.write(b"\x03\x03")  # as mpremote does
        said = await self.until(b">>> ")
        assert b"KeyboardInterrupt" in said
        assert b"did not end" not in said
        return time.monotonic() - start


async def _cycle(virtual: VirtualBoard, console: Console, number: int) -> float:
    """Take the board, count what is left, soft-reset it, and wait until the service is back."""
    seconds = await console.take()
    console.port.write(COUNT)
    left = await console.until(b"\r\n>>> ")
    assert f"left 0 {STACKS * (number + 1)}".encode() in left
    virtual.said = {}
    console.port.write(b"\x04")
    await until(lambda: virtual.said, "ready line after a soft reset", 60)
    return seconds


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "count", [2, pytest.param(MANY, marks=pytest.mark.slow)], ids=["a few", "many"]
)
async def test_the_service_gives_way_and_comes_back(tmp_path: Path, count: int) -> None:
    folder = card(tmp_path / "card")
    async with running(folder, console=tmp_path / "console") as virtual:
        console = Console(tmp_path / "console")
        for number in range(count):
            await _cycle(virtual, console, number)
        await until(lambda: virtual.said.get("results"), "result", 60)
        assert virtual.url is not None
        async with Board.connect(virtual.url, virtual.key) as board:
            status = await board.status()
        assert status["starts"] == count + 1
        assert status["restart_reason"] is not None
        assert status["restart_reason"]["code"] == "console"
        assert not status["problems"]


@pytest.mark.alone
async def test_ctrl_c_gives_the_repl_within_a_second(tmp_path: Path) -> None:
    folder = card(tmp_path / "card")
    async with running(folder, console=tmp_path / "console") as virtual:
        await until(lambda: virtual.said.get("results"), "result", 60)
        assert await Console(tmp_path / "console").take() < REPL_S


ABORTS = """
import os
from _k230 import silicon
from firmware_app.run.engine import Engine
process = Engine._publish
def publish(self, *rest):
    process(self, *rest)
    try:
        os.remove("/data/abort")
    except OSError:
        return
    silicon.abort("terminate called after throwing an instance of 'std::runtime_error'")
Engine._publish = publish
"""


@pytest.mark.slow
async def test_an_abort_in_the_loop_is_restarted_by_the_watchdog(tmp_path: Path) -> None:
    folder = card(tmp_path / "card", settings={"watchdog.timeout_s": 5})
    (folder / "boot.py").write_text(ABORTS)
    async with running(folder) as virtual:
        await until(lambda: virtual.said.get("results"), "result", 60)
        (folder / ".data" / "abort").write_text("now")
        await until(lambda: not virtual.said, "reset", 60)
        await until(lambda: virtual.said.get("results"), "result behind it", 60)
        assert virtual.url is not None
        async with Board.connect(virtual.url, virtual.key) as board:
            status = await board.status()
        assert status["restart_reason"] is not None
        assert status["restart_reason"]["code"] == "unannounced"
        assert status["safe_mode"] is False
