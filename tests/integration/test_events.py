"""Events of a running board: track ids in results, numbered events, counters over a restart."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from host_client import Board, CommandFailed, DetectionResult
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


@pytest.mark.slow
async def test_a_board_tells_what_happens(tmp_path: Path) -> None:
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
        with pytest.raises(CommandFailed, match="there is none with the name window"):
            await board.reset_counters("window")
        # Settings change while it runs: all tracks end, and nothing is followed any more.
        place = events.position
        await board.set({"events.enabled": False})
        ended = await take(board.events(after=place), "track.end")
        assert ended["track.end"].details["reason"] in ("switched", "gone")
        while (await asyncio.wait_for(anext(results), 60)).generation == result.generation:
            pass
        result = await asyncio.wait_for(anext(results), 60)
        assert isinstance(result, DetectionResult)
        assert {box.track for box in result.boxes} <= {None}
        assert (await board.status())["problems"] == []
