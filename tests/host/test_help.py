"""Help texts as a person reads them: sections, whole sentences, 80 columns, units."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest

from host_client.cli.app import SECTIONS, cli

pytestmark = pytest.mark.quick


def helps(
    command: click.Command, name: str, above: click.Context | None = None
) -> Iterator[tuple[str, str]]:
    """Yield the name and the help of a command and of all below it, for 80 columns."""
    context = click.Context(command, info_name=name, parent=above, terminal_width=80)
    yield context.command_path, command.get_help(context)
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            assert found is not None
            yield from helps(found, below, context)


ALL = dict(helps(cli, "k230"))


def test_every_command_is_found() -> None:
    assert len(ALL) > 60
    assert {"k230", "k230 gallery show", "k230 hub"} <= set(ALL)


def test_no_sentence_of_a_list_is_cut() -> None:
    cut = [
        line
        for text in ALL.values()
        for line in text.splitlines()
        if re.match(r"  [a-z]+ .*\.\.\.$", line)
    ]
    assert cut == []


def test_lines_fit() -> None:
    assert [line for text in ALL.values() for line in text.splitlines() if len(line) > 80] == []


def test_an_options_value_has_a_name() -> None:
    found = [
        (name, line)
        for name, text in ALL.items()
        for line in text.splitlines()
        if re.search(r"--[a-z-]+ (FLOAT|INTEGER)\b", line)
    ]
    assert found == []


def test_each_verb_stands_once_in_the_list() -> None:
    listed = re.findall(r"^  ([a-z]+)  +[A-Z]", ALL["k230"], re.MULTILINE)
    assert sorted(listed) == sorted(cli.commands)
    titles = re.findall(r"^(\S.*):$", ALL["k230"], re.MULTILINE)
    assert titles == ["Options", *SECTIONS]
