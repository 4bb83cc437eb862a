"""k230 zones: a snapshot with a grid, zones and lines in it."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

from PIL import Image

from host_client.cli.app import run
from host_client.cli.zones import draw
from tests.host.scripted_board import tcp_board

EVENTS = {
    "zones": [{"name": "yard", "points": [[0.0, 0.5], [0.5, 0.5], [0.5, 1.0], [0.0, 1.0]]}],
    "lines": [{"name": "door", "from": [480, 0], "to": [480, 480]}],
}


def is_like(found: tuple[int, ...], wanted: tuple[int, int, int]) -> bool:
    return all(abs(a - b) < 60 for a, b in zip(found, wanted, strict=True))


def test_zones_and_lines_stand_where_they_are() -> None:
    drawn = draw(Image.new("RGB", (320, 240)), 640, 480, EVENTS)
    pixels = {point: drawn.getpixel(point) for point in ((80, 121), (240, 200), (80, 60))}
    assert pixels[80, 121] != (0, 0, 0)  # the zone's upper edge, half as large as the frame
    assert is_like(pixels[240, 200], (245, 130, 49))  # type: ignore[arg-type]
    assert pixels[80, 60] == (0, 0, 0)


async def test_the_command_saves_a_picture(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (320, 240)).save(buffer, "JPEG")
    async with tcp_board() as board:
        board.answers["config"] = lambda _: {"service": {}, "task": {"events": EVENTS}}
        board.answers["snapshot"] = lambda _: {"jpeg": buffer.getvalue()}
        target = tmp_path / "zones.jpg"
        assert await asyncio.to_thread(run, ["zones", board.url, str(target)]) == 0
        with Image.open(target) as saved:
            assert saved.size == (320, 240)
        board.answers["snapshot"] = lambda _: {"jpeg": b"no picture"}
        assert await asyncio.to_thread(run, ["zones", board.url, str(target)]) == 5
