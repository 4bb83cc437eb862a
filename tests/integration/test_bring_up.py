"""What the service does with a network or a camera that is not there, and how doctor calls it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from host_client import Board
from host_client.check.doctor import look_at_url
from virtual_board.board import VirtualBoard

from .boards import PICTURES, card, running, until

SECRET = "a-secret-of-the-house"


def wifi(folder: Path, **settings: str) -> Path:
    made = card(folder)
    lines = "".join(f"  {name}: {value}\n" for name, value in settings.items())
    with (made / "configs" / "service.yaml").open("a") as file:
        file.write(f"network:\n{lines}")
    return made


def air(path: Path, networks: dict[str, str], rssi: int = -50) -> Path:
    path.write_text(json.dumps({"networks": networks, "rssi": rssi}))
    return path


async def findings(virtual: VirtualBoard) -> dict[str, tuple[str, str]]:
    assert virtual.url is not None
    found = await look_at_url(virtual.url, virtual.key)
    return {row.what: (row.state, row.text) for row in found}


@pytest.mark.timeout(300)
@pytest.mark.slow
async def test_a_station_joins_loses_and_finds_its_network(tmp_path: Path) -> None:
    reach = air(tmp_path / "air.json", {"home": "another-password"})
    folder = wifi(tmp_path / "card", interface="station", ssid="home", password=SECRET)
    async with running(folder, air=reach) as virtual:
        assert virtual.url is not None
        assert (virtual.said["address"], virtual.said["problems"]) == ([], ["network"])
        found = await findings(virtual)
        state, text = next(row for row in found.values() if "Wi-Fi" in row[1])
        assert state == "trouble"
        assert "the Wi-Fi network home can't be joined" in text
        air(reach, {"home": SECRET}, -80)
        await until(lambda: virtual.said["address"], "address", 90)
        assert virtual.said["problems"] == []
        found = await findings(virtual)
        assert "network" not in found or found["network"][0] == "ok"
        assert found["Wi-Fi"] == ("warning", "the signal is weak: -80 dBm")
        air(reach, {})
        await until(lambda: virtual.said["problems"] == ["network"], "loss", 30)
        assert virtual.said["address"] == []
        air(reach, {"home": SECRET})
        await until(lambda: virtual.said["address"], "second address", 90)
        async with Board.connect(virtual.url, virtual.key) as board:
            told: Any = [await board.status(), await board.card.config_get(), await board.tasks()]
            assert told[0]["network"]["reconnects"] == 1
            told.append(await board.request("logs", {"offset": 0}))
        assert "***" in str(told)
        assert SECRET not in str(told)
        assert SECRET not in "\n".join(virtual.console)
    written = [path for path in (folder / ".data").rglob("*") if path.is_file()]
    secret = [path.name for path in written if SECRET.encode() in path.read_bytes()]
    # The board's own copy of the last service.yaml that could be read is no log and no answer.
    assert secret == ["service.yaml"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"interface": "access_point", "ssid": "k230", "password": SECRET}, "offering the Wi-Fi"),
        ({"interface": "ethernet"}, ""),
    ],
    ids=["access point", "ethernet"],
)
async def test_other_interfaces(tmp_path: Path, settings: dict[str, str], words: str) -> None:
    async with running(wifi(tmp_path / "card", **settings)) as virtual:
        await until(lambda: virtual.said["address"], "address")
        assert virtual.said["address"] == ["127.0.0.1"]
        assert virtual.said["port"] == 5230
        assert any(words in line for line in virtual.console)
        assert virtual.url is not None
        async with Board.connect(virtual.url, virtual.key) as board:
            status: Any = await board.status()
            assert status["network"]["interface"] == settings["interface"]
            assert status["network"]["up"] is True
        assert SECRET not in "\n".join(virtual.console)


async def test_without_a_camera_pictures_are_taken(tmp_path: Path) -> None:
    async with running(card(tmp_path / "card"), camera="none") as virtual:
        assert virtual.url is not None
        assert virtual.said["problems"] == ["camera"]
        async with Board.connect(virtual.url, virtual.key) as board:
            assert (await board.infer(PICTURES / "shapes_cls_0.jpg")).to_dict()["label"]
        found = await findings(virtual)
        assert found["camera"][0] == "trouble"
        assert "can't be set up: Can not found sensor on 2: check its cable" in found["camera"][1]


@pytest.mark.slow
async def test_joining_that_takes_eight_seconds(tmp_path: Path) -> None:
    reach = tmp_path / "air.json"
    reach.write_text(
        json.dumps({"networks": {"home": SECRET}, "join_ms": 2000, "dhcp_ms": 6000, "rssi": -50})
    )
    folder = wifi(tmp_path / "card", interface="station", ssid="home", password=SECRET)
    async with running(folder, air=reach) as virtual:
        assert (virtual.said["address"], virtual.said["waiting"]) == ([], "address")
        assert virtual.said["problems"] == []
        assert any("joined, waiting for an address" in line for line in virtual.console)
        await until(lambda: virtual.said["address"], "address")
        assert virtual.said["waiting"] == ""
        assert virtual.said["problems"] == []
