"""Events of a running board: track ids in results, numbered events, counters over a restart."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from host_client import Board, CommandFailed, DetectionResult, TrackEvent, typed_event
from host_client.cli.app import run as k230
from tests.integration.boards import PACKAGES, card, running

SHAPES = PACKAGES / "shapes_det"
EVENTS = """
events:
  enabled: true
  confirm_frames: 2
  count_ms: 0
  lines: [{name: door, from: [0.5, 0.0], to: [0.5, 1.0], frames: 1}]
  zones: [{name: all, points: [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]], frames: 1}]
"""


async def take(stream: Any, *kinds: str) -> dict[str, Any]:
    """Return the first event of each kind."""
    found: dict[str, Any] = {}
    while set(kinds) - set(found):
        event = await asyncio.wait_for(anext(stream), 120)
        found.setdefault(event.kind, event)
    return found


async def _commands(url: str, key: str | None, number: int, folder: Path, capsys: Any) -> None:
    """`k230 pull URL events/NUMBER.jpg` and `k230 events URL --snapshots FOLDER` save pictures."""

    async def ask(*words: str) -> int:
        return await asyncio.to_thread(k230, [*words, "--key", str(key)])

    capsys.readouterr()
    target = folder / "one.jpg"
    assert await ask("pull", url, f"events/{number}.jpg", str(target)) == 0
    assert "bytes" in capsys.readouterr().out
    with Image.open(target) as image:
        assert image.format == "JPEG" and image.size == (320, 240)
    assert await ask("pull", url, "events/999999.jpg", str(folder / "none.jpg")) == 7
    assert "999999" in capsys.readouterr().err and not (folder / "none.jpg").exists()
    pictures = folder / "pictures"
    while not list(pictures.glob("*.jpg")):  # each run until some object with a picture has gone
        assert (
            await ask("events", url, "--json", "--snapshots", str(pictures), "--count", "40") == 0
        )
        rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        gone = [row["number"] for row in rows if row["details"].get("snapshot") is True]
    saved = {int(path.stem.rsplit("-", 1)[-1]): path for path in pictures.glob("*.jpg")}
    assert set(saved) <= set(gone)
    for path in saved.values():
        with Image.open(path) as image:
            assert image.format == "JPEG"


async def _pictures(board: Board, number: int, and_then: Any) -> None:
    """Nothing is taken without the preview; with it each object has a picture, until that is switched off."""
    with pytest.raises(CommandFailed) as caught:
        await board.event_snapshot(number)
    assert caught.value.code == "not_found"
    events = board.events()
    await board.set(
        {
            "preview.enabled": True,
            "preview.width": 320,
            "preview.height": 240,
            "events.snapshot_ms": 100,
            "events.update_ms": 100,
            "events.lost_ms": 0,
        }
    )
    while True:
        event = await asyncio.wait_for(anext(events), 120)
        if event.kind == "track.end" and event.details.get("snapshot"):
            break
    typed = typed_event(event)
    assert isinstance(typed, TrackEvent) and typed.snapshot
    picture = await board.event_snapshot(event.number)
    with Image.open(io.BytesIO(picture)) as image:
        assert image.format == "JPEG" and image.size == (320, 240)
    await and_then(event.number)
    assert (await board.status())["problems"] == []
    await board.set({"preview.enabled": False, "events.lost_ms": 1000})
    results = board.results()
    for _ in range(3):
        await asyncio.wait_for(anext(results), 60)
    with pytest.raises(CommandFailed) as caught:
        await board.event_snapshot(event.number)
    assert caught.value.code == "not_found"


SQUARE = [[0.0, 0.0], [0.5, 0.0], [0.5, 0.5]]
REFUSED = (
    ("zones", [{"name": "wide", "points": [[0, 0], [4000, 0], [9, 9]]}], "zone wide: expected poi"),
    ("lines", [{"name": "far", "from": [0, 0], "to": [0, 4000]}], "line far: expected points in t"),
    ("labels", ["sqare"], "the model has no label sqare; did you mean square"),
    ("zones", [{"name": "a", "points": SQUARE, "labels": ["cat"]}], "no label cat; its labels: "),
    ("areas", [{"name": "a", "label": "cat", "above": 0.5}], "areas"),
    ("zones", [{"name": "a", "points": [[0, 0]]}], "points"),
    ("lost_ms", -1, "lost_ms"),
)


async def _refused(board: Board) -> None:
    """What does not fit labels, frame or form is refused with a reason, and nothing changes."""
    before = (await board.status())["task"]
    for name, value, said in REFUSED:
        with pytest.raises(CommandFailed, match=said) as caught:
            await board.set({f"events.{name}": value})
        assert caught.value.code == "bad_argument", (name, value)
    assert (await board.status())["task"] == before
    assert (await board.status())["problems"] == []
    await asyncio.wait_for(anext(board.results()), 60)


@pytest.mark.slow
async def test_a_board_tells_what_happens(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sdcard = card(tmp_path / "card", SHAPES)
    (path,) = (sdcard / "configs" / "tasks").glob("*.yaml")
    path.write_text(path.read_text().partition("\nevents:")[0] + EVENTS)
    async with (
        running(sdcard, camera=str(SHAPES / "pictures")) as vb,
        Board.connect(str(vb.url), key=vb.key) as board,
    ):
        events = board.events(after=(0, 0))
        assert (await asyncio.wait_for(anext(events), 60)).kind == "lost"  # another start's
        found = await take(events, "track.new", "zone.enter")
        assert found["track.new"].number == 1
        assert found["zone.enter"].details["zone"] == "all"
        results = board.results()
        tracks: set[int | None] = set()
        for _ in range(40):
            result = await asyncio.wait_for(anext(results), 60)
            assert isinstance(result, DetectionResult)
            tracks |= {box.track for box in result.boxes}
        assert tracks - {None}
        counters = await board.counters()
        assert counters.since_start == (await board.status())["starts"]
        reset = await board.reset_counters()
        assert reset.since_time_ms is not None
        assert reset.kept
        with pytest.raises(CommandFailed, match="no line has the name window"):
            await board.reset_counters("window")
        number = found["track.new"].number
        await _pictures(
            board, number, lambda last: _commands(str(vb.url), vb.key, last, tmp_path, capsys)
        )
        await _refused(board)
        # Settings change while it runs: all tracks end, and nothing is followed any more.
        place = events.position
        await board.set({"events.enabled": False})
        ended = await take(board.events(after=place), "track.end")
        assert ended["track.end"].details["reason"] in ("switched", "gone")
        now = (await board.describe()).generation
        while result.generation != now:
            result = await asyncio.wait_for(anext(results), 60)
        assert isinstance(result, DetectionResult)
        assert {box.track for box in result.boxes} <= {None}
        assert (await board.status())["problems"] == []
