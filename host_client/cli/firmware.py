"""`k230 firmware`: find the firmware for a board, and check image files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

import board_types
from board_types.releases import releases
from host_client.cli import output
from host_client.cli.names import Verbs
from host_client.cli.options import board_type_option, json_option
from host_client.cli.progress import bar
from host_client.cli.verify import Trouble
from host_client.commands.packages import PackageFiles, read_package
from host_client.flashing import devices
from host_client.flashing.image import ImageFacts, Problem, fits, inspect


def nncase_of(package: PackageFiles) -> str | None:
    """Return the nncase version of a package's conversion, if the package states it."""
    for name, data in package.files:
        if name == "deploy_config.json":
            version = json.loads(data).get("nncase_version")
            return str(version) if version else None
    return None


@click.group(cls=Verbs, short_help="Find and check the vendor's firmware files.")
def firmware() -> None:
    """Find the vendor's firmware for a board, and check firmware files."""


@firmware.command("list", short_help="List boards, their firmware files, and where to get them.")
@json_option
def list_(as_json: bool) -> None:
    """List the boards, the names of their firmware files, and where to download them."""
    known = releases()
    types = [each for each in board_types.all_types() if each.name != board_types.VIRTUAL]
    if as_json:
        for each in types:
            output.print_row(
                "firmware",
                {
                    "board": each.name,
                    "title": each.title,
                    "chip": each.chip,
                    "memory_bytes": each.total_kb * 1024,
                    "files": [f"{image}_micropython_" for image in each.images],
                    "canmv": list(known.supported),
                    "nncase": known.nncase,
                    "downloads": list(known.downloads),
                },
            )
        return
    flat = []
    for each in types:
        chip = f"{each.chip}, {each.total_kb // 1024} MB"
        for index, image in enumerate(each.images):
            flat.append(["", "", image] if index else [each.name, chip, image])
    output.print_table("boards", ["board", "chip", "the file's name begins with"], flat)
    output.print_line(f"files: {known.name_form}")
    output.print_line(
        f"take CanMV {' or '.join(known.supported)} with nncase {known.nncase}, from:"
    )
    for url in known.downloads:
        output.print_line(f"  {url}")


@firmware.command("check", short_help="Check a firmware image: what it is, whether it fits.")
@click.argument("image", type=click.Path(path_type=Path))
@board_type_option
@click.option(
    "--package",
    "packages",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FOLDER|ZIP",
    help="A deployment package that should run on it; repeatable.",
)
@click.option("--card", metavar="DEVICE", help="The card to write it to; its size is checked.")
@json_option
def check(
    image: Path, board: str | None, packages: tuple[Path, ...], card: str | None, as_json: bool
) -> None:
    """Check IMAGE (.img, .img.gz, .kdimg): what it is, whether it is complete and fits.

    Board and versions are read from the file's content, else from its name. A file IMAGE.md5
    or IMAGE.sha256 beside it is compared.
    """
    with bar(as_json) as progress:
        facts = inspect(image, progress)
    room = devices.find(card).size if card is not None else None
    problems = fits(facts, board, room)
    for package in packages:
        problems += [
            Problem(each.code, f"{package}: {each.text}")
            for each in fits(facts, nncase=nncase_of(read_package(package)))
            if each.code == "nncase"
        ]
    if as_json:
        found = {"problems": [each._asdict() for each in problems]}
        output.print_row("image", report_of(facts) | found)
        if problems:
            click.get_current_context().exit(Trouble.exit_code)
        return
    for line in lines_of(facts):
        output.print_line(line)
    if problems:
        raise Trouble("; ".join(each.text for each in problems))
    output.print_line("ok")


def report_of(facts: ImageFacts) -> dict[str, Any]:
    """Return the facts of an image as JSON."""
    return {
        "image": str(facts.path),
        "form": facts.form,
        "compressed": facts.compressed,
        "size_bytes": facts.file_size,
        "card_bytes": facts.card_size,
        "boards": list(facts.boards),
        "board_from": facts.board_from or None,
        "canmv": facts.canmv,
        "nncase": facts.nncase,
        "nncase_from": facts.nncase_from or None,
        "hash": facts.hash,
    }


_FROM = {
    "image": "",
    "name": " (by the file's name)",
    "header": " (by the file's header)",
    "release": " (by the CanMV version)",
    "": "",
}


def lines_of(facts: ImageFacts) -> list[str]:
    """Return the facts of an image as lines of text."""
    titles = [board_types.find(name).title for name in facts.boards]
    form = f".{facts.form}" + (".gz" if facts.compressed else "")
    rows = [
        ("file", facts.path.name),
        ("form", f"{form}, {devices.size_text(facts.file_size)}"),
        ("card", f"needs {devices.size_text(facts.card_size)}"),
        ("board", (" or ".join(titles) or "not said") + _FROM[facts.board_from]),
        ("CanMV", facts.canmv or "not said"),
        ("nncase", (facts.nncase or "not said") + _FROM[facts.nncase_from]),
        ("hash", f"{facts.hash} matches the release" if facts.hash else _unhashed(facts)),
    ]
    return [f"{name:8}{text}" for name, text in rows]


def _unhashed(facts: ImageFacts) -> str:
    if facts.form == "kdimg":
        return "each part matches the SHA-256 in the file's table"
    if facts.compressed:
        return "complete, by the CRC-32 of the .gz"
    return "not checked: there is no .md5 file beside it"
