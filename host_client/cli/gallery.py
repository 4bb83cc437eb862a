"""The verbs of `k230 gallery`."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import click

from host_client.base.exceptions import CommandFailed
from host_client.base.wording import quantity
from host_client.board import Board
from host_client.cli import output
from host_client.cli.files import write_file
from host_client.cli.names import Verbs, helping, no_such
from host_client.cli.options import BoardCommand, board_verb, json_option
from host_client.cli.progress import bar
from host_client.cli.score_chart import chart_bytes, text_chart
from host_client.commands.gallery import remove_target
from host_client.commands.gallery_answers import Suggestion
from host_client.commands.gallery_file import load, read_file


@click.group(cls=Verbs)
def gallery() -> None:
    """Manage the galleries on a board."""


@gallery.command(
    "list", cls=BoardCommand, short_help="List the labels, and the galleries on the card."
)
@board_verb
async def list_(board: Board, *, as_json: bool) -> None:
    """List the labels of the selected gallery, and the galleries on the card."""
    info = await board.gallery.list()
    if as_json:
        row = info._asdict()
        row["labels"] = [label._asdict() for label in info.labels]
        row["galleries"] = [
            {"name": name, "size_bytes": size} for name, size in info.galleries.items()
        ]
        output.print_row("gallery", row, board)
        return
    if info.problem:
        output.note(f"k230: {info.problem}")
    others = ", ".join(
        f"{name} ({quantity(size, 'byte')})" for name, size in info.galleries.items()
    )
    title = (
        f"gallery {info.selected or '–'}: {quantity(info.samples, 'sample')} and {info.negatives} negative "
        f"of {info.capacity}, threshold {info.threshold:.3f}, margin {info.margin:.3f}, "
        f"{info.combine}; on the card: {others or 'none'}"
    )
    rows = [
        [
            label.label,
            str(label.samples),
            str(label.negatives),
            "–" if label.threshold is None else f"{label.threshold:.3f}",
        ]
        for label in info.labels
    ]
    output.print_table(title, ["label", "samples", "negative", "threshold"], rows)


@gallery.command(cls=BoardCommand, short_help="List the samples of a label, with their cosines.")
@board_verb
@click.argument("label")
async def show(board: Board, *, as_json: bool, label: str) -> None:
    """List the samples of LABEL, with their best cosines within and to other labels."""
    async with _label(board, label):
        samples = await board.gallery.show(label)
    if as_json:
        for sample in samples:
            output.print_row("sample", {"label": label, **sample._asdict()}, board)
        return
    rows = [
        [
            f"#{sample.number}",
            "yes" if sample.negative else "",
            "–" if sample.own is None else f"{sample.own:.3f}",
            "–" if sample.other is None else f"{sample.other:.3f}",
            sample.other_label or "–",
        ]
        for sample in samples
    ]
    heads = ["sample", "negative", "best within", "best elsewhere", "of"]
    output.print_table(f"{label}: {quantity(len(samples), 'sample')}", heads, rows)


@gallery.command(cls=BoardCommand)
@board_verb
@click.argument("label")
@click.argument("to")
async def rename(board: Board, *, as_json: bool, label: str, to: str) -> None:
    """Rename LABEL to TO."""
    async with _label(board, label):
        await board.gallery.rename(label, to)
    await _print_totals(board, as_json)


@gallery.command(cls=BoardCommand)
@board_verb
@click.argument("target", metavar="LABEL|SAMPLE")
async def remove(board: Board, *, as_json: bool, target: str) -> None:
    """Remove LABEL with all its samples, or one SAMPLE (17 or #17)."""
    try:
        await board.gallery.remove(target)
    except CommandFailed as error:
        number = remove_target(error, target)
        async with _label(board, target):
            if number is None:
                raise
            await board.gallery.remove(sample=number)
    await _print_totals(board, as_json)


@gallery.command(cls=BoardCommand)
@board_verb
async def clear(board: Board, *, as_json: bool) -> None:
    """Remove all labels and samples from the selected gallery."""
    await board.gallery.clear()
    await _print_totals(board, as_json)


class _ThresholdType(click.ParamType):  # type: ignore[type-arg]
    name = "VALUE|none"

    def convert(self, value: Any, param: Any, ctx: Any) -> float | str:
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if value != "none" and not 0 <= number <= 1:
            self.fail(f"expected a number 0...1 or none, found {value!r}", param, ctx)
        return value if value == "none" else number


@gallery.command(cls=BoardCommand, short_help="Set or remove the threshold of a label.")
@board_verb
@click.argument("label")
@click.argument("value", type=_ThresholdType(), metavar="VALUE|none")
async def threshold(board: Board, *, as_json: bool, label: str, value: float | str) -> None:
    """Set LABEL's own threshold (a cosine 0...1), or remove it with none."""
    async with _label(board, label):
        await board.gallery.set_threshold(label, None if isinstance(value, str) else value)
    await _print_totals(board, as_json)


@gallery.command(cls=BoardCommand)
@board_verb
@click.option("--new", is_flag=True, help="Create an empty gallery of this name.")
@click.argument("name", metavar="NAME|none")
async def select(board: Board, *, as_json: bool, new: bool, name: str) -> None:
    """Select the gallery NAME; none selects no gallery."""
    if name != "none":
        known = await _galleries(board)
        if not new and name not in known:
            text = no_such("gallery", name, sorted(known))
            raise CommandFailed("not_found", f"{text}; --new creates an empty one")
        if new and name in known:
            raise CommandFailed("failed", f"the card has a gallery {name}: select it without --new")
    await board.gallery.select(None if name == "none" else name)
    await _print_totals(board, as_json)


@gallery.command(cls=BoardCommand)
@board_verb
@click.argument("name")
async def delete(board: Board, *, as_json: bool, name: str) -> None:
    """Delete the gallery NAME from the card."""
    async with helping("gallery", name, lambda: _galleries(board)):
        await board.gallery.delete(name)
    await _print_totals(board, as_json)


async def _galleries(board: Board) -> set[str]:
    """Return the names of the galleries on the card, and of the selected one."""
    info = await board.gallery.list()
    return {*info.galleries, *([info.selected] if info.selected else [])}


def _label(board: Board, label: str) -> contextlib.AbstractAsyncContextManager[None]:
    async def labels() -> list[str]:
        return [row.label for row in (await board.gallery.list()).labels]

    return helping("label", label, labels)


async def _print_totals(board: Board, as_json: bool) -> None:
    """Print the totals of the gallery after a change."""
    info = await board.gallery.list()
    total = info.samples + info.negatives
    if as_json:
        totals = {"gallery": info.selected, "labels": len(info.labels), "total_samples": total}
        output.print_row("gallery_totals", totals, board)
    else:
        name = info.selected or "none"
        output.print_line(
            f"gallery {name}: {quantity(len(info.labels), 'label')}, {quantity(total, 'sample')}"
        )


@gallery.command(cls=BoardCommand, short_help="Suggest a threshold from the enrolled samples.")
@board_verb
@click.option(
    "--picture", type=click.Path(), metavar="FILE.png", help="Save a chart of the scores."
)
async def suggest(board: Board, *, as_json: bool, picture: str | None) -> None:
    """Suggest a threshold from the enrolled samples, and show their scores."""
    with bar(as_json, counted=True) as progress:
        answer = await board.gallery.suggest(progress=progress)
    if as_json:
        output.print_row("suggestion", answer._asdict(), board)
    else:
        for line in text_chart(answer):
            output.print_line(line)
        output.print_line(
            f"suggested threshold {answer.threshold:.3f}: {answer.refused} of "
            f"{quantity(len(answer.within), 'sample')} refused, {answer.accepted} of {len(answer.between)} "
            f"accepted for another label (current: {answer.current:.3f})"
        )
        output.print_line(
            f"to use it: k230 set {board.address} "
            f"confidence_threshold={answer.threshold:.3f} --save"
        )
    if picture is not None:
        write_file(picture, _chart(answer, picture))


@gallery.command("export", cls=BoardCommand)
@board_verb
@click.argument("file", type=click.Path())
async def export(board: Board, *, as_json: bool, file: str) -> None:
    """Save the selected gallery to FILE."""
    with bar(as_json) as progress:
        data = await board.gallery.export(progress=progress)
    write_file(file, data)
    held = read_file(data)
    if as_json:
        output.print_row(
            "file", {"file": file, "size_bytes": len(data), "labels": len(held.labels)}, board
        )
    else:
        output.print_line(
            f"{file}: {quantity(len(data), 'byte')}, {quantity(len(held.labels), 'label')}"
        )


@gallery.command("import", cls=BoardCommand, short_help="Copy an exported gallery to the card.")
@board_verb
@click.argument("file", type=click.Path())
@click.option("--name", help="Name on the card (default: the file's name).")
async def import_(board: Board, *, as_json: bool, file: str, name: str | None) -> None:
    """Copy the exported gallery FILE to the card; `k230 gallery select` selects it."""
    title = name or Path(file).name.split(".")[0]
    with bar(as_json) as progress:
        total = await board.gallery.import_(file, title, progress=progress)
    if as_json:
        output.print_row("gallery_imported", {"gallery": title, "total_samples": total}, board)
    else:
        output.print_line(f"gallery {title}: {quantity(total, 'sample')}")


@gallery.command(short_help="Check a gallery file on this computer.")
@click.argument("file", type=click.Path())
@json_option
def check(file: str, as_json: bool) -> None:
    """Check every byte of a gallery FILE on this computer, and list its labels."""
    held = read_file(load(file))
    if as_json:
        row = held._asdict()
        row["labels"] = [label._asdict() for label in held.labels]
        output.print_row("gallery_content", {"file": file, **row})
        return
    title = f"{file}: valid; {held.dimension} values, kmodel SHA-256 {held.sha256}"
    rows = [[label.label, str(label.samples), str(label.negatives)] for label in held.labels]
    output.print_table(title, ["label", "samples", "negative"], rows)


def _chart(answer: Suggestion, picture: str) -> bytes:
    try:
        return chart_bytes(answer, picture)
    except (ValueError, OSError) as error:
        raise click.UsageError(f"--picture: {error}") from None
