"""The DEBUG lines of the library: every message and state, and nothing that is secret."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from firmware_app.wire import messages
from host_client import Board
from tests.host.board_thread import BoardThread
from tests.host.scripted_board import KEY, ScriptedBoard, pty_board, tcp_board
from tests.host.test_odd_answers import ENROLLED
from tests.json_lines import own

PASSWORD = "correct horse battery"
SERVICE = f"network:\n  interface: station\n  ssid: home\n  password: {PASSWORD}\n"
COLOUR = (0xAB, 0xCD, 0xEF)
EMBEDDING = struct.pack("<4f", 0.125, -0.5, 0.75, 0.3)
SECRETS = [
    KEY.hex(),
    repr(KEY)[2:-1],
    PASSWORD,
    PASSWORD.encode().hex(),
    bytes([COLOUR[0]] * 8).hex(),
    repr(bytes([COLOUR[0]] * 8))[2:-1],
    EMBEDDING.hex(),
    repr(EMBEDDING)[2:-1],
    "0.125",
]


async def whole_session(board: Board, folder: Path) -> None:
    """Log in, enroll a picture, send a password, get a result with an embedding, push a file."""
    service = folder / "service.yaml"
    service.write_text(SERVICE)
    results = board.results()
    done = await board.gallery.enroll("anna", Image.new("RGB", (16, 16), COLOUR))
    assert done.label == "anna"
    await board.set({"network.password": PASSWORD}, save=True)
    await board.card.push_file(service, "configs/service.yaml")
    with pytest.raises(Exception, match="no command fly"):
        await board.request("fly")
    await anext(results)


def answer_everything(scripted: ScriptedBoard) -> None:
    size = len(SERVICE.encode())

    def push(arguments: dict[str, Any]) -> dict[str, int]:
        session = scripted.sessions[0]
        session._size, session._data = size, bytearray()
        return {"transfer": 9, "offset": 0, "window": 8192}

    scripted.answers = {
        "enroll": lambda _: ENROLLED | {"label": "anna"},
        "set": lambda _: {"generation": 2, "changed": [], "saved": True},
        "push": push,
        "install": lambda _: {"name": "configs/service.yaml", "size": size},
    }


@pytest.mark.parametrize("medium", ["tcp", "uart"])
async def test_a_whole_session_without_secrets(
    medium: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="host_client")
    make = tcp_board if medium == "tcp" else pty_board
    async with make(key=KEY, task="metric_learning") as scripted:
        answer_everything(scripted)
        async with Board.connect(scripted.url, KEY) as board:

            async def publish() -> None:
                while True:
                    scripted.publish(7, EMBEDDING, kind=messages.METRIC_LEARNING)
                    await asyncio.sleep(0.05)

            publisher = asyncio.create_task(publish())
            await whole_session(board, tmp_path)
            publisher.cancel()
            if medium == "tcp":
                await scripted.restart(pause=0.1)
                await board.describe()
    text = "\n".join(record.getMessage() for record in caplog.records)
    expected = [
        r"open after \d+\.\d ms",
        r"out HELLO, \d+ bytes",
        r"in WELCOME, \d+ bytes",
        r"out AUTH, \d+ bytes",
        r"in READY, \d+ bytes",
        r"greeted after \d+\.\d ms by kitchen \(board-1, boot 1, service 1\.0\), encrypted",
        r"connecting: connecting to ",
        r"connected: kitchen answers",
        r"out REQUEST, \d+ bytes, request \d+ put",
        r"out CHUNK, \d+ bytes, transfer \d+ at 0",
        r"in TAKEN, \d+ bytes, transfer \d+ at 768",
        r"out REQUEST, \d+ bytes, request \d+ enroll",
        r"in REPLY, \d+ bytes, request \d+ enroll, after \d+\.\d ms",
        r"in REPLY, \d+ bytes, request \d+ install, after \d+\.\d ms",
        r"in FAILURE, \d+ bytes, request \d+ fly, after \d+\.\d ms, unknown_command",
        r"in RESULT metric_learning, \d+ bytes, seq 7, time \d+ ms, generation 1",
        r"in PONG, \d+ bytes, round trip \d+\.\d ms",
        r"out BYE, \d+ bytes",
        r"closed: closed by this program",
    ]
    if medium == "tcp":
        expected += [
            r"the link ended: the board closed the connection",
            r"reconnecting: .*; attempt 1 in 0\.\d\d s",
            r"connected: the board restarted",
        ]
    for pattern in expected:
        assert re.search(pattern, text), pattern
    names = {record.name for record in caplog.records if record.name.startswith("host_client")}
    assert names == {f"host_client.link.{part}" for part in ("session", "driver", "connection")}
    formatted = text + "\n".join(repr(record.args) for record in caplog.records)
    for secret in SECRETS:
        assert secret not in formatted, secret


def test_debug_on_the_command_line() -> None:
    """`k230 --debug` writes the lines to stderr, stdout stays as it is."""
    with BoardThread(key=KEY) as scripted:
        scripted.board.answers["status"] = lambda _: {"boot": 1}
        done = subprocess.run(
            [sys.executable, "-c", "from host_client.cli import main; main()", "status"]
            + [scripted.board.url, "--key", KEY.hex(), "--json", "--debug"],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    assert own(json.loads(done.stdout)) == {"boot": 1}
    lines = done.stderr.splitlines()
    stamp = r"\d\d:\d\d:\d\d\.\d{3} DEBUG host_client\.link\.session: "
    assert any(re.fullmatch(stamp + r"out REQUEST, \d+ bytes, request 1 status", x) for x in lines)
    assert all(re.match(r"\d\d:\d\d:\d\d\.\d{3} DEBUG host_client\.", line) for line in lines), (
        lines
    )
    assert KEY.hex() not in done.stderr
