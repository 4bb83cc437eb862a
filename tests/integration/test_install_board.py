"""Installing over the console of a bare virtual board, with interruptions."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.boards import recorded
from virtual_board.board import VirtualBoard

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "models" / "packages" / "shapes_cls" / "mp_deployment_source"
PICTURES = ROOT / "models" / "packages" / "shapes_cls" / "pictures"
FOREIGN = "import time\nprint('foreign')\nwhile True:\n    time.sleep(1)\n"
K230 = [sys.executable, "-c", "from host_client.cli import main; main()"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Bench:
    """A bare board on the desk: its card, console and address."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.card = folder / "card"
        self.card.mkdir()
        (self.card / "main.py").write_text(FOREIGN)
        self.port = folder / "console"
        self.url = f"tcp://127.0.0.1:{free_port()}"
        self.board: VirtualBoard | None = None

    @contextlib.asynccontextmanager
    async def power(self, **options: Any) -> AsyncIterator[VirtualBoard]:
        async with VirtualBoard(
            sdcard=self.card,
            data=self.folder / "data",
            camera=str(PICTURES),
            console=self.port,
            bare=True,
            replay=recorded(),
            tcp=self.url.removeprefix("tcp://"),
            **options,
        ) as board:
            await self.wait(self.port.exists, said=lambda: (board.console, board._events))
            yield board

    async def wait(self, condition: Any, seconds: float = 30, said: Any = None) -> None:
        for _ in range(int(seconds / 0.05)):
            if condition():
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"it did not come about: {said() if said is not None else ''}")

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *K230,
            *arguments,
            cwd=ROOT,
            env=os.environ | {"XDG_CONFIG_HOME": str(self.folder / "config")},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )

    async def run(self, *arguments: str) -> str:
        process = await self.start(*arguments)
        out, _ = await asyncio.wait_for(process.communicate(), 180)
        assert process.returncode == 0, out.decode()
        return out.decode()

    def install(self, *more: str) -> tuple[str, ...]:
        port = ("--port", str(self.port))
        return ("install", *port, "--package", str(PACKAGE), "--url", self.url, *more)

    def contents(self) -> dict[str, bytes]:
        return {p: (self.card / p).read_bytes() for p in self.tree() if (self.card / p).is_file()}

    def tree(self) -> set[str]:
        return {str(p.relative_to(self.card)) for p in self.card.rglob("*")}


@pytest.mark.slow
@pytest.mark.parametrize(
    "how", [(), ("--via", "link"), ("--sources",)], ids=["", "link", "sources"]
)
async def test_from_a_bare_board_to_results_and_back(tmp_path: Path, how: tuple[str, ...]) -> None:
    bench = Bench(tmp_path)
    before = bench.tree()
    async with bench.power() as board:
        await bench.wait(lambda: "foreign" in board.console)
        said = await bench.run(*bench.install("--dry-run"))
        assert "would write main.py" in said
        assert bench.tree() == before
        said = await bench.run(*bench.install(*how))
        assert "results are arriving" in said
        assert board.key in said or "key: " in said
        assert "kB/s" in said
        again = await bench.run(*bench.install(*how))
        assert "nothing to change" in again
        assert (tmp_path / "data" / "key").exists()
        said = await bench.run("uninstall", "--port", str(bench.port), "--purge")
        assert bench.tree() == before
        assert [path.name for path in (tmp_path / "data").iterdir()] == []
        assert (bench.card / "main.py").read_text() == FOREIGN
        await bench.wait(lambda: list(board.console).count("foreign") >= 1)


@pytest.mark.slow
async def test_the_installer_is_killed_at_random_moments(tmp_path: Path) -> None:
    """A bounded few here; K230_KILLS asks for more."""
    kills = int(os.environ.get("K230_KILLS", "6"))
    dice = random.Random(230)

    bench = Bench(tmp_path)
    for number in range(kills):
        shutil.rmtree(bench.card)
        shutil.rmtree(tmp_path / "data", ignore_errors=True)  # many early ends: safe mode
        bench.card.mkdir()
        (bench.card / "main.py").write_text(FOREIGN)
        async with bench.power() as board:
            await bench.wait(lambda board=board: "foreign" in board.console)
            process = await bench.start(*bench.install())
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(process.wait(), dice.uniform(0.3, 4.0))
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            await process.wait()
        # The board loses its power, too, and gets it again.
        async with bench.power() as board:
            await bench.wait(
                lambda board=board: "foreign" in board.console or board.said.get("results"),
                said=lambda board=board: list(board.console),
            )
            if number == kills - 1:
                assert "results are arriving" in await bench.run(*bench.install())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "aside"),
    [
        ("write /.k230/stage/firmware/service", False),
        ("rename /.k230/stage/firmware to /firmware_app", False),
        ("rename /main.py to /bad_main.py", False),
        ("rename /.k230/stage/main.py to /main.py", True),
        ("remove /bad_main.py", False),
        ("remove /bad_main.py", True),
    ],
)
async def test_the_power_goes_off_while_the_board_writes(
    tmp_path: Path, change: str, aside: bool
) -> None:
    bench = Bench(tmp_path)
    if aside:
        (bench.card / "bad_main.py").write_text("1 / 0\n")
        (bench.card / "fallback.py").write_text("print('somebody else, too')\n")
    before = bench.contents()
    async with bench.power(crash_before=change) as board:
        process = await bench.start(*bench.install())
        await bench.wait(
            lambda: (
                process.returncode is not None
                or list(board.console).count("foreign") > 1
                or board.said.get("results")
            )
        )
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        assert f"power cut before: {change}" in str(board._trouble)
    async with bench.power() as board:
        await bench.wait(lambda: "foreign" in board.console or board.said.get("results"))
        assert "results are arriving" in await bench.run(*bench.install())
        await bench.run("uninstall", "--port", str(bench.port))
        assert bench.contents() == before


async def test_nobody_at_the_port(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    process = await bench.start("install", "--port", str(tmp_path / "none"))
    out, _ = await process.communicate()
    assert process.returncode == 10
    assert b"the port does not exist" in out
    assert b"Traceback" not in out
