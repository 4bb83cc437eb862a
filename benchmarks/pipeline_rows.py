"""Rows of the pipeline's table: the limit of a frame, what a row must reach, and what stands in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from benchmarks import instructions
from benchmarks.interpreters import Interpreter
from benchmarks.pipeline_board import Measured
from benchmarks.pipeline_card import AI_FRAME, USUAL_BOXES, Case
from benchmarks.pipeline_vendor import VendorFigures
from firmware_app.wire import messages, packets
from virtual_board.silicon.clock.levels import LEVELS
from virtual_board.silicon.clock.profile import Profile

LIKELY = LEVELS[1]
EVENTS = {5: 0.88, 20: 0.78}
"""Of the limit, by the number of objects: what is left while they are followed, at the likely level."""
TARGETS = {
    "light": dict(zip(LEVELS, (0.97, 0.92, 0.85), strict=True)),
    "heavy": dict(zip(LEVELS, (0.95, 0.90, 0.82), strict=True)),
}
"""Of the limit: for classification and detection with up to 5 boxes over one TCP client, and for the rest."""


@dataclass
class Row:
    """One line of the table. Frames and results a second, latencies in ms from capture to client."""

    model: str
    sensor_fps: int
    link: str
    level: str
    interpreter_factor: float
    micropython: str
    ulab: str
    boxes: int | None
    """Published, counted by a client."""
    map: tuple[int, int] | None
    fps: float
    fps_low: float | None
    """At the level that is hardest; with fps_high what the profile's uncertainty makes of fps."""
    fps_high: float | None
    vendor_fps: float
    vendor_display_fps: float
    limit_fps: float
    of_limit: float
    target: float | None
    times_vendor: float
    results_per_s: float
    latency_ms_p50: float | None
    latency_ms_p99: float | None
    python_ms: float
    vendor_python_ms: float
    instructions_per_frame: int | None
    late: float
    stages_ms: dict[str, float] = field(default_factory=dict)

    @property
    def missed(self) -> bool:
        """Whether the row has a target and is below it, or below the vendor-style loop."""
        return self.target is not None and (
            self.of_limit < self.target or self.fps < 0.995 * self.vendor_fps
        )


def result_bytes(boxes: int) -> int:
    """Return the bytes of one detection result on a UART, where nothing is sealed."""
    message = [messages.DETECTION, 70000, 17_000_000, 3, b"\x55" * 8 * boxes]
    return len(packets.packet_of(packets.payload_of(message)))


def limit_ms(profile: Profile, case: Case, sensor_fps: int, baudrate: int = 0) -> float:
    """Return the least time of a frame: the camera's, or that of everything that holds the interpreter.

    ai2d, KPU, copying the outputs, native post-processing and, on a UART, the result's own bytes. For
    a text map copying is twice: out of the tensor, and its first channel out of that, which the
    native decoder wants by itself. Of a YOLO with several classes each score is looked at once, and each
    cell of the prototypes under a box is the sum of so many products as there are prototypes.
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
    if case.scenes[0].config.get("task"):  # a YOLO's
        classes = len(case.scenes[0].config["categories"])
        seen = classes * case.scenes[0].outputs[0].shape[2] if classes > 1 else 0
        total += seen * profile.numbers["native.element_ns"] / 1e6
        total += profile.product_ms(_products(case))
    if case.task in ("detection", "segmentation", "instance_segmentation", "pose"):
        total += profile.post_ms(sum(one.nbytes for one in case.scenes[0].outputs))
    elif case.task == "ocr":
        pixels = case.scenes[0].size[0] * case.scenes[0].size[1]
        total += profile.post_ms(pixels * 4 + pixels * 3)  # the map, and the picture it cuts
        total += pixels * profile.numbers["native.element_ns"] / 1e6
    if baudrate:
        total += 1000 * 10 * result_bytes(len(case.scenes[0].shown)) / baudrate
    return max(1000 / sensor_fps, total)


def _products(case: Case) -> float:
    """Return the multiplications that the masks of a scene take."""
    if case.task != "instance_segmentation":
        return 0.0
    scene = case.scenes[0]
    _, depth, height, width = scene.outputs[1].shape
    cells = width * height / (scene.size[0] * scene.size[1])  # of a pixel of the input
    return float(sum(depth * cells * one.width * one.height for one in scene.shown))


def target_of(case: Case, link: str, sensor_fps: int, level: str) -> float | None:
    """Return which part of the limit a row must reach, None for a row without a target."""
    if sensor_fps < 60 or link in ("none", "uart921600") or not case.target:
        return None
    if case.events:
        return EVENTS[len(case.scenes[0].shown)] if level == LIKELY and link == "tcp1" else None
    few = case.task in ("classification", "detection") and len(case.scenes[0].shown) <= USUAL_BOXES
    return TARGETS["light" if few and link == "tcp1" else "heavy"][level]


def instructions_of(case: Case) -> int | None:
    """Return the interpreter's instructions a frame of this scene, None where they were not counted."""
    try:
        return instructions.of_frame(case.counted)
    except (KeyError, OSError):
        return None


def make_row(
    case: Case,
    link: str,
    sensor_fps: int,
    level: str,
    profile: Profile,
    ran: Interpreter,
    measured: Measured,
    vendor: VendorFigures,
) -> Row:
    """Return the row of one measurement."""
    baudrate = int(link[4:]) if link.startswith("uart") else 0
    limit = 1000 / limit_ms(profile, case, sensor_fps, baudrate)
    return Row(
        model=case.name,
        sensor_fps=sensor_fps,
        link=link,
        level=level,
        interpreter_factor=profile.numbers["interpreter.interpreter_factor"],
        micropython=ran.version,
        ulab=ran.ulab,
        boxes=measured.boxes,
        map=measured.map,
        fps=round(measured.fps, 2),
        fps_low=None,
        fps_high=None,
        vendor_fps=round(vendor.fps, 2),
        vendor_display_fps=round(vendor.display_fps, 2),
        limit_fps=round(limit, 2),
        of_limit=round(measured.fps / limit, 3),
        target=target_of(case, link, sensor_fps, level),
        times_vendor=round(measured.fps / vendor.fps, 2),
        results_per_s=round(measured.results_per_s, 2),
        latency_ms_p50=None if measured.p50_ms is None else round(measured.p50_ms, 1),
        latency_ms_p99=None if measured.p99_ms is None else round(measured.p99_ms, 1),
        python_ms=round(measured.python_us / 1000, 3),
        vendor_python_ms=round(vendor.python_us / 1000, 3),
        instructions_per_frame=instructions_of(case),
        late=round(measured.late, 3),
        stages_ms={name: round(value, 2) for name, value in measured.stages.items()},
    )


def with_bounds(rows: Sequence[Row]) -> list[Row]:
    """Return the rows with what the profile's uncertainty makes of the likely figures.

    Measured where a scene ran at all levels; a link or a sensor rate of the same scene is off by as
    many milliseconds a frame.
    """
    by_key = {
        (row.model, row.boxes, row.map, row.sensor_fps, row.link, row.level): row for row in rows
    }
    found = []
    for row in rows:
        bounds: list[float | None] = []
        for level in (LEVELS[2], LEVELS[0]):
            same = by_key.get((row.model, row.boxes, row.map, row.sensor_fps, row.link, level))
            if same is not None:
                bounds.append(same.fps)
                continue
            ends = [
                by_key.get((row.model, row.boxes, row.map, 60, "tcp1", one))
                for one in (LIKELY, level)
            ]
            bounds.append(_shifted(row, ends[0], ends[1]))
        known = row.level == LIKELY
        found.append(
            replace(
                row, fps_low=bounds[0] if known else None, fps_high=bounds[1] if known else None
            )
        )
    return found


def _shifted(row: Row, likely: Row | None, other: Row | None) -> float | None:
    if likely is None or other is None:
        return None
    ms = 1000 / row.fps + 1000 / other.fps - 1000 / likely.fps
    # No board is faster than its camera; on a wire that is slower than that, results queue up.
    return round(min(1000 / ms, max(row.fps, row.limit_fps)), 2) if ms > 0 else None
