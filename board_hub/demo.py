"""`k230 hub --demo`: three virtual boards, each with a task of its own."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from board_hub.configuration.reader import BoardEntry, Configuration
from host_client.base.exceptions import PackageError
from host_client.cli import demo_card, output
from host_client.cli.simulation import READY_TIMEOUT, fill_card, virtual_board

if TYPE_CHECKING:
    from virtual_board.board import VirtualBoard

# Name, group, package. Slow cameras: all three are simulated on this computer.
BOARDS = (
    ("gate", "outside", "shapes_det"),
    ("bench", "inside", "shapes_cls"),
    ("shelf", "inside", "shapes_multl"),
)
_FPS = 2
_HELD = 10  # frames for which a picture stands: a track wants to be seen for a while
# So that tracks, zones and counts show. A part of the frame each.
_ZONES = [
    {"name": "left", "points": [[0.0, 0.0], [0.5, 0.0], [0.5, 1.0], [0.0, 1.0]]},
    {"name": "right", "points": [[0.5, 0.0], [1.0, 0.0], [1.0, 1.0], [0.5, 1.0]]},
]
_EVENTS: dict[str, dict[str, Any]] = {
    "shapes_det": {"events.enabled": True, "events.zones": _ZONES},
    "shapes_cls": {"events.enabled": True, "events.steady_frames": 2, "events.steady_of": 3},
    "shapes_multl": {"events.enabled": True, "events.steady_frames": 2, "events.steady_of": 3},
}


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
        if configuration["web.users_file"] is None:  # not the users of the real hub
            configuration.values["web.users_file"] = str(folder / "users.json")
        started: list[VirtualBoard] = []
        for name, _, package in BOARDS:
            source = demo_card.PACKAGES / package
            pictures = source / "pictures"
            if not pictures.is_dir():
                raise PackageError(f"{source}: expected a demo package with pictures, found none")
            card = folder / name / "card"
            card.mkdir(parents=True)
            settings = {"board.name": name, "camera.fps": _FPS, "preview.enabled": True}
            fill_card(
                [source / "mp_deployment_source"],
                card,
                settings=settings,
                task_settings=_EVENTS[package],
            )
            camera = folder / name / "camera"
            _film(pictures, camera)
            output.note(f"starting the virtual board {name} ...")
            board = await stack.enter_async_context(
                virtual_board(sdcard=card, data=folder / name / "data", camera=str(camera))
            )
            started.append(board)
        # Together: one after the other takes a user three times as long, at both ends.
        stack.push_async_callback(_together, [board.stop for board in started])
        await _together([functools.partial(board.ready, READY_TIMEOUT) for board in started])
        for board, (name, group, _) in zip(started, BOARDS, strict=True):
            assert board.url is not None
            configuration.boards.append(
                BoardEntry(board.url, name=name, group=group, key=board.key)
            )
        yield


async def _together(steps: list[Callable[[], Awaitable[None]]]) -> None:
    """Take all steps at once, each to its end; raise the first error."""
    ended = await asyncio.gather(*(step() for step in steps), return_exceptions=True)
    for error in ended:
        if isinstance(error, BaseException):
            raise error


def _film(pictures: Path, camera: Path) -> None:
    """Let each picture stand before the camera for some frames."""
    camera.mkdir()
    for number, path in enumerate(sorted(pictures.iterdir())[:12]):
        for frame in range(_HELD):
            shutil.copyfile(path, camera / f"{number:02}-{frame:02}{path.suffix}")
