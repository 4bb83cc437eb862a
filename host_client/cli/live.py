"""Continuous verbs for one or several boards: watch, events, stats."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import click

from host_client.base.exceptions import CommandFailed
from host_client.board import Board
from host_client.cli import output, terminal
from host_client.cli.files import write_file
from host_client.cli.options import BoardCommand, Group, boards_verb
from host_client.cli.places import Places, places_of
from host_client.cli.table import terminal_width, width_of
from host_client.results.messages import Event, Statistics
from host_client.results.streams import Stream
from host_client.results.types import Result

# Distinguishable with colour-vision deficiency, readable on black and on white.
_COLOURS = ("36", "33", "35", "32", "34", "31")
_LOOK_S = 0.1  # seconds between checks for a stream's position
_ALARMS = ("problem", "lost")


class Printer:
    """Prints the output of a board, with the board's name in front if there are several."""

    def __init__(self, board: Board, group: Group) -> None:
        self._board = board
        self._group = group
        self.terminal = sys.stdout.isatty()
        self._colours = self.terminal and "NO_COLOR" not in os.environ

    def line(self, text: str, colour: str = "") -> None:
        """Print one line, in colour if the terminal supports it."""
        text = terminal.shown(self._prefix() + text)
        if colour and self._colours:
            terminal.write_own(f"\x1b[{colour}m{text}\x1b[0m\n")
        else:
            terminal.write_own(text + "\n")

    def room(self, text: str) -> int | None:
        """Return the columns that are free after a text; None without a terminal."""
        if not self.terminal:
            return None
        return terminal_width() - width_of(terminal.shown(self._prefix() + text))

    def _prefix(self) -> str:
        return f"{self._group.name(self._board)}: " if self._group.size > 1 else ""

    def event(self, event: Event) -> None:
        """Print an event."""
        colour = "31" if event.kind in _ALARMS else "1"
        text = output.event_summary(event)
        self.line(f"{_clock(event.host_time)}  * {event.kind}: {text}", colour)


@click.command(cls=BoardCommand)
@boards_verb
@click.option("--count", type=click.IntRange(min=1), help="Stop after N results.", metavar="N")
@click.option(
    "--rate",
    type=click.IntRange(0, 1000),
    default=0,
    help="Show at most N results a second (default: all).",
    metavar="N",
)
async def watch(board: Board, group: Group, *, as_json: bool, count: int | None, rate: int) -> None:
    """Print the results of the board at each URL, until Ctrl-C.

    On a terminal, also prints events: switches, problems, rejected YAML files.
    """
    results = board.results(rate=rate)
    if as_json:
        await _each(results, lambda result: output.print_json(result.to_dict()), count)
        return
    printer = Printer(board, group)
    if not printer.terminal:
        await _each(results, lambda result: _show(printer, result), count)
        return
    info = board.info
    printer.line(f"{info.board_name} ({info.board_id}), service {info.version}", "1")
    listener = asyncio.create_task(_each(board.events(), printer.event, None))
    generation = -1

    def show(result: Result) -> None:
        nonlocal generation
        if result.generation != generation:
            generation = result.generation
            size = f"{result.source.width}x{result.source.height}"
            printer.line(f"model {result.model}, frames of {size} pixels", "1")
            printer.line(f"{'frame':>8} {'delay':>9} result")
        _show(printer, result)

    try:
        await _each(results, show, count)
    finally:
        listener.cancel()


def _show(printer: Printer, result: Result) -> None:
    late = "–"
    if result.host_time is not None:
        late = f"{1000 * (time.time() - result.host_time):6.0f} ms"
    text = f"{result.seq:>8} {late:>9} {result.task}: "
    text += output.summary(result, printer.room(text))
    printer.line(text, _colour(output.first_name(result)))


def _colour(name: str | None) -> str:
    """Return the colour of a class name; it is always the same."""
    return _COLOURS[zlib.crc32(name.encode()) % len(_COLOURS)] if name else ""


@boards_verb
async def live_events(
    board: Board,
    group: Group,
    *,
    as_json: bool,
    count: int | None,
    resume: str | None,
    snapshots: str | None,
) -> None:
    """Print the events of boards."""
    if snapshots is not None:
        await asyncio.to_thread(_make_folder, snapshots)
    printer = Printer(board, group)

    def show(event: Event) -> None:
        if as_json:
            output.print_json(event.to_dict())
        else:
            printer.event(event)

    async def save(event: Event) -> None:
        if snapshots is not None and event.details.get("snapshot") is True:
            await _save(board, event, snapshots)

    if resume is None:
        await _each(board.events(), show, count, save)
        return
    places = places_of(resume)
    board_id = board.info.board_id
    stream = board.events(after=places.find(board_id))
    # Store a first position, so that the next run gets events before the first one shown here.
    keeper = asyncio.create_task(_keep_first(places, board_id, stream))

    def show_and_keep(event: Event) -> None:
        show(event)
        sys.stdout.flush()
        places.keep(board_id, stream.position)

    try:
        await _each(stream, show_and_keep, count, save)
    finally:
        keeper.cancel()


def _make_folder(path: str) -> None:
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise terminal.file_error(error) from error


async def _save(board: Board, event: Event, folder: str) -> None:
    """Save the picture of an event's object; print a note if the board has none."""
    try:
        data = await board.event_snapshot(event.number)
    except CommandFailed as error:
        output.note(f"k230: {error}")
        return
    board_id = re.sub("[^0-9a-zA-Z]", "_", board.info.board_id)
    place = Path(folder) / f"{board_id}-{event.boot_id}-{event.number}.jpg"
    await asyncio.to_thread(write_file, place, data)


async def _keep_first(places: Places, board_id: str, stream: Stream[Event]) -> None:
    while stream.position is None:
        await asyncio.sleep(_LOOK_S)
    places.keep(board_id, stream.position)


@click.command(
    cls=BoardCommand, short_help="Print the speed: rate, ms per stage, heap, dropped results."
)
@boards_verb
@click.option("--count", type=click.IntRange(min=1), help="Stop after N lines.", metavar="N")
async def stats(board: Board, group: Group, *, as_json: bool, count: int | None) -> None:
    """Print the speed of the board at each URL: rate, ms per stage, heap, dropped results.

    One line for each results.statistics_period_ms of the board, until Ctrl-C.
    """
    if as_json:
        await _each(board.statistics(), lambda row: output.print_json(row.to_dict()), count)
        return
    printer = Printer(board, group)
    heads = " ".join(f"{name:>{width}}" for name, width in _COLUMNS)
    printer.line(f"{'time':<8} {heads}", "1")
    await _each(board.statistics(), lambda row: printer.line(statistics_line(row)), count)


_STAGES = ("wait", "ai2d", "kpu", "decode", "publish", "gc")
_COLUMNS = (("fps", 6), *((name, 7) for name in _STAGES), ("heap kB", 8), ("dropped", 7))


def statistics_line(row: Statistics) -> str:
    """Return a period's figures as one line: results a second, milliseconds per result."""
    values = row.values
    results = _number(values.get("results"))
    period = _number(values.get("period_us"))
    cells = [f"{1e6 * results / period:.1f}" if period else "-"]
    for name in _STAGES:
        spent = _number(values.get(f"{name}_us"))
        cells.append(f"{spent / results / 1000:.2f}" if results else "-")
    cells.append(f"{_number(values.get('heap_used_bytes')) / 1000:.0f}")
    cells.append(f"{_number(values.get('dropped')):.0f}")
    texts = [f"{cell:>{width}}" for cell, (_, width) in zip(cells, _COLUMNS, strict=True)]
    return f"{_clock(row.host_time)} {' '.join(texts)}"


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0


def _clock(at: float | None) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at)) if at is not None else "--:--:--"


async def _each(
    stream: Any,
    show: Callable[[Any], None],
    count: int | None,
    behind: Callable[[Any], Awaitable[None]] | None = None,
) -> None:
    seen = 0
    async for item in stream:
        show(item)
        if behind is not None:
            await behind(item)
        seen += 1
        if seen == count:
            return
