"""Metric learning as a product, end to end on the virtual board: enroll, recognize, remember, move."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image

from host_client import (
    Board,
    CommandFailed,
    GalleryFileError,
    IdentitiesResult,
    MetricLearningResult,
)
from host_client import sync as blocking
from host_client.commands.gallery_file import read_file
from tests.integration.boards import PACKAGES, PICTURES, card, running
from virtual_board.board import VirtualBoard

GLYPHS = PACKAGES / "glyphs_ml"
SIGNS = [GLYPHS / "pictures" / f"glyphs_ml_{i}.jpg" for i in range(8)]  # two of each sign
DETECTOR = PACKAGES / "shapes_det"
NAMES = ("张三", "🙂🙃", "name with spaces", "ß" * 100)

pytestmark = pytest.mark.skipif(
    not (GLYPHS / "expected.json").is_file(), reason="models/packages/glyphs_ml is not there"
)


def quiet(folder: Path) -> Path:
    """Make a card with the embedding model and without a camera."""
    return card(folder, GLYPHS, camera_enabled=False)


@contextlib.asynccontextmanager
async def connected(vb: VirtualBoard) -> AsyncIterator[Board]:
    """Connect, and wait until the model is loaded."""
    async with Board.connect(str(vb.url), key=vb.key) as board:
        for _ in range(200):
            if (await board.status())["task"]:
                break
            await asyncio.sleep(0.1)
        yield board


async def enroll_first_views(board: Board) -> None:
    for name, picture in zip(NAMES, SIGNS[::2], strict=True):
        done = await board.gallery.enroll(name, picture)
        assert (done.label, done.samples, len(done.added)) == (name, 1, 1)


async def check_second_views(board: Board) -> None:
    for name, picture in zip(NAMES, SIGNS[1::2], strict=True):
        found = await board.gallery.recognize(picture, top=4)
        assert len(found.found) == 1
        best = found.found[0]
        assert best.identity == name
        assert best.matches[0].label == name
        assert best.score == best.matches[0].score
        assert abs(best.margin - (best.score - best.matches[1].score)) < 2e-4
        result = await board.infer(picture)
        assert isinstance(result, MetricLearningResult)
        assert (result.identity, result.score, result.margin) == (name, best.score, best.margin)
        assert result.embedding is None  # once something is enrolled it is sent on demand only


async def test_enrolled_signs_are_recognized_and_survive_power_loss(tmp_path: Path) -> None:
    sdcard = quiet(tmp_path / "card")
    async with running(sdcard) as vb, connected(vb) as board:
        result = await board.infer(SIGNS[0])
        assert isinstance(result, MetricLearningResult)
        assert result.embedding is not None
        assert result.score is None
        with pytest.raises(CommandFailed, match="enroll something or select one"):
            await board.gallery.recognize(SIGNS[0])
        await enroll_first_views(board)
        await check_second_views(board)
        unknown = await board.gallery.recognize(PICTURES / "shapes_cls_0.jpg")
        assert unknown.found[0].identity is None
        assert unknown.found[0].reason == "threshold"
        await board.set({"embeddings": "always"})
        result = await board.infer(SIGNS[1])
        assert isinstance(result, MetricLearningResult)
        assert result.embedding is not None
        assert result.identity == NAMES[0]
        # The board is killed as it stands: leaving the block ends its process.
    async with running(sdcard) as vb, connected(vb) as board:
        info = await board.gallery.list()
        assert {label.label for label in info.labels} == set(NAMES)
        await check_second_views(board)


async def test_bad_pictures_are_refused_and_doubtful_samples_named(tmp_path: Path) -> None:
    async with (
        running(quiet(tmp_path / "card")) as vb,
        connected(vb) as board,
    ):
        with pytest.raises(CommandFailed, match="too dark"):
            await board.gallery.enroll("dark", Image.new("RGB", (160, 120), (3, 2, 1)))
        with pytest.raises(CommandFailed, match="empty"):
            await board.gallery.enroll("grey", Image.new("RGB", (160, 120), (200, 200, 200)))
        with pytest.raises(CommandFailed, match="at most 200 bytes"):
            await board.gallery.enroll("字" * 67, SIGNS[0])
        with pytest.raises(CommandFailed, match="label: expected a text"):
            await board.gallery.enroll("", SIGNS[0])
        with pytest.raises(CommandFailed, match="camera is switched off"):
            await board.gallery.enroll("nobody", frames=1)
        assert (await board.gallery.enroll("one", SIGNS[0])).warnings == ()
        again = await board.gallery.enroll("二", SIGNS[0])
        assert any("#2 is nearly the same as #1 of one" in text for text in again.warnings)
        odd = await board.gallery.enroll("one", SIGNS[4])
        assert any("disagrees with the others of one" in text for text in odd.warnings)
        # Not this: the picture itself as negative sample rules its label out.
        await board.gallery.remove("二")
        assert (await board.gallery.recognize(SIGNS[1])).found[0].identity == "one"
        await board.gallery.enroll("one", SIGNS[1], negative=True)
        ruled_out = (await board.gallery.recognize(SIGNS[1])).found[0]
        assert (ruled_out.identity, ruled_out.reason) == (None, "negative")


async def test_labels_and_samples_are_changed_one_by_one(tmp_path: Path) -> None:
    async with (
        running(quiet(tmp_path / "card")) as vb,
        connected(vb) as board,
    ):
        gallery = board.gallery
        for i, picture in enumerate(SIGNS):
            await board.gallery.enroll(f"sign {i // 2}", picture)
        shown = await gallery.show("sign 1")
        assert [sample.number for sample in shown] == [3, 4]
        assert all(sample.own is not None and sample.own > 0.6 for sample in shown)
        suggestion = await gallery.suggest()
        assert len(suggestion.within) == len(suggestion.between) == 8
        assert suggestion.refused == suggestion.accepted == 0
        assert max(suggestion.between) < suggestion.threshold < min(suggestion.within)
        await gallery.rename("sign 0", "null")
        with pytest.raises(CommandFailed, match="has a label null already"):
            await gallery.rename("sign 1", "null")
        await gallery.set_threshold("null", 0.9999)
        found = (await board.gallery.recognize(Image.open(SIGNS[1]).resize((64, 48)))).found[0]
        assert (found.identity, found.reason) == (None, "threshold")
        await gallery.set_threshold("null", None)
        await gallery.remove(sample=3)
        with pytest.raises(CommandFailed, match="no sample 3"):
            await gallery.remove(sample=3)
        await gallery.remove(sample=4)  # the last one takes its label with it
        await gallery.remove("sign 2")
        info = await gallery.list()
        rows = [(label.label, label.samples) for label in info.labels]
        assert rows == [("null", 2), ("sign 3", 2)]
        await gallery.clear()
        info = await gallery.list()
        assert (info.samples, info.labels) == (0, ())


async def test_export_moves_to_another_board_and_damage_is_refused(tmp_path: Path) -> None:
    async def give() -> bytes:
        async with (
            running(quiet(tmp_path / "a")) as vb,
            connected(vb) as board,
        ):
            await enroll_first_views(board)
            await board.gallery.set_threshold(NAMES[0], 0.5)
            return await board.gallery.export()

    async def take(data: bytes) -> None:
        async with (
            running(quiet(tmp_path / "b")) as vb,
            connected(vb) as board,
        ):
            gallery = board.gallery
            assert await gallery.import_(data, "备份") == 4
            assert await gallery.select("备份") == 4
            await check_second_views(board)
            assert (await gallery.list()).labels[-1].label == "🙂🙃"
            # What the client would not send, the board refuses too, and keeps what it has.
            for at in (9, 40, 60, len(data) // 2, len(data) - 2):
                bad = data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :]
                arguments = {"name": "备份", "offset": 0, "size": len(bad), "data": bad}
                with pytest.raises(CommandFailed, match="not imported"):
                    await board.request("gallery.import", arguments)
            await check_second_views(board)
            await gallery.select("other")
            assert (await gallery.list()).samples == 0
            with pytest.raises(CommandFailed, match="in use"):
                await gallery.delete("other")
            await gallery.delete("备份")
            assert set((await gallery.list()).galleries) <= {"other"}
            # FAT takes names that differ in case only for one: so does the service.
            assert await gallery.import_(data, "Copy") == 4
            assert await gallery.import_(data, "copy") == 4
            assert await gallery.select("COPY") == 4
            info = await gallery.list()
            assert (info.selected, set(info.galleries) - {"other"}) == ("Copy", {"Copy"})
            with pytest.raises(CommandFailed, match="Copy is in use"):
                await gallery.delete("copy")

    data = await give()
    held = read_file(data)
    assert [label.label for label in held.labels] == sorted(NAMES)
    for at in range(0, len(data), 7):
        with pytest.raises(GalleryFileError):
            read_file(data[:at] + bytes([data[at] ^ 0x20]) + data[at + 1 :])
        with pytest.raises(GalleryFileError):
            read_file(data[:at])
    await take(data)


async def test_a_damaged_gallery_and_another_models_are_told_and_not_used(tmp_path: Path) -> None:
    sdcard = quiet(tmp_path / "card")
    path = sdcard / ".data" / "galleries" / "default.gallery"

    async def enroll() -> None:
        async with running(sdcard) as vb, connected(vb) as board:
            await enroll_first_views(board)

    async def refused(what: str) -> None:
        async with running(sdcard) as vb, connected(vb) as board:
            problems = (await board.status())["problems"]
            assert [row["code"] for row in problems] == ["gallery"]
            assert what in problems[0]["text"]
            result = await board.infer(SIGNS[1])
            assert isinstance(result, MetricLearningResult)
            assert result.score is None
            with pytest.raises(CommandFailed, match=what):
                await board.gallery.enroll("more", SIGNS[0])

    async def begin_anew() -> str:
        async with running(sdcard) as vb, connected(vb) as board:
            problem = (await board.gallery.list()).problem
            await board.gallery.delete("default")
            assert (await board.gallery.list()).problem == ""
            assert (await board.gallery.enroll("new", SIGNS[0])).total_samples == 1
            return problem

    await enroll()
    data = path.read_bytes()
    path.write_bytes(data[:200] + bytes([data[200] ^ 1]) + data[201:])
    await refused("damaged")
    assert len(path.read_bytes()) == len(data)
    assert "damaged" in await begin_anew()
    # Another model: the same weights in a file that is not the same.
    path.write_bytes(data)
    kmodel = next((sdcard / "packages" / "glyphs_ml").rglob("*.kmodel"), None)
    kmodel = kmodel or next(sdcard.rglob("*.kmodel"))
    kmodel.write_bytes(kmodel.read_bytes() + b"\0")
    await refused("another model")


async def test_two_clients_enroll_from_the_camera_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for picture in SIGNS[:2]:
        shutil.copy(picture, folder)

    sdcard = card(tmp_path / "card", GLYPHS)
    async with (
        running(sdcard, camera=str(folder)) as vb,
        connected(vb) as one,
        connected(vb) as other,
    ):
        jobs = [
            one.gallery.enroll("left", frames=3),
            other.gallery.enroll("right", frames=4, region=(20, 20, 200, 180)),
            one.gallery.enroll("left", frames=2),
        ]
        done = await asyncio.gather(*jobs)
        numbers = [number for each in done for number in each.added]
        assert sorted(numbers) == list(range(1, 10))
        info = await other.gallery.list()
        rows = [(label.label, label.samples) for label in info.labels]
        assert rows == [("left", 5), ("right", 4)]
        stream = one.results()
        result = await anext(stream)
        assert isinstance(result, MetricLearningResult)
        assert result.identity == "left"
        with pytest.raises(CommandFailed, match="inside 320 x 240"):
            await one.gallery.enroll("x", region=(200, 0, 200, 100))


async def test_a_long_enrolment_says_how_far_it_is(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (320, 240)).save(tmp_path / "pictures" / "dark.png")

    sdcard = card(tmp_path / "card", GLYPHS)
    async with (
        running(sdcard, camera=str(tmp_path / "pictures")) as vb,
        connected(vb) as board,
    ):
        said: asyncio.Queue[tuple[int, int, str]] = asyncio.Queue()
        waiting = asyncio.create_task(
            board.gallery.enroll("night", frames=3, progress=lambda *all: said.put_nowait(all))
        )
        # No frame is good, so that it goes on.
        assert await said.get() == (0, 3, "frames")
        assert await said.get() == (0, 3, "frames")
        waiting.cancel()
        assert (await board.gallery.list()).samples == 0


@pytest.mark.skipif(not DETECTOR.is_dir(), reason="models/packages/shapes_det is not there")
async def test_what_a_detector_finds_is_told_apart(tmp_path: Path) -> None:
    sdcard = card(tmp_path / "card", GLYPHS, camera_enabled=False)
    shutil.copytree(DETECTOR, sdcard / "packages" / "shapes_det")
    tasks = sdcard / "configs" / "tasks"
    (tasks / "find.yaml").write_text(
        f"task: metric_learning\npackage: {_package_of(tasks)}\n"
        "detection_package: packages/shapes_det\nmax_crops: 2\nconfidence_threshold: 0.95\n"
    )
    pictures = sorted((DETECTOR / "pictures").iterdir())

    async with running(sdcard) as vb, connected(vb) as board:
        await board.switch("find")
        result = await board.infer(pictures[0])
        assert isinstance(result, IdentitiesResult)
        assert 1 <= len(result.objects) <= 2
        assert result.objects[0].score is None
        await board.gallery.enroll("宝贝", pictures[0])
        result = await board.infer(pictures[0])
        assert isinstance(result, IdentitiesResult)
        best = result.objects[0]
        assert best.identity == "宝贝"
        assert best.score == 1.0
        row = json.loads(json.dumps(result.to_dict()))["objects"][0]
        assert row["identity"] == "宝贝"
        assert row["w"] > 8
        found = await board.gallery.recognize(pictures[0])
        assert found.found[0].box == (best.x, best.y, best.w, best.h)
        assert found.found[0].label == best.label
        with pytest.raises(CommandFailed, match="the detector finds nothing"):
            await board.gallery.enroll("x", Image.new("RGB", (160, 120), (200, 200, 200)))


def _package_of(tasks: Path) -> str:
    for path in tasks.glob("*.yaml"):
        for line in path.read_text().splitlines():
            if line.startswith("package:"):
                return line.split(":", 1)[1].strip()
    raise AssertionError("no package in the card's tasks")


async def test_the_same_without_await(tmp_path: Path) -> None:
    def use(url: str, key: str) -> None:
        with blocking.Board.connect(url, key=key) as board:
            assert board.gallery.enroll("a", SIGNS[0]).samples == 1
            assert board.gallery.enroll("b", SIGNS[2]).total_samples == 2
            assert board.gallery.recognize(SIGNS[1]).found[0].identity == "a"
            assert len(board.gallery.show("a")) == 1
            assert board.gallery.import_(board.gallery.export(), "copy") == 2
            assert board.gallery.select("copy") == 2
            board.gallery.rename("a", "c")
            board.gallery.set_threshold("c", 0.1)
            board.gallery.remove("b")
            assert [label.label for label in board.gallery.list().labels] == ["c"]
            board.gallery.clear()
            assert board.gallery.list().samples == 0

    async with running(quiet(tmp_path / "card")) as vb:
        async with connected(vb):
            pass
        await asyncio.to_thread(use, str(vb.url), vb.key)
