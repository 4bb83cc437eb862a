"""`k230 dashboard`: the hub with its pages alone."""

from __future__ import annotations

import asyncio
import webbrowser
from typing import Any

import click

from board_hub.cli import check_installed
from host_client.base.exceptions import ConfigurationError
from host_client.cli import output
from host_client.cli.endings import run_async
from host_client.cli.options import json_option
from host_client.link.address import parse_address


@click.command()
@click.argument("urls", nargs=-1, metavar="[URL]...")
@click.option(
    "--key", metavar="HEX|@FILE", help="Key of the boards (default: the key store of each)."
)
@click.option(
    "--listen",
    metavar="HOST:PORT",
    default="127.0.0.1:8230",
    show_default=True,
    help="Where to serve the pages; port 0: a free one.",
)
@click.option("--open", "opens", is_flag=True, help="Open the pages in the browser.")
@click.option(
    "--no-login", is_flag=True, help="Ask for no password; only on this computer's own address."
)
@click.option(
    "--seconds", type=click.FloatRange(min=0), metavar="SECONDS", help="Stop after this long."
)
@json_option
def dashboard(
    urls: tuple[str, ...],
    key: str | None,
    listen: str,
    opens: bool,
    no_login: bool,
    seconds: float | None,
    as_json: bool,
) -> None:
    """Show boards live in the browser.

    Without URL, boards are searched for on the local network. The first start makes the user
    admin and shows the password once.
    """
    check_installed()
    from board_hub.configuration.reader import (  # noqa: PLC0415 - libraries of the extra
        BoardEntry,
        Configuration,
        parse_listen,
    )

    configuration = Configuration()
    try:
        parse_listen(listen)
    except ValueError as error:
        raise ConfigurationError([f"--listen: {error}"]) from None
    configuration.values |= {"web.listen": listen, "web.login": not no_login}
    configuration.values |= {"web.metrics": False, "discover.enabled": not urls}
    for url in dict.fromkeys(str(parse_address(url)) for url in urls):
        configuration.boards.append(BoardEntry(url, key=key))
    run_async(serve(configuration, opens, seconds, as_json))


async def serve(
    configuration: Any, opens: bool, seconds: float | None = None, as_json: bool = False
) -> None:
    """Run the hub of a configuration, and tell where its pages are."""
    from board_hub.hub import running  # noqa: PLC0415

    async with running(configuration, remember=False) as hub:
        address = f"{hub.url}/"
        if hub.accounts is not None:
            address += f"#ticket={hub.accounts.ticket()}"
        if as_json:
            output.print_row("listening", {"url": hub.url, "open": address})
        else:
            output.print_line(f"open {address}")
            if hub.accounts is not None:
                output.note("the address logs in once, within an hour; then by password")
        if opens:
            await asyncio.to_thread(webbrowser.open, address)
        await asyncio.sleep(seconds) if seconds is not None else await asyncio.Event().wait()
