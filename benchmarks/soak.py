"""The service for a long time with clients that join, stall and leave: does memory grow, does the stream stop?

python -m benchmarks.soak [--minutes N] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import tempfile
import time
from pathlib import Path
from typing import Any

from host_client import Board
from virtual_board.board import VirtualBoard
from virtual_board.card import make_card

PACKAGE = Path(__file__).resolve().parent.parent / "models" / "packages" / "shapes_cls"
SAMPLE_S = 15.0


def resident_kb() -> dict[str, int]:
    """Return the resident memory (kB) of this run's processes, by what they are."""
    sizes: dict[str, int] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            command = (entry / "cmdline").read_bytes().decode("utf-8", "replace")
            if "boot.py" in command and "k230-board" in command:
                name = "interpreter"
            elif "virtual_board.supervisor" in command:
                name = "silicon"
            else:
                continue
            for line in (entry / "status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    sizes[name] = sizes.get(name, 0) + int(line.split()[1])
    return sizes


async def restless(board: VirtualBoard, numbers: random.Random, stop: asyncio.Event) -> int:
    """Join, read for a while, stall for a while, leave; return how often."""
    rounds = 0
    while not stop.is_set():
        with contextlib.suppress(Exception):
            async with Board.connect(str(board.url), key=board.key, wait=5) as client:
                stream = client.results(queue=4)
                for _ in range(numbers.randrange(1, 30)):
                    await asyncio.wait_for(anext(stream), 20)
                await asyncio.sleep(numbers.random() * 3)
                if numbers.random() < 0.2:
                    # Gone without a word, as when a laptop is closed.
                    reader, writer = await asyncio.open_connection(
                        "127.0.0.1", int(str(board.url).rsplit(":", 1)[1])
                    )
                    writer.write(bytes(numbers.randrange(256) for _ in range(500)))
                    writer.transport.abort()
                    del reader
        rounds += 1
    return rounds


async def soak(minutes: float) -> dict[str, Any]:
    """Run for so many minutes; return what was seen."""
    samples: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        card = Path(folder) / "card"
        make_card(PACKAGE, card, camera_size=(320, 240))
        async with VirtualBoard(sdcard=card, camera=str(PACKAGE / "pictures")) as vb:
            await vb.ready(60)
            stop = asyncio.Event()
            clients = [asyncio.create_task(restless(vb, random.Random(i), stop)) for i in range(5)]
            async with Board.connect(str(vb.url), key=vb.key) as steady:
                stream = steady.results(queue=64)
                end = time.monotonic() + 60 * minutes
                sample_at = time.monotonic()
                results = 0
                longest = 0.0
                last = time.monotonic()
                seqs = 0
                before = 0
                while time.monotonic() < end:
                    result = await asyncio.wait_for(anext(stream), 60)
                    now = time.monotonic()
                    longest = max(longest, now - last)
                    last = now
                    results += 1
                    seqs += result.seq - before - 1 if before else 0
                    before = result.seq
                    if now >= sample_at:
                        sample_at += SAMPLE_S
                        status = await steady.status()
                        samples.append(
                            {
                                "s": round(now - end + 60 * minutes),
                                "heap": status["heap_used_bytes"],
                                **resident_kb(),
                            }
                        )
                stop.set()
                rounds = sum(await asyncio.gather(*clients))
    # A collection may be due at any moment, so compare the low points of the first and last third.
    third = max(1, len(samples) // 3)

    def low(name: str, part: list[dict[str, Any]]) -> int:
        return min(int(sample.get(name, 0)) for sample in part)

    report: dict[str, Any] = {
        "minutes": minutes,
        "results": results,
        "joins": rounds,
        "longest_gap_s": round(longest, 2),
        "frames_not_seen": seqs,
    }
    for name in ("heap", "interpreter", "silicon"):
        report[f"{name}_first"] = low(name, samples[:third])
        report[f"{name}_last"] = low(name, samples[-third:])
    return report


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--long", action="store_true", help="thirty minutes")
    options = parser.parse_args()
    report = asyncio.run(soak(30 if options.long else options.minutes))
    if options.json:
        print(json.dumps(report))
        return
    for name, value in report.items():
        print(f"{name:20} {value}")


if __name__ == "__main__":
    main()
