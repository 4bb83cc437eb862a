"""Events through links that are cut at random, restarts of the board and of the client: both ends of the product.

The board's sessions, publisher and history are the real ones, and so is the client; the link between
them breaks in the middle of a packet, wherever chance has it.
"""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from firmware_app.link.publisher import Publisher
from firmware_app.link.session import Session
from host_client import Board, Event
from host_client.link import connection
from tests.servers import Server

SEEDS = (1, 2, 3)
LIVES = 10  # of the client
WAITING = 150  # events that a reader may be behind; the board keeps 256
LONG_S = 60
FIRST_START = 100  # boot id


class Clock:
    def us(self) -> int:
        return 0

    def ms(self) -> int:
        return 0


class BoardOfEvents:
    """Numbers events, and sends them through links that do not last."""

    version, name, board_id, key = "1", "board", "00aa", b""

    def __init__(self, seed: int) -> None:
        self.identity = self
        self.clock: Any = Clock()
        self.boot_id = FIRST_START
        self.told: dict[int, int] = {}  # boot id: events
        self.cuts = 0
        self._chance = random.Random(seed)
        self._open: dict[Session, tuple[asyncio.StreamWriter, int]] = {}
        self._server = Server(self._serve)
        self.publisher = self._publisher()

    async def __aenter__(self) -> BoardOfEvents:
        await self._server.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.close()

    @property
    def url(self) -> str:
        return self._server.url

    def _publisher(self) -> Publisher:
        links: Any = self
        return Publisher(links, self.clock)

    def sessions(self) -> list[Session]:
        return list(self._open)

    def happen(self) -> None:
        self.told[self.boot_id] = number = self.told.get(self.boot_id, 0) + 1
        self.publisher.numbered(5, "track.new", {"track": number, "pad": "x" * (number % 90)})
        for session in list(self._open):
            self._pump(session)

    def restart(self) -> None:
        self.boot_id += 1
        for session in list(self._open):
            self._cut(session)
        self.publisher = self._publisher()

    # What a session asks of the board.

    def nonce(self) -> bytes:
        return bytes(16)

    def opened(self, session: Session) -> None:
        pass

    def closed(self, session: Session) -> None:
        pass

    def failed(self, error: BaseException) -> None:
        raise error

    def request(self, session: Session, request: Any, command: str, arguments: Any) -> None:
        if command != "subscribe":
            session.fail(request, "failed", "not here")
            return
        session.subscribe(False, arguments["events"], False, False, 0)
        history, after = self.publisher.history, arguments.get("after")
        lost = session.follow(history, self.boot_id, None if after is None else tuple(after))
        answer = {"oldest": history.oldest, "newest": history.newest, "lost": lost}
        session.reply(request, {"generation": 1, **answer})

    # The link.

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        gateway: Any = self
        session = Session(gateway, "client", 0, False, False, 4)
        self._open[session] = (writer, self._chance.randrange(150, 6000))
        while data := await reader.read(65536):
            session.feed(data, 0)
            self._pump(session)
        self._open.pop(session, None)

    def _pump(self, session: Session) -> None:
        while session in self._open and (packet := session.next_packet()) is not None:
            writer, left = self._open[session]
            writer.write(packet[:left])
            self._open[session] = (writer, left - len(packet))
            if left <= len(packet):
                self._cut(session)

    def _cut(self, session: Session) -> None:
        writer, _ = self._open.pop(session)
        self.cuts += 1
        writer.close()


class Reader:
    """What a program remembers of a board's events, over all its lives."""

    def __init__(self) -> None:
        self.position: tuple[int, int] | None = None
        self.seen: list[Event] = []

    async def live(self, url: str, count: int) -> None:
        async with Board.connect(url, key=False, wait=LONG_S) as board:
            stream = board.events(after=self.position)
            for _ in range(count):
                self.seen.append(await asyncio.wait_for(anext(stream), LONG_S))
                self.position = stream.position

    def check(self, board: BoardOfEvents) -> int:
        """Assert that each event came once, in order, and that nothing but restarts took any; return how many."""
        boot_id, number, count = FIRST_START, 0, 0
        for event in self.seen:
            assert event.boot_id is not None
            if event.kind == "lost":
                assert event.details == {"reason": "restart", "count": None}
                assert event.boot_id > boot_id
                boot_id, number = event.boot_id, 0
                continue
            assert (event.boot_id, event.number) == (boot_id, number + 1)
            number += 1
            count += 1
            assert event.details["track"] == number <= board.told[boot_id]
        return count


@pytest.mark.parametrize("seed", SEEDS)
async def test_each_event_comes_once(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_delay", lambda attempt: 0.002)
    chance = random.Random(1000 + seed)
    async with BoardOfEvents(seed) as board:
        reader = Reader()
        reader.position = (FIRST_START, 0)

        async def go_on() -> None:
            while True:
                await asyncio.sleep(0)
                assert reader.position is not None
                boot_id, number = reader.position
                behind = board.told.get(board.boot_id, 0) - (
                    number if boot_id == board.boot_id else 0
                )
                if behind < WAITING:
                    board.happen()
                if chance.random() < 0.003:
                    board.restart()

        making = asyncio.create_task(go_on())
        for _ in range(LIVES):
            await reader.live(board.url, chance.randrange(1, 120))
        making.cancel()
        assert reader.check(board) > 200
        assert board.cuts > 10
        assert [event for event in reader.seen if event.kind == "lost"]


async def test_what_fell_out_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_delay", lambda attempt: 0.002)
    async with BoardOfEvents(5) as board:
        reader = Reader()
        reader.position = (FIRST_START, 0)
        for _ in range(10):
            board.happen()
        await reader.live(board.url, 4)
        for _ in range(400):
            board.happen()
        await reader.live(board.url, 1 + 256)
        lost, *rest = reader.seen[4:]
        assert (lost.kind, lost.details) == ("lost", {"reason": "overflow", "count": 150})
        assert [event.number for event in rest] == list(range(155, 411))
