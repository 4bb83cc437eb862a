"""More than the hub can do: it goes on with all boards, loses what is counted, and ends when told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from board_hub.configuration.reader import BoardEntry, Configuration
from board_hub.mqtt.outbox import Outbox
from board_hub.mqtt.publisher import Publisher
from board_hub.sessions import Sessions
from firmware_app.wire import messages
from host_client.base.waiting import happened, within
from host_client.link.address import TcpAddress
from host_client.link.tcp import open_tcp
from tests.board_hub.test_sessions import LIMIT, boards, hub_of, until

_PIECE = 2048


async def test_boards_that_say_much_take_turns() -> None:
    """What one connection brings in a turn of the loop is bounded: everything else has its turn, too."""
    much = bytes(1_000_000)

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(much)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(flood, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    turn = 0
    heard: dict[int, list[tuple[int, int]]] = {0: [], 1: []}

    def hear(number: int) -> Callable[[bytes], None]:
        return lambda data: heard[number].append((turn, len(data)))

    links = [
        await open_tcp(TcpAddress("127.0.0.1", port), hear(number), lambda reason: None)
        for number in heard
    ]
    while min(sum(size for _, size in rows) for rows in heard.values()) < len(much):
        await asyncio.sleep(0)
        turn += 1
        assert turn < 10_000_000
    for link in links:
        link.close()
    server.close()
    for rows in heard.values():
        sizes: dict[int, int] = {}
        for number, size in rows:
            if number:  # nobody counted the turns in which the connections were made
                sizes[number] = sizes.get(number, 0) + size
        assert max(sizes.values()) <= _PIECE


async def test_what_came_in_a_turn_is_published_in_it() -> None:
    """Else a hub whose turns are long publishes less than comes, whatever it could do."""
    count = 6000
    configuration = Configuration()
    configuration.values |= {"mqtt.results": True, "mqtt.counts": False, "mqtt.queue": 1000}
    async with boards(1) as (board,), hub_of(board, **configuration.values) as sessions:
        outbox = Outbox(configuration["mqtt.queue"])
        publisher = Publisher(sessions, outbox, configuration)
        sent: list[bytes] = []

        def flush() -> None:
            while data := outbox.take(65536):
                sent.append(data)

        publisher.flush = flush
        publishing = asyncio.create_task(publisher.run())
        (session,) = sessions
        await until(lambda: session.connected and session.latest.get("result") is None)
        await until(lambda: any(s.wants.get("results") for s in board.sessions))
        board.publish_label(1)
        await until(lambda: session.latest.get("result") is not None)
        result = session.latest["result"]
        flush()
        sent.clear()
        before = outbox.sent
        for _ in range(count):
            sessions.hand_out("result", session, result)
        turns = 0
        while outbox.sent - before < count and turns < 8:
            await asyncio.sleep(0)
            turns += 1
        publishing.cancel()
        await asyncio.gather(publishing, return_exceptions=True)
        assert outbox.sent - before >= count
        assert outbox.dropped_news == publisher.dropped == 0


async def test_a_stop_beside_an_event_is_a_stop() -> None:
    """An event that makes the hub ask for the status comes in the very turn in which it is told to end."""
    async with boards(1) as (board,):
        sessions = Sessions(Configuration([BoardEntry(board.url)]))
        await sessions.start()
        (session,) = sessions
        await until(lambda: session.connected and any(s.wants for s in board.sessions))
        await asyncio.sleep(1.0)  # it has asked, and waits for the next time
        row: list[Any] = [messages.EVENT, 5, "switched", {"task": "a"}, 0]
        board.broadcast(row, "events")
        session.refresh()
        await asyncio.wait_for(sessions.stop(), LIMIT)
        assert session.state == "closed"


@pytest.mark.parametrize("wait", ["happened", "within"])
@pytest.mark.parametrize("order", ["told first", "told last"])
async def test_a_cancellation_is_never_forgotten(wait: str, order: str) -> None:
    event = asyncio.Event()
    waits: dict[str, Callable[[], Awaitable[Any]]] = {
        "happened": lambda: happened(event, LIMIT),
        "within": lambda: within(event.wait(), LIMIT),
    }
    went_on = False

    async def work() -> None:
        nonlocal went_on
        await waits[wait]()
        went_on = True

    task = asyncio.create_task(work())
    for _ in range(5):
        await asyncio.sleep(0)
    if order == "told first":
        event.set()
        task.cancel()
    else:
        task.cancel()
        event.set()
    await asyncio.wait([task], timeout=LIMIT)
    assert task.cancelled()
    assert not went_on


async def test_waiting_has_an_end() -> None:
    event = asyncio.Event()
    assert not await happened(event, 0.01)
    with pytest.raises(asyncio.TimeoutError):
        await within(event.wait(), 0.01)
    event.set()
    assert await happened(event, 0.0)
    assert await within(event.wait(), LIMIT)
