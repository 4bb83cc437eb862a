"""Boards to a real broker, and back: what is retained, what is lost, what is refused."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from board_hub.base.names import part_of
from board_hub.configuration.reader import BoardEntry, Configuration
from board_hub.hub import Hub, running
from board_hub.mqtt.client import Client
from firmware_app.wire import messages
from tests.board_hub.broker import Broker, broker, find, listening, until
from tests.host.scripted_board import ScriptedBoard, pack_box, tcp_board

STATUS = {"task": "fruits", "board_type": "virtual", "problems": [], "version": "1.0"}
CONFIG = {
    "service": {
        "board": {"name": "kitchen"},
        "priority": "latency",
        "preview": {"enabled": True},
    },
    "task": {"task": "detection", "confidence_threshold": 0.5, "max_results": 100, "nms": None},
}
TASKS = [
    {"name": "fruits", "task": "detection", "package": "a", "active": True, "problem": None},
    {"name": "other", "task": "classification", "package": "b", "active": False, "problem": None},
]


def answers(**more: Any) -> dict[str, Any]:
    rows: dict[str, Any] = {"status": STATUS, "config": CONFIG, "tasks": TASKS} | more
    return {name: (row if callable(row) else lambda _, row=row: row) for name, row in rows.items()}


def boxes(*kinds: int) -> bytes:
    return b"".join(pack_box(10, 20, 30, 40, score1000=900, kind=kind) for kind in kinds)


def see(board: ScriptedBoard, seq: int, *kinds: int) -> None:
    """Publish a detection with one box for each class."""
    board.publish(seq, boxes(*kinds), kind=messages.DETECTION)


@contextlib.asynccontextmanager
async def detector(**attributes: Any) -> AsyncIterator[ScriptedBoard]:
    attributes = {"answers": answers(), "task": "detection"} | attributes
    async with tcp_board(**attributes) as board:
        yield board


@contextlib.asynccontextmanager
async def hub_of(
    url: str, *some: ScriptedBoard, state_file: Path | None = None, **settings: Any
) -> AsyncIterator[Hub]:
    configuration = Configuration([BoardEntry(board.url) for board in some])
    values: dict[str, Any] = {
        "web.enabled": False,
        "mqtt.url": url,
        "mqtt.client_id": f"hub-{random.randrange(10**9)}",
        "mqtt.off_delay_s": 0.0,
        "mqtt.keepalive_s": 5,
        "state_file": None if state_file is None else str(state_file),
    }
    configuration.values.update(values | {k.replace("__", "."): v for k, v in settings.items()})
    async with running(configuration, remember=state_file is not None) as hub:
        yield hub


async def connected(client: Client) -> None:
    await until(lambda: client.state == "connected", about=lambda: client.reason)


async def refused(client: Client) -> None:
    await until(lambda: client.code is not None)


async def subscribed(board: ScriptedBoard) -> None:
    await until(lambda: any(s.wants.get("results") for s in board.sessions))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with broker(tmp_path_factory.mktemp("broker")) as running_one:
        yield running_one


@pytest.fixture(autouse=True)
def board_of_its_own(request: pytest.FixtureRequest) -> str:
    """A board id for each test: the broker is shared, and retains."""
    return f"id-{random.randrange(10**9)}"


async def test_what_is_published(shared: Broker, board_of_its_own: str) -> None:
    me = board_of_its_own
    async with (
        detector(board_id=me) as board,
        hub_of(shared.url, board, mqtt__results=True, mqtt__snapshot_s=0.2) as hub,
        listening(shared.port, "k230/bridge/state", f"k230/{me}/#") as heard,
    ):
        board.answers["snapshot"] = lambda _: {"jpeg": b"\xff\xd8picture"}
        await heard.until("k230/bridge/state", b"online")
        await heard.until(f"k230/{me}/availability", b"online")
        await heard.until(f"k230/{me}/task/state", b"fruits")
        await heard.until(f"k230/{me}/settings/confidence_threshold/state", b"0.5")
        await heard.until(f"k230/{me}/snapshot", b"\xff\xd8picture")
        assert json.loads(heard.latest[f"k230/{me}/state"])["board_id"] == me
        await subscribed(board)
        see(board, 1, 0, 0, 1)
        await heard.until(f"k230/{me}/cat/count", b"2")
        await heard.until(f"k230/{me}/cat/present", b"ON")
        await heard.until(f"k230/{me}/dog/count", b"1")
        # 菠菜 is no part of a topic: its payload is there under another name.
        other = part_of("菠菜")
        await heard.until(f"k230/{me}/{other}/count", b"0")
        assert json.loads(heard.latest[f"k230/{me}/names"]) == {other: "菠菜"}
        assert json.loads(heard.latest[f"k230/{me}/result"])["seq"] == 1
        see(board, 2, 1)
        await heard.until(f"k230/{me}/cat/count", b"0")
        await heard.until(f"k230/{me}/cat/present", b"OFF")
        before = heard.count(f"k230/{me}/dog/count")
        for seq in range(3, 20):
            see(board, seq, 1)
        board.broadcast([messages.EVENT, 5, "track.new", {"track": 1, "label": "cat"}, 1], "events")
        await until(lambda: f"k230/{me}/event" in heard.latest)
        assert heard.count(f"k230/{me}/dog/count") == before  # only changes
        event = json.loads(heard.latest[f"k230/{me}/event"])
        assert (event["kind"], event["number"]) == ("track.new", 1)
        await until(lambda: hub.mqtt is not None and hub.mqtt.outbox.acknowledged >= 1)
        zone = {"zone": "Door", "label": "cat", "inside": 2, "track": 1}
        board.broadcast([messages.EVENT, 5, "zone.enter", zone, 2], "events")
        await heard.until(f"k230/{me}/zone-{part_of('Door')}/cat", b"2")
    await asyncio.sleep(0)
    async with listening(shared.port, "k230/bridge/state", f"k230/{me}/#") as late:
        await late.until(f"k230/{me}/availability", b"offline")
        assert f"k230/{me}/event" not in late.latest
        assert f"k230/{me}/result" not in late.latest
        await late.until(f"k230/{me}/cat/count", b"0")


async def test_mosquitto_sub_reads_it(shared: Broker, board_of_its_own: str) -> None:
    async with detector(board_id=board_of_its_own) as board, hub_of(shared.url, board) as hub:
        await until(lambda: hub.mqtt is not None and hub.mqtt.outbox.sent > 4)
        program = find("mosquitto_sub")
        topic = f"k230/{board_of_its_own}/availability"
        command = [program, "-p", str(shared.port), "-t", topic, "-C", "1", "-W", "20"]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=True)
        assert done.stdout == b"online\n"


async def test_a_hub_that_dies_is_offline(shared: Broker, board_of_its_own: str) -> None:
    prefix = f"k/{board_of_its_own}"
    async with listening(shared.port, f"{prefix}/#") as heard:
        async with hub_of(shared.url, mqtt__prefix=prefix) as hub:
            await heard.until(f"{prefix}/bridge/state", b"online")
            assert hub.mqtt is not None
            assert hub.mqtt.client is not None
            protocol = hub.mqtt.client._protocol
            assert protocol is not None
            protocol.abort()  # without a word
            await until(lambda: (f"{prefix}/bridge/state", b"offline", False) in heard.messages)
            await heard.until(f"{prefix}/bridge/state", b"online")
        await heard.until(f"{prefix}/bridge/state", b"offline")


async def test_commands(shared: Broker, board_of_its_own: str) -> None:
    me = board_of_its_own
    switched = {"task": "other", "generation": 2}
    board_answers = answers(
        switch=lambda a: switched if a["task"] == "other" else ("not_found", "no such task"),
        set=lambda a: {"generation": 3, "changed": [*a["changes"]], "saved": False},
        snapshot={"jpeg": b"\xff\xd8asked"},
        restart={},
    )
    async with (
        detector(board_id=me, answers=board_answers) as board,
        hub_of(shared.url, board, mqtt__commands=True),
        listening(shared.port, f"k230/{me}/#") as heard,
    ):
        await heard.until(f"k230/{me}/availability", b"online")

        async def ask(rest: str, payload: bytes | str) -> Any:
            before = heard.count(f"k230/{me}/outcome")
            heard.say(f"k230/{me}/{rest}", payload)
            await until(lambda: heard.count(f"k230/{me}/outcome") > before)
            return json.loads(heard.latest[f"k230/{me}/outcome"])

        assert await ask("task/set", "other") == {"command": "task/set", "ok": True} | switched
        bad = await ask("task/set", "nothing")
        assert (bad["ok"], bad["code"]) == (False, "not_found")
        good = await ask("settings/confidence_threshold/set", "0.6")
        assert good["ok"]
        sets = [arguments for _, name, arguments in board.commands if name == "set"]
        assert sets[-1]["changes"] == {"confidence_threshold": 0.6}
        for payload in (b"\xff\xfe", b"x" * 5000):
            assert (await ask("task/set", payload))["code"] == "bad_argument"
        assert (await ask("snapshot/get", ""))["ok"]
        await heard.until(f"k230/{me}/snapshot", b"\xff\xd8asked")
        # The second switch is off: the broker is not even asked for these.
        heard.say(f"k230/{me}/restart/set", "")
        # Retained commands would be carried out at each start.
        heard.say(f"k230/{me}/task/set", "other", retain=True)
        assert (await ask("snapshot/get", ""))["ok"]
        assert "restart" not in board.executed


async def test_risky_commands_need_the_second_switch(shared: Broker, board_of_its_own: str) -> None:
    me = board_of_its_own
    settings: dict[str, Any] = {"mqtt__commands": True, "mqtt__risky_commands": True}
    async with (
        detector(board_id=me, answers=answers(restart={})) as board,
        hub_of(shared.url, board, **settings),
        listening(shared.port, f"k230/{me}/#") as heard,
    ):
        await heard.until(f"k230/{me}/availability", b"online")
        heard.say(f"k230/{me}/restart/set", "")
        await until(lambda: "restart" in board.executed)


async def test_without_the_switch_nothing_is_taken(shared: Broker, board_of_its_own: str) -> None:
    async with (
        detector(board_id=board_of_its_own) as board,
        hub_of(shared.url, board) as hub,
        listening(shared.port, "k230/#") as heard,
    ):
        await heard.until(f"k230/{board_of_its_own}/availability", b"online")
        heard.say(f"k230/{board_of_its_own}/task/set", "other")
        see(board, 1)
        await asyncio.sleep(0.3)
        assert hub.mqtt is not None
        assert hub.mqtt.publisher.commands.taken == 0


async def test_a_broker_that_dies_and_forgets(tmp_path: Path) -> None:
    async with detector(board_id="one") as board:
        with broker(tmp_path) as real:
            async with hub_of(real.url, board, mqtt__queue=100, mqtt__results=True) as hub:
                assert hub.mqtt is not None
                outbox = hub.mqtt.outbox
                async with listening(real.port, "k230/#") as heard:
                    await subscribed(board)
                    see(board, 1, 0)
                    await heard.until("k230/one/cat/count", b"1")
                real.kill()
                client = hub.mqtt.client
                assert client is not None
                await until(lambda: client.state == "reconnecting")
                for number in range(500):
                    see(board, 2 + number, 0, 0)
                    row = {"track": number, "label": "cat"}
                    message = [messages.EVENT, 5, "track.new", row, 1 + number]
                    board.broadcast(message, "events")
                    if not number % 20:
                        await asyncio.sleep(0.02)  # what the hub reads in one go is bounded, too
                (session,) = hub.sessions
                await until(lambda: session.counts.events + session.dropped >= 500)
                await until(lambda: outbox.dropped_news >= 300)
                assert len(outbox) < 100 * 2 + 100
                assert outbox.dropped_important > 300
                real.start()  # with nothing retained
                async with listening(real.port, "k230/#") as heard:
                    await heard.until("k230/one/cat/count", b"2")
                    await heard.until("k230/one/availability", b"online")
                    await heard.until("k230/bridge/state", b"online")
                    await until(lambda: not len(outbox))
                    assert outbox.acknowledged >= 100
                    row = {"track": 9, "label": "cat"}
                    board.broadcast([messages.EVENT, 5, "track.new", row, 501], "events")
                    await until(lambda: "k230/one/event" in heard.latest)


async def test_a_broker_that_stalls(tmp_path: Path) -> None:
    async with detector(board_id="one") as board:
        with broker(tmp_path) as real:
            async with hub_of(real.url, board, mqtt__queue=200, mqtt__results=True) as hub:
                assert hub.mqtt is not None
                client, outbox = hub.mqtt.client, hub.mqtt.outbox
                assert client is not None
                await subscribed(board)
                await until(lambda: client.state == "connected")
                real.freeze()
                many = [0] * 100
                sent = 0
                while not outbox.dropped_news:
                    for _ in range(20):
                        sent += 1
                        see(board, sent, *many)
                    await asyncio.sleep(0.02)
                    assert sent < 20_000, "the queue before the broker has no end"
                assert len(outbox) <= 200 + 100
                await until(lambda: client.state == "reconnecting")
                real.thaw()
                await until(lambda: client.state == "connected", 60.0)
                async with listening(real.port, "k230/one/#") as heard:
                    see(board, sent + 1, 0)
                    await until(
                        lambda: (
                            json.loads(heard.latest.get("k230/one/result", b"{}")).get("seq")
                            == sent + 1
                        )
                    )


async def test_a_broker_killed_at_random_loses_no_event(tmp_path: Path) -> None:
    chance = random.Random(7)
    async with detector(board_id="one") as board:
        with broker(tmp_path, persistent=True) as real:
            async with (
                hub_of(real.url, board) as hub,
                listening(real.port, "k230/one/event") as heard,
            ):
                await until(lambda: board.sessions and board.sessions[0].wants.get("events"))
                number = 0
                for _ in range(4):
                    for _ in range(chance.randrange(50, 150)):
                        number += 1
                        message = [messages.EVENT, 5, "track.new", {"track": number}, number]
                        board.broadcast(message, "events")
                        if chance.random() < 0.3:
                            await asyncio.sleep(0.003)
                    real.kill()
                    await asyncio.sleep(chance.random() / 5)
                    real.start()
                assert hub.mqtt is not None
                outbox = hub.mqtt.outbox
                await until(lambda: hub.mqtt.client.state == "connected" and not len(outbox))  # type: ignore[union-attr]
                # The listener may be away when a message arrives: the hub's own account decides.
                assert outbox.acknowledged >= number - sum(s.dropped for s in hub.sessions)
                assert outbox.dropped_important == 0
                assert heard.messages


async def test_two_hubs_with_one_client_id(shared: Broker) -> None:
    name = f"same-{random.randrange(10**9)}"
    async with (
        hub_of(shared.url, mqtt__client_id=name) as first,
        hub_of(shared.url, mqtt__client_id=name) as second,
    ):
        clients = [hub.mqtt.client for hub in (first, second) if hub.mqtt is not None]
        await until(lambda: any(c is not None and c.code == "client_id" for c in clients), 60.0)
        reason = next(c.reason for c in clients if c is not None and c.code == "client_id")
        assert "set mqtt.client_id" in reason


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CA, a broker's and a client's certificate, and a CA that signed neither."""
    from tests.board_hub.certificates import make

    folder = tmp_path_factory.mktemp("certificates")
    make(folder)
    return folder


async def test_tls_and_a_client_certificate(certificates: Path, tmp_path: Path) -> None:
    lines = [
        f"cafile {certificates}/ca.pem",
        f"certfile {certificates}/broker.pem",
        f"keyfile {certificates}/broker.key",
        "require_certificate true",
        "use_identity_as_username true",
        "allow_anonymous false",
    ]
    with broker(tmp_path / "real", *lines) as real:
        ours: dict[str, Any] = {
            "mqtt__ca_file": f"{certificates}/ca.pem",
            "mqtt__cert_file": f"{certificates}/client.pem",
            "mqtt__key_file": f"{certificates}/client.key",
        }
        for settings, code in (
            (ours, None),
            (ours | {"mqtt__ca_file": f"{certificates}/other.pem"}, "tls"),
            ({"mqtt__ca_file": ours["mqtt__ca_file"]}, "tls lost unreachable"),
        ):
            async with hub_of(f"mqtts://localhost:{real.port}", **settings) as hub:
                assert hub.mqtt is not None
                client = hub.mqtt.client
                assert client is not None
                if code is None:
                    await connected(client)
                else:
                    await refused(client)
                    assert client.code is not None
                    assert client.code in code
                    assert client.connections == 0


async def test_user_and_password(tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    subprocess.run(
        [find("mosquitto_passwd"), "-c", "-b", str(passwords), "hub", "secret"], check=True
    )
    passwords.chmod(0o644)
    acl = tmp_path / "acl"
    acl.write_text("user hub\ntopic write k230/#\n")
    lines = ["allow_anonymous false", f"password_file {passwords}", f"acl_file {acl}"]
    (tmp_path / "secret").write_text("secret\n")
    with broker(tmp_path / "broker", *lines) as real:
        for password, code in (("secret", None), ("wrong", "refused"), (None, "refused")):
            async with hub_of(
                real.url, mqtt__username="hub", mqtt__password=password, mqtt__commands=True
            ) as hub:
                assert hub.mqtt is not None
                client = hub.mqtt.client
                assert client is not None
                await (refused(client) if code else connected(client))
                assert client.code == code, client.reason


@pytest.mark.parametrize(
    "said", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x20\x02\x00", b"\xff" * 9, b""]
)
async def test_what_is_no_broker_is_told(said: bytes) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(said)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, hub_of(f"mqtt://127.0.0.1:{port}") as hub:
        assert hub.mqtt is not None
        client = hub.mqtt.client
        assert client is not None
        await until(lambda: client.code is not None)
        assert client.state == "reconnecting"
        assert "\n" not in client.reason


NASTY = ["#", "+", "a/b", "a\0b", "😀", "count", "task", "x" * 300, "", " ", "$SYS", "\u202e"]


async def test_labels_that_are_no_topic_names(shared: Broker, board_of_its_own: str) -> None:
    me = board_of_its_own

    class Odd(ScriptedBoard):
        def model(self) -> list[Any]:
            row = super().model()
            row[5] = NASTY
            return row

    board = Odd()
    board.board_id, board.answers, board.task = me, answers(), "detection"
    await board.listen()
    try:
        async with (
            hub_of(shared.url, board) as hub,
            listening(shared.port, f"k230/{me}/#") as heard,
        ):
            await subscribed(board)
            see(board, 1, *range(len(NASTY)))
            await until(lambda: sum(t.endswith("/count") for t in heard.latest) == len(NASTY))
            assert all(v == b"1" for t, v in heard.latest.items() if t.endswith("/count"))
            names = json.loads(heard.latest[f"k230/{me}/names"])
            assert set(names.values()) == set(NASTY)
            assert hub.mqtt is not None
            assert hub.mqtt.client is not None
            assert hub.mqtt.client.connections == 1
    finally:
        await board.stop()


async def test_a_board_that_lies_has_bounded_topics(shared: Broker, board_of_its_own: str) -> None:
    """Ever new generations with ever new labels."""
    me = board_of_its_own

    class Liar(ScriptedBoard):
        def model(self) -> list[Any]:
            row = super().model()
            row[5] = [f"label-{self.generation}-{n}" for n in range(900)]
            return row

    board = Liar()
    board.board_id, board.answers, board.task = me, answers(), "detection"
    await board.listen()
    try:
        async with hub_of(shared.url, board) as hub:
            assert hub.mqtt is not None
            await subscribed(board)
            for generation in range(1, 6):
                board.generation = generation
                board.broadcast(board.model(), "results")
                for first in range(0, 900, 100):
                    see(board, generation, *range(first, first + 100))
                await asyncio.sleep(0.05)
            (session,) = hub.sessions
            await until(lambda: session.counts.results >= 40)
            assert len(hub.mqtt.outbox.state) < 2 * 512 + 100
    finally:
        await board.stop()


async def test_a_broker_without_permission(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from board_hub.mqtt import service

    monkeypatch.setattr(service, "_HEARING_S", 2)
    caplog.set_level(logging.WARNING)
    passwords, acl = tmp_path / "passwords", tmp_path / "acl"
    for name in ("hub", "other"):
        flag = ["-c"] if name == "hub" else []
        command = [find("mosquitto_passwd"), *flag, "-b", str(passwords), name, "secret"]
        subprocess.run(command, check=True)
    passwords.chmod(0o644)
    acl.write_text("user hub\ntopic readwrite k230/#\nuser other\ntopic read k230/#\n")
    lines = ["allow_anonymous false", f"password_file {passwords}", f"acl_file {acl}"]
    with broker(tmp_path / "broker", *lines) as real:
        for name, permitted in (("hub", True), ("other", False)):
            async with hub_of(real.url, mqtt__username=name, mqtt__password="secret") as hub:
                assert hub.mqtt is not None
                mqtt = hub.mqtt
                await until(lambda mqtt=mqtt: mqtt.permitted is not None)  # type: ignore[misc]
                assert hub.mqtt.permitted is permitted
    told = [record.getMessage() for record in caplog.records if "access list" in record.message]
    assert len(told) == 1
    assert "'other'" in told[0]
