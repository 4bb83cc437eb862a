"""What takes long on a board, seen by every browser while it goes on."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from board_hub.dashboard.view import View
from host_client.base.exceptions import CommandFailed, K230Error

MAX_JOBS = 8  # at a time, on one board
_PERIOD = 0.1  # seconds between two reports

Report = Callable[[int, int, str], None]


@contextlib.asynccontextmanager
async def job(view: View, kind: str, by: str, **details: Any) -> AsyncIterator[Report]:
    """Tell every browser that something goes on; yields report(done, total, what)."""
    if len(view.jobs) >= MAX_JOBS:
        raise CommandFailed("busy", f"{view.session.name}: {MAX_JOBS} things are going on already")
    row: dict[str, Any] = {
        "job": secrets.token_hex(6),
        "board": view.key,
        "kind": kind,
        "by": by,
        **details,
    }
    last = 0.0

    def report(done: int, total: int, what: str = "") -> None:
        nonlocal last
        now = time.monotonic()
        if done < total and now - last < _PERIOD:
            return
        last = now
        row.update(done=done, total=total, what=what)
        view.tell_job(dict(row))

    view.tell_job(dict(row))
    try:
        yield report
    except K230Error as error:
        row["error"] = {"code": error.code, "message": str(error)}
        raise
    finally:
        view.tell_job({**row, "over": True})
