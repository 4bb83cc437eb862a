"""The service with its default configuration on every kind of board: a result, or the reason."""

from __future__ import annotations

import contextlib
import shutil
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import board_types
from board_types import BoardType
from firmware_app.board import memory
from firmware_app.package import footprint
from firmware_app.package.footprint import Footprint
from host_client.base.exceptions import CommandFailed
from host_client.board import Board
from host_client.results.types import OcrResult
from tests.integration.boards import PACKAGES, SHAPES, card, running
from virtual_board.card import make_card


def _distinct() -> list[BoardType]:
    """Return one type of each combination of what the service meets: the others are its like."""
    found: dict[Any, BoardType] = {}
    for each in board_types.all_types():
        if each.name != board_types.VIRTUAL:
            found.setdefault((each.absent, each.mmz_kb, each.default_csi, each.buffers), each)
    return list(found.values())


@pytest.mark.parametrize("kind", _distinct(), ids=lambda each: each.name)
async def test_default_configuration(tmp_path: Path, kind: BoardType) -> None:
    sdcard = card(tmp_path / "card", camera_size=None)  # all defaults but the task
    async with running(sdcard, board=kind.name, restart=False) as board:
        assert board.said["problems"] == ([] if kind.wlan or kind.lan else ["network"])
        if kind.wlan or kind.lan:
            assert board.url is not None
            async with Board.connect(board.url, board.key) as client:
                result = await client.results().__anext__()
                status = await client.status()
            assert result.task == "classification"
            assert status["problems"] == []
            assert status["board_type"] == kind.uname


NO_NETWORK = [each for each in _distinct() if not (each.wlan or each.lan)]


@pytest.mark.parametrize("kind", NO_NETWORK, ids=lambda each: each.name)
async def test_without_a_network_the_uart_says_why(tmp_path: Path, kind: BoardType) -> None:
    number, tx, rx = kind.link
    sdcard = card(
        tmp_path / "card",
        uart=True,
        settings={"uart.id": number, "uart.tx": tx, "uart.rx": rx, "uart.baudrate": 921600},
    )
    async with running(sdcard, board=kind.name, restart=False, uart=tmp_path / "wire") as board:
        assert board.uart_url is not None
        async with Board.connect(board.uart_url, False) as client:
            [problem] = (await client.status())["problems"]
    assert problem["code"] == "network"
    assert "use the UART" in problem["text"]


async def test_an_interface_that_the_build_lacks(tmp_path: Path) -> None:
    settings = {"network.interface": "ethernet"}
    sdcard = card(tmp_path / "card", settings=settings)
    async with running(sdcard, board="bpi-zero", restart=False) as board:
        assert board.said["problems"] == ["network"]
        text = "\n".join(board.console)
    assert "network.interface: expected station or access_point, found ethernet" in text


# -- where memory is short, the service chooses what fits

KB = 1024
FRAME_KB = 640 * 480 * 3 // KB  # a whole number of pages
POOL_KB = 3 * FRAME_KB  # of a channel of a K230D
RESERVE_KB = memory.RESERVE // KB
SQUARES = (640, 480)


def _needs(package: Path) -> Footprint:
    [kmodel] = package.glob("*/*.kmodel")
    return footprint.read(str(kmodel))


@contextlib.asynccontextmanager
async def small(sdcard: Path, mmz_kb: int, **options: Any) -> AsyncIterator[tuple[Board, Any]]:
    """Start a K230D board with so much media memory, and connect once it makes results."""
    sizes = {"mmz_kb": mmz_kb} | options.pop("sizes", {})
    async with running(sdcard, board="bpi-zero", sizes=sizes, restart=False, **options) as virtual:
        assert virtual.url is not None
        async with Board.connect(virtual.url, virtual.key) as board:
            yield board, virtual


def _room_kb(package: Path, *, tensors_kb: int = 512) -> int:
    """Return what model and tensors of a task take, and what must stay free."""
    needs = _needs(package)
    return (needs.loaded + needs.work) // KB + tensors_kb + RESERVE_KB


async def test_one_channel_where_nothing_needs_two(tmp_path: Path) -> None:
    sdcard = card(tmp_path / "card", camera_size=SQUARES)
    async with small(sdcard, 71680) as (board, _):
        await board.results().__anext__()
        status = await board.status()
    total, free = status["memory"]["media_total_bytes"], status["memory"]["media_free_bytes"]
    assert total is not None
    assert free is not None
    taken = (total - free) // KB
    assert POOL_KB <= taken < 2 * POOL_KB
    assert status["problems"] == []


async def test_frames_that_do_not_fit_are_smaller(tmp_path: Path) -> None:
    sdcard = card(tmp_path / "card", camera_size=SQUARES)
    async with small(sdcard, _room_kb(SHAPES) + POOL_KB // 2) as (board, _):
        await board.results().__anext__()
        [problem] = (await board.status())["problems"]
        assert board.model is not None
        width = board.model.width
    assert problem["code"] == "memory"
    assert "frames of 640 x 480 need 2700 kB of media memory" in problem["text"]
    assert f"frames of {width} x " in problem["text"]
    assert 64 <= width < 640


async def test_a_camera_that_can_not_fit_says_so(tmp_path: Path) -> None:
    sdcard = card(tmp_path / "card", camera_size=SQUARES)
    async with small(sdcard, _room_kb(SHAPES, tensors_kb=0) + 16) as (board, _):
        [problem] = (await board.status())["problems"]
    assert problem["code"] == "camera"
    assert "frames of 640 x 480: 2700 kB of media memory are needed" in problem["text"]


TEXT = (PACKAGES / "text_det", PACKAGES / "text_rec")


@pytest.mark.parametrize("channels", [1, 2])
async def test_text_is_read_with_one_channel_too(tmp_path: Path, channels: int) -> None:
    folder = tmp_path / "card"
    make_card(TEXT, folder, camera_size=(640, 480))
    room = sum(_room_kb(package) for package in TEXT) + 512
    pictures = PACKAGES / "text_det" / "pictures"
    async with small(folder, room + channels * POOL_KB, camera=str(pictures)) as (board, _):
        results = board.results()
        texts = [await results.__anext__() for _ in range(4)]
        status = await board.status()
    assert any(isinstance(each, OcrResult) and each.texts for each in texts)
    codes = [row["code"] for row in status["problems"]]
    assert codes == (["memory"] if channels == 1 else [])


async def test_the_old_model_goes_first_where_both_do_not_fit(tmp_path: Path) -> None:
    folder = tmp_path / "card"
    card(folder, camera_size=SQUARES)
    _add_task(folder, PACKAGES / "shapes_seg", "segmentation")
    spare = 128  # for tensors, and less than the old model takes
    assert spare < _needs(SHAPES).loaded // KB
    alone = _room_kb(PACKAGES / "shapes_seg", tensors_kb=spare)
    async with small(folder, POOL_KB + alone) as (board, virtual):
        report = await board.switch("segmentation")
        assert (await board.results().__anext__()).task == "segmentation"
        lines = list(virtual.console)
    assert report.generation == 2
    assert any("the old one goes first" in line and "kB are free" in line for line in lines)


async def test_what_does_not_fit_leaves_the_old_task_alone(tmp_path: Path) -> None:
    folder = tmp_path / "card"
    card(folder, camera_size=SQUARES)
    _add_task(folder, PACKAGES / "shapes_seg", "segmentation")
    _swell(folder / "packages" / "shapes_seg", 8 << 20)
    async with small(folder, POOL_KB + _room_kb(SHAPES)) as (board, _):
        with pytest.raises(CommandFailed) as caught:
            await board.switch("segmentation")
        result = await board.results().__anext__()
        status = await board.status()
    assert "kB of media memory are needed" in str(caught.value)
    assert (result.task, status["generation"], status["problems"]) == ("classification", 1, [])


STACKS_KB = (
    2560  # for the threads' stacks and the interpreter's heap; a copy of the model finds no room
)


async def test_a_model_is_loaded_by_its_path(tmp_path: Path) -> None:
    sdcard = card(tmp_path / "card", camera_size=SQUARES)
    kind = board_types.find("bpi-zero")
    programs = kind.rtsmart_kb - kind.pages_kb + board_types.ASSUMED_INTERPRETER_KB
    programs += STACKS_KB
    async with small(sdcard, 71680, sizes={"rtsmart_kb": programs}) as (board, virtual):
        assert (await board.results().__anext__()).task == "classification"
        assert any("is loaded by its path" in line for line in virtual.console)


def _add_task(folder: Path, package: Path, task: str) -> None:
    shutil.copytree(package / "mp_deployment_source", folder / "packages" / package.name)
    text = f"task: {task}\npackage: /sdcard/packages/{package.name}\n"
    (folder / "configs" / "tasks" / f"{task}.yaml").write_text(text)


def _swell(package: Path, size: int) -> None:
    """Let the weights of a kmodel be so many bytes larger: its last section is the KPU's .rdata."""
    [path] = package.glob("*.kmodel")
    data = bytearray(path.read_bytes())
    module = data.rindex(b"k230\0")
    section = data.rindex(b".rdata\0")
    for place in (module + 32, section + 24, section + 40, section + 48):
        (old,) = struct.unpack_from("<Q", data, place)
        struct.pack_into("<Q", data, place, old + size)
    path.write_bytes(data + bytes(size))


async def test_a_picture_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    sdcard = card(tmp_path / "card", camera_enabled=False)
    room = _room_kb(SHAPES)
    picture = Image.new("RGB", (1920, 1080))  # 6075 kB of planes
    async with small(sdcard, room + 2048) as (board, _):
        with pytest.raises(CommandFailed, match="memory") as caught:
            await board.infer(picture)
        small_one = await board.infer(Image.new("RGB", (320, 240)))
        problems = (await board.status())["problems"]
    assert "6076 kB of media memory are needed" in str(caught.value)
    assert small_one.task == "classification"
    assert problems == []


@pytest.mark.slow
@pytest.mark.parametrize("left_kb", [4, 300, 2700])
async def test_no_size_of_memory_ends_the_process(tmp_path: Path, left_kb: int) -> None:
    """Whatever is left beside the largest task's models: results or a reason, never the abort."""
    folder = tmp_path / "card"
    make_card(TEXT, folder, camera_size=(640, 480))
    for package, task in ((SHAPES, "classification"), (PACKAGES / "shapes_seg", "segmentation")):
        _add_task(folder, package, task)
    pictures = PACKAGES / "text_det" / "pictures"
    needs = [_needs(package) for package in TEXT]
    models = (sum(each.loaded for each in needs) + max(each.work for each in needs)) // KB

    async with small(folder, models + RESERVE_KB + left_kb, camera=str(pictures)) as (board, _):
        for task in ("classification", "ocr", "segmentation", "ocr"):
            with contextlib.suppress(CommandFailed):
                await board.switch(task)
            with contextlib.suppress(CommandFailed):
                await board.infer(Image.new("RGB", (640, 480)))
        status = await board.status()
    assert status["uptime_ms"] > 0
    assert status["problems"] or status["processed"]
