"""`k230 sim`: run the service, pictures or a script on a virtual board."""

from __future__ import annotations

import contextlib
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from firmware_app.settings.service_fields import DEFAULT_PORT
from host_client.base.exceptions import SimulationError
from host_client.board import Board
from host_client.cli import output
from host_client.cli.boards import infer_all
from host_client.cli.drawings import drawings_option
from host_client.cli.endings import run_async
from host_client.cli.names import Verbs
from host_client.cli.options import board_type_option, json_option
from host_client.cli.progress import part, ticking
from host_client.cli.simulation import (
    board_key,
    card_of,
    kept_key,
    micropython_option,
    package_options,
    started,
    virtual_board,
    virtual_board_command,
)
from host_client.link.discovery import LOCAL_PORTS

if TYPE_CHECKING:
    from virtual_board.board import VirtualBoard

_SERIAL_BAUDRATE = 921600
_CONNECT_WAIT = 20.0  # seconds


@click.group(cls=Verbs)
def sim() -> None:
    """Run a virtual board on this computer."""


def _camera_option(function: Any) -> Any:
    return click.option(
        "--camera",
        default="synthetic",
        show_default=True,
        metavar="SOURCE",
        help="Folder of pictures (in name order, repeated), picture, video, webcam, "
        "synthetic or none.",
    )(function)


_sdcard_option = click.option(
    "--sdcard",
    type=click.Path(path_type=Path),
    metavar="DIR|DEVICE",
    help="Folder to use as SD card, or a flashed card (a copy of it is used).",
)
_frames_option = click.option(
    "--frames", type=click.IntRange(min=1), help="Stop after N camera frames.", metavar="N"
)


@sim.command("run")
@_sdcard_option
@package_options
@_camera_option
@click.option(
    "--tcp",
    default="127.0.0.1:0",
    show_default=True,
    metavar="HOST:PORT",
    help="Address of the service on this computer; port 0: a free port, from 5230 to 5245 if "
    "possible, where `k230 discover` finds it.",
)
@click.option(
    "--uart",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Create a pseudo-terminal for the UART at this path.",
)
@click.option(
    "--console",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Create a pseudo-terminal for the USB console at this path: REPL, mpremote, k230 install.",
)
@click.option(
    "--bare", is_flag=True, help="Do not install the service: run only the files on the card."
)
@click.option(
    "--air",
    type=click.Path(path_type=Path),
    metavar="JSON",
    help="JSON file listing the simulated Wi-Fi networks, cables and camera; re-read while the "
    'board runs: {"networks": {NAME: PASSWORD}, "join_ms": MS, "dhcp_ms": MS, "ap": true, '
    '"lan": {"adapter": "rtl8152|ecm", "cable": true}, "rssi": DBM, "camera": false}.',
)
@click.option(
    "--storage",
    type=click.Path(path_type=Path),
    metavar="JSON",
    help="JSON file with simulated faults of the card and /data; re-read while the board runs: "
    '{"sdcard": {"free": BYTES}, "data": {"state": '
    '"full_folder|write_protected|pulled|unmounted"}}.',
)
@click.option("--key", metavar="HEX|@FILE", help="The board's key (default: a new one).")
@click.option(
    "--timing", metavar="PROFILE", help="Simulate a real board's timing (profile name or path)."
)
@click.option(
    "--seconds", type=click.FloatRange(min=0), metavar="SECONDS", help="Stop after this long."
)
@_frames_option
@board_type_option
@micropython_option
@json_option
@virtual_board_command
def run(
    *,
    sdcard: Path | None,
    packages: tuple[Path, ...],
    task: str | None,
    task_settings: tuple[str, ...],
    uart: Path | None,
    key: str | None,
    as_json: bool,
    **wiring: Any,
) -> None:
    """Run the service on a virtual board until Ctrl-C.

    The firmware's output goes to stdout. The key is in the key store while the board runs, so
    `k230 watch URL` needs no --key.
    """
    with card_of(sdcard, packages, task_settings, task=task, uart=uart is not None) as card:
        # The other options are fields of virtual_board's BoardOptions by their names.
        options = wiring | {"sdcard": card, "uart": uart, "key": board_key(key)}
        run_async(_run(options, as_json))


@contextlib.contextmanager
def _seekable(tcp: str) -> Iterator[str]:
    """Yield where to listen for port 0: at the first free port at which `k230 discover` asks.

    The board listens a second later: until this ends no other board of this computer takes the port.
    """
    host, _, port = tcp.rpartition(":")
    with contextlib.ExitStack() as held:
        if port == "0":
            for number in range(DEFAULT_PORT, DEFAULT_PORT + LOCAL_PORTS):
                name = _reserved(host, number)
                if name is not None:
                    held.enter_context(name)
                    tcp = f"{host}:{number}"
                    break
        yield tcp


def _reserved(host: str, port: int) -> socket.socket | None:
    """Return what keeps other boards off a port while it is open; None where the port is taken."""
    linux = sys.platform.startswith("linux")
    name = socket.socket(socket.AF_UNIX if linux else socket.AF_INET)
    try:
        if linux:
            name.bind(f"\0k230-sim-{port}")  # no file: it goes with this process
        # Without the option to use it again: a port that another board listens on is refused.
        with socket.socket() as probe:
            probe.bind((host, port))
    except OSError:
        name.close()
        return None
    return name


async def _run(options: dict[str, Any], as_json: bool) -> None:
    with _seekable(options["tcp"]) as tcp:
        async with virtual_board(**{**options, "tcp": tcp}) as board:
            with ticking(as_json, _progress(board, options)):
                await _show(board, options["console"], as_json)


def _progress(board: VirtualBoard, options: dict[str, Any]) -> Callable[[float], str]:
    """Return what to show meanwhile: a bar with --frames or --seconds, else what was done."""
    frames, limit = options.get("frames"), options.get("seconds")
    first: list[tuple[float, int]] = []  # seconds and frames when the camera had begun

    def line(seconds: float) -> str:
        taken = board.taken
        if taken and not first:
            first.append((seconds, taken))
        if frames is not None:
            text = part(taken, frames, "running", "frames")
            if not first or taken <= first[0][1]:
                return text
            rate = (taken - first[0][1]) / (seconds - first[0][0])
            return f"{text}  {max(0.0, frames - taken) / rate:.0f} s left"
        if limit is not None:
            return part(seconds, limit, "running", "s")
        count = f"{taken} frame{'s' * (taken != 1)}"
        return f"running, Ctrl-C ends it  {count}  {seconds:.0f} s"

    return line


async def _show(board: VirtualBoard, console: Path | None, as_json: bool) -> None:
    """Tell what happens to the board until it is off."""
    with kept_key(board.url, board.key):
        addresses = (
            ("tcp", board.url),
            ("uart", board.uart_url),
            ("console", str(console) if console else None),
        )
        for name, url in addresses:
            if url is not None and as_json:
                output.print_row("simulation", {"event": "address", "detail": url})
            elif url is not None:
                output.print_line(f"{name}: {url}")
        trouble = ""
        async for event in board.events():
            if as_json:
                output.print_row("simulation", event)
            elif event["event"] == "console":
                output.print_line(event["detail"])
            elif event["event"] in ("reset", "fault", "dead", "bug", "error", "off"):
                output.note(f"{event['event']}: {event['detail']}")
            if event["event"] in ("repl", "fault", "bug", "error"):
                trouble = f"{event['event']}: {event['detail']}"
        code = await board.wait()
        if code:
            raise SimulationError(f"the virtual board stopped ({trouble or f'code {code}'})")


@sim.command("infer", short_help="Run pictures through the service on a virtual board.")
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@drawings_option
@_sdcard_option
@package_options
@click.option(
    "--link",
    type=click.Choice(["tcp", "uart"]),
    default="tcp",
    show_default=True,
    help="Link to the virtual board.",
)
@board_type_option
@micropython_option
@json_option
@virtual_board_command
def infer(
    *,
    images: tuple[str, ...],
    out: Path | None,
    sdcard: Path | None,
    packages: tuple[Path, ...],
    task: str | None,
    task_settings: tuple[str, ...],
    link: str,
    board: str | None,
    micropython: str | None,
    as_json: bool,
) -> int:
    """Run each IMAGE through the service on a virtual board, and print the results.

    Pictures are decoded on this computer; the EXIF orientation is ignored.
    """
    serial = link == "uart"
    settings: dict[str, Any] = {"network.enabled": not serial}
    if serial:
        settings["uart.baudrate"] = _SERIAL_BAUDRATE
    with (
        card_of(
            sdcard,
            packages,
            task_settings,
            task=task,
            camera_enabled=False,
            uart=serial,
            settings=settings,
        ) as card,
        tempfile.TemporaryDirectory(prefix="k230-sim-") as folder,
    ):
        options = {
            "sdcard": card,
            "data": Path(folder) / "data",
            "tcp": None if serial else "127.0.0.1:0",
            "uart": Path(folder) / "uart" if serial else None,
            "board": board,
            "micropython": micropython,
        }
        return run_async(_infer(options, images, as_json, out))


async def _infer(
    options: dict[str, Any], images: tuple[str, ...], as_json: bool, out: Path | None
) -> int:
    async with virtual_board(**options) as virtual:
        await started(virtual, as_json)
        url = virtual.url or virtual.uart_url
        assert url is not None
        key = virtual.key if virtual.url else False
        async with Board.connect(url, key, wait=_CONNECT_WAIT, client_name="k230 sim") as board:
            return await infer_all(board, images, as_json, out=out)


@sim.command("exec")
@click.argument("script", type=click.Path(path_type=Path))
@_sdcard_option
@_camera_option
@_frames_option
@board_type_option
@micropython_option
@virtual_board_command
def exec_(
    script: Path,
    sdcard: Path | None,
    camera: str,
    frames: int | None,
    board: str | None,
    micropython: str | None,
) -> None:
    """Run any CanMV SCRIPT on a virtual board, unmodified.

    Its output goes to stdout. The exit code is 0 if the script ended without an error, or used
    all camera frames.
    """
    if not script.is_file():
        raise SimulationError(f"{script}: the script does not exist")
    with tempfile.TemporaryDirectory(prefix="k230-exec-") as folder:
        card = sdcard or Path(folder) / "card"
        if sdcard is None:
            card.mkdir()
        options = {
            "sdcard": card,
            "data": Path(folder) / "data",
            "camera": camera,
            "tcp": None,
            "scripts": [_on_board(script, card)],
            "restart": False,
            "frames": frames,
            "board": board,
            "micropython": micropython,
        }
        run_async(_exec(options))


def _on_board(script: Path, card: Path) -> str:
    """Return the script's path on the board: its place on the card, if it is there."""
    try:
        return f"/sdcard/{script.resolve().relative_to(card.resolve()).as_posix()}"
    except ValueError:
        return str(script.resolve())


async def _exec(options: dict[str, Any]) -> None:
    async with virtual_board(**options) as board:
        with ticking(False, _progress(board, options)):
            await _script(board)


async def _script(board: VirtualBoard) -> None:
    """Print what a script prints until it ends."""
    trouble = ""
    async for event in board.events():
        if event["event"] == "console":
            output.print_line(event["detail"])
        elif event["event"] == "repl" and event["detail"] != "finished":
            trouble = f"the script {event['detail']}"
        elif event["event"] in ("fault", "bug", "error", "reset"):
            trouble = f"{event['event']}: {event['detail']}"
    if await board.wait():
        raise SimulationError(trouble or "the virtual board stopped")
