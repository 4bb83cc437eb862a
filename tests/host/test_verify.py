"""Verdicts over a package's pictures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from host_client.exceptions import PictureError
from host_client.verify import Answer, Row, expectations, find_pictures, judge, pictures_in


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
        assert (f"{true} is called {given}" in verdict.reasons[0]) == (true != given)


def test_labels_in_another_order_among_several_objects() -> None:
    rows = [row("cat dog", "dog cow"), row("dog cow", "cow cat"), row("cat", "dog")]
    assert judge(rows, 0.5).trouble == "labels"


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
