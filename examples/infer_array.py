"""Ask a board what it sees in a numpy array: height x width x 3, RGB, uint8."""

from __future__ import annotations

import os
import sys

import numpy as np

from host_client import CommandFailed
from host_client.sync import Board

URL = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("K230_URL", "tcp://192.168.1.20")

picture = np.full((240, 320, 3), 200, np.uint8)
picture[60:180, 100:220] = (200, 30, 30)  # a red square

with Board.connect(URL) as board:
    try:
        result = board.infer(picture)
    except CommandFailed as error:
        sys.exit(f"{error.code}: {error}")
    print(result.task, "of", result.source.width, "x", result.source.height, "pixels")
    print(result.to_dict())
