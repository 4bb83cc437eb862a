"""Watch many boards at once; one that is away does not stop the others.

Usage: python examples/many_boards.py URL URL ...
Without URLs it takes the boards of the local network.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter

from host_client import Board, K230Error, discover

counts: Counter[str] = Counter()


async def watch(url: str) -> None:
    """Count the results of one board, for ever."""
    try:
        async with Board.connect(url, wait=60) as board:
            async for _ in board.results():
                counts[board.info.board_name or url] += 1
    except K230Error as error:
        print(url, error.code, error, flush=True)


async def report() -> None:
    """Print every second what arrived."""
    while True:
        await asyncio.sleep(1)
        print(dict(counts), flush=True)
        counts.clear()


async def main(urls: list[str]) -> None:
    """Watch all boards until Ctrl-C."""
    if not urls:
        urls = [found.url for found in await discover()]
    print("watching", *urls, flush=True)
    await asyncio.gather(report(), *map(watch, urls))


asyncio.run(main(sys.argv[1:]))
