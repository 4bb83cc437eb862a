"""A progress bar where a person looks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from host_client.link.calls import Progress as OnProgress


@contextlib.contextmanager
def bar(as_json: bool, *, counted: bool = False) -> Iterator[OnProgress | None]:
    """Yield a callback that moves a progress bar on stderr, or None where nobody looks.

    counted: things are counted, not bytes.
    """
    screen = Console(stderr=True)
    if as_json or not screen.is_terminal:
        yield None
        return
    numbers = (MofNCompleteColumn(),) if counted else (DownloadColumn(), TransferSpeedColumn())
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        *numbers,
        TimeRemainingColumn(),
        console=screen,
    ) as shown:
        number = shown.add_task("waiting" if counted else "sending", total=None)

        def moved(done: int, total: int, what: str) -> None:
            shown.update(number, completed=done, total=total, description=what)

        yield moved
