"""Progress on one line where a person looks."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator

from host_client.cli import terminal
from host_client.cli.table import clipped, terminal_width, width_of
from host_client.link.calls import Progress

_PERIOD = 0.1  # seconds between changes
_BAR = 24


@contextlib.contextmanager
def bar(as_json: bool, *, counted: bool = False) -> Iterator[Progress | None]:
    """Yield a callback that moves a progress bar on stderr, or None where nobody looks.

    counted: things are counted, not bytes.
    """
    if as_json or sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    started = time.monotonic()
    changed = 0.0
    before = ""

    def moved(done: int, total: int, what: str) -> None:
        nonlocal changed, before
        now = time.monotonic()
        if done < total and now - changed < _PERIOD:
            return
        changed = now
        line = clipped(_line(done, total, what, now - started, counted), terminal_width() - 1)
        terminal.tell_own("\r" + line + " " * (width_of(before) - width_of(line)))
        before = line

    try:
        yield moved
    finally:
        if before:
            terminal.tell_own("\n")


def _line(done: int, total: int, what: str, seconds: float, counted: bool) -> str:
    filled = _BAR * done // max(total, 1)
    parts = [terminal.shown(what), "#" * filled + "." * (_BAR - filled)]
    if counted:
        parts.append(f"{done} of {total}")
    else:
        parts.append(f"{done / 1e6:.1f} of {total / 1e6:.1f} MB")
        parts.append(f"{done / 1e6 / max(seconds, 1e-3):.1f} MB/s")
    if 0 < done < total:
        parts.append(f"{seconds * (total - done) / done:.0f} s left")
    return "  ".join(parts)
