"""Large data from a board: whole pictures and files, over links that break, while results flow."""

from __future__ import annotations

import asyncio
import io
import time
from pathlib import Path

import pytest
from PIL import Image

from host_client import Board, CommandFailed
from tests.integration.boards import SHAPES, card, running
from tests.integration.cutting_proxy import CuttingProxy
from virtual_board.board import VirtualBoard

SECRET = "a password of the Wi-Fi"


def connect(virtual: VirtualBoard) -> Board:
    assert virtual.url is not None
    return Board.connect(virtual.url, virtual.key, wait=20)


async def test_files_and_pictures_come_whole(tmp_path: Path) -> None:
    folder = card(tmp_path)
    (kmodel,) = (folder / "packages" / SHAPES.name).glob("*.kmodel")
    inside = f"packages/{SHAPES.name}/{kmodel.name}"
    async with running(folder) as virtual, connect(virtual) as board:
        service = await board.card.pull("configs/service.yaml")
        assert service == (folder / "configs" / "service.yaml").read_bytes()
        assert await board.card.pull(inside) == kmodel.read_bytes()
        task = (folder / "configs" / "tasks" / "classification.yaml").read_bytes()
        assert await board.card.pull("configs/tasks/classification.yaml") == task
        log = (await board.get("log")).data.decode()
        assert "K230 vision service" in log and log.endswith("\n")

        for name, code in (
            ("configs/../data/key", "bad_argument"), ("/sdcard/configs/service.yaml", "bad_argument"),
            ("packages/.hidden/a", "bad_argument"), ("main.py", "bad_argument"), ("", "bad_argument"),
            ("configs/tasks/none.yaml", "not_found"), ("packages/shapes_cls", "bad_argument"),
        ):  # fmt: skip
            with pytest.raises(CommandFailed) as caught:
                await board.card.pull(name)
            assert caught.value.code == code, name
        for kind, arguments, code in (
            ("key", {}, "bad_argument"), ("gallery", {}, "no_task"),
            ("gallery", {"name": "../key"}, "bad_argument"), ("gallery", {"name": "a"}, "not_found"),
            ("event_snapshot", {"number": 9}, "not_found"), ("snapshot", {}, "failed"),
            ("file", {}, "bad_argument"),
        ):  # fmt: skip
            with pytest.raises(CommandFailed) as caught:
                await board.get(kind, arguments)
            assert caught.value.code == code, kind

        # Larger than one answer can hold, at the quality that was asked for.
        await board.set({"preview.enabled": True, "preview.width": 1280, "preview.height": 720})
        picture = await board.snapshot(95)
        with Image.open(io.BytesIO(picture)) as image:
            assert image.size == (1280, 720)
        received = await board.get("snapshot", {"quality": 95})
        assert received.details["quality"] == 95 and len(received.data) == received.details["size"]


async def test_a_link_that_breaks_costs_no_byte_twice(tmp_path: Path) -> None:
    folder = card(tmp_path)
    data = bytes(range(256)) * 1200
    (folder / "dictionaries").mkdir()
    (folder / "dictionaries" / "large.txt").write_bytes(data)
    async with running(folder) as virtual:
        assert virtual.url is not None
        port = int(virtual.url.rsplit(":", 1)[1])
        async with (
            CuttingProxy(port, [700, 500]) as proxy,
            Board.connect(proxy.url, virtual.key, wait=20) as board,
        ):
            seen: list[int] = []
            name = "dictionaries/large.txt"
            got = await board.card.pull(name, progress=lambda done, _, __: seen.append(done))
            assert got == data
            assert proxy.made == 2
            assert seen == sorted(seen)  # it went on where it was


async def test_results_flow_meanwhile(tmp_path: Path) -> None:
    folder = card(tmp_path)
    data = bytes(range(256)) * 2000
    (folder / "dictionaries").mkdir()
    (folder / "dictionaries" / "large.txt").write_bytes(data)
    async with running(folder) as virtual, connect(virtual) as board:
        results = board.results(queue=10000)
        await results.__anext__()

        async def rate(work: asyncio.Task[bytes] | None, seconds: float) -> tuple[int, int]:
            first = (await results.__anext__()).seq
            last, count, until = first, 0, time.monotonic() + seconds
            while (not work.done()) if work is not None else time.monotonic() < until:
                last = (await asyncio.wait_for(results.__anext__(), 20)).seq
                count += 1
            return count, last - first

        pulling = asyncio.create_task(board.card.pull("dictionaries/large.txt"))
        count, frames = await rate(pulling, 0)
        assert await pulling == data
        assert count > 0 and frames > 0
        # None was dropped for want of a place in the queue: chunks go when no result waits.
        statistics = board.statistics()
        assert (await asyncio.wait_for(statistics.__anext__(), 20)).values["dropped"] == 0


async def test_a_password_stays_on_links_that_others_read(tmp_path: Path) -> None:
    folder = card(tmp_path)
    yaml = folder / "configs" / "service.yaml"
    text = yaml.read_text() + f"network:\n  password: '{SECRET}'\n"
    yaml.write_text(text)
    async with running(folder) as virtual, connect(virtual) as board:
        if board.info.encrypted:  # this interpreter has AES
            assert SECRET in (await board.card.pull("configs/service.yaml")).decode()
    yaml.write_text(text + "  encryption: false\n")
    async with running(folder) as virtual:
        assert virtual.url is not None
        async with Board.connect(virtual.url, virtual.key, wait=20, encryption="optional") as board:
            with pytest.raises(CommandFailed, match="password"):
                await board.card.pull("configs/service.yaml")
