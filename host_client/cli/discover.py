"""The verb that looks for boards."""

from __future__ import annotations

import click
from serial.tools import list_ports

from host_client.cli import output
from host_client.cli.options import run_async
from host_client.discovery import discover as discover_boards

# USB ids of the board's own port and of the usual USB-serial converters beside its UART.
_BOARD_IDS = {(0x1209, 0xABD1): "K230 console"}


@click.command()
@click.option("--seconds", type=click.FloatRange(0.1, 60), default=1.0, help="How long to wait.")
@click.option(
    "--address", "addresses", multiple=True, metavar="HOST[:PORT]", help="Ask here, not everybody."
)
@click.option("--json", "as_json", is_flag=True, help="JSON lines on stdout.")
def discover(seconds: float, addresses: tuple[str, ...], as_json: bool) -> None:
    """Look for boards on the local network, and list the serial ports of this computer."""
    run_async(_discover(seconds, addresses, as_json))


async def _discover(seconds: float, addresses: tuple[str, ...], as_json: bool) -> None:
    found = await discover_boards(seconds, addresses)
    ports = [port for port in list_ports.comports() if port.vid is not None]
    if as_json:
        for board in found:
            output.print_json(board._asdict())
        for port in ports:
            known = _BOARD_IDS.get((port.vid, port.pid), port.description)
            output.print_json({"url": f"serial://{port.device}", "name": known})
        return
    rows = [
        [b.url, b.name, b.board_id, b.version, "yes" if b.key_required else "no"] for b in found
    ]
    rows += [
        [f"serial://{p.device}", _BOARD_IDS.get((p.vid, p.pid), p.description), "", "", ""]
        for p in ports
    ]
    if rows:
        output.print_table("boards and ports", ["address", "name", "id", "version", "key"], rows)
    else:
        output.print_line("no board answered, and there is no USB serial port")
