"""Read deployment packages on this computer and check them as the board does."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from firmware_app.package import fit, kmodel
from firmware_app.package import reader as board_package
from firmware_app.package.deploy_fields import PackageError as RefusedError
from host_client.base.exceptions import PackageError
from host_client.base.wording import reason

_MODELS = {
    ".kmodel": "make a package of a YOLO with k230 package; other models have one from the cloud platform",
    ".pt": "export it to ONNX, compile that with nncase 2.11 for the target k230, then use k230 package",
    ".onnx": "compile it with nncase 2.11 for the target k230, then use k230 package",
}


class PackageFiles(NamedTuple):
    """A package to send: its name on the card, its task, and the files that the board needs.

    warnings: possible faults of a usable package, one sentence each.
    """

    name: str
    task: str
    files: tuple[tuple[str, bytes], ...]
    warnings: tuple[str, ...] = ()


def read_package(
    path: str | PathLike[str], name: str | None = None, task: str | None = None
) -> PackageFiles:
    """Return the package in a folder, or in a zip file of the cloud platform.

    The zip file may be the platform's outer or inner one. Scripts and other code are not sent.

    Raises:
        PackageError: one sentence with the path, the field, what was expected and what was found.
    """
    given = Path(path)
    with _unpacked(given) as root:
        top = given if given.is_dir() else root
        try:
            package = board_package.read_package(str(root), task)
            for file in _paths(package):
                _refuse_links(Path(file), top, given)
            model = kmodel.read(package.kmodel_path)
            likely = task or fit.likely_task(package, model)
            if likely != package.task:
                package = board_package.read_package(str(root), likely)
            if package.categories is not None:
                fit.check(package, model, package.categories)
        except (RefusedError, kmodel.KmodelError) as error:
            raise PackageError(str(error).replace(str(root), str(given))) from None
        except OSError as error:
            raise PackageError(f"{given}: can't be read: {reason(error)}") from None
        return PackageFiles(
            name or _name(given, package.name),
            package.task,
            tuple((Path(file).name, _content(Path(file), given)) for file in _paths(package)),
            tuple(text.replace(str(root), str(given)) for text in package.warnings),
        )


def _name(given: Path, model: str) -> str:
    from virtual_board.archive import package_name  # noqa: PLC0415 - only who pushes needs it

    return package_name(given, model)


def _paths(package: board_package.Package) -> list[str]:
    paths = [package.config_path, package.kmodel_path]
    if package.dictionary_path:
        paths.append(package.dictionary_path)
    return paths


def _refuse_links(path: Path, top: Path, given: Path) -> None:
    """Raise PackageError if a file, or a folder between top and the file, is a symbolic link."""
    for part in (path, *path.parents):
        if part == top:
            return
        if part.is_symlink():
            raise PackageError(f"{given}: {part.name} is a symbolic link, expected the file itself")


def _content(path: Path, given: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PackageError(f"{path}: can't be read: {reason(error)}") from None


@contextlib.contextmanager
def _unpacked(given: Path) -> Iterator[Path]:
    from virtual_board.archive import ArchiveError, inside, unpack  # noqa: PLC0415

    if given.is_dir():
        yield inside(given)
        return
    if not given.is_file():
        raise PackageError(f"{given}: expected a package folder or a zip file, found nothing")
    if given.suffix.lower() in _MODELS:
        raise PackageError(
            f"{given}: expected a package folder or a zip file, found a model: {_MODELS[given.suffix.lower()]}"
        )
    with tempfile.TemporaryDirectory(prefix="k230-package-") as folder:
        try:
            unpack(given, Path(folder))
        except ArchiveError as error:
            raise PackageError(str(error)) from None
        yield inside(Path(folder))
