"""Results while large data flows from the board, beside the same board left alone.

The board runs the table's detector with 5 boxes under the likely timing profile, at the sensor's
usual rate and at its full one, where the board has no time left. One client counts results; in
every second window it also gets a picture of 100 kB each second, over the same encrypted session.
Windows alternate; one in which this computer could not keep the board's pace is taken again
(pipeline_board.py), and how late the worst one was is told.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import pipeline_board, pipeline_card
from benchmarks.pipeline_rows import LIKELY
from host_client import Board
from virtual_board.board import VirtualBoard

CASE = "detection 320"
USUAL_FPS = 30  # what service.yaml asks for by itself
FULL_FPS = 60
PICTURE = bytes(range(250)) * 400  # 100 kB; it goes through like any other bytes
NAME = "dictionaries/picture.txt"
TARGET = 0.95  # at the usual rate


class _Getting:
    """One picture a second; a late one is followed at once by the next."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self.seconds = 0.0
        self.bytes = 0

    async def run(self) -> None:
        begun = due = time.monotonic()
        while True:
            if await self._board.card.pull(NAME) != PICTURE:
                raise RuntimeError("the picture came damaged")
            self.bytes += len(PICTURE)
            due += 1
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            self.seconds = time.monotonic() - begun


async def _run(seconds: float, rounds: int, fps: int) -> dict[str, Any]:
    case = pipeline_card.case_of(CASE)
    alone: list[pipeline_board.Measured] = []
    meanwhile: list[pipeline_board.Measured] = []
    rates: list[float] = []
    with tempfile.TemporaryDirectory(prefix="k230-") as name:
        card, pictures, replay = pipeline_card.make(Path(name), [case], fps, {})
        (card / NAME).parent.mkdir()
        (card / NAME).write_bytes(PICTURE)
        async with VirtualBoard(
            sdcard=card, camera=str(pictures), timing=f"k230?level={LIKELY}", replay=replay
        ) as board:
            await board.ready(pipeline_board.READY_S)
            assert board.url is not None
            async with Board.connect(board.url, key=board.key, wait=10) as client:
                pipeline_board.encrypted(client)
                session = pipeline_board.Session(board, client)
                await asyncio.sleep(pipeline_board.CLOCKS_S)
                for _ in range(rounds):
                    alone.append(await session.measure(case, [client], seconds))
                    getting = _Getting(client)
                    task = asyncio.create_task(getting.run())
                    try:
                        meanwhile.append(await session.measure(case, [client], seconds))
                        if task.done():
                            task.result()
                    finally:
                        task.cancel()
                        await asyncio.gather(task, return_exceptions=True)
                    rates.append(getting.bytes / 1000 / max(getting.seconds, 1.0))
                await session.close()
                if session.faults:
                    raise RuntimeError(session.faults[0])
    shares = [after.fps / before.fps for after, before in zip(meanwhile, alone, strict=True)]
    return {
        "results_per_second_alone": round(statistics.median(row.fps for row in alone), 2),
        "results_per_second_meanwhile": round(statistics.median(row.fps for row in meanwhile), 2),
        "share": round(statistics.median(shares), 4),
        "sensor_fps": fps,
        "kb_per_second": round(statistics.median(rates), 1),
        "late": round(max(row.late for row in (*alone, *meanwhile)), 3),
    }


def measure(seconds: float, rounds: int) -> dict[str, Any]:
    """Return results a second of both sides, their share, and what flowed."""
    usual = asyncio.run(_run(seconds, rounds, USUAL_FPS))
    full = asyncio.run(_run(seconds, rounds, FULL_FPS))
    return {**usual, "target": TARGET, "at_full_rate": full}
