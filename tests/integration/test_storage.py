"""The service on a board whose card or /data is full, protected, gone or not there at all."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from host_client import Board, CommandFailed
from host_client.cli.install import _keep_key
from host_client.installer.manifest import Manifest, write_manifest
from host_client.installer.repl import ReplTarget
from host_client.installer.target import FolderTarget
from host_client.installer.uninstaller import uninstall
from virtual_board.board import VirtualBoard

from .boards import card, running


def storage(folder: Path, **faults: Any) -> Path:
    path = folder / "storage.json"
    path.write_text(json.dumps(faults))
    return path


async def _problems(virtual: VirtualBoard) -> dict[str, str]:
    assert virtual.url is not None
    async with Board.connect(virtual.url, virtual.key) as board:
        status: Any = await board.status()
    return {row["code"]: row["text"] for row in status["problems"]}


async def test_a_board_without_data_keeps_its_files_on_the_card(tmp_path: Path) -> None:
    folder = card(tmp_path / "card", camera_enabled=False)
    faults = storage(tmp_path, data={"state": "unmounted"})
    key = ""
    for start in (1, 2):
        async with running(folder, storage=faults) as virtual:
            key = virtual.key if start == 1 else key  # shown once, at the first start
            virtual.key = key
            told = await _problems(virtual)
            assert "not mounted" in told["data"]
            assert "/sdcard/.k230" in told["data"]
            async with Board.connect(virtual.url or "", key) as board:
                assert (await board.status())["starts"] == start
                if start == 1:
                    await board.set({"results.statistics_period_ms": 5000}, save=True)
                values: Any = await board.card.config_get()
                assert "5000" in str(values)
    names = {path.name for path in (folder / ".k230").iterdir()}
    assert {"key", "key.json", "boots.json", "state.json", "log"} <= names


async def test_a_full_card_is_told_and_loses_nothing(tmp_path: Path) -> None:
    folder = card(tmp_path / "card", camera_enabled=False)
    faults = storage(tmp_path, data={"free": 0}, sdcard={"free": 30000})
    async with running(folder, storage=faults) as virtual:
        told = await _problems(virtual)
        assert "it is full" in told["card"]
        assert "it is full" in told["data"]
        assert virtual.url is not None
        async with Board.connect(virtual.url, virtual.key) as board:
            with pytest.raises(CommandFailed, match="it is full"):
                await board.set({"results.statistics_period_ms": 5000}, save=True)
            storage(tmp_path)
            await board.set({"results.statistics_period_ms": 6000}, save=True)
    state = json.loads((folder / ".data" / "state.json").read_text())
    assert "6000" in str(state)


async def test_an_installation_finds_the_key_where_the_board_keeps_it(tmp_path: Path) -> None:
    """Without /data all lies on the card, and a copy there is not written over."""
    folder = tmp_path / "card"
    folder.mkdir()
    faults = storage(tmp_path, data={"state": "unmounted"})
    console = tmp_path / "console"

    def keys() -> list[bytes]:
        with ReplTarget(str(console)) as target:
            assert target.place == "/sdcard/.k230"
            found = [_keep_key(target)]
            (folder / ".k230" / "key").unlink()
            copy = {"board_id": "0123456789abcdef", "key": "ab" * 32}
            (folder / ".k230" / "key.json").write_text(json.dumps(copy))
            return [*found, _keep_key(target)]

    async with VirtualBoard(
        sdcard=folder, console=console, bare=True, tcp=None, storage=faults
    ) as board:
        async for event in board.events():
            if event["event"] == "repl":
                break
        made, copied = await asyncio.to_thread(keys)
    assert len(made) == 32
    assert copied == b"\xab" * 32
    assert not (folder / ".k230" / "key").exists()


def test_an_uninstallation_keeps_what_a_board_without_data_has_on_the_card(tmp_path: Path) -> None:
    home = tmp_path / ".k230"
    (home / "galleries").mkdir(parents=True)
    for name in ("boots.json", "key", "key.json", "log", "galleries/people.gallery"):
        (home / name).write_text(name)
    target = FolderTarget(tmp_path)
    write_manifest(target, Manifest())
    uninstall(target, lambda text: None)
    names = sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_file())
    assert names == ["boots.json", "galleries/people.gallery", "key", "key.json", "log"]


async def test_an_update_that_cannot_be_put_in_place_is_told(tmp_path: Path) -> None:
    folder = card(tmp_path / "card", camera_enabled=False)
    staged = folder / "firmware_app.new"
    staged.mkdir()
    (staged / "service.py").write_text("1 / 0\n")
    faults = storage(tmp_path, sdcard={"state": "full_folder"})
    async with running(folder, storage=faults) as virtual:
        told = await _problems(virtual)
        assert "can't be taken" in told["update"]
        assert staged.is_dir()  # for the next start, whose card may have room


async def test_a_card_that_is_pulled_out_is_told_by_code(tmp_path: Path) -> None:
    folder = card(tmp_path / "card", camera_enabled=False)
    faults = storage(tmp_path)
    async with running(folder, storage=faults) as virtual:
        assert virtual.url is not None
        async with Board.connect(virtual.url, virtual.key) as board:
            assert (await board.status())["problems"] == []
            storage(tmp_path, sdcard={"state": "pulled"}, data={"state": "pulled"})
            status: Any = await board.status()
            assert {"card", "data"} <= {row["code"] for row in status["problems"]}
            assert status["task"]
