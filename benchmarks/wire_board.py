# mypy: ignore-errors
"""Runs in MicroPython for benchmarks.wire: what a message costs the board, in time and heap.

Takes the boxes as one line of JSON on stdin and the folder of the stand-ins as argument; prints one
JSON object: for each number of boxes the stages' microseconds and bytes allocated.
"""

import gc
import json
import sys
import time

from firmware_app.wire import messages, packets, seal

# Only now, and last: the interpreter's own modules are to be measured, the stand-ins are only here
# so that the file with pack_boxes can be imported.
sys.path.append(sys.argv[1])
from firmware_app.tasks.detection import pack_boxes

HEAD = [messages.DETECTION, 70000, 17000000, 3]
BATCHES = 15


def microseconds(work, times):
    found = []
    for _ in range(BATCHES):
        gc.collect()
        start = time.ticks_us()
        for _ in range(times):
            work()
        found.append(time.ticks_diff(time.ticks_us(), start) / times)
    return min(found)  # whatever else the machine does only adds


def allocated(work):
    work()
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    for _ in range(20):
        work()
    after = gc.mem_alloc()
    gc.enable()
    return (after - before) // 20


def stages(boxes):
    """The work of each stage, by name, and the two frames' sizes."""
    packed = pack_boxes(boxes)
    message = HEAD + [packed]
    payload = packets.payload_of(message)
    sealer = seal.Sealer(bytes(range(32)))
    sealed = sealer.seal(payload)
    work = {
        "pack": lambda: pack_boxes(boxes),
        "encode": lambda: packets.payload_of(message),
        "frame": lambda: packets.packet_of(payload),
        "seal": lambda: sealer.seal(payload),
        "frame_sealed": lambda: packets.packet_of(sealed),
    }
    return work, len(packets.packet_of(payload)), len(packets.packet_of(sealed))


def main():
    result = {}
    for count, rows in json.loads(sys.stdin.readline()).items():
        work, size, tagged = stages([tuple(row) for row in rows])
        result[count] = {
            "bytes": size,
            "bytes_tagged": tagged,
            "us": {name: microseconds(work[name], 200) for name in work},
            "allocated": {name: allocated(work[name]) for name in work},
        }
    print(json.dumps(result))


main()
