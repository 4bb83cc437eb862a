"""`k230 status`: ten lines for a person; every field with --all or --json."""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeGuard

import click

from host_client.base.wording import quantity
from host_client.board import Board
from host_client.check.advice import advice_for
from host_client.cli import output, terminal
from host_client.cli.options import BoardCommand, board_verb
from host_client.cli.table import folded, terminal_width, width_of

_FIRST = ("board_name", "task", "model", "generation", "problems", "safe_mode")  # with --all
_LOOK_S = 1.0  # for results to arrive, to measure their rate and latency
_RESULTS = 30  # that are enough for it
_HEAD = 12  # columns of the left column


class Seen(NamedTuple):
    """What arrived here while the command listened.

    fps: results a second, None for fewer than two. latency_ms: median from capture to this
    program, None while the clocks are not compared.
    """

    fps: float | None = None
    latency_ms: float | None = None


@click.command(cls=BoardCommand)
@board_verb
@click.option("--all", "everything", is_flag=True, help="Show every field that the board reports.")
async def status(board: Board, *, as_json: bool, everything: bool) -> None:
    """Show what the board at URL is doing, and its problems.

    Ten lines: board, task, frame rate, latency, network, clients, memory, card,
    temperature, problems. Rate and latency are measured for up to a second.
    """
    values = dict(await board.status())
    if as_json:
        output.print_row("status", values, board)
        return
    if everything:
        info = board.info
        title = f"{info.board_name} ({info.board_id}), version {info.version}"
        output.print_map(title, output.ordered(values, *_FIRST))
        return
    seen = await _listen(board) if values.get("model") else Seen()
    for line in status_lines(values, seen, terminal_width()):
        output.print_line(line)


async def _listen(board: Board) -> Seen:
    """Return the rate and latency of the results of the next second."""
    times: list[float] = []
    latencies: list[float] = []
    stream = board.results()
    end = time.monotonic() + _LOOK_S
    with contextlib.suppress(asyncio.TimeoutError, StopAsyncIteration):
        while len(times) < _RESULTS:
            result = await asyncio.wait_for(anext(stream), end - time.monotonic())
            times.append(time.monotonic())
            if result.host_time is not None:
                latencies.append(1000 * (time.time() - result.host_time))
    await stream.aclose()
    span = times[-1] - times[0] if len(times) > 1 else 0.0
    return Seen(
        (len(times) - 1) / span if span > 0 else None,
        statistics.median(latencies) if latencies else None,
    )


def status_lines(values: Mapping[str, Any], seen: Seen, width: int) -> list[str]:
    """Return the lines about a board; a field that the board leaves out is "not reported"."""
    rows = [
        ("board", _board(values)),
        ("task", _task(values)),
        ("frame rate", _rate(values, seen)),
        ("latency", _latency(seen)),
        ("network", _network(values)),
        ("clients", _clients(values)),
        ("memory", _memory(values)),
        ("card", _card(values)),
        ("temperature", _unit(values.get("temperature_c"), "°C")),
        *_problems(values),
    ]
    lines = []
    for head, text in rows:
        parts = folded(terminal.shown(text), max(20, width - _HEAD))
        for number, part in enumerate(parts):
            first = head if not number else ""
            lines.append((first + " " * (_HEAD - width_of(first)) + part).rstrip())
    return lines


def _board(values: Mapping[str, Any]) -> str:
    parts = [str(values.get("board_name") or values.get("board_id") or "without a name")]
    if values.get("version"):
        parts.append(f"service {values['version']}")
    if values.get("firmware"):
        parts.append(f"firmware {values['firmware']}")
    up = values.get("uptime_ms")
    if _number(up):
        parts.append(f"up {_duration(up / 1000)}")
    return ", ".join(parts)


def _duration(seconds: float) -> str:
    minutes = int(seconds // 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} days"


def _task(values: Mapping[str, Any]) -> str:
    name, model = values.get("task"), values.get("model")
    if not model:
        return f"none runs (configured: {name})" if name else "none runs"
    return f"{name} ({model})" if name and name != model else str(model)


def _rate(values: Mapping[str, Any], seen: Seen) -> str:
    if not values.get("model"):
        return "no results: no task runs"
    rate = "fewer than two results a second" if seen.fps is None else f"{seen.fps:.1f} results/s"
    stages = values.get("stages_us")
    spent = []
    if isinstance(stages, Mapping):
        for name in ("wait", "ai2d", "kpu", "decode", "publish"):
            if _number(stages.get(name)):
                spent.append(f"{name} {stages[name] / 1000:.1f}")
    return f"{rate}; ms a frame: {', '.join(spent)}" if spent else rate


def _latency(seen: Seen) -> str:
    if seen.latency_ms is None:
        return "not measured: no result arrived"
    return f"{seen.latency_ms:.0f} ms from capture to this computer"


def _network(values: Mapping[str, Any]) -> str:
    network = values.get("network")
    if not isinstance(network, Mapping):
        return "off (UART only)" if "network" in values else "not reported"
    parts = [str(network.get("interface") or "network")]
    if network.get("waiting"):
        parts.append(f"waiting for {network['waiting']}")
    elif network.get("up") is False:
        parts.append("not connected")
    if network.get("address"):
        parts.append(str(network["address"]))
    if _number(network.get("signal_dbm")):
        parts.append(f"{network['signal_dbm']} dBm")
    if network.get("reconnects"):
        parts.append(f"joined again {quantity(network['reconnects'], 'time')}")
    return ", ".join(parts)


def _clients(values: Mapping[str, Any]) -> str:
    clients = values.get("clients")
    if not isinstance(clients, Sequence):
        return "not reported"
    rows = []
    for row in clients:
        text = f"{row.get('client') or 'unnamed'} over {row.get('name') or '?'}"
        if row.get("dropped"):
            text += f" ({quantity(row['dropped'], 'result')} dropped)"
        rows.append(text)
    damaged = values.get("rejected")
    if damaged:
        rows.append(quantity(damaged, "damaged packet"))
    return f"{len(clients)}: {', '.join(rows)}" if rows else "0"


def _memory(values: Mapping[str, Any]) -> str:
    parts = []
    if _number(values.get("heap_free_bytes")):
        parts.append(f"{values['heap_free_bytes'] / 1e6:.1f} MB of the heap free")
    growth = values.get("heap_growth_bytes_per_hour")
    if _number(growth):
        parts.append(f"{growth / 1000:+.0f} kB an hour" if growth else "not growing")
    elif "heap_growth_bytes_per_hour" in values:
        parts.append("trend known after ten minutes")
    media = values.get("memory")
    if isinstance(media, Mapping) and _number(media.get("media_free_bytes")):
        parts.append(f"{media['media_free_bytes'] / 1e6:.0f} MB of media memory free")
    return ", ".join(parts) or "not reported"


def _card(values: Mapping[str, Any]) -> str:
    parts = []
    for field, place in (("card_free_bytes", "/sdcard"), ("data_free_bytes", "the data folder")):
        free = values.get(field)
        if _number(free):
            parts.append(f"{free / 1e6:.0f} MB free on {place}")
    return ", ".join(parts) or "not reported"


def _unit(value: Any, unit: str) -> str:
    return f"{value} {unit}" if _number(value) else "not reported"


def _problems(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    problems = values.get("problems")
    if not isinstance(problems, Sequence):
        return [("problems", "not reported")]
    rows = []
    for number, row in enumerate(problems):
        advice = advice_for(str(row.get("code")))
        text = f"{row.get('text')}" + (f" -> {advice}" if advice else "")
        rows.append(("problems" if not number else "", text))
    return rows or [("problems", "none")]


def _number(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
