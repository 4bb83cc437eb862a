"""Warnings about samples, and suggested thresholds."""

from gallery_tools import enroll, make, ops, pause, run, vector

from firmware_app.gallery import decision as g
from firmware_app.gallery import quality
from firmware_app.gallery.decision import Rule


def check(gallery, text: str, *vectors):
    return run(quality.check(ops, gallery, list(vectors), text, 0.5, pause))


def test_samples_that_agree_need_no_words() -> None:
    gallery = make()
    enroll(gallery, "other", vector(0, 0, 0, 1))
    assert check(gallery, "new", vector(1, 0.1, 0, 0), vector(1, 0, 0, 0)) == []
    assert check(gallery, "alone", vector(1, 0, 0, 0)) == []


def test_a_sample_that_disagrees_is_named() -> None:
    gallery = make()
    found = check(gallery, "new", vector(1, 0, 0, 0), vector(1, 0.1, 0, 0), vector(0, 1, 0, 0))
    assert len(found) == 1
    assert found[0].startswith("#3 disagrees with the others of new (cosine 0.10")
    enroll(gallery, "old", vector(1, 0, 0, 0))
    assert "disagrees with the others of old" in check(gallery, "old", vector(0, 1, 0, 0))[0]


def test_the_other_label_is_named() -> None:
    gallery = make()
    enroll(gallery, "橙", vector(1, 0, 0, 0))
    enroll(gallery, "b", vector(0, 1, 0, 0))
    same = check(gallery, "b", vector(1, 0.05, 0, 0))
    assert same[0].startswith("#3 is nearly the same as #1 of 橙 (cosine 1.00)")
    nearer = check(gallery, "b", vector(1, 0.7, 0, 0))
    assert nearer[0] == "#3 is nearer to 橙 (cosine 0.82) than to the others of b (0.57)"
    passing = check(gallery, "new", vector(1, 0.7, 0, 0))
    assert passing == ["#3 would pass as 橙 (cosine 0.82)"]


def test_a_negative_sample_that_is_a_positive_one_is_told() -> None:
    gallery = make()
    enroll(gallery, "a", vector(1, 0, 0, 0))
    one = run(quality.check_negative(ops, gallery, [vector(1, 0.01, 0, 0)], "a", pause))
    assert one[0].startswith("#2 is nearly the same as a positive sample of a (cosine 1.00)")
    assert run(quality.check_negative(ops, gallery, [vector(1, 0.9, 0, 0)], "a", pause)) == []
    assert run(quality.check_negative(ops, gallery, [vector(1, 0, 0, 0)], "b", pause)) == []


def test_scores_leave_each_sample_out() -> None:
    gallery = make()
    enroll(gallery, "a", vector(1, 0, 0, 0), vector(1, 0.2, 0, 0))
    enroll(gallery, "b", vector(0, 0, 1, 0), vector(0, 0, 1, 0.2))
    enroll(gallery, "single", vector(0, 1, 0, 0))
    within, between = run(quality.scores(gallery, Rule(0.5), pause))
    assert within == [9806] * 4
    assert between == [0, 1961, 0, 0, 1961]
    assert quality.threshold(within, between) == (5884, 0, 0)


def test_many_samples_are_thinned_out_evenly() -> None:
    gallery = make(2000)
    for i in range(0, 1200, 100):
        enroll(gallery, "n%d" % i, *[vector(1, i, j, 1) for j in range(100)])
    within, between = run(quality.scores(gallery, Rule(0.5, combine=g.MEAN), pause))
    assert len(within) == len(between) == 400


def test_threshold_where_both_overlap_has_the_fewest_errors() -> None:
    within = [9000, 8000, 7000, 3000]
    between = [1000, 2000, 2500, 7500]
    value, refused, accepted = quality.threshold(within, between)
    assert refused == sum([score < value for score in within])
    assert accepted == sum([score >= value for score in between])
    for other in range(0, 10001, 100):
        wrong = sum([score < other for score in within]) + sum(
            [score >= other for score in between]
        )
        assert refused + accepted <= wrong


def test_threshold_of_little() -> None:
    assert quality.threshold([], [5000]) is None
    assert quality.threshold([8000, 7000], []) == (6500, 0, 0)
    assert quality.threshold([300], []) == (0, 0, 0)
    assert quality.threshold([-500, 900], [-900])[0] >= 0
    assert quality.threshold([9000], [-900]) == (4500, 0, 0)
