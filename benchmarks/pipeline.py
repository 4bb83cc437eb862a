"""Frames a second and latency beside the vendor's loop: python -m benchmarks.pipeline [--json] [--long].

Both loops run in one go on the virtual board, under the board's times (virtual_board/profiles/):
ours as clients see it, and the vendor-style serial loop (vendor_loop.py) with and without display. The
models are those of the published table (pipeline_models.py says what of them is real). docs/performance.md
tells how to read the table.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from benchmarks import pipeline_board, pipeline_card, pipeline_vendor
from benchmarks.pipeline_board import Measured
from benchmarks.pipeline_card import AI_FRAME, BAUDRATES, Case
from benchmarks.pipeline_vendor import VendorFigures
from firmware_app.wire import messages, packets
from virtual_board.silicon.clock.profile import Profile, load_profile

SENSORS = (30, 60)
FACTORS = (1, 10)
WINDOW_S = 2.0
VENDOR_WINDOW_S = 1.5
COUNT_WINDOW_S = 2.5
LONG_S = 3600.0
LONG_STEP_S = 60.0
SWEPT = "detection 320"
"""The model that is measured over every link."""
_PUBLISHED = {"classification 224": 57.0, "detection 320": 27.0, "detection 640": 10.0}
_PUBLISHED_FRAMES = ((224, 224), (320, 320), (640, 640))


@dataclass
class Row:
    """One line of the table. Frames and results a second, latencies in ms from capture to client."""

    model: str
    sensor_fps: int
    link: str
    interpreter_factor: float
    unexplained: bool
    fps: float
    vendor_fps: float
    vendor_display_fps: float
    limit_fps: float
    of_limit: float
    times_vendor: float
    results_per_s: float
    boxes: int | None
    map: tuple[int, int] | None
    latency_ms_p50: float | None
    latency_ms_p99: float | None
    python_ms: float
    vendor_python_ms: float
    late: float
    stages_ms: dict[str, float] = field(default_factory=dict)


def result_bytes(boxes: int) -> int:
    """Return the bytes of one detection result on a UART, where nothing is sealed."""
    message = [messages.DETECTION, 70000, 17_000_000, 3, b"\x55" * 8 * boxes]
    return len(packets.packet_of(packets.payload_of(message)))


def limit_ms(profile: Profile, case: Case, sensor_fps: int, baudrate: int = 0) -> float:
    """Return the least time of a frame: the camera's, or that of everything that holds the interpreter.

    ai2d, KPU, copying the outputs, native post-processing and, on a UART, the result's own bytes. For
    a text map copying is twice: out of the tensor, and its first channel out of that, which the
    native decoder wants by itself.
    """
    copy = profile.numbers["native.copy_ms_mb"] / (1 << 20)
    total = 0.0
    for number, (scene, runs) in enumerate(zip(case.scenes, case.runs, strict=True)):
        pixels = scene.size[0] * scene.size[1]
        size = sum(one.nbytes for one in scene.outputs)
        count = sum(one.size for one in scene.outputs)
        kpu = profile.kpu_ms(scene.file, scene.length, max(scene.size), pixels, count)
        source = AI_FRAME[0] * AI_FRAME[1] if number == 0 else 0
        total += runs * (
            profile.ai2d_ms(source) + kpu + profile.unexplained_ms(pixels**0.5) + copy * size
        )
    if case.task in ("detection", "segmentation"):
        total += profile.post_ms(sum(one.nbytes for one in case.scenes[0].outputs))
    elif case.task == "ocr":
        pixels = case.scenes[0].size[0] * case.scenes[0].size[1]
        total += profile.post_ms(pixels * 4 + pixels * 3)  # the map, and the picture it cuts
        total += pixels * profile.numbers["native.element_ns"] / 1e6
    if baudrate:
        total += 1000 * 10 * result_bytes(5) / baudrate
    return max(1000 / sensor_fps, total)


def _row(
    case: Case,
    link: str,
    sensor_fps: int,
    factor: float,
    profile: Profile,
    measured: Measured,
    vendor: VendorFigures,
) -> Row:
    baudrate = int(link[4:]) if link.startswith("uart") else 0
    limit = 1000 / limit_ms(profile, case, sensor_fps, baudrate)
    return Row(
        model=case.name,
        sensor_fps=sensor_fps,
        link=link,
        interpreter_factor=factor,
        unexplained=bool(profile.numbers["unexplained.applied"]),
        fps=round(measured.fps, 2),
        vendor_fps=round(vendor.fps, 2),
        vendor_display_fps=round(vendor.display_fps, 2),
        limit_fps=round(limit, 2),
        of_limit=round(measured.fps / limit, 3),
        times_vendor=round(measured.fps / vendor.fps, 2),
        results_per_s=round(measured.results_per_s, 2),
        boxes=measured.boxes,
        map=measured.map,
        latency_ms_p50=None if measured.p50_ms is None else round(measured.p50_ms, 1),
        latency_ms_p99=None if measured.p99_ms is None else round(measured.p99_ms, 1),
        python_ms=round(measured.python_us / 1000, 3),
        vendor_python_ms=round(vendor.python_us / 1000, 3),
        late=round(measured.late, 3),
        stages_ms={name: round(value, 2) for name, value in measured.stages.items()},
    )


async def table(
    profile_name: str, sensors: Sequence[int], factors: Sequence[float], *, remainder: bool
) -> list[Row]:
    """Return all rows of the default run: without the remainder, and for the hardest case with it."""
    rows: list[Row] = []
    cases = pipeline_card.cases()
    swept = pipeline_card.case_of(SWEPT)
    by_name = {pipeline_card.task_name(case): case for case in cases}
    swept_name = pipeline_card.task_name(swept)
    links: dict[str, tuple[str, ...]] = dict.fromkeys(by_name, ("tcp1",))
    links[swept_name] = ("none", "tcp1", "tcp8")
    runs = [(sensor, factor, 0) for sensor in sensors for factor in factors]
    if remainder:
        runs.append((max(sensors), max(factors), 1))
    for sensor, factor, applied in runs:
        mark = "&" if "?" in profile_name else "?"
        timing = f"{profile_name}{mark}interpreter_factor={factor:g}&unexplained.applied={applied}"
        profile = load_profile(timing)
        vendor = await pipeline_vendor.run(cases, sensor, timing, VENDOR_WINDOW_S)
        chosen = links if not applied else dict.fromkeys(links, ("tcp1",))
        found = await pipeline_board.sweep(cases, sensor, timing, chosen, WINDOW_S)
        if not applied:
            for baudrate in BAUDRATES:
                found[swept_name, f"uart{baudrate}"] = await pipeline_board.over_uart(
                    swept, sensor, timing, baudrate, WINDOW_S
                )
        for (name, link), measured in found.items():
            rows.append(_row(by_name[name], link, sensor, factor, profile, measured, vendor[name]))
            _say(rows[-1])
    return rows


async def interpreter_rows(profile_name: str) -> list[dict[str, float | str]]:
    """Return what a frame takes of the interpreter, ours beside the vendor-style Python, and allocates."""
    rows: list[dict[str, float | str]] = []
    mark = "&" if "?" in profile_name else "?"
    timing = f"{profile_name}{mark}interpreter_factor=1"
    cases = [pipeline_card.case_of(SWEPT, count) for count in pipeline_card.BOXES]
    links = {pipeline_card.task_name(case): ("tcp1",) for case in cases}
    ours = await pipeline_board.sweep(cases, 60, timing, links, WINDOW_S)
    vendor = await pipeline_vendor.run(cases, 60, timing, VENDOR_WINDOW_S)
    counted = await pipeline_board.sweep(
        cases, 60, timing, links, COUNT_WINDOW_S, {"watchdog": {"enabled": False}}, counting=True
    )
    heap = await pipeline_vendor.run(cases, 60, timing, COUNT_WINDOW_S, heap=True)
    for case in cases:
        name = pipeline_card.task_name(case)
        rows.append(
            {
                "results": name,
                "python_ms": round(ours[name, "tcp1"].python_us / 1000, 3),
                "vendor_python_ms": round(vendor[name].python_us / 1000, 3),
                "vendor_display_python_ms": round(vendor[name].display_python_us / 1000, 3),
                "allocated_bytes": round(counted[name, "tcp1"].heap),
                "vendor_display_allocated_bytes": round(heap[name].display_heap),
            }
        )
    return rows


async def published(profile_name: str) -> list[dict[str, float | str]]:
    """Return the vendor-style loop with display beside the published whole-frame figures."""
    cases = [pipeline_card.case_of(name) for name in _PUBLISHED]
    found: list[dict[str, float | str]] = []
    for applied in (0, 1):
        mark = "&" if "?" in profile_name else "?"
        timing = f"{profile_name}{mark}unexplained.applied={applied}"
        vendor = await pipeline_vendor.run(cases, 60, timing, VENDOR_WINDOW_S, _PUBLISHED_FRAMES)
        for case in cases:
            found.append(
                {
                    "model": case.name,
                    "unexplained": applied,
                    "vendor_display_fps": round(
                        vendor[pipeline_card.task_name(case)].display_fps, 1
                    ),
                    "published_fps": _PUBLISHED[case.name],
                }
            )
    return found


async def long(profile_name: str, seconds: float) -> list[dict[str, float]]:
    """Return rate, latency and memory of each minute of one long run at full rate."""
    case = pipeline_card.case_of(SWEPT)
    return await pipeline_board.soak(case, 60, profile_name, seconds, min(LONG_STEP_S, seconds / 4))


def _say(row: Row) -> None:
    shown = "-" if row.latency_ms_p50 is None else f"{row.latency_ms_p50:.0f}"
    worst = "-" if row.latency_ms_p99 is None else f"{row.latency_ms_p99:.0f}"
    print(
        f"{row.model:19} {row.sensor_fps:3} {row.link:11} {row.interpreter_factor:3g}"
        f" {'with' if row.unexplained else '':4} {row.fps:6.1f} {row.limit_fps:6.1f}"
        f" {100 * row.of_limit:5.1f} % {row.vendor_fps:6.1f} {row.vendor_display_fps:6.1f}"
        f" {row.times_vendor:5.2f} {row.results_per_s:6.1f} {shown:>5} {worst:>5}"
        f" {row.python_ms:6.2f} {100 * row.late:4.0f} %",
        file=sys.stderr,
        flush=True,
    )


HEAD = (
    "model               fps link        int rem.    fps  limit of it    vendor display  times"
    " res./s  p50   p99 python late"
)


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pipeline", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the rows as one array")
    parser.add_argument("--long", action="store_true", help="one hour at full rate instead")
    parser.add_argument("--timing", default="k230", help="timing profile: a name or a path")
    parser.add_argument("--sensor", type=int, action="append", help="sensor rates, 30 and 60")
    parser.add_argument("--factor", type=float, action="append", help="factors, 1 and 10")
    parser.add_argument("--table-only", action="store_true", help="no other tables, no remainder")
    parser.add_argument("--seconds", type=float, default=LONG_S, help="of --long")
    options = parser.parse_args()
    if options.long:
        minutes = asyncio.run(long(options.timing, options.seconds))
        print(json.dumps(minutes) if options.json else "\n".join(map(str, minutes)))
        return 0
    print(HEAD, file=sys.stderr, flush=True)
    rows = asyncio.run(
        table(
            options.timing,
            options.sensor or SENSORS,
            options.factor or FACTORS,
            remainder=not options.table_only,
        )
    )
    if not options.table_only:
        for extra in asyncio.run(interpreter_rows(options.timing)):
            print(extra, file=sys.stderr)
        for extra in asyncio.run(published(options.timing)):
            print(extra, file=sys.stderr)
    if options.json:
        print(json.dumps([asdict(row) for row in rows]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
