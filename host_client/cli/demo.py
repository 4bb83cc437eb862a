"""`k230 demo`: the whole product on this computer: a tour of all tasks, with a live view."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import math
import statistics
import sys
import tempfile
import time
from collections import Counter, deque
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from host_client.base.exceptions import K230Error, SimulationError
from host_client.board import Board
from host_client.cli import demo_card, output, terminal
from host_client.cli.endings import run_async
from host_client.cli.options import board_type_option, json_option
from host_client.cli.simulation import (
    READY_TIMEOUT,
    micropython_option,
    virtual_board,
    virtual_board_command,
)
from host_client.cli.table import clipped, table, terminal_width
from host_client.results.messages import SwitchReport
from host_client.results.streams import Stream
from host_client.results.types import ClassificationResult, Result

_WINDOW = 2.0  # seconds over which the live view counts frames
_PLAIN_PERIOD = 1.0  # seconds between lines where stdout is no terminal
_LIVE_PERIOD = 0.125  # seconds between changes of the live view
_FOUND = 30  # columns for what a task found
_WIDTH = 80
_SLOWER = "the PC simulates the KPU, which is slow: docs/performance.md estimates a board"
_NEXT = (
    "k230 demo --open                see it live in the browser",
    "k230 verify PACKAGE PICTURES    try your own model on this computer",
    "k230 install --port TTY         bring the service to a board",
)
_FIRST_RESULT = 10.0  # seconds that a task may take for its first result, its time over or not


class Meter:
    """What one task has found so far."""

    def __init__(self) -> None:
        self.last: Result | None = None
        self.count = 0
        self.labels: Counter[str] = Counter()
        self.latencies: list[float] = []  # capture to client, ms
        self._times: deque[float] = deque()
        self._first = self._newest = 0.0
        self.report: SwitchReport | None = None  # of the switch to this task
        self.problem = ""

    def add(self, result: Result) -> None:
        """Take a result that has just arrived."""
        now = time.monotonic()
        self._first = self._first or now
        self._newest = now
        self.last = result
        self.count += 1
        if result.host_time is not None:
            self.latencies.append(1000 * (time.time() - result.host_time))
        if isinstance(result, ClassificationResult):
            self.labels[result.label or "undecided"] += 1
        self._times.append(now)
        while now - self._times[0] > _WINDOW:
            self._times.popleft()

    @property
    def rate(self) -> float:
        """Results a second, lately."""
        span = self._times[-1] - self._times[0] if len(self._times) > 1 else 0.0
        return (len(self._times) - 1) / span if span > 0 else 0.0

    @property
    def mean_rate(self) -> float:
        """Results a second over the whole run."""
        span = self._newest - self._first
        return (self.count - 1) / span if span > 0 else 0.0

    def latency(self) -> tuple[float, float] | None:
        """Median and 99th percentile in ms; None before the clocks were compared."""
        if not self.latencies:
            return None
        ordered = sorted(self.latencies)
        return statistics.median(ordered), ordered[math.ceil(0.99 * len(ordered)) - 1]


class Tour:
    """The stops, what each task found, and which one runs."""

    def __init__(self, stops: list[demo_card.Stop]) -> None:
        self.meters = {stop.task: Meter() for stop in stops}
        self.task = stops[0].task

    @property
    def meter(self) -> Meter:
        """What the running task found."""
        return self.meters[self.task]


@click.command()
@click.option(
    "--seconds", type=click.FloatRange(min=1), default=20.0, show_default=True, help="How long."
)
@click.option(
    "--open", "opens", is_flag=True, help="Play it in the browser, until Ctrl-C (extra `hub`)."
)
@board_type_option
@micropython_option
@json_option
@virtual_board_command
@click.pass_context
def demo(
    context: click.Context,
    seconds: float,
    opens: bool,
    board: str | None,
    micropython: str | None,
    as_json: bool,
) -> None:
    """Run the whole product on this computer, without a board.

    The service runs in MicroPython on a virtual board, its camera shows pictures, real
    kmodels run in the vendor's KPU simulator, and results arrive here over the network link.
    The board is switched through all tasks while it runs.
    """
    if opens:
        given = context.get_parameter_source("seconds") is not ParameterSource.DEFAULT
        show = importlib.import_module("board_hub.dashboard_demo").show
        wiring = {"board": board, "micropython": micropython}
        run_async(show(wiring, seconds if given else None, as_json))
        return
    with tempfile.TemporaryDirectory(prefix="k230-demo-") as name:
        folder = Path(name)
        stops, card, camera = demo_card.make(folder)
        options = {
            "sdcard": card,
            "data": folder / "data",
            "camera": str(camera),
            "board": board,
            "micropython": micropython,
        }
        run_async(_demo(options, stops, seconds, as_json))


async def _demo(
    options: dict[str, Any], stops: list[demo_card.Stop], seconds: float, as_json: bool
) -> None:
    tour = Tour(stops)
    output.note("starting the service on a virtual board ...")
    async with virtual_board(**options) as virtual:
        await virtual.ready(READY_TIMEOUT)
        assert virtual.url is not None
        async with Board.connect(virtual.url, virtual.key, client_name="k230 demo") as board:
            show = (
                _Live() if sys.stdout and sys.stdout.isatty() and not as_json else _Plain(as_json)
            )
            with show:
                await _travel(board, tour, stops, seconds, show)
            counts = board.counts
            problem = "" if any(m.count for m in tour.meters.values()) else await _problem(board)
    if not any(meter.count for meter in tour.meters.values()):
        raise SimulationError(f"no result came within {seconds:g} s{problem}")
    _summarize(tour, counts.dropped, counts.rejected, as_json)
    failed = [f"{task}: {meter.problem}" for task, meter in tour.meters.items() if meter.problem]
    if failed:
        raise SimulationError("; ".join(failed))


async def _travel(
    board: Board, tour: Tour, stops: list[demo_card.Stop], seconds: float, show: _Plain | _Live
) -> None:
    signs = demo_card.signs()
    end = time.monotonic() + seconds
    stream = board.results()
    for number, stop in enumerate(stops):
        tour.task = stop.task
        now = time.monotonic()
        until = now + (end - now) / (len(stops) - number)
        try:
            if number:
                tour.meter.report = await board.switch(stop.task)
                show.switched(tour)
            if stop.task == "metric_learning":
                started = time.monotonic()
                for identity, picture in signs:
                    await board.gallery.enroll(identity, path=picture)
                await _skip(stream)
                until += time.monotonic() - started
                end += time.monotonic() - started
            await _watch(stream, tour, until, show)
        except K230Error as error:
            tour.meter.problem = str(error)


async def _skip(stream: Stream[Result]) -> None:
    """Throw away the results that wait to be read: they are of before."""
    with contextlib.suppress(asyncio.TimeoutError):
        while True:
            await asyncio.wait_for(anext(stream), 0.01)


async def _watch(stream: Stream[Result], tour: Tour, end: float, show: _Plain | _Live) -> None:
    """Take the running task's results until end, but one at least."""
    meter = tour.meter
    while True:
        left = end - time.monotonic()
        if left <= 0 and meter.count:
            return
        try:
            limit = left if meter.count else max(left, _FIRST_RESULT)
            result = await asyncio.wait_for(anext(stream), limit)
        except (asyncio.TimeoutError, StopAsyncIteration):
            if not meter.count:
                meter.problem = f"no result came within {_FIRST_RESULT:g} s"
            return
        if result.task == tour.task:  # one of the task before may still have been on its way
            meter.add(result)
            show.result(tour)


async def _problem(board: Board) -> str:
    with contextlib.suppress(K230Error):
        problems = (await board.status(timeout=5)).get("problems")
        if problems:
            return ": " + "; ".join(row["text"] for row in problems)
    return ""


class _Plain:
    """Lines, for pipes and machines."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._told = 0.0

    def __enter__(self) -> _Plain:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def switched(self, tour: Tour) -> None:
        """Tell of a switch."""
        report = tour.meter.report
        self._told = 0.0
        if self._as_json and report is not None:
            output.print_json({"switch": report._asdict()})

    def result(self, tour: Tour) -> None:
        """Tell of a result."""
        result = tour.meter.last
        assert result is not None
        if self._as_json:
            output.print_json(result.to_dict())
        elif time.monotonic() - self._told >= _PLAIN_PERIOD:
            self._told = time.monotonic()
            output.print_line(_line(tour.meter))


class _Live:
    """A table that changes in place: one row a task, the running one marked."""

    def __init__(self) -> None:
        self._height = 0
        self._drawn = 0.0

    def __enter__(self) -> _Live:
        return self

    def __exit__(self, *details: Any) -> None:
        self._draw([])

    def switched(self, tour: Tour) -> None:
        """Show a switch."""
        self._draw(_table(tour))

    def result(self, tour: Tour) -> None:
        """Show a result."""
        if time.monotonic() - self._drawn >= _LIVE_PERIOD:
            self._draw(_table(tour))

    def _draw(self, lines: list[str]) -> None:
        self._drawn = time.monotonic()
        above = f"\x1b[{self._height}A\x1b[J" if self._height else ""  # up, and clear from there
        terminal.write_own(above + "".join(terminal.shown(line) + "\n" for line in lines))
        self._height = len(lines)


def _line(meter: Meter) -> str:
    result = meter.last
    assert result is not None
    rest = f"{_rate(meter.rate)} fps  {_latency(meter)}"
    found = clipped(output.summary(result), _WIDTH - len(result.task) - len(rest) - 4)
    return f"{result.task}  {found}  {rest}"


def _rate(rate: float) -> str:
    """Return frames a second; the first result alone has none."""
    return f"{rate:.1f}" if rate > 0 else "–"


def _latency(meter: Meter) -> str:
    latency = meter.latency()
    if latency is None:
        return "latency not known yet"
    return f"{latency[0]:.0f} ms after capture"


def _table(tour: Tour) -> list[str]:
    # The spaces keep the columns where they are while what stands in them changes.
    heads = [" ", "task", "found".ljust(_FOUND), "fps  ", "latency", "switch   "]
    rows = []
    for task, meter in tour.meters.items():
        running = task == tour.task
        cells = ["▶" if running else "", task, "", "", "", _gap(meter)]
        if meter.last is not None:
            latency = meter.latency()
            rate = meter.rate if running else meter.mean_rate
            cells[2] = output.summary(meter.last)
            cells[3] = _rate(rate)
            cells[4] = "–" if latency is None else f"{latency[0]:.0f} ms"
        cells[2] = clipped(terminal.shown(meter.problem or cells[2]), _FOUND)
        rows.append(cells)
    width = min(_WIDTH, terminal_width())
    return table("K230 vision service on a virtual board", heads, rows, width, fold=False)


def _gap(meter: Meter) -> str:
    """Return for how long a switch left no results, in frames."""
    frames = meter.report.gap_frames if meter.report is not None else None
    return "" if frames is None else f"{frames} frame{'s' * (frames != 1)}"


def _summarize(tour: Tour, dropped: int, rejected: int, as_json: bool) -> None:
    meters = [meter for meter in tour.meters.values() if meter.count]
    if as_json:
        latencies = sorted(value for meter in meters for value in meter.latencies)
        overall = Meter()
        overall.latencies = latencies
        latency = overall.latency()
        labels: Counter[str] = Counter()
        for meter in meters:
            labels.update(meter.labels)
        row = {
            "results": sum(meter.count for meter in meters),
            "fps": round(statistics.mean(meter.mean_rate for meter in meters), 2),
            "latency_ms": None if latency is None else {"p50": latency[0], "p99": latency[1]},
            "labels": dict(labels),
            "dropped": dropped,
            "rejected": rejected,
            "tasks": [_row(task, meter) for task, meter in tour.meters.items()],
        }
        output.print_json({"summary": row})
        return
    rows = []
    for task, meter in tour.meters.items():
        latency = meter.latency()
        rows.append(
            [
                task,
                str(meter.count),
                _rate(meter.mean_rate),
                "–" if latency is None else f"{latency[0]:.0f} / {latency[1]:.0f} ms",
                _gap(meter) or "–",
            ]
        )
    heads = ["task", "results", "fps", "latency p50 / p99", "switch"]
    output.print_table("summary", heads, rows)
    output.print_line(f"lost here: {dropped} dropped, {rejected} rejected")
    output.print_line(_SLOWER)
    output.print_line("next:")
    for line in _NEXT:
        output.print_line(f"  {line}")


def _row(task: str, meter: Meter) -> dict[str, Any]:
    latency = meter.latency()
    return {
        "task": task,
        "model": meter.last.model if meter.last is not None else None,
        "results": meter.count,
        "fps": round(meter.mean_rate, 2),
        "latency_ms": None if latency is None else {"p50": latency[0], "p99": latency[1]},
        "gap_ms": meter.report.gap_ms if meter.report is not None else None,
        "gap_frames": meter.report.gap_frames if meter.report is not None else None,
        "problem": meter.problem or None,
    }
