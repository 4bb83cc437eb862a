"""`k230 logs`: what a board logged, and what it logs."""

from __future__ import annotations

import re

import click

from host_client.board import Board
from host_client.cli import output
from host_client.cli.options import board_options, connect, run_async
from host_client.results.answers import Answer

_LEVELS = {10: "debug", 20: "info", 30: "warning", 40: "error"}
_START = "--- start"
_LINE = re.compile(r"(\d+)\.(\d{3}) (\w+): (.*)")


@click.command()
@board_options
@click.option("--follow", "-f", is_flag=True, help="Go on with what comes.")
@click.option("--all", "everything", is_flag=True, help="Starts before this one, too.")
def logs(
    *, url: str, key: str | None, wait: float, as_json: bool, follow: bool, everything: bool
) -> None:
    """Show the log of the board at URL since its start, as far as its card keeps it."""
    run_async(_logs(url, key, wait, as_json, follow, everything))


async def _logs(
    url: str, key: str | None, wait: float, as_json: bool, follow: bool, everything: bool
) -> None:
    async with connect(url, key, wait) as board:
        live = board.logs() if follow else None
        lines = await _kept(board)
        if not everything:
            starts = [i for i, line in enumerate(lines) if line.startswith(_START)]
            lines = lines[starts[-1] :] if starts else lines
        for line in lines:
            _show(line, as_json)
        if live is None:
            return
        seen = set(lines)
        async for row in live:
            line = f"{row.time_ms // 1000}.{row.time_ms % 1000:03d} "
            line += f"{_LEVELS.get(row.level, row.level)}: {row.text}"
            if line not in seen:
                _show(line, as_json)


async def _kept(board: Board) -> list[str]:
    """Return the lines on the card, oldest first."""
    text = ""
    offset: int | None = 0
    while offset is not None:
        page = Answer("logs", await board.request("logs", {"offset": offset}, repeat=True))
        text += page.text("text")
        following = page.optional("next", Answer.integer)
        offset = following if following is not None and following > offset else None
    return text.splitlines()


def _show(line: str, as_json: bool) -> None:
    if not as_json:
        output.print_line(line)
        return
    found = _LINE.fullmatch(line)
    if found:
        time_ms = 1000 * int(found[1]) + int(found[2])
        output.print_json({"time_ms": time_ms, "level": found[3], "text": found[4]})
    else:
        output.print_json({"text": line})
