"""The settings of a board with what a page needs to let a person change them."""

from __future__ import annotations

from typing import Any

from firmware_app.settings import service_fields, task_fields
from firmware_app.settings.schema import Field
from host_client.base.exceptions import CommandFailed, ProtocolError
from host_client.board import Board
from host_client.commands.configurations import rounded
from host_client.results.messages import plain

LIVE, KEPT, OF_TASK = 1, 2, 4  # flags of a row of the board's answer to `settings`

Row = dict[str, Any]
_MISSING = object()


async def read(board: Board) -> list[Row]:
    """Return a row for each setting: name, value, value in the file, range, and whether it is live."""
    try:
        answer = await board.request("settings", repeat=True)
    except CommandFailed:  # an older service
        return await _of_configuration(board)
    if not isinstance(answer, list):
        raise ProtocolError("settings: expected rows")
    rows = []
    for row in answer:
        if not isinstance(row, list) or len(row) < 4 or not isinstance(row[1], int):
            raise ProtocolError("settings: expected rows of a name, flags and two values")
        of_task = bool(row[1] & OF_TASK)
        fields = task_fields.FIELDS if of_task else service_fields.FIELDS
        field = next((field for field in fields if field.path == row[0]), None)
        values = [plain(rounded(value)) for value in row[2:]]
        rows.append(_row(str(row[0]), row[1], field, values))
    return rows


async def _of_configuration(board: Board) -> list[Row]:
    """Return the same of a board that does not tell what the files say: as if nothing was changed."""
    found = await board.card.config_get()
    rows = []
    for part, fields in (("task", task_fields.FIELDS), ("service", service_fields.FIELDS)):
        values = found.get(part)
        for field in fields:
            value = values
            for name in field.path.split("."):
                value = value.get(name, _MISSING) if isinstance(value, dict) else _MISSING
            if value is _MISSING or (part == "task" and field.path == "task"):
                continue
            flags = (OF_TASK if part == "task" else 0) | (LIVE if field.live else 0)
            rows.append(_row(field.path, flags, field, [plain(value), plain(value)]))
    return rows


def _row(name: str, flags: int, field: Field | None, values: list[Any]) -> Row:
    row: Row = {
        "name": name,
        "live": bool(flags & LIVE),
        "kept": bool(flags & KEPT),
        "task": bool(flags & OF_TASK),
        "value": values[0],
        "file": values[1],
    }
    if len(values) > 2:
        row["later"] = values[2]
    if field is not None:
        row |= {"kind": field.kind, "low": field.low, "high": field.high, "step": field.step}
        row |= {"unit": field.unit, "choices": list(field.choices), "text": field.text}
        row |= {"secret": field.secret, "default": plain(field.default)}
    return row


async def change(board: Board, values: dict[str, Any], *, save: bool = False) -> dict[str, Any]:
    """Change settings now; CommandFailed."""
    report = await board.set(values, save=save)
    return {
        "generation": report.generation,
        "changed": list(report.changed),
        "saved": report.saved,
        "later": list(report.later),
    }
