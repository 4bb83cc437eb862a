"""Labels, their enrolled samples, and how a new embedding is matched to a label.

docs/gallery.md explains the decision. Cosines are floats -1...1.
"""

from firmware_app.gallery import format as gallery_format
from firmware_app.gallery.contents import Contents, Label
from firmware_app.gallery.decision import (
    EMPTY,
    MARGIN,
    MEAN,
    NEAREST,
    NEGATIVE,
    NO_DIRECTION,
    THRESHOLD,
    Decision,
    Rule,
)
from firmware_app.gallery.means import Means
from firmware_app.gallery.samples import Samples

_OUT = -4.0  # below any cosine


class GalleryError(ValueError):
    """A change that the gallery can't make; the text says why."""


class Gallery(Contents):
    """Labels and samples of one embedding model."""

    def __init__(self, ops, dimension: int, sha256: bytes, capacity: int) -> None:
        """ops: what computes (board/arrays.py); capacity: samples at most, negative ones included."""
        super().__init__(dimension)
        self._ops = ops
        self.sha256 = sha256
        self.capacity = capacity
        self.positive = Samples(ops, dimension)
        self.negative = Samples(ops, dimension)
        self._lowest = 0  # no label number below it is free
        self._vetoing = 0  # labels with negative samples
        self._means: "Means | None" = None  # for `mean`, made when first needed

    def __len__(self) -> int:
        return len(self.positive) + len(self.negative)

    # -- labels

    def label(self, text: str) -> "Label | None":
        """Return the label of this text, or None."""
        number = self._numbers.get(text)
        return None if number is None else self._labels[number]

    def text_of(self, number: int) -> str:
        """Return the text of a label."""
        return self._labels[number].text

    def free_number(self) -> int:
        """Return the lowest number that no label has."""
        number = self._lowest
        while number in self._labels:
            number += 1
        self._lowest = number
        if number > gallery_format.MAX_LABEL:
            raise GalleryError("the gallery has %d labels, more don't fit" % len(self._labels))
        return number

    # -- changes

    def check_room(self, count: int) -> None:
        """Raise GalleryError unless count more samples fit; make room for them."""
        if len(self) + count > self.capacity:
            raise GalleryError(
                "the gallery is full: it holds %d samples of at most %d, %d more don't fit"
                % (len(self), self.capacity, count)
            )

    def _rows(self, vectors: bytes):
        return self._ops.rows_of_floats(vectors, self.dimension)

    def _lengths(self, rows):
        return self._ops.lengths(rows)

    def _store(self, heads: list, rows) -> None:
        negatives = sum([flags & gallery_format.NEGATIVE for _, _, flags in heads])
        self.check_room(len(heads))
        self.positive.reserve(len(heads) - negatives)
        self.negative.reserve(negatives)
        for i in range(len(heads)):
            number, owner, flags = heads[i]
            negative = flags & gallery_format.NEGATIVE != 0
            (self.negative if negative else self.positive).add(number, owner, rows[i])
            self._count(self._labels[owner], negative, 1)
            if self._means is not None and not negative:
                self._means.add(owner, rows[i])

    def find(self, number: int) -> "tuple[Samples, int] | None":
        """Return (samples, row) of a sample, or None."""
        for samples in (self.positive, self.negative):
            row = samples.row_of(number)
            if row >= 0:
                return samples, row
        return None

    def _has(self, number: int) -> bool:
        return self.find(number) is not None

    def _drop(self, number: int) -> None:
        place = self.find(number)
        if place is None:
            return
        samples, row = place
        label = self._labels[samples.owner_of(row)]
        samples.remove(row)
        self._count(label, samples is self.negative, -1)
        if samples is self.positive:
            self._mean_again(label)

    def _drop_all(self, label: Label) -> None:
        for samples in (self.positive, self.negative):
            # From behind: what takes a removed row's place has been looked at.
            for row in reversed(samples.rows_of(label.number)):
                samples.remove(row)
        self._count(label, False, -label.count)
        self._count(label, True, -label.negatives)
        self._lowest = min(self._lowest, label.number)
        self._mean_again(label)

    def _count(self, label: Label, negative: bool, by: int) -> None:
        before = label.negatives > 0
        super()._count(label, negative, by)
        self._vetoing += (label.negatives > 0) - before

    # -- mean directions, for `mean`

    def _mean_again(self, label: Label) -> None:
        if self._means is None:
            return
        total = None
        for row in self.positive.rows_of(label.number):
            vector = self.positive.table[row]
            total = vector * 1.0 if total is None else total + vector
        self._means.put(label.number, total)

    def _made_means(self) -> Means:
        means = self._means
        if means is None:
            means = self._means = Means(self._ops, self.dimension)
            samples = self.positive
            for row in range(len(samples)):
                means.add(samples.owner_of(row), samples.table[row])
        return means

    # -- the decision

    def ranking(self, vector, rule: Rule, count: int) -> "list[tuple[int, float]]":
        """Return (label number, score) of the count best labels for a unit vector, best first."""
        if not len(self.positive):
            return []
        if rule.combine == MEAN:
            return self._made_means().ranking(vector, count)
        scores = self.positive.cosines(vector)
        if rule.combine == NEAREST:
            return self._by_nearest(scores, rule.nearest, count)
        best: "list[tuple[int, float]]" = []
        while True:
            row, score = self._ops.highest(scores)
            if score <= _OUT + 2:
                return best
            owner = self.positive.owner_of(row)
            best.append((owner, score))
            if len(best) == count:
                return best
            scores = self.positive.without(scores, owner)

    def _by_nearest(self, scores, nearest: int, count: int) -> "list[tuple[int, float]]":
        # A label's mean of its best is at most its best: labels are looked at in the order of
        # their best samples until no other can come among the first.
        best: "list[tuple[int, float]]" = []
        left = scores
        while True:
            row, bound = self._ops.highest(left)
            if bound <= _OUT + 2 or (len(best) >= count and bound <= best[count - 1][1]):
                return best[:count]
            owner = self.positive.owner_of(row)
            score = self._ops.highest_mean(self.positive.of(scores, owner), nearest)
            at = len(best)
            while at and best[at - 1][1] < score:
                at -= 1
            best.insert(at, (owner, score))
            left = self.positive.without(left, owner)

    def versus(self, row: int, rule: Rule) -> "tuple[float | None, float | None]":
        """Return (score of its own label, best score of another) for an enrolled sample, itself left out.

        row: of positive. None where the label has no other sample, or there is no other label.
        """
        samples = self.positive
        vector = samples.table[row]
        own = samples.owner_of(row)
        alone = self._labels[own].count < 2
        if rule.combine == MEAN:
            scores = self._made_means().scores(vector, own)
            mine = float(scores[own])
            scores[own] = _OUT
            other = self._ops.highest(scores)[1]
        else:
            scores = samples.cosines(vector)
            scores[row] = _OUT
            count = min(
                rule.nearest if rule.combine == NEAREST else 1, max(1, self._labels[own].count - 1)
            )
            mine = self._ops.highest_mean(samples.of(scores, own), count)
            others = samples.without(scores, own)
            if rule.combine == NEAREST:
                ranking = self._by_nearest(others, rule.nearest, 1)
                other = ranking[0][1] if ranking else _OUT
            else:
                other = self._ops.highest(others)[1]
        return None if alone else mine, other if other > _OUT + 2 else None

    def decide(self, embedding, rule: Rule) -> Decision:
        """Return the label that an embedding matches (any length; it is normalised here)."""
        vector = self._ops.unit(embedding)
        if vector is None:
            return Decision(None, 0.0, 0.0, NO_DIRECTION, None)
        return self.decide_unit(vector, rule)

    def decide_unit(self, vector, rule: Rule) -> Decision:
        """Return the label that a unit vector matches."""
        wanted = 2
        against = None
        if len(self.negative):
            against = self.negative.cosines(vector)
            # Labels that their negative samples rule out come on top: one more place for each.
            wanted = 2 + self._vetoing
        ranking = self.ranking(vector, rule, wanted)
        if not ranking:
            return Decision(None, 0.0, 0.0, EMPTY, None)
        ruled_out: "tuple[int, float] | None" = None
        left: "list[tuple[int, float]]" = []
        for number, score in ranking:
            if against is not None and self._labels[number].negatives:
                _, nearest = self._ops.highest(self.negative.of(against, number))
                if nearest >= score:
                    if ruled_out is None and not left:
                        ruled_out = (number, score)
                    continue
            left.append((number, score))
        if ruled_out is not None and not left:
            number, score = ruled_out
            return Decision(None, score, 0.0, NEGATIVE, self._labels[number].text)
        number, score = left[0]
        margin = score - left[1][1] if len(left) > 1 else max(0.0, score)
        label = self._labels[number]
        threshold = rule.threshold if label.threshold is None else label.threshold
        if score < threshold:
            reason = NEGATIVE if ruled_out is not None else THRESHOLD
        elif margin < rule.margin:
            reason = MARGIN
        else:
            return Decision(label.text, score, margin, None, label.text)
        return Decision(None, score, margin, reason, label.text)
