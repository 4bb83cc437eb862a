"""The pipeline's table as Markdown, and its place in docs/performance.md."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.pipeline_rows import LIKELY, Row
from virtual_board.silicon.clock.levels import LEVELS

DOCS = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
BEGIN = "<!-- python -m benchmarks.pipeline --docs writes from here -->"
PUBLISHED = "<!-- python -m benchmarks.pipeline --published --docs writes from here -->"
END = "<!-- to here -->"


def markdown(rows: Sequence[Row]) -> str:
    """Return the tables: one client at each level, then links, rates and full maps at likely."""
    scenes = [row for row in rows if row.link == "tcp1" and row.sensor_fps == 60 and row.target]
    rest = [row for row in rows if row not in scenes]
    first = rows[0]
    lines = [
        f"MicroPython {first.micropython}, ulab: {first.ulab}. {len(rows)} rows; the PC was late by at most"
        f" {100 * max(row.late for row in rows):.1f} % of a window.",
        "",
        "One client over TCP, encrypted, 60 Hz. `fps` is likely, in brackets at high and at low;",
        "shares of the limit beside what they must reach.",
        "",
        "| scene | fps | limit | low | likely | high | vendor-style | with display | times |"
        " p50 ms | instructions |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in scenes:
        if row.level == LIKELY:
            lines.append(_scene(row, [one for one in scenes if _same(one, row)]))
    lines += [
        "",
        "Other links, a 30 Hz sensor, and a class map of the model's own size, at likely:",
        "",
        "| scene | sensor | link | fps | limit | of it | target | vendor-style | times | results/s |"
        " p50 ms | p99 ms |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [_link(row) for row in rest]
    missed = [row for row in rows if row.missed]
    if missed:
        lines += ["", "Below what they must reach:", "", *(f"- {_short(row)}" for row in missed)]
    return "\n".join(lines) + "\n"


def published(rows: Sequence[dict[str, float | str]], ran: str) -> str:
    """Return the vendor-style loop beside the published figures, without and with the remainder."""
    lines = [
        f"{ran}.",
        "",
        "| input | published | "
        + " | ".join(f"{name}, known stages | with the remainder" for name in LEVELS)
        + " |",
        "|---" * (2 + 2 * len(LEVELS)) + "|",
    ]
    for model in dict.fromkeys(str(row["model"]) for row in rows):
        own = [row for row in rows if row["model"] == model]
        values = {(row["level"], row["unexplained"]): row["vendor_display_fps"] for row in own}
        cells = [f"{values[level, applied]}" for level in LEVELS for applied in (0, 1)]
        lines.append(f"| {model} | {own[0]['published_fps']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def write(text: str, page: Path = DOCS, begin: str = BEGIN) -> None:
    """Put a table between the page's marks."""
    before, mark, rest = page.read_text(encoding="utf-8").partition(begin)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise ValueError(f"{page.name}: expected the marks of the table, found none")
    page.write_text(f"{before}{begin}\n\n{text}\n{END}{after}", encoding="utf-8")


def title(row: Row) -> str:
    """Return what a row shows."""
    if row.map is not None:
        return f"{row.model}, map {row.map[0]} × {row.map[1]}"
    if row.boxes is not None and "boxes" not in row.model:
        return f"{row.model}, {row.boxes} boxes"
    return row.model


def _same(one: Row, row: Row) -> bool:
    return (one.model, one.boxes, one.map) == (row.model, row.boxes, row.map)


def _scene(row: Row, levels: Sequence[Row]) -> str:
    by_level = {one.level: one for one in levels}
    shares = []
    for level in LEVELS:
        one = by_level.get(level)
        shares.append(
            "-" if one is None else f"{100 * one.of_limit:.1f} % (≥ {100 * (one.target or 0):.0f})"
        )
    low = "-" if row.fps_low is None else f"{row.fps_low:.1f}"
    high = "-" if row.fps_high is None else f"{row.fps_high:.1f}"
    counted = "-" if row.instructions_per_frame is None else f"{row.instructions_per_frame:,}"
    return (
        f"| {title(row)} | {row.fps:.1f} ({low}–{high}) | {row.limit_fps:.1f} | {' | '.join(shares)} |"
        f" {row.vendor_fps:.1f} | {row.vendor_display_fps:.1f} | {row.times_vendor:.2f} |"
        f" {_ms(row.latency_ms_p50)} | {counted} |"
    )


def _link(row: Row) -> str:
    target = "-" if row.target is None else f"≥ {100 * row.target:.0f}"
    low = "-" if row.fps_low is None else f"{row.fps_low:.1f}"
    high = "-" if row.fps_high is None else f"{row.fps_high:.1f}"
    return (
        f"| {title(row)} | {row.sensor_fps} | {row.link} | {row.fps:.1f} ({low}–{high}) |"
        f" {row.limit_fps:.1f} | {100 * row.of_limit:.1f} % | {target} | {row.vendor_fps:.1f} |"
        f" {row.times_vendor:.2f} | {row.results_per_s:.1f} | {_ms(row.latency_ms_p50)} |"
        f" {_ms(row.latency_ms_p99)} |"
    )


def _short(row: Row) -> str:
    return (
        f"{title(row)}, {row.link}, {row.level}: {100 * row.of_limit:.1f} %"
        f" of {100 * (row.target or 0):.0f} %, {row.times_vendor:.2f} times the vendor-style loop"
    )


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"
