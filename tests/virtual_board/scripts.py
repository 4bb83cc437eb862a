"""Runs a script on a virtual board and keeps what it printed.

K230_TEST_MICROPYTHON names another interpreter to run all of them with.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from virtual_board.board import Event, VirtualBoard

LIMIT_S = 60.0
OTHER = os.environ.get("K230_TEST_MICROPYTHON")
PACKAGES = Path(__file__).resolve().parents[2] / "models" / "packages"


@dataclass
class Run:
    """What a run left: the console's lines, all events, the exit code."""

    lines: list[str]
    events: list[Event]
    code: int

    def details(self, kind: str) -> list[str]:
        """Return the details of all events of a kind."""
        return [event["detail"] for event in self.events if event["event"] == kind]

    @property
    def fault(self) -> str:
        """The one native fault of the run."""
        faults = self.details("fault")
        assert len(faults) == 1, self.events
        return faults[0]


def run_script(
    folder: Path,
    source: str,
    beside: Callable[[VirtualBoard], Any] | None = None,
    **options: Any,
) -> Run:
    """Run a script from a card in `folder`; `beside(board)` runs in a thread once it listens."""
    card = folder / "card"
    card.mkdir(exist_ok=True)
    (card / "main.py").write_text(source, encoding="utf-8")
    options.setdefault("seconds", LIMIT_S)
    options.setdefault("restart", False)
    options.setdefault("micropython", OTHER)
    if beside is None:
        options.setdefault("tcp", None)
    return asyncio.run(_run(card, beside, options))


async def _listening(board: VirtualBoard) -> None:
    """Wait until the script opened a port or the UART."""
    for _ in range(400):
        if any(event["event"] in ("listening", "uart") for event in board._events):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"the script opened nothing: {list(board.console)}")


async def _run(
    card: Path, beside: Callable[[VirtualBoard], Any] | None, options: dict[str, Any]
) -> Run:
    async with VirtualBoard(sdcard=card, **options) as board:
        helper = None
        if beside is not None:
            await _listening(board)
            helper = asyncio.create_task(asyncio.to_thread(beside, board))
        events = [event async for event in board.events()]
        if helper is not None:
            await helper
        code = await board.wait()
    lines = [event["detail"] for event in events if event["event"] == "console"]
    return Run(lines, events, code)
