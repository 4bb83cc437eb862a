"""Verbs of metric learning: enroll, recognize, gallery."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import click

from host_client.base.exceptions import CommandFailed, GalleryFileError, K230Error
from host_client.board import Board
from host_client.cli import output
from host_client.cli.options import board_options, connect, json_option, run_async
from host_client.cli.progress import bar
from host_client.cli.score_chart import save_chart, text_chart
from host_client.commands.gallery import remove_target
from host_client.commands.gallery_answers import Enrolment, Recognition, Recognized, Region
from host_client.commands.gallery_file import read_file


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
_card = click.option(
    "--card", "on_card", multiple=True, metavar="PATH", help="A picture on the board's card."
)
_seconds = click.option(
    "--seconds",
    type=click.IntRange(1, 3600),
    default=60,
    show_default=True,
    help="Wait for so long for good frames.",
)


@click.command()
@board_options
@click.argument("label")
@click.argument("images", nargs=-1, metavar="[IMAGE]...")
@click.option(
    "--frames",
    type=click.IntRange(1, 100),
    default=5,
    show_default=True,
    help="Good camera frames to take.",
)
@_card
@_region
@click.option("--negative", is_flag=True, help="They show what is not LABEL.")
@_seconds
def enroll(
    *,
    url: str,
    key: str | None,
    wait: float,
    as_json: bool,
    label: str,
    images: tuple[str, ...],
    on_card: tuple[str, ...],
    frames: int,
    region: Region | None,
    negative: bool,
    seconds: int,
) -> int:
    """Teach the board at URL what LABEL looks like.

    Takes the next good camera frames, or each IMAGE and each picture on the card.
    """

    async def work(board: Board) -> int:
        if not images and not on_card:
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
        return await _each(images, on_card, as_json, lambda image, path: one(board, image, path))

    async def one(board: Board, image: str | None, path: str | None) -> None:
        done = await board.gallery.enroll(label, image, path=path, negative=negative)
        _print_enrolment(done, as_json)

    return _with_board(url, key, wait, work)


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
        output.note(f"k230: look at this: {warning}")


@click.command()
@board_options
@click.argument("images", nargs=-1, metavar="[IMAGE]...")
@click.option(
    "--top", type=click.IntRange(1, 50), default=5, show_default=True, help="Labels to show."
)
@_card
@_region
@click.option("--stream", is_flag=True, help="Go on with the next frame, until Ctrl-C.")
@click.option("--count", type=click.IntRange(min=1), help="With --stream: end after so many.")
@_seconds
def recognize(
    *,
    url: str,
    key: str | None,
    wait: float,
    as_json: bool,
    images: tuple[str, ...],
    on_card: tuple[str, ...],
    top: int,
    region: Region | None,
    stream: bool,
    count: int | None,
    seconds: int,
) -> int:
    """Show whose the board's current frame, or each IMAGE, is.

    `k230 watch` shows the decision for every frame; this shows the runners-up too.
    """

    async def work(board: Board) -> int:
        if images or on_card:
            return await _each(
                images, on_card, as_json, lambda image, path: one(board, image, path)
            )
        seen = 0
        while True:
            found = await board.gallery.recognize(top=top, region=region, seconds=seconds)
            _print_recognition(found, as_json)
            seen += 1
            if not stream or seen == count:
                return 0

    async def one(board: Board, image: str | None, path: str | None) -> None:
        _print_recognition(await board.gallery.recognize(image, path=path, top=top), as_json)

    return _with_board(url, key, wait, work)


def _print_recognition(found: Recognition, as_json: bool) -> None:
    if as_json:
        row: dict[str, Any] = {"gallery": found.gallery, "threshold": found.threshold}
        if found.image is not None:
            row["image"] = found.image
        row["found"] = [_recognized_json(each) for each in found.found]
        output.print_json(row)
        return
    head = f"{found.image}: " if found.image else ""
    if not found.found:
        output.print_line(f"{head}nothing found")
    for each in found.found:
        what = each.identity if each.identity is not None else f"unknown ({each.reason})"
        place = "" if each.box is None else " @{},{} {}x{}".format(*each.box)
        others = ", ".join(f"{match.label} {match.score:.3f}" for match in each.matches)
        output.print_line(
            f"{head}{what} {each.score:.3f} (margin {each.margin:.3f}){place}; best: {others}"
        )
        if each.light:
            output.note(f"k230: the picture is {each.light}")


def _recognized_json(each: Recognized) -> dict[str, Any]:
    row = each._asdict()
    row["matches"] = [match._asdict() for match in each.matches]
    return row


async def _each(
    images: tuple[str, ...],
    on_card: tuple[str, ...],
    as_json: bool,
    one: Callable[[str | None, str | None], Awaitable[None]],
) -> int:
    """Do one picture after another; one that fails does not stop the others."""
    exit_code = 0
    for image, path in [(image, None) for image in images] + [(None, path) for path in on_card]:
        try:
            await one(image, path)
        except K230Error as error:
            if len(images) + len(on_card) == 1:
                raise
            if not as_json:
                output.note(f"{image or path}:")
            output.print_error(error, as_json)
            exit_code = exit_code or error.exit_code
    return exit_code


def _with_board(
    url: str, key: str | None, wait: float, work: Callable[[Board], Awaitable[int | None]]
) -> int:
    async def run() -> int:
        async with connect(url, key, wait) as board:
            return await work(board) or 0

    return run_async(run())


@click.group()
def gallery() -> None:
    """What is enrolled on a board: list, change, move, choose galleries."""


@gallery.command("list")
@board_options
def list_(url: str, key: str | None, wait: float, as_json: bool) -> int:
    """Show the labels of the gallery in use, and the galleries on the card."""

    async def work(board: Board) -> None:
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

    return _with_board(url, key, wait, work)


@gallery.command()
@board_options
@click.argument("label")
def show(url: str, key: str | None, wait: float, as_json: bool, label: str) -> int:
    """Show the samples of LABEL and how near they are to each other and to other labels."""

    async def work(board: Board) -> None:
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

    return _with_board(url, key, wait, work)


@gallery.command()
@board_options
@click.argument("label")
@click.argument("to")
def rename(url: str, key: str | None, wait: float, as_json: bool, label: str, to: str) -> int:
    """Give LABEL the text TO."""
    return _change(url, key, wait, as_json, lambda board: board.gallery.rename(label, to))


@gallery.command()
@board_options
@click.argument("target", metavar="LABEL|SAMPLE")
def remove(url: str, key: str | None, wait: float, as_json: bool, target: str) -> int:
    """Remove a label with all its samples, or one sample (17 or #17)."""

    async def work(board: Board) -> None:
        try:
            await board.gallery.remove(target)
        except CommandFailed as error:
            number = remove_target(error, target)
            if number is None:
                raise
            await board.gallery.remove(sample=number)

    return _change(url, key, wait, as_json, work)


@gallery.command()
@board_options
def clear(url: str, key: str | None, wait: float, as_json: bool) -> int:
    """Remove everything from the gallery in use."""
    return _change(url, key, wait, as_json, lambda board: board.gallery.clear())


@gallery.command()
@board_options
@click.argument("label")
@click.argument("value", metavar="VALUE|none")
def threshold(url: str, key: str | None, wait: float, as_json: bool, label: str, value: str) -> int:
    """Give LABEL its own threshold (a cosine 0...1), or none."""
    number = None
    if value != "none":
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if not 0 <= number <= 1:
            raise click.BadParameter(f"expected a number 0...1 or none, found {value!r}")

    def work(board: Board) -> Awaitable[None]:
        return board.gallery.set_threshold(label, number)

    return _change(url, key, wait, as_json, work)


@gallery.command()
@board_options
@click.argument("name", metavar="NAME|none")
def select(url: str, key: str | None, wait: float, as_json: bool, name: str) -> int:
    """Use the gallery NAME from now on, a new one where there is none; none: no gallery."""

    async def work(board: Board) -> None:
        await board.gallery.select(None if name == "none" else name)

    return _change(url, key, wait, as_json, work)


@gallery.command()
@board_options
@click.argument("name")
def delete(url: str, key: str | None, wait: float, as_json: bool, name: str) -> int:
    """Remove the gallery NAME from the card."""
    return _change(url, key, wait, as_json, lambda board: board.gallery.delete(name))


def _change(
    url: str,
    key: str | None,
    wait: float,
    as_json: bool,
    change: Callable[[Board], Awaitable[None]],
) -> int:
    """Make a change, then say what the gallery holds."""

    async def work(board: Board) -> None:
        await change(board)
        info = await board.gallery.list()
        total = info.samples + info.negatives
        if as_json:
            row = {"gallery": info.selected, "labels": len(info.labels), "samples": total}
            output.print_json(row)
        else:
            name = info.selected or "none"
            output.print_line(f"gallery {name}: {len(info.labels)} labels, {total} samples")

    return _with_board(url, key, wait, work)


@gallery.command()
@board_options
@click.option(
    "--picture", type=click.Path(dir_okay=False), metavar="FILE.png", help="Draw the scores there."
)
def suggest(url: str, key: str | None, wait: float, as_json: bool, picture: str | None) -> int:
    """Propose a threshold from what is enrolled, and show the scores it comes from."""

    async def work(board: Board) -> None:
        with bar(as_json, counted=True) as progress:
            found = await board.gallery.suggest(progress=progress)
        if as_json:
            output.print_json(found._asdict())
        else:
            for line in text_chart(found):
                output.print_line(line)
            output.print_line(
                f"suggested threshold {found.threshold:.3f}: {found.refused} of "
                f"{len(found.within)} samples refused, {found.accepted} of {len(found.between)} "
                f"accepted for another label (in force: {found.current:.3f})"
            )
            output.print_line(
                f"k230 set {url} confidence_threshold={found.threshold:.3f} --save puts it in force"
            )
        if picture is not None:
            await _save(picture, lambda: save_chart(found, picture))

    return _with_board(url, key, wait, work)


@gallery.command("export")
@board_options
@click.argument("file", type=click.Path(dir_okay=False))
def export(url: str, key: str | None, wait: float, as_json: bool, file: str) -> int:
    """Write the gallery in use to FILE."""

    async def work(board: Board) -> None:
        with bar(as_json) as progress:
            data = await board.gallery.export(progress=progress)
        await _save(file, lambda: Path(file).write_bytes(data))
        held = read_file(data)
        if as_json:
            output.print_json({"file": file, "bytes": len(data), "labels": len(held.labels)})
        else:
            output.print_line(f"{file}: {len(data)} bytes, {len(held.labels)} labels")

    return _with_board(url, key, wait, work)


@gallery.command("import")
@board_options
@click.argument("file", type=click.Path(dir_okay=False))
@click.option("--name", help="Its name on the card (default: the file's).")
def import_(
    url: str, key: str | None, wait: float, as_json: bool, file: str, name: str | None
) -> int:
    """Put the exported gallery FILE on the card; `gallery select` then uses it."""
    title = name or Path(file).name.split(".")[0]

    async def work(board: Board) -> None:
        with bar(as_json) as progress:
            total = await board.gallery.import_(file, title, progress=progress)
        if as_json:
            output.print_json({"gallery": title, "samples": total})
        else:
            output.print_line(f"gallery {title}: {total} samples")

    return _with_board(url, key, wait, work)


@gallery.command()
@click.argument("file", type=click.Path(dir_okay=False))
@json_option
def check(file: str, as_json: bool) -> None:
    """Check a gallery's FILE on this computer, byte by byte, and show what it holds."""
    try:
        data = Path(file).read_bytes()
    except OSError as error:
        raise GalleryFileError(f"{file} can't be read: {error.strerror}") from error
    held = read_file(data)
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
