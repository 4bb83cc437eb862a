"""Verdicts over a package's pictures."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path

import pytest

from host_client.base.exceptions import PictureError
from host_client.check.label_order import assignment
from host_client.check.pictures import expectations, find_pictures, pictures_in
from host_client.check.verify import Answer, Count, Row, counts, judge


def row(
    expected: str | None, normal: str, low: str | None = None, score: float = 0.9, size: int = 100
) -> Row:
    def answer(text: str) -> Answer:
        return Answer(tuple((label, score) for label in text.split()))

    wanted = frozenset(expected.split()) if expected else None
    return Row(
        "a.jpg", answer(normal), answer(normal if low is None else low), wanted, (size, size)
    )


def test_a_good_package() -> None:
    verdict = judge([row("cat", "cat"), row("dog", "dog", "dog cat")], 0.5)
    assert verdict.trouble == "ok"
    assert "2 of 2" in verdict.reasons[0]


def test_a_threshold_that_is_too_high() -> None:
    rows = [row("cat", "", "cat", 0.6), row("dog", "", "dog", 0.7), row("dog", "dog")]
    verdict = judge(rows, 0.8)
    assert verdict.trouble == "threshold"
    assert "threshold of 0.8" in verdict.reasons[0]
    assert "0.60 to 0.70" in verdict.reasons[1]


@pytest.mark.parametrize(
    "pairs",
    [
        {"cat": "dog", "dog": "cat", "cow": "cow"},
        {"cat": "dog", "dog": "cow", "cow": "cat"},
        {"cat": "dog", "dog": "cow", "cow": "pig"},
    ],
)
def test_labels_in_another_order(pairs: dict[str, str]) -> None:
    verdict = judge([row(true, given) for true, given in pairs.items()] * 2, 0.5)
    assert verdict.trouble == "labels"
    for true, given in pairs.items():
        assert (f"{true} is reported as {given}" in verdict.reasons[0]) == (true != given)


def scored(expected: str, **scores: float) -> Row:
    answer = Answer(tuple(sorted(scores.items(), key=lambda pair: -pair[1])))
    return Row("a.jpg", answer, answer, frozenset(expected.split()), (100, 100))


def test_a_threshold_that_is_too_low() -> None:
    rows = [scored("cat", cat=0.9, dog=0.2, cow=0.1), scored("dog", dog=0.8, cat=0.15, cow=0.3)]
    verdict = judge(rows * 4, 0.05)
    assert verdict.trouble == "threshold"
    assert "16 answers are wrong and 8 of 8 are right" in verdict.reasons[0]
    assert verdict.reasons[1] == "with 0.4: 8 of 8 found, and 0 wrong"


def test_thresholds_are_compared() -> None:
    rows = [scored("cat", cat=0.9, dog=0.2), scored("dog", dog=0.5, cat=0.6)]
    assert counts(rows, (0.1, 0.3, 0.55, 0.7)) == [
        Count(0.1, 2, 2),
        Count(0.3, 2, 1),
        Count(0.55, 1, 1),
        Count(0.7, 1, 0),
    ]


def test_a_threshold_that_lets_anything_through() -> None:
    verdict = judge([row("cat", "cat"), row("dog", "dog")], 0.02)
    assert verdict.trouble == "ok"
    assert "is very low" in verdict.reasons[-1]


def test_labels_that_the_package_does_not_know() -> None:
    verdict = judge([row("kitten", "cat"), row("puppy", "dog")], 0.5, labels=("cat", "dog"))
    assert verdict.trouble == "labels"
    assert "expected kitten, puppy, but the package knows only cat, dog" in verdict.reasons[0]


def before(rows: list[Row], *found: str) -> list[Row]:
    return [
        each._replace(before=Answer(tuple((label, 0.9) for label in text.split())))
        for each, text in zip(rows, found, strict=True)
    ]


WRONG = [row("cat", "cow"), row("cat", "dog"), row("dog", "cow"), row("cow", "cow"), row("cow", "")]


def test_the_model_before_its_conversion_tells_training_from_conversion() -> None:
    good = judge(before(WRONG, "cat", "cat", "dog", "cow", "cow"), 0.5)
    assert good.trouble == "deployment"
    assert "finds 5 of 5 expected answers and 0 wrong ones, the kmodel 1 and 3" in good.reasons[0]
    bad = judge(before(WRONG, "cow", "dog", "cow", "cow", "cow"), 0.5)
    assert bad.trouble == "model"
    assert "the training is the cause" in bad.reasons[-1]
    assert "--onnx" in judge(WRONG, 0.5).reasons[-1]


def test_a_threshold_is_not_the_conversions_fault() -> None:
    rows = [
        row(name, "", name, 0.6)._replace(before=Answer(((name, 0.85),))) for name in ("cat", "dog")
    ]
    assert judge(rows, 0.8).trouble == "threshold"


def test_another_kmodel_where_nobody_knows_what_should_be_there() -> None:
    rows = [row(None, "cow"), row(None, "cow"), row(None, "cow")]
    assert judge(before(rows, "cat", "dog", "cow"), 0.5).trouble == "deployment"
    assert judge(before(rows, "cow", "cow", "cow"), 0.5).trouble == "ok"


def test_objects_that_are_too_small() -> None:
    rows = [
        each._replace(parts=Answer(((name, 0.9),)))
        for each, name in ((row("cat", ""), "cat"), (row("dog", ""), "dog"), (row("cow", ""), ""))
    ]
    verdict = judge(rows, 0.5, (320, 320))
    assert verdict.trouble == "resolution"
    assert "3 of 3 expected answers are missing; 2 of them" in verdict.reasons[0]
    nobody = [each._replace(expected=None) for each in rows[:2]]
    assert judge(nobody, 0.5).trouble == "resolution"


def test_labels_in_another_order_among_several_objects() -> None:
    rows = [row("cat dog", "dog cow"), row("dog cow", "cow cat"), row("cat", "dog")]
    assert judge(rows, 0.5).trouble == "labels"


def test_a_circle_of_labels_that_no_exchange_of_two_begins() -> None:
    rows = [
        row("triangle", "square star"),
        row("square star triangle", "star square none triangle"),
        row("square triangle circle", "triangle star square"),
        row("circle", "triangle"),
        row("square star", "none star"),
        row("triangle", "square"),
        row("square star", "star none"),
        row("square triangle circle", "triangle square star"),
    ]
    verdict = judge(rows, None)
    assert verdict.trouble == "labels"
    assert "circle is reported as triangle, square is reported as star" in verdict.reasons[0]


def test_the_best_order_of_many() -> None:
    dice = random.Random(3)
    for size in (1, 2, 3, 5):
        for _ in range(30):
            worth = [[dice.randrange(-9, 10) for _ in range(size)] for _ in range(size)]
            places = assignment(worth)
            best = max(
                sum(worth[i][j] for i, j in enumerate(order))
                for order in itertools.permutations(range(size))
            )
            assert sorted(places) == list(range(size))
            assert sum(worth[i][j] for i, j in enumerate(places)) == best


def test_a_wrong_model() -> None:
    rows = [
        row("cat", "cow"),
        row("cat", "dog"),
        row("dog", "cow"),
        row("cow", "cow"),
        row("cow", ""),
    ]
    assert judge(rows, 0.5).trouble == "model"


def test_without_anybody_who_knows() -> None:
    assert judge([], 0.5).trouble == "unknown"
    assert judge([row(None, ""), row(None, "")], 0.5).trouble == "model"
    assert judge([row(None, "", "cat"), row(None, "", "dog")], 0.5).trouble == "threshold"
    assert judge([row(None, "cat"), row(None, "dog")], 0.5).trouble == "ok"


def test_a_resolution_that_loses_small_objects() -> None:
    verdict = judge([row("cat", "cat", size=4000)], 0.5, (320, 320))
    assert "4000x4000 as 320x320" in verdict.reasons[-1]


def test_what_should_be_in_the_pictures(tmp_path: Path) -> None:
    for name in ("cat/1.jpg", "2.jpg", "red_car_3.jpg", "4.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    table = {"2.jpg": ["dog", "cat"], "4.jpg": {"boxes": [{"label": "dog", "x": 1}]}}
    (tmp_path / "expected.json").write_text(json.dumps(table))
    pictures = pictures_in(tmp_path)
    found = expectations(pictures, ("cat", "dog", "red", "red_car"), None)
    assert {path.name: set(labels) for path, labels in found.items()} == {
        "1.jpg": {"cat"},
        "2.jpg": {"dog", "cat"},
        "red_car_3.jpg": {"red_car"},
        "4.jpg": {"dog"},
    }
    (tmp_path / "expected.json").write_text("[")
    with pytest.raises(PictureError, match="expected JSON"):
        expectations(pictures, (), None)


def test_pictures_that_come_with_a_package(tmp_path: Path) -> None:
    package = tmp_path / "mp_deployment_source"
    package.mkdir()
    (tmp_path / "det_result").mkdir()
    for name in ("test_1.jpg", "test_0.jpg", "other.jpg"):
        (tmp_path / "det_result" / name).touch()
    assert [p.name for p in find_pictures(package)] == ["test_0.jpg", "test_1.jpg"]
    with pytest.raises(PictureError, match="found none"):
        pictures_in(package)
