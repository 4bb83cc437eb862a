"""What is kept of a board and what waits for a browser: bounded, the newest wins."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any

from board_hub.dashboard import history, outbox
from board_hub.dashboard.history import Events, Figures
from board_hub.dashboard.outbox import Outbox
from board_hub.dashboard.view import View
from host_client.results.messages import Event


def test_events_page_by_page() -> None:
    """A day's worth is read in pages, newest first, each event once."""
    events = Events()
    for number in range(25_000):
        kind = ("zone.enter", "line.cross", "problem")[number % 3]
        events.add({"kind": kind, "details": {"label": f"<b>{number}"}, "t": float(number)})
    assert len(events) == history.EVENTS
    seen: list[int] = []
    before = None
    while True:
        rows, before = events.page(before, 500, frozenset(), "")
        seen += [row["n"] for row in rows]
        if before is None:
            break
    assert seen == list(range(25_000, 5_000, -1))
    rows, _ = events.page(None, 10, frozenset({"problem"}), "")
    assert {row["kind"] for row in rows} == {"problem"}
    rows, more = events.page(None, 10, frozenset(), "24999")
    assert [row["n"] for row in rows] == [25_000]
    assert more is None
    assert events.kinds == ["line.cross", "problem", "zone.enter"]


def test_pictures_of_events_are_bounded() -> None:
    """In number and in bytes."""
    events = Events()
    for number in range(300):
        events.add({"kind": "track.end", "details": {}, "t": 0.0})
        events.attach(number + 1, bytes(200_000))
    kept = [number for number in range(1, 301) if events.picture(number) is not None]
    assert kept[-1] == 300
    assert len(kept) * 200_000 <= history.PICTURE_BYTES
    events.attach(300, b"x")
    assert events.picture(300) == b"x"


def test_figures_of_a_day() -> None:
    """Minutes are means; a value that is missing does not count."""
    figures = Figures()
    for second in range(0, 86_400 * 2, 10):
        figures.add({"t": float(second), "fps": 30.0 if second % 20 else 10.0, "latency_ms": None})
    day = figures.rows(whole_day=True)
    assert len(day) <= history.COARSE + 1
    assert abs(day[5]["fps"] - 20.0) < 1
    assert day[5]["latency_ms"] is None
    assert len(figures.rows(whole_day=False)) == history.FINE


async def test_a_slow_browser_gets_the_newest() -> None:
    """Nothing grows; states replace each other, pictures wait until those before are painted."""
    box = Outbox()
    for number in range(1000):
        box.state("board a", {"n": number})
        box.result("a", {"seq": number})
        box.line({"n": number})
        box.picture("a", str(number).encode())
    found = await box.take()
    texts = [json.loads(item) for item in found if isinstance(item, str)]
    assert texts[0] == {"n": 999}
    assert [row["seq"] for row in texts[1]["rows"]] == list(range(1000 - outbox.RESULTS, 1000))
    assert len(texts[2]["rows"]) == outbox.LINES
    assert found[-1] == b"999"
    assert box.dropped == (1000 - outbox.RESULTS) + (1000 - outbox.LINES) + 999
    box.picture("a", b"1")
    assert await box.take() == [b"1"]
    box.picture("a", b"2")
    waiting = asyncio.ensure_future(box.take())
    await asyncio.sleep(0)
    box.picture("a", b"3")
    await asyncio.sleep(0.01)
    assert not waiting.done()  # two are on their way: more would only fill buffers
    box.painted("a")
    assert await waiting == [b"3"]
    box.forget("a")
    box.picture("a", b"4")
    assert await box.take() == [b"4"]


def test_updates_of_tracks_push_nothing_out() -> None:
    """A track tells of itself every second; what happened before stays in the timeline all the same."""
    session: Any = SimpleNamespace(id="board")
    view = View(session, set())
    view._happened(Event(1, "line.cross", {"line": "exit", "label": "box"}, 1.79e9))
    for number in range(history.EVENTS):
        view._happened(Event(number, "track.update", {"track": 4, "label": "box"}, 1.79e9))
    view._happened(Event(2, "track.end", {"track": 4, "label": "box"}, 1.79e9))
    rows, _ = view.events.page(None, 10, frozenset(), "")
    assert [row["kind"] for row in rows] == ["track.end", "line.cross"]
