"""Power cuts between counts, and clients that are started again: what is lost is said, the rest comes once."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from host_client import Board, Event
from host_client.cli.app import run as k230
from models import draw_shapes
from tests.integration.boards import PACKAGES, card, running

SHAPES = PACKAGES / "shapes_det"
SIZE = (320, 240)
STEPS = 8  # from one side to the other: a crossing in so many frames
KEEP_MS = 10_000  # the board writes its counters so often at least
EVENTS = """
events:
  enabled: true
  confirm_frames: 2
  count_ms: 0
  update_ms: 0
  lines: [{name: door, from: [0.5, 0.0], to: [0.5, 1.0], frames: 1, anchor: center}]
"""


def pictures(folder: Path) -> Path:
    """Draw a square that goes from side to side: the camera shows these over and over."""
    folder.mkdir()
    way = [*range(STEPS), *range(STEPS, 0, -1)]
    for number, step in enumerate(way):
        image = Image.new("RGB", SIZE, (70, 80, 70))
        x = 60 + 200 * step / STEPS
        points = draw_shapes.corners(np.random.default_rng(3), "square", (x, 120.0), 45.0)
        draw_shapes.draw(np.random.default_rng(5), image, "square", points)
        image.save(folder / f"{number:02}.png")
    return folder


class Crossings:
    """Reads a board's events for ever; knows how often the line was crossed, by the board's time."""

    def __init__(self, board: Board) -> None:
        self._stream = board.events(after=(0, 0))
        self.told: list[
            tuple[int, int]
        ] = []  # milliseconds of the board, total since the last loss
        self.losses: list[dict[str, Any]] = []
        self.numbers: list[int] = []
        self.before_loss = 0

    async def next(self) -> Event:
        event = await asyncio.wait_for(anext(self._stream), 120)
        if event.kind == "lost":
            self.losses.append(event.details)
            self.before_loss = self.told[-1][1] if self.told else 0
            self.told.clear()
            self.numbers.clear()
        elif event.number:
            self.numbers.append(event.number)
        if event.kind == "line.cross":
            self.told.append((event.time_ms, event.details["in"] + event.details["out"]))
        return event

    async def until(self, count: int, ms: int = 0) -> None:
        """Read on until so many crossings were told, over so much of the board's time."""
        while len(self.told) < count or self.told[-1][0] - self.told[0][0] < ms:
            await self.next()

    async def first_after_loss(self) -> int:
        """Return what the line had counted before the first crossing behind the next loss."""
        losses = len(self.losses)
        while len(self.losses) == losses or not self.told:
            await self.next()
        return self.told[0][1] - 1


def rows(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.slow
async def test_power_cuts_between_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sdcard = card(tmp_path / "card", SHAPES, settings={"camera.fps": 10})
    (path,) = (sdcard / "configs" / "tasks").glob("*.yaml")
    path.write_text(path.read_text().partition("\nevents:")[0] + EVENTS)
    place = tmp_path / "place.json"
    async with running(sdcard, camera=str(pictures(tmp_path / "pictures"))) as vb:
        url, key = str(vb.url), vb.key

        async def shown(count: int) -> list[dict[str, Any]]:
            """Return the next events that a new run of the command shows."""
            words = ["events", url, "--key", key, "--json", "--resume", str(place)]
            assert await asyncio.to_thread(k230, [*words, "--count", str(count)]) == 0
            return rows(capsys.readouterr().out)

        async with Board.connect(url, key=key) as board:
            seen = Crossings(board)
            await seen.until(2)
            counted = await board.counters()
            assert counted.since_start == 1 and counted.since_time_ms is None

            # A client that ends and starts again goes on where it was.
            numbers = [row["number"] for _ in range(3) for row in await shown(4)]
            assert numbers == list(range(numbers[0], numbers[0] + 12))

            # Power goes between two writes of the counters: at most ten seconds of counting with it.
            await seen.until(3, KEEP_MS + 2000)
            (first_ms, _), (last_ms, last) = seen.told[0], seen.told[-1]
            old = max(first_ms, last_ms - KEEP_MS)
            sure = max(total for ms, total in seen.told if ms <= old)
            assert 0 < sure < last
            assert seen.numbers == list(range(seen.numbers[0], seen.numbers[0] + len(seen.numbers)))
            await vb.cut_power()
            kept = await seen.first_after_loss()
            # What was counted after the last event that arrived may have been kept as well.
            assert sure <= kept <= seen.before_loss + 3
            assert seen.losses[-1] == {"reason": "restart", "count": None}
            assert seen.numbers[0] == 1  # and nothing of the new start is missing
            counted = await board.counters()
            assert counted.since_start == 1
            assert (await board.status())["starts"] == 2

            # The command that kept its place before says the same, once.
            again = await shown(5)
            assert again[0]["kind"] == "lost" and again[0]["details"]["reason"] == "restart"
            assert [row["number"] for row in again[1:]] == [1, 2, 3, 4]
            assert [row["number"] for row in await shown(3)] == [5, 6, 7]

            # A restart that was asked for loses no count.
            await board.restart()
            kept = await seen.first_after_loss()
            assert seen.before_loss <= kept <= seen.before_loss + 3
            assert (await board.counters()).since_start == 1
            assert (await board.reset_counters()).since_start == 3
