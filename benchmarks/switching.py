"""Switching tasks while running: `python -m benchmarks.switching [--json] [--long]`.

On the virtual board under the timing profile `k230`: camera, ai2d, KPU and load_kmodel take a
board's time, KPU outputs are recorded in a warm-up and replayed. No load time of a board is
published: the profile's is an estimate, so the figures of the second policy are ratios to it. A gap is (first
new result - last old result) - the median period, first inference included, as the board's answer
has it; the same is measured here from the arrival of the results.

- beside: the new model is loaded next to the old one. Target: 1 frame at most.
- unload_first: the old one goes first. Target: 1.1 x the time of load_kmodel(path) at most.
- upload: a package over TCP and over a tty of 921600 baud, while results go on.

`--long`: thousands of switches; what they leave on the heap, in the media memory (tensors and models),
and of open files, and how much the processes of the virtual board grew.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.switching_tools import (
    Arrivals,
    bare_loads,
    make_cards,
    packages_of,
    percentile,
    processes,
)
from host_client import Board
from virtual_board.board import VirtualBoard

SWITCHES = 200  # of each policy
LONG_SWITCHES = 1500  # of each policy
PAUSE_S = 0.25  # between switches, for the period to be known
WARM_S = 45.0  # for a task, at most
BETWEEN = 5  # switches between two looks at the heap
BAUDRATE = 921600
UPLOAD_BYTES = 4_000_000  # over TCP; the tty gets one package


async def _warm_up(board: Board, tasks: list[str], pictures: int, replay: Path) -> None:
    """Let every task see every picture once: an output that is not recorded costs the simulator's time."""
    for number, task in enumerate(tasks, 1):
        await board.switch(task)
        end = time.monotonic() + WARM_S
        async with board.results() as results:
            async for _ in results:
                recorded = len(list(replay.glob("*.npz")))
                if recorded >= number * pictures or time.monotonic() > end:
                    break


async def _switches(
    board: Board, tasks: list[str], policy: str, count: int, loads: dict[str, float]
) -> dict[str, Any]:
    await board.set({"switch.policy": policy})
    arrivals = Arrivals(board)
    reading = asyncio.create_task(arrivals.run())
    gaps_ms: list[float] = []
    gaps_frames: list[float] = []
    ratios: list[float] = []
    pauses: list[float] = []
    heaps: list[int] = []
    mmz: list[int] = []
    sizes: list[dict[str, int]] = []
    chosen = random.Random(5)
    try:
        await asyncio.sleep(1.0)
        current = ""
        for number in range(count):
            task = chosen.choice([each for each in tasks if each != current])
            report = await board.switch(task)
            current = task
            period = arrivals.period_ms(report.generation - 1)
            assert report.gap_ms is not None
            assert report.pause_ms is not None
            assert report.heap_after_bytes is not None
            gaps_ms.append(report.gap_ms)
            gaps_frames.append(report.gap_ms / period)
            ratios.append(report.gap_ms / loads[task])
            pauses.append(report.pause_ms)
            if number % BETWEEN == 0:
                heaps.append(report.heap_after_bytes)
                mmz.append(report.mmz_after_bytes or 0)
                sizes.append(processes())
            await asyncio.sleep(PAUSE_S)
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    seen = arrivals.gaps_ms()
    assert not arrivals.wrong, arrivals.wrong[:3]
    return {
        "switches": count,
        "results": arrivals.count,
        "gap_ms": _spread(gaps_ms),
        "gap_frames": _spread(gaps_frames),
        "gap_over_load_time": _spread(ratios),
        "gap_ms_at_the_client": _spread(seen),
        "longest_pause_ms": _spread(pauses),
        "heap": _course(heaps),
        "mmz": _course(mmz),
        "processes": {name: _course([each[name] for each in sizes]) for name in sizes[0]},
    }


def _course(values: list[int]) -> dict[str, int]:
    third = max(1, len(values) // 3)
    low = (min(values[:third]), min(values[-third:]))
    return {
        "first": values[0],
        "last": values[-1],
        "low_first": low[0],
        "low_last": low[1],
        "growth": growth(values),
    }


def growth(values: list[int]) -> int:
    """Return how much the lower ends of the first and the last third differ: garbage comes and goes."""
    third = max(1, len(values) // 3)
    return max(0, min(values[-third:]) - min(values[:third]))


def _spread(values: list[float]) -> dict[str, float]:
    return {
        "p50": round(statistics.median(values), 3),
        "p99": round(percentile(values, 99), 3),
        "max": round(max(values), 3),
    }


async def _upload(board: Board, path: Path, name: str, line_rate: float | None) -> dict[str, Any]:
    """Push a package; return its goodput in bytes a second, and the results that came meanwhile."""
    arrivals = Arrivals(board)
    reading = asyncio.create_task(arrivals.run())
    await asyncio.sleep(3.0)
    quiet = arrivals.rate(2.5)
    marks: list[tuple[float, int]] = []

    def moved(done: int, _total: int, _what: str) -> None:
        marks.append((time.monotonic(), done))

    await board.card.push(path, name, progress=moved)
    seconds = marks[-1][0] - marks[0][0]
    sent = marks[-1][1] - marks[0][1]
    busy = arrivals.rate(max(0.5, seconds))
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    row: dict[str, Any] = {
        "bytes": sent,
        "seconds": round(seconds, 2),
        "goodput_bytes_per_second": round(sent / seconds),
        "results_per_second_before": round(quiet, 1),
        "results_per_second_meanwhile": round(busy, 1),
    }
    if line_rate is not None:
        row["share_of_the_line"] = round(sent / seconds / line_rate, 3)
    return row


async def _run(switches: int, long: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="k230-switching-") as name:
        folder = Path(name)
        tasks = make_cards(folder, BAUDRATE)
        loads = await bare_loads(folder, tasks)
        camera = str(packages_of("shapes_cls") / "pictures")
        pictures = len(os.listdir(camera))
        options: dict[str, Any] = {
            "camera": camera,
            "timing": "k230",
            "replay": folder / "replay",
            "uart": folder / "uart",
        }
        answer: dict[str, Any] = {"load_ms": {k: round(v, 1) for k, v in loads.items()}}
        async with VirtualBoard(sdcard=folder / "card", **options) as virtual:
            await virtual.ready(60)
            assert virtual.url is not None
            assert virtual.uart_url is not None
            async with Board.connect(virtual.url, virtual.key, wait=20) as board:
                await _warm_up(board, tasks, pictures, folder / "replay")
                answer["beside"] = await _switches(board, tasks, "beside", switches, loads)
                answer["unload_first"] = await _switches(
                    board, tasks, "unload_first", switches, loads
                )
                if not long:
                    answer["upload_tcp"] = await _upload(board, folder / "big", "big", None)
            if not long:
                line = BAUDRATE / 10
                async with Board.connect(virtual.uart_url, virtual.key, wait=20) as board:
                    small = packages_of("shapes_seg")
                    answer["upload_tty_921600"] = await _upload(board, small, "small", line)
            answer["slower_than_the_board"] = [
                line for line in virtual.console if line.startswith("timing:")
            ]
        return answer


def _summary(answer: dict[str, Any]) -> dict[str, Any]:
    rows = [answer[policy] for policy in ("beside", "unload_first")]
    return {
        "switches": sum(row["switches"] for row in rows),
        "gap_frames_p99": answer["beside"]["gap_frames"]["p99"],
        "gap_over_load_time": answer["unload_first"]["gap_over_load_time"]["p99"],
        "heap_growth_bytes": max(row["heap"]["growth"] for row in rows),
        "load_time": "an estimate of the timing profile; no board's is published",
        "host_load_average": round(os.getloadavg()[0], 1),
        **answer,
    }


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON value as the last line")
    parser.add_argument(
        "--long", action="store_true", help=f"{LONG_SWITCHES} switches of each policy, no uploads"
    )
    parser.add_argument("--switches", type=int, help="of each policy")
    given = parser.parse_args()
    count = given.switches or (LONG_SWITCHES if given.long else SWITCHES)
    summary = _summary(asyncio.run(_run(count, given.long)))
    if given.json:
        print(json.dumps(summary))
    else:
        print(json.dumps(summary, indent=2))


if __name__ == "__main__":
    main()
