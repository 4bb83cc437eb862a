"""The main job, end to end: camera, ai2d, KPU, classification, msgpack, client."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from host_client import AuthenticationError, Board, ClassificationResult
from tests.integration.boards import PICTURES, SHAPES, card, running

EXPECTED = json.loads((SHAPES / "expected.json").read_text())


def label_of(name: str) -> str:
    """Return the right label of one of the package's pictures."""
    return str(EXPECTED[name]["label"])


async def test_every_picture_is_told_right_over_tcp_and_tty(tmp_path: Path) -> None:
    uart = tmp_path / "uart"
    sdcard = card(tmp_path / "card", camera_enabled=False, uart=True)
    async with running(sdcard, uart=uart) as vb:
        assert vb.url is not None
        assert vb.uart_url is not None
        for url in (vb.url, vb.uart_url):
            async with Board.connect(url, key=vb.key) as board:
                for picture in sorted(PICTURES.iterdir()):
                    result = await board.infer(picture, timeout=60)
                    assert isinstance(result, ClassificationResult)
                    assert result.label == label_of(picture.name), (url, picture.name)
                    assert result.score > 0.5


async def test_a_cameras_pictures_come_in_order_and_none_is_left_out(tmp_path: Path) -> None:
    right = [label_of(picture.name) for picture in sorted(PICTURES.iterdir())]
    # More frames a second than are inferred: each has waited when its turn comes.
    sdcard = card(tmp_path / "card", settings={"priority": "latency", "camera.fps": 60})
    async with (
        running(sdcard) as vb,
        Board.connect(str(vb.url), key=vb.key) as board,
    ):
        stream = board.results()
        seen = []
        followed = 0
        while followed < 2 * len(right):
            result = await asyncio.wait_for(anext(stream), 30)
            assert isinstance(result, ClassificationResult)
            seen.append((result.seq, [i for i, name in enumerate(right) if name == result.label]))
            if len(seen) > 1 and seen[-1][0] == seen[-2][0] + 1:  # none was lost on the way
                following = [(i + 1) % len(right) for i in seen[-2][1]]
                assert set(following) & set(seen[-1][1]), seen
                followed += 1


async def test_camera_results_reach_several_watchers_that_come_and_go(tmp_path: Path) -> None:
    uart = tmp_path / "uart"
    async with running(card(tmp_path / "card", uart=True), uart=uart) as vb:
        assert vb.url is not None
        assert vb.uart_url is not None
        async with (
            Board.connect(vb.url, key=vb.key) as first,
            Board.connect(vb.uart_url, key=vb.key) as wired,
        ):
            stream = first.results()
            seqs = [(await anext(stream)).seq for _ in range(3)]
            async with Board.connect(vb.url, key=vb.key) as second:
                other = await anext(second.results())
                assert other.seq >= seqs[0]
            over_wire = await anext(wired.results())
            assert isinstance(over_wire, ClassificationResult)
            seqs += [(await anext(stream)).seq for _ in range(3)]
            assert seqs == sorted(set(seqs))
            status = await first.status()
            assert status["problems"] == []
            assert status["task"] == "classification"
            assert status["model"] == "shapes_cls"


@pytest.mark.quick
async def test_results_carry_their_frame_model_and_time(tmp_path: Path) -> None:
    async with (
        running(card(tmp_path / "card")) as vb,
        Board.connect(str(vb.url), key=vb.key) as board,
    ):
        result = await anext(board.results())
        values = result.to_dict()
        assert list(values)[:3] == ["schema", "type", "board_id"]
        assert values["board_id"] == board.info.board_id
        assert values["task"] == "classification"
        assert values["model"] == "shapes_cls"
        assert values["generation"] == 1
        assert {"label", "score", "top"} <= set(values)
        assert board.model is not None
        assert (values["width"], values["height"]) == (board.model.width, board.model.height)
        assert "圆形" in board.model.labels


async def test_the_wrong_key_is_not_let_in(tmp_path: Path) -> None:
    async with running(card(tmp_path / "card")) as vb:
        with pytest.raises(AuthenticationError):
            async with Board.connect(str(vb.url), key="00" * 32):
                pass
        async with Board.connect(str(vb.url), key=vb.key) as board:
            assert (await board.status())["task"] == "classification"


async def test_the_ninth_client_is_told_why(tmp_path: Path) -> None:
    from host_client import BoardFull

    async with running(card(tmp_path / "card")) as vb:
        boards = [await Board.connect(str(vb.url), key=vb.key) for _ in range(8)]
        try:
            with pytest.raises(BoardFull, match="taken"):
                await Board.connect(str(vb.url), key=vb.key)
        finally:
            for board in boards:
                await board.close()
        await asyncio.sleep(1.5)  # the board sees the connections end
        async with Board.connect(str(vb.url), key=vb.key, wait=10) as board:
            assert (await board.status())["problems"] == []


async def test_subscriptions_survive_a_restart_of_the_board(tmp_path: Path) -> None:
    sdcard = card(tmp_path / "card")
    async with running(sdcard) as vb:
        place = str(vb.url).removeprefix("tcp://")
        board = await Board.connect(str(vb.url), key=vb.key)
        stream = board.results()
        first = await anext(stream)
        boot = board.info.boot_id
    async with running(sdcard, tcp=place):
        again = await asyncio.wait_for(anext(stream), 30)
        while board.info.boot_id == boot:
            again = await asyncio.wait_for(anext(stream), 30)
        assert isinstance(again, type(first))
        await board.close()


async def test_strangers_and_garbage_disturb_nobody(tmp_path: Path) -> None:
    async with (
        running(card(tmp_path / "card")) as vb,
        Board.connect(str(vb.url), key=vb.key) as board,
    ):
        port = int(str(vb.url).rsplit(":", 1)[1])
        stream = board.results()
        await anext(stream)
        writers = []
        for i in range(30):  # more than there are places
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(bytes((i * j) & 255 for j in range(3000)))
            writers.append(writer)
        for _ in range(5):
            await asyncio.wait_for(anext(stream), 30)
        while not (status := await board.status())["rejected"]:  # they have their turn in the end
            await asyncio.wait_for(anext(stream), 30)
        for writer in writers:
            writer.close()
        assert status["problems"] == []


@pytest.mark.alone
async def test_a_client_that_never_reads_slows_nobody(tmp_path: Path) -> None:
    async with (
        running(card(tmp_path / "card")) as vb,
        Board.connect(str(vb.url), key=vb.key) as board,
        Board.connect(str(vb.url), key=vb.key) as stalled,
    ):
        stalled.results()
        transport = stalled._connection  # held, never read
        assert transport is not None
        stream = board.results()
        before = (await anext(stream)).seq
        for _ in range(10):
            after = (await asyncio.wait_for(anext(stream), 30)).seq
        assert after - before >= 10


async def test_frames_are_counted_and_the_board_switches_off(tmp_path: Path) -> None:
    async with running(card(tmp_path / "card"), frames=5) as vb:
        assert await asyncio.wait_for(vb.wait(), 60) == 0
        events = [event async for event in vb.events()]
        assert events[-1] == {"event": "off", "detail": "all frames taken"}
