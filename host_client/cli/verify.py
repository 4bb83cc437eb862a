"""`k230 verify`: a deployment package tried on this computer before it is ever flashed."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from PIL import Image

from host_client import verify as checks
from host_client.board import Board
from host_client.cli import output
from host_client.cli.drawing import draw
from host_client.cli.options import json_option, run_async
from host_client.cli.simulation import READY_TIMEOUT, fill_card, micropython_option, virtual_board
from host_client.exceptions import CommandFailed, K230Error, PackageError
from host_client.packages import PackageFiles, read_package

_THRESHOLDS = ("confidence_threshold", "box_threshold", "detection_threshold")
TROUBLE_EXIT_CODE = 11


class Trouble(K230Error):  # noqa: N818 - it names what was found
    """The package does not do what it should; the text is the verdict."""

    code = "verdict"
    exit_code = TROUBLE_EXIT_CODE


@click.command()
@click.argument("package", type=click.Path(path_type=Path))
@click.argument("images", nargs=-1, type=click.Path(path_type=Path), metavar="[IMAGE|FOLDER]...")
@click.option("--task", help="What the package does (default: what its files say).")
@click.option(
    "--expected",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="JSON",
    help="What is in the pictures: {picture: label or [labels]}.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("k230-verify"),
    show_default=True,
    help="Where the pictures with the answers go.",
)
@micropython_option
@json_option
def verify(
    *,
    package: Path,
    images: tuple[Path, ...],
    task: str | None,
    expected: Path | None,
    out: Path,
    micropython: str | None,
    as_json: bool,
) -> None:
    """Try PACKAGE with pictures on this computer, and say where trouble lies.

    Without pictures those are taken that come with the package (*_result/test_*.jpg).
    What should be in them is known from --expected, from expected.json beside them, or
    from folders and files that are named like a label.
    """
    try:
        files = read_package(package, None, task)
    except PackageError as error:
        raise Trouble(f"deployment: {error}") from None
    with _pictures(package, images) as pictures, tempfile.TemporaryDirectory() as folder:
        card = Path(folder) / "card"
        fill_card(package, card, task=files.task, camera_enabled=False)
        options = {"sdcard": card, "data": Path(folder) / "data", "micropython": micropython}
        report = run_async(_verify(options, files, pictures, expected, out, as_json))
    report = {"package": str(package), "task": files.task, **report}
    verdict: checks.Verdict = report.pop("judgement")
    if as_json:
        output.print_json(report)
    elif report["pictures"]:
        output.print_line(f"{report['pictures']} pictures with the answers: {out}")
    text = f"{verdict.trouble}: {'; '.join(verdict.reasons)}"
    if verdict.trouble in ("ok", "unknown"):
        if not as_json:
            output.print_line(text)
        return
    raise Trouble(text)


@contextlib.contextmanager
def _pictures(package: Path, given: tuple[Path, ...]) -> Iterator[list[Path]]:
    """Yield the pictures to try; those in a zip file are unpacked for it."""
    if given:
        yield [picture for place in given for picture in checks.pictures_in(place)]
        return
    if package.is_dir():
        yield checks.find_pictures(package)
        return
    from virtual_board.archive import ArchiveError, unpack  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="k230-verify-") as folder:
        try:
            unpack(package, Path(folder))
        except ArchiveError as error:
            raise PackageError(str(error)) from None
        found = sorted(
            path
            for path in Path(folder).rglob("test_*")
            if path.suffix.lower() in checks.PICTURES and "_result" in path.parent.name
        )
        yield found or checks.find_pictures(package)


async def _verify(
    options: dict[str, Any],
    files: PackageFiles,
    pictures: list[Path],
    expected: Path | None,
    out: Path,
    as_json: bool,
) -> dict[str, Any]:
    async with virtual_board(**options) as virtual:
        await virtual.ready(READY_TIMEOUT)
        assert virtual.url is not None
        async with Board.connect(virtual.url, virtual.key, client_name="k230 verify") as board:
            try:
                model = await board.describe(READY_TIMEOUT)  # comes when the model is loaded
            except CommandFailed as error:
                if error.code != "no_task":
                    raise
                status = await board.status()
                problems = "; ".join(str(p) for p in status.get("problems", []))
                return _report([], checks.Verdict("deployment", (problems or str(error),)))
            name = await _threshold(board)
            size = _input_size(files)
            labels = tuple(model.labels or ())
            background = labels[0] if model.task == "segmentation" and labels else None
            wanted = checks.expectations(pictures, labels, expected)
            if model.task == "ocr_detection":
                wanted = {}
            rows = []
            for picture in pictures:
                rows.append(await _try(board, picture, wanted.get(picture), name, background, out))
                if not as_json:
                    output.print_line(_line(rows[-1]))
    return _report(rows, checks.judge(rows, _own_threshold(files, name), size))


async def _threshold(board: Board) -> str | None:
    """Return the name of the setting that decides what counts, where the task has one."""
    settings = (await board.config_get()).get("task") or {}
    return next((name for name in _THRESHOLDS if name in settings), None)


def _own_threshold(files: PackageFiles, name: str | None) -> float | None:
    """Return the package's own value of a threshold."""
    config = dict(files.files).get("deploy_config.json", b"{}")
    value = json.loads(config).get(name or "")
    return float(value) if isinstance(value, (int, float)) else None


def _input_size(files: PackageFiles) -> tuple[int, int] | None:
    """Return (width, height) of the model's input, as the package says."""
    config = json.loads(dict(files.files).get("deploy_config.json", b"{}"))
    size = config.get("img_size")
    if isinstance(size, list) and len(size) == 2:
        return int(size[0]), int(size[1])
    return None


async def _try(
    board: Board,
    picture: Path,
    wanted: frozenset[str] | None,
    name: str | None,
    background: str | None,
    out: Path,
) -> checks.Row:
    result = await board.infer(picture)
    draw(picture, result, out / f"{picture.stem}.png")
    normal = checks.answer_of(result, background=background)
    low = normal
    if name is not None:
        await board.set({name: checks.LOW})
        try:
            low = checks.answer_of(await board.infer(picture), checks.LOW)
        finally:
            await board.set({name: None})  # the package's own again
    with Image.open(picture) as image:
        size = image.size
    return checks.Row(str(picture), normal, low, wanted, size)


def _line(row: checks.Row) -> str:
    def shown(answer: checks.Answer) -> str:
        return ", ".join(f"{label} {score:.2f}" for label, score in answer.labels[:4]) or "nothing"

    text = f"{Path(row.picture).name}: {shown(row.normal)}"
    if row.low.labels != row.normal.labels:
        text += f"  (from {checks.LOW} on: {shown(row.low)})"
    if row.expected:
        text += f"  expected {', '.join(sorted(row.expected))}"
    return text


def _report(rows: list[checks.Row], verdict: checks.Verdict) -> dict[str, Any]:
    return {
        "pictures": len(rows),
        "verdict": verdict.trouble,
        "reasons": list(verdict.reasons),
        "answers": [
            {
                "picture": row.picture,
                "labels": [list(pair) for pair in row.normal.labels],
                "low": [list(pair) for pair in row.low.labels],
                "expected": sorted(row.expected) if row.expected else None,
            }
            for row in rows
        ],
        "judgement": verdict,
    }
