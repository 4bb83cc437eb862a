"""Random sequences of switches, settings, pushes, broken links, power cuts and bad packages.

Whatever happens: the service answers, runs the task that was committed last, and every result fits the
model that its generation names. K230_RANDOM_SECONDS and K230_RANDOM_SEED make it another, longer run.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import time
from pathlib import Path

from host_client import Board, CommandFailed, K230Error, LinkLost
from host_client.results import Result
from tests.integration.boards import PACKAGES, run, running
from tests.integration.cutting_proxy import CuttingProxy
from virtual_board.card import make_card

SECONDS = float(os.environ.get("K230_RANDOM_SECONDS", "15"))
SEED = int(os.environ.get("K230_RANDOM_SEED", "7"))
SIZE = (320, 240)
TASKS = {"classification": "shapes_cls", "detection": "shapes_det", "segmentation": "shapes_seg"}


class Watcher:
    """Checks every result against what MODEL said of its generation."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self.seen: dict[tuple[int, int], tuple[str, str]] = {}  # (boot, generation) -> model
        self.count = 0
        self.faults: list[str] = []

    async def run(self) -> None:
        """Check until cancelled."""
        async for result in self._board.results(queue=500):
            self.check(result)

    def check(self, result: Result) -> None:
        """Note a fault where a result can't be of its generation."""
        self.count += 1
        place = (self._board.info.boot_id, result.generation)
        found = (result.task, result.model)
        if self.seen.setdefault(place, found) != found:
            self.faults.append(f"{place}: {self.seen[place]} and {found}")
        if TASKS.get(result.task) not in (result.model, None):
            self.faults.append(f"{place}: {found} do not belong together")


class Sequence:
    """One board being used at random."""

    def __init__(self, board: Board, proxy: CuttingProxy, bad: Path, chosen: random.Random) -> None:
        self.board = board
        self._proxy = proxy
        self._bad = bad
        self._chosen = chosen
        self.committed = "classification"
        self.possible = {"classification"}  # where an answer was lost
        self.done: list[str] = []

    async def step(self) -> None:
        """Do one thing; failures that are answers are part of it."""
        name = self._chosen.choice(
            ["switch", "switch", "policy", "set", "push", "bad_push", "cut", "nowhere", "both"]
        )
        self.done.append(name)
        try:
            await getattr(self, f"_{name}")()
        except LinkLost:
            self.done[-1] += " (link lost)"

    async def _switch(self) -> None:
        task = self._chosen.choice(list(TASKS))
        self.possible = {self.committed, task}
        report = await self.board.switch(task)
        assert report.task == task
        self.committed = task
        self.possible = {task}

    async def _policy(self) -> None:
        policy = self._chosen.choice(["beside", "unload_first"])
        await self.board.set({"switch.policy": policy}, save=self._chosen.random() < 0.5)

    async def _set(self) -> None:
        value = round(self._chosen.uniform(0.05, 0.6), 3)
        try:
            await self.board.set({"confidence": value}, save=self._chosen.random() < 0.5)
        except CommandFailed as error:
            assert "unknown setting" in str(error)  # segmentation has none

    async def _push(self) -> None:
        package = PACKAGES / self._chosen.choice(list(TASKS.values()))
        await self.board.push(package, f"more{self._chosen.randrange(3)}")

    async def _bad_push(self) -> None:
        try:
            await self.board.push(self._bad, self._chosen.choice(["more1", "shapes_cls"]))
        except CommandFailed as error:
            raise AssertionError("the host lets it through") from error
        except K230Error:
            pass
        else:
            raise AssertionError("a bad package was installed")

    async def _cut(self) -> None:
        self._proxy.cuts.append(self._chosen.randrange(500, 60_000))

    async def _nowhere(self) -> None:
        try:
            await self.board.switch(self._chosen.choice(["none", "../x", "configs"]))
        except CommandFailed:
            return
        raise AssertionError("switched to nowhere")

    async def _both(self) -> None:
        tasks = self._chosen.sample(list(TASKS), 2)
        self.possible = {self.committed, *tasks}
        answers = await asyncio.gather(
            *(self.board.switch(task) for task in tasks), return_exceptions=True
        )
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, CommandFailed):
                raise answer
        done = [a.task for a in answers if not isinstance(a, BaseException)]
        assert len(done) == 1, answers
        self.committed = done[0]
        self.possible = {self.committed}

    async def check(self) -> None:
        """The service answers and runs what was committed last."""
        status = await self.board.status()
        assert status["task"] in self.possible, (status["task"], self.possible, self.done[-5:])
        self.committed = status["task"]
        self.possible = {self.committed}
        assert not status["safe_mode"]
        assert status["problems"] == [], self.done[-5:]


def _bad_package(folder: Path) -> Path:
    shutil.copytree(PACKAGES / "shapes_cls" / "mp_deployment_source", folder)
    config = folder / "deploy_config.json"
    config.write_text(config.read_text().replace('"img_size": [', '"img_size": [1, '))
    return folder


def test_random_sequences(tmp_path: Path) -> None:
    async def test() -> None:
        chosen = random.Random(SEED)
        folder = tmp_path / "card"
        # Starts that we end ourselves must not bring the board into safe mode.
        settings = {"recovery.early_crashes": 20, "switch.watch_s": 1}
        for name in ("shapes_seg", "shapes_det", "shapes_cls"):
            make_card(PACKAGES / name, folder, camera_size=SIZE, settings=settings)
        bad = _bad_package(tmp_path / "bad")
        end = time.monotonic() + SECONDS
        committed = "classification"
        results = steps = starts = 0
        while time.monotonic() < end or starts < 2 or steps <= 5 or results <= 10:
            # Power goes off at some write of each start but the last ones.
            cut = chosen.randrange(10, 60) if time.monotonic() < end else None
            stop = time.monotonic() + max(2.0, SECONDS / 3)
            starts += 1
            async with running(folder, crash_after=cut) as virtual:
                assert virtual.url is not None
                port = int(virtual.url.rsplit(":", 1)[1])
                async with (
                    CuttingProxy(port, []) as proxy,
                    Board.connect(proxy.url, virtual.key, wait=20) as board,
                ):
                    sequence = Sequence(board, proxy, bad, chosen)
                    sequence.committed = committed
                    sequence.possible = {committed}
                    watcher = Watcher(board)
                    reading = asyncio.create_task(watcher.run())
                    await sequence.check()
                    while time.monotonic() < stop:
                        await sequence.step()
                        await sequence.check()
                        steps += 1
                    reading.cancel()
                    await asyncio.gather(reading, return_exceptions=True)
                    assert watcher.faults == []
                    results += watcher.count
                    committed = sequence.committed

    run(test(), SECONDS + 120)
