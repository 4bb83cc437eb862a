"""`k230 hub --demo`: three virtual boards, each with a task of its own."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from board_hub.configuration.reader import BoardEntry, Configuration
from host_client.base.exceptions import PackageError
from host_client.cli import demo_card, output
from host_client.cli.simulation import READY_TIMEOUT, fill_card, virtual_board

# Name, group, package. Slow cameras: all three are simulated on this computer.
BOARDS = (
    ("gate", "outside", "shapes_det"),
    ("bench", "inside", "shapes_cls"),
    ("shelf", "inside", "shapes_multl"),
)
_FPS = 2


@contextlib.asynccontextmanager
async def nothing() -> AsyncIterator[None]:
    """Start no board."""
    yield


@contextlib.asynccontextmanager
async def boards(configuration: Configuration) -> AsyncIterator[None]:
    """Start the virtual boards and list them in configuration."""
    if configuration.broker is None:
        configuration.values.update({"homeassistant.enabled": True, "mqtt.snapshot_s": 10.0})
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="k230-hub-")))
        for name, group, package in BOARDS:
            source = demo_card.PACKAGES / package
            pictures = source / "pictures"
            if not pictures.is_dir():
                raise PackageError(f"{source}: expected a demo package with pictures, found none")
            card = folder / name / "card"
            card.mkdir(parents=True)
            settings = {"board.name": name, "camera.fps": _FPS, "preview.enabled": True}
            fill_card([source / "mp_deployment_source"], card, settings=settings)
            output.note(f"starting the virtual board {name} ...")
            board = await stack.enter_async_context(
                virtual_board(sdcard=card, data=folder / name / "data", camera=str(pictures))
            )
            await board.ready(READY_TIMEOUT)
            assert board.url is not None
            configuration.boards.append(
                BoardEntry(board.url, name=name, group=group, key=board.key)
            )
        yield
