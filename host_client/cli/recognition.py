"""The verbs enroll and recognize."""

from __future__ import annotations

from typing import Any

import click

from host_client.base.wording import quantity
from host_client.board import Board
from host_client.cli import output
from host_client.cli.options import (
    BoardCommand,
    board_verb,
    for_each_image,
    on_card_option,
    picture_named,
)
from host_client.cli.progress import bar
from host_client.commands.gallery_answers import Enrolment, Recognition, Recognized, Region


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
    "--region", type=_RegionType(), help="Use only this part of the camera frame, in pixels."
)
_seconds = click.option(
    "--seconds",
    type=click.IntRange(1, 3600),
    metavar="SECONDS",
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


@click.command(cls=BoardCommand)
@board_verb
@click.argument("label")
@_images
@click.option(
    "--frames",
    type=click.IntRange(1, 100),
    metavar="N",
    default=5,
    show_default=True,
    help="Number of good camera frames to enroll.",
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
    """Enroll samples of LABEL on the board at URL.

    Uses the next good camera frames, or each IMAGE. Needs a metric-learning task.
    """

    async def enroll_image(image: str) -> None:
        picture, path = _source(image, on_card)
        done = await board.gallery.enroll(label, picture, path=path, negative=negative)
        _print_enrolment(board, done, as_json)

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
    _print_enrolment(board, done, as_json)
    return 0


def _source(image: str, on_card: bool) -> tuple[str | bytes | None, str | None]:
    """Return the picture on this computer and the one on the card: one of them."""
    return (None, image) if on_card else (picture_named(image), None)


def _print_enrolment(board: Board, done: Enrolment, as_json: bool) -> None:
    if as_json:
        output.print_row("enrolment", done._asdict(), board)
        return
    numbers = ", ".join(f"#{number}" for number in done.added)
    negative = f" and {done.negatives} negative" if done.negatives else ""
    output.print_line(
        f"{done.label}: {numbers} enrolled; the label now has {quantity(done.samples, 'sample')}{negative}, "
        f"the gallery {done.gallery} has {done.total_samples}"
    )
    for reason, refused in done.refused.items():
        seen = quantity(done.frames_seen, "frame")
        output.note(f"k230: {refused} of {seen} refused: {reason}")
    for warning in done.warnings:
        output.note(f"k230: warning: {warning}")


@click.command(cls=BoardCommand, short_help="Identify what the camera or pictures show.")
@board_verb
@_images
@click.option(
    "--top",
    type=click.IntRange(1, 50),
    metavar="N",
    default=5,
    show_default=True,
    help="Best labels to show.",
)
@on_card_option
@_region
@click.option("--stream", is_flag=True, help="Repeat for each new frame, until Ctrl-C.")
@click.option(
    "--count", type=click.IntRange(min=1), help="With --stream: stop after N frames.", metavar="N"
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

    `k230 watch` prints the decision for every frame; this command also prints the next best
    labels.
    """

    async def recognize_image(image: str) -> None:
        picture, path = _source(image, on_card)
        answer = await board.gallery.recognize(picture, path=path, top=top)
        _print_recognition(board, answer, as_json)

    if images:
        return await for_each_image(images, as_json, recognize_image)
    seen = 0
    while True:
        answer = await board.gallery.recognize(top=top, region=region, seconds=seconds)
        _print_recognition(board, answer, as_json)
        seen += 1
        if not stream or seen == count:
            return 0


def _print_recognition(board: Board, answer: Recognition, as_json: bool) -> None:
    if as_json:
        row: dict[str, Any] = answer._asdict()
        row["found"] = [_recognized_json(item) for item in answer.found]
        output.print_row("recognition", row, board)
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
    row["box"] = None if item.box is None else dict(zip("xywh", item.box, strict=True))
    return row
