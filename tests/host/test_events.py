"""Events of a board: once each and in order, across lost links and restarts; what is missing is said."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

import host_client
from firmware_app.wire import messages, packets
from host_client import Board, Event, Model, decode_result, sync, typed_event
from host_client.cli.places import Places
from host_client.cli.terminal import FileError
from tests.host.board_thread import BoardThread
from tests.host.scripted_board import ScriptedBoard

OBJECT = {"track": 3, "label": "cat", "class_id": 0, "score": 912, "box": [1, 2, 30, 40]}


class EventBoard:
    """A scripted board that keeps its numbered events, as the real one does."""

    def __init__(self, scripted: ScriptedBoard, kept: int = 256) -> None:
        self.scripted = scripted
        self.kept = kept
        self.sent: list[list[Any]] = []
        self.newest = 0
        scripted.answers["subscribe"] = self._subscribe

    def restart(self) -> None:
        self.sent.clear()
        self.newest = 0

    def happen(self, count: int = 1) -> None:
        for _ in range(count):
            self.newest += 1
            message = [messages.EVENT, 5, "track.new", dict(OBJECT), self.newest]
            self.sent = [*self.sent, message][-self.kept :]
            self.scripted.broadcast(message, "events")

    def _subscribe(self, arguments: dict[str, Any]) -> dict[str, Any]:
        session = self.scripted.sessions[-1]
        session.wants = arguments
        after = arguments.get("after")
        if after is not None and arguments["events"]:
            number = after[1] if after[0] == self.scripted.boot_id else 0
            kept = [message for message in self.sent if message[4] > number]
            # The answer goes first, as on the board.
            for message in kept:
                asyncio.get_running_loop().call_soon(session.send, message)
        return {"generation": 1, "newest": self.newest, "oldest": self.newest + 1 - len(self.sent)}


@pytest.fixture
async def scripted() -> AsyncIterator[ScriptedBoard]:
    board = ScriptedBoard()
    await board.listen()
    yield board
    await board.stop()


async def take(stream: Any, count: int) -> list[Any]:
    """Return the numbers of the next events, of `lost` its details."""
    seen: list[Any] = []
    while len(seen) < count:
        event = await asyncio.wait_for(anext(stream), 20)
        seen.append(event.number or (event.details["reason"], event.details["count"]))
    return seen


async def known(stream: Any) -> None:
    for _ in range(400):
        if stream.position is not None:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the stream never knew its place")


async def test_a_lost_link_loses_no_event(scripted: ScriptedBoard) -> None:
    events = EventBoard(scripted)
    events.happen(7)
    async with Board.connect(scripted.url, key=False) as board:
        stream = board.events()
        await known(stream)
        assert stream.position == (1, 7)
        events.happen(2)
        assert await take(stream, 2) == [8, 9]
        await scripted.stop()
        events.happen(3)
        await scripted.listen()
        assert await take(stream, 3) == [10, 11, 12]
        events.happen()
        assert await take(stream, 1) == [13]
        assert stream.position == (1, 13)


def losing(numbers: list[int]) -> Callable[[bytes], bool]:
    """Return what loses these events on the way to the client, each as often as it stands there."""

    def lose(frame: bytes) -> bool:
        for message in packets.Decoder().feed(frame):
            if message[0] == messages.EVENT and message[4] in numbers:
                numbers.remove(message[4])
                return True
        return False

    return lose


async def test_what_a_wire_loses_is_requested_again(scripted: ScriptedBoard) -> None:
    events = EventBoard(scripted)
    async with Board.connect(scripted.url, key=False) as board:
        first, second = board.events(), board.events()
        await known(first)
        events.happen()
        assert await take(first, 1) == [1]
        scripted.lose = losing([2, 5, 6, 6, 9])
        events.happen(9)
        assert await take(first, 9) == list(range(2, 11))
        assert await take(second, 10) == list(range(1, 11))


async def test_what_a_wire_always_loses_is_said(scripted: ScriptedBoard) -> None:
    events = EventBoard(scripted)
    async with Board.connect(scripted.url, key=False) as board:
        stream = board.events()
        await known(stream)
        scripted.lose = losing([3] * 1000)
        events.happen(5)
        assert await take(stream, 5) == [1, 2, ("overflow", 1), 4, 5]
        events.happen(2)
        assert await take(stream, 2) == [6, 7]


async def test_what_fell_out_meanwhile_is_not_requested_for_ever(scripted: ScriptedBoard) -> None:
    events = EventBoard(scripted, kept=3)
    async with Board.connect(scripted.url, key=False) as board:
        stream = board.events()
        await known(stream)
        scripted.lose = losing([2, 3, 4, 5, 6, 7, 8])
        events.happen(9)
        assert await take(stream, 5) == [1, ("overflow", 5), 7, 8, 9]


async def test_a_link_lost_before_the_first_event_loses_none_either(
    scripted: ScriptedBoard,
) -> None:
    events = EventBoard(scripted)
    events.happen(4)
    async with Board.connect(scripted.url, key=False) as board:
        stream = board.events()
        await known(stream)
        await scripted.stop()
        events.happen(2)
        await scripted.listen()
        assert await take(stream, 2) == [5, 6]


async def test_what_fell_out_is_said(scripted: ScriptedBoard) -> None:
    events = EventBoard(scripted, kept=5)
    async with Board.connect(scripted.url, key=False) as board:
        stream = board.events()
        await known(stream)
        events.happen()
        assert await take(stream, 1) == [1]
        await scripted.stop()
        events.happen(8)
        await scripted.listen()
        assert await take(stream, 6) == [("overflow", 3), 5, 6, 7, 8, 9]


async def test_a_restart_is_said_at_once_and_events_go_on(scripted: ScriptedBoard) -> None:
    events = EventBoard(scripted)
    async with Board.connect(scripted.url, key=False) as board:
        stream = board.events()
        await known(stream)
        events.happen(2)
        assert await take(stream, 2) == [1, 2]
        events.restart()
        await scripted.restart()
        assert await take(stream, 1) == [("restart", None)]
        assert stream.position == (2, 0)
        events.happen(2)
        assert await take(stream, 2) == [1, 2]


async def test_a_new_client_goes_on_where_the_old_one_was(scripted: ScriptedBoard) -> None:
    events = EventBoard(scripted, kept=4)
    events.happen(10)
    for after, expected in (
        ((1, 8), [9, 10]),
        ((1, 3), [("overflow", 3), 7, 8, 9, 10]),
        ((0, 9), [("restart", None), ("overflow", 6), 7, 8, 9, 10]),
    ):
        async with Board.connect(scripted.url, key=False) as board:
            stream = board.events(after=after)
            assert await take(stream, len(expected)) == expected


async def test_several_readers_get_each_event_once(scripted: ScriptedBoard) -> None:
    events = EventBoard(scripted)
    events.happen(5)
    async with Board.connect(scripted.url, key=False) as board:
        now = board.events()
        await known(now)
        events.happen(2)
        past = board.events(after=(1, 3))
        assert await take(past, 4) == [4, 5, 6, 7]
        assert await take(now, 2) == [6, 7]
        events.happen()
        assert await take(past, 1) == [8]
        assert await take(now, 1) == [8]


async def test_a_slow_reader_is_told_what_it_missed(scripted: ScriptedBoard) -> None:
    events = EventBoard(scripted)
    async with Board.connect(scripted.url, key=False) as board:
        slow = board.events(queue=2)
        fast = board.events()
        await known(slow)
        events.happen(5)
        assert await take(fast, 5) == [1, 2, 3, 4, 5]
        assert await take(slow, 3) == [("overflow", 3), 4, 5]
        assert slow.dropped == 3


def test_the_sync_stream_knows_its_place() -> None:
    with BoardThread() as thread, sync.Board.connect(thread.board.url, key=False) as board:
        stream = board.events(after=(77, 5))
        assert stream.next(20).kind == "lost"
        assert stream.position is not None
        assert stream.position[1] == 0


def event(kind: str, details: dict[str, Any]) -> Event:
    return Event(5, kind, details, None, 1)


def test_typed_events() -> None:
    track = typed_event(event("track.new", OBJECT | {"first_ms": 1, "last_ms": 5, "count": 2}))
    assert isinstance(track, host_client.TrackEvent)
    assert (track.score, track.box.h, track.first_box, track.objects) == (0.912, 40, None, 2)
    zone = OBJECT | {"zone": "yard", "enter_ms": 9, "inside": 0, "leave_ms": 12, "dwell_ms": 3}
    left = typed_event(event("zone.leave", zone | {"reason": "gone"}))
    assert isinstance(left, host_client.ZoneEvent)
    assert (left.zone, left.dwell_ms, left.reason) == ("yard", 3, "gone")
    crossing = OBJECT | {"line": "door", "direction": "in", "in": 4, "out": 2}
    crossed = typed_event(event("line.cross", crossing))
    assert isinstance(crossed, host_client.LineEvent)
    assert (crossed.counted_in, crossed.counted_out) == (4, 2)
    state = typed_event(event("state.change", {"name": "label", "value": "ok", "before": None}))
    assert state == host_client.StateEvent("state.change", "label", "ok", None)
    count = typed_event(event("count", {"place": "frame", "label": "cat", "count": 3}))
    assert isinstance(count, host_client.CountEvent)
    assert typed_event(event("switched", {"task": "x"})) is None


@pytest.mark.parametrize(
    ("kind", "details"),
    [
        ("track.new", {}),
        ("track.new", OBJECT | {"first_ms": "1", "last_ms": 5, "count": 2}),
        ("track.new", OBJECT | {"first_ms": 1, "last_ms": 5, "count": 2, "text": 5}),
        ("zone.enter", OBJECT | {"zone": 5, "enter_ms": 1, "inside": 1}),
        ("zone.enter", OBJECT | {"zone": "a", "enter_ms": 1, "inside": 1, "box": [1]}),
        ("line.cross", OBJECT | {"line": "a", "direction": "up", "in": 1, "out": 1}),
        ("state.change", {"name": "label", "value": 5, "before": None}),
        ("count", {"place": "moon"}),
    ],
)
def test_odd_details_are_no_typed_event(kind: str, details: dict[str, Any]) -> None:
    assert typed_event(event(kind, details)) is None


def test_places_are_kept_by_board(tmp_path: Path) -> None:
    path = tmp_path / "place.json"
    places = Places(str(path))
    assert places.find("a") is None
    places.keep("a", (5, 7))
    places.keep("b", (6, 1))
    places.keep("b", None)
    again = Places(str(path))
    assert (again.find("a"), again.find("b")) == ((5, 7), (6, 1))


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"form": 2, "boards": {}}', '{"form": 1, "boards": {"a": 5}}']
)
def test_a_file_that_holds_no_places_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "place.json"
    path.write_text(text)
    with pytest.raises(FileError, match="expected a file that"):
        Places(str(path))
    assert path.read_text() == text


def test_json_of_numbered_events() -> None:
    row = event("track.new", OBJECT | {"first_ms": 1, "last_ms": 5, "count": 2}).to_dict()
    assert row["details"]["score"] == 0.912
    assert row["details"]["box"] == {"x": 1, "y": 2, "w": 30, "h": 40}
    json.dumps(row)


def test_track_ids_travel_behind_what_they_belong_to() -> None:
    model = Model([5, "fruit", "net", b"\x11" * 32, ["apple"], 640, 480, "bowl"])
    head = [70000, 1 << 24, 5]
    row = [1, 2, 3, 4, 500, 0]
    for kind, fields, name in (
        (messages.DETECTION, [[row, row]], "boxes"),
        (messages.OCR, [[["text", 1, [1, 2, 3, 4, 5, 6, 7, 8]]] * 2], "texts"),
        (messages.IDENTITIES, [[[None, None, None, 1, 2, 3, 4, 0, 500]] * 2], "objects"),
        (messages.INSTANCE_SEGMENTATION, [[row, row], [None, None]], "objects"),
        (messages.POSE, [[row, row], [[], []]], "objects"),
        (messages.ORIENTED_DETECTION, [[[8, 8, 16, 16, 0, 500, 0]] * 2], "objects"),
    ):
        for ids, tracks in ((b"\x01\x02\x00\x00", [513, None]), (b"\x01", [None, None])):
            result = decode_result([kind, *head, *fields, ids], model)
            assert [item.track for item in getattr(result, name)] == tracks
            json_tracks = [item.get("track") for item in result.to_dict()[name]]
            assert json_tracks == tracks
        result = decode_result([kind, *head, *fields], model)
        assert [item.track for item in getattr(result, name)] == [None, None]
