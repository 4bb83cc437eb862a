"""A board that runs the last version without folders is brought to this one, over its console."""

from __future__ import annotations

import asyncio
import contextlib
import zipfile
from pathlib import Path

import pytest

from host_client.commands.packages import read_package
from host_client.installer import installer
from host_client.installer.content import Content, task_file, with_task
from host_client.installer.manifest import read_manifest
from host_client.installer.target import FolderTarget
from tests.integration.test_install_board import PACKAGE, Bench
from virtual_board.board import VirtualBoard

FLAT = Path(__file__).parents[1] / "vectors" / "service-flat.zip"
FLAT_FILES = 88


class FlatBench(Bench):
    """A board on which the flat version was installed; `before` is what it had before that."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.before = self.contents()
        with zipfile.ZipFile(FLAT) as archive:
            every = {name: archive.read(name) for name in archive.namelist()}
        start = "firmware_app/"
        self.flat = {name[len(start) :]: every[name] for name in every if name.startswith(start)}
        assert len(self.flat) == FLAT_FILES
        assert not [name for name in self.flat if "/" in name]
        for name in ("main.py", "fallback.py"):  # so that the root's scripts are exchanged, too
            self.flat[name] += b"\n# flat\n"
        package = read_package(PACKAGE)
        yaml = with_task(every["configs/service.yaml"].decode(), package.name).encode()
        configs = {"configs/service.yaml": yaml, **dict([task_file(package)])}
        card = FolderTarget(self.card)
        plan = installer.make_plan(card, Content(self.flat, configs, package, False))
        installer.apply(card, plan, lambda count, name: None)

    def upgrade(self) -> tuple[str, ...]:
        return ("install", "--port", str(self.port), "--url", self.url)

    def folder_of(self, name: str) -> dict[str, bytes]:
        return {
            path.removeprefix(f"{name}/"): data
            for path, data in self.contents().items()
            if path.startswith(f"{name}/")
        }

    def runs(self, board: VirtualBoard) -> bool:
        """Whether either version makes results."""
        return bool(board.said.get("results")) or any(
            "results are made" in line for line in board.console
        )

    async def until_it_runs(self, board: VirtualBoard) -> None:
        await self.wait(lambda: self.runs(board), 60, lambda: list(board.console)[-20:])

    async def refused(self, *arguments: str) -> str:
        """Run `k230` against the flat board; return its one sentence."""
        process = await self.start(*arguments)
        out, _ = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 5, out.decode()
        text = " ".join(out.decode().split())
        assert text.count("k230: ") == 1, text
        return text

    async def see_it_upgraded(self) -> None:
        said = await self.run(*self.upgrade())
        assert "results are arriving" in said
        now = self.folder_of("firmware_app")
        assert {"main.py", "run/__init__.py"} <= now.keys()
        assert "wire/packets" in {name.rpartition(".")[0] for name in now}
        # None of the flat files stays but those that are still called so.
        left = {name for name in now if "/" not in name}
        stems = {name.rpartition(".")[0] for name in left}
        assert stems == {"__init__", "boot", "main", "fallback", "service", "version"}
        again = await self.run(*self.upgrade())
        assert "nothing to change" in again

    async def see_it_uninstalled(self) -> None:
        await self.run("uninstall", "--port", str(self.port))
        assert self.contents() == self.before


@pytest.mark.slow
async def test_a_flat_board_refuses_a_push_and_is_upgraded_over_its_console(tmp_path: Path) -> None:
    bench = FlatBench(tmp_path)
    card = bench.contents()
    async with bench.power() as board:
        await bench.until_it_runs(board)
        key = (tmp_path / "data" / "key").read_text().strip()
        for command in (("push", bench.url, "--firmware"), ("status", bench.url)):
            text = await bench.refused(*command, "--key", key)
            assert "the board uses protocol version 1, this client 2" in text
            assert "k230 install --port TTY" in text
        assert bench.contents() == card  # nothing arrived
        await bench.see_it_upgraded()
        assert bench.folder_of("firmware_app.old") == bench.flat
        assert (tmp_path / "data" / "key").read_text().strip() == key
        status = await bench.run("status", bench.url, "--key", key)
        assert "shapes_cls" in status
        await bench.see_it_uninstalled()


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        "write /.k230/stage/firmware/wire/packets",
        "rename /.k230/stage/firmware to /firmware_app.new",
        "remove /fallback.py",
        "rename /main.py to /bad_main.py",
        "rename /.k230/stage/main.py to /main.py",
    ],
)
async def test_an_upgrade_that_lost_its_power_is_finished(tmp_path: Path, change: str) -> None:
    bench = FlatBench(tmp_path)
    async with bench.power(crash_before=change) as board:
        await bench.until_it_runs(board)
        process = await bench.start(*bench.upgrade())
        cut = f"power cut before: {change}"
        await bench.wait(lambda: cut in str(board._trouble), 60, lambda: list(board.console)[-20:])
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    async with bench.power() as board:
        await bench.until_it_runs(board)  # the flat one or this one, as a whole
        await bench.see_it_upgraded()


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        "rename /firmware_app to /firmware_app.old",
        "rename /firmware_app.new to /firmware_app",
        "rename /firmware_app.try0 to /firmware_app.try1",
    ],
)
async def test_the_power_goes_off_while_main_takes_the_upgrade(tmp_path: Path, change: str) -> None:
    bench = FlatBench(tmp_path)
    await bench.run("install", "--card", str(bench.card))
    async with bench.power(crash_before=change) as board:
        cut = f"power cut before: {change}"
        await bench.wait(lambda: cut in str(board._trouble), 60, lambda: list(board.console)[-20:])
        # The power comes back.
        await bench.wait(lambda: bool(board.said.get("results")), 60, lambda: list(board.console))
        assert bench.folder_of("firmware_app.old") == bench.flat
        await bench.see_it_upgraded()
        await bench.see_it_uninstalled()


@pytest.mark.slow
async def test_an_upgrade_whose_cable_is_unplugged_is_finished(tmp_path: Path) -> None:
    """k230 ends while it sends: the board, which keeps its power, sits in its REPL until then."""
    bench = FlatBench(tmp_path)
    async with bench.power() as board:
        await bench.until_it_runs(board)
        process = await bench.start(*bench.upgrade())
        staged = bench.card / ".k230" / "stage" / "firmware" / "wire"
        await bench.wait(staged.exists, 60)
        process.kill()
        await process.wait()
        assert bench.folder_of("firmware_app") == bench.flat
        assert read_manifest(FolderTarget(bench.card)) is not None
        await bench.see_it_upgraded()
        await bench.see_it_uninstalled()
