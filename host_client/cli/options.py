"""Options that several verbs have."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

import click

from host_client.board import Board
from host_client.cli import output
from host_client.results.messages import State, StateChange

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


def json_option(function: F) -> F:
    """Add --json."""
    return click.option("--json", "as_json", is_flag=True, help="JSON lines on stdout.")(function)


def board_options(function: F) -> F:
    """Add what every verb needs that talks to a board: URL, --key, --wait, --json."""
    function = json_option(function)
    function = click.option(
        "--wait",
        type=click.FloatRange(min=0),
        default=0.0,
        metavar="SECONDS",
        help="Try for so long to reach a board that is not up yet.",
    )(function)
    function = click.option(
        "--key",
        metavar="HEX|@FILE",
        help="The board's key (default: K230_KEY, then the key store).",
    )(function)
    return click.argument("url")(function)


def key_values(settings: Iterable[str]) -> dict[str, Any]:
    """Return the values of KEY=VALUE texts: JSON where they are, else text."""
    values: dict[str, Any] = {}
    for setting in settings:
        name, sign, text = setting.partition("=")
        if not sign or not name:
            raise click.BadParameter(f"{setting!r}: expected KEY=VALUE")
        try:
            values[name] = json.loads(text)
        except ValueError:
            values[name] = text
    return values


def connect(url: str, key: str | None, wait: float) -> Board:
    """Return the board to enter; link changes are told on stderr."""
    return Board.connect(url, key, wait=wait, on_state=_tell, client_name="k230")


def _tell(change: StateChange) -> None:
    if change.state is State.RECONNECTING and change.attempt == 1:
        output.note(f"k230: {change.reason}; reconnecting")
    elif change.state is State.CONNECTED and change.restarted:
        output.note("k230: connected again; the board has restarted")


class Terminated(BaseException):
    """Somebody asked the process to end (SIGTERM)."""


def run_async(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a verb's coroutine; Ctrl-C and SIGTERM cancel it, so that all it opened is closed."""
    terminated = False

    async def guarded() -> T:
        task = asyncio.current_task()
        assert task is not None

        def stop() -> None:
            nonlocal terminated
            terminated = True
            task.cancel()

        with contextlib.suppress(NotImplementedError, RuntimeError):  # Windows, other threads
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
        return await coroutine

    try:
        return asyncio.run(guarded())
    except asyncio.CancelledError:
        if terminated:
            raise Terminated from None
        raise
