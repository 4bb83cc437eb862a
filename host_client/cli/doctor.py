"""`k230 doctor`: diagnose a link, a board, a card or a package."""

from __future__ import annotations

from pathlib import Path

import click

from host_client.check import doctor as looks
from host_client.cli import output
from host_client.cli.endings import run_async
from host_client.cli.options import json_option, teller
from host_client.cli.progress import waiting

TROUBLE_EXIT_CODE = 11
_MARKS = {"ok": "✓", "warning": "!", "trouble": "✗", "unknown": "?"}


@click.command(short_help="Diagnose a board, its console, an SD card, or a package.")
@click.argument("where", required=False, metavar="[URL|TTY]")
@click.option(
    "--key", metavar="HEX|@FILE", help="The board's key (default: K230_KEY, then the key store)."
)
@click.option(
    "--card", type=click.Path(path_type=Path), metavar="FOLDER", help="An SD card, mounted here."
)
@click.option(
    "--package", type=click.Path(path_type=Path), metavar="FOLDER|ZIP", help="A deployment package."
)
@json_option
def doctor(
    where: str | None, key: str | None, card: Path | None, package: Path | None, as_json: bool
) -> int:
    """Diagnose a board (URL or USB console), an SD card, or a package.

    A diagnosis over the console interrupts the service and restarts the board. The exit code
    is 11 if a fault is found.
    """
    if where is None and card is None and package is None:
        raise click.UsageError("give a URL, a TTY, --card or --package")
    found: list[looks.Finding] = []
    with waiting(as_json, "looking"):
        if where is not None and "://" in where:
            found += run_async(looks.look_at_url(where, key, teller()))
        elif where is not None:
            found += looks.look_at_port(where)
        if card is not None:
            found += looks.look_at_card(card)
        if package is not None:
            found += looks.look_at_package(package)
    for row in found:
        if as_json:
            output.print_row("finding", row._asdict())
        else:
            output.print_line(f"{_MARKS[row.state]} {row.what}: {row.text}")
    return TROUBLE_EXIT_CODE if any(row.state == "trouble" for row in found) else 0
