"""Options shared by several verbs."""

from __future__ import annotations

import asyncio
import functools
import json
import os
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

import click

import board_types
from host_client.base.exceptions import K230Error
from host_client.board import Board
from host_client.cli import output, terminal
from host_client.cli.endings import run_async
from host_client.cli.progress import counted
from host_client.link.address import looks_like_address
from host_client.results.messages import State, StateChange

URL_VARIABLE = "K230_URL"
F = TypeVar("F", bound=Callable[..., Any])


def json_option(function: F) -> F:
    """Add --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON lines on stdout.")(
        function
    )


def _board_options(function: F) -> F:
    function = json_option(function)
    function = click.option(
        "--wait",
        type=click.FloatRange(min=0),
        default=0.0,
        metavar="SECONDS",
        help="Keep trying to connect for this many seconds.",
    )(function)
    function = click.option(
        "--key",
        metavar="HEX|@FILE",
        help="The board's key (default: K230_KEY, then the key store).",
    )(function)
    return click.option(
        "--unencrypted",
        is_flag=True,
        help="Accept a board that no longer encrypts its sessions.",
    )(function)


class BoardCommand(click.Command):
    """A verb with an optional URL: default K230_URL."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Insert K230_URL if the first word is not an address."""
        url = os.environ.get(URL_VARIABLE)
        if url and "--help" not in args and "-h" not in args:
            given, _, _ = self.make_parser(ctx).parse_args(list(args))
            first = given.get("url") or given.get("urls")
            first = first[0] if isinstance(first, tuple) else first
            if not isinstance(first, str) or not looks_like_address(first):
                args = [url, *args]
        return super().parse_args(ctx, args)


class Group:
    """The boards of one verb: how many URLs were given, and those that answered so far."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._boards: list[Board] = []

    def add(self, board: Board) -> None:
        """Take a board that has answered."""
        self._boards.append(board)

    def name(self, board: Board) -> str:
        """Return a board's name, with its address if another board here has the same name.

        Names may change while the verb runs.
        """
        name = board.info.board_name
        address = str(board.address).removeprefix("tcp://").removeprefix("serial://")
        names = [each.info.board_name for each in self._boards]
        if names.count(name) > 1:
            return f"{name} ({address})" if name else address
        return name or address


def boards_verb(work: Callable[..., Coroutine[Any, Any, int | None]]) -> Callable[..., int]:
    """Make a verb from work(board, group, as_json=..., …) that runs for several URLs at once.

    A failing board does not stop the others; the exit code is that of the first failure.
    """

    @functools.wraps(work)
    def verb(
        *,
        urls: tuple[str, ...],
        key: str | None,
        unencrypted: bool,
        wait: float,
        as_json: bool,
        **options: Any,
    ) -> int:
        group = Group(len(urls))

        async def one(url: str) -> int:
            try:
                told = url if len(urls) > 1 else None
                async with _connect(url, key, unencrypted, wait, told) as board:
                    group.add(board)
                    return await work(board, group, as_json=as_json, **options) or 0
            except K230Error as error:
                if len(urls) == 1:
                    raise
                output.print_error(error, as_json, url)
                return error.exit_code

        async def every() -> int:
            codes = await asyncio.gather(*map(one, urls))
            return next((code for code in codes if code), 0)

        return run_async(every())

    return click.argument("urls", nargs=-1, required=True, metavar="URL...")(_board_options(verb))


def _connect(
    url: str, key: str | None, unencrypted: bool, wait: float, told: str | None = None
) -> Board:
    return Board.connect(
        url,
        key,
        wait=wait,
        on_state=teller(told),
        client_name="k230",
        encryption="optional" if unencrypted else "remembered",
    )


def board_verb(work: Callable[..., Coroutine[Any, Any, int | None]]) -> Callable[..., int]:
    """Make a verb from work(board, as_json=..., and its own options), called with a connected board.

    Adds URL, --key, --unencrypted, --wait and --json. Link changes are printed on stderr. work
    returns the exit code, or None for 0.
    """

    @functools.wraps(work)
    def verb(*, url: str, key: str | None, unencrypted: bool, wait: float, **options: Any) -> int:
        async def connected() -> int:
            async with _connect(url, key, unencrypted, wait) as board:
                return await work(board, **options) or 0

        return run_async(connected())

    return click.argument("url")(_board_options(verb))


def on_card_option(function: F) -> F:
    """Add --on-card: a verb's pictures are on the board's card."""
    return click.option(
        "--on-card",
        is_flag=True,
        is_eager=True,
        help="IMAGE is a path on the board's card, such as /sdcard/a.jpg.",
    )(function)


def picture_named(image: str) -> str | bytes:
    """Return the picture to send for IMAGE: its path, or stdin's content for -."""
    return terminal.read_bytes() if image == "-" else image


async def for_each_image(
    images: tuple[str, ...], as_json: bool, work: Callable[[str], Awaitable[None]]
) -> int:
    """Process pictures in order; a failing one does not stop the others.

    Returns the exit code of the first failure, else 0. A single picture raises its error.
    """
    exit_code = 0
    with counted(as_json, images, "pictures") as each:
        for image in each:
            try:
                await work(image)
            except K230Error as error:
                if len(images) == 1:
                    raise
                if not as_json and image not in str(error):
                    output.note(f"{image}:")
                output.print_error(error, as_json)
                exit_code = exit_code or error.exit_code
    return exit_code


def key_values(settings: Iterable[str]) -> dict[str, Any]:
    """Return the values of KEY=VALUE texts, parsed as JSON if possible, else as text."""
    values: dict[str, Any] = {}
    for setting in settings:
        name, sign, text = setting.partition("=")
        if not sign or not name:
            raise click.BadParameter(f"{setting!r}: expected KEY=VALUE")
        try:
            values[name] = json.loads(text)
        except (ValueError, RecursionError):
            values[name] = text
    return values


def teller(url: str | None = None) -> Callable[[StateChange], None]:
    """Return a callback that prints changes of a link, and once a slow greeting.

    url: of the board, where there are several.
    """
    told = False
    head = "k230: " if url is None else f"k230: {url}: "

    def tell(change: StateChange) -> None:
        nonlocal told
        if change.state is State.RECONNECTING and change.attempt == 1:
            output.note(f"{head}{change.reason}; reconnecting")
        elif change.state is State.CONNECTED and change.restarted:
            output.note(f"{head}reconnected; the board has restarted")
        elif change.state is State.GREETING and not told:
            told = True
            output.note(f"{head}waiting for the board's greeting…")

    return tell


def board_type_option(function: F) -> F:
    """Add --board: a type of board."""
    some = ", ".join(board_types.names()[:3])
    return click.option(
        "--board",
        callback=lambda _, __, value: value if value is None else _type_name(value),
        metavar="TYPE",
        help=f"Type of board ({some}, ...; docs/boards.md lists them).",
    )(function)


def _type_name(text: str) -> str:
    try:
        return board_types.find(text).name
    except board_types.BoardTypeError as error:
        raise click.UsageError(f"--{error}") from None
