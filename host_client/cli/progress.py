"""Progress on one line of stderr: n of m and seconds left, or how long something has taken.

Nothing is shown with --json, or where stderr is no terminal. A line of output that comes meanwhile
takes the place of the progress line, which is drawn again below it.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from host_client.cli import terminal
from host_client.cli.table import clipped, terminal_width
from host_client.link.calls import Progress

T = TypeVar("T")

_PERIOD = 0.1  # seconds between changes of a bar
_TICK = 0.5  # seconds between changes of a waiting line
_QUIET = 1.0  # seconds that a wait may take before a line is shown
_BAR = 24  # characters


def _hidden(as_json: bool) -> bool:
    return as_json or sys.stderr is None or not sys.stderr.isatty()


@contextlib.contextmanager
def bar(as_json: bool, *, counted: bool = False) -> Iterator[Progress | None]:
    """Yield a callback (done, total, what) that moves a progress bar; None where nothing is shown.

    counted: done and total are things, not bytes.
    """
    if _hidden(as_json):
        yield None
        return
    started = time.monotonic()
    changed = 0.0

    def moved(done: int, total: int, what: str) -> None:
        nonlocal changed
        now = time.monotonic()
        if done < total and now - changed < _PERIOD:
            return
        if done >= total and not changed:
            return  # over at once: no bar for that
        changed = now
        _show(_line(done, total, what, now - started, counted))

    try:
        yield moved
    finally:
        terminal.progress_line.leave(keep=not counted)


@contextlib.contextmanager
def counted(as_json: bool, items: Sequence[T], what: str) -> Iterator[Iterator[T]]:
    """Yield an iterator over items that moves a bar: "3 of 12 pictures", where there are several."""
    with bar(as_json, counted=True) as moved:

        def each() -> Iterator[T]:
            for number, item in enumerate(items):
                if moved is not None and len(items) > 1:
                    moved(number, len(items), what)
                yield item

        yield each()


@contextlib.contextmanager
def waiting(as_json: bool, what: str) -> Iterator[Callable[[str], None]]:
    """Show on one line what is waited for and for how long, once it takes more than a second.

    Yields a function that changes the text.
    """
    texts = [what]
    with ticking(as_json, lambda seconds: f"{terminal.shown(texts[-1])}  {seconds:.0f} s"):
        yield texts.append


def part(done: float, total: float, what: str, unit: str = "") -> str:
    """Return a line with a bar: "running  ####....  12 of 60 s"."""
    most = max(total, 1e-9)
    filled = min(_BAR, int(_BAR * done / most))
    bars = "#" * filled + "." * (_BAR - filled)
    return f"{terminal.shown(what)}  {bars}  {min(done, total):.0f} of {total:g} {unit}".rstrip()


@contextlib.contextmanager
def ticking(as_json: bool, line: Callable[[float], str]) -> Iterator[None]:
    """Show what line(seconds so far) returns, once a second has passed, and keep it current."""
    if _hidden(as_json):
        yield
        return
    started = time.monotonic()
    over = threading.Event()

    def tick() -> None:
        while not over.wait(_TICK):
            seconds = time.monotonic() - started
            if seconds >= _QUIET:
                _show(line(seconds))

    thread = threading.Thread(target=tick, name="k230-waiting", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        terminal.progress_line.leave(keep=False)


def _show(line: str) -> None:
    terminal.progress_line.show(clipped(line, terminal_width() - 1))


def _line(done: int, total: int, what: str, seconds: float, counted: bool) -> str:
    filled = _BAR * done // max(total, 1)
    parts = [terminal.shown(what), "#" * filled + "." * (_BAR - filled)]
    if counted:
        parts.append(f"{done} of {total}")
    else:
        size, unit = (1e6, "MB") if total >= 1e6 else (1e3, "kB")
        parts.append(f"{done / size:.1f} of {total / size:.1f} {unit}")
        parts.append(f"{done / size / max(seconds, 1e-3):.1f} {unit}/s")
    if 0 < done < total:
        parts.append(f"{seconds * (total - done) / done:.0f} s left")
    return "  ".join(parts)
