"""`k230 logs`: print a board's log."""

from __future__ import annotations

import click

from firmware_app.wire import log_lines
from host_client.base.exceptions import CommandFailed
from host_client.board import Board
from host_client.cli import output
from host_client.cli.options import BoardCommand, board_verb
from host_client.cli.progress import waiting
from host_client.results import limits
from host_client.results.answers import Answer
from host_client.results.lines import Source
from host_client.results.messages import LogLine

_START = "--- start"


@click.command(cls=BoardCommand)
@board_verb
@click.option("--follow", "-f", is_flag=True, help="Keep printing new log lines (like tail -f).")
@click.option("--all", "everything", is_flag=True, help="Also print earlier starts of the board.")
async def logs(board: Board, *, as_json: bool, follow: bool, everything: bool) -> None:
    """Print the log of the board at URL since its last start."""
    live = board.logs() if follow else None
    with waiting(as_json, "reading the log"):
        lines = await _kept(board)
    if not everything:
        starts = [i for i, line in enumerate(lines) if line.startswith(_START)]
        lines = lines[starts[-1] :] if starts else lines
    for line in lines:
        _show(board, line, as_json)
    if live is None:
        return
    seen = set(lines)
    async for row in live:
        line = log_lines.line(row.time_ms, row.level, row.text)
        if line in seen:
            continue
        if as_json:
            output.print_json(row.to_dict())
        else:
            output.print_line(line)


async def _kept(board: Board) -> list[str]:
    """Return the lines on the card, oldest first."""
    try:
        received = await board.get("log")
    except CommandFailed as error:
        if error.code != "unknown_command":
            raise
        return await _pages(board)  # it has no `get`
    return received.data.decode("utf-8", "replace").splitlines()


async def _pages(board: Board) -> list[str]:
    """Return the same lines, page by page."""
    pages: list[str] = []
    size = 0
    offset: int | None = 0
    while offset is not None:
        page = Answer("logs", await board.request("logs", {"offset": offset}, repeat=True))
        pages.append(page.text("text"))
        size += len(pages[-1])
        limits.at_most("logs", "characters", size, limits.LOG_BYTES)
        following = page.optional("next", Answer.integer)
        more = following is not None and following > offset and pages[-1]
        offset = following if more else None
    return "".join(pages).splitlines()


def _show(board: Board, line: str, as_json: bool) -> None:
    if not as_json:
        output.print_line(line)
        return
    # The line may be of an earlier start, so its clock can't be converted.
    time_ms, name, text = log_lines.parse(line) or (0, "info", line)
    source = Source(board.info.board_id, board.info.board_name)
    try:
        level = log_lines.level_of(name)
    except KeyError:
        level = log_lines.INFO
    output.print_json(LogLine(time_ms, level, text, source=source).to_dict())
