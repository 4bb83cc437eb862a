"""`k230 hub`; the k230 command finds it by name where the extra `hub` is installed."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path

import click

from host_client.base.exceptions import ConfigurationError, K230Error
from host_client.base.wording import quantity
from host_client.cli import output
from host_client.cli.endings import run_async
from host_client.cli.options import json_option

_EXTRA = ("aiohttp", "orjson", "prometheus_client", "yaml")


class HubError(K230Error):
    """The hub can't start."""

    code = "hub"
    exit_code = 2


def check_installed() -> None:
    """Raise HubError where a library of the extra `hub` is missing."""
    missing = [name for name in _EXTRA if importlib.util.find_spec(name) is None]
    if missing:
        raise HubError(
            f'the hub is not installed ({", ".join(missing)} missing): pip install "k230-vision[hub]"'
        )


@click.command(short_help="Serve many boards to MQTT, Home Assistant and Prometheus.")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="hub.yaml (default: hub.yaml here; without one, boards are searched for).",
)
@click.option(
    "--check", is_flag=True, help="Check the configuration and the files that it names, and stop."
)
@click.option("--demo", is_flag=True, help="Run with three virtual boards and no broker.")
@click.option("--listen", metavar="HOST:PORT", help="web.listen of hub.yaml.")
@click.option("--shard", metavar="I/N", help="shard of hub.yaml.")
@click.option(
    "--seconds", type=click.FloatRange(min=0), metavar="SECONDS", help="Stop after this long."
)
@json_option
def hub(
    config: Path | None,
    check: bool,
    demo: bool,
    listen: str | None,
    shard: str | None,
    seconds: float | None,
    as_json: bool,
) -> None:
    """Connect many boards to MQTT, Home Assistant, Prometheus and pages.

    Holds one session with each board and reconnects for ever. hub.yaml names the boards and what
    is switched on; docs/hub.md describes it.
    """
    check_installed()
    from board_hub.configuration import reader  # noqa: PLC0415 - libraries of the extra

    default = Path("hub.yaml")
    if demo and config is None:
        configuration = reader.Configuration()
    elif config is not None or default.is_file():
        configuration = reader.load(config or default)
    else:
        configuration = reader.Configuration()
        configuration.values["discover.enabled"] = True
    for path, given, form in (
        ("web.listen", listen, reader.parse_listen),
        ("shard", shard, reader.parse_shard),
    ):
        if given is not None:
            try:
                form(given)
            except ValueError as error:
                option = path.rpartition(".")[2]
                raise ConfigurationError([f"--{option}: {error}"]) from None
            configuration.values[path] = given
    if check:
        from board_hub.trial import try_files  # noqa: PLC0415

        try_files(configuration)
        if as_json:
            output.print_row("hub_check", {"boards": len(configuration.boards)})
        else:
            output.print_line(
                f"{config or default}: {quantity(len(configuration.boards), 'board')}, no fault"
            )
        return
    run_async(_run(configuration, demo, seconds, as_json))


async def _run(configuration: object, demo: bool, seconds: float | None, as_json: bool) -> None:
    from board_hub import demo as demonstration  # noqa: PLC0415
    from board_hub.configuration.reader import Configuration  # noqa: PLC0415
    from board_hub.hub import running  # noqa: PLC0415

    assert isinstance(configuration, Configuration)
    boards = demonstration.boards(configuration) if demo else demonstration.nothing()
    async with boards, running(configuration, remember=not demo, preview=demo) as hub_:
        address = None
        if demo and hub_.accounts is not None:
            address = f"{hub_.url}/#ticket={hub_.accounts.ticket()}"
        if hub_.url is not None:
            if as_json:
                output.print_row("listening", {"url": hub_.url, "open": address})
            elif address is not None:
                output.print_line(f"open {address}")
                output.note("the address logs in once, within an hour; then by password")
                output.note(f"messages that MQTT would get: {hub_.url}/status; Ctrl-C ends")
            else:
                output.print_line(f"web: {hub_.url}")
        if seconds is not None:
            await asyncio.sleep(seconds)
        else:
            await asyncio.Event().wait()
