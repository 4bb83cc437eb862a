"""Throw-away SD cards around one deployment package, or two that make one task."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from firmware_app.package import fit, kmodel
from firmware_app.package.deploy_fields import PackageError
from firmware_app.package.reader import read_package
from firmware_app.settings import reader as firmware_settings
from virtual_board.archive import ArchiveError, inside, package_name, unpack

# Task of two packages -> the setting that names each, by what the package does.
_PAIRS = {
    "ocr": {"ocr_detection": "detection_package", "ocr_recognition": "recognition_package"},
    "metric_learning": {"detection": "detection_package", "metric_learning": "package"},
}
WIDTH_STEP = 16
_SMALLEST = 64


class CardError(Exception):
    """No card can be made of the package; the text is one sentence for the user."""


def make_card(
    packages: Path | Sequence[Path],
    folder: Path,
    *,
    task: str | None = None,
    camera_size: tuple[int, int] | None = None,
    camera_enabled: bool = True,
    uart: bool = False,
    settings: dict[str, Any] | None = None,
    task_settings: dict[str, Any] | None = None,
) -> None:
    """Write a card for the service into `folder`: its settings, one task and its packages.

    Args:
        packages: a deployment package: its folder, one around it, or a zip file as the cloud
            platform ships it (a zip around the package's zip too). Two make one task of both:
            text detection and recognition OCR, a detector and metric learning identities.
        folder: where the card is made; created when missing.
        task: what the package does, when its files do not say it or to override them.
        camera_size: (width, height) of the camera frame; the width is rounded up to 16 as the
            camera does.
        camera_enabled: false for a board that gets its pictures from clients.
        uart: whether the service opens its UART.
        settings: further settings of service.yaml by dotted name, e.g. {"results.queue": 8}.
        task_settings: further settings of the task, e.g. {"top_k": 3}.

    Raises:
        CardError: with one sentence.
    """
    given = [packages] if isinstance(packages, Path) else list(packages)
    if len(given) not in (1, 2):
        raise CardError(f"expected one package or two, found {len(given)}")
    taken: set[str] = set()
    head = (task_settings or {}).get("head") if len(given) == 1 else None
    alone = task if len(given) == 1 else None
    if head is not None and alone is None:
        alone = "detection"  # the only task with heads
    found = [_add(package, folder, alone, head, taken) for package in given]
    done, places = found[0][0], {"package": found[0][1]}
    if len(found) == 2:
        done, places = _pair(found, task)
    values = {
        "task": done,
        "camera.enabled": camera_enabled,
        "uart.enabled": uart,
        **_camera(camera_size),
        **(settings or {}),
    }
    (folder / "configs" / "tasks").mkdir(parents=True, exist_ok=True)
    text = _yaml(values)
    task_text = _yaml({"task": done, **places, **(task_settings or {})})
    try:
        firmware_settings.read_service(text, "service.yaml")
        firmware_settings.read_task(task_text, f"{done}.yaml")
    except firmware_settings.SettingsError as error:
        raise CardError(str(error)) from None
    (folder / "configs" / "service.yaml").write_text(text, encoding="utf-8")
    (folder / "configs" / "tasks" / f"{done}.yaml").write_text(task_text, encoding="utf-8")


def _add(
    package: Path, folder: Path, task: str | None, head: str | None, taken: set[str]
) -> tuple[str, str]:
    """Copy a package to the card; return what it does and where it lies there."""
    with tempfile.TemporaryDirectory(prefix="k230-package-") as unpacked:
        root = package
        if package.is_file():
            root = Path(unpacked)
            try:
                unpack(package, root)
            except ArchiveError as error:
                raise CardError(str(error)) from None
        elif not package.is_dir():
            raise CardError(f"{package}: expected a package folder or a zip file, found nothing")
        try:
            read = read_package(str(inside(root)), task, head)
            done = task or fit.likely_task(read, kmodel.read(read.kmodel_path))
        except (PackageError, kmodel.KmodelError) as error:
            shown = str(error).replace(str(root), str(package))
            raise CardError(shown) from None
        name = package_name(package, read.name)
        target = folder / "packages" / name
        if name in taken:  # the other one of a pair
            name += "-2"
            target = folder / "packages" / name
        taken.add(name)
        if target.exists():
            shutil.rmtree(target)
        _copy(Path(read.folder), target)
    return done, f"/sdcard/packages/{name}"


def _pair(found: list[tuple[str, str]], task: str | None) -> tuple[str, dict[str, str]]:
    """Return the task that two packages make together, and the settings that name them."""
    places = dict(found)
    for done, kinds in _PAIRS.items():
        if places.keys() == kinds.keys() and task in (None, done):
            return done, {kinds[kind]: place for kind, place in places.items()}
    raise CardError(
        "two packages: expected one that finds text and one that reads it (task ocr), or a detector "
        f"and metric learning (task metric_learning), found {found[0][0]} and {found[1][0]}"
        + (f" for the task {task}" if task else "")
    )


def _camera(size: tuple[int, int] | None) -> dict[str, int]:
    if size is None:
        return {}
    width, height = size
    if width < _SMALLEST or height < _SMALLEST:
        raise CardError(
            f"camera: expected a picture of {_SMALLEST}x{_SMALLEST} or more, found {width}x{height}"
        )
    return {"camera.width": -(-width // WIDTH_STEP) * WIDTH_STEP, "camera.height": height}


def _yaml(values: dict[str, Any]) -> str:
    """Return dotted names and plain values as the YAML that the firmware reads."""
    lines: list[str] = []
    groups: dict[str, list[str]] = {}
    for path, value in values.items():
        group, _, last = path.rpartition(".")
        line = f"{last}: {json.dumps(value, ensure_ascii=False)}"
        if group:
            groups.setdefault(group, []).append("  " + line)
        else:
            lines.append(line)
    for group, inner in groups.items():
        lines += [f"{group}:", *inner]
    return "\n".join(lines) + "\n"


def _copy(source: Path, target: Path) -> None:
    """Copy the files of a package's folder; links and folders are not part of it."""
    target.mkdir(parents=True)
    for path in sorted(source.iterdir()):
        if path.is_file() and not path.name.startswith("."):
            shutil.copyfile(path, target / path.name)
