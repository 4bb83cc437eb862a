"""hub.yaml's `files`: whole lines, and a full disk that is told, counted and got over."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from board_hub.configuration.reader import Configuration
from board_hub.hub import running
from firmware_app.wire import messages
from host_client.base.exceptions import ConfigurationError
from tests.board_hub.broker import until
from tests.board_hub.test_mqtt import subscribed
from tests.board_hub.test_sessions import boards, running_hub
from tests.host.test_convert import small_files

__all__ = ["small_files"]


async def test_everything_is_written(tmp_path: Path) -> None:
    files = {"files.json_lines": str(tmp_path / "a.jsonl"), "files.csv": str(tmp_path / "a.csv")}
    async with boards(2) as some:
        async with running_hub(*some, **files) as (hub, _):
            for board in some:
                await subscribed(board)
            for number in range(20):
                for board in some:
                    board.publish_label(number)
            some[0].broadcast([messages.EVENT, 5, "switched", {"task": "a"}, 0], "events")
            await until(lambda: sum(s.counts.results for s in hub.sessions) == 40)
            await until(lambda: sum(s.counts.events for s in hub.sessions) == 1)
        rows = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
        assert sum(row["type"] == "result" for row in rows) == 40
        assert sum(row["type"] == "event" for row in rows) == 1
        assert len((tmp_path / "a.csv").read_text().splitlines()) == 41


async def test_a_full_disk(
    tmp_path: Path, small_files: int, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.jsonl"
    caplog.set_level(logging.WARNING)
    settings = {"files.json_lines": str(path)}
    async with boards(1) as (board,), running_hub(board, **settings) as (_, web):
        await until(lambda: board.sessions and board.sessions[0].wants.get("results"))
        number = 0

        async def lost() -> float:
            async with web.get("/metrics") as answer:
                text = await answer.text()
            line = next(
                x for x in text.splitlines() if x.startswith("k230_hub_file_lines_lost_total")
            )
            return float(line.rpartition(" ")[2])

        while not await lost():
            number += 1
            board.publish_label(number)
            assert number < 5000
        await until(lambda: "the disk is full" in caplog.text)  # said behind the count
        assert sum("the disk is full" in record.message for record in caplog.records) == 1
        for line in path.read_text().splitlines():
            json.loads(line)
        path.write_bytes(b"")  # somebody made room
        before = number
        while not path.stat().st_size:
            number += 1
            board.publish_label(number)
            await lost()
            assert number < before + 5000


async def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    configuration = Configuration()
    configuration.values |= {"web.enabled": False, "files.csv": str(tmp_path)}
    with pytest.raises(ConfigurationError, match=r"files.csv: .*directory"):
        async with running(configuration, remember=False):
            pass
