"""Follow a board across lost links and restarts, and say what happens to the link.

The stream of results goes on by itself. Only a wrong key or another protocol version ends it.
"""

from __future__ import annotations

import asyncio
import os
import sys

from host_client import AuthenticationError, Board, State, StateChange, VersionError

URL = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("K230_URL", "tcp://192.168.1.20")


def tell(change: StateChange) -> None:
    """Print one change of the link."""
    if change.state is State.RECONNECTING:
        print(
            f"lost: {change.reason}; attempt {change.attempt} in {change.delay:.2f} s", flush=True
        )
    elif change.state is State.CONNECTED:
        print("connected" + (", the board has restarted" if change.restarted else ""), flush=True)


async def main() -> None:
    """Print the number of each result until Ctrl-C; wait a minute for a board that is still off."""
    async with Board.connect(URL, wait=60, on_state=tell) as board:
        async for result in board.results(rate=2):
            print("frame", result.seq, flush=True)


try:
    asyncio.run(main())
except (AuthenticationError, VersionError) as error:
    sys.exit(f"{error.code}: {error}")
