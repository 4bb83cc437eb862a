"""`k230 key`: manage this user's key store."""

from __future__ import annotations

import sys

import click

from host_client.base.exceptions import K230Error
from host_client.cli import output
from host_client.cli.names import Verbs, no_such
from host_client.cli.options import json_option
from host_client.link.address import parse_address
from host_client.link.keys import KeyStore, parse_key


class UnknownBoard(K230Error):  # noqa: N818 - it names what is wrong
    """The key store does not have the board."""

    code = "not_found"
    exit_code = 7


@click.group(cls=Verbs)
def key() -> None:
    """Manage the stored keys of your boards."""


@key.command("add")
@click.argument("board")
@click.argument("value", default="-", metavar="[HEX|@FILE|-]")
def add(board: str, value: str) -> None:
    """Store the key of BOARD (a URL or board id). Without a value, reads it from stdin."""
    if value == "-":
        if sys.stdin.isatty():
            value = click.prompt(f"key of {board}", hide_input=True)
        else:
            value = sys.stdin.readline()
    store = KeyStore()
    store.add(board_name(board), parse_key(value))
    output.print_line(f"key of {board_name(board)} stored in {store.path}")


@key.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the boards with a stored key, without the keys."""
    for name in KeyStore().names():
        if as_json:
            output.print_row("key", {"board": name})
        else:
            output.print_line(name)


@key.command("remove")
@click.argument("board")
def remove(board: str) -> None:
    """Remove the stored key of BOARD."""
    name = board_name(board)
    store = KeyStore()
    if not store.remove(name):
        raise UnknownBoard(f"{store.path}: {no_such('board', name, store.names())}")
    output.print_line(f"key of {name} removed")


def board_name(board: str) -> str:
    """Return a board's name in the store: its full URL, or its id."""
    return str(parse_address(board)) if "://" in board else board
