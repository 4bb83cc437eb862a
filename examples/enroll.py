"""Teach a board two identities, then ask who or what a picture shows.

Usage: python examples/enroll.py URL PICTURE_OF_A PICTURE_OF_B PICTURE_TO_RECOGNIZE
The board must have a task of metric learning; its name is `metric_learning` here.
"""

from __future__ import annotations

import asyncio
import sys

from host_client import Board

TASK = "metric_learning"


async def main(url: str, first: str, second: str, unknown: str) -> None:
    """Enroll two pictures and recognize a third."""
    async with Board.connect(url) as board:
        if (await board.status()).get("task") != TASK:
            await board.switch(TASK)
        for label, picture in (("a", first), ("b", second)):
            done = await board.gallery.enroll(label, picture)
            print(label, "has", done.samples, "samples;", *done.warnings)
        answer = await board.gallery.recognize(unknown)
        for found in answer.found:
            print("this is", found.identity or f"unknown ({found.reason})", f"{found.score:.2f}")


asyncio.run(main(*sys.argv[1:5]))
