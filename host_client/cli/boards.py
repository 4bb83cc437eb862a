"""Verbs that talk to a board."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from host_client.base.exceptions import K230Error
from host_client.cli import output
from host_client.cli.options import board_options, connect, key_values, run_async

_FIRST = ("board_name", "task", "model", "generation", "problems", "safe_mode")  # of status


@click.command()
@board_options
@click.option("--count", type=click.IntRange(min=1), help="End after so many results.")
@click.option(
    "--rate", type=click.IntRange(0, 1000), default=0, help="Results a second at most (0: all)."
)
def watch(
    *, url: str, key: str | None, wait: float, as_json: bool, count: int | None, rate: int
) -> None:
    """Show the results of the board at URL as they come."""
    run_async(_watch(url=url, key=key, wait=wait, as_json=as_json, count=count, rate=rate))


async def _watch(
    *, url: str, key: str | None, wait: float, as_json: bool, count: int | None, rate: int
) -> None:
    async with connect(url, key, wait) as board:
        seen = 0
        results = board.results(rate=rate)
        async for result in results:
            if as_json:
                output.print_json(result.to_dict())
            else:
                late = ""
                if result.host_time is not None:
                    late = f"{1000 * (time.time() - result.host_time):6.0f} ms"
                line = f"{result.seq:>8} {late} {result.task}: {output.summary(result)}"
                output.print_line(line)
            seen += 1
            if count is not None and seen >= count:
                return


@click.command()
@board_options
def status(url: str, key: str | None, wait: float, as_json: bool) -> None:
    """Show how the board at URL is doing."""
    run_async(_status(url, key, wait, as_json))


@click.command()
@board_options
@click.argument("target", type=click.Path(dir_okay=False, writable=True, path_type=Path))
@click.option("--quality", type=click.IntRange(5, 95), help="Of the JPEG.")
@click.option(
    "--every", type=click.FloatRange(min=0.05), help="Go on: a new picture every so many seconds."
)
@click.option("--count", type=click.IntRange(min=1), help="With --every: so many pictures.")
def snapshot(
    *,
    url: str,
    target: Path,
    key: str | None,
    wait: float,
    as_json: bool,
    quality: int | None,
    every: float | None,
    count: int | None,
) -> None:
    """Save what the camera of the board at URL sees as TARGET, a JPEG.

    The board needs preview.enabled. With --every the file is replaced again and again: a preview
    of low rate, for viewers that follow a file.
    """
    run_async(_snapshot(url, key, wait, as_json, target, quality, every, count))


async def _snapshot(
    url: str,
    key: str | None,
    wait: float,
    as_json: bool,
    target: Path,
    quality: int | None,
    every: float | None,
    count: int | None,
) -> None:
    async with connect(url, key, wait) as board:
        saved = 0
        async for data in board.previews(every or 0.0, quality):
            part = target.with_name(target.name + ".part")
            try:
                part.write_bytes(data)
                part.replace(target)
            except OSError as error:
                raise click.FileError(str(target), error.strerror or str(error)) from None
            saved += 1
            if as_json:
                output.print_json({"file": str(target), "bytes": len(data)})
            else:
                output.print_line(f"{target}: {len(data)} bytes")
            if every is None or saved == count:
                return


async def _status(url: str, key: str | None, wait: float, as_json: bool) -> None:
    async with connect(url, key, wait) as board:
        values = await board.status()
        if as_json:
            output.print_json(values)
        else:
            info = board.info
            title = f"{info.board_name} ({info.board_id}), version {info.version}"
            output.print_map(title, output.ordered(dict(values), *_FIRST))


@click.command()
@board_options
def tasks(url: str, key: str | None, wait: float, as_json: bool) -> None:
    """List the tasks on the card of the board at URL."""
    run_async(_tasks(url, key, wait, as_json))


async def _tasks(url: str, key: str | None, wait: float, as_json: bool) -> None:
    async with connect(url, key, wait) as board:
        rows = await board.tasks()
    if as_json:
        for row in rows:
            output.print_json(row._asdict())
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


@click.command()
@board_options
@click.argument("task")
def switch(url: str, key: str | None, wait: float, as_json: bool, task: str) -> None:
    """Run another TASK on the board at URL."""
    run_async(_switch(url, key, wait, as_json, task))


async def _switch(url: str, key: str | None, wait: float, as_json: bool, task: str) -> None:
    async with connect(url, key, wait) as board:
        report = await board.switch(task)
    if as_json:
        output.print_json(report._asdict())
    else:
        output.print_map(f"running {report.task}", report._asdict())


@click.command("set")
@board_options
@click.option("--save", is_flag=True, help="Keep the values over a restart.")
@click.argument("settings", nargs=-1, required=True, metavar="KEY=VALUE...")
def set_(
    *, url: str, key: str | None, wait: float, as_json: bool, settings: tuple[str, ...], save: bool
) -> None:
    """Change settings of the running task of the board at URL."""
    values = key_values(settings)
    run_async(_set(url=url, key=key, wait=wait, as_json=as_json, values=values, save=save))


async def _set(
    *, url: str, key: str | None, wait: float, as_json: bool, values: dict[str, Any], save: bool
) -> None:
    async with connect(url, key, wait) as board:
        answer = await board.set(values, save=save)
    if as_json:
        output.print_json(answer)
    else:
        output.print_map("settings", output.ordered(answer))


@click.command()
@board_options
@click.option(
    "--on-card", is_flag=True, help="Each IMAGE is a path on the card: /sdcard/pictures/a.jpg."
)
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
def infer(
    *, url: str, key: str | None, wait: float, as_json: bool, on_card: bool, images: tuple[str, ...]
) -> int:
    """Send each IMAGE to the board at URL and show what it finds.

    Pictures are decoded here; an EXIF orientation is not applied. With --on-card the board
    decodes them, in fewer bits: scores may differ a little.
    """
    return run_async(_infer(url, key, wait, as_json, images, on_card))


async def _infer(
    url: str, key: str | None, wait: float, as_json: bool, images: tuple[str, ...], on_card: bool
) -> int:
    async with connect(url, key, wait) as board:
        return await infer_all(board, images, as_json, on_card)


async def infer_all(
    board: Any, images: tuple[str, ...], as_json: bool, on_card: bool = False
) -> int:
    """Send pictures, or name those on the card, in order and print each answer.

    One that fails does not stop the others. Returns the exit code of the first that failed, else 0.
    """
    exit_code = 0
    for image in images:
        try:
            result = await (board.infer_on_card(image) if on_card else board.infer(image))
        except K230Error as error:
            if len(images) == 1:
                raise
            output.print_error(error, as_json)
            exit_code = exit_code or error.exit_code
            continue
        if as_json:
            output.print_json(result.to_dict())
        else:
            output.print_line(f"{image}: {output.summary(result)}")
    return exit_code
