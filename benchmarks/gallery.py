"""Galleries in figures: python -m benchmarks.gallery [--json] [--micropython PATH].

The time of a decision against the number of samples, beside the vendor's way of computing it (the
library made into an array twice for each query, with its norms), same data, same run, same
interpreter; and how well things are told apart. docs/gallery.md explains each figure.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import gallery_quality
from benchmarks.interpreters import look
from virtual_board.board import VirtualBoard

ROOT = Path(__file__).resolve().parent.parent
DIMENSION = 256
SIZES = (10, 100, 1000, 10000)
SHORT_SIZES = (10, 100, 1000)  # on the stand-in, which answers each operation from another process
HEAP = "512M"
TIMEOUT = 1800


def _script(sizes: tuple[int, ...], seconds: float) -> str:
    head = f"SIZES = {sizes!r}\nDIMENSION = {DIMENSION}\nSECONDS = {seconds}\n"
    return head + (ROOT / "benchmarks" / "gallery_board.py").read_text()


def _run_real(interpreter: str, script: Path) -> list[str]:
    done = subprocess.run(
        [interpreter, "-X", f"heapsize={HEAP}", str(script)],
        env={**os.environ, "MICROPYPATH": f"{ROOT}:.frozen"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"the benchmark failed in {interpreter}: {done.stdout}{done.stderr}")
    return done.stdout.splitlines()


async def _run_stand_in(interpreter: str, card: Path) -> list[str]:
    board = VirtualBoard(
        sdcard=card, tcp=None, micropython=interpreter, scripts=["/sdcard/bench.py"], restart=False
    )
    lines = []
    async with board:
        async for event in board.events():
            if event["event"] == "console":
                lines.append(event["detail"])
            elif event["event"] in ("repl", "fault", "off", "error"):
                break
    return lines


def times(micropython: str | None, seconds: float) -> dict[str, Any]:
    """Return the time of decisions, for each size; how many times as fast, where the real ulab ran."""
    found = look(micropython)
    interpreter, real = found.path, found.real_ulab
    sizes = SIZES if real else SHORT_SIZES
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "bench.py"
        script.write_text(_script(sizes, seconds))
        if real:
            lines = _run_real(interpreter, script)
        else:
            lines = asyncio.run(_run_stand_in(interpreter, Path(folder)))
    rows = [json.loads(line) for line in lines if line.startswith("{")]
    if [row.get("size") for row in rows[1:]] != list(sizes):
        raise SystemExit("the benchmark failed: " + "\n".join(lines))
    report = dict(rows[0])
    report["ulab_is"] = "the real one" if real else "the virtual board's stand-in"
    report["ran"] = found.sentence()
    for row in rows[1:]:
        # The stand-in makes an object of each number: what that costs the vendor's way says nothing.
        query = row["vendor_us"] / row["query_us"] if real else None
        decision = row["vendor_us"] / row["decision_us"] if real else None
        row["query_speedup"] = query and round(query, 1)
        row["speedup"] = decision and round(decision, 1)
    report["sizes"] = rows[1:]
    return report


def measure(micropython: str | None, seconds: float) -> dict[str, Any]:
    """Return all figures."""
    report: dict[str, Any] = {"dimension": DIMENSION, "time": times(micropython, seconds)}
    for row in report["time"]["sizes"]:
        if row["size"] == 1000:
            report["speedup_at_1000"] = row["speedup"]
            report["query_speedup_at_1000"] = row["query_speedup"]
    report["signs"] = gallery_quality.signs()
    for name in ("float", "quantised"):
        figures = report["signs"][name]
        report[f"top1_{name}"] = None if figures is None else figures["5"]["top1"]
    report["vegetables"] = gallery_quality.vegetables()
    return report


def _print(report: dict[str, Any]) -> None:
    time = report["time"]
    print(f"{time['ran']}; {DIMENSION} values a sample; microseconds, median")
    if time["sizes"][0]["speedup"] is None:
        print(
            "The stand-in's times say nothing about a board: no speed-up is given. "
            "--micropython PATH takes an interpreter with ulab."
        )
    print("samples    vendor     query  decision      mean   nearest  add+remove   query x  all x")
    for row in time["sizes"]:
        print(
            f"{row['size']:>7} {row['vendor_us']:>9} {row['query_us']:>9} {row['decision_us']:>9} "
            f"{row['decision_mean_us']:>9} {row['decision_nearest_us']:>9} "
            f"{row['add_and_remove_us']:>11} {row['query_speedup'] or '-':>9} {row['speedup'] or '-':>6}"
            + ("" if row["same"] == row["of"] else f"   {row['of'] - row['same']} differ")
        )
    signs = report["signs"]
    print(
        f"\nglyphs_ml, {signs['classes']} unseen signs, {signs['queries']} queries, "
        f"{signs['strangers']} strangers; threshold {signs['threshold']} or as suggested"
    )
    print("model      samples   top-1     EER   known  unknown rejected   as suggested")
    for name in ("float", "quantised"):
        if signs[name] is None:
            print(f"{name:<10} not measured: {signs['float_missing']}")
            continue
        for count, row in signs[name].items():
            own = ""
            if "suggested_threshold" in row:
                own = (
                    f"{row['suggested_threshold']:.3f}: {row['identified_suggested']:.3f}, "
                    f"{row['unknown_rejected_suggested']:.3f}"
                )
            print(
                f"{name:<10} {count:>7} {row['top1']:>7.3f} {row['equal_error_rate']:>7.3f} "
                f"{row['identified']:>7.3f} {row['unknown_rejected']:>17.3f}   {own}"
            )
    veg = report["vegetables"]
    if veg is None:
        print("\nembedding.kmodel with vegetables: not measured: ../shared/data is not there")
    else:
        print(
            f"\nembedding.kmodel, {veg['pictures']} pictures of {', '.join(veg['classes'])}, "
            f"leave one out: top-1 {veg['top1']:.3f}, EER {veg['equal_error_rate']:.3f}, "
            f"lowest within {veg['lowest_within']:.3f}, "
            f"highest between {veg['highest_between']:.3f}"
        )


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gallery", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON value as the last line")
    parser.add_argument("--micropython", metavar="PATH", help="interpreter; it may have ulab")
    parser.add_argument("--long", action="store_true", help="measure each time for longer")
    options = parser.parse_args()
    report = measure(options.micropython, 10.0 if options.long else 1.0)
    if options.json:
        print(json.dumps(report, ensure_ascii=False))
    else:
        _print(report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
