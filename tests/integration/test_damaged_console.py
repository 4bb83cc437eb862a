"""The console loses bytes, and other threads of the board print into its answers."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest
from mpremote.transport_serial import SerialTransport

from host_client.installer import repl
from host_client.installer.repl import ReplTarget
from host_client.installer.target import InstallError
from virtual_board.board import VirtualBoard

FOREIGN = "import time\nprint('foreign')\nwhile True:\n    time.sleep(1)\n"
CONTENT = bytes(range(256)) * 160


class Noisy:
    """A serial port that spoils some of what goes through it."""

    def __init__(self, port: Any, every: int, kind: str) -> None:
        self._port = port
        self._dice = random.Random(230)
        self._every = every
        self._kind = kind
        self._left = every
        self.spoilt = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)

    def _turn(self, count: int) -> bool:
        self._left -= count
        if self._left > 0:
            return False
        self._left = self._dice.randrange(self._every // 2, 2 * self._every)
        self.spoilt += 1
        return True

    def write(self, data: bytes) -> int:
        if self._kind == "lost" and len(data) > 1 and self._turn(len(data)):
            i = self._dice.randrange(len(data))
            data = data[:i] + data[i + 1 :]
        self._port.write(data)
        return len(data)

    def read(self, count: int = 1) -> bytes:
        data = bytes(self._port.read(count))
        if self._kind == "foreign" and data in (b"@", b"[", b"\n") and self._turn(1):
            return b"<" + data  # not the byte that mpremote's protocol waits for
        return data


@pytest.mark.parametrize(("kind", "every"), [("lost", 12000), ("foreign", 15)])
async def test_files_arrive_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, every: int
) -> None:
    ports: list[Noisy] = []

    class Transport(SerialTransport):  # type: ignore[misc]
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            port: Any = self.__dict__["serial"]
            ports.append(Noisy(port, every, kind))
            self.__dict__["serial"] = ports[-1]

    monkeypatch.setattr(repl, "SerialTransport", Transport)
    monkeypatch.setattr(repl, "READ_S", 1.0)
    monkeypatch.setattr(repl, "PIECE", 1024)
    card = tmp_path / "card"
    card.mkdir()
    (card / "main.py").write_text(FOREIGN)

    def use() -> None:
        with ReplTarget(str(tmp_path / "console")) as target:
            target.write("folder/data", CONTENT, lambda count: None)
            paths = [f"none{i}" for i in range(20)] + ["folder/data"]
            assert list(target.hashes(paths)) == ["folder/data"]
            target.rename("folder/data", "folder/moved")
            assert target.names("folder") == ["moved"]
            assert target.read("folder/moved") == CONTENT
            target.write_anywhere("/data/log", b"--- start 1\nold\n--- start 2\n" + b"new\n" * 9)
            assert target.last_log() == "--- start 2\n" + "new\n" * 9
            with pytest.raises(InstallError, match="OSError"):
                target.rename("main.py", "folder/moved")

    async with VirtualBoard(
        sdcard=card, console=tmp_path / "console", bare=True, tcp=None
    ) as board:
        async for event in board.events():
            if event["detail"] == "foreign":
                break
        await asyncio.to_thread(use)
    assert (card / "folder" / "moved").read_bytes() == CONTENT
    assert sum(port.spoilt for port in ports) >= 2


async def test_a_port_that_keeps_losing_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Transport(SerialTransport):  # type: ignore[misc]
        def exec_raw(self, *args: Any, **options: Any) -> tuple[bytes, bytes]:
            return b"nothing of use\r\n", b""

    monkeypatch.setattr(repl, "SerialTransport", Transport)
    card = tmp_path / "card"
    card.mkdir()
    (card / "main.py").write_text(FOREIGN)

    def use() -> None:
        with (
            pytest.raises(InstallError, match="does not arrive whole, 4 times"),
            ReplTarget(str(tmp_path / "console")),
        ):
            pass

    async with VirtualBoard(
        sdcard=card, console=tmp_path / "console", bare=True, tcp=None
    ) as board:
        async for event in board.events():
            if event["detail"] == "foreign":
                break
        await asyncio.to_thread(use)
