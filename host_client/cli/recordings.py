"""Verbs for events and recordings: events, record, replay, counters."""

from __future__ import annotations

import asyncio
import datetime
import sys
import time
from pathlib import Path
from typing import Any

import click

from firmware_app.settings.reader import SettingsError, decode, read_task
from host_client.base.exceptions import CommandFailed, ConfigurationError
from host_client.base.wording import quantity, reason
from host_client.board import Board
from host_client.cli import output
from host_client.cli.endings import run_async
from host_client.cli.live import live_events
from host_client.cli.options import BoardCommand, Group, board_verb, boards_verb, json_option
from host_client.cli.terminal import FileError, file_error
from host_client.link.replay import ReplayTransport
from host_client.recording import Recorder, events_of
from host_client.replay import Player
from host_client.results.counters import Counters
from host_client.results.lines import Source, rfc3339
from host_client.ros2 import write_bag

_OWN = ("recording", "config")


class EventsCommand(BoardCommand):
    """`k230 events`: needs no URL with --from."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Make the URL optional with --from."""
        if any(word == "--from" or word.startswith("--from=") for word in args):
            return click.Command.parse_args(self, ctx, args)
        rest = super().parse_args(ctx, args)
        if not ctx.params.get("urls") and not ctx.resilient_parsing:
            raise click.UsageError("Missing argument 'URL...'.", ctx)
        return rest


def _events(**options: Any) -> int:
    """Print the events of the board at each URL: tracks, zones, lines, switches, problems.

    With --resume, each event is printed once across runs, if the board still has it (it keeps
    256); gaps are reported. With --from and --config, prints the events that a task's YAML
    makes of the results in a recording.
    """
    recording, config = options.pop("recording"), options.pop("config")
    if recording is None and config is None:
        return live_events(**options)
    live = options["urls"] or options["resume"] or options["snapshots"]
    if recording is None or config is None or live:
        raise click.UsageError("--from FILE goes together with --config TASK.yaml, without a URL")
    return _of_recording(recording, config, options["as_json"], options["count"])


_events.__click_params__ = list(live_events.__click_params__)  # type: ignore[attr-defined]
for _option in (
    click.option("--count", type=click.IntRange(min=1), help="Stop after N events.", metavar="N"),
    click.option(
        "--resume",
        metavar="FILE",
        help="Continue after the last event of an earlier run; FILE stores the position.",
    ),
    click.option(
        "--snapshots",
        metavar="FOLDER",
        help="Save the picture of each object that left, if the board has one.",
    ),
    click.option(
        "--from", "recording", metavar="FILE", help="Read results from a recording instead."
    ),
    click.option("--config", metavar="TASK.yaml", help="The task's YAML to use with --from."),
):
    _events = _option(_events)
events = click.command(
    "events",
    cls=EventsCommand,
    short_help="Print events: tracks, zones, lines, switches, problems.",
)(_events)
for _parameter in events.params:
    if _parameter.name == "urls":
        _parameter.required = False


def _of_recording(recording: str, config: str, as_json: bool, count: int | None) -> int:
    try:
        text = decode(Path(config).read_bytes(), config)
        settings = read_task(text, config)
    except OSError as error:
        raise file_error(error) from error
    except SettingsError as error:
        raise ConfigurationError(error.messages) from error
    wanted: Any = settings.values.get("events")
    if not wanted["enabled"]:
        raise FileError(f"{config}: events.enabled: expected true, found false")
    shown = 0
    for board in events_of(recording, settings):
        if board.missing:
            output.note(
                f"k230: warning: board {board.board_id}: no result in {recording} has the label "
                + ", ".join(board.missing)
            )
        for event in board.events:
            if shown == count:
                return 0
            shown += 1
            if as_json:
                output.print_json(event.to_dict())
            else:
                at = event.host_time
                clock = "--:--:--" if at is None else time.strftime("%H:%M:%S", time.localtime(at))
                output.print_line(f"{clock}  * {event.kind}: {output.event_summary(event)}")
        if not as_json:
            for line, label, counted_in, counted_out in board.lines:
                output.print_line(
                    f"board {board.board_id}, line {line}: {label} {counted_in} in, {counted_out} out"
                )
    return 0


_recorders: dict[str, Recorder] = {}


@click.command(
    cls=BoardCommand, short_help="Record results, events and statistics to a file (MCAP)."
)
@boards_verb
@click.argument("out", metavar="FILE")
@click.option(
    "--seconds", type=click.FloatRange(min=0.1), metavar="SECONDS", help="Stop after this long."
)
@click.option(
    "--pictures",
    type=click.FloatRange(min=0.05),
    metavar="SECONDS",
    help="Also record a preview picture at this interval.",
)
async def record(
    board: Board,
    group: Group,
    *,
    as_json: bool,
    out: str,
    seconds: float | None,
    pictures: float | None,
) -> None:
    """Record results, events and statistics of the board at each URL into FILE (MCAP).

    FILE appears when the recording ends (Ctrl-C, or --seconds).
    """
    recorder = _recorders.get(out)
    if recorder is None:
        recorder = _recorders[out] = Recorder(out)
    writing = recorder
    info = board.info
    source = Source(info.board_id, info.board_name)

    async def take(stream: Any) -> None:
        async for item in stream:
            writing.row(item, time.time())

    async def look(every: float) -> None:
        try:
            async for jpeg in board.previews(every):
                writing.picture(source, time.time(), jpeg)
        except CommandFailed as error:
            output.note(f"k230: no pictures: {error}")

    streams = (board.results(queue=1024), board.events(), board.statistics())
    tasks = [asyncio.create_task(take(stream)) for stream in streams]
    if pictures is not None:
        tasks.append(asyncio.create_task(look(pictures)))
    waiting = tasks[:3]
    try:
        done, _ = await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if _recorders.pop(out, None) is not None:
            writing.close()
            if as_json:
                output.print_row("file", {"file": out, "messages": writing.count})
            else:
                output.print_line(f"{out}: {quantity(writing.count, 'message')}")


@click.command(cls=BoardCommand, short_help="Show line counters and the objects in zones.")
@board_verb
@click.option("--reset", is_flag=True, help="Reset the counters.")
@click.option("--line", metavar="NAME", help="Reset this line only.")
async def counters(board: Board, *, as_json: bool, reset: bool, line: str | None) -> None:
    """Show the line counters of the board at URL, and the objects in its zones now."""
    if line is not None and not reset:
        raise click.UsageError("--line goes together with --reset")
    found = await (board.reset_counters(line) if reset else board.counters())
    if as_json:
        row = found._asdict()
        row["lines"] = [item._asdict() for item in found.lines]
        row["now"] = [item._asdict() for item in found.now]
        at = row.pop("since_time_ms")
        row["since_time"] = None if at is None else rfc3339(at / 1000)
        output.print_row("counters", row, board)
        return
    lines = [
        [row.line, row.label, str(row.counted_in), str(row.counted_out)] for row in found.lines
    ]
    output.print_table(
        f"task {found.task}, since {_since(found)}", ["line", "label", "in", "out"], lines
    )
    now = [[row.zone or "frame", row.label, str(row.objects)] for row in found.now]
    output.print_table("now", ["zone", "label", "objects"], now)


def _since(found: Counters) -> str:
    if found.since_time_ms is not None:
        moment = datetime.datetime.fromtimestamp(found.since_time_ms / 1000)
        return moment.isoformat(" ", "seconds")
    return f"start {found.since_start} of the board, {(found.since_ms or 0) / 1000:.0f} s after it"


@click.command(short_help="Replay a recording as if it were a board.")
@click.argument("recording", metavar="FILE")
@click.option(
    "--tcp",
    default="127.0.0.1:5230",
    metavar="HOST:PORT",
    help="Address to listen on (default: 127.0.0.1:5230; port 0: any free port).",
)
@click.option(
    "--seconds", type=click.FloatRange(min=0.1), metavar="SECONDS", help="Stop after this long."
)
def replay(recording: str, tcp: str, seconds: float | None) -> int:
    """Replay the recording FILE as if it were a board, from its beginning for each client.

    Stop with Ctrl-C. A Python program can use Board.connect("replay:FILE") without this.
    """
    host, _, port = tcp.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise click.UsageError(f"--tcp: expected HOST:PORT, found {tcp!r}")
    player = Player(recording)
    return run_async(_serve(player, host, int(port), seconds))


@click.command(short_help="Convert a recording to ROS 2 messages, for `ros2 bag play`.")
@click.argument("recording", metavar="FILE")
@click.argument("out", metavar="BAG")
@json_option
def bag(recording: str, out: str, as_json: bool) -> int:
    """Write the recording FILE as ROS 2 messages into BAG (MCAP), for `ros2 bag play`.

    Boxes become vision_msgs/Detection2DArray, pictures sensor_msgs/CompressedImage. ROS is not needed.
    """
    written = write_bag(recording, out)
    if as_json:
        output.print_row("file", {"file": out, "messages": written})
    else:
        output.print_line(f"{out}: {quantity(written, 'message')}")
    return 0


async def _serve(player: Player, host: str, port: int, seconds: float | None) -> int:
    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        transport = ReplayTransport(player, writer.write)
        try:
            while data := await reader.read(65536):
                transport.write(data)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            transport.close()
            writer.close()

    try:
        server = await asyncio.start_server(client, host, port)
    except OSError as error:
        raise FileError(f"{host}:{port}: can't listen there: {reason(error)}") from error
    async with server:
        bound = server.sockets[0].getsockname()[1]
        output.print_line(f"board {player.board_id} at tcp://{host}:{bound}")
        sys.stdout.flush()
        await asyncio.sleep(seconds if seconds is not None else 1e9)
    return 0
