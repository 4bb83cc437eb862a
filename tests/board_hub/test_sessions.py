"""One session a board, whatever the boards do, and its fan-out."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from board_hub.configuration.reader import BoardEntry, Configuration
from board_hub.hub import Hub, running
from board_hub.memory import Memory
from board_hub.session import KINDS
from board_hub.sessions import Sessions
from firmware_app.wire import messages
from host_client.base.exceptions import ConfigurationError, LinkLost
from tests.host.scripted_board import KEY, ScriptedBoard, tcp_board

LIMIT = 30.0  # seconds; a loaded computer takes its time


async def until(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def hub_of(
    *boards: ScriptedBoard, memory: Memory | None = None, **settings: Any
) -> AsyncIterator[Sessions]:
    configuration = Configuration([BoardEntry(board.url, key=_key(board)) for board in boards])
    configuration.values.update(settings)
    sessions = Sessions(configuration, memory)
    await sessions.start()
    try:
        yield sessions
    finally:
        await sessions.stop()


def _key(board: ScriptedBoard) -> str | None:
    return None if board.key is None else board.key.hex()


@contextlib.asynccontextmanager
async def boards(count: int, **attributes: Any) -> AsyncIterator[list[ScriptedBoard]]:
    async with contextlib.AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(tcp_board(board_id=f"board-{number}", **attributes))
            for number in range(count)
        ]


def connected(sessions: Sessions) -> int:
    return sum(session.connected for session in sessions)


async def test_what_boards_say_reaches_each_feed() -> None:
    async with boards(2, key=KEY) as (first, second), hub_of(first, second) as sessions:
        await until(lambda: connected(sessions) == 2)
        with (
            sessions.feed(("result", "event"), 100) as everything,
            sessions.feed(("result",), 2, board="board-1") as narrow,
        ):
            await until(
                lambda: all(s.wants.get("results") for b in (first, second) for s in b.sessions)
            )
            for number in range(5):
                first.publish_label(number)
                second.publish_label(number)
            first.broadcast([messages.EVENT, 5, "switched", {"task": "a"}, 0], "events")
            found: list[Any] = []
            while len(found) < 11:
                found += await asyncio.wait_for(everything.get(), LIMIT)
            assert {(item.kind, item.session.id) for item in found} == {
                ("result", "board-0"),
                ("result", "board-1"),
                ("event", "board-0"),
            }
            line = json.loads(next(item for item in found if item.kind == "result").json)
            assert (line["type"], line["schema"]) == ("result", 1)
            kept = await narrow.get()
            assert [item.value.seq for item in kept] == [3, 4]
            assert narrow.dropped == 3
        # Nobody reads results any more: the boards are told.
        await until(lambda: not any(s.wants.get("results") for s in first.sessions))
        assert all(s.wants.get("events") for s in first.sessions)


async def test_the_highest_rate_is_asked_for() -> None:
    async with boards(1) as (board,), hub_of(board) as sessions:
        await until(lambda: connected(sessions) == 1)

        def rate() -> Any:
            wants = board.sessions[0].wants
            return wants.get("rate") if wants.get("results") else None

        with sessions.feed(("result",), 10, rate=2):
            await until(lambda: rate() == 2)
            with sessions.feed(("result",), 10, rate=5):
                await until(lambda: rate() == 5)
                with sessions.feed(("result",), 10):
                    await until(lambda: rate() == 0)
            await until(lambda: rate() == 2)
        await until(lambda: rate() is None)


async def test_a_board_comes_back() -> None:
    async with boards(1, key=KEY) as (board,), hub_of(board) as sessions:
        (session,) = sessions
        await until(lambda: session.connected)
        for _ in range(2):
            await board.stop()
            await until(lambda: session.state == "reconnecting")
            with pytest.raises(LinkLost, match="is not connected"):
                session.board  # noqa: B018
            await board.listen()
            await until(lambda: session.connected)
        assert session.counts.connections == 3


async def test_a_wrong_key_among_good_ones_disturbs_nobody() -> None:
    async with boards(50, key=KEY) as some:
        entries = [BoardEntry(board.url, key=KEY.hex()) for board in some]
        entries[7] = entries[7]._replace(key="00" * 32)
        sessions = Sessions(Configuration(entries))
        await sessions.start()
        try:
            await until(lambda: connected(sessions) == 49)
            bad = next(session for session in sessions if session.url == some[7].url)
            await until(lambda: bad.state == "failed")
            assert bad.code == "authentication"
            hellos = some[7].hellos
            await asyncio.sleep(1.0)
            assert some[7].hellos == hellos  # each attempt costs the board's patience
        finally:
            await sessions.stop()


async def test_one_board_at_two_addresses_has_one_session() -> None:
    async with boards(1) as (board,):
        port = board.url.rpartition(":")[2]
        entries = [BoardEntry(board.url), BoardEntry(f"tcp://localhost:{port}")]
        sessions = Sessions(Configuration(entries))
        await sessions.start()
        try:
            await until(lambda: sorted(s.state for s in sessions) == ["connected", "duplicate"])
            await until(lambda: len(board.sessions) == 1)
        finally:
            await sessions.stop()


async def test_shards_share_the_boards() -> None:
    entries = [BoardEntry(f"tcp://192.0.2.{number}:5230") for number in range(100)]
    held: list[str] = []
    for number in (1, 2, 3):
        configuration = Configuration(list(entries))
        configuration.values["shard"] = f"{number}/3"
        share = [session.url for session in Sessions(configuration)]
        assert 15 < len(share) < 55
        held += share
    assert sorted(held) == sorted(entry.url for entry in entries)


async def test_ids_are_remembered(tmp_path: Path) -> None:
    path = tmp_path / "hub.json"
    async with boards(1) as (board,):
        async with hub_of(board, memory=Memory(path)) as sessions:
            await until(lambda: connected(sessions) == 1)
        await board.stop()
        async with hub_of(board, memory=Memory(path)) as sessions:
            (session,) = sessions
            assert (session.id, session.known, session.connected) == ("board-0", True, False)
    for damaged in (
        b"",
        b"[]",
        b'{"boards": 5, "announced": {}}',
        b"\xff",
        b'{"boards": {"a": 1}}',
    ):
        path.write_bytes(damaged)
        memory = Memory(path)
        assert memory.boards == {}
        assert "not written by the hub" in memory.problem
    memory.learn("tcp://a", "b", "c")
    memory.save()
    assert Memory(path).boards == {"tcp://a": ("b", "c")}
    assert Memory(tmp_path).problem  # a folder
    unwritable = Memory(path / "below")
    unwritable.learn("tcp://a", "b", "c")
    unwritable.save()
    assert unwritable.problem


async def test_pictures_are_taken_once_for_all() -> None:
    taken = 0

    def snapshot(arguments: dict[str, Any]) -> dict[str, Any]:
        nonlocal taken
        taken += 1
        return {"jpeg": b"\xff\xd8picture"}

    async with boards(1, answers={"snapshot": snapshot}) as (board,), hub_of(board) as sessions:
        (session,) = sessions
        await until(lambda: session.connected)
        found = await asyncio.gather(*(session.picture() for _ in range(5)))
        assert set(found) == {b"\xff\xd8picture"}
        assert taken == 1
        await session.picture(max_age=60)
        assert taken == 1
        await session.picture()
        assert taken == 2


@contextlib.asynccontextmanager
async def running_hub(*some: ScriptedBoard, **settings: Any) -> AsyncIterator[tuple[Hub, Any]]:
    configuration = Configuration([BoardEntry(board.url) for board in some])
    configuration.values |= {"web.listen": "127.0.0.1:0", "web.login": False}
    configuration.values.update(settings)
    async with running(configuration, remember=False) as hub, aiohttp.ClientSession(hub.url) as web:
        yield hub, web


async def test_pages_and_metrics() -> None:
    status = {"uptime_ms": 5000, "temperature_c": 41, "problems": [{"code": "chip", "text": "x"}]}
    answers: dict[str, Any] = {"status": lambda _: status, "tasks": lambda _: []}
    async with (
        boards(2, answers=answers) as some,
        running_hub(*some) as (hub, web),
    ):
        await until(lambda: all(session.status for session in hub.sessions))
        async with web.get("/status") as answer:
            page = await answer.text()
            assert "board-0" in page
            assert "<script" not in page
        async with web.get("/healthz") as answer:
            assert await answer.json() == {"boards": 2, "connected": 2}
        async with web.get("/sd") as answer:
            (row,) = await answer.json()
            assert row["targets"] == [hub.url.partition("//")[2]]  # type: ignore[union-attr]
        async with web.get("/metrics") as answer:
            text = await answer.text()
        families = {family.name: family for family in text_string_to_metric_families(text)}
        up = families["k230_board_up"].samples
        assert {(s.labels["board"], s.value) for s in up} == {("board-0", 1.0), ("board-1", 1.0)}
        assert families["k230_board_uptime_seconds"].samples[0].value == 5.0
        assert families["k230_board_problem"].samples[0].labels["code"] == "chip"
        assert "k230_hub_process_cpu_seconds" in families


async def test_a_port_that_is_taken_is_told() -> None:
    async with running_hub() as (hub, _):
        assert hub.url is not None
        configuration = Configuration()
        configuration.values["web.listen"] = hub.url.partition("//")[2]
        with pytest.raises(ConfigurationError, match=r"web.listen: can't listen on .*in use"):
            async with running(configuration, remember=False):
                pass


async def test_kinds_are_checked() -> None:
    sessions = Sessions(Configuration())
    with pytest.raises(ValueError, match="kinds: expected some of result"):
        sessions.feed(("results",), 10)
    assert sessions.feed(KINDS, 1).kinds == set(KINDS)
