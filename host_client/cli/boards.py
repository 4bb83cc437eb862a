"""The verbs snapshot, tasks, switch and infer."""

from __future__ import annotations

from pathlib import Path

import click

from host_client.base.wording import quantity
from host_client.board import Board
from host_client.cli import output
from host_client.cli.drawings import drawing_places, drawings_option, make_folder
from host_client.cli.files import write_file
from host_client.cli.names import helping
from host_client.cli.options import (
    BoardCommand,
    board_verb,
    for_each_image,
    on_card_option,
    picture_named,
)
from host_client.cli.progress import waiting
from host_client.drawing.result import draw


@click.command(cls=BoardCommand)
@board_verb
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "--quality",
    type=click.IntRange(5, 95),
    metavar="N",
    help="JPEG quality, 5 to 95 (default: preview.quality).",
)
@click.option(
    "--every",
    type=click.FloatRange(min=0.05),
    metavar="SECONDS",
    help="Save a new picture at this interval, until Ctrl-C.",
)
@click.option(
    "--count", type=click.IntRange(min=1), help="With --every: stop after N pictures.", metavar="N"
)
async def snapshot(
    board: Board,
    *,
    as_json: bool,
    target: Path,
    quality: int | None,
    every: float | None,
    count: int | None,
) -> None:
    """Save a JPEG snapshot from the board's camera to TARGET.

    Needs preview.enabled on the board. With --every, the file is replaced each time, for
    viewers that reload it.
    """
    saved = 0
    async for data in board.previews(every or 0.0, quality):
        write_file(target, data)
        saved += 1
        if as_json:
            output.print_row("file", {"file": str(target), "size_bytes": len(data)}, board)
        else:
            output.print_line(f"{target}: {quantity(len(data), 'byte')}")
        if every is None or saved == count:
            return


@click.command(cls=BoardCommand)
@board_verb
async def tasks(board: Board, *, as_json: bool) -> None:
    """List the tasks on the card of the board at URL."""
    rows = await board.tasks()
    if as_json:
        for row in rows:
            output.print_row("task", row._asdict(), board)
        return
    cells = [
        [
            "▶" if row.active else "",
            row.name,
            row.task or "–",
            row.package or "–",
            row.problem or "",
        ]
        for row in rows
    ]
    output.print_table("tasks", ["", "name", "task", "package", "problem"], cells)


@click.command(cls=BoardCommand)
@board_verb
@click.argument("task")
async def switch(board: Board, *, as_json: bool, task: str) -> None:
    """Switch the board at URL to TASK. `k230 tasks` lists the tasks."""

    async def names() -> list[str]:
        return [row.name for row in await board.tasks()]

    async with helping("task", task, names):
        with waiting(as_json, f"switching to {task}"):
            report = await board.switch(task)
    if as_json:
        output.print_row("switch", report._asdict(), board)
    else:
        output.print_map(f"running {report.task}", report._asdict())


@click.command(cls=BoardCommand)
@board_verb
@on_card_option
@drawings_option
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
async def infer(
    board: Board, *, as_json: bool, on_card: bool, out: Path | None, images: tuple[str, ...]
) -> int:
    """Send each IMAGE to the board at URL and show the results.

    IMAGE can be - for stdin. Pictures are decoded on this computer; the EXIF orientation is
    ignored. With --on-card the board decodes them in RGB565, so scores may differ slightly.
    """
    if on_card and out is not None:
        raise click.UsageError("--out needs pictures on this computer: remove --on-card")
    return await infer_all(board, images, as_json, on_card, out)


async def infer_all(
    board: Board,
    images: tuple[str, ...],
    as_json: bool,
    on_card: bool = False,
    out: Path | None = None,
) -> int:
    """Send pictures, or name pictures on the card, in order; print each answer.

    out: folder for copies of the pictures with the answers drawn into them.
    """
    places: dict[Path, Path] = {}
    if out is not None:
        make_folder(out)
        places = drawing_places([Path(image) for image in images], out)

    async def show(image: str) -> None:
        source = image if on_card else picture_named(image)
        result = await (board.infer_on_card(image) if on_card else board.infer(source))
        if out is not None:
            draw(source, result, places[Path(image)])
        if as_json:
            output.print_json(result.to_dict())
        else:
            output.print_line(f"{image}: {output.summary(result)}")

    return await for_each_image(images, as_json, show)
