"""The pipeline's rows: limits, targets, what the profile's uncertainty makes of a figure, the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks import pipeline_card, pipeline_rows, pipeline_table
from benchmarks.interpreters import Interpreter
from benchmarks.pipeline import at
from benchmarks.pipeline_board import Measured
from benchmarks.pipeline_rows import Row
from benchmarks.pipeline_vendor import VendorFigures
from virtual_board.silicon.clock.levels import LEVELS
from virtual_board.silicon.clock.profile import load_profile

RAN = Interpreter("micropython", "1.21.0", "6.4.1", False)


def _row(
    name: str, level: str, fps: float, boxes: int = 5, link: str = "tcp1", hz: int = 60
) -> Row:
    case = pipeline_card.case_of(name, boxes)
    measured = Measured(fps, fps, 50.0, 60.0, 60.0, 0.0, pipeline_boxes(case))
    profile = load_profile(at("k230", level))
    return pipeline_rows.make_row(
        case, link, hz, level, profile, RAN, measured, VendorFigures(28.0, 25.0, 10.0, 40.0)
    )


def pipeline_boxes(case: Any) -> int | None:
    return len(case.scenes[0].shown) if case.task in ("detection", "ocr") else None


def test_each_scene_has_a_target_at_each_level() -> None:
    found = [
        [pipeline_rows.target_of(case, "tcp1", 60, level) for level in LEVELS]
        for case in pipeline_card.cases()
        if case.target and not case.events
    ]
    light, heavy = [0.97, 0.92, 0.85], [0.95, 0.90, 0.82]
    yolo = [light, light, heavy] + [heavy] * 6
    assert found == [light, light, light, heavy, light, light, heavy, heavy, *yolo, heavy]
    for boxes, target in ((5, 0.88), (20, 0.78)):
        followed = pipeline_card.case_of("detection 320, events", boxes)
        targets = [pipeline_rows.target_of(followed, "tcp1", 60, level) for level in LEVELS]
        assert targets == [None, target, None]
    swept = pipeline_card.case_of("detection 320")
    assert pipeline_rows.target_of(swept, "tcp8", 60, "likely") == 0.90
    assert pipeline_rows.target_of(swept, "uart115200", 60, "likely") == 0.90
    for link, hz in (("none", 60), ("uart921600", 60), ("tcp1", 30)):
        assert pipeline_rows.target_of(swept, link, hz, "likely") is None


def test_each_scene_has_its_instructions_counted() -> None:
    for case in pipeline_card.cases():
        if case.target:
            assert (pipeline_rows.instructions_of(case) or 0) > 100_000, case.counted


@pytest.mark.parametrize("name", ["classification 224", "detection 320", "detection 640"])
def test_a_harder_clock_does_not_lower_the_limit(name: str) -> None:
    case = pipeline_card.case_of(name)
    limits = {
        level: pipeline_rows.limit_ms(load_profile(at("k230", level)), case, 60) for level in LEVELS
    }
    assert len(set(limits.values())) == 1


def test_the_uncertainty_stands_beside_a_likely_figure() -> None:
    rows = pipeline_rows.with_bounds(
        [
            _row("detection 320", "low", 38.0),
            _row("detection 320", "likely", 36.0),
            _row("detection 320", "high", 32.0),
            _row("detection 320", "likely", 35.0, link="tcp8"),
            _row("detection 320", "likely", 30.0, hz=30),
            _row("OCR, 5 boxes", "likely", 12.0),
        ]
    )
    assert [(row.fps_low, row.fps_high) for row in rows[:3]] == [
        (None, None),
        (32.0, 38.0),
        (None, None),
    ]
    # As many milliseconds a frame as the same scene with one client.
    assert rows[3].fps_low == pytest.approx(1000 / (1000 / 35 + 1000 / 32 - 1000 / 36), abs=0.01)
    assert rows[3].fps_high == pytest.approx(1000 / (1000 / 35 + 1000 / 38 - 1000 / 36), abs=0.01)
    assert rows[4].fps_high == 30.0  # the camera has no more
    assert (rows[5].fps_low, rows[5].fps_high) == (None, None)


def test_a_row_misses_by_its_share_or_behind_the_vendors_loop() -> None:
    assert not _row("detection 320", "likely", 37.0).missed
    assert _row("detection 320", "likely", 35.0).missed
    assert _row("detection 320", "likely", 20.0, link="uart115200").missed
    assert not _row("detection 320", "likely", 20.0, link="none").missed  # without a target


def test_the_table_is_written_between_its_marks(tmp_path: Path) -> None:
    rows = pipeline_rows.with_bounds(
        [
            _row("detection 320", "low", 38.8),
            _row("detection 320", "likely", 37.0),
            _row("detection 320", "high", 30.0),
            _row("detection 320", "likely", 36.0, link="tcp8"),
        ]
    )
    text = pipeline_table.markdown(rows)
    assert "MicroPython 1.21.0, ulab: 6.4.1. 4 rows" in text
    assert "| detection 320, 5 boxes | 37.0 (30.0–38.8) | 39.3 | 98.7 % (≥ 97) |" in text
    assert "| detection 320, 5 boxes | 60 | tcp8 | 36.0 (" in text
    assert (
        "Below what they must reach:\n\n- detection 320, 5 boxes, tcp1, high: 76.3 % of 85 %"
        in text
    )
    page = tmp_path / "page.md"
    page.write_text(f"a\n{pipeline_table.BEGIN}\nold\n{pipeline_table.END}\nb\n", encoding="utf-8")
    pipeline_table.write(text, page)
    content = page.read_text(encoding="utf-8")
    assert content.startswith("a\n") and content.endswith("\nb\n")
    assert text in content and "old" not in content
    page.write_text("no marks\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"page\.md: expected the marks"):
        pipeline_table.write(text, page)


def test_the_page_has_the_marks() -> None:
    content = pipeline_table.DOCS.read_text(encoding="utf-8")
    for mark, times in (
        (pipeline_table.BEGIN, 1),
        (pipeline_table.PUBLISHED, 1),
        (pipeline_table.END, 2),
    ):
        assert content.count(mark) == times
