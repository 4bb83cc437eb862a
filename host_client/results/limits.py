"""Upper limits of a board's answers that arrive in pages; a larger answer is invalid.

The size of a packet (wire/packets.py) limits answers of a single message.
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
"""Bytes of the log on the card, both parts."""

SAMPLES = _highest(task_fields.FIELDS, "gallery_capacity")
"""Samples of a gallery; each label has at least one."""

DOWNLOAD_BYTES = 128 << 20
"""Bytes of one file or picture; the largest file of a package."""

BOARDS = 256
"""Boards that answer one search."""


def at_most(command: str, what: str, count: int, most: int) -> None:
    """Raise ProtocolError if an answer exceeds a limit."""
    if count > most:
        raise ProtocolError(f"{command}: expected at most {most} {what} in the answers, found more")
