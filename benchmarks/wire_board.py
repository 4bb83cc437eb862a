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
from _k230 import silicon

# What the stand-ins are told of a board as they are loaded; none of it is used here.
silicon.config["blocks"] = "/dev/null"
silicon.config["board"] = {"uname": "", "wired": [], "absent": []}

from firmware_app.board import cipher  # noqa: E402
from firmware_app.tasks.detection import pack_boxes  # noqa: E402

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
    return min(found)  # other work of the machine only adds


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
    if cipher.present():
        encrypting = seal.Sealer(bytes(range(32)), seal.Cipher(cipher.encryptor(bytes(16))))
        work["encrypt"] = lambda: encrypting.seal(payload)
    return work, len(packets.packet_of(payload)), len(packets.packet_of(sealed))


def picture():
    """Milliseconds to send 100 kB in chunks: packed, sealed, encrypted."""
    data = bytes(range(256)) * 400
    size = messages.CHUNK_SIZE
    sealers = {"plain": None, "sealed": seal.Sealer(bytes(range(32)))}
    if cipher.present():
        encrypting = seal.Cipher(cipher.encryptor(bytes(16)))
        sealers["sealed and encrypted"] = seal.Sealer(bytes(range(32)), encrypting)

    def send(sealer):
        for at in range(0, len(data), size):
            payload = packets.payload_of([messages.CHUNK, 7, at, data[at : at + size]])
            packets.packet_of(sealer.seal(payload) if sealer is not None else payload)

    return {
        name: round(microseconds(lambda sealer=sealer: send(sealer), 3) / 1000, 2)
        for name, sealer in sealers.items()
    }


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
    result["picture"] = picture()
    print(json.dumps(result))


main()
