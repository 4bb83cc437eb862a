"""Our service on the virtual board, measured as clients see it."""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import pipeline_card, pipeline_scenes
from benchmarks.interpreters import Interpreter
from benchmarks.pipeline_card import Case
from host_client import Board, Result
from virtual_board.board import VirtualBoard

WARM_S = 1.0  # after a switch, before measuring
CLOCKS_S = 1.5  # for a client's first four PINGs: until the clocks were compared
SETTLE_S = 0.1  # an answer of so many values costs the board some ms
READY_S = 60.0
CHECK_S = 20.0  # for the first result after a switch
MOST_LATE = 0.005
REPEATS = 2
_ENOUGH = 5  # results, for a rate between the first and the last


def encrypted(board: Board) -> None:
    """RuntimeError where the session is not encrypted: the figures are of the default."""
    if not board.info.encrypted:
        raise RuntimeError("the session is not encrypted: the board's interpreter has no AES")


@dataclass(frozen=True)
class Bench:
    """What all boards of a measurement share: the timing profile, and the interpreter that runs."""

    timing: str
    ran: Interpreter


@dataclass
class Measured:
    """What one row's window brought."""

    fps: float
    results_per_s: float
    p50_ms: float | None
    p99_ms: float | None
    python_us: float
    """Interpreter time a frame outside native calls, at this PC's speed."""
    late: float
    """The part of the time that the PC could not keep the board's pace."""
    boxes: int | None = None
    """Of the last result that a client got; None where results have none."""
    map: tuple[int, int] | None = None
    """Width and height of the class map, as a client got it."""
    stages: dict[str, float] = field(default_factory=dict)
    """Milliseconds a frame, of the last statistics message."""


class _Reader:
    """One subscriber and the ages of its results."""

    def __init__(self) -> None:
        self.ages: list[float] = []
        self.times_ms: list[int] = []  # of capture, on the board's clock
        self.measuring = False

    async def read(self, board: Board) -> None:
        async for result in board.results():
            if self.measuring and result.host_time is not None:
                self.ages.append(time.time() - result.host_time)
                self.times_ms.append(result.time_ms)

    def fps(self) -> float:
        """Return the frames a second between the first and the last result of the window."""
        return 1000 * (len(self.times_ms) - 1) / (self.times_ms[-1] - self.times_ms[0])


class Session:
    """A running board with clients on it."""

    def __init__(self, board: VirtualBoard, client: Board) -> None:
        self._board = board
        self.client = client
        self._numbers: list[tuple[int, ...]] = []
        self._watcher = asyncio.create_task(self._watch())
        self.faults: list[str] = []

    async def _watch(self) -> None:
        async for event in self._board.events():
            if event["event"] == "console" and event["detail"].startswith("clock "):
                self._numbers.append(tuple(json.loads(event["detail"][6:])))
            elif event["event"] in ("fault", "bug", "repl"):
                self.faults.append(event["detail"])

    async def close(self) -> None:
        """Stop watching."""
        self._watcher.cancel()
        await asyncio.gather(self._watcher, return_exceptions=True)

    async def switch(self, case: Case) -> None:
        """Let the board run this case."""
        await self.client.switch(pipeline_card.task_name(case))

    async def check(self, case: Case) -> Result:
        """Return a result of the case, held to what its scene shows.

        Raises:
            SceneError: the board publishes something else; nothing is to be measured.
        """
        try:
            result = await asyncio.wait_for(anext(self.client.results()), CHECK_S)
        except (asyncio.TimeoutError, StopAsyncIteration):
            raise pipeline_scenes.SceneError(f"{case.name}: no result came") from None
        pipeline_scenes.check(case, result)
        return result

    async def measure(self, case: Case, clients: Sequence[Board], seconds: float) -> Measured:
        """Return what a window of so many seconds brings, each client reading all results.

        A window in which the PC was late says nothing of the board: it is measured again, a few times.
        """
        shown = await self.check(case)
        best = await self._window(clients, seconds)
        for _ in range(REPEATS):
            if best.late <= MOST_LATE:
                break
            again = await self._window(clients, seconds)
            if again.late < best.late:
                best = again
        best.boxes = pipeline_scenes.boxes_of(shown)
        best.map = pipeline_scenes.map_of(shown)
        return best

    async def _window(self, clients: Sequence[Board], seconds: float) -> Measured:
        readers = [_Reader() for _ in clients]
        tasks = [
            asyncio.create_task(reader.read(client))
            for reader, client in zip(readers, clients, strict=True)
        ]
        try:
            await asyncio.sleep(WARM_S)
            before, numbers = await self.client.status(), self._numbers[-1]
            await asyncio.sleep(SETTLE_S)
            begun = time.monotonic()
            for reader in readers:
                reader.measuring = True
            await asyncio.sleep(seconds)
            for reader in readers:
                reader.measuring = False
            took = time.monotonic() - begun
            after, later = await self.client.status(), self._numbers[-1]
            between = time.monotonic() - begun
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        frames = after["processed"] - before["processed"]
        board_s = (after["uptime_ms"] - before["uptime_ms"]) / 1000
        ages = sorted(age for reader in readers for age in reader.ages)
        values = self.client.latest_statistics.values if self.client.latest_statistics else {}
        made = max(1, values.get("results", 0))
        # From result to result where there are some: a window begins and ends inside a frame.
        counted = bool(readers) and len(readers[-1].times_ms) >= _ENOUGH
        return Measured(
            fps=readers[-1].fps() if counted else frames / board_s,
            results_per_s=len(ages) / len(readers) / took if readers else 0.0,
            p50_ms=1000 * statistics.median(ages) if ages else None,
            p99_ms=1000 * ages[int(0.99 * (len(ages) - 1))] if ages else None,
            python_us=(later[0] - numbers[0]) / max(1, frames),
            late=(later[1] - numbers[1]) / 1e6 / between,
            stages={
                name[:-3]: values[name] / made / 1000
                for name in values
                if name.endswith("_us") and name != "period_us"
            },
        )


async def sweep(
    bench: Bench,
    chosen: Sequence[Case],
    sensor_fps: int,
    links: Mapping[str, Sequence[str]],
    seconds: float,
) -> dict[tuple[str, str], Measured]:
    """Return the figures of each (task name, link); links: which ones for which (none, tcp1, tcp8)."""
    found: dict[tuple[str, str], Measured] = {}
    with tempfile.TemporaryDirectory(prefix="k230-") as name:
        card, pictures, replay = pipeline_card.make(Path(name), chosen, sensor_fps, {})
        async with VirtualBoard(
            sdcard=card,
            camera=str(pictures),
            timing=bench.timing,
            replay=replay,
            micropython=bench.ran.path,
        ) as board:
            await board.ready(READY_S)
            assert board.url is not None
            async with Board.connect(board.url, key=board.key, wait=10) as control:
                encrypted(control)
                statistics_stream = control.statistics()
                session = Session(board, control)
                await asyncio.sleep(CLOCKS_S)
                for case in chosen:
                    if case is not chosen[0]:
                        await session.switch(case)
                    key = pipeline_card.task_name(case)
                    for link in links.get(key, ()):
                        clients = [
                            await Board.connect(board.url, key=board.key)
                            for _ in range({"none": 0, "tcp1": 0, "tcp8": 7}[link])
                        ]
                        readers = [*clients, control] if link != "none" else []
                        for client in clients:
                            encrypted(client)
                        if clients:
                            await asyncio.sleep(CLOCKS_S)
                        found[key, link] = await session.measure(case, readers, seconds)
                        for client in clients:
                            await client.close()
                await session.close()
                if session.faults:
                    raise RuntimeError(session.faults[0])
                del statistics_stream
    return found


async def over_uart(
    bench: Bench, case: Case, sensor_fps: int, baudrate: int, seconds: float
) -> Measured:
    """Return the figures of one case over the wire."""
    with tempfile.TemporaryDirectory(prefix="k230-") as name:
        settings = {
            "uart": {"enabled": True, "baudrate": baudrate, "publish": "on_request"},
            "network": {"enabled": False},
        }
        card, pictures, replay = pipeline_card.make(Path(name), [case], sensor_fps, settings)
        async with VirtualBoard(
            sdcard=card,
            camera=str(pictures),
            timing=bench.timing,
            replay=replay,
            micropython=bench.ran.path,
            tcp=None,
            uart=Path(name) / "uart",
        ) as board:
            await board.ready(READY_S)
            assert board.uart_url is not None
            async with Board.connect(board.uart_url, key=board.key, wait=10) as control:
                session = Session(board, control)
                await asyncio.sleep(CLOCKS_S)
                measured = await session.measure(case, [control], seconds)
                await session.close()
                if session.faults:
                    raise RuntimeError(session.faults[0])
                return measured


async def soak(
    bench: Bench, case: Case, sensor_fps: int, seconds: float, step: float
) -> list[dict[str, Any]]:
    """Return rate, latency and memory of each step of one long run with one client."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="k230-") as name:
        card, pictures, replay = pipeline_card.make(Path(name), [case], sensor_fps, {})
        async with VirtualBoard(
            sdcard=card,
            camera=str(pictures),
            timing=bench.timing,
            replay=replay,
            micropython=bench.ran.path,
        ) as board:
            await board.ready(READY_S)
            assert board.url is not None
            async with Board.connect(board.url, key=board.key, wait=10) as control:
                encrypted(control)
                session = Session(board, control)
                await asyncio.sleep(CLOCKS_S)
                begun = time.monotonic()
                while time.monotonic() - begun < seconds:
                    measured = await session.measure(case, [control], step - WARM_S)
                    status = await control.status()
                    rows.append(
                        {
                            "minute": round((time.monotonic() - begun) / 60, 2),
                            "fps": round(measured.fps, 2),
                            "latency_ms_p50": measured.p50_ms and round(measured.p50_ms, 1),
                            "latency_ms_p99": measured.p99_ms and round(measured.p99_ms, 1),
                            "heap_floor_bytes": status["heap_floor_bytes"],
                            "skipped": status["skipped"],
                            "late": round(measured.late, 3),
                        }
                    )
                await session.close()
                if session.faults:
                    raise RuntimeError(session.faults[0])
    return rows
