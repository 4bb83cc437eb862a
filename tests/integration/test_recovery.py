"""A board that an installation made, and that crashes: it comes back, and in the end starts safe."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from host_client import Board
from host_client.cli.app import run as k230
from virtual_board.board import VirtualBoard

from .boards import PICTURES, SHAPES, recorded, until

CRASH = """
import _thread, os, time
def fall():
    from _k230 import silicon
    while True:
        time.sleep(0.1)
        try:
            os.remove("/data/crash")
        except OSError:
            continue
        silicon.die("a bad pointer")
_thread.start_new_thread(fall, ())
"""
HANGS = """
import time
from firmware_app import service
def hang(self):
    time.sleep(3600)
service.Service.open_camera = hang
"""


def installed(folder: Path) -> Path:
    card = folder / "card"
    card.mkdir()
    arguments = ["--card", str(card), "--package", str(SHAPES / "mp_deployment_source")]
    assert k230(["install", *arguments]) == 0
    return card


def board(folder: Path) -> VirtualBoard:
    return VirtualBoard(
        sdcard=folder / "card",
        data=folder / "data",
        camera=str(PICTURES),
        console=folder / "console",
        bare=True,
        replay=recorded(),
    )


def said(virtual: VirtualBoard, text: str) -> int:
    return sum(text in line for line in virtual.console)


@pytest.mark.timeout(400)
@pytest.mark.slow
async def test_native_faults_end_in_safe_mode_and_somebody_leads_out_of_it(tmp_path: Path) -> None:
    card = installed(tmp_path)
    (card / "boot.py").write_text(CRASH)
    crash = tmp_path / "data" / "crash"

    async with board(tmp_path) as virtual:
        assert virtual.url is not None
        for number in range(1, 4):
            await until(lambda: virtual.said.get("results"), "result", 60)
            crash.write_text("now")
            await until(lambda n=number: said(virtual, "K230 vision service") == n + 1, "start", 60)
            assert (card / "main.py").exists()  # fallback.py brought it back
        await until(lambda: virtual.said.get("problems") == ["safe_mode"], "safe mode", 60)
        async with Board.connect(virtual.url, virtual.key, wait=60) as client:
            status = await client.status()
            assert status["safe_mode"] is True
            assert status["restart_reason"] is not None
            assert status["restart_reason"]["code"] == "native_fault"
            assert status["starts"] == 4
            assert not status["model"]
            await client.switch("shapes_cls")
            async for result in client.results():
                assert result.task == "classification"
                break
            assert (await client.status())["safe_mode"] is False
        assert said(virtual, "K230 vision service") == 4
    assert not (card / "bad_main.py").exists()


@pytest.mark.timeout(300)
@pytest.mark.slow
async def test_a_service_that_hangs_is_reset_by_the_watchdog(tmp_path: Path) -> None:
    card = installed(tmp_path)
    (card / "boot.py").write_text(HANGS)
    config = card / "configs" / "service.yaml"
    config.write_text(re.sub(r"timeout_s: \d+", "timeout_s: 5", config.read_text()))

    async with board(tmp_path) as virtual:
        async for event in virtual.events():
            if event["event"] == "reset":
                assert event["detail"] == "watchdog"
                break
        (card / "boot.py").unlink()
        assert virtual.url is not None
        async with Board.connect(virtual.url, virtual.key, wait=90) as client:
            status = await client.status()
            while not status["processed"]:
                await asyncio.sleep(0.2)
                status = await client.status()
            assert status["restart_reason"] is not None
            assert status["restart_reason"]["code"] == "unannounced"
            assert status["watchdog_ms"] == 5000
