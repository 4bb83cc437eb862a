"""The verb discover."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

import click
from serial.tools import list_ports

from firmware_app.settings.service_fields import DEFAULT_BAUDRATE
from firmware_app.wire import messages
from host_client.cli import output
from host_client.cli.endings import run_async
from host_client.cli.progress import waiting
from host_client.link.discovery import FoundBoard, discover_serial
from host_client.link.discovery import discover as discover_boards

# USB ids of the board's own port and of the usual USB-serial converters beside its UART.
BOARD_IDS = {(0x1209, 0xABD1): "K230 console"}


@click.command()
@click.option(
    "--seconds",
    type=click.FloatRange(0.1, 60),
    metavar="SECONDS",
    default=1.0,
    show_default=True,
    help="Seconds to wait for answers.",
)
@click.option(
    "--address",
    "addresses",
    multiple=True,
    metavar="HOST[:PORT]",
    help="Query this address instead of broadcasting.",
)
@click.option("--serial", is_flag=True, help="Also probe every USB serial port.")
@click.option("--port", "ttys", multiple=True, metavar="TTY", help="Probe this tty.")
@click.option(
    "--baudrate",
    type=int,
    metavar="N",
    default=DEFAULT_BAUDRATE,
    show_default=True,
    help="Baud rate for --serial and --port.",
)
@click.option("--json", "as_json", is_flag=True, help="JSON lines on stdout.")
def discover(
    seconds: float,
    addresses: tuple[str, ...],
    serial: bool,
    ttys: tuple[str, ...],
    baudrate: int,
    as_json: bool,
) -> None:
    """Find boards on the local network and list serial ports.

    Serial ports are only listed, because other devices may be connected. --serial and --port
    send a greeting to them.
    """
    run_async(_discover(seconds, addresses, serial, ttys, baudrate, as_json))


async def _discover(
    seconds: float,
    addresses: tuple[str, ...],
    serial: bool,
    ttys: tuple[str, ...],
    baudrate: int,
    as_json: bool,
) -> None:
    ports = [port for port in list_ports.comports() if port.vid is not None]
    asked = list(ttys)
    if serial:  # not to a console, where bytes would stop a script
        asked += [p.device for p in ports if (p.vid, p.pid) not in BOARD_IDS]
    with waiting(as_json, "looking for boards"):
        network, wired = await asyncio.gather(
            discover_boards(seconds, addresses),
            discover_serial(asked, baudrate, max(seconds, 1.5)),
        )
    found = network + wired
    answered = {urlsplit(board.url).path for board in wired}
    ports = [port for port in ports if port.device not in answered]
    if as_json:
        for board in found:
            output.print_row("found_board", _json(board))
        for port in ports:
            known = BOARD_IDS.get((port.vid, port.pid), port.description)
            output.print_row("serial_port", {"url": f"serial://{port.device}", "name": known})
        return
    rows = [
        [b.url, b.name, b.board_id, _version(b), "yes" if b.key_required else "no"] for b in found
    ]
    rows += [
        [f"serial://{p.device}", BOARD_IDS.get((p.vid, p.pid), p.description), "", "", ""]
        for p in ports
    ]
    if rows:
        output.print_table("boards and ports", ["address", "name", "id", "version", "key"], rows)
    else:
        output.print_line("no board answered, and no USB serial port was found")


def _json(board: FoundBoard) -> dict[str, Any]:
    row = board._asdict()
    row["board_name"] = row.pop("name")
    return row


def _version(board: FoundBoard) -> str:
    if board.protocol == messages.PROTOCOL_VERSION:
        return board.version
    return f"{board.version} (protocol {board.protocol})".strip()
