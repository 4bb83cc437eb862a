"""The link in figures, beside its peers: python -m benchmarks.wire [--json] [--long].

Bytes of a detection result; decoding it to a typed result; what encoding costs in MicroPython; what
noise does; capture to client, and results beside large data, on the virtual board.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import shutil
import statistics
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks import wire_download, wire_latency, wire_noise, wire_peers
from firmware_app.wire import messages, packets, seal
from host_client.link.decoder import Decoder
from host_client.link.encryption import Opener, cipher
from host_client.results.decode import Model, decode_result

ROOT = Path(__file__).resolve().parent.parent
COUNTS = (1, 5, 20)
SEQ, TIME_MS, GENERATION = 70000, 17_000_000, 3  # at least 65,536 and 2 ** 24
RATES = (1e-6, 1e-5, 1e-4, 1e-3)
TRIALS = 10_500_000
LONG_TRIALS = 200_000_000
ROUNDS = 400
REPEAT = 40
CLIENTS = (1, 8)
WIRE_BYTES = 11_520  # a second, of 115200 baud
SHARE = 0.9  # uart.share by default: what results may have of it
# What is asked of the figures; docs/performance.md has what was measured.
MOST_BYTES = {"1": 29, "5": 61, "20": 181}
MOST_BYTES_ENCRYPTED = {"1": 40, "5": 72, "20": 192}
LEAST_WIRE_RESULTS = 57  # a second, of 20 boxes at 115200 baud
LEAST_SPEEDUP = {"1": 1.5, "5": 1.4, "20": 1.3}
LEAST_SPEEDUP_NOISE = dict.fromkeys(LEAST_SPEEDUP, 1.0)
LEAST_KB = 95.0  # a second that flow from the board while results are counted


def message(count: int, seq: int = SEQ) -> list[Any]:
    """A detection result of so many boxes, as the board sends it."""
    packed = b"".join(
        struct.pack("<II", x | score << 11 | y << 21, w | kind << 11 | h << 21)
        for x, y, w, h, score, kind in wire_peers.boxes(count)
    )
    return [messages.DETECTION, seq, TIME_MS, GENERATION, packed]


def _sizes() -> dict[str, Any]:
    key = bytes(32)
    plain = {str(n): len(packets.encode(message(n))) for n in COUNTS}
    tagged = {
        str(n): len(packets.packet_of(seal.Sealer(key).seal(packets.payload_of(message(n)))))
        for n in COUNTS
    }
    encrypted = {
        str(n): len(
            packets.packet_of(
                seal.Sealer(key, cipher(key[:16])).seal(packets.payload_of(message(n)))
            )
        )
        for n in COUNTS
    }
    peers: dict[str, dict[str, int]] = {}
    husky: dict[str, float] = {}
    for n in COUNTS:
        boxes = wire_peers.boxes(n)
        for peer, size in wire_peers.sizes(boxes).items():
            peers.setdefault(peer, {})[str(n)] = size
        asked = wire_peers.huskylens_get(boxes)
        if asked is not None:
            peers["huskylens"][str(n)] = int(asked["bytes"])
            husky[str(n)] = asked["ms"]
    wire = {n: round(WIRE_BYTES * SHARE / size, 1) for n, size in plain.items()}
    return {
        "results_per_second_115200": wire,
        "bytes": plain,
        "bytes_tagged": tagged,
        "bytes_encrypted": encrypted,
        "bytes_peers": peers,
        "get_ms_huskylens": husky or None,
    }


# Decoding.


def _our_decoder(count: int) -> Callable[[], Any]:
    """From bytes to a typed result: COBS, CRC-32, msgpack, named tuples."""
    frame = packets.encode(message(count))
    labels = [f"class {i}" for i in range(20)]
    model = Model([GENERATION, "detection", "model", bytes(32), labels, 640, 480, "task"])
    feed = Decoder().feed

    def decode() -> Any:
        return decode_result(feed(frame)[0], model)

    result = decode()
    rows = [(b.x, b.y, b.w, b.h, b.score, b.label) for b in result.boxes]
    wanted = [(*box[:4], box[4] / 1000, labels[box[5]]) for box in wire_peers.boxes(count)]
    if rows != wanted:
        raise RuntimeError("the frame was decoded to something else")
    return decode


def _our_encrypted_decoder(count: int, calls: int) -> Callable[[], Any]:
    """The same of a sealed and encrypted session; each call gets the next packet, made before."""
    key, secret = bytes(range(32)), bytes(range(16))
    sealer = seal.Sealer(key, cipher(secret))
    payload = packets.payload_of(message(count))
    frames = [packets.packet_of(sealer.seal(payload)) for _ in range(calls)]
    frames.reverse()
    labels = [f"class {i}" for i in range(20)]
    model = Model([GENERATION, "detection", "model", bytes(32), labels, 640, 480, "task"])
    decoder: Any = Decoder()
    decoder.opener = Opener(key, cipher(secret)).open
    feed = decoder.feed

    def decode() -> Any:
        return decode_result(feed(frames.pop())[0], model)

    if len(decode().boxes) != count:
        raise RuntimeError("the packet was decoded to something else")
    return decode


def _interleaved(works: dict[str, Callable[[], Any]]) -> dict[str, list[float]]:
    """Time each piece of work in turn, ROUNDS times; return microseconds a call, by round.

    The thread's processor time counts, so that other programs' turns do not count.
    """
    times: dict[str, list[float]] = {name: [] for name in works}
    gc.collect()
    for _ in range(ROUNDS):
        for name, work in works.items():
            start = time.thread_time_ns()
            for _ in range(REPEAT):
                work()
            times[name].append((time.thread_time_ns() - start) / REPEAT / 1000)
    return times


async def _decode() -> dict[str, Any]:
    ours: dict[str, float] = {}
    encrypted: dict[str, float] = {}
    noise: dict[str, float] = {}
    noise_speedup: dict[str, float] = {}
    speedups: dict[str, dict[str, float]] = {"sscma": {}, "esphome": {}}
    peers: dict[str, dict[str, float]] = {"sscma": {}, "esphome": {}}
    for n in COUNTS:
        boxes = wire_peers.boxes(n)
        works: dict[str, Callable[[], Any]] = {"ours": _our_decoder(n)}
        for name, peer in (
            ("sscma", wire_peers.sscma_decoder(boxes)),
            ("esphome", wire_peers.esphome_decoder(boxes)),
        ):
            if peer is not None:
                works[name] = peer
        times = _interleaved(works)
        ours[str(n)] = round(statistics.median(times["ours"]), 2)
        for name, medians in peers.items():
            if name in times:
                medians[str(n)] = round(statistics.median(times[name]), 2)
                # Round by round: what slows the machine down slows both.
                ratios = [
                    theirs / own for own, theirs in zip(times["ours"], times[name], strict=True)
                ]
                speedups[name][str(n)] = round(statistics.median(ratios), 3)
        calls = ROUNDS * REPEAT + 1
        works = {"ours": _our_encrypted_decoder(n, calls)}
        over_noise = wire_peers.esphome_noise_decoder(boxes, calls)
        if over_noise is not None:
            works["noise"] = over_noise
        times = _interleaved(works)
        encrypted[str(n)] = round(statistics.median(times["ours"]), 2)
        if "noise" in times:
            noise[str(n)] = round(statistics.median(times["noise"]), 2)
            ratios = [
                theirs / own for own, theirs in zip(times["ours"], times["noise"], strict=True)
            ]
            noise_speedup[str(n)] = round(statistics.median(ratios), 3)
    return {
        "decode_us": ours,
        "decode_us_peers": peers,
        "decode_speedup_sscma": speedups["sscma"] or None,
        "decode_speedup_esphome": speedups["esphome"] or None,
        "decode_us_encrypted": encrypted,
        "decode_us_esphome_noise": noise or None,
        "decode_speedup_esphome_noise": noise_speedup or None,
    }


# Encoding.


def _encode() -> dict[str, Any]:
    beside = Path(sys.executable).with_name("micropython")
    command = os.environ.get("K230_TEST_MICROPYTHON") or (
        str(beside) if beside.exists() else shutil.which("micropython")
    )
    if command is None:
        return {"encode": None, "picture_ms": None}
    done = subprocess.run(
        [
            command,
            str(ROOT / "benchmarks" / "wire_board.py"),
            str(ROOT / "virtual_board" / "modules"),
        ],
        input=json.dumps({str(n): wire_peers.boxes(n) for n in COUNTS}) + "\n",
        env={**os.environ, "MICROPYPATH": f"{ROOT}:.frozen"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"MicroPython: {done.stdout}{done.stderr}")
    rows: dict[str, Any] = json.loads(done.stdout)
    picture = rows.pop("picture")
    for row in rows.values():
        for kind in ("us", "allocated"):
            stages = row[kind]
            shared = stages["pack"] + stages["encode"]
            stages["unsealed"] = round(shared + stages["frame"], 2)
            stages["sealed"] = round(shared + stages["seal"] + stages["frame_sealed"], 2)
            if "encrypt" in stages:
                one = stages["encrypt"] + stages["frame_sealed"]
                for clients in CLIENTS:
                    # A result is packed once; sealing and encrypting is each session's own.
                    stages[f"encrypted_{clients}"] = round(shared + clients * one, 2)
    return {"encode": rows, "picture_ms": picture}


# Everything.


def _noise(long: bool) -> dict[str, Any]:
    tally = wire_noise.Tally()
    rows = wire_noise.shares(message, RATES, 200_000, 1, tally)
    trials = LONG_TRIALS if long else TRIALS
    seconds = wire_noise.hammer(message, trials, 2, tally)
    return {
        "noise": [row._asdict() for row in rows],
        "damaged_delivered": tally.damaged,
        "decoder_trials": tally.trials,
        "decoder_seconds": round(seconds, 1),
    }


def _table(found: dict[str, Any]) -> str:
    """The figures for a person."""

    def by_count(values: dict[str, Any] | None) -> str:
        return "not installed" if not values else "  ".join(f"{values[str(n)]:>8}" for n in COUNTS)

    lines = [f"{'boxes':34}" + "  ".join(f"{n:>8}" for n in COUNTS)]
    lines.append(f"{'bytes':34}" + by_count(found["bytes"]))
    lines.append(f"{'bytes in a sealed session':34}" + by_count(found["bytes_tagged"]))
    lines.append(f"{'bytes sealed and encrypted':34}" + by_count(found["bytes_encrypted"]))
    for peer, sizes in found["bytes_peers"].items():
        lines.append(f"{'bytes, ' + peer:34}" + by_count(sizes))
    lines.append(
        f"{'results a second at 115200 baud':34}" + by_count(found["results_per_second_115200"])
    )
    lines.append(f"{'decode to typed results, us':34}" + by_count(found["decode_us"]))
    for peer, values in found["decode_us_peers"].items():
        lines.append(f"{'decode, ' + peer + ', us':34}" + by_count(values))
    for peer in ("sscma", "esphome"):
        lines.append(f"{'times as fast as ' + peer:34}" + by_count(found[f"decode_speedup_{peer}"]))
    lines.append(f"{'asked of both':34}" + by_count(LEAST_SPEEDUP))
    lines.append(f"{'decode, encrypted, us':34}" + by_count(found["decode_us_encrypted"]))
    lines.append(f"{'decode, esphome/noise, us':34}" + by_count(found["decode_us_esphome_noise"]))
    lines.append(
        f"{'times as fast as esphome/noise':34}" + by_count(found["decode_speedup_esphome_noise"])
    )
    lines.append(f"{'one get() of pyhuskylens, ms':34}" + by_count(found["get_ms_huskylens"]))
    if found["encode"] is None:
        lines.append("encode in MicroPython: no micropython command")
    else:
        for kind, unit in (("us", "us"), ("allocated", "bytes of heap")):
            for way in ("unsealed", "sealed", *(f"encrypted_{n}" for n in CLIENTS)):
                values = {n: row[kind].get(way, "no AES") for n, row in found["encode"].items()}
                shown = way.replace("_", ", clients: ")
                lines.append(f"{f'encode, {shown}, {unit}':34}" + by_count(values))
        for way, milliseconds in found["picture_ms"].items():
            lines.append(f"{f'a picture of 100 kB, {way}, ms':34}{milliseconds:>8}")
    lines.append("")
    lines.append("noise                      rate  boxes  bytes      sent  delivered    ceiling")
    for row in found["noise"]:
        lines.append(
            f"{row['channel']:24} {row['rate']:6.0e}  {row['boxes']:5}  {row['packet_bytes']:5}"
            f"  {row['sent']:8}  {row['delivered']:9.6f}  {row['ceiling']:9.6f}"
        )
    lines.append(
        f"damaged packets delivered: {found['damaged_delivered']} of {found['decoder_trials']:,}"
        " offered to the decoder"
    )
    lines.append("")
    for clients, row in found["latency_ms"].items():
        lines.append(
            f"capture to client, encrypted, {clients} subscriber(s): median {row['p50']} ms,"
            f" p99 {row['p99']} ms, in all windows {row['p99_all']}"
            f" (asked: {row['p99_asked']}, {row['stages']} of them the board's stages;"
            f" {row['results']} results,"
            f" clocks within {row['clock_uncertainty_ms']} ms)"
        )
    usual = found["download"]
    for row, asked in (
        (usual, f"asked: {100 * usual['target']:.0f} %"),
        (usual["at_full_rate"], "the board has no time left"),
    ):
        lines.append(
            f"results a second, sensor at {row['sensor_fps']}: {row['results_per_second_alone']} alone,"
            f" {row['results_per_second_meanwhile']} while {row['kb_per_second']} kB/s flow from the"
            f" board: {100 * row['share']:.1f} % ({asked};"
            f" the PC was late by {100 * row['late']:.1f} % of a window at most)"
        )
    return "\n".join(lines)


def missed(found: dict[str, Any]) -> list[str]:
    """Return a sentence for each figure that is not what is asked."""
    rows: list[tuple[str, float, float, bool]] = []  # name, found, asked, whether more is better

    def all_of(name: str, asked: Mapping[str, float], more: bool) -> None:
        values = found[name]
        if values is not None:  # a peer that is not installed
            rows.extend((f"{name}, {n} boxes", values[n], asked[n], more) for n in asked)

    all_of("bytes", MOST_BYTES, False)
    all_of("bytes_encrypted", MOST_BYTES_ENCRYPTED, False)
    all_of("results_per_second_115200", {"20": LEAST_WIRE_RESULTS}, True)
    for peer in ("sscma", "esphome"):
        all_of(f"decode_speedup_{peer}", LEAST_SPEEDUP, True)
    all_of("decode_speedup_esphome_noise", LEAST_SPEEDUP_NOISE, True)
    rows.append(("damaged packets delivered", found["damaged_delivered"], 0, False))
    for clients, row in found["latency_ms"].items():
        rows.append((f"p99 in ms, {clients} subscriber(s)", row["p99"], row["p99_asked"], False))
    row = found["download"]
    rows.append(("share of the results during a download", row["share"], row["target"], True))
    rows.append(("kB/s of the download", row["kb_per_second"], LEAST_KB, True))
    return [
        f"{name}: expected at {'least' if more else 'most'} {asked:g}, found {value:g}"
        for name, value, asked, more in rows
        if (value < asked if more else value > asked)
    ]


def run(long: bool) -> dict[str, Any]:
    """Measure everything."""
    found: dict[str, Any] = {}
    found.update(_sizes())
    found.update(asyncio.run(_decode()))
    found.update(_encode())
    found.update(_noise(long))
    found["latency_ms"] = wire_latency.measure(60.0 if long else 12.0)
    found["download"] = wire_download.measure(10.0, 6 if long else 3)
    return found


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.wire", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--long", action="store_true", help="200 million trials, longer latencies")
    arguments = parser.parse_args()
    found = run(arguments.long)
    print(json.dumps(found) if arguments.json else _table(found))
    short = missed(found)
    for sentence in short:
        print(sentence, file=sys.stderr)
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
