"""What the answers of a board hold at most. One that says more is damaged, or lies.

An answer of one message is bounded by its bytes (wire/packets.py); these bound what comes in pages.
"""

from __future__ import annotations

from collections.abc import Iterable

from firmware_app.settings import service_fields, task_fields
from firmware_app.settings.schema import Field
from host_client.base.exceptions import ProtocolError


def _highest(fields: Iterable[Field], path: str) -> int:
    (found,) = [field.high for field in fields if field.path == path]
    assert found is not None
    return int(found)


LOG_BYTES = 2 * 1024 * _highest(service_fields.FIELDS, "log.size")
"""Of the log on the card, with the part before."""

SAMPLES = _highest(task_fields.FIELDS, "gallery_capacity")
"""Of a gallery; a label has one at least."""

DOWNLOAD_BYTES = 128 << 20
"""Of one file or picture; the largest file of a package."""

BOARDS = 256
"""That answer one search."""


def at_most(command: str, what: str, count: int, most: int) -> None:
    """Raise ProtocolError where a board answers a command with more than a board can have."""
    if count > most:
        raise ProtocolError(f"{command}: expected at most {most} {what} in the answers, found more")
