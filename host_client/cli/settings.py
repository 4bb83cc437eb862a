"""Verbs for the settings of a running board: set, settings, keep, forget."""

from __future__ import annotations

import json
from typing import Any

import click

from host_client.base.wording import quantity
from host_client.board import Board
from host_client.cli import output
from host_client.cli.options import BoardCommand, board_verb, key_values
from host_client.results.settings import SetReport, Setting


@click.command("set", cls=BoardCommand, short_help="Change settings while the board runs.")
@board_verb
@click.option("--save", is_flag=True, help="Keep the values across restarts.")
@click.argument(
    "values", nargs=-1, required=True, metavar="KEY=VALUE...", callback=lambda *a: key_values(a[2])
)
async def set_(board: Board, *, as_json: bool, values: dict[str, Any], save: bool) -> None:
    """Change settings of the board at URL and of its task, from the next frame on.

    Settings that take effect at the next start need --save. `k230 settings` lists all.
    """
    _print_report(board, await board.set(values, save=save), as_json)


@click.command(
    cls=BoardCommand, short_help="List settings: current values and those in the YAML files."
)
@board_verb
@click.option(
    "--changed", is_flag=True, help="Only settings that differ from the YAML files on the card."
)
async def settings(board: Board, *, as_json: bool, changed: bool) -> None:
    """List the settings of the board at URL: current value, and value in the YAML file."""
    rows = [row for row in await board.settings() if row.changed or not changed]
    if as_json:
        for row in rows:
            output.print_row("setting", {**row._asdict(), "changed": row.changed}, board)
        return
    heads = ["", "setting", "value", "in the YAML", "takes effect"]
    cells = [
        [
            "●" if row.changed else "",
            row.name,
            _shown(row.value),
            _shown(row.file_value) if row.changed else "",
            _effect(row),
        ]
        for row in rows
    ]
    output.print_table(quantity(len(rows), "setting"), heads, cells)


@click.command(cls=BoardCommand, short_help="Keep changed settings across restarts.")
@board_verb
@click.argument("names", nargs=-1, metavar="[KEY]...")
async def keep(board: Board, *, as_json: bool, names: tuple[str, ...]) -> None:
    """Keep the current value of each KEY across restarts; without KEY, of all changed ones."""
    _print_report(board, await board.keep(names or None), as_json)


@click.command(
    cls=BoardCommand, short_help="Reset changed settings to the values in the YAML files."
)
@board_verb
@click.argument("names", nargs=-1, metavar="[KEY]...")
async def forget(board: Board, *, as_json: bool, names: tuple[str, ...]) -> None:
    """Reset each KEY to the value in the YAML file; without KEY, all changed ones."""
    _print_report(board, await board.forget(names or None), as_json)


def _print_report(board: Board, report: SetReport, as_json: bool) -> None:
    if as_json:
        output.print_row("settings_changed", report._asdict(), board)
        return
    if not report.changed:
        output.print_line("nothing has changed")
    for name in report.changed:
        if name in report.later:
            when = "from the next start"
        elif report.saved:
            when = "in effect, also after a restart"
        else:
            when = "in effect until a restart; --save keeps it"
        output.print_line(f"{name}: {when}")


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _effect(row: Setting) -> str:
    if not row.live:
        waits = row.next_value != row.value
        return f"next start: {_shown(row.next_value)}" if waits else "next start"
    if not row.changed:
        return "live"
    return "live, kept" if row.kept else "live, until a restart"
