"""The scenes of benchmarks.events: the same each time, as true as they say, and what is made of them."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from benchmarks import events
from benchmarks.events_scenes import HEIGHT, WIDTH, Scene, scenes


@pytest.fixture(scope="module")
def made() -> list[Scene]:
    return scenes(1)


def test_a_seed_makes_the_same_scenes(made: list[Scene]) -> None:
    assert made == scenes(1)
    assert [one.frames for one in made] != [one.frames for one in scenes(2)]


def test_each_box_has_a_truth_and_lies_in_the_frame(made: list[Scene]) -> None:
    for scene in made:
        assert sum(map(len, scene.frames)) > 0, scene.name
        for rows, truths in zip(scene.frames, scene.truths, strict=True):
            assert len(rows) == len(truths)
            known = [true for true in truths if true >= 0]
            assert len(known) == len(set(known)), scene.name
            for x, y, w, h, score, _ in rows:
                assert 0 <= x < x + w <= WIDTH and 0 <= y < y + h <= HEIGHT, scene.name
                assert 0 < score <= 1000
    assert sum(one.counted_in + one.counted_out for one in made) > 10


def test_mistakes_are_counted() -> None:
    scene = Scene("walk", [[(0, 0, 9, 9, 900, 0)]] * 4, [[7]] * 4, counted_in=1)
    score = events.Score()
    score.add(scene, [[1], [0], [1], [2]], (0, 0))
    assert (score.count_errors, score.switches, score.fragments) == (1, 1, 1)
    with pytest.raises(AssertionError):
        score.add(scene, [[1]], (0, 0))


@pytest.mark.slow
def test_our_tracker_beside_bytetrack() -> None:
    if find_spec("trackers") is None:
        pytest.skip("the package trackers is missing (pip install --no-deps trackers)")
    mine, theirs = events.compare((1,))
    assert mine.count_errors <= theirs.count_errors
    assert mine.switches <= 1.1 * theirs.switches
