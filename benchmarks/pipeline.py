"""Frames a second and latency beside the vendor's loop: python -m benchmarks.pipeline [--json] [--docs] [--long].

Both loops run on the virtual board, under the board's times (virtual_board/profiles/), at the low, likely and
high values of what is not known better: ours as clients see it, and the vendor-style serial loop
(vendor_loop.py) with and without display. What each scene publishes is held to what it shows before anything
is measured (pipeline_scenes.py). Every TCP session is encrypted, or the run fails. The models are those of the
published table (pipeline_models.py says what of them is real). docs/performance.md tells how to read the table.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks import pipeline_board, pipeline_card, pipeline_table, pipeline_vendor
from benchmarks.interpreters import Interpreter, look
from benchmarks.pipeline_board import Bench
from benchmarks.pipeline_card import BAUDRATES, Case
from benchmarks.pipeline_rows import LIKELY, Row, make_row, with_bounds
from virtual_board.silicon.clock.levels import LEVELS
from virtual_board.silicon.clock.profile import load_profile

SENSOR = 60
SLOW_SENSOR = 30
WINDOW_S = 2.0
VENDOR_WINDOW_S = 1.5
LONG_S = 3600.0
LONG_STEP_S = 60.0
SWEPT = "detection 320"
"""The model that is measured over every link."""
SLOW = (SWEPT, "segmentation 320", "OCR, 5 boxes")
"""The models that are measured at the slow sensor, too."""
_PUBLISHED = {"classification 224": 57.0, "detection 320": 27.0, "detection 640": 10.0}
_PUBLISHED_FRAMES = ((224, 224), (320, 320), (640, 640))

Say = Callable[[Row], None]


def at(profile_name: str, level: str, *changes: str) -> str:
    """Return the name of a profile at a level, with further changes."""
    mark = "&" if "?" in profile_name else "?"
    return profile_name + mark + "&".join((f"level={level}", *changes))


async def _block(
    bench: Bench, level: str, sensor: int, links: dict[str, Sequence[str]], say: Say
) -> list[Row]:
    """Return the rows of some scenes at one level: links by the scene's task name."""
    cases = [case for case in pipeline_card.cases() if pipeline_card.task_name(case) in links]
    by_name = {pipeline_card.task_name(case): case for case in cases}
    profile = load_profile(bench.timing)
    vendor = await pipeline_vendor.run(bench, cases, sensor, VENDOR_WINDOW_S)
    rows: list[Row] = []

    def add(name: str, link: str, measured: pipeline_board.Measured) -> None:
        rows.append(
            make_row(by_name[name], link, sensor, level, profile, bench.ran, measured, vendor[name])
        )
        say(rows[-1])

    over_tcp = {
        name: [link for link in of if not link.startswith("uart")] for name, of in links.items()
    }
    found = await pipeline_board.sweep(bench, cases, sensor, over_tcp, WINDOW_S)
    for (name, link), measured in found.items():
        add(name, link, measured)
    for name, of in links.items():
        for link in of:
            if link.startswith("uart"):
                baudrate = int(link[4:])
                add(
                    name,
                    link,
                    await pipeline_board.over_uart(
                        bench, by_name[name], sensor, baudrate, WINDOW_S
                    ),
                )
    return rows


async def table(profile_name: str, levels: Sequence[str], ran: Interpreter, say: Say) -> list[Row]:
    """Return all rows: scenes at each level, and at the likely one the other links and a slow sensor."""
    rows: list[Row] = []
    cases = pipeline_card.cases()
    swept = pipeline_card.task_name(pipeline_card.case_of(SWEPT))
    for level in levels:
        bench = Bench(at(profile_name, level), ran)
        links: dict[str, Sequence[str]] = {
            pipeline_card.task_name(case): ("tcp1",)
            for case in cases
            if level == LIKELY or (case.target and not case.events)
        }
        if level == LIKELY:
            links[swept] = ("tcp1", "tcp8", "none", *(f"uart{rate}" for rate in BAUDRATES))
        rows += await _block(bench, level, SENSOR, links, say)
        if level == LIKELY:
            slow = {
                pipeline_card.task_name(pipeline_card.case_of(name)): ("tcp1",) for name in SLOW
            }
            rows += await _block(bench, level, SLOW_SENSOR, {**slow}, say)
    return with_bounds(rows)


async def published(profile_name: str, ran: Interpreter) -> list[dict[str, float | str]]:
    """Return the vendor-style loop with display beside the published whole-frame figures."""
    cases = [pipeline_card.case_of(name) for name in _PUBLISHED]
    found: list[dict[str, float | str]] = []
    for level in LEVELS:
        for applied in (0, 1):
            bench = Bench(at(profile_name, level, f"unexplained.applied={applied}"), ran)
            vendor = await pipeline_vendor.run(
                bench, cases, SENSOR, VENDOR_WINDOW_S, _PUBLISHED_FRAMES
            )
            for case in cases:
                figures = vendor[pipeline_card.task_name(case)]
                found.append(
                    {
                        "model": case.name,
                        "level": level,
                        "unexplained": applied,
                        "vendor_display_fps": round(figures.display_fps, 1),
                        "published_fps": _PUBLISHED[case.name],
                    }
                )
    return found


async def long(profile_name: str, ran: Interpreter, seconds: float) -> list[dict[str, float]]:
    """Return rate, latency and memory of each minute of one long run at full rate."""
    case: Case = pipeline_card.case_of(SWEPT)
    bench = Bench(profile_name, ran)
    return await pipeline_board.soak(bench, case, SENSOR, seconds, min(LONG_STEP_S, seconds / 4))


HEAD = (
    "scene                         fps link       level     fps  limit   of it    vendor display"
    "  times  res./s  p50   p99 python late"
)


def _say(row: Row) -> None:
    shown = "-" if row.latency_ms_p50 is None else f"{row.latency_ms_p50:.0f}"
    worst = "-" if row.latency_ms_p99 is None else f"{row.latency_ms_p99:.0f}"
    print(
        f"{pipeline_table.title(row):29} {row.sensor_fps:3} {row.link:10} {row.level:6}"
        f" {row.fps:6.1f} {row.limit_fps:6.1f} {100 * row.of_limit:5.1f} %{' <' if row.missed else '  '}"
        f" {row.vendor_fps:6.1f} {row.vendor_display_fps:6.1f} {row.times_vendor:6.2f}"
        f" {row.results_per_s:7.1f} {shown:>5} {worst:>5} {row.python_ms:6.2f} {100 * row.late:4.1f} %",
        file=sys.stderr,
        flush=True,
    )


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pipeline", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the rows as one array")
    parser.add_argument(
        "--docs", action="store_true", help="write the table into docs/performance.md"
    )
    parser.add_argument("--rows", type=Path, help="rows of an earlier --json instead of measuring")
    parser.add_argument("--long", action="store_true", help="one hour at full rate instead")
    parser.add_argument("--published", action="store_true", help="the published figures instead")
    parser.add_argument("--timing", default="k230", help="timing profile: a name or a path")
    parser.add_argument("--level", choices=LEVELS, action="append", help="levels, all by default")
    parser.add_argument("--micropython", metavar="PATH", help="interpreter; it may have ulab")
    parser.add_argument("--seconds", type=float, default=LONG_S, help="of --long")
    options = parser.parse_args()
    ran = look(options.micropython)
    print(ran.sentence(), file=sys.stderr, flush=True)
    if options.long or options.published:
        lines: Sequence[object]
        if options.long:
            lines = asyncio.run(long(options.timing, ran, options.seconds))
        else:
            lines = found = asyncio.run(published(options.timing, ran))
            if options.docs:
                text = pipeline_table.published(found, ran.sentence())
                pipeline_table.write(text, begin=pipeline_table.PUBLISHED)
        print(json.dumps(lines) if options.json else "\n".join(map(str, lines)))
        return 0
    if options.rows is not None:
        rows = [Row(**row) for row in json.loads(options.rows.read_text().splitlines()[-1])]
    else:
        print(HEAD, file=sys.stderr, flush=True)
        rows = asyncio.run(table(options.timing, options.level or LEVELS, ran, _say))
    text = pipeline_table.markdown(rows)
    if options.docs:
        pipeline_table.write(text)
    print(json.dumps([asdict(row) for row in rows]) if options.json else text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
