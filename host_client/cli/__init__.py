"""The `k230` command."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import Any


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit."""
    _keep_descriptors()
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        # A library's own start may turn a KeyboardInterrupt into an error of its own.
        signal.signal(signal.SIGINT, _leave)
    from host_client.cli.app import main as run  # noqa: PLC0415 - Ctrl-C may come meanwhile

    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, before)
    run(arguments)


def _leave(*_: Any) -> None:
    os._exit(128 + signal.SIGINT)


def _keep_descriptors() -> None:
    """Keep the numbers of closed standard streams from sockets and files that are opened later."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            with contextlib.suppress(OSError):
                os.open(os.devnull, os.O_RDWR)  # takes the lowest free number


__all__ = ["main"]
