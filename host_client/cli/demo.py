"""`k230 demo`: a tour of all tasks on this computer, with a live view."""

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
    micropython_option,
    started,
    virtual_board,
    virtual_board_command,
)
from host_client.cli.table import clipped, table, terminal_width
from host_client.results.messages import SwitchReport
from host_client.results.streams import Stream
from host_client.results.types import (
    ClassificationResult,
    DetectionResult,
    InstanceSegmentationResult,
    OcrResult,
    OrientedDetectionResult,
    PoseResult,
    Result,
    SegmentationResult,
)

_WINDOW = 2.0  # seconds over which the live view counts frames
_PLAIN_PERIOD = 1.0  # seconds between lines where stdout is no terminal
_LIVE_PERIOD = 0.125  # seconds between changes of the live view
_FOUND = 30  # columns for what a task found
_WIDTH = 80
_NEXT = (
    "k230 demo --open                see it live in the browser",
    "k230 verify PACKAGE PICTURES    try your own model on this computer",
    "k230 setup                      bring the service to a board, step by step",
)
_ENOUGH = 5  # results of each task at least: fewer say nothing about its rate
_PATIENCE_S = 10.0  # for these results, even when the task's share of the time is over


class Meter:
    """The results of one task so far."""

    def __init__(self) -> None:
        self.last: Result | None = None
        self.count = 0
        self.labels: Counter[str] = Counter()
        self.latencies: list[float] = []  # capture to client, ms
        self._times: deque[float] = deque()
        self._first = self._newest = 0.0
        self.report: SwitchReport | None = None  # of the switch to this task
        self.note = ""  # shown until the first result
        self.problem = ""

    def add(self, result: Result) -> None:
        """Add a result that just arrived."""
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
        """Results a second in the last seconds."""
        span = self._times[-1] - self._times[0] if len(self._times) > 1 else 0.0
        return (len(self._times) - 1) / span if span > 0 else 0.0

    @property
    def mean_rate(self) -> float:
        """Results a second over the whole run."""
        span = self._newest - self._first
        return (self.count - 1) / span if span > 0 else 0.0

    def latency(self) -> tuple[float, float] | None:
        """Median and 99th percentile in ms; None until the clocks are compared."""
        if not self.latencies:
            return None
        ordered = sorted(self.latencies)
        return statistics.median(ordered), ordered[math.ceil(0.99 * len(ordered)) - 1]


class Tour:
    """The stops of the tour, a meter for each task, and the running task."""

    def __init__(self, stops: list[demo_card.Stop]) -> None:
        self.meters = {stop.task: Meter() for stop in stops}
        self.task = stops[0].task

    @property
    def meter(self) -> Meter:
        """The meter of the running task."""
        return self.meters[self.task]


@click.command()
@click.option(
    "--seconds",
    type=click.FloatRange(min=1),
    metavar="SECONDS",
    default=20.0,
    show_default=True,
    help=f"Length of the tour; each task shows at least {_ENOUGH} results.",
)
@click.option(
    "--open", "opens", is_flag=True, help="Show it in the browser until Ctrl-C (extra `hub`)."
)
@click.option(
    "--language",
    type=click.Choice(demo_card.LANGUAGES),
    help="Language of the labels (default: this computer's).",
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
    language: str | None,
    board: str | None,
    micropython: str | None,
    as_json: bool,
) -> None:
    """Show every task on this computer, without a board.

    The firmware runs in MicroPython on a virtual board. Its camera shows pictures, real
    kmodels run in the vendor's KPU simulator, and results arrive over the network link.
    The tour switches through all tasks; for metric learning it enrolls and recognises.
    """
    spoken = language or demo_card.language()
    if opens:
        given = context.get_parameter_source("seconds") is not ParameterSource.DEFAULT
        show = importlib.import_module("board_hub.dashboard_demo").show
        wiring = {"board": board, "micropython": micropython}
        run_async(show(wiring, seconds if given else None, as_json, spoken))
        return
    with tempfile.TemporaryDirectory(prefix="k230-demo-") as name:
        folder = Path(name)
        stops, card, camera = demo_card.make(folder, spoken)
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
    async with virtual_board(**options) as virtual:
        await started(virtual, as_json)
        assert virtual.url is not None
        async with Board.connect(virtual.url, virtual.key, client_name="k230 demo") as board:
            live = sys.stdout and sys.stdout.isatty() and not as_json
            show = _Live() if live else _Plain(board, as_json)
            with show:
                await _travel(board, tour, stops, seconds, show)
            counts = board.counts
            problem = "" if any(m.count for m in tour.meters.values()) else await _problem(board)
    if not any(meter.count for meter in tour.meters.values()):
        raise SimulationError(f"no result came within {seconds:g} s{problem}")
    _summarize(tour, stops, counts.dropped, counts.rejected, as_json)
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
                began = time.monotonic()
                for place, (identity, picture) in enumerate(signs, 1):
                    tour.meter.note = f"enrolled {identity} ({place} of {len(signs)})"
                    await board.gallery.enroll(identity, path=picture)
                    show.enrolled(tour, identity)
                await _skip(stream)
                until += time.monotonic() - began
                end += time.monotonic() - began
            await _watch(stream, tour, until, show)
        except K230Error as error:
            tour.meter.problem = str(error)


async def _skip(stream: Stream[Result]) -> None:
    """Drop the queued results: they were made before the samples were enrolled."""
    with contextlib.suppress(asyncio.TimeoutError):
        while True:
            await asyncio.wait_for(anext(stream), 0.01)


async def _watch(stream: Stream[Result], tour: Tour, end: float, show: _Plain | _Live) -> None:
    """Take the running task's results until end, and a few at least."""
    meter = tour.meter
    last = max(end, time.monotonic() + _PATIENCE_S)
    while True:
        left = (end if meter.count >= _ENOUGH else last) - time.monotonic()
        if left <= 0 and meter.count:
            return
        try:
            result = await asyncio.wait_for(anext(stream), max(left, 0.0))
        except (asyncio.TimeoutError, StopAsyncIteration):
            if not meter.count:
                meter.problem = f"no result came within {_PATIENCE_S:g} s"
            return
        if result.task == tour.task:  # a result of the task before may arrive late
            meter.add(result)
            show.result(tour)


async def _problem(board: Board) -> str:
    with contextlib.suppress(K230Error):
        problems = (await board.status(timeout=5)).get("problems")
        if problems:
            return ": " + "; ".join(row["text"] for row in problems)
    return ""


class _Plain:
    """Prints lines, for pipes and programs."""

    def __init__(self, board: Board, as_json: bool) -> None:
        self._board = board
        self._as_json = as_json
        self._told = 0.0

    def __enter__(self) -> _Plain:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def switched(self, tour: Tour) -> None:
        """Report a switch."""
        report = tour.meter.report
        self._told = 0.0
        if self._as_json and report is not None:
            output.print_row("switch", report._asdict(), self._board)

    def enrolled(self, tour: Tour, identity: str) -> None:
        """Report an enrolled sample."""
        if self._as_json:
            output.print_row("demo_enrolled", {"identity": identity}, self._board)
        else:
            output.print_line(f"{tour.task}  {tour.meter.note}")

    def result(self, tour: Tour) -> None:
        """Report a result."""
        result = tour.meter.last
        assert result is not None
        if self._as_json:
            output.print_json(result.to_dict())
        elif time.monotonic() - self._told >= _PLAIN_PERIOD:
            self._told = time.monotonic()
            output.print_line(_line(tour.meter))


class _Live:
    """Draws a table in place: one row a task, the running one marked."""

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

    def enrolled(self, tour: Tour, identity: str) -> None:
        """Show an enrolled sample."""
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
    found = clipped(_found(result), _WIDTH - len(result.task) - len(rest) - 4)
    return f"{result.task}  {found}  {rest}"


def _found(result: Result) -> str:
    """Return what a result names, without the places: they do not fit beside the figures."""
    if isinstance(result, DetectionResult):
        rows = [f"{item.label} {item.score:.2f}" for item in result.boxes]
    elif isinstance(result, (PoseResult, OrientedDetectionResult, InstanceSegmentationResult)):
        rows = [f"{item.label} {item.score:.2f}" for item in result.objects]
    elif isinstance(result, SegmentationResult):
        total = max(1, result.width * result.height)
        objects = sorted(list(result.areas.items())[1:], key=lambda row: -row[1])
        rows = [f"{label} {100 * area / total:.1f} %" for label, area in objects if area]
    elif isinstance(result, OcrResult):
        rows = [text.text for text in result.texts if text.text is not None]
        if not rows:
            count = len(result.texts)
            rows = [f"{count} text{'s' * (count != 1)}"]
    else:
        return output.summary(result)
    return ", ".join(rows) or "nothing"


def _rate(rate: float) -> str:
    """Return frames a second; a single result has no rate."""
    return f"{rate:.1f}" if rate > 0 else "–"


def _latency(meter: Meter) -> str:
    latency = meter.latency()
    if latency is None:
        return "latency not known yet"
    return f"{latency[0]:.0f} ms after capture"


def _table(tour: Tour) -> list[str]:
    # The spaces keep the columns in place while their content changes.
    heads = [" ", "task", "found".ljust(_FOUND), "fps  ", "latency", "missed   "]
    rows = []
    for task, meter in tour.meters.items():
        running = task == tour.task
        cells = ["▶" if running else "", task, "", "", "", _gap(meter)]
        if meter.last is not None:
            latency = meter.latency()
            rate = meter.rate if running else meter.mean_rate
            cells[2] = _found(meter.last)
            cells[3] = _rate(rate)
            cells[4] = "–" if latency is None else f"{latency[0]:.0f} ms"
        cells[2] = clipped(terminal.shown(meter.problem or cells[2] or meter.note), _FOUND)
        rows.append(cells)
    width = min(_WIDTH, terminal_width())
    return table("K230 vision service on a virtual board", heads, rows, width, fold=False)


def _gap(meter: Meter) -> str:
    """Return how many frames passed without a result at the switch."""
    frames = meter.report.gap_frames if meter.report is not None else None
    return "" if frames is None else f"{frames} frame{'s' * (frames != 1)}"


def _summarize(
    tour: Tour, stops: list[demo_card.Stop], dropped: int, rejected: int, as_json: bool
) -> None:
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
            "results_per_s": round(statistics.mean(meter.mean_rate for meter in meters), 2),
            "latency_ms": None if latency is None else {"p50": latency[0], "p99": latency[1]},
            "labels": dict(labels),
            "dropped": dropped,
            "rejected": rejected,
            "tasks": [_row(task, meter) for task, meter in tour.meters.items()],
        }
        output.print_row("demo", row)
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
    heads = ["task", "results", "fps", "latency p50 / p99", "missed at switch"]
    output.print_table("summary", heads, rows)
    output.print_line(f"results lost: {dropped} dropped, {rejected} rejected")
    output.print_line(_slower(tour, stops))
    output.print_line("try next:")
    for line in _NEXT:
        output.print_line(f"  {line}")


def _slower(tour: Tour, stops: list[demo_card.Stop]) -> str:
    """Return the line that compares this computer with a board, for one task."""
    ran = [stop for stop in stops if tour.meters[stop.task].count]
    stop = next((stop for stop in ran if stop.task == "detection"), ran[0])
    here = _rate(tour.meters[stop.task].mean_rate)
    there = demo_card.board_fps(next(iter(stop.packages.values())))
    return (
        f"the simulator is slower: {stop.task} {here} fps here, "
        f"about {there:.0f} on a board (estimate)"
    )


def _row(task: str, meter: Meter) -> dict[str, Any]:
    latency = meter.latency()
    return {
        "task": task,
        "model": meter.last.model if meter.last is not None else None,
        "results": meter.count,
        "results_per_s": round(meter.mean_rate, 2),
        "latency_ms": None if latency is None else {"p50": latency[0], "p99": latency[1]},
        "gap_ms": meter.report.gap_ms if meter.report is not None else None,
        "gap_frames": meter.report.gap_frames if meter.report is not None else None,
        "problem": meter.problem or None,
    }
