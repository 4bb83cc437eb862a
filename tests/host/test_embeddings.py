"""A metric-learning package is judged by whose embeddings are alike."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from host_client.base.exceptions import PictureError
from host_client.check.embeddings import (
    Embedded,
    cosine,
    count_pairs,
    judge_embeddings,
    matrix,
    nearest,
)
from host_client.check.pictures import identities


def _at(degrees: float) -> tuple[float, float]:
    return math.cos(math.radians(degrees)), math.sin(math.radians(degrees))


def _rows(*angles: tuple[str | None, float]) -> list[Embedded]:
    return [Embedded(f"{i}.jpg", _at(angle), name) for i, (name, angle) in enumerate(angles)]


GOOD = (("a", 0.0), ("a", 10.0), ("b", 90.0), ("b", 80.0), ("c", 170.0), ("c", 180.0))


@pytest.mark.parametrize(
    ("angles", "threshold", "trouble", "words"),
    [
        (GOOD, 0.6, "ok", "most similar to another picture of the same identity: 6 of 6 pictures"),
        (GOOD, None, "ok", "6 of 6"),
        (GOOD, 0.995, "threshold", "at 0.995, 0 of 3 pairs of one identity are accepted"),
        (GOOD, -0.99, "threshold", "2 of 12 others refused"),
        (
            tuple(zip("abcabc", (0, 10, 90, 80, 170, 180), strict=True)),
            0.6,
            "model",
            "does not distinguish",
        ),
        ((("a", 0), ("a", 1), ("b", 2), ("b", 3)), 0.6, "model", "nearly the same embedding"),
        (((None, 0), (None, 90)), 0.6, "unknown", "--expected"),
        ((("a", 0), ("a", 90)), 0.6, "unknown", "expected two"),
        ((("a", 0), ("b", 90)), 0.6, "unknown", "one of them with two pictures"),
        ((("a", 0),), 0.6, "unknown", "only one picture"),
        ((), 0.6, "unknown", "no pictures"),
    ],
)
def test_the_verdict(
    angles: tuple[tuple[str | None, float], ...], threshold: float | None, trouble: str, words: str
) -> None:
    verdict = judge_embeddings(_rows(*angles), threshold)
    assert verdict.trouble == trouble
    assert words in "; ".join(verdict.reasons)


@pytest.mark.parametrize("vector", [(), (0.0, 0.0), (math.nan, 1.0), (math.inf, 1.0)])
def test_a_vector_that_is_none_is_no_answer(vector: tuple[float, ...]) -> None:
    rows = [*_rows(*GOOD), Embedded("bad.jpg", vector, "a")]
    verdict = judge_embeddings(rows, 0.6)
    assert verdict.trouble == "model"
    assert "bad.jpg" in verdict.reasons[0]


def test_another_models_embeddings_are_told() -> None:
    rows = [row._replace(before=_at(90 + 30 * i)) for i, row in enumerate(_rows(*GOOD))]
    verdict = judge_embeddings(rows, 0.6)
    assert verdict.trouble == "deployment"
    alike = [row._replace(before=row.vector) for row in rows]
    assert judge_embeddings(alike, 0.6).trouble == "ok"


def test_cosines_and_the_nearest() -> None:
    rows = _rows(*GOOD)
    cosines = matrix(rows)
    assert cosines[0][0] == 1.0
    assert cosines[1][0] == cosines[0][1] == pytest.approx(math.cos(math.radians(10)))
    near = nearest(rows, cosines)[2]
    assert near is not None
    assert (near.picture, near.identity) == ("3.jpg", "b")
    assert nearest(rows[:1], matrix(rows[:1])) == [None]
    assert cosine((1.0,), (1.0, 2.0)) == 0.0


def test_pairs_are_counted_from_the_threshold_on() -> None:
    pairs = count_pairs([(0.5, True), (0.4, True), (0.5, False), (0.4, False)], 0.5)
    assert (pairs.accepted, pairs.same, pairs.refused, pairs.different) == (1, 2, 1, 2)


def test_whose_a_picture_is(tmp_path: Path) -> None:
    pictures = [tmp_path / "anna" / "1.jpg", tmp_path / "ben" / "1.jpg", tmp_path / "ben" / "2.jpg"]
    assert identities(pictures, None) == dict(
        zip(pictures, ("anna", "ben", "ben"), strict=True)
    )  # by folder
    assert identities(pictures[1:], None) == {}  # one folder says nothing
    given = tmp_path / "whose.json"
    given.write_text(json.dumps({"1.jpg": {"identity": "x"}, "2.jpg": "y"}))
    assert identities(pictures[1:], given) == {pictures[1]: "x", pictures[2]: "y"}
    given.write_text("[]")
    with pytest.raises(PictureError, match="expected a JSON object"):
        identities(pictures, given)
