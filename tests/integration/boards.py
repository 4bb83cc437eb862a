"""Cards and running boards for the tests that go through everything."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from virtual_board.board import VirtualBoard
from virtual_board.card import make_card

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ROOT / "models" / "packages"
SHAPES = PACKAGES / "shapes_cls"
PICTURES = SHAPES / "pictures"
SHARED = ROOT.parent / "shared"
READY_S = 60.0


def card(folder: Path, package: Path | Sequence[Path] = SHAPES, **options: Any) -> Path:
    """Make a card around one package, or two that make one task; the camera has the size of the pictures."""
    options.setdefault("camera_size", (320, 240))
    make_card(package, folder, **options)
    return folder


def copy_package(package: Path, folder: Path) -> Path:
    """Copy a package so that a test can damage it."""
    target = folder / package.name
    shutil.copytree(package, target)
    return target


@contextlib.asynccontextmanager
async def running(sdcard: Path, **options: Any) -> AsyncIterator[VirtualBoard]:
    """Start a virtual board and wait until its links are open.

    K230_TEST_MICROPYTHON names another interpreter, as for the other tests that run one.
    """
    options.setdefault("camera", str(PICTURES))
    options.setdefault("micropython", os.environ.get("K230_TEST_MICROPYTHON"))
    options.setdefault("replay", recorded())
    async with VirtualBoard(sdcard=sdcard, **options) as board:
        await board.ready(READY_S)
        yield board


def recorded() -> Path:
    """Return where what the KPU simulator answered in this run of the tests is kept (tests/conftest.py)."""
    return Path(os.environ["K230_TEST_REPLAY"])


async def until(condition: Any, what: str, timeout: float = 20.0) -> None:
    """Wait until condition() is true; fail saying what did not happen."""
    for _ in range(int(timeout / 0.05)):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"after {timeout:g} s there is still no {what}")
