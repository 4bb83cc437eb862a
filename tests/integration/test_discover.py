"""Five whole virtual boards on one computer, started at once, are all found by `k230 discover`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from firmware_app.settings.service_fields import DEFAULT_PORT
from host_client.cli.app import run as k230
from host_client.link.discovery import LOCAL_PORTS
from tests.integration.boards import card

pytestmark = pytest.mark.slow

COUNT = 5
CLI = "import sys; from host_client.cli import main; main(sys.argv[1:])"


async def _listening(process: asyncio.subprocess.Process) -> str:
    """Return the board's address once its links are open."""
    url = ""
    assert process.stdout is not None
    while line := await asyncio.wait_for(process.stdout.readline(), 120):
        row = json.loads(line)
        if row["event"] == "address" and row["detail"].startswith("tcp:"):
            url = row["detail"]
        if row["event"] == "console" and row["detail"].startswith("k230-ready "):
            return url
    raise AssertionError("the board ended before it was ready")


async def test_five_boards_are_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with contextlib.AsyncExitStack() as stack:
        boards = []
        for number in range(COUNT):
            name = {"board.name": f"board {number}"}
            sdcard = card(tmp_path / str(number), camera_enabled=False, settings=name)
            words = ("sim", "run", "--sdcard", str(sdcard), "--camera", "none")
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", CLI, *words, "--tcp", "127.0.0.1:0", "--json"),
                stdout=asyncio.subprocess.PIPE,
            )
            stack.push_async_callback(process.wait)
            stack.callback(process.terminate)
            boards.append(process)
        urls = await asyncio.gather(*map(_listening, boards))
        assert len(set(urls)) == COUNT
        if any(urlsplit(url).port not in _asked() for url in urls):
            pytest.skip("other boards have this computer's ports at which discover asks")
        found: dict[str, Any] = {}
        for _ in range(10):  # a busy computer may take longer to answer
            assert await asyncio.to_thread(k230, ["discover", "--seconds", "3", "--json"]) == 0
            rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
            found |= {row["url"]: row for row in rows if row["type"] == "found_board"}
            if set(urls) <= set(found):
                break
    names = [found[url]["board_name"] for url in urls]
    assert names == [f"board {number}" for number in range(COUNT)]


def _asked() -> range:
    return range(DEFAULT_PORT, DEFAULT_PORT + LOCAL_PORTS)
