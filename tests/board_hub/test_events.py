"""No event is lost: over a lost link, over the hub's own restart, over a broker that is away."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from board_hub import demo
from board_hub.configuration.reader import Configuration
from board_hub.hub import running
from board_hub.memory import Memory
from board_hub.sessions import Sessions
from firmware_app.wire import messages
from tests.board_hub.broker import broker, until
from tests.board_hub.test_mqtt import detector
from tests.board_hub.test_mqtt import hub_of as mqtt_hub
from tests.board_hub.test_sessions import boards, hub_of
from tests.host.scripted_board import ScriptedBoard


class Keeper:
    """Lets a scripted board number its events, keep them, and send them again when asked."""

    def __init__(self, board: ScriptedBoard) -> None:
        self.board = board
        self.kept: list[list[Any]] = []
        self.number = 0
        board.answers["subscribe"] = self._subscribe

    def happen(self, count: int = 1) -> None:
        for _ in range(count):
            self.number += 1
            row = {"track": self.number, "label": "cat"}
            message = [messages.EVENT, 5, "track.new", row, self.number]
            self.kept = [*self.kept[-255:], message]
            self.board.broadcast(message, "events")

    def restart(self) -> None:
        self.board.boot_id += 1
        self.kept, self.number = [], 0

    def _subscribe(self, arguments: dict[str, Any]) -> dict[str, Any]:
        (session,) = self.board.sessions[-1:]
        session.wants = arguments
        after = arguments.get("after")
        if after is not None:
            begin = after[1] if after[0] == self.board.boot_id else 0
            again = [message for message in self.kept if message[4] > begin]
            for message in again:  # behind the answer
                asyncio.get_running_loop().call_soon(session.send, message)
        oldest = self.kept[0][4] if self.kept else self.number + 1
        return {"generation": 1, "oldest": oldest, "newest": self.number, "lost": 0}


class Heard:
    """What a reader of the hub's got of events."""

    def __init__(self, sessions: Sessions) -> None:
        self.events: list[tuple[str, int]] = []
        self._feed = sessions.feed(("event",), 10_000)
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        while items := await self._feed.get():
            self.events += [(item.value.kind, item.value.number) for item in items]

    async def close(self) -> None:
        self._feed.close()
        await self._task


@contextlib.asynccontextmanager
async def hub(board: ScriptedBoard, path: Path) -> AsyncIterator[tuple[Sessions, Heard]]:
    async with hub_of(board, memory=Memory(path)) as sessions:
        heard = Heard(sessions)
        await until(lambda: any(s.wants.get("events") for s in board.sessions))
        try:
            yield sessions, heard
        finally:
            await heard.close()


def numbers(begin: int, end: int) -> list[tuple[str, int]]:
    return [("track.new", number) for number in range(begin, end + 1)]


async def test_over_lost_links_and_restarts_of_the_hub(tmp_path: Path) -> None:
    path = tmp_path / "hub.json"
    async with boards(1) as (board,):
        keeper = Keeper(board)
        keeper.happen(3)  # before any hub: they are nobody's
        async with hub(board, path) as (sessions, heard):
            await asyncio.sleep(0.1)
            keeper.happen(2)
            await until(lambda: len(heard.events) == 2)
            await board.stop()
            (session,) = sessions
            await until(lambda: session.state == "reconnecting")
            keeper.happen(5)
            await board.listen()
            await until(lambda: len(heard.events) == 7)
            assert heard.events == numbers(4, 10)
        keeper.happen(100)  # while the hub is away
        async with hub(board, path) as (_, heard):
            await until(lambda: len(heard.events) == 100)
            assert heard.events == numbers(11, 110)
        keeper.happen(300)  # more than a board keeps
        async with hub(board, path) as (_, heard):
            await until(lambda: len(heard.events) == 257)
            assert heard.events == [("lost", 0), *numbers(155, 410)]
        keeper.restart()
        keeper.happen(2)
        async with hub(board, path) as (_, heard):
            await until(lambda: len(heard.events) == 3)
            assert heard.events == [("lost", 0), *numbers(1, 2)]


async def test_what_the_broker_never_had_is_said_again(tmp_path: Path) -> None:
    """A hub that ends while the broker is away: the next one asks the board for what was not published."""
    async with detector(board_id="one") as board:
        keeper = Keeper(board)
        with broker(tmp_path / "broker") as real:
            state = tmp_path / "hub.json"
            async with mqtt_hub(real.url, board, state_file=state) as first:
                await until(lambda: board.sessions and board.sessions[-1].wants.get("events"))
                await asyncio.sleep(0.1)
                keeper.happen(3)
                assert first.mqtt is not None
                outbox = first.mqtt.outbox
                await until(lambda: outbox.acknowledged == 3)
                real.kill()
                client = first.mqtt.client
                await until(lambda: client is not None and client.state == "reconnecting")
                keeper.happen(4)
                (session,) = first.sessions
                await until(lambda: session.counts.events == 7)
            assert json.loads(state.read_text())["places"] == {"one": [board.boot_id, 3]}
            real.start()
            async with mqtt_hub(real.url, board, state_file=state) as second:
                assert second.mqtt is not None
                outbox = second.mqtt.outbox
                await until(lambda: outbox.acknowledged == 4)
            assert json.loads(state.read_text())["places"] == {"one": [board.boot_id, 7]}


async def test_the_demo_has_tracks_zones_and_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "BOARDS", demo.BOARDS[:1])
    configuration = Configuration()
    configuration.values |= {"web.listen": "127.0.0.1:0", "web.login": False}
    async with (
        demo.boards(configuration),
        running(configuration, remember=False, preview=True) as found,
    ):
        assert found.mqtt is not None
        state = found.mqtt.outbox.state
        heard = Heard(found.sessions)
        wanted = {"track.new", "zone.enter"}
        await until(lambda: wanted <= {kind for kind, _ in heard.events}, 120.0)
        await until(lambda: any(b"/zone-" in topic for topic in state))
        await until(
            lambda: any(topic.endswith(b"/count") and row != b"0" for topic, row in state.items())
        )
        await heard.close()


async def test_the_demo_shows_what_it_would_publish(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the printed address alone: boards, their events, the messages; strangers see nothing."""
    monkeypatch.setattr(demo, "BOARDS", demo.BOARDS[:1])
    configuration = Configuration()
    configuration.values["web.listen"] = "127.0.0.1:0"
    jar = aiohttp.CookieJar(unsafe=True)
    async with (
        demo.boards(configuration),
        running(configuration, remember=False, preview=True) as hub,
        aiohttp.ClientSession(hub.url, cookie_jar=jar, headers={"X-K230": "1"}) as web,
    ):
        person = {"Accept": "text/html"}
        async with web.get("/status", headers=person, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, "./")
        assert hub.accounts is not None
        row = {"ticket": hub.accounts.ticket()}
        async with web.post("/api/v1/login", json=row) as answer:
            assert answer.status == 200
        wanted = (
            "<td>gate</td>",
            "<td>track.",
            "/availability</td>",
            "homeassistant/",
        )
        page = ""
        for _ in range(600):
            async with web.get("/status", headers=person) as answer:
                assert answer.status == 200
                page = await answer.text()
            if all(text in page for text in wanted):
                break
            await asyncio.sleep(0.1)
        assert all(text in page for text in wanted), page
