"""A board that lies, with huge, endless and senseless answers: it disturbs nobody, and nothing grows."""

from __future__ import annotations

import asyncio
import json
import math
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from firmware_app.wire import messages
from tests.board_hub.broker import Broker, broker, listening, until
from tests.board_hub.test_mqtt import answers, see
from tests.board_hub.test_recordings import asked
from tests.board_hub.test_sessions import boards, running_hub
from tests.host.scripted_board import ScriptedBoard, Session


def _nested(depth: int) -> Any:
    value: Any = "end"
    for _ in range(depth):
        value = {"a": value}
    return value


LONG = "x" * 20_000
ODD = [math.nan, math.inf, -(2**63), 2**64 - 1, "\u202e\x1b[31m", "\0", b"\xff", None, True]
ANSWERS: dict[str, dict[str, Any]] = {
    "status is a list": {"status": [1] * 1000},
    "status is nothing": {"status": False},
    "status is long": {"status": {"task": LONG, "version": "v" * 5000, "board_type": "t" * 5000}},
    "status is deep": {"status": {"task": "a", "network": _nested(15), "memory": _nested(15)}},
    "status has odd values": {
        "status": {f"n{number}": value for number, value in enumerate(ODD)}
        | {"temperature_c": math.nan, "uptime_ms": math.inf, "heap_used_bytes": "many", "task": 7}
        | {"problems": ODD, "stages_us": dict.fromkeys("abc", math.inf), "network": 5},
    },
    "many problems": {"status": {"problems": [{"code": f"c{n}", "text": "t"} for n in range(900)]}},
    "problems are no maps": {"status": {"problems": "all", "task": ["a"]}},
    "tasks are long": {"tasks": [{"name": f"t{n}", "task": "detection"} for n in range(900)]},
    "tasks are senseless": {"tasks": [1, None, {"name": None}, {"name": LONG}]},
    "settings are many": {"config": {"task": {f"s{n}": n for n in range(2000)}}},
    "settings are odd": {"config": {"service": ODD, "task": {"confidence_threshold": math.nan}}},
    "settings are deep": {"config": {"service": _nested(15), "task": _nested(15)}},
    "answers fail": {"status": ("\x1b]0;a\x07", LONG), "tasks": ("", ""), "config": (LONG, "\n")},
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with broker(tmp_path_factory.mktemp("broker")) as real:
        yield real


async def _disturbs_nobody(
    shared: Broker, lie: Callable[[ScriptedBoard], Any], tmp_path: Path, **lies: Any
) -> None:
    """Run everything with an honest board beside the liar; the pages and topics must go on."""
    settings = {
        "mqtt.url": shared.url,
        "mqtt.results": True,
        "mqtt.queue": 500,
        "mqtt.snapshot_s": 0.2,
        "mqtt.logs": True,
        "mqtt.off_delay_s": 0.0,
        "homeassistant.enabled": True,
        "recordings.folder": str(tmp_path / "recordings"),
        "recordings.pictures_s": 0.2,
        "files.json_lines": str(tmp_path / "lines"),
    }
    async with boards(2, answers=answers(), task="detection") as (honest, liar):
        honest.board_id, liar.board_id = "honest", "liar"
        liar.answers = answers(**lies)
        async with running_hub(honest, liar, **settings) as (hub, web):
            await asked(honest)
            await asked(liar)
            async with listening(shared.port, "k230/honest/#") as heard:
                lie(liar)
                see(liar, 1, 0, 1)
                see(honest, 1, 0)
                await heard.until("k230/honest/cat/count", b"1")
                await heard.until("k230/honest/availability", b"online")
                for path in ("/status", "/healthz", "/metrics", "/api/v1/boards"):
                    async with web.get(path) as answer:
                        assert answer.status == 200
                        text = await answer.text()
                        if path == "/metrics":
                            names = [f.name for f in text_string_to_metric_families(text)]
                            assert "k230_board_up" in names
                        elif path != "/status":
                            assert json.loads(text, parse_constant=pytest.fail)
                see(honest, 2)
                await heard.until("k230/honest/cat/count", b"0")
            assert hub.mqtt is not None
            assert hub.mqtt.client is not None
            assert hub.mqtt.client.connections == 1  # the broker took every message
            outbox = hub.mqtt.outbox
            assert outbox.state_bytes < 4_000_000
            assert len(outbox) <= 2 * 500 + len(outbox.state)


@pytest.mark.parametrize("name", ANSWERS)
async def test_answers_that_lie(shared: Broker, tmp_path: Path, name: str) -> None:
    picture: dict[str, Any] = {"snapshot": {"jpeg": b"no picture" * 3000}}
    await _disturbs_nobody(shared, lambda liar: None, tmp_path, **picture | ANSWERS[name])


def _events(liar: ScriptedBoard) -> None:
    for number in range(2000):
        details = {"label": f"l{number}" * 20, "zone": f"z{number}", "inside": number}
        liar.broadcast([messages.EVENT, 5, "zone.enter", details, number + 1], "events")
    for number, value in enumerate([*ODD, _nested(15), LONG]):
        row = [messages.EVENT, -5, "count", {"place": "zone", "count": value}, 3000 + number]
        liar.broadcast(row, "events")
        liar.broadcast([messages.EVENT, 5, "track.new", {"a": value}, 4000 + number], "events")


def _statistics(liar: ScriptedBoard) -> None:
    for value in (*ODD, _nested(15), LONG[:4000]):
        values = {"results": value, "period_us": value, "heap_used_bytes": value, "kpu_us": value}
        liar.broadcast([messages.STATISTICS, 5, values], "statistics")
    for _ in range(500):
        liar.broadcast([messages.LOG, 5, 99, "\x1b[2J" + LONG], "logs")


_RESTS: list[list[Any]] = [
    *([], [1], [1, 2, 3, 4, 5, 6], ["a", b"b", None, {}], [-1, LONG, [], 2.5]),
]


def _senseless(liar: ScriptedBoard) -> None:
    for session in list(liar.sessions):
        for kind in range(1, 60):
            for rest in _RESTS:
                if kind not in (messages.REFUSED,):
                    session.send([kind, *rest])


def _without_end(liar: ScriptedBoard) -> None:
    for session in list(liar.sessions):
        session.send_raw(b"\x01" * 8_000_000)  # one packet that never ends
        session.send_raw(b"\0")


def _progress(liar: ScriptedBoard) -> None:
    """Each question is answered with work in progress, for ever."""

    async def tell(session: Session) -> None:
        while session in liar.sessions:
            for number in range(1, 40):
                session.send([messages.PROGRESS, number, 1, 2, "x" * 500])
            await asyncio.sleep(0.05)

    for session in list(liar.sessions):
        _kept.append(asyncio.ensure_future(tell(session)))


_kept: list[asyncio.Future[None]] = []


@pytest.mark.parametrize("lie", [_events, _statistics, _senseless, _without_end, _progress])
async def test_messages_that_lie(
    shared: Broker, tmp_path: Path, lie: Callable[[ScriptedBoard], None]
) -> None:
    await _disturbs_nobody(shared, lie, tmp_path)


async def test_boxes_that_lie(shared: Broker, tmp_path: Path) -> None:
    """Boxes beyond the frame and the labels, in packed and in listed form."""

    def lie(liar: ScriptedBoard) -> None:
        packed = struct.pack("<II", 0xFFFFFFFF, 0xFFFFFFFF) * 300
        rows: list[Any] = [[-(2**40), 2**40, -1, 0, 999999, -7], [1, 2, 3], [None] * 6, ["a"] * 6]
        forms: list[Any] = [packed, packed[:-3], rows, rows[:1], [], {}, None, 5]
        for fields in forms:
            liar.publish(3, fields, kind=messages.DETECTION)
            liar.publish(3, fields, {"a": 1}, kind=messages.DETECTION)

    await _disturbs_nobody(shared, lie, tmp_path)
    await until(lambda: (tmp_path / "lines").stat().st_size > 0)
