"""`k230 package`: make a deployment package from a YOLO kmodel, and try it."""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from PIL import Image

from firmware_app.package import kmodel, yolo
from host_client.base.exceptions import PackageError
from host_client.base.wording import quantity, reason
from host_client.check import pictures as material
from host_client.cli import output
from host_client.cli.endings import run_async
from host_client.cli.name_files import names_in
from host_client.cli.names import no_such
from host_client.cli.options import json_option
from host_client.cli.simulation import micropython_option, virtual_board_command
from host_client.cli.verify import Trial, Trouble, say_drawn, verify_files
from host_client.commands.packages import read_package

_NAMED = re.compile(r"yolo-?_?(v?5|v?8|v?11|v?26)(?!\d)")
_FAMILIES = {"5": "yolov5", "8": "yolov8", "11": "yolo11", "26": "yolo26"}


class _OneOf(click.ParamType):  # type: ignore[type-arg]
    """One of some names, in any spelling that a deploy_config.json may have."""

    def __init__(self, what: str, names: Sequence[str], find: Callable[[str], str | None]) -> None:
        """what: the word for one; find: the name that a spelling stands for, or None."""
        self.name = what.upper()
        self._names = names
        self._find = find

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """Return the name; a usage error names the one that was meant, and all of them."""
        found = self._find(str(value))
        if found is None:
            self.fail(no_such(self.name.lower(), str(value), self._names), param, ctx)
        return str(found)


@click.command(short_help="Make a deployment package from a YOLO kmodel.")
@click.argument("model", type=click.Path(path_type=Path), metavar="MODEL.kmodel")
@click.argument("images", nargs=-1, type=click.Path(path_type=Path), metavar="[IMAGE|FOLDER]...")
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    metavar="FILE",
    required=True,
    help="The labels in the model's order: text with one a line, JSON, or Ultralytics' data.yaml.",
)
@click.option(
    "--family",
    type=_OneOf("family", yolo.FAMILIES, yolo.family_of),
    help=f"Model family (default: from its outputs): {', '.join(yolo.FAMILIES)}.",
)
@click.option(
    "--task",
    type=_OneOf("task", yolo.TASKS, yolo.task_of),
    help=f"Model task (default: from its outputs): {', '.join(yolo.TASKS)}, or Ultralytics' names.",
)
@click.option(
    "--keypoints",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Names of a pose model's keypoints, in the same formats as --labels.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of the package (default: ./MODEL).",
)
@click.option("--no-verify", is_flag=True, help="Do not try the package on a virtual board.")
@micropython_option
@json_option
def package(
    *,
    model: Path,
    images: tuple[Path, ...],
    labels: Path,
    family: str | None,
    task: str | None,
    keypoints: Path | None,
    out: Path | None,
    no_verify: bool,
    micropython: str | None,
    as_json: bool,
) -> None:
    """Make a deployment package from a YOLO kmodel: YOLOv5, v8, 11 or 26, any task.

    Family and task are detected from the model's outputs; what remains unclear is asked. The
    package is then tried on a virtual board, with each IMAGE if there are any.
    """
    pictures = [picture for given in images for picture in material.pictures_in(given)]
    header = _header(model)
    size = _size(header)
    layout = yolo.look(header.outputs, size)
    if layout is None:
        found = ", ".join(repr(each) for each in header.outputs)
        hint = yolo.odd(header.outputs, size)
        raise PackageError(
            f"{model}: expected the outputs of a YOLO model, found {found}"
            + (f"; {hint}" if hint else "")
        )
    names = names_in(labels)
    points = names_in(keypoints) if keypoints is not None else None
    chosen = task
    if task is None and (family is None or yolo.fits(layout, family)):
        task = _task(model, layout, names, points, labels)
    assumed = family is None
    family = family or _family(model, layout)
    _check(model, header, layout, family, task, names, labels)
    assert task is not None  # _check() refuses a family that does not fit
    if task == "pose":
        _check_points(model, layout, names, points, labels, keypoints)
    if layout.kind == "columns":
        if assumed and _NAMED.search(model.stem.lower()) is None:
            output.note("k230: assuming yolov8; yolo11 has the same outputs (--family changes it)")
        if chosen is None and task == "oriented_detection" and "obb" not in model.stem.lower():
            output.note(
                f"k230: assuming oriented_detection with {quantity(len(names), 'label')}; as a detection model it"
                f" has {len(names) + 1} (--task changes it)"
            )
    config: dict[str, Any] = {
        "model_type": family,
        "task": task,
        "kmodel_path": model.name,
        "img_size": list(size),
        "categories": names,
        "confidence_threshold": 0.5 if task == "classification" else yolo.CONFIDENCE,
    }
    if task != "classification" and layout.kind != "rows":
        config["nms_threshold"] = yolo.OVERLAP
    if task == "instance_segmentation":
        config["mask_threshold"] = yolo.MASK
    if points is not None:
        config["keypoints"] = points
    place = out or Path(model.stem)
    _write(place, model, config)
    said = {"package": str(place), "family": family, "task": task, "labels": len(names)}
    said.update(layout=layout.kind, img_size=list(size))
    if not as_json:
        shown = "" if layout.kind != "rows" else ", end to end"
        output.print_line(
            f"{place}: {family}, {task}, {size[0]} x {size[1]}, {quantity(len(names), 'label')}{shown}"
        )
    report = None
    if not no_verify:
        drawings = _drawings(place) if pictures else None
        with _all_or_nothing(place, drawings):
            report = _try(place, pictures, drawings, micropython, as_json)
    if as_json:
        output.print_row("package_made", {**said, "verify": report})
    if report is not None and report["verdict"] not in ("ok", "unknown"):
        raise Trouble(f"{report['verdict']}: {'; '.join(report['reasons'])}")
    if not as_json:
        output.print_line(f"next: k230 push URL {place}")


def _check(
    model: Path,
    header: kmodel.Kmodel,
    layout: yolo.Layout,
    family: str,
    task: str | None,
    names: list[str],
    labels: Path,
) -> None:
    """Raise PackageError if the outputs are not those of the family, the task and the labels."""
    asked = task or yolo.likely_task(layout, len(names)) or yolo.TASKS[0]
    wrong = yolo.misfit(layout, family, asked, len(names))
    classes = 0
    if wrong is None and layout.kind == "vector":
        classes = layout.width if layout.width != len(names) else 0
    elif wrong is not None and not wrong.looks:
        classes = wrong.classes
    advice = "" if wrong is None else wrong.advice("--family ", "--task ")
    if classes:
        raise PackageError(
            f"{labels}: expected {quantity(classes, 'label')} for {asked}, as {model} has them, found {len(names)}"
            + (f"; {advice}" if advice else "")
        )
    if wrong is None:
        return
    expected = f"the outputs of {family}" if wrong.family else f"{yolo.OWN[asked]} for {asked}"
    found = ", ".join(repr(each) for each in header.outputs)
    looks = f", which looks like {wrong.looks}" if wrong.looks else ""
    advice = advice or f"use a model for {asked}, or correct {labels}"
    raise PackageError(f"{model}: expected {expected}, found {found}{looks}; {advice}")


def _check_points(
    model: Path,
    layout: yolo.Layout,
    names: list[str],
    points: list[str] | None,
    labels: Path,
    keypoints: Path | None,
) -> None:
    """Raise PackageError if what is behind the classes are not as many keypoints as have names."""
    rest = yolo.rest_of(layout, len(names))
    if yolo.keypoints_of(rest, None if points is None else len(points)) is not None:
        return
    even = yolo.keypoints_of(rest, None)
    if points is None or even is None:
        raise PackageError(
            f"{labels}: expected a label for each class of {model}, found {len(names)}: the {rest} values left"
            " of a candidate are not 2 or 3 for each keypoint"
        )
    raise PackageError(
        f"{keypoints}: expected {quantity(even[0], 'name')}, one for each keypoint of {model} with"
        f" {quantity(len(names), 'label')}, found {len(points)}"
    )


def _header(model: Path) -> kmodel.Kmodel:
    if not model.is_file():
        raise PackageError(f"{model}: expected a .kmodel file, found " + _found(model))
    try:
        return kmodel.read(str(model))
    except kmodel.KmodelError as error:
        raise PackageError(str(error)) from None


def _found(path: Path) -> str:
    return "a folder" if path.is_dir() else "nothing"


def _size(header: kmodel.Kmodel) -> tuple[int, int]:
    """Return (width, height) of the input; PackageError if it does not take pictures of bytes."""
    first = header.inputs[0] if header.inputs else None
    shape = first.shape if first is not None else ()
    picture = len(header.inputs) == 1 and len(shape) == 4 and shape[:2] == (1, 3)
    if picture and first is not None and first.dtype == "uint8":
        return shape[3], shape[2]
    found = ", ".join(repr(each) for each in header.inputs) or "nothing"
    hint = ""
    if first is not None and "float" in first.dtype:
        hint = "; compile it again for uint8 pictures (nncase: preprocess, input_type uint8)"
    elif first is not None and first.shape[-1:] == (3,):
        hint = ": channels last (NHWC); compile it again with channels first"
    raise PackageError(
        f"{header.name}: expected one input uint8 1x3xheightxwidth, found {found}{hint}"
    )


def _family(model: Path, layout: yolo.Layout) -> str:
    """Return the family: from the outputs, else from the file's name."""
    named = _NAMED.search(model.stem.lower())
    said = _FAMILIES[named[1].lstrip("v")] if named else None
    if layout.kind == "anchors":
        return said or "yolov5"
    if layout.kind == "rows":
        return said or "yolo26"
    if said is not None and yolo.fits(layout, said):
        return said  # a yolov5u has the outputs of yolov8
    # Outputs of yolov8, yolo11 and a one-to-many yolo26 are decoded in the same way.
    return "yolov8"


def _task(
    model: Path, layout: yolo.Layout, names: list[str], points: list[str] | None, labels: Path
) -> str:
    """Return the task from outputs and labels; ask if several are possible."""
    if layout.kind == "vector":
        return "classification"
    likely = yolo.likely_task(layout, len(names))
    rest = yolo.rest_of(layout, len(names))
    if likely == "pose" and layout.kind != "rows":
        # A wrong number of labels also looks like keypoints.
        known = rest == 3 * len(yolo.PERSON) or points is not None
        if not known:
            classes = layout.width - layout.first
            even = yolo.keypoints_of(rest, None)
            if even and sys.stdin.isatty():
                words = (
                    f"{quantity(len(names), 'label')} and {rest} more values: {even[0]} keypoints"
                )
                if click.confirm(f"{words}. Is it a pose model?", default=True, err=True):
                    return "pose"
            raise PackageError(
                f"{labels}: expected {quantity(classes, 'label')} for detection, {classes - 1} for"
                f" oriented_detection"
                + (f", or --task pose ({even[0]} keypoints)" if even else "")
                + f", as {model} has them, found {quantity(len(names), 'label')}"
            )
        return "pose"
    if likely is None:
        classes = layout.width - layout.first
        raise PackageError(
            f"{labels}: expected {quantity(classes, 'label')} for detection, fewer for other tasks, as {model}"
            f" has them, found {len(names)}"
        )
    return likely


def _write(place: Path, model: Path, config: dict[str, Any]) -> None:
    """Write the package to a temporary folder, check it, and move it to its place."""
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise PackageError(f"--out: expected a new or an empty folder, found {place}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with _beside(place) as folder:
            made = folder / "package"
            made.mkdir()
            text = json.dumps(config, indent=2, ensure_ascii=False)
            (made / "deploy_config.json").write_text(text + "\n", "utf-8")
            shutil.copyfile(model, made / model.name)
            try:
                read_package(made)
            except PackageError as error:
                raise PackageError(str(error).replace(str(made), str(place))) from None
            if place.is_dir():
                with _all_or_nothing(place, None):
                    for file in sorted(made.iterdir(), reverse=True):
                        file.rename(place / file.name)
            else:
                made.rename(place)
    except OSError as error:
        raise PackageError(f"{place}: can't be written: {reason(error)}") from None


@contextmanager
def _beside(place: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=".k230-package-", dir=place.parent) as folder:
        yield Path(folder)


def _drawings(place: Path) -> Path:
    """Return the folder of the drawn pictures, beside the package."""
    named = place if place.name not in ("", "..") else place.resolve()
    return named.parent / f"{named.name}-verify"


@contextmanager
def _all_or_nothing(place: Path, drawings: Path | None) -> Iterator[None]:
    """Remove a package, and a new folder of drawings, if an error comes: the next run needs their place."""
    new = drawings is not None and not drawings.exists()
    try:
        yield
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        if new and drawings is not None:
            shutil.rmtree(drawings, ignore_errors=True)
        raise


@virtual_board_command
def _try(
    place: Path,
    pictures: list[Path],
    drawings: Path | None,
    micropython: str | None,
    as_json: bool,
) -> dict[str, Any]:
    """Verify the package; without pictures, a grey one shows whether it loads and answers."""
    files = read_package(place)
    with tempfile.TemporaryDirectory(prefix="k230-package-") as folder:
        drawn = drawings or Path(folder) / "drawn"
        drawn.mkdir(parents=True, exist_ok=True)
        if drawings is None:
            grey = Path(folder) / "grey.png"
            Image.new("RGB", (320, 240), (114, 114, 114)).save(grey)
            pictures = [grey]
        trial = Trial(place, files, pictures, None, drawn, None, micropython)
        report: dict[str, Any] = run_async(verify_files(trial, as_json or drawings is None))
    verdict = report.pop("judgement")
    if drawings is None and verdict.trouble not in ("deployment",):
        report["verdict"], report["reasons"] = (
            "ok",
            ["it loads and answers; no pictures were given"],
        )
        report["answers"] = []
    if not as_json:
        if drawings is not None:
            say_drawn(report["pictures"], drawings)
        output.print_line(f"{report['verdict']}: {'; '.join(report['reasons'])}")
    return report
