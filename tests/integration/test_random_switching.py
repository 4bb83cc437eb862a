"""Random sequences of switches, settings, pushes, broken links, power cuts, spoiled cards and bad packages.

Whatever happens: the service answers, runs the task that was committed last, every result is of the
version that its generation names, packages are whole, and what was saved stays.
K230_RANDOM_SECONDS and K230_RANDOM_SEED make it another, longer run.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import random
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from host_client import Board, CommandFailed, LinkLost
from host_client.results.types import Result
from tests.integration.boards import running
from tests.integration.cutting_proxy import CuttingProxy
from tests.integration.versions import KINDS, Version, label_of
from virtual_board.board import VirtualBoard
from virtual_board.card import make_card
from virtual_board.silicon.nncase.replay import ReplayStore

SECONDS = float(os.environ.get("K230_RANDOM_SECONDS", "20"))
SEED = int(os.environ.get("K230_RANDOM_SEED", "7"))
SETTINGS = {"recovery.early_crashes": 20, "recovery.early_s": 5, "switch.watch_s": 1}
PATIENCE_S = 60.0
FAR = (
    "task: classification\npackage: packages/shapes_cls\n"
    "region: {x: 4000, y: 0, width: 64, height: 64}\n"
)


class Truth:
    """What must be so, over all starts of the board."""

    def __init__(self, folder: Path, chosen: random.Random) -> None:
        self.folder = folder
        self.card = folder / "card"
        self.replay = folder / "replay"
        self._store = ReplayStore(self.replay)
        self.chosen = chosen
        self.versions: list[Version] = []
        self.marks: dict[str, Version] = {}
        self.packages: dict[str, set[Version | None]] = {}  # what may be on the card
        self.tasks: dict[str, str] = {}  # task -> its package
        self.possible = {"classification"}  # the tasks that may run
        self.saved: dict[str, set[float | None]] = {}  # task -> confidences that may be kept
        self.seen: dict[tuple[int, int], int] = {}  # (boot, generation) -> version
        self.faults: list[str] = []
        self.done: list[str] = []  # the latest steps
        self.results = 0
        self.steps = 0
        for kind in reversed(KINDS):
            version = self.version(kind)
            source = version.write(folder / f"first_{version.model}" / version.model, "folder")
            make_card(source, self.card, camera_size=(320, 240), task=kind, settings=SETTINGS)
            self.packages[version.model] = {version}
            self.tasks[kind] = version.model
        (self.card / "configs" / "tasks" / "far.yaml").write_text(FAR)

    def version(self, kind: str) -> Version:
        """Make a new version."""
        made = Version(kind, len(self.versions) + 1, self._store)
        self.versions.append(made)
        self.marks[made.mark] = made
        return made

    def fault(self, text: str) -> None:
        """Note something that must not be, with what led to it."""
        self.faults.append(f"{text} (after {', '.join(self.done)})")

    def names(self, boot: int, generation: int, version: Version) -> None:
        """The generation is of this version."""
        found = self.seen.setdefault((boot, generation), version.number)
        if found != version.number:
            self.fault(f"generation {generation}: of version {found} and {version.number}")

    def check_result(self, boot: int, result: Result) -> None:
        """The result's label tells which version made it; everything else must agree."""
        self.results += 1
        label = label_of(result)
        version = self.marks.get(label or "")
        if version is None:
            self.fault(f"generation {result.generation}: {result.to_dict()}: no version finds this")
        elif (version.kind, version.model) != (result.task, result.model):
            self.fault(f"generation {result.generation}: {version.kind}, called {result.task}")
        else:
            self.names(boot, result.generation, version)

    def check_card(self) -> None:
        """Every package on the card is whole and one that was pushed."""
        folder = self.card / "packages"
        for path in sorted(folder.iterdir()):
            if path.name not in self.packages and not path.name.startswith("."):
                self.fault(f"package {path.name} was never pushed")
        for name, versions in self.packages.items():
            path = folder / name
            found: dict[str, str] | None = None
            if path.is_dir():
                found = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in path.iterdir()}
            fits = {each for each in versions if (each and each.digests()) == found}
            if fits:
                self.packages[name] = fits
            else:
                self.fault(f"package {name} is none of what it may be")


async def watch(truth: Truth, virtual: VirtualBoard) -> None:
    """Check every result until cancelled."""
    async with Board.connect(str(virtual.url), virtual.key, wait=PATIENCE_S) as board:
        async for result in board.results(queue=2000):
            truth.check_result(board.info.boot_id, result)


class Start:
    """The steps, between two times that the virtual board is switched on."""

    def __init__(
        self, truth: Truth, virtual: VirtualBoard, proxy: CuttingProxy, boards: list[Board]
    ) -> None:
        self.truth = truth
        self.chosen = truth.chosen
        self.virtual = virtual
        self.proxy = proxy
        self.boards = boards
        self.direct = boards[-1]

    @property
    def board(self) -> Board:
        return self.chosen.choice(self.boards)

    async def step(self) -> None:
        """Do one thing; failures that are answers are part of it."""
        steps: dict[Callable[[], Awaitable[None]], int] = {
            self.switch: 6,
            self.two_switches: 2,
            self.no_switch: 1,
            self.late_failure: 2,
            self.policy: 1,
            self.set: 3,
            self.push: 4,
            self.two_pushes: 1,
            self.remove: 1,
            self.bad_package: 3,
            self.bad_request: 1,
            self.edit: 2,
            self.spoil: 2,
            self.cut_link: 3,
            self.cut_power: 2,
        }
        chosen = self.chosen.choices(list(steps), list(steps.values()))[0]
        self.truth.done = self.truth.done[-8:] + [chosen.__name__]
        self.truth.steps += 1
        try:
            await chosen()
        except LinkLost:
            self.truth.done[-1] += " (link lost)"

    async def switch(self) -> None:
        await self._switch(self.board, self.chosen.choice(sorted(self.truth.tasks)))

    async def _switch(self, board: Board, task: str) -> None:
        truth = self.truth
        before = set(truth.possible)
        truth.possible |= {task}
        try:
            report = await board.switch(task)
        except CommandFailed as error:
            gone = None in truth.packages[truth.tasks[task]]
            if error.code != "busy" and not gone:
                truth.fault(f"switch {task}: {error}")
            truth.possible = before
            return
        truth.possible = {task}
        found = [each for each in truth.versions if each.sha256 == report.sha256]
        if not found or found[0] not in truth.packages[truth.tasks[task]]:
            truth.fault(f"switch {task}: {report} is of no version on the card")
        else:
            truth.names(board.info.boot_id, report.generation, found[0])

    async def two_switches(self) -> None:
        tasks = self.chosen.sample(sorted(self.truth.tasks), 2)
        before = self.truth.possible
        answers = await asyncio.gather(
            *(b.switch(task) for b, task in zip(self.boards, tasks, strict=False)),
            return_exceptions=True,
        )
        done = [a.task for a in answers if not isinstance(a, BaseException)]
        self.truth.possible = set(done) or before | set(tasks)
        for answer in answers:
            if isinstance(answer, LinkLost):
                self.truth.possible |= set(tasks)
            elif isinstance(answer, BaseException) and not isinstance(answer, CommandFailed):
                raise answer

    async def no_switch(self) -> None:
        with contextlib.suppress(CommandFailed):
            await self.board.switch(self.chosen.choice(["none", "../x", "configs", "x" * 70]))
            self.truth.fault("switched to nowhere")

    async def late_failure(self) -> None:
        """All is well but for the region, which shows once the model is loaded."""
        try:
            await self.board.switch("far")
        except CommandFailed as error:
            if error.code != "busy" and "region: expected" not in str(error):
                gone = None in self.truth.packages["shapes_cls"]
                if not gone:
                    self.truth.fault(f"switch far: {error}")
        else:
            self.truth.fault("switched to a region outside of the picture")

    async def policy(self) -> None:
        policy = self.chosen.choice(["beside", "unload_first"])
        await self.board.set({"switch.policy": policy}, save=self.chosen.random() < 0.5)

    async def set(self) -> None:
        truth = self.truth
        value = round(self.chosen.uniform(0.05, 0.6), 3)
        task = str((await self.direct.status())["task"])
        try:
            if self.chosen.random() < 0.4:
                bad = {"confidence": 7, "confidense": 1, "camera.width": 640, "region": {"x": 0}}
                name = self.chosen.choice(sorted(bad))
                await self.board.set({name: bad[name]}, save=True)
                truth.fault(f"set {name} was accepted")
            elif self.chosen.random() < 0.5:
                await self.board.set({"confidence": value})
            else:
                truth.saved.setdefault(task, {None}).add(value)
                await self.board.set({"confidence": value}, save=True)
                truth.saved[task] = {value}
        except CommandFailed as error:
            if error.code != "bad_argument":
                truth.fault(f"set: {error.code}: {error}")

    async def push(self) -> None:
        kind = self.chosen.choice(list(KINDS))
        await self._push(self.board, kind, self.chosen.choice([KINDS[kind], f"more_{kind}"]))

    async def two_pushes(self) -> None:
        """Two clients, and a switch meanwhile."""
        kinds = self.chosen.sample(list(KINDS), 2)
        pushes = [
            self._push(b, kind, f"twin_{kind}") for b, kind in zip(self.boards, kinds, strict=False)
        ]
        await asyncio.gather(*pushes, self.switch(), return_exceptions=True)

    async def _push(self, board: Board, kind: str, name: str) -> None:
        truth = self.truth
        version = truth.version(kind)
        how = self.chosen.choice(["folder", "inner", "outer"])
        source = version.write(truth.folder / "sources" / f"{version.number}" / name, how)
        truth.packages.setdefault(name, {None}).add(version)
        try:
            installed = await board.card.push(source, name)
        except CommandFailed as error:
            truth.packages[name].discard(version)
            if error.code != "busy":
                truth.fault(f"push {name}: {error.code}: {error}")
            return
        truth.packages[name] = {version}
        for task in installed.tasks:
            if task != "far":
                truth.tasks.setdefault(task, name)

    async def remove(self) -> None:
        truth = self.truth
        name = self.chosen.choice(sorted(truth.packages))
        before = set(truth.packages[name])
        truth.packages[name].add(None)
        try:
            await self.board.card.remove_package(name)
            truth.packages[name] = {None}
        except CommandFailed as error:
            truth.packages[name] = before
            used = {truth.tasks[task] for task in truth.possible}
            if not (error.code == "not_found" and None in before) and name not in used:
                truth.fault(f"remove {name}: {error}")

    async def bad_package(self) -> None:
        """One that the host would not even send."""
        version = self.truth.version(self.chosen.choice(list(KINDS)))
        files = dict(version.files)
        config, (model, data) = json.loads(files["deploy_config.json"]), list(files.items())[1]
        which = self.chosen.randrange(9)
        if which == 0:
            files[model] = data[: len(data) // 2]
        elif which == 1:
            files[model] = b"LDMK\5\0\0\0" + data[8:]
        elif which == 2:
            files["../../configs/service.yaml"] = b"task: x\n"
        elif which == 3:
            files[model.upper()] = b"x"
        elif which == 4:
            files["deploy_config.json"] = b"\xff" + files["deploy_config.json"]
        elif which == 5:
            config["categories"].pop()
            files["deploy_config.json"] = json.dumps(config).encode()
        elif which == 6:
            config["categories"][0] = "x" * 40000
            files["deploy_config.json"] = json.dumps(config).encode()
        elif which == 7:
            config["kmodel_path"] = "/sdcard/packages/shapes_seg/shapes_seg.kmodel"
            files = {"deploy_config.json": json.dumps(config).encode()}
        else:
            files = {f"f{i}": b"" for i in range(200)}
        name = self.chosen.choice(sorted(self.truth.packages))
        try:
            await self.board._requests.send_files("package", name, list(files.items()), {})
        except CommandFailed as error:
            if error.code not in ("bad_package", "bad_argument", "too_large", "busy"):
                self.truth.fault(f"bad package {which}: {error.code}: {error}")
        else:
            self.truth.fault(f"bad package {which} was installed")

    async def bad_request(self) -> None:
        digest = bytes(32)
        for arguments in (
            {"kind": "package", "name": "a", "files": [["a", 1 << 40, digest]]},
            {"kind": "package", "name": "a", "files": [["a", -1, digest]]},
            {"kind": "package", "name": "a", "files": [[["a"], 1, digest], {}]},
            {"kind": "file", "name": "configs/tasks/../../main.py", "files": [["a", 1, digest]]},
            {"kind": "firmware", "name": None, "files": [["a", 1]]},
        ):
            with contextlib.suppress(CommandFailed):
                await self.board.request("push", arguments)
                self.truth.fault(f"push {arguments} was accepted")

    async def edit(self) -> None:
        """The running task's YAML is written on the card, in pieces, and is as good as before."""
        status = await self.direct.status()
        path = self.truth.card / "configs" / "tasks" / f"{status['task']}.yaml"
        good = path.read_bytes()
        step = self.chosen.choice([5, 20, len(good)])
        with path.open("wb") as file:
            for at in range(0, len(good), step):
                file.write(good[at : at + step])
                file.flush()
                await asyncio.sleep(self.chosen.choice([0.0, 0.02, 0.4]))
            file.write(b"# %d\n" % self.chosen.randrange(1 << 30))
        await self._until(lambda s: s["problems"] == [], "an end of what the edit left")

    async def spoil(self) -> None:
        """A file of the card is spoiled, and power goes off before it is repaired."""
        status = await self.direct.status()
        configs = self.truth.card / "configs"
        path = self.chosen.choice(
            [configs / "service.yaml", configs / "tasks" / f"{status['task']}.yaml"]
        )
        good = path.read_bytes()
        data = self.chosen.choice([None, b"", good + b"bogus: [1\n", bytes(range(50))])
        if data is None:
            path.unlink()
        else:
            path.write_bytes(data)
        boot = self.direct.info.boot_id
        await self.virtual.cut_power()
        await self._until(
            lambda s: s["boot_id"] != boot and s["task"], "task behind a spoiled start"
        )
        status = await self.direct.status()
        if status["task"] not in self.truth.possible or not status["problems"]:
            self.truth.fault(f"spoiled: {status['task']}, {status['problems']}")
        path.write_bytes(good)
        await self._until(lambda s: s["problems"] == [], "an end of the problems")

    async def cut_link(self) -> None:
        self.proxy.cuts.append(self.chosen.randrange(200, 300_000))

    async def cut_power(self) -> None:
        """Power goes off while something is under way."""
        work = self.chosen.choice([self.switch, self.push, self.set, self.remove])
        self.truth.done[-1] += f" in {work.__name__}"
        under_way = asyncio.ensure_future(work())
        await asyncio.sleep(self.chosen.uniform(0, 0.5))
        await self.virtual.cut_power()
        await under_way

    async def _until(self, condition: Callable[[dict[str, Any]], Any], what: str) -> None:
        end = time.monotonic() + PATIENCE_S
        status: dict[str, Any] = {}
        while time.monotonic() < end:
            status = dict(await self.direct.status())
            if condition(status):
                return
            await asyncio.sleep(0.1)
        self.truth.fault(f"no {what}: {status['task']}, {status['problems']}")

    async def check(self) -> None:
        """The service answers and runs what was committed last, with what was saved."""
        truth = self.truth
        while True:  # a command whose answer was lost may still be under way
            try:
                await self.direct.switch("no such task")
            except CommandFailed as error:
                if error.code != "busy":
                    break
            except LinkLost:
                pass
        await self._until(lambda s: s["task"] and s["problems"] == [], "task without problems")
        status: dict[str, Any] = dict(await self.direct.status())
        if status["task"] not in truth.possible or status["safe_mode"]:
            truth.fault(f"task {status['task']} runs, expected {truth.possible}")
        truth.possible = {status["task"]}
        truth.check_card()
        if truth.faults:
            raise AssertionError("\n".join(truth.faults))

    async def more_results(self) -> None:
        """Results arrive."""
        count = self.truth.results
        await self._until(lambda _: self.truth.results > count, "results")

    async def check_saved(self) -> None:
        """Behind a start: the saved settings are in force."""
        task = str((await self.direct.status())["task"])
        found = (await self.direct.card.config_get())["task"].get("confidence_threshold")
        may = self.truth.saved.get(task, {None})
        assert found in may, (task, found, may, self.truth.done[-5:])
        self.truth.saved[task] = {found}


@pytest.mark.timeout(SECONDS + 240)
async def test_random_sequences(tmp_path: Path) -> None:
    chosen = random.Random(SEED)
    truth = Truth(tmp_path, chosen)
    end = time.monotonic() + SECONDS
    starts = 0
    while time.monotonic() < end or starts < 2 or truth.steps <= 5 or truth.results <= 10:
        # Power goes off at some write of the card, too, but not of the last start.
        cut = chosen.randrange(5, 150) if time.monotonic() < end else None
        stop = time.monotonic() + min(60.0, max(2.0, SECONDS / 3))
        starts += 1
        async with running(truth.card, crash_after=cut, replay=truth.replay) as virtual:
            port = int(str(virtual.url).rsplit(":", 1)[1])
            async with (
                CuttingProxy(port, []) as proxy,
                Board.connect(proxy.url, virtual.key, wait=PATIENCE_S) as cuttable,
                Board.connect(str(virtual.url), virtual.key, wait=PATIENCE_S) as other,
            ):
                start = Start(truth, virtual, proxy, [cuttable, other])
                await start.check()
                await start.check_saved()
                watchers = [asyncio.create_task(watch(truth, virtual)) for _ in range(2)]
                while time.monotonic() < stop:
                    await start.step()
                    await start.check()
                # Results flow to everybody at the end.
                for _ in watchers:
                    await start.more_results()
                for each in watchers:
                    each.cancel()
                ended = await asyncio.gather(*watchers, return_exceptions=True)
                assert all(isinstance(each, asyncio.CancelledError) for each in ended), ended
            assert not any("Traceback" in line for line in virtual.console)
    assert truth.faults == []
