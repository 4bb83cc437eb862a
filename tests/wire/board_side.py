# mypy: ignore-errors
"""Runs in MicroPython: the vectors, and msgpack and the decoder for what the host makes up.

micropython board_side.py vectors PATH   every vector through firmware_app; prints what differs
micropython board_side.py serve          one answer a line for each line of stdin:
    P hex      pack(unpack(hex)) as hex, or ! and what was wrong
    D hex hex  feeds a fresh decoder the pieces: rejected, then the messages packed, as hex
    M hex      feeds one decoder that stays: answers like D
    R hex      pack_result(unpack(hex)) as hex, binary items as bytearrays
    H          bytes of heap in use after a collection
"""

import gc
import json
import sys

from ucryptolib import aes

from firmware_app.wire import packets, seal
from firmware_app.wire.mpack import pack, pack_result, unpack


def unhex(text):
    return bytes(int(text[i : i + 2], 16) for i in range(0, len(text), 2))


def value_of(item):
    """A value of the vectors' JSON."""
    if isinstance(item, list):
        return [value_of(part) for part in item]
    if isinstance(item, dict):
        if "bin" in item:
            return unhex(item["bin"])
        return {value_of(pair[0]): value_of(pair[1]) for pair in item["map"]}
    return item


def one_key_at_most(item):
    """Whether no map in it has an order that could be another."""
    if isinstance(item, list):
        return all(one_key_at_most(part) for part in item)
    if isinstance(item, dict):
        return len(item) < 2 and all(one_key_at_most(part) for part in item.values())
    return True


def pieces(data, size, state):
    """Cut data: size bytes at a time, or by chance where size is 0."""
    at = 0
    while at < len(data):
        step = size
        if not size:
            state[0] = (state[0] * 1103515245 + 12345) & 0x7FFFFFFF
            step = 1 + (state[0] >> 8) % 97
        yield data[at : at + step]
        at += step


def joined(stream):
    return b"".join([unhex(part) * times for part, times in stream])


class Run:
    def __init__(self):
        self.faults = 0
        self.checks = 0

    def same(self, name, found, expected):
        self.checks += 1
        if found != expected:
            self.faults += 1
            print("differs:", name, "expected", str(expected)[:200], "found", str(found)[:200])


def check_vectors(path):
    with open(path) as file:
        vectors = json.load(file)
    run = Run()
    state = [1]
    everything = b""
    expected = []
    for row in vectors["messages"]:
        name = row["name"]
        message = value_of(row["message"])
        packet = unhex(row["packet"])
        if "payload" in row:
            run.same(name + ": unpack", unpack(unhex(row["payload"])), message)
        if one_key_at_most(message):
            run.same(name + ": encode", packets.encode(message), packet)
        decoder = packets.Decoder()
        run.same(name + ": decode", decoder.feed(packet), [message])
        run.same(name + ": rejected", decoder.rejected, 0)
        if len(packet) < 5000:
            everything += packet
            expected.append(message)
    for size in (1, 7, 64, 1000, 0, 0, 0):
        decoder = packets.Decoder()
        found = []
        for piece in pieces(everything, size, state):
            found.extend(decoder.feed(piece))
        run.same("all messages in pieces of %d" % size, found, expected)
        run.same("rejected in pieces of %d" % size, decoder.rejected, 0)
    for row in vectors["cobs"]:
        data = unhex(row["data"])
        stuffed = unhex(row["stuffed"])
        run.same("stuff " + row["data"][:20], packets.stuff(data), stuffed)
        run.same("unstuff " + row["data"][:20], packets.unstuff(stuffed), data)
    for row in vectors["streams"]:
        data = joined(row["stream"])
        messages = value_of(row["messages"])
        sizes = (len(data), 1, 0, 0) if len(data) < 5000 else (len(data), 0, 0)
        for size in sizes:
            decoder = packets.Decoder()
            found = []
            for piece in pieces(data, size, state):
                found.extend(decoder.feed(piece))
            run.same("%s in pieces of %d" % (row["name"], size), found, messages)
            run.same(
                "%s in pieces of %d: rejected" % (row["name"], size),
                decoder.rejected,
                row["rejected"],
            )
    row = vectors["handshake"]
    handshake = seal.Handshake(unhex(row["key"]), unhex(row["hello"]), unhex(row["welcome"]))
    run.same("client's proof", handshake.client_proof(), unhex(row["client_proof"]))
    run.same("board's proof", handshake.board_proof(), unhex(row["board_proof"]))
    run.same("client's seal", handshake.client_seal(), unhex(row["client_seal"]))
    run.same("board's seal", handshake.board_seal(), unhex(row["board_seal"]))
    key = unhex(vectors["sealed"]["key"])
    for size in (100000, 1, 0):
        decoder = packets.Decoder()
        decoder.opener = seal.Opener(key).open
        decoder.plain = ()
        sealer = seal.Sealer(key)
        rejected = 0
        for row in vectors["sealed"]["steps"]:
            expected = []
            if row["message"] is None:
                rejected += 1
            else:
                expected.append(value_of(row["message"]))
            found = []
            for piece in pieces(unhex(row["packet"]), size, state):
                found.extend(decoder.feed(piece))
            run.same("sealed: " + row["name"], found, expected)
            run.same("sealed: %s: rejected" % row["name"], decoder.rejected, rejected)
    first = vectors["sealed"]["steps"][0]
    sealed = packets.packet_of(sealer.seal(packets.payload_of(value_of(first["message"]))))
    run.same("seal", sealed, unhex(first["packet"]))
    run.same(
        "client's cipher", handshake.client_cipher(), unhex(vectors["handshake"]["client_cipher"])
    )
    run.same(
        "board's cipher", handshake.board_cipher(), unhex(vectors["handshake"]["board_cipher"])
    )
    table = vectors["encrypted"]
    decoder = packets.Decoder()
    cipher = seal.Cipher(aes(unhex(table["cipher"]), 1).encrypt)
    decoder.opener = seal.Opener(unhex(table["key"]), cipher).open
    decoder.plain = ()
    for row in table["steps"]:
        expected = [] if row["message"] is None else [value_of(row["message"])]
        run.same("encrypted: " + row["name"], decoder.feed(unhex(row["packet"])), expected)
    first = table["steps"][0]
    sealer = seal.Sealer(unhex(table["key"]), cipher)
    sealed = packets.packet_of(sealer.seal(packets.payload_of(value_of(first["message"]))))
    run.same("encrypt", sealed, unhex(first["packet"]))
    print("%d checks, %d differ" % (run.checks, run.faults))
    return run.faults


def answer(decoder, chunks):
    found = []
    for chunk in chunks:
        found.extend(decoder.feed(chunk))
    return "%d %s" % (decoder.rejected, pack(found).hex())


def serve():
    decoder = packets.Decoder()
    for line in sys.stdin:
        parts = line.split()
        if parts[0] == "P":
            try:
                print(pack(unpack(unhex(parts[1] if len(parts) > 1 else ""))).hex())
            except ValueError as error:  # UnicodeError is one
                print("!", error)
        elif parts[0] == "D":
            print(answer(packets.Decoder(), [unhex(part) for part in parts[1:]]))
        elif parts[0] == "M":
            print(answer(decoder, [unhex(part) for part in parts[1:]]))
        elif parts[0] == "R":
            row = unpack(unhex(parts[1]))
            print(pack_result([bytearray(i) if isinstance(i, bytes) else i for i in row]).hex())
        elif parts[0] == "H":
            gc.collect()
            print(gc.mem_alloc())


if sys.argv[1] == "vectors":
    sys.exit(1 if check_vectors(sys.argv[2]) else 0)
serve()
