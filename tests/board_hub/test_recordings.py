"""hub.yaml's `recordings`: files that other programs read, in slices, over a disk that is full."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import random
from pathlib import Path
from typing import Any

import pytest

from board_hub.configuration.reader import Configuration
from board_hub.files import recordings
from board_hub.hub import running
from firmware_app.wire import messages
from host_client.base.exceptions import ConfigurationError
from host_client.recording import RecordingError, read
from tests.board_hub.test_sessions import boards, running_hub, until
from tests.host.scripted_board import ScriptedBoard
from tests.host.test_convert import small_files

__all__ = ["small_files"]
JPEG = b"\xff\xd8picture\xff\xd9"


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("k230-*.mcap"), key=lambda path: path.stat().st_mtime_ns)


async def asked(board: ScriptedBoard) -> None:
    """Wait until the hub wants everything: what is said before, it does not get."""

    def wants(name: str) -> bool:
        return any(session.wants.get(name) for session in board.sessions)

    await until(lambda: wants("results") and wants("events"))


async def metric(web: Any, name: str) -> float:
    async with web.get("/metrics") as answer:
        text = await answer.text()
    (line,) = [x for x in text.splitlines() if x.startswith(f"{name} ")]
    return float(line.rpartition(" ")[2])


async def written(web: Any) -> float:
    return await metric(web, "k230_hub_recorded_messages_total")


async def has(web: Any, count: int) -> None:
    for _ in range(600):
        if await written(web) >= count:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the messages are not in the recording")


async def test_boards_are_recorded(tmp_path: Path) -> None:
    """Results, events and pictures of two boards in one file, which appears whole."""
    settings = {"recordings.folder": str(tmp_path / "all"), "recordings.pictures_s": 0.1}
    answers: dict[str, Any] = {"snapshot": lambda _: {"jpeg": JPEG}}
    async with boards(2, answers=answers) as some:
        async with running_hub(*some, **settings) as (hub, web):
            for board in some:
                await asked(board)
            for number in range(10):
                for board in some:
                    board.publish_label(number)
            some[0].broadcast([messages.EVENT, 5, "switched", {"task": "a"}, 0], "events")
            await until(lambda: sum(s.counts.events for s in hub.sessions) == 1)
            await has(web, 21 + 2)
            assert not files(tmp_path / "all")
        (path,) = files(tmp_path / "all")
    found: dict[tuple[str, str], int] = {}
    for row in read(path):
        found[row.board_id, row.kind] = found.get((row.board_id, row.kind), 0) + 1
    for name in ("board-0", "board-1"):
        assert found[name, "result"] == 10
        assert found[name, "picture"] >= 1
    assert found["board-0", "event"] == 1
    assert not list((tmp_path / "all").glob("*.part"))


async def test_slices_and_the_oldest_make_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "k230-20200101-000000.mcap"
    old.write_bytes(bytes(2_000_000))
    other = tmp_path / "of-mine.mcap"
    other.write_bytes(b"x")
    monkeypatch.setattr(recordings, "SLICES", 400)  # files of 25 kB
    settings = {"recordings.folder": str(tmp_path), "recordings.keep_mb": 10}
    async with boards(1) as (board,), running_hub(board, **settings) as (_, web):
        await asked(board)
        number = 0
        while len(files(tmp_path)) < 3:
            number += 1
            await _say(board, number)
            assert number < 3000
        assert await metric(web, "k230_hub_recording_lost_messages_total") == 0
    rows = [row.data["details"]["n"] for path in files(tmp_path)[1:] for row in read(path)]
    assert sorted(rows) == list(range(1, number + 1))  # no message is between two files
    recordings.make_room(tmp_path, 1_000_000)
    assert not old.exists()
    assert files(tmp_path)
    recordings.make_room(tmp_path, 0)
    assert not files(tmp_path)
    assert other.exists()  # it is not the hub's


async def _say(board: ScriptedBoard, number: int) -> None:
    """An event that can't be compressed well."""
    text = random.Random(number).randbytes(8000).hex()
    row: list[Any] = [messages.EVENT, 5, "log", {"n": number, "text": text}, number]
    board.broadcast(row, "events")
    await asyncio.sleep(0.002)


async def test_a_full_disk(
    tmp_path: Path, small_files: int, caplog: pytest.LogCaptureFixture, monkeypatch: Any
) -> None:
    """It is said once, everything else goes on, and with room there are recordings again."""
    monkeypatch.setattr(recordings, "AGAIN_S", 0.2)
    monkeypatch.setattr(recordings, "SLICES", 10_000)  # each file is at its end after 1 kB
    caplog.set_level(logging.WARNING)
    settings = {"recordings.folder": str(tmp_path / "full"), "recordings.keep_mb": 10}
    async with boards(1) as (board,), running_hub(board, **settings) as (hub, web):
        await asked(board)
        number = 0
        while not await metric(web, "k230_hub_recording_lost_messages_total"):
            number += 1
            for _ in range(20):
                await _say(board, number)
            assert number < 500
        told = [r.message for r in caplog.records if r.message.startswith("recordings: ")]
        assert len(told) == 1
        assert "can't be written: file too large; tried again every" in told[0]
        (session,) = hub.sessions
        before = session.counts.results
        board.publish_label(1)
        await until(lambda: session.counts.results > before)
        # Somebody made room: what fits into a file is recorded again.
        so_far = await written(web)
        while await written(web) == so_far:
            number += 1
            board.publish_label(number)
            await asyncio.sleep(0.05)
            assert number < 1000
    assert all(list(read(path)) for path in files(tmp_path / "full"))


@pytest.mark.parametrize("keep", [0, 5, 100, 4000])
async def test_a_truncated_recording_is_told(tmp_path: Path, keep: int) -> None:
    """What is left of a hub that was killed: one sentence names the file."""
    settings = {"recordings.folder": str(tmp_path)}
    async with boards(1) as (board,), running_hub(board, **settings) as (_, web):
        await asked(board)
        for number in range(30):
            await _say(board, number + 1)
        await has(web, 30)
    (path,) = files(tmp_path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(RecordingError, match="expected a recording") as told:
        list(read(path))
    assert str(path) in str(told.value)
    assert "\n" not in str(told.value)


async def test_a_board_that_lies_is_recorded_all_the_same(tmp_path: Path) -> None:
    """Numbers that JSON has not, and endless nesting, end nobody's recording."""
    nested: Any = "x"
    for _ in range(20):
        nested = {"a": nested}
    settings = {"recordings.folder": str(tmp_path)}
    async with boards(1) as (board,), running_hub(board, **settings) as (_, web):
        await asked(board)
        details = ({"score": math.nan}, {"score": [math.inf]}, nested, {"a\0\u202e": "\u202e"})
        for number, row in enumerate(details):
            board.broadcast([messages.EVENT, 5, "odd", row, number + 1], "events")
        board.publish_label(1)
        await has(web, len(details) + 1)
        async with web.get("/healthz") as answer:
            assert answer.status == 200
    (path,) = files(tmp_path)
    rows = [row.data for row in read(path) if row.kind == "event"]
    assert [row["details"] for row in rows][:2] == [{"score": None}, {"score": [None]}]
    assert len(rows) == len(details)


async def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        configuration = Configuration()
        configuration.values |= {"web.enabled": False, "recordings.folder": str(folder)}
        with pytest.raises(ConfigurationError, match=r"recordings\.folder: .*file") as told:
            async with running(configuration, remember=False):
                pass
        assert json.dumps(told.value.messages).count("recordings") == 1
