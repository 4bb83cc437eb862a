# mypy: ignore-errors
"""Runs in MicroPython: what following objects costs a frame. Prints {"5": us, "20": us}, the least of many batches.

micropython events_board.py
"""

import json
import struct
import time

from firmware_app.events.counters import Counters
from firmware_app.events.follower import Follower
from firmware_app.events.rules import Rules
from firmware_app.settings.reader import read_task
from firmware_app.wire import messages

_FRAMES = 60
_BATCH = 10
_ROUNDS = 12
_TEXT = """task: detection
package: /sdcard/p
events:
  enabled: true
  zones:
    - {name: a, points: [[0, 0], [300, 0], [300, 200], [200, 230], [100, 230], [0, 200]]}
    - {name: b, points: [[340, 0], [640, 0], [640, 200], [540, 230], [440, 230], [340, 200]]}
    - {name: c, points: [[0, 250], [300, 250], [300, 400], [200, 480], [100, 480], [0, 400]]}
    - {name: d, points: [[340, 250], [640, 250], [640, 400], [540, 480], [440, 480], [340, 400]]}
  lines:
    - {name: e, from: [320, 0], to: [320, 480]}
"""


def frames(count):
    """Packed boxes of objects that walk across, each frame a bit further, with jitter."""
    state = 7
    made = []
    for frame in range(_FRAMES):
        packed = bytearray(8 * count)
        for i in range(count):
            state = (state * 1103515245 + 12345) & 0x7FFFFFFF
            x = (31 * i * 5 + 3 * frame) % 580 + (state >> 8) % 3
            y = 20 + (i % 5) * 85 + (state >> 12) % 3
            w = 36 + i % 7 + (state >> 16) % 2
            h = 70 + i % 9
            a = x | 900 << 11 | y << 21
            struct.pack_into("<II", packed, 8 * i, a, w | 0 << 11 | h << 21)
        made.append(bytes(packed))
    return made


def measure(count):
    """Return microseconds a frame: the least mean of a batch."""
    settings = read_task(_TEXT, "task.yaml").values["events"]
    shown = frames(count)
    least = None
    followed = 0
    for _ in range(_ROUNDS):
        told = []
        rules = Rules(settings, ["person"], 640, 480)
        follower = Follower(rules, Counters([1, 0, None]), lambda t, kind, d: told.append(kind))
        at = 0
        while at < _FRAMES:
            start = time.ticks_us()
            for i in range(at, at + _BATCH):
                follower.take(messages.DETECTION, 33 * i, [shown[i]])
            spent = time.ticks_diff(time.ticks_us(), start)
            if at and (least is None or spent < least):
                least = spent
            at += _BATCH
        followed = told.count("track.new")
    assert followed >= count, (followed, count)  # what is measured has followed them
    return least / _BATCH


print(json.dumps({"5": measure(5), "20": measure(20)}))
