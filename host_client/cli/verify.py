"""`k230 verify`: try a deployment package on this computer."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
from PIL import Image

from firmware_app.settings.task_fields import LABELLED
from host_client.base.exceptions import (
    CommandFailed,
    K230Error,
    PackageError,
    PictureError,
)
from host_client.base.wording import quantity
from host_client.board import Board
from host_client.check import pictures as material
from host_client.check import verify as checks
from host_client.check.embeddings import judge_embeddings
from host_client.cli import output
from host_client.cli.drawings import drawing_places, make_folder
from host_client.cli.embeddings import ask, ask_before, compared
from host_client.cli.endings import run_async
from host_client.cli.names import task_option
from host_client.cli.options import json_option
from host_client.cli.progress import counted, waiting
from host_client.cli.simulation import (
    READY_TIMEOUT,
    fill_card,
    micropython_option,
    started,
    virtual_board,
    virtual_board_command,
)
from host_client.cli.table import folded, terminal_width, width_of
from host_client.commands.packages import PackageFiles, read_package
from host_client.commands.pictures import open_rgb
from host_client.drawing.result import draw

_IN_PARTS = ("detection", "segmentation", "ocr_detection", "ocr", "multilabel")
_LARGER = 1.5  # times the model's input: larger pictures are also tried in parts
_PART = 0.6  # of a picture's width and height
_THRESHOLDS = ("confidence_threshold", "box_threshold", "detection_threshold")
TROUBLE_EXIT_CODE = 11


class Trouble(K230Error):  # noqa: N818 - it names what was found
    """The package has a fault; the text is the verdict."""

    code = "verdict"
    exit_code = TROUBLE_EXIT_CODE


@click.command(short_help="Try a package with pictures, and diagnose its faults.")
@click.argument("package", type=click.Path(path_type=Path))
@click.argument("images", nargs=-1, type=click.Path(path_type=Path), metavar="[IMAGE|FOLDER]...")
@task_option
@click.option(
    "--expected",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="JSON",
    help="Expected answers: {picture: label or [labels]}.",
)
@click.option(
    "--onnx",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="ONNX model to compare with (default: an .onnx beside the package).",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("k230-verify"),
    show_default=True,
    help="Folder for pictures with the answers drawn into them.",
)
@micropython_option
@json_option
@virtual_board_command
def verify(
    *,
    package: Path,
    images: tuple[Path, ...],
    task: str | None,
    expected: Path | None,
    onnx: Path | None,
    out: Path,
    micropython: str | None,
    as_json: bool,
) -> None:
    """Try PACKAGE with pictures on this computer, and diagnose its faults.

    Without IMAGE, uses the package's own pictures (*_result/test_*.jpg). Expected answers come
    from --expected, from expected.json beside the pictures, or from folders and files named
    like a label. With the ONNX model (and onnxruntime), the verdict separates faults of the
    training from faults of the conversion.
    """
    make_folder(out)
    try:
        files = read_package(package, None, task)
    except PackageError as error:
        raise Trouble(f"deployment: {error}") from None
    for text in files.warnings:
        output.note(f"k230: {text}")
    twin = _onnx_of(package, onnx)
    with _pictures(package, images) as pictures:
        trial = Trial(package, files, pictures, expected, out, twin, micropython)
        report = run_async(verify_files(trial, as_json))
    report = {
        "package": str(package),
        "task": files.task,
        "onnx": str(twin) if twin is not None else None,
        "warnings": list(files.warnings),
        **report,
    }
    verdict: checks.Verdict = report.pop("judgement")
    if as_json:
        output.print_row("verdict", report)
    elif report["pictures"]:
        for line in _table(report):
            output.print_line(line)
        if twin is not None:
            output.print_line(f"compared with the ONNX model: {twin}")
        say_drawn(report["pictures"], out)
    text = f"{verdict.trouble}: {'; '.join(verdict.reasons)}"
    if verdict.trouble not in ("ok", "unknown"):
        raise Trouble(text)
    if not as_json:
        output.print_line(text)
    if report["failed"]:
        click.get_current_context().exit(PictureError.exit_code)


def say_drawn(count: int, folder: Path | None) -> None:
    """Say where the pictures are, with the answers drawn into them."""
    output.print_line(f"{quantity(count, 'picture')} with the answers drawn: {folder}")


@contextlib.contextmanager
def _pictures(package: Path, given: tuple[Path, ...]) -> Iterator[list[Path]]:
    """Yield the pictures to try; pictures in a zip file are unpacked."""
    if given:
        yield [picture for place in given for picture in material.pictures_in(place)]
        return
    if package.is_dir():
        yield material.find_pictures(package)
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
            if material.is_picture(path) and "_result" in path.parent.name
        )
        yield found or material.find_pictures(package)


class Trial(NamedTuple):
    """A package to try, and its pictures.

    onnx: the model before its conversion, or None.
    """

    package: Path
    files: PackageFiles
    pictures: list[Path]
    expected: Path | None
    out: Path
    onnx: Path | None
    micropython: str | None


async def verify_files(trial: Trial, as_json: bool) -> dict[str, Any]:
    """Return the report of a trial; its `judgement` is the Verdict."""
    async with _board(trial, as_json) as board:
        problem = await _loaded(board, as_json)
        if problem:
            return _report([], checks.Verdict("deployment", (problem,)), None, ())
        model = await board.describe()
        name = await _threshold(board)
        size = _input_size(trial.files)
        labels = tuple(model.labels or ())
        wanted = material.expectations(trial.pictures, labels, trial.expected)
        if model.task == "ocr_detection":
            wanted = {}
        drawn = drawing_places(trial.pictures, trial.out)
        if model.task == "metric_learning":
            return await _verify_embeddings(trial, board, drawn, as_json)
        rows: list[checks.Row] = []
        failed: list[tuple[Path, K230Error]] = []
        with counted(as_json, trial.pictures, "pictures") as pictures:
            for picture in pictures:
                try:
                    row = await _try(
                        board, picture, wanted.get(picture), name, size, drawn[picture]
                    )
                except (PictureError, CommandFailed) as error:
                    if isinstance(error, CommandFailed) and error.code == "failed":
                        verdict = checks.Verdict("deployment", (str(error),))
                        return _report(rows, verdict, None, failed)
                    if len(trial.pictures) == len(failed) + 1:
                        raise  # no picture is left for a verdict
                    failed.append((picture, error))
                    if not as_json:
                        output.print_error(error, as_json)
                    continue
                rows.append(row)
                if not as_json:
                    width = terminal_width() if sys.stdout.isatty() else None
                    for line in _lines(row, width):
                        output.print_line(line)
    if trial.onnx is not None:
        rows = await _with_onnx(trial, rows, name, as_json)
    own = _own_threshold(trial.files, name)
    known = labels if model.task in LABELLED else ()
    return _report(rows, checks.judge(rows, own, size, known), own, failed)


async def _verify_embeddings(
    trial: Trial, board: Board, drawn: dict[Path, Path], as_json: bool
) -> dict[str, Any]:
    """Return the report on a metric-learning package: similarities instead of labels."""
    wanted = material.identities(trial.pictures, trial.expected)
    rows, failed = await ask(board, trial.pictures, wanted, drawn, as_json)
    if trial.onnx is not None:
        async with _board(trial, as_json, trial.onnx) as other:
            problem = await _loaded(other, as_json)
            if problem:
                output.note(f"k230: {trial.onnx}: not compared: {problem}")
            else:
                rows = await ask_before(other, rows, as_json)
    threshold = _own_threshold(trial.files, "confidence_threshold")
    report = _report([], judge_embeddings(rows, threshold), threshold, failed)
    return {**report, **compared(rows, threshold, trial.out, as_json)}


@contextlib.asynccontextmanager
async def _board(trial: Trial, as_json: bool, onnx: Path | None = None) -> AsyncIterator[Board]:
    """Yield a virtual board with the package. onnx: model to run instead of the kmodel."""
    with tempfile.TemporaryDirectory(prefix="k230-verify-") as folder:
        card = Path(folder) / "card"
        fill_card(trial.package, card, task=trial.files.task, camera_enabled=False)
        if onnx is not None:
            for kmodel in card.rglob("*.kmodel"):
                shutil.copyfile(onnx, kmodel.with_suffix(".onnx"))
        async with virtual_board(
            sdcard=card,
            data=Path(folder) / "data",
            micropython=trial.micropython,
            kpu="auto" if onnx is None else "onnx",
        ) as virtual:
            await started(virtual, as_json)
            assert virtual.url is not None
            async with Board.connect(virtual.url, virtual.key, client_name="k230 verify") as board:
                yield board


async def _loaded(board: Board, as_json: bool) -> str:
    """Wait until the task runs; return why it does not, or an empty text."""
    try:
        with waiting(as_json, "loading the model"):
            await board.describe(READY_TIMEOUT)  # answered once the model is loaded
    except CommandFailed as error:
        if error.code != "no_task":
            raise
        status = await board.status()
        return "; ".join(str(row["text"]) for row in status.get("problems", [])) or str(error)
    return ""


async def _with_onnx(
    trial: Trial, rows: list[checks.Row], name: str | None, as_json: bool
) -> list[checks.Row]:
    """Return the rows with the answers of the ONNX model."""
    assert trial.onnx is not None
    async with _board(trial, as_json, trial.onnx) as board:
        problem = await _loaded(board, as_json)
        if problem:
            output.note(f"k230: {trial.onnx}: not compared: {problem}")
            return rows
        if name is not None:
            await board.set({name: checks.LOW})
        compared = []
        with counted(as_json, rows, "pictures with the ONNX model") as each:
            for row in each:
                answer = checks.answer_of(await board.infer(Path(row.picture)), _low_of(name))
                compared.append(row._replace(before=answer))
        return compared


def _low_of(name: str | None) -> float | None:
    return checks.LOW if name is not None else None


def _onnx_of(package: Path, given: Path | None) -> Path | None:
    """Return the ONNX model: the given one, or the one beside the package."""
    if importlib.util.find_spec("onnxruntime") is None:
        if given is not None:
            raise click.UsageError("--onnx needs onnxruntime: pip install onnxruntime")
        return None
    if given is not None:
        return given
    from virtual_board.silicon.kpu.twin import find_twin  # noqa: PLC0415 - numpy takes its time

    kmodels = sorted(package.glob("*.kmodel")) if package.is_dir() else []
    return find_twin(kmodels[0]) if len(kmodels) == 1 else None


async def _threshold(board: Board) -> str | None:
    """Return the name of the task's threshold setting, or None."""
    settings = (await board.card.config_get()).get("task") or {}
    return next((name for name in _THRESHOLDS if name in settings), None)


def _own_threshold(files: PackageFiles, name: str | None) -> float | None:
    """Return the package's own value of a threshold."""
    value = _config(files).get(name or "")
    return float(value) if isinstance(value, (int, float)) else None


def _input_size(files: PackageFiles) -> tuple[int, int] | None:
    """Return (width, height) of the model's input, as the package says."""
    size = _config(files).get("img_size")
    if isinstance(size, list) and len(size) == 2:
        return int(size[0]), int(size[1])
    return None


def _config(files: PackageFiles) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(dict(files.files).get("deploy_config.json", b"{}"))
    return found


async def _try(
    board: Board,
    picture: Path,
    wanted: frozenset[str] | None,
    name: str | None,
    model_size: tuple[int, int] | None,
    out: Path,
) -> checks.Row:
    result = await board.infer(picture)
    draw(picture, result, out)
    normal = checks.answer_of(result)
    low = normal
    if name is not None:
        await board.set({name: checks.LOW})
        try:
            low = checks.answer_of(await board.infer(picture), checks.LOW)
        finally:
            await board.set({name: None})  # the package's own again
    image = open_rgb(picture)
    parts = None
    missing = not normal.names >= wanted if wanted else not normal.labels
    larger = model_size is not None and max(image.size) >= _LARGER * max(model_size)
    if missing and larger and result.task in _IN_PARTS:
        parts = await _in_parts(board, image)
    return checks.Row(str(picture), normal, low, wanted, image.size, parts)


async def _in_parts(board: Board, image: Image.Image) -> checks.Answer:
    """Return the answers for the four quarters of a picture, with some overlap."""
    rows: list[tuple[str, float]] = []
    width, height = round(_PART * image.width), round(_PART * image.height)
    for left in (0, image.width - width):
        for top in (0, image.height - height):
            part = image.crop((left, top, left + width, top + height))
            data = io.BytesIO()
            part.save(data, "JPEG", quality=95)
            rows += checks.answer_of(await board.infer(data.getvalue())).labels
    return checks.Answer(tuple(sorted(rows, key=lambda row: -row[1])))


def _lines(row: checks.Row, width: int | None) -> list[str]:
    """Return what is said about a picture: one line, or several where one is too wide.

    width: of the terminal; None for one line in any case, for programs.
    """

    def shown(answer: checks.Answer) -> str:
        return ", ".join(f"{label} {score:.2f}" for label, score in answer.labels[:4]) or "nothing"

    parts = [f"{Path(row.picture).name}: {shown(row.normal)}"]
    if row.low.labels != row.normal.labels:
        parts.append(f"(at threshold {checks.LOW}: {shown(row.low)})")
    if row.expected:
        parts.append(f"expected {', '.join(sorted(row.expected))}")
    line = "  ".join(parts)
    if width is None or width_of(line) <= width:
        return [line]
    first, *rest = parts
    below = [f"  {line}" for part in rest for line in folded(part, max(20, width - 2))]
    return [*folded(first, max(20, width)), *below]


def _table(report: dict[str, Any]) -> list[str]:
    total = sum(len(row.get("expected") or ()) for row in report["answers"])
    return [
        f"threshold {row['threshold']:g}: {row['found']} of {total} found, {row['wrong']} wrong"
        + ("  <- the package's" if row["threshold"] == report["threshold"] else "")
        for row in report["thresholds"]
    ]


def _report(
    rows: list[checks.Row],
    verdict: checks.Verdict,
    threshold: float | None,
    failed: Sequence[tuple[Path, K230Error]],
) -> dict[str, Any]:
    known = [row for row in rows if row.expected]
    steps = sorted({*checks.THRESHOLDS, threshold}) if threshold is not None and known else ()
    return {
        "pictures": len(rows),
        "threshold": threshold,
        "thresholds": [count._asdict() for count in checks.counts(rows, steps)],
        "verdict": verdict.trouble,
        "reasons": list(verdict.reasons),
        "answers": [
            {
                "picture": row.picture,
                "labels": [list(pair) for pair in row.normal.labels],
                "low": [list(pair) for pair in row.low.labels],
                "parts": [list(pair) for pair in row.parts.labels] if row.parts else None,
                "before": [list(pair) for pair in row.before.labels] if row.before else None,
                "expected": sorted(row.expected) if row.expected else None,
            }
            for row in rows
        ],
        "failed": [
            {"picture": str(picture), "code": error.code, "message": str(error)}
            for picture, error in failed
        ],
        "judgement": verdict,
    }
