"""The gallery's samples, labels and decision."""

from gallery_tools import enroll, make, ops, vector

from firmware_app.gallery import decision as g
from firmware_app.gallery import format as gallery_format
from firmware_app.gallery.decision import Rule

A = (1, 0, 0, 0)
B = (0, 1, 0, 0)
C = (0, 0, 1, 0)


def near(one, other) -> bool:
    return abs(one - other) < 1e-4


def test_empty_gallery_knows_nobody() -> None:
    decision = make().decide(vector(*A), Rule(0.5))
    assert (decision.label, decision.reason, decision.row()) == (None, g.EMPTY, [None, 0, 0])


def test_best_sample_decides_and_margin_is_to_the_next_label() -> None:
    gallery = make()
    enroll(gallery, "红", vector(1, 0, 0, 0), vector(1, 0.2, 0, 0))
    enroll(gallery, "🙂", vector(0, 1, 0, 0))
    decision = gallery.decide(vector(3, 1, 0, 0), Rule(0.5))
    assert decision.label == "红"
    assert near(decision.cosine, ops.dot(vector(3, 1, 0, 0), vector(1, 0.2, 0, 0)))
    assert near(decision.margin, decision.cosine - ops.dot(vector(3, 1, 0, 0), vector(*B)))
    row = decision.row()
    assert row[0] == "红"
    assert abs(row[1] - decision.cosine * 10000) <= 0.5


def test_length_of_the_embedding_does_not_matter() -> None:
    gallery = make()
    enroll(gallery, "a", vector(1, 2, 3, 4))
    tall = vector(1, 2, 3, 4) * 2.0e19
    assert near(gallery.decide(tall, Rule(0.5)).cosine, 1.0)
    flat = vector(1, 2, 3, 4) * 0.0
    assert gallery.decide(flat, Rule(0.5)).reason == g.NO_DIRECTION


def test_threshold_margin_and_own_threshold() -> None:
    gallery = make()
    enroll(gallery, "a", vector(*A))
    enroll(gallery, "b", vector(*B))
    query = vector(1, 0.9, 0, 0)
    assert gallery.decide(query, Rule(0.5)).label == "a"
    assert gallery.decide(query, Rule(0.9)).reason == g.THRESHOLD
    assert gallery.decide(query, Rule(0.5, margin=0.2)).reason == g.MARGIN
    number = gallery.label("a").number
    gallery.apply(gallery_format.LABEL, gallery_format.label_body(number, "a", 0.95))
    decision = gallery.decide(query, Rule(0.5))
    assert (decision.label, decision.reason, decision.nearest) == (None, g.THRESHOLD, "a")
    gallery.apply(gallery_format.LABEL, gallery_format.label_body(number, "a", 0.1))
    assert gallery.decide(query, Rule(0.9)).label == "a"


def test_margin_without_a_second_label_is_the_cosine() -> None:
    gallery = make()
    enroll(gallery, "a", vector(*A))
    decision = gallery.decide(vector(1, 1, 0, 0), Rule(0.5, margin=0.6))
    assert decision.label == "a"
    assert near(decision.margin, decision.cosine)


def test_mean_compares_with_the_mean_direction() -> None:
    gallery = make()
    rule = Rule(0.1, combine=g.MEAN)
    enroll(gallery, "a", vector(1, 0, 0, 0), vector(0, 1, 0, 0))
    enroll(gallery, "b", vector(1, 0.3, 0, 0))
    query = vector(1, 0, 0, 0)
    # The best sample would be a's; its mean direction is far.
    assert gallery.decide(query, Rule(0.1)).label == "a"
    decision = gallery.decide(query, rule)
    assert decision.label == "b"
    assert near(decision.cosine - decision.margin, 0.5**0.5)
    # Kept up to date by what is added and removed after it was first needed.
    enroll(gallery, "a", vector(1, 0, 0, 0), vector(1, 0, 0, 0), vector(1, 0, 0, 0))
    decision = gallery.decide(query, rule)
    assert decision.label == "a"
    assert near(decision.cosine, 4 / 17**0.5)
    gallery.apply(gallery_format.REMOVE_SAMPLES, gallery_format.ids_body([2]))
    assert near(gallery.decide(query, rule).cosine, 1.0)
    gallery.apply(
        gallery_format.REMOVE_LABEL, gallery_format.number_body(gallery.label("a").number)
    )
    decision = gallery.decide(query, rule)
    assert decision.label == "b"
    assert near(decision.margin, decision.cosine)
    for i in range(20):
        enroll(gallery, "more %d" % i, vector(0, 0, 1, i))
    assert gallery.decide(vector(0, 0, 1, 19), rule).label == "more 19"


def test_nearest_is_the_mean_of_the_best_k() -> None:
    gallery = make()
    enroll(gallery, "one lucky", vector(1, 0, 0, 0), vector(0, 0, 1, 0), vector(0, 0, 1, 0))
    enroll(gallery, "steady", vector(1, 0.3, 0, 0), vector(1, 0.3, 0, 0), vector(0, 0, 0, 1))
    query = vector(1, 0, 0, 0)
    assert gallery.decide(query, Rule(0.1, combine=g.NEAREST, nearest=1)).label == "one lucky"
    two = gallery.decide(query, Rule(0.1, combine=g.NEAREST, nearest=2))
    assert two.label == "steady"
    assert near(two.cosine, 1 / 1.09**0.5)
    assert near(two.margin, two.cosine - 0.5)
    # More than a label has: all of them.
    ten = gallery.decide(query, Rule(0.1, combine=g.NEAREST, nearest=10))
    assert near(ten.cosine, 2 / 3 / 1.09**0.5)


def test_nearest_finds_the_runner_up_behind_a_better_single_sample() -> None:
    gallery = make()
    rule = Rule(0.1, combine=g.NEAREST, nearest=2)
    enroll(gallery, "a", vector(1, 0, 0, 0), vector(1, 0, 0, 0))
    enroll(gallery, "b", vector(1, 0.1, 0, 0), vector(0, 0, 0, 1))
    enroll(gallery, "c", vector(1, 0.5, 0, 0), vector(1, 0.5, 0, 0))
    ranking = gallery.ranking(vector(1, 0, 0, 0), rule, 2)
    assert [gallery.text_of(number) for number, _ in ranking] == ["a", "c"]


def test_negative_samples_rule_their_label_out() -> None:
    gallery = make()
    enroll(gallery, "a", vector(1, 0, 0, 0))
    enroll(gallery, "b", vector(1, 1, 0, 0))
    query = vector(1, 0.3, 0, 0)
    assert gallery.decide(query, Rule(0.5)).label == "a"
    enroll(gallery, "a", vector(1, 0.3, 0, 0), negative=True)
    decision = gallery.decide(query, Rule(0.5))
    assert decision.label == "b"
    assert gallery.decide(query, Rule(0.9)).reason == g.NEGATIVE
    # The label itself is still known where it is nearer than its negative sample.
    assert gallery.decide(vector(1, 0, 0, 0), Rule(0.5)).label == "a"
    enroll(gallery, "b", query, negative=True)
    decision = gallery.decide(query, Rule(0.5))
    assert (decision.label, decision.reason, decision.nearest) == (None, g.NEGATIVE, "a")


def test_removing_a_sample_leaves_the_others_as_they_were() -> None:
    gallery = make()
    for i in range(30):
        enroll(gallery, "label %d" % (i % 7), vector(1, i, i * i % 5, 2))
    gone = [3, 30, 1, 17]
    gallery.apply(gallery_format.REMOVE_SAMPLES, gallery_format.ids_body(gone))
    assert len(gallery) == 26
    for i in range(30):
        place = gallery.find(i + 1)
        if i + 1 in gone:
            assert place is None
        else:
            samples, row = place
            assert gallery.text_of(samples.owner_of(row)) == "label %d" % (i % 7)
            expected = ops.float_bytes(vector(1, i, i * i % 5, 2))
            assert ops.float_bytes(samples.table[row]) == expected
    assert sum([label.count for label in gallery.labels()]) == 26


def test_removing_a_label_takes_its_samples_and_frees_its_number() -> None:
    gallery = make()
    for i in range(9):
        enroll(gallery, "abc"[i % 3], vector(1, i, 0, 0), negative=i == 8)
    number = gallery.label("b").number
    gallery.apply(gallery_format.REMOVE_LABEL, gallery_format.number_body(number))
    assert gallery.label("b") is None
    assert [(each.text, each.count, each.negatives) for each in gallery.labels()] == [
        ("a", 3, 0),
        ("c", 2, 1),
    ]
    assert gallery.positive.rows_of(number) == []
    assert gallery.free_number() == number
    gallery.apply(
        gallery_format.REMOVE_LABEL, gallery_format.number_body(gallery.label("c").number)
    )
    assert gallery.decide(vector(1, 0, 0, 0), Rule(0.5)).label == "a"
    assert len(gallery) == 3


def test_numbers_are_not_given_twice() -> None:
    gallery = make()
    enroll(gallery, "a", vector(*A), vector(*B))
    gallery.apply(gallery_format.REMOVE_SAMPLES, gallery_format.ids_body([2]))
    enroll(gallery, "a", vector(*C))
    assert gallery.positive.ids == [1, 3]


def refused(gallery, kind: int, body: bytes) -> str:
    before = len(gallery), len(gallery.labels()), gallery.changes
    try:
        gallery.apply(kind, body)
    except ValueError as error:
        assert (len(gallery), len(gallery.labels()), gallery.changes) == before
        return str(error)
    raise AssertionError("not refused")


def test_changes_that_do_not_fit_are_refused_and_change_nothing() -> None:
    gallery = make(capacity=3)
    enroll(gallery, "a", vector(*A), vector(*B))
    one = ops.float_bytes(vector(*C))
    samples = gallery_format.samples_body
    assert "not there" in refused(gallery, gallery_format.SAMPLES, samples([(9, 5, 0)], one))
    assert "number 2" in refused(gallery, gallery_format.SAMPLES, samples([(2, 0, 0)], one))
    twice = samples([(3, 0, 0), (3, 0, 0)], one + one)
    assert "number 3" in refused(gallery, gallery_format.SAMPLES, twice)
    long = ops.float_bytes(vector(*C) * 1.1)
    assert "normalised" in refused(gallery, gallery_format.SAMPLES, samples([(3, 0, 0)], long))
    full = samples([(3, 0, 0), (4, 0, 0)], one + one)
    assert "full" in refused(gallery, gallery_format.SAMPLES, full)
    assert "bytes" in refused(gallery, gallery_format.SAMPLES, samples([(3, 0, 0)], one[:-1]))
    assert "same text" in refused(
        gallery, gallery_format.LABEL, gallery_format.label_body(1, "a", None)
    )
    assert "no sample" in refused(
        gallery, gallery_format.REMOVE_SAMPLES, gallery_format.ids_body([1, 7])
    )
    assert "no label" in refused(
        gallery, gallery_format.REMOVE_LABEL, gallery_format.number_body(7)
    )
    assert "unknown kind" in refused(gallery, 77, b"")


def test_the_matrix_grows_without_losing_a_row() -> None:
    gallery = make(capacity=1000)
    for i in range(300):
        enroll(gallery, "n%d" % i, vector(1, i / 50, (i * 7 % 300) / 100, 0.5))
    for i in (0, 15, 16, 17, 63, 64, 150, 299):
        decision = gallery.decide(vector(1, i / 50, (i * 7 % 300) / 100, 0.5), Rule(0.9))
        assert decision.label == "n%d" % i


def test_both_ways_to_multiply_agree() -> None:
    for columns in (2, 3, 5, 8, 31, 64):
        table = ops.table(150, columns)
        query = ops.table(1, columns)[0]
        for i in range(150):
            for j in range(columns):
                table[i][j] = ((i * 31 + j * 17) % 23 - 11) / 23
        for j in range(columns):
            query[j] = (j % 5 - 2) / 3
        one = ops.product_by_dot(table, 140, query)
        other = ops.product_by_halves(table, 140, query)
        assert len(one) == len(other) == 140
        for i in range(140):
            assert abs(float(one[i]) - float(other[i])) < 1e-4
            # The table itself is as it was.
        assert abs(float(table[7][1]) - ((7 * 31 + 17) % 23 - 11) / 23) < 1e-6


def test_versus_leaves_the_sample_itself_out() -> None:
    gallery = make()
    enroll(gallery, "a", vector(1, 0, 0, 0), vector(1, 1, 0, 0))
    enroll(gallery, "b", vector(0, 0, 1, 0), vector(0, 0, 1, 1), vector(0, 0, 1, 2))
    enroll(gallery, "alone", vector(0, 1, 0, 0))
    best = gallery.versus(0, Rule(0.5))
    assert near(best[0], 0.5**0.5)
    assert near(best[1], 0.0)
    mean = gallery.versus(2, Rule(0.5, combine=g.MEAN))
    both = vector(0, 0, 1, 1) + vector(0, 0, 1, 2)
    assert near(mean[0], ops.dot(ops.unit(both), vector(0, 0, 1, 0)))
    nearest = gallery.versus(2, Rule(0.5, combine=g.NEAREST, nearest=5))
    assert near(nearest[0], (0.5**0.5 + 0.2**0.5) / 2)
    for rule in (Rule(0.5), Rule(0.5, combine=g.MEAN), Rule(0.5, combine=g.NEAREST)):
        own, other = gallery.versus(5, rule)
        assert own is None
        assert other > 0.3
