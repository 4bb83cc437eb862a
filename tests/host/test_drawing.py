"""Pictures with answers drawn into them: colours, labels, the font, and every type of result."""

from __future__ import annotations

import hashlib
import itertools
import random
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from host_client.drawing import font, palette
from host_client.drawing.canvas import Canvas, Entry
from host_client.drawing.result import DRAWN_BY, draw, drawn
from host_client.drawing.similarity import draw_similarities
from host_client.results.objects import Instance, Keypoint, Mask, Pose, oriented
from host_client.results.types import (
    Box,
    ClassificationResult,
    DetectionResult,
    Identified,
    IdentitiesResult,
    InstanceSegmentationResult,
    Label,
    MetricLearningResult,
    MultilabelResult,
    OcrResult,
    OrientedDetectionResult,
    PoseResult,
    Result,
    SegmentationResult,
    Text,
)

VENDOR = Path(font.OWN).parent
# Linear light to what people without red, green or blue cones see (Vienot 1999, Brettel 1997).
CONES = {
    "protan": ((0.11, 0.89, 0.0), (0.11, 0.89, 0.0), (0.0, 0.0, 1.0)),
    "deutan": ((0.29, 0.71, 0.0), (0.29, 0.71, 0.0), (-0.02, 0.02, 1.0)),
}


def _seen(colour: palette.Colour, cones: tuple[tuple[float, ...], ...]) -> tuple[float, ...]:
    light = [(part / 255) ** 2.2 for part in colour]
    mixed = [sum(a * b for a, b in zip(row, light, strict=True)) for row in cones]
    return tuple(255 * max(0.0, part) ** (1 / 2.2) for part in mixed)


@pytest.mark.parametrize("eyes", CONES)
def test_the_first_classes_differ_for_everyone(eyes: str) -> None:
    colours = [_seen(palette.colour_of(number), CONES[eyes]) for number in range(7)]
    for one, other in itertools.combinations(colours, 2):
        assert sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5 > 25


def test_twenty_one_classes_have_colours_of_their_own() -> None:
    assert len({palette.colour_of(number) for number in range(21)}) == 21
    assert palette.colour_of(10**6) in {palette.colour_of(number) for number in range(21)}


def test_the_font_is_the_one_that_its_table_names() -> None:
    digest = hashlib.sha256(font.OWN.read_bytes()).hexdigest()
    assert f"`{digest}`" in (VENDOR / "README.md").read_text("utf-8")
    assert font.OWN.stat().st_size <= 2_000_000
    assert "SIL OPEN FONT LICENSE" in (VENDOR / "k230-labels.LICENSE.txt").read_text("utf-8")


def test_the_font_has_all_of_gb2312() -> None:
    own = font._load(str(font.OWN), 20)
    assert own is not None
    rows = (bytes((high, low)) for high in range(0xB0, 0xF8) for low in range(0xA1, 0xFF))
    text = "".join(row.decode("gb2312", "ignore") for row in rows)
    assert len(text) == 6763
    assert font._has_all(own, text + "菠萝ÄößéЖπ×°…")
    assert not font._has(own, "\ue000")


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


@pytest.mark.parametrize("size", [(320, 240), (64, 48), (1920, 1080), (100, 700)])
@pytest.mark.parametrize("count", [1, 20, 90])
def test_labels_stay_inside_and_do_not_meet(size: tuple[int, int], count: int) -> None:
    dice = random.Random(count)
    canvas = Canvas(Image.new("RGB", size))
    for number in range(count):
        x, y = dice.randrange(-20, size[0] + 20), dice.randrange(-20, size[1] + 20)
        text = ("菠萝", "a", "a rather long label", "x" * 300)[number % 4]
        canvas.label(f"{text} 0.5", palette.colour_of(number), (x, y, x + 30, y + 20))
    canvas.finish("title", [])
    assert canvas.placed
    assert len(canvas.placed) + canvas.left_out == count
    if count == 1 or (count == 20 and size[0] >= 320):
        assert canvas.left_out == 0
    for spot in canvas.placed:
        assert 0 <= spot[0] < spot[2] <= canvas.width
        assert 0 <= spot[1] < spot[3] <= canvas.height
    assert not any(_overlap(a, b) for a, b in itertools.combinations(canvas.placed, 2))


def test_many_labels_are_small_and_none_is_crossed_out() -> None:
    canvas = Canvas(Image.new("RGB", (640, 480)))
    colour = palette.colour_of(1)
    for _ in range(25):
        canvas.label("small vehicle 0.50, 90°", colour, (300, 220, 340, 260))
    image = canvas.finish("title", [])
    assert canvas.left_out == 0
    sizes = [(right - left) * (bottom - top) for left, top, right, bottom in canvas.placed]
    assert sum(sizes) < 0.2 * 640 * 480
    # Lines lead from most of them to the box: below all labels.
    for left, top, right, bottom in canvas.placed:
        # The padding before the text, inside the outline.
        strip = image.crop((round(left) + 1, round(top) + 2, round(left) + 3, round(bottom) - 2))
        assert strip.getcolors() == [(strip.width * strip.height, colour)], (left, top, right)


def test_a_pose_of_a_person_has_its_whole_legend() -> None:
    entries = [Entry(palette.colour_of(number), f"point {number}") for number in range(18)]
    pictures = [
        Canvas(Image.new("RGB", (64, 64))).finish("pose", entries[:count]) for count in (18, 16)
    ]
    assert pictures[0].height > pictures[1].height


def test_a_legend_has_an_end() -> None:
    entries = [Entry(palette.colour_of(number), f"class {number}") for number in range(1000)]
    image = Canvas(Image.new("RGB", (64, 64))).finish("many", entries)
    assert image.height < 1000


def _result(cls: Any, task: str, **fields: Any) -> Result:
    made: Result = cls(task=task, seq=1, time_ms=1, generation=1, model="m", **fields)
    return made


MASK = Mask(10, 10, 40, 20, 4, 2, (1, 2, 1, 4))
QUAD = ((5, 5), (60, 5), (60, 20), (5, 20))
POINTS = (Keypoint("tip", 20, 20, 0.9), Keypoint("", 500, 40, None), Keypoint("tail", 30, 9, 0.1))
RESULTS = [
    _result(ClassificationResult, "classification", label=None, score=0.0, top=()),
    _result(
        ClassificationResult,
        "classification",
        label="菠萝",
        score=0.9,
        top=(Label("菠萝", 0.9, 0), Label("\x1b[31m\n", 0.1, 1)),
    ),
    _result(MultilabelResult, "multilabel", labels=(Label("a", 0.9, 0), Label("b", 0.6, 1))),
    _result(DetectionResult, "detection", boxes=()),
    _result(DetectionResult, "detection", boxes=(Box("圆形", 0.9, 1, 2, 30, 20, 0),)),
    _result(
        InstanceSegmentationResult,
        "instance_segmentation",
        objects=(
            Instance("a", 0.9, 10, 10, 40, 20, 0, MASK),
            Instance("b", 0.5, -5, -5, 10, 10, 1, None),
        ),
    ),
    _result(
        PoseResult,
        "pose",
        objects=(Pose("a", 0.9, 5, 5, 50, 40, 0, POINTS),),
        skeleton=((0, 1), (1, 2), (2, 9)),
    ),
    _result(
        OrientedDetectionResult,
        "oriented_detection",
        objects=(oriented("a", 0.9, 0, (40, 30), (50, 20), 33),),
    ),
    _result(
        IdentitiesResult,
        "metric_learning",
        objects=(
            Identified("anna", 0.8, 0.2, "face", 0.9, 5, 5, 20, 20),
            Identified(None, None, None, "face", 0.9, 40, 5, 20, 20),
        ),
    ),
    _result(OcrResult, "ocr", texts=(Text("ABC", 0.9, QUAD), Text(None, 0.5, QUAD))),
    _result(OcrResult, "ocr_recognition", texts=(Text("文字", 0.9, None),)),
    _result(
        SegmentationResult,
        "segmentation",
        width=4,
        height=2,
        rle=((0, 4), (1, 3), (2, 1)),
        areas={"ground": 4, "a": 3, "b": 1},
    ),
    _result(SegmentationResult, "segmentation", width=0, height=0, rle=(), areas={}),
    _result(MetricLearningResult, "metric_learning", embedding=(0.1, -0.5, 0.0)),
    _result(MetricLearningResult, "metric_learning", embedding=None),
    _result(
        MetricLearningResult,
        "metric_learning",
        embedding=(0.0, 0.0),
        identity="anna",
        score=0.9,
        margin=0.1,
    ),
]


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: str(result.task))
@pytest.mark.parametrize("size", [(80, 60), (1, 1), (700, 30)])
def test_every_result_is_drawn(result: Result, size: tuple[int, int]) -> None:
    image = drawn(Image.new("RGB", size, (90, 90, 90)), result)
    assert image.mode == "RGB"
    assert image.width >= 640 or size[0] < size[1] or size == (1, 1)


@pytest.mark.parametrize("result", [RESULTS[5], RESULTS[11]], ids=["instances", "areas"])
def test_masks_let_the_picture_through(result: Result) -> None:
    ground = Image.effect_noise((80, 60), 120).convert("RGB")
    image = drawn(ground, result)
    # A cell in the middle of the first mask: changed, but not to one plain colour.
    box = (160, 90, 220, 150) if result is RESULTS[5] else (20, 260, 120, 440)
    seen = image.crop(box)
    plain = ground.resize((640, 480), Image.Resampling.BICUBIC).crop(box)
    assert seen.tobytes() != plain.tobytes()
    assert len(seen.getcolors(10**6) or ()) > 50


def test_a_drawing_says_whose_it_is(tmp_path: Path) -> None:
    Image.new("RGB", (80, 60)).save(tmp_path / "a.jpg")
    draw(tmp_path / "a.jpg", RESULTS[4], tmp_path / "deep" / "a.png")
    with Image.open(tmp_path / "deep" / "a.png") as image:
        assert image.info["Software"] == DRAWN_BY


@pytest.mark.parametrize("count", [1, 8, 200])
def test_similarities(count: int) -> None:
    names = [f"图{number}.jpg" for number in range(count)]
    who = [None if number % 3 else "anna" for number in range(count)]
    cosines = [[1.0 if i == j else -0.1 for j in range(count)] for i in range(count)]
    image = draw_similarities(names, who, cosines, 0.5)
    assert image.width < 1100
    assert image.height < 1100
