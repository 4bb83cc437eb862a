"""Shared by `k230 sim` and `k230 demo`: cards, virtual boards and their errors."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from host_client.base.exceptions import K230Error, KeyFormatError, PackageError, SimulationError
from host_client.cli.names import task_option
from host_client.cli.options import key_values
from host_client.cli.output import note
from host_client.cli.progress import waiting
from host_client.installer.card_target import open_volume
from host_client.link.keys import ENVIRONMENT, KeyStore, parse_key

if TYPE_CHECKING:
    from virtual_board.board import VirtualBoard

F = TypeVar("F", bound=Callable[..., Any])

READY_TIMEOUT = 60.0  # seconds; a busy PC starts slowly
_EXTRA = ("numpy", "cv2", "pyclipper", "yaml")  # what the virtual board imports of the extra `sim`


def virtual_board_command(function: F) -> F:
    """Make a command refuse in one sentence, first of all, if no virtual board can run here."""

    @functools.wraps(function)
    def checked(*arguments: Any, **options: Any) -> Any:
        missing = sim_missing()
        if missing is not None:
            raise SimulationError(missing)
        return function(*arguments, **options)

    return cast(F, checked)


def sim_missing() -> str | None:
    """Return why no virtual board can run here, or None."""
    if sys.platform == "win32":
        return "the virtual board needs Linux or macOS (or WSL on Windows)"
    missing = [name for name in _EXTRA if not _installed(name)]
    if missing:
        return (
            f"the virtual board is not installed ({', '.join(missing)} missing): "
            'pip install "k230-vision[sim]"'
        )
    return None


def _installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ImportError:
        return False


def micropython_option(function: F) -> F:
    """Add --micropython."""
    return click.option(
        "--micropython",
        metavar="PATH",
        help="Use another MicroPython interpreter for the firmware.",
    )(function)


def package_options(function: F) -> F:
    """Add --package, --task and --set."""
    function = click.option(
        "--set",
        "task_settings",
        multiple=True,
        metavar="KEY=VALUE",
        help="Setting of the task, e.g. confidence_threshold=0.6; repeatable.",
    )(function)
    function = task_option(function)
    return click.option(
        "--package",
        "packages",
        multiple=True,
        type=click.Path(path_type=Path),
        metavar="FOLDER|ZIP",
        help="Deployment package to run from a temporary card. Give two for OCR (text detection "
        "and recognition), or for identities (a detector and metric learning).",
    )(function)


def fill_card(package: Path | Sequence[Path], folder: Path, **settings: Any) -> None:
    """Make a card for a package, or for two packages of one task; raises PackageError."""
    from virtual_board.card import CardError, make_card  # noqa: PLC0415 - numpy takes its time

    try:
        make_card(package, folder, **settings)
    except CardError as error:
        raise PackageError(str(error)) from None


@contextlib.contextmanager
def card_of(
    sdcard: Path | None, packages: Sequence[Path], task_settings: Sequence[str], **settings: Any
) -> Iterator[Path]:
    """Yield a folder to use as card: the user's own, or a temporary one."""
    if (sdcard is None) == (not packages):
        raise click.UsageError("give either --sdcard or --package")
    if sdcard is not None:
        if task_settings or settings.get("task"):
            raise click.UsageError("--task and --set go with --package: a card has its own YAML")
        if sdcard.exists() and not sdcard.is_dir():
            with tempfile.TemporaryDirectory(prefix="k230-card-") as folder:
                copy_of(sdcard, Path(folder))
                yield Path(folder)
            return
        yield sdcard
        return
    with tempfile.TemporaryDirectory(prefix="k230-card-") as folder:
        values = key_values(task_settings)
        fill_card(packages, Path(folder), task_settings=values, **settings)
        yield Path(folder)


def copy_of(card: Path, folder: Path) -> None:
    """Copy the files of a card (its device, or a file that holds one) into a folder.

    A virtual board then writes only to the folder.
    """
    with open_volume(card, write=False) as volume:
        for path, entry in volume.files():
            place = folder / path
            if ".." in path.split("/") or folder not in place.parents:
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("wb") as file:
                for piece in volume.pieces(entry):
                    file.write(piece)


@contextlib.asynccontextmanager
async def virtual_board(**fields: Any) -> AsyncIterator[VirtualBoard]:
    """Start a virtual board and switch it off at the end; raises SimulationError.

    Fields are those of virtual_board's BoardOptions.
    """
    from virtual_board.board import BoardError, VirtualBoard  # noqa: PLC0415

    try:
        async with VirtualBoard(**fields) as board:
            yield board
    except BoardError as error:
        raise SimulationError(str(error)) from None


async def started(virtual: VirtualBoard, as_json: bool) -> None:
    """Wait until the service runs on a virtual board."""
    with waiting(as_json, "starting the virtual board"):
        await virtual.ready(READY_TIMEOUT)


def board_key(given: str | None) -> str | None:
    """Return the key for a virtual board, or None for a new one."""
    if given is not None:
        return parse_key(given).hex()
    found = os.environ.get(ENVIRONMENT)
    return parse_key(found, ENVIRONMENT).hex() if found else None


@contextlib.contextmanager
def kept_key(url: str | None, key: str | None) -> Iterator[None]:
    """Store a virtual board's key while it runs, so that `k230 watch URL` needs no --key."""
    names = _addresses(url) if url and key else []
    store = KeyStore()
    with contextlib.ExitStack() as stack:
        for name in names:
            try:
                before = store.find(name)
                store.add(name, bytes.fromhex(key or ""))
            except KeyFormatError as error:
                note(f"k230: warning: the key is not stored: {error}")
                break
            stack.callback(_restore, store, name, before)
        yield


def _restore(store: KeyStore, name: str, before: bytes | None) -> None:
    with contextlib.suppress(K230Error):
        if before is None:
            store.remove(name)
        else:
            store.add(name, before)


def _addresses(url: str) -> list[str]:
    host, _, port = url.removeprefix("tcp://").rpartition(":")
    if host in ("127.0.0.1", "0.0.0.0", "localhost", "[::1]"):
        return [f"tcp://{name}:{port}" for name in ("127.0.0.1", "localhost")]
    return [url]
