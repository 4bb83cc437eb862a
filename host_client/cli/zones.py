"""The verb zones: save a snapshot with a grid, and the zones and lines of the running task."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import click
from PIL import Image, ImageDraw

from firmware_app.events.rules import pixels
from host_client.base.exceptions import ProtocolError
from host_client.base.wording import quantity
from host_client.board import Board
from host_client.cli import output
from host_client.cli.files import write_file
from host_client.cli.options import BoardCommand, board_verb

_GRID = 10  # parts of the frame
_LINE, _ZONE, _TEXT = "#f58231", "#3cb44b", "#ffffff"
_ARROW = 18  # pixels


@click.command(cls=BoardCommand, short_help="Save a snapshot with a grid, zones and lines.")
@board_verb
@click.argument("target", type=click.Path(path_type=Path))
async def zones(board: Board, *, as_json: bool, target: Path) -> None:
    """Save a snapshot of the board at URL to TARGET (JPEG), with a grid, zones and lines.

    Needs preview.enabled on the board. Grid numbers are frame pixels, as in events.zones and
    events.lines. The arrow of a line points to "in".
    """
    model = await board.describe()
    values = await board.card.config_get()
    task: Any = values.get("task") or {}
    events: Any = task.get("events") or {}
    data = await board.snapshot()
    try:
        picture = Image.open(io.BytesIO(data)).convert("RGB")
    except (OSError, ValueError) as error:
        raise ProtocolError(
            "snapshot: expected a JPEG in the answer, found something else"
        ) from error
    drawn = draw(picture, model.width, model.height, events)
    buffer = io.BytesIO()
    drawn.save(buffer, "JPEG", quality=90)
    write_file(target, buffer.getvalue())
    counts = {name: len(events.get(name) or []) for name in ("zones", "lines")}
    if as_json:
        data = buffer.getvalue()
        output.print_row("file", {"file": str(target), "size_bytes": len(data), **counts}, board)
    else:
        output.print_line(
            f"{target}: {quantity(counts['zones'], 'zone')}, {quantity(counts['lines'], 'line')}"
        )


def draw(picture: Image.Image, width: int, height: int, events: dict[str, Any]) -> Image.Image:
    """Return the picture with a grid, zones and lines. width, height: of their frame."""
    across, down = picture.width / width, picture.height / height
    pen = ImageDraw.Draw(picture, "RGBA")
    for part in range(1, _GRID):
        x, y = width * part // _GRID, height * part // _GRID
        pen.line([(x * across, 0), (x * across, picture.height)], fill=(255, 255, 255, 70))
        pen.line([(0, y * down), (picture.width, y * down)], fill=(255, 255, 255, 70))
        pen.text((x * across + 2, 1), str(x), fill=_TEXT)
        pen.text((1, y * down + 1), str(y), fill=_TEXT)

    def place(point: Any) -> tuple[float, float]:
        return pixels(point[0], width) * across, pixels(point[1], height) * down

    for zone in events.get("zones") or []:
        corners = [place(point) for point in zone["points"]]
        pen.polygon(corners, outline=_ZONE, fill=(60, 180, 75, 50), width=2)
        pen.text(min(corners, key=lambda corner: corner[1]), zone["name"], fill=_TEXT)
    for line in events.get("lines") or []:
        start, end = place(line["from"]), place(line["to"])
        pen.line([start, end], fill=_LINE, width=3)
        middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
        length = math.dist(start, end) or 1.0
        # To the right of the direction from start to end.
        tip = (
            middle[0] - (end[1] - start[1]) / length * _ARROW,
            middle[1] + (end[0] - start[0]) / length * _ARROW,
        )
        pen.line([middle, tip], fill=_LINE, width=3)
        pen.ellipse([tip[0] - 3, tip[1] - 3, tip[0] + 3, tip[1] + 3], fill=_LINE)
        pen.text((tip[0] + 5, tip[1]), f"{line['name']} in", fill=_TEXT)
    return picture
