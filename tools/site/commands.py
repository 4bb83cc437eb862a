"""The reference of the `k230` command, from the commands themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from host_client.cli.app import cli
from tools.site.markdown import cell, escaped


def _paragraphs(text: str) -> Iterator[str]:
    """Yield a help text's paragraphs; one that starts with click's mark for kept lines is code."""
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        first, *lines = paragraph.split("\n")
        if first.strip(" ") == "\b":
            yield "\n".join(["```text", *lines, "```"])
        else:
            yield escaped(" ".join(paragraph.split()))


def _command(name: str, command: click.Command, depth: int) -> Iterator[str]:
    """Yield the lines of a command, then of the commands below it."""
    context = click.Context(command, info_name=name)
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    yield from ("", f"{'#' * depth} {name}", "")
    yield "\n\n".join(_paragraphs(command.help or ""))
    yield from ("", "```text", usage, "```")
    records = [
        option.get_help_record(context)
        for option in command.get_params(context)
        if isinstance(option, click.Option) and "--help" not in option.opts
    ]
    rows = [record for record in records if record is not None]
    if rows:
        yield from ("", "| option | meaning |", "|---|---|")
    for names, text in rows:
        yield f"| `{names}` | {cell(text)} |"
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            if found is not None and not found.hidden:
                yield from _command(f"{name} {below}", found, min(depth + 1, 4))


def reference() -> str:
    """Return the page."""
    lines = [
        "# Command reference",
        "",
        "Every command and option, from the commands themselves; `k230 VERB --help` prints the same.",
        "[The k230 command](cli.md) tells what they have in common.",
    ]
    context = click.Context(cli, info_name="k230")
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        if command is not None and not command.hidden:
            lines += _command(f"k230 {name}", command, 2)
    return "\n".join(lines) + "\n"
