"""Home Assistant's side, played by another client: devices that come, change, and go."""

from __future__ import annotations

import contextlib
import json
import random
import re
from pathlib import Path
from typing import Any

import pytest

from board_hub.configuration.reader import BoardEntry, Configuration
from board_hub.homeassistant import announcer
from board_hub.hub import running
from firmware_app.wire import messages
from tests.board_hub.broker import Listener, broker, listening, until
from tests.board_hub.homeassistant_schemas import faults
from tests.board_hub.test_mqtt import answers, detector, hub_of, see, subscribed

ON: dict[str, Any] = {"homeassistant__enabled": True, "mqtt__commands": True}


def settings(**more: Any) -> dict[str, Any]:
    """Each test has its own place on the one broker."""
    name = f"t{random.randrange(10**9)}"
    return ON | {"homeassistant__prefix": f"{name}/ha", "mqtt__prefix": f"{name}/k230"} | more


def words(heard: Listener, topic: str) -> list[str]:
    """Return the texts in a JSON payload."""
    return re.findall(r'"([^"]*)"', heard.latest.get(topic, b"").decode())


def place(values: dict[str, Any]) -> str:
    return str(values["homeassistant__prefix"]).partition("/")[0]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with broker(tmp_path_factory.mktemp("broker")) as real:
        yield real.port


async def test_a_board_appears_by_itself_and_can_be_used(port: int) -> None:
    values = settings()
    root = f"{place(values)}/k230/one"
    config = f"{place(values)}/ha/device/k230_one/config"
    switched = {"task": "other", "generation": 2}
    rows = answers(
        switch=switched,
        set=lambda a: {"generation": 3, "changed": [*a["changes"]], "saved": False},
    )
    async with (
        detector(board_id="one", answers=rows) as board,
        listening(port, f"{place(values)}/#") as heard,
        hub_of(f"mqtt://127.0.0.1:{port}", board, **values),
    ):
        await subscribed(board)
        see(board, 1, 0)
        await until(lambda: "present_cat" in heard.latest.get(config, b"").decode())
        await until(lambda: {"setting_max_results", "other"} <= set(words(heard, config)))
        found = json.loads(heard.latest[config])
        assert faults(found) == []
        assert found["device"]["name"] == "kitchen"
        made = found["components"]
        platforms = {row["platform"] for row in made.values()}
        assert platforms == {
            *("binary_sensor", "button", "camera", "number", "select", "sensor", "switch"),
        }
        assert len({row["unique_id"] for row in made.values()}) == len(made)
        assert made["task"]["options"] == ["fruits", "other"]
        assert made["setting_confidence_threshold"]["platform"] == "number"
        # What is announced is there: each state's topic is retained by now, but for pictures and events.
        states = {row["state_topic"] for row in made.values() if "state_topic" in row}
        await until(lambda: states - heard.latest.keys() == {f"{root}/event"})
        for row in found["availability"]:
            assert heard.latest[row["topic"]] == b"online"
        heard.say(made["task"]["command_topic"], "other")
        await until(lambda: "switch" in board.executed)
        heard.say(made["setting_max_results"]["command_topic"], "5.0")
        await until(lambda: "set" in board.executed)
        sets = [arguments for _, name, arguments in board.commands if name == "set"]
        assert sets[-1]["changes"] == {"max_results": 5}
        # A zone appears when something is in it.
        zone = {"zone": "door", "label": "cat", "inside": 1, "track": 1}
        board.broadcast([messages.EVENT, 5, "zone.enter", zone, 1], "events")
        await until(lambda: "present_zone-door_cat" in heard.latest[config].decode())
        assert faults(json.loads(heard.latest[config])) == []
        await heard.until(f"{root}/zone-door/cat", b"1")


async def test_without_commands_nothing_can_be_changed(port: int) -> None:
    values = settings(mqtt__commands=False)
    config = f"{place(values)}/ha/device/k230_one/config"
    async with (
        detector(board_id="one") as board,
        listening(port, f"{place(values)}/#") as heard,
        hub_of(f"mqtt://127.0.0.1:{port}", board, **values),
    ):
        await until(lambda: config in heard.latest)
        found = json.loads(heard.latest[config])
        assert faults(found) == []
        assert not any("command_topic" in row for row in found["components"].values())


async def test_home_assistant_starts_anew(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announcer, "BIRTH_SPREAD_S", 0.1)
    values = settings()
    config = f"{place(values)}/ha/device/k230_one/config"
    async with (
        detector(board_id="one") as board,
        listening(port, f"{place(values)}/ha/#") as heard,
        hub_of(f"mqtt://127.0.0.1:{port}", board, **values),
    ):
        await until(lambda: "setting_max_results" in heard.latest.get(config, b"").decode())
        before = heard.count(config)
        heard.say(f"{place(values)}/ha/status", "online")
        await until(lambda: heard.count(config) > before)


async def test_other_labels_take_their_components_along(port: int) -> None:
    values = settings()
    config = f"{place(values)}/ha/device/k230_one/config"
    async with (
        detector(board_id="one") as board,
        listening(port, f"{place(values)}/#") as heard,
        hub_of(f"mqtt://127.0.0.1:{port}", board, **values),
    ):
        await subscribed(board)
        see(board, 1, 0)
        await until(lambda: "count_cat" in heard.latest.get(config, b"").decode())
        board.model = lambda: [  # type: ignore[method-assign]
            *(messages.MODEL, 2, "detection", "model", bytes(32), ["bird"], 640, 480, "fruits"),
        ]
        board.generation = 2
        board.broadcast(board.model(), "results")
        see(board, 2, 0)
        await until(lambda: "count_bird" in heard.latest[config].decode())
        made = json.loads(heard.latest[config])["components"]
        assert made["count_cat"] == {"platform": "sensor"}
        await heard.until(f"{place(values)}/k230/one/cat/count", None)


async def test_renamed_and_removed(port: int, tmp_path: Path) -> None:
    values = {k.replace("__", "."): v for k, v in settings().items()}
    name = values["mqtt.prefix"].partition("/")[0]
    config = f"{name}/ha/device/k230_one/config"

    @contextlib.asynccontextmanager
    async def hub(*entries: BoardEntry) -> Any:
        configuration = Configuration(list(entries))
        configuration.values.update(
            values
            | {
                "web.enabled": False,
                "mqtt.url": f"mqtt://127.0.0.1:{port}",
                "mqtt.client_id": name,
                "state_file": str(tmp_path / "hub.json"),
            }
        )
        async with running(configuration):
            yield

    async with (
        detector(board_id="one") as one,
        detector(board_id="two") as two,
        listening(port, f"{name}/#") as heard,
    ):
        both = [BoardEntry(one.url), BoardEntry(two.url)]
        async with hub(*both):
            await until(lambda: b"kitchen" in heard.latest.get(config, b""))
            await until(lambda: f"{name}/ha/device/k230_two/config" in heard.latest)
            await subscribed(one)
            see(one, 1, 0)
            await heard.until(f"{name}/k230/one/cat/count", b"1")
        async with hub(both[0]._replace(name="gate"), both[1]):
            await until(lambda: json.loads(heard.latest[config])["device"]["name"] == "gate")
        async with hub(both[1]):
            await until(lambda: config not in heard.latest)
            await until(lambda: not any(t.startswith(f"{name}/k230/one/") for t in heard.latest))
            assert f"{name}/ha/device/k230_two/config" in heard.latest


async def test_a_broker_that_forgot_hears_everything_again(tmp_path: Path) -> None:
    values = settings()
    config = f"{place(values)}/ha/device/k230_one/config"
    with broker(tmp_path) as real:
        async with detector(board_id="one") as board, hub_of(real.url, board, **values):
            async with listening(real.port, f"{place(values)}/#") as heard:
                await until(lambda: "setting_max_results" in heard.latest.get(config, b"").decode())
            real.kill()
            real.start()
            async with listening(real.port, f"{place(values)}/#") as heard:
                await until(lambda: config in heard.latest)
                for row in json.loads(heard.latest[config])["availability"]:
                    await heard.until(row["topic"], b"online")
