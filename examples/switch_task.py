"""Switch a board through all tasks that its card has, and print one result of each."""

from __future__ import annotations

import asyncio
import os
import sys

from host_client import Board, CommandFailed

URL = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("K230_URL", "tcp://192.168.1.20")


async def main() -> None:
    """Switch, print, and go back to the task that ran before."""
    async with Board.connect(URL) as board:
        before = (await board.status()).get("task")
        for task in await board.tasks():
            if task.problem:
                print(task.name, "can't run:", task.problem)
                continue
            try:
                report = await board.switch(task.name)
            except CommandFailed as error:  # the old task runs on
                print(task.name, error.code, error)
                continue
            async for result in board.results():
                if result.generation == report.generation:
                    print(task.name, "after", report.gap_ms, "ms:", result.task, result.seq)
                    break
        if before:
            await board.switch(before)
            print("back to", before)


asyncio.run(main())
