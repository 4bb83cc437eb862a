"""Print ten results without asyncio: the same methods, in an ordinary program."""

from __future__ import annotations

import os
import sys

from host_client.sync import Board

URL = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("K230_URL", "tcp://192.168.1.20")

with Board.connect(URL) as board:
    print("running", board.describe().task)
    for count, result in enumerate(board.results(), 1):
        print(result.seq, result.to_dict())
        if count == 10:
            break
    print("temperature", board.status().get("temperature_c"))
