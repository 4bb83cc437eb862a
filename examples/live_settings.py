"""Change a threshold of the running task, see what it does, and change it back."""

from __future__ import annotations

import os
import sys

from host_client import CommandFailed
from host_client.sync import Board

URL = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("K230_URL", "tcp://192.168.1.20")

with Board.connect(URL) as board:
    try:
        report = board.set({"confidence_threshold": 0.9})
    except CommandFailed as error:
        sys.exit(f"{error.code}: {error}")
    print("changed", *report.changed)
    for result in board.results():
        if result.generation >= report.generation:  # made with the new threshold
            print(result.to_dict())
            break
    board.forget(["confidence_threshold"])
    for setting in board.settings():
        if setting.name == "confidence_threshold":
            print(setting.name, "is", setting.value, "again")
