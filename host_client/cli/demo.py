"""`k230 demo`: the whole product on this computer, with a live view."""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import sys
import tempfile
import time
from collections import Counter, deque
from pathlib import Path
from typing import Any

import click
from rich.live import Live
from rich.table import Table

from host_client.board import Board
from host_client.cli import output
from host_client.cli.options import json_option, run_async
from host_client.cli.simulation import (
    READY_TIMEOUT,
    fill_card,
    micropython_option,
    virtual_board,
)
from host_client.exceptions import K230Error, SimulationError
from host_client.results import ClassificationResult, Result

_PACKAGES = Path(__file__).resolve().parents[2] / "models" / "packages"
_PACKAGE = "shapes_cls"
_WINDOW = 2.0  # seconds over which the live view counts frames
_PLAIN_PERIOD = 1.0  # seconds between lines where stdout is no terminal
_CAMERA_SIZE = (320, 240)


class Meter:
    """What a run has seen so far."""

    def __init__(self) -> None:
        self.last: Result | None = None
        self.count = 0
        self.labels: Counter[str] = Counter()
        self.latencies: list[float] = []  # capture to client, ms
        self._times: deque[float] = deque()
        self._first = self._newest = 0.0

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
        return statistics.median(ordered), ordered[int(0.99 * (len(ordered) - 1))]


@click.command()
@click.option(
    "--seconds", type=click.FloatRange(min=1), default=20.0, show_default=True, help="How long."
)
@micropython_option
@json_option
def demo(seconds: float, micropython: str | None, as_json: bool) -> None:
    """Run the whole product on this computer, without a board.

    The service runs in MicroPython on a virtual board, its camera shows pictures, a real
    kmodel runs in the vendor's KPU simulator, and results arrive here over the network link.
    """
    source = _PACKAGES / _PACKAGE
    with tempfile.TemporaryDirectory(prefix="k230-demo-") as name:
        folder = Path(name)
        fill_card(source / "mp_deployment_source", folder / "card", camera_size=_CAMERA_SIZE)
        pictures = source / "pictures"
        options = {
            "sdcard": folder / "card",
            "data": folder / "data",
            "camera": str(pictures) if pictures.is_dir() else "synthetic",
            "micropython": micropython,
        }
        run_async(_demo(options, seconds, as_json))


async def _demo(options: dict[str, Any], seconds: float, as_json: bool) -> None:
    meter = Meter()
    output.note("starting the service on a virtual board ...")
    async with virtual_board(**options) as virtual:
        await virtual.ready(READY_TIMEOUT)
        assert virtual.url is not None
        async with Board.connect(virtual.url, virtual.key, client_name="k230 demo") as board:
            show = _show_live if sys.stdout.isatty() and not as_json else _show_plain
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(show(board, meter, as_json), seconds)
            drops = board.counts
            problem = "" if meter.count else await _problem(board)
    if not meter.count:
        raise SimulationError(f"no result came within {seconds:g} s{problem}")
    _summarize(meter, drops.dropped, drops.damaged, as_json)


async def _problem(board: Board) -> str:
    with contextlib.suppress(K230Error):
        problems = (await board.status(timeout=5)).get("problems")
        if problems:
            return f": {problems}"
    return ""


async def _show_plain(board: Board, meter: Meter, as_json: bool) -> None:
    told = 0.0
    async for result in board.results():
        meter.add(result)
        if as_json:
            output.print_json(result.to_dict())
        elif time.monotonic() - told >= _PLAIN_PERIOD:
            told = time.monotonic()
            output.print_line(_line(meter))


async def _show_live(board: Board, meter: Meter, as_json: bool) -> None:
    with Live(console=output.console(), refresh_per_second=8, transient=True) as live:
        async for result in board.results():
            meter.add(result)
            live.update(_table(meter))


def _line(meter: Meter) -> str:
    result = meter.last
    assert result is not None
    found = output.summary(result)
    return f"{result.task}  {found}  frame {result.seq}  {meter.rate:.1f} fps  {_latency(meter)}"


def _latency(meter: Meter) -> str:
    latency = meter.latency()
    if latency is None:
        return "latency not known yet"
    return f"capture to client {latency[0]:.0f} ms median, {latency[1]:.0f} ms p99"


def _table(meter: Meter) -> Table:
    result = meter.last
    assert result is not None
    table = Table(title="K230 vision service on a virtual board", title_justify="left", width=72)
    table.add_column("task")
    table.add_column("found", ratio=1)
    table.add_column("frame", justify="right")
    table.add_column("fps", justify="right")
    latency = meter.latency()
    cells = [result.task, output.summary(result), str(result.seq), f"{meter.rate:.1f}"]
    table.add_column("latency p50 / p99", justify="right")
    cells.append("–" if latency is None else f"{latency[0]:.0f} / {latency[1]:.0f} ms")
    table.add_row(*cells)
    return table


def _summarize(meter: Meter, dropped: int, damaged: int, as_json: bool) -> None:
    latency = meter.latency()
    result = meter.last
    assert result is not None
    if as_json:
        row = {
            "results": meter.count,
            "fps": round(meter.mean_rate, 2),
            "latency_ms": None if latency is None else {"p50": latency[0], "p99": latency[1]},
            "labels": dict(meter.labels),
            "dropped": dropped,
            "damaged": damaged,
        }
        output.print_json({"summary": row})
        return
    labels = ", ".join(f"{label} {count}" for label, count in meter.labels.most_common(8))
    rows = [
        ["task, model", f"{result.task}, {result.model}"],
        ["results", f"{meter.count} ({meter.mean_rate:.1f} a second)"],
        ["latency", _latency(meter)],
        ["found", labels or output.summary(result)],
        ["lost here", f"{dropped} dropped, {damaged} damaged"],
    ]
    output.print_table("summary", ["", ""], rows)
