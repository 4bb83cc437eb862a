"""`k230 flash`: write an image to a card in this computer's reader, or to a board in boot mode."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from host_client.cli import asking, output, terminal
from host_client.cli.endings import Terminated
from host_client.cli.firmware import lines_of, report_of
from host_client.cli.options import board_type_option, json_option
from host_client.cli.progress import bar
from host_client.flashing import devices, usb
from host_client.flashing.devices import Device
from host_client.flashing.errors import FlashError
from host_client.flashing.image import ImageFacts, fits, open_image
from host_client.flashing.source import Source
from host_client.flashing.writer import write_image

_UNUSABLE = "interrupted: the card is not usable now; run the command again"
Ask = Callable[[str], str]


@click.command(short_help="Write firmware to an SD card or a board, and check it.")
@click.argument("image", type=click.Path(path_type=Path))
@click.option(
    "--card", metavar="DEVICE", help="The card, such as /dev/sdb, or a file that holds a card."
)
@click.option(
    "--usb", "over_usb", is_flag=True, help="Write into a board in boot mode (extra `flash`)."
)
@click.option(
    "--usb-port", metavar="BUS-PORT", help="The USB port if several boards are connected, e.g. 1-2."
)
@click.option(
    "--medium",
    type=click.Choice(usb.MEDIA),
    default="sdcard",
    show_default=True,
    help="With --usb: the medium that the board boots from.",
)
@board_type_option
@click.option(
    "--yes",
    metavar="SERIAL",
    help="Write without asking if the card has this serial (with --usb: this port).",
)
@click.option("--fixed-disk", is_flag=True, help="Allow a disk that is not removable.")
@click.option("--anyway", is_flag=True, help="Write the image even if it does not fit the board.")
@json_option
def flash(
    *,
    image: Path,
    card: str | None,
    over_usb: bool,
    usb_port: str | None,
    medium: str,
    board: str | None,
    yes: str | None,
    fixed_disk: bool,
    anyway: bool,
    as_json: bool,
) -> None:
    """Write IMAGE (.img, .img.gz, .kdimg) to an SD card, read it back and compare.

    First shows what will be lost, and asks for the card's name. Never writes a disk with the
    running system or with mounted partitions.
    """
    if card is not None and (over_usb or usb_port):
        raise click.UsageError("give either --card or --usb")
    started = time.monotonic()
    with bar(as_json) as progress:
        source, facts = open_image(image, progress)
    with source:
        check_fit(facts, board, anyway)
        if over_usb or usb_port:
            done = flash_usb(source, facts, usb_port, medium, yes, as_json)
        else:
            device = choose(card, yes, fixed_disk)
            done = flash_card(source, facts, device, yes, fixed_disk, as_json)
    seconds = time.monotonic() - started
    done["duration_ms"] = round(seconds * 1000)
    if as_json:
        output.print_row("flashed", report_of(facts) | done)
    elif "sha256" in done:
        output.print_line(
            f"{done['device']}: written and compared, {done['written_bytes']} bytes in "
            f"{seconds:.1f} s; take the card out"
        )
    else:
        output.print_line(
            f"USB {done['device']}: written in {seconds:.1f} s, not read back; the board restarts"
        )


def check_fit(facts: ImageFacts, board: str | None, anyway: bool) -> None:
    """Refuse an image that does not fit; with --anyway only print a warning."""
    problems = fits(facts, board)
    if not problems:
        return
    text = "; ".join(each.text for each in problems)
    if not anyway:
        raise FlashError(f"nothing was written: {text} (--anyway writes it nevertheless)")
    output.note(f"k230: warning: {text}")


def choose(card: str | None, yes: str | None, fixed_too: bool) -> Device:
    """Return the card to write: the named one, or the only one.

    Raises:
        FlashError: no card, several cards, or one that must not be written.
    """
    if card is not None:
        device = devices.find(card)
    else:
        found = devices.candidates()
        if yes is not None:
            found = [each for each in found if each.serial == yes]
        if not found:
            raise FlashError(
                "no card was found in a reader of this computer: put it in, or name it with "
                "--card DEVICE"
            )
        if len(found) > 1:
            listed = ", ".join(describe(each) for each in found)
            raise FlashError(
                f"expected one card, found {len(found)}: {listed}; name it with --card"
            )
        device = found[0]
    reason = devices.refusal(device, fixed_too)
    if reason is not None:
        raise FlashError(f"nothing was written: {reason}")
    return device


def describe(device: Device) -> str:
    """Return a device on one line."""
    parts = [device.path, devices.size_text(device.size), device.model]
    parts.append(f"serial {device.serial}" if device.own_serial else f"(--yes {device.serial})")
    return "  ".join(part for part in parts if part)


def flash_card(
    source: Source,
    facts: ImageFacts,
    device: Device,
    yes: str | None,
    fixed_too: bool,
    as_json: bool,
    ask: Ask | None = None,
) -> dict[str, Any]:
    """Ask, write, compare; return a report.

    Raises:
        FlashError: nothing was written, or the card is not usable now.
    """
    if facts.card_size > device.size:
        raise FlashError(
            f"nothing was written: the card is too small: expected at least "
            f"{devices.size_text(facts.card_size)}, found {devices.size_text(device.size)} "
            f"({device.path})"
        )
    if yes is None:
        for line in lines_of(facts):
            output.note(line)
        output.note(describe(device))
        for line in device.contents or ("this user can't read its content",):
            output.note(f"  {line}")
        output.note(f"Everything on {device.path} will be lost.")
        confirm(f"Type {device.name} to continue: ", device.name, device.serial, ask)
    elif yes != device.serial:
        raise FlashError(
            f"nothing was written: expected --yes {device.serial}, the serial of {device.path}, "
            f"found {yes}"
        )
    try:
        with bar(as_json) as progress:
            written = write_image(source, facts, device, fixed_too=fixed_too, progress=progress)
    except (KeyboardInterrupt, Terminated):
        output.note(f"k230: {device.path}: {_UNUSABLE}")
        raise
    return {
        "device": device.path,
        "serial": device.serial,
        "written_bytes": written.size,
        "sha256": written.sha256,
        "compared": True,
    }


def flash_usb(
    source: Source,
    facts: ImageFacts,
    port: str | None,
    medium: str,
    yes: str | None,
    as_json: bool,
    ask: Ask | None = None,
) -> dict[str, Any]:
    """Ask, and write to a board in boot mode; return a report."""
    found = usb.boards()
    wanted = port or yes
    if wanted is not None and wanted not in found:
        there = ", ".join(found) or "none"
        raise FlashError(f"no board in boot mode at USB {wanted} (found: {there}): {usb.BOOT_MODE}")
    if wanted is None and len(found) != 1:
        there = ", ".join(found)
        raise FlashError(
            f"expected one board in boot mode, found {len(found)} ({there}); name it with "
            "--usb-port"
            if found
            else f"no board in boot mode was found at USB: {usb.BOOT_MODE}"
        )
    place = wanted or found[0]
    if yes is None:
        for line in lines_of(facts):
            output.note(line)
        output.note(f"Everything on the {medium} of the board at USB {place} will be lost.")
        confirm(f"Type {place} to continue: ", place, place, ask)
    elif yes != place:
        raise FlashError(f"nothing was written: expected --yes {place}, found {yes}")
    try:
        with bar(as_json) as progress:
            usb.write(source, facts, place, medium, progress)
    except (KeyboardInterrupt, Terminated):
        output.note(f"k230: USB {place}: {_UNUSABLE}")
        raise
    return {"device": place, "medium": medium, "written_bytes": facts.written, "compared": False}


def confirm(question: str, name: str, serial: str, ask: Ask | None = None) -> None:
    """Continue only if the user types the name."""
    if ask is None:
        if sys.stdin is None or not sys.stdin.isatty():
            raise FlashError(
                f"nothing was written: stdin is not a terminal; in a script add --yes {serial}"
            )
        ask = typed
    answer = ask(question).strip()
    if answer != name:
        raise FlashError(f"nothing was written: expected {name}, found {answer or 'nothing'}")


def typed(question: str) -> str:
    """Ask on the terminal."""
    terminal.tell_own(question)
    line = asking.read_line()
    if not line:
        raise KeyboardInterrupt
    return line
