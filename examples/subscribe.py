"""Print results and events of a board as they come, with asyncio."""

from __future__ import annotations

import asyncio
import os
import sys

from host_client import Board

URL = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("K230_URL", "tcp://192.168.1.20")


async def show_results(board: Board) -> None:
    """Print every result, five a second at most."""
    async for result in board.results(rate=5):
        print("result", result.task, result.seq, result.to_dict(), flush=True)


async def show_events(board: Board) -> None:
    """Print what happens on the board: switches, problems, tracks."""
    async for event in board.events():
        print("event", event.kind, event.details, flush=True)


async def main() -> None:
    """Read both streams until Ctrl-C."""
    async with Board.connect(URL) as board:
        print("connected to", board.info.board_name, "version", board.info.version, flush=True)
        await asyncio.gather(show_results(board), show_events(board))


asyncio.run(main())
