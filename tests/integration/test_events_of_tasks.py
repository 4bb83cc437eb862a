"""Each task with `events:` on, on a running board: its event comes, and its results go on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from host_client import Board, Event, OcrResult, Text
from tests.integration.boards import PACKAGES, card, running

ON = {"enabled": True}
TRACKS = {"confirm_frames": 1}
STEADY = {"steady_frames": 1, "steady_of": 1}
AREAS = {"areas": [{"name": "some", "label": "圆形", "above": 0.0, "for_ms": 0}]}
TRACK, STATE = "track.new", "state.change"
CASES: tuple[tuple[Sequence[str], str, dict[str, Any], str], ...] = (
    (["shapes_cls"], STATE, STEADY, "label"),
    (["shapes_multl"], STATE, STEADY, "圆形"),
    (["shapes_seg"], STATE, AREAS, "some"),
    (["glyphs_ml"], STATE, STEADY, "identity"),
    (["text_rec"], STATE, STEADY, "text"),
    (["shapes_det"], TRACK, TRACKS, ""),
    (["text_det"], TRACK, TRACKS, ""),
    (["text_det", "text_rec"], TRACK, TRACKS | STEADY, "text"),
    (["shapes_det", "glyphs_ml"], TRACK, TRACKS | STEADY, ""),
    (["shapes_pose"], TRACK, TRACKS, ""),
    (["shapes_obb"], TRACK, TRACKS, ""),
)


def told(event: Event, kind: str, about: str) -> bool:
    """Return whether this is the event that a case waits for."""
    if about != "text":
        return event.kind == kind and event.details.get("name", "") == about
    if kind == STATE:
        return event.kind == kind and isinstance(event.details["value"], str)
    return isinstance(event.details.get("text"), str)


async def first(board: Board, kind: str, about: str) -> Event:
    """Return the first such event since the board's start."""
    async for event in board.events(after=(0, 0)):
        if told(event, kind, about):
            return event
    raise AssertionError("the events ended")


@pytest.mark.slow
@pytest.mark.parametrize(("names", "kind", "rules", "about"), CASES, ids=str)
async def test_results_and_events_come(
    tmp_path: Path, names: Sequence[str], kind: str, rules: dict[str, Any], about: str
) -> None:
    packages = [PACKAGES / name for name in names]
    sdcard = card(
        tmp_path / "card",
        packages if len(packages) > 1 else packages[0],
        task_settings={f"events.{name}": value for name, value in {**ON, **rules}.items()},
    )
    async with (
        running(sdcard, camera=str(packages[0] / "pictures")) as vb,
        Board.connect(str(vb.url), key=vb.key) as board,
    ):
        if about == "identity":
            picture = next((packages[0] / "pictures").iterdir())
            await board.gallery.enroll("somebody", picture)
        event = await asyncio.wait_for(first(board, kind, about), 120)
        results = board.results()
        for _ in range(5):
            await asyncio.wait_for(anext(results), 60)
        assert (await board.status())["problems"] == []
        if about == "text":
            text = event.details["value"] if kind == STATE else event.details["text"]
            assert text in {each.text async for each in _texts(board)}


async def _texts(board: Board) -> AsyncIterator[Text]:
    """Yield the texts of the next frames: those of all pictures."""
    results = board.results()
    for _ in range(24):
        result = await asyncio.wait_for(anext(results), 60)
        assert isinstance(result, OcrResult)
        for text in result.texts:
            yield text
