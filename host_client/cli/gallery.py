"""Verbs of metric learning: enroll, recognize, gallery."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from host_client.base.exceptions import CommandFailed, GalleryFileError
from host_client.board import Board
from host_client.cli import output
from host_client.cli.options import board_verb, for_each_image, json_option, on_card_option
from host_client.cli.progress import bar
from host_client.cli.score_chart import save_chart, text_chart
from host_client.commands.gallery import remove_target
from host_client.commands.gallery_answers import Enrolment, Recognition, Recognized, Region
from host_client.commands.gallery_file import load, read_file


class _RegionType(click.ParamType):  # type: ignore[type-arg]
    name = "X,Y,WIDTH,HEIGHT"

    def convert(self, value: Any, param: Any, ctx: Any) -> Region:
        if isinstance(value, tuple):
            return value
        try:
            x, y, width, height = [int(part) for part in str(value).split(",")]
        except ValueError:
            self.fail(f"expected X,Y,WIDTH,HEIGHT in pixels, found {value!r}", param, ctx)
        return x, y, width, height


_region = click.option(
    "--region", type=_RegionType(), help="Part of the camera's frame to look at, in pixels."
)
_seconds = click.option(
    "--seconds",
    type=click.IntRange(1, 3600),
    default=60,
    show_default=True,
    help="Give up after this many seconds without enough good frames.",
)


def _need_images(
    context: click.Context, parameter: click.Parameter, images: tuple[str, ...]
) -> tuple[str, ...]:
    if context.params.get("on_card") and not images:
        raise click.UsageError("--on-card: expected the path of each IMAGE on the board's card")
    return images


_images = click.argument("images", nargs=-1, metavar="[IMAGE]...", callback=_need_images)


@click.command()
@board_verb
@click.argument("label")
@_images
@click.option(
    "--frames",
    type=click.IntRange(1, 100),
    default=5,
    show_default=True,
    help="Good camera frames to take.",
)
@on_card_option
@_region
@click.option(
    "--negative",
    is_flag=True,
    help="Enroll as negative examples: pictures that must not match LABEL.",
)
@_seconds
async def enroll(
    board: Board,
    *,
    as_json: bool,
    label: str,
    images: tuple[str, ...],
    on_card: bool,
    frames: int,
    region: Region | None,
    negative: bool,
    seconds: int,
) -> int:
    """Teach the board at URL what LABEL looks like.

    Takes the next good camera frames, or each IMAGE.
    """

    async def enroll_image(image: str) -> None:
        picture, path = _source(image, on_card)
        done = await board.gallery.enroll(label, picture, path=path, negative=negative)
        _print_enrolment(done, as_json)

    if images:
        return await for_each_image(images, as_json, enroll_image)
    with bar(as_json, counted=True) as progress:
        done = await board.gallery.enroll(
            label,
            frames=frames,
            region=region,
            negative=negative,
            seconds=seconds,
            progress=progress,
        )
    _print_enrolment(done, as_json)
    return 0


def _source(image: str, on_card: bool) -> tuple[str | None, str | None]:
    """Return the picture on this computer and the one on the card: one of them."""
    return (None, image) if on_card else (image, None)


def _print_enrolment(done: Enrolment, as_json: bool) -> None:
    if as_json:
        output.print_json(done._asdict())
        return
    numbers = ", ".join(f"#{number}" for number in done.added)
    negative = f" and {done.negatives} negative" if done.negatives else ""
    output.print_line(
        f"{done.label}: {numbers} enrolled; it has {done.samples} samples{negative}, "
        f"the gallery {done.gallery} {done.total_samples}"
    )
    for reason, count in done.refused.items():
        output.note(f"k230: {count} of {done.frames_seen} frames not taken: {reason}")
    for warning in done.warnings:
        output.note(f"k230: warning: {warning}")


@click.command()
@board_verb
@_images
@click.option(
    "--top", type=click.IntRange(1, 50), default=5, show_default=True, help="Labels to show."
)
@on_card_option
@_region
@click.option("--stream", is_flag=True, help="Repeat for each next frame, until Ctrl-C.")
@click.option(
    "--count", type=click.IntRange(min=1), help="With --stream: stop after N.", metavar="N"
)
@_seconds
async def recognize(
    board: Board,
    *,
    as_json: bool,
    images: tuple[str, ...],
    on_card: bool,
    top: int,
    region: Region | None,
    stream: bool,
    count: int | None,
    seconds: int,
) -> int:
    """Identify the current camera frame, or each IMAGE, against the gallery.

    `k230 watch` shows the decision for every frame; this shows the runners-up too.
    """

    async def recognize_image(image: str) -> None:
        picture, path = _source(image, on_card)
        answer = await board.gallery.recognize(picture, path=path, top=top)
        _print_recognition(answer, as_json)

    if images:
        return await for_each_image(images, as_json, recognize_image)
    seen = 0
    while True:
        answer = await board.gallery.recognize(top=top, region=region, seconds=seconds)
        _print_recognition(answer, as_json)
        seen += 1
        if not stream or seen == count:
            return 0


def _print_recognition(answer: Recognition, as_json: bool) -> None:
    if as_json:
        row: dict[str, Any] = {"gallery": answer.gallery, "threshold": answer.threshold}
        if answer.image is not None:
            row["image"] = answer.image
        row["found"] = [_recognized_json(item) for item in answer.found]
        output.print_json(row)
        return
    head = f"{answer.image}: " if answer.image else ""
    if not answer.found:
        output.print_line(f"{head}nothing found")
    for item in answer.found:
        what = item.identity if item.identity is not None else f"unknown ({item.reason})"
        place = "" if item.box is None else " @{},{} {}x{}".format(*item.box)
        others = ", ".join(f"{match.label} {match.score:.3f}" for match in item.matches)
        output.print_line(
            f"{head}{what} {item.score:.3f} (margin {item.margin:.3f}){place}; best: {others}"
        )
        if item.light:
            output.note(f"k230: the picture is {item.light}")


def _recognized_json(item: Recognized) -> dict[str, Any]:
    row = item._asdict()
    row["matches"] = [match._asdict() for match in item.matches]
    return row


@click.group()
def gallery() -> None:
    """Manage the galleries on a board."""


@gallery.command("list")
@board_verb
async def list_(board: Board, *, as_json: bool) -> None:
    """Show the labels of the gallery in use, and the galleries on the card."""
    info = await board.gallery.list()
    if as_json:
        row = info._asdict()
        row["labels"] = [label._asdict() for label in info.labels]
        output.print_json(row)
        return
    if info.problem:
        output.note(f"k230: {info.problem}")
    others = ", ".join(f"{name} ({size} bytes)" for name, size in info.galleries.items())
    title = (
        f"gallery {info.selected or '–'}: {info.samples} samples and {info.negatives} negative "
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


@gallery.command()
@board_verb
@click.argument("label")
async def show(board: Board, *, as_json: bool, label: str) -> None:
    """Show the samples of LABEL and how near they are to each other and to other labels."""
    samples = await board.gallery.show(label)
    if as_json:
        for sample in samples:
            output.print_json(sample._asdict())
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
    output.print_table(f"{label}: {len(samples)} samples", heads, rows)


@gallery.command()
@board_verb
@click.argument("label")
@click.argument("to")
async def rename(board: Board, *, as_json: bool, label: str, to: str) -> None:
    """Give LABEL the text TO."""
    await board.gallery.rename(label, to)
    await _print_totals(board, as_json)


@gallery.command()
@board_verb
@click.argument("target", metavar="LABEL|SAMPLE")
async def remove(board: Board, *, as_json: bool, target: str) -> None:
    """Remove a label with all its samples, or one sample (17 or #17)."""
    try:
        await board.gallery.remove(target)
    except CommandFailed as error:
        number = remove_target(error, target)
        if number is None:
            raise
        await board.gallery.remove(sample=number)
    await _print_totals(board, as_json)


@gallery.command()
@board_verb
async def clear(board: Board, *, as_json: bool) -> None:
    """Remove everything from the gallery in use."""
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


@gallery.command()
@board_verb
@click.argument("label")
@click.argument("value", type=_ThresholdType(), metavar="VALUE|none")
async def threshold(board: Board, *, as_json: bool, label: str, value: float | str) -> None:
    """Give LABEL its own threshold (a cosine 0...1), or none."""
    await board.gallery.set_threshold(label, None if isinstance(value, str) else value)
    await _print_totals(board, as_json)


@gallery.command()
@board_verb
@click.argument("name", metavar="NAME|none")
async def select(board: Board, *, as_json: bool, name: str) -> None:
    """Use the gallery NAME from now on (new if the card has none of that name); none: no gallery."""
    await board.gallery.select(None if name == "none" else name)
    await _print_totals(board, as_json)


@gallery.command()
@board_verb
@click.argument("name")
async def delete(board: Board, *, as_json: bool, name: str) -> None:
    """Remove the gallery NAME from the card."""
    await board.gallery.delete(name)
    await _print_totals(board, as_json)


async def _print_totals(board: Board, as_json: bool) -> None:
    """Print what the gallery holds after a change."""
    info = await board.gallery.list()
    total = info.samples + info.negatives
    if as_json:
        output.print_json({"gallery": info.selected, "labels": len(info.labels), "samples": total})
    else:
        name = info.selected or "none"
        output.print_line(f"gallery {name}: {len(info.labels)} labels, {total} samples")


@gallery.command()
@board_verb
@click.option(
    "--picture", type=click.Path(dir_okay=False), metavar="FILE.png", help="Draw the scores there."
)
async def suggest(board: Board, *, as_json: bool, picture: str | None) -> None:
    """Propose a threshold from what is enrolled, and show the scores it comes from."""
    with bar(as_json, counted=True) as progress:
        answer = await board.gallery.suggest(progress=progress)
    if as_json:
        output.print_json(answer._asdict())
    else:
        for line in text_chart(answer):
            output.print_line(line)
        output.print_line(
            f"suggested threshold {answer.threshold:.3f}: {answer.refused} of "
            f"{len(answer.within)} samples refused, {answer.accepted} of {len(answer.between)} "
            f"accepted for another label (in force: {answer.current:.3f})"
        )
        output.print_line(
            f"k230 set {board.address} confidence_threshold={answer.threshold:.3f} --save "
            "puts it in force"
        )
    if picture is not None:
        await _save(picture, lambda: save_chart(answer, picture))


@gallery.command("export")
@board_verb
@click.argument("file", type=click.Path(dir_okay=False))
async def export(board: Board, *, as_json: bool, file: str) -> None:
    """Write the gallery in use to FILE."""
    with bar(as_json) as progress:
        data = await board.gallery.export(progress=progress)
    await _save(file, lambda: Path(file).write_bytes(data))
    held = read_file(data)
    if as_json:
        output.print_json({"file": file, "bytes": len(data), "labels": len(held.labels)})
    else:
        output.print_line(f"{file}: {len(data)} bytes, {len(held.labels)} labels")


@gallery.command("import")
@board_verb
@click.argument("file", type=click.Path(dir_okay=False))
@click.option("--name", help="Its name on the card (default: the file's).")
async def import_(board: Board, *, as_json: bool, file: str, name: str | None) -> None:
    """Put the exported gallery FILE on the card; `gallery select` then uses it."""
    title = name or Path(file).name.split(".")[0]
    with bar(as_json) as progress:
        total = await board.gallery.import_(file, title, progress=progress)
    if as_json:
        output.print_json({"gallery": title, "samples": total})
    else:
        output.print_line(f"gallery {title}: {total} samples")


@gallery.command()
@click.argument("file", type=click.Path(dir_okay=False))
@json_option
def check(file: str, as_json: bool) -> None:
    """Check a gallery's FILE on this computer, byte by byte, and show what it holds."""
    held = read_file(load(file))
    if as_json:
        row = held._asdict()
        row["labels"] = [label._asdict() for label in held.labels]
        output.print_json(row)
        return
    title = f"{file}: whole; {held.dimension} values, kmodel SHA-256 {held.sha256}"
    rows = [[label.label, str(label.samples), str(label.negatives)] for label in held.labels]
    output.print_table(title, ["label", "samples", "negative"], rows)


async def _save(path: str, write: Callable[[], Any]) -> None:
    try:
        await asyncio.get_running_loop().run_in_executor(None, write)
    except (OSError, ValueError) as error:
        raise GalleryFileError(f"{path} can't be written: {error}") from error
