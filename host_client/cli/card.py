"""Verbs for a board's card: push, pull, packages, config, restart."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shlex
from pathlib import Path
from typing import Any

import click

from host_client.base.exceptions import ConfigurationError, LinkLost
from host_client.base.wording import quantity
from host_client.board import Board
from host_client.cli import output, terminal
from host_client.cli.files import write_file
from host_client.cli.names import Verbs, helping, nearest, no_such, task_option
from host_client.cli.options import BoardCommand, board_verb, json_option
from host_client.cli.progress import bar
from host_client.commands import configurations
from host_client.commands.card import InstalledFiles, InstalledPackage

_EVENT = re.compile(r"events/([1-9][0-9]{0,11})\.jpg", re.ASCII)


def _need_path(
    context: click.Context, parameter: click.Parameter, path: Path | None
) -> Path | None:
    if path is None and not context.params.get("firmware"):
        raise click.UsageError("expected a package, a YAML or text file, or --firmware")
    return path


@click.command(cls=BoardCommand, short_help="Send a package, a settings file, or a service update.")
@board_verb
@click.argument(
    "path",
    required=False,
    type=click.Path(path_type=Path),
    metavar="PACKAGE|YAML|TXT|FOLDER",
    callback=_need_path,
)
@click.option("--name", help="Name on the card (default: the file's or folder's).")
@task_option
@click.option(
    "--replace",
    is_flag=True,
    help="Replace a package of this name even if it has another task.",
)
@click.option(
    "--firmware",
    is_flag=True,
    is_eager=True,
    help="Update the service: send this client's version, or the files in FOLDER.",
)
@click.option("--sources", is_flag=True, help="With --firmware: send source files, for debugging.")
async def push(
    board: Board,
    *,
    as_json: bool,
    path: Path | None,  # None with --firmware alone
    name: str | None,
    task: str | None,
    replace: bool,
    firmware: bool,
    sources: bool,
) -> None:
    """Send a deployment package (zip file or folder) to the board at URL.

    A .yaml or .txt file is sent as a single file; --name gives its place on the card, e.g.
    dictionaries/words.txt (of a .yaml by default configs/tasks/NAME.yaml or
    configs/service.yaml). Results continue meanwhile.
    """
    sent: InstalledFiles | InstalledPackage
    with bar(as_json) as progress:
        if firmware or path is None:
            sent = await board.card.push_firmware(path, sources=sources, progress=progress)
        elif path.suffix.lower() in (".yaml", ".txt"):
            sent = await board.card.push_file(path, name, progress=progress)
        else:
            sent = await board.card.push(path, name, task=task, replace=replace, progress=progress)
    if as_json:
        output.print_row("pushed", sent._asdict(), board)
        return
    for warning in sent.warnings:
        output.note(f"k230: warning: {warning}")
    if firmware:
        output.print_line("sent; the board runs this version after k230 restart")
    elif isinstance(sent, InstalledPackage):
        output.print_line(f"{sent.name} installed ({sent.task})")
        for installed in sent.tasks:
            output.print_line(f"run it: k230 switch {board.address} {installed}")
    else:
        output.print_line(f"{sent.name}: sent to the card")


@click.command(cls=BoardCommand)
@board_verb
@click.argument("name", metavar="FILE")
@click.argument("target", required=False, metavar="[TARGET]")
async def pull(board: Board, *, as_json: bool, name: str, target: str | None) -> None:
    """Download FILE from the card of the board at URL.

    FILE is configs/service.yaml, configs/tasks/NAME.yaml, dictionaries/NAME.txt,
    packages/PACKAGE/NAME, or events/NUMBER.jpg (the picture of an event's object).
    TARGET is a local file (default: the last part of FILE), or - for stdout.
    """
    place = target or name.replace("\\", "/").rsplit("/", 1)[-1]
    with bar(as_json) as progress:
        if event := _EVENT.fullmatch(name):
            data = await board.event_snapshot(int(event[1]))
        else:
            data = await board.card.pull(name, progress=progress)
    if place == "-":
        terminal.write_bytes(data)
        return
    await asyncio.to_thread(write_file, place, data)
    if as_json:
        output.print_row("file", {"file": place, "size_bytes": len(data), "name": name}, board)
    else:
        output.print_line(f"{name}: saved to {place} ({quantity(len(data), 'byte')})")
        if name.endswith((".yaml", ".txt")):
            file = shlex.quote(place)
            output.print_line(f"to push it back: k230 push {board.address} {file} --name {name}")


class DefaultGroup(Verbs):
    """A group that runs its first command if none is named: `k230 packages URL`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Insert the default command if the first word is not a command."""
        first = next(iter(self.commands))
        if args and args[0] not in (*self.commands, "--help", "-h"):
            if len(args) > 1 and "://" not in args[0] and nearest(args[0], self.commands):
                ctx.fail(no_such("command", args[0], [*self.commands]))
            args = [first, *args]
        return super().parse_args(ctx, args)


@click.group(cls=DefaultGroup, short_help="List the packages on the card, or remove one.")
def packages() -> None:
    """List the packages on the card of the board at URL, or remove one."""


@packages.command("list", cls=BoardCommand)
@board_verb
async def packages_list(board: Board, *, as_json: bool) -> None:
    """List the packages on the card (the word list may be left out)."""
    rows = await board.card.packages()
    if as_json:
        for row in rows:
            output.print_row("package", row._asdict(), board)
        return
    cells = [
        [
            "▶" if row.in_use else "",
            row.name,
            row.task or "–",
            row.model or "–",
            f"{row.size_bytes / 1e6:.2f} MB",
            row.problem or "",
        ]
        for row in rows
    ]
    heads = ["", "name", "task", "model", "size", "problem"]
    output.print_table(quantity(len(rows), "package"), heads, cells)


@packages.command("remove", cls=BoardCommand)
@board_verb
@click.argument("name")
async def packages_remove(board: Board, *, as_json: bool, name: str) -> None:
    """Remove the package NAME, unless it is in use."""

    async def names() -> list[str]:
        return [row.name for row in await board.card.packages()]

    async with helping("package", name, names):
        tasks = await board.card.remove_package(name)
    if as_json:
        output.print_row("package_removed", {"name": name, "tasks": tasks}, board)
        return
    output.print_line(f"{name}: removed")
    if tasks:
        output.note(f"k230: warning: tasks without a package now: {', '.join(tasks)}")


@click.group(cls=Verbs)
def config() -> None:
    """Show a board's settings, or check YAML files on this computer."""


@config.command("get", cls=BoardCommand)
@board_verb
async def config_get(board: Board, *, as_json: bool) -> None:
    """Show the current settings of the board at URL."""
    values = await board.card.config_get()
    if as_json:
        output.print_row("configuration", values, board)
    else:
        parts = {name: value or {} for name, value in values.items()}
        output.print_map("settings", output.ordered(parts))


@config.command("validate")
@json_option
@click.option(
    "--kind",
    type=click.Choice(["service", "task"]),
    help="Kind of the files (default: from their names and contents).",
)
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE..."
)
def config_validate(*, as_json: bool, kind: str | None, files: tuple[Path, ...]) -> int:
    """Check each FILE with the board's own rules. Needs no board."""
    exit_code = 0
    for file in files:
        problems: list[str] = []
        values: dict[str, Any] | None = None
        try:
            values = configurations.rounded(configurations.validate(file, kind).public())
        except ConfigurationError as error:
            problems = error.messages
            exit_code = error.exit_code
        if as_json:
            found = {"file": str(file), "valid": not problems, "problems": problems}
            output.print_row("configuration_check", {**found, "values": values})
        elif problems:
            for problem in problems:
                output.note(f"k230: {problem}")
        else:
            output.print_line(f"{file}: valid")
    return exit_code


@click.command(cls=BoardCommand)
@board_verb
async def restart(board: Board, *, as_json: bool) -> None:
    """Restart the board at URL."""
    with contextlib.suppress(LinkLost):  # it may go before it answers
        await board.restart()
    if as_json:
        output.print_row("restart", {"restarting": True}, board)
    else:
        output.print_line("the board is restarting")
