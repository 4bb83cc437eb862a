"""What the benchmark's scenes show is what a client gets; a board that publishes something else is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import pipeline_card, pipeline_scenes
from benchmarks.pipeline_card import Case
from host_client import Board
from host_client.results.types import (
    Box,
    ClassificationResult,
    DetectionResult,
    Label,
    OcrResult,
    Result,
    SegmentationResult,
    Text,
)
from virtual_board.board import VirtualBoard

HEAD = (1, 1, 1, "m")


@pytest.mark.slow
async def test_each_scene_publishes_what_it_shows(tmp_path: Path) -> None:
    cases = pipeline_card.cases()
    card, pictures, replay = pipeline_card.make(tmp_path, cases, 60, {})
    counted: list[int | None] = []
    maps = []
    async with VirtualBoard(sdcard=card, camera=str(pictures), replay=replay) as board:
        await board.ready(60)
        assert board.url is not None
        async with Board.connect(board.url, key=board.key, wait=10) as client:
            for case in cases:
                if case is not cases[0]:
                    await client.switch(pipeline_card.task_name(case))
                async for result in client.results():
                    pipeline_scenes.check(case, result)
                    counted.append(pipeline_scenes.boxes_of(result))
                    maps.append(pipeline_scenes.map_of(result))
                    break
    assert counted == [None, 0, 5, 20, 0, 5, 20, 5, 20, None, None] + [0, 5, 20] * 3 + [5]
    assert maps == [None] * 9 + [(160, 160), (320, 320)] + [None] * 10


def _detection(*boxes: Box) -> DetectionResult:
    return DetectionResult("detection", *HEAD, boxes)


def _moved(case: Case, index: int, **changes: object) -> DetectionResult:
    """Return the right result of a detection case, with one box changed."""
    size = case.scenes[0].size
    assert size == (320, 320)
    boxes = [
        Box(s.label, s.score, int(s.left * 2), int((s.top - 70) * 2), 62, 62)
        for s in case.scenes[0].shown
    ]
    boxes[index] = boxes[index]._replace(**changes)  # type: ignore[arg-type]
    return _detection(*boxes)


def _wrong_results() -> list[tuple[Case, Result, str]]:
    five = pipeline_card.case_of("detection 320")
    none = pipeline_card.case_of("detection 320", 0)
    classes = pipeline_card.case_of("classification 224")
    texts = pipeline_card.case_of("OCR, 5 boxes")
    areas = pipeline_card.case_of("segmentation 320")
    full_frame = _detection(*[Box("class 0", 0.16, 0, 35, 640, 360)] * 6)
    nothing = {f"class {i}": 0 for i in range(6)}
    small = SegmentationResult("segmentation", *HEAD, 80, 80, ((0, 6400),), nothing)
    empty = {**nothing, "class 0": 25600}
    blank = SegmentationResult("segmentation", *HEAD, 160, 160, ((0, 25600),), empty)
    return [
        (five, full_frame, "expected 5 boxes, found 6"),  # what logits made of every scene
        (none, full_frame, "expected 0 boxes, found 6"),
        (five, _moved(five, 1, x=300), "expected class 1"),
        (five, _moved(five, 0, score=0.5), "expected class 0"),
        (five, _moved(five, 4, label="class 5"), "expected class 4"),
        (
            classes,
            ClassificationResult("classification", *HEAD, None, 0.2, (Label("class 1", 0.2),)),
            "expected class 2",
        ),
        (texts, OcrResult("ocr", *HEAD, (Text("K230", 1.0, None),) * 5), "expected a text around"),
        (texts, OcrResult("ocr", *HEAD, ()), "expected 5 texts, found 0"),
        (areas, small, "expected a map of at least 160 a side, found 80 x 80"),
        (areas, blank, "expected 1200 pixels of class 1, found 0"),
        (areas, full_frame, "expected a result of segmentation, found one of detection"),
        (five, blank, "expected a result of detection, found one of segmentation"),
    ]


@pytest.mark.parametrize(("case", "result", "message"), _wrong_results())
def test_another_result_is_told(case: Case, result: Result, message: str) -> None:
    with pytest.raises(pipeline_scenes.SceneError, match=message):
        pipeline_scenes.check(case, result)


def test_the_right_result_passes() -> None:
    case = pipeline_card.case_of("detection 320")
    pipeline_scenes.check(case, _moved(case, 0))
