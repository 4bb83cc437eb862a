"""What `k230 demo` and `k230 verify` print fits a terminal of 80 columns."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image

from host_client.check.verify import Answer, Row
from host_client.cli.demo import Tour, _found, _slower
from host_client.cli.demo_card import Stop
from host_client.cli.table import width_of
from host_client.cli.verify import _lines
from host_client.drawing.canvas import Canvas, Entry
from host_client.drawing.result import drawn
from host_client.results.objects import OrientedBox, Pose
from host_client.results.types import (
    Box,
    DetectionResult,
    Label,
    MultilabelResult,
    OcrResult,
    OrientedDetectionResult,
    PoseResult,
    Result,
    SegmentationResult,
    Text,
)

pytestmark = pytest.mark.quick

QUAD = ((0, 0), (9, 0), (9, 9), (0, 9))


def result(kind: Any, task: str, **fields: Any) -> Result:
    """Return a result of a model."""
    made: Result = kind(task=task, seq=1, time_ms=0, generation=1, model="m", **fields)
    return made


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            result(
                DetectionResult,
                "detection",
                boxes=(Box("圆形", 0.92, 409, 70, 107, 102), Box("star", 0.5, 1, 2, 3, 4)),
            ),
            "圆形 0.92, star 0.50",
        ),
        (result(DetectionResult, "detection", boxes=()), "nothing"),
        (result(PoseResult, "pose", objects=(Pose("dart", 0.9, 1, 2, 3, 4),)), "dart 0.90"),
        (
            result(
                SegmentationResult,
                "segmentation",
                width=10,
                height=10,
                rle=((0, 70), (1, 10), (2, 20)),
                areas={"background": 70, "square": 10, "star": 20, "heart": 0},
            ),
            "star 20.0 %, square 10.0 %",
        ),
        (
            result(OcrResult, "ocr", texts=(Text("NJA", 0.9, QUAD), Text("7", 0.8, QUAD))),
            "NJA, 7",
        ),
        (result(OcrResult, "ocr_detection", texts=(Text(None, 0.9, QUAD),)), "1 text"),
        (result(OcrResult, "ocr_detection", texts=()), "0 texts"),
        (
            result(MultilabelResult, "multilabel", labels=(Label("star", 1.0, 0),)),
            "star 1.00",
        ),
    ],
)
def test_what_was_found_names_no_places(found: Result, said: str) -> None:
    assert _found(found) == said


def test_the_comparison_with_a_board_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("host_client.cli.demo_card.board_fps", lambda package: 30.2)
    stops = [Stop("detection", {"package": "shapes_det"})]
    tour = Tour(stops)
    tour.meter.count = 5
    line = _slower(tour, stops)
    assert line.startswith("the simulator is slower: detection ")
    assert "about 30 on a board" in line
    assert width_of(line) <= 78


ROW = Row(
    "a/shapes_det_1.jpg",
    Answer((("圆形", 0.94), ("三角形", 0.82), ("star", 0.69))),
    Answer((("圆形", 0.94), ("三角形", 0.82), ("star", 0.69), ("三角形", 0.28))),
    frozenset(("star", "圆形")),
    (64, 64),
)


@pytest.mark.parametrize("width", [40, 60, 80])
def test_an_answer_too_wide_is_broken_at_its_parts(width: int) -> None:
    lines = _lines(ROW, width)
    assert len(lines) > 1
    assert all(width_of(line) <= width for line in lines)
    assert lines[0].startswith("shapes_det_1.jpg: 圆形 0.94")
    assert lines[-1] == "  expected star, 圆形"


def test_an_answer_is_one_line_for_programs_and_where_it_fits() -> None:
    (line,) = _lines(ROW, None)
    assert line == _lines(ROW, 200)[0]
    assert line.endswith("  expected star, 圆形")


def test_bars_of_a_legend_begin_in_one_column() -> None:
    canvas = Canvas(Image.new("RGB", (640, 100)))
    colour = (0, 114, 178)
    image = canvas.finish("", [Entry(None, "a", 1.0), Entry(colour, "b", 1.0)])
    starts = []
    for y in range(canvas.height, image.height):
        row = [image.getpixel((x, y)) for x in range(200, image.width)]
        full = [x for x, value in enumerate(row) if value in ((120, 120, 120), colour)]
        if len(full) > 100:
            starts.append(full[0])
    assert len(starts) > 10
    assert len(set(starts)) == 1


def test_an_angle_stands_apart_from_the_score(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(Canvas, "label", lambda canvas, text, colour, box: said.append(text))
    corners = ((10.0, 10.0), (40.0, 10.0), (40.0, 30.0), (10.0, 30.0))
    box = OrientedBox("箭头", 0.81, 10, 10, 30, 20, 0, (25.0, 20.0), (30.0, 20.0), 22.4, corners)
    found = result(OrientedDetectionResult, "oriented_detection", objects=(box,))
    drawn(Image.new("RGB", (64, 64)), found)
    assert said == ["箭头 0.81, 22°"]
