"""Steer by what a board sees, and stop when its news is too old.

A control loop must not trust an old picture. Each turn has a deadline; a result counts by the time
of its frame, not by the time at which it arrived. A queue of 1 keeps the newest result only.
"""

from __future__ import annotations

import os
import sys
import time

from host_client import DetectionResult, RequestTimeout
from host_client.sync import Board

URL = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("K230_URL", "tcp://192.168.1.20")
PERIOD_S = 0.2  # a turn of the loop
MAX_AGE_S = 0.5  # of the frame that a turn may act on


def steer(turn: float) -> None:
    """Turn left (-1) to right (1); a robot's motors go here."""
    print(f"steer {turn:+.2f}", flush=True)


def stop(why: str) -> None:
    """Stop the motors."""
    print("stop:", why, flush=True)


with Board.connect(URL, wait=60) as board, board.results(queue=1) as results:
    while True:
        try:
            result = results.next(PERIOD_S)
        except RequestTimeout:
            stop("nothing arrived in time")
            continue
        if result.host_time is None or result.uncertainty is None:
            continue  # the clocks are not compared yet
        age = time.time() - result.host_time + result.uncertainty
        if age > MAX_AGE_S:
            stop(f"the frame is {age:.2f} s old")
        elif not isinstance(result, DetectionResult) or not result.boxes:
            stop("nothing to follow")
        else:
            best = result.boxes[0]
            middle = (result.source.width or 1) / 2
            steer((best.x + best.w / 2 - middle) / middle)
