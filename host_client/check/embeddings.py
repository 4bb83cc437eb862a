"""Judge a metric-learning package: are embeddings of one identity similar, and others not?"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from host_client.base.wording import quantity
from host_client.check.verify import Verdict

_FEW = 0.2  # of the pictures or pairs that may be wrong
_ALIKE = 0.98  # cosine between all pictures: the model sees no difference
_SAME_MODEL = 0.9  # mean cosine between the kmodel's embeddings and those before its conversion

Vector = Sequence[float]


class Embedded(NamedTuple):
    """A picture's embedding. identity: None if unknown; before: embedding of the ONNX model."""

    picture: str
    vector: Vector
    identity: str | None = None
    before: Vector | None = None


class Nearest(NamedTuple):
    """The most similar other picture."""

    picture: str
    identity: str | None
    cosine: float


class Pairs(NamedTuple):
    """How many pairs of pictures a threshold decides correctly."""

    threshold: float
    accepted: int
    same: int
    refused: int
    different: int

    @property
    def good(self) -> bool:
        """Whether nearly all pairs of both kinds are right."""
        return self.quality >= 1 - _FEW

    @property
    def quality(self) -> float:
        """The worse of the two shares."""
        return min(self.accepted / (self.same or 1), self.refused / (self.different or 1))

    def __str__(self) -> str:
        return (
            f"at {self.threshold:g}, {self.accepted} of {self.same} pairs of one identity are "
            f"accepted and {self.refused} of {self.different} others refused"
        )


def cosine(one: Vector, other: Vector) -> float:
    """Return the cosine of two vectors; 0 if one of them is empty, zero or not finite."""
    size = math.sqrt(sum(a * a for a in one) * sum(b * b for b in other))
    if len(one) != len(other) or not math.isfinite(size) or size == 0:
        return 0.0
    return sum(a * b for a, b in zip(one, other, strict=True)) / size


def matrix(rows: Sequence[Embedded]) -> list[list[float]]:
    """Return the cosines between all pictures."""
    half = [[cosine(row.vector, other.vector) for other in rows[:i]] for i, row in enumerate(rows)]
    return [
        [1.0 if i == j else half[max(i, j)][min(i, j)] for j in range(len(rows))]
        for i in range(len(rows))
    ]


def nearest(rows: Sequence[Embedded], cosines: Sequence[Sequence[float]]) -> list[Nearest | None]:
    """Return the most similar other picture for each picture; None if there is only one."""
    found: list[Nearest | None] = []
    for i in range(len(rows)):
        others = [j for j in range(len(rows)) if j != i]
        best = max(others, key=lambda j: cosines[i][j], default=None)
        found.append(
            None
            if best is None
            else Nearest(rows[best].picture, rows[best].identity, cosines[i][best])
        )
    return found


def judge_embeddings(rows: Sequence[Embedded], threshold: float | None) -> Verdict:
    """Return the verdict over all pictures; threshold: the package's cosine."""
    if not rows:
        return Verdict(
            "unknown",
            (
                "no pictures were given and the package has none: add IMAGE or FOLDER to the command",
            ),
        )
    broken = [row.picture for row in rows if cosine(row.vector, row.vector) == 0]
    if broken:
        return Verdict("model", (f"the embedding of {broken[0]} is empty, zero or not a number",))
    compared = [cosine(row.vector, row.before) for row in rows if row.before is not None]
    if compared and sum(compared) / len(compared) < _SAME_MODEL:
        mean = sum(compared) / len(compared)
        text = (
            f"the embeddings differ from those of the model before its conversion: mean cosine "
            f"{mean:.2f}, expected {_SAME_MODEL:g} or more"
        )
        return Verdict("deployment", (text, "convert again, with pictures from the real use"))
    cosines = matrix(rows)
    different = [cosines[i][j] for i in range(len(rows)) for j in range(i) if _differ(rows, i, j)]
    if len(rows) > 2 and min(min(line) for line in cosines) > _ALIKE and len(different) > 1:
        text = f"all {quantity(len(rows), 'picture')} have nearly the same embedding (cosine above {_ALIKE:g})"
        return Verdict("model", (text, "the model sees no difference between them"))
    counts = Counter(row.identity for row in rows if row.identity is not None)
    repeated = {name for name, count in counts.items() if count > 1}
    if not repeated or len(counts) < 2:
        text = (
            "not enough identities are known: expected two, one of them with two pictures; give "
            "--expected with {picture: identity}, or a folder for each identity"
        )
        return Verdict("unknown", (text, _range(cosines)))
    return _judge_known(rows, cosines, repeated, threshold)


def _differ(rows: Sequence[Embedded], i: int, j: int) -> bool:
    return rows[i].identity is None or rows[i].identity != rows[j].identity


def _range(cosines: Sequence[Sequence[float]]) -> str:
    values = [value for i, line in enumerate(cosines) for value in line[:i]]
    if not values:
        return "there is only one picture"
    return f"cosines between the pictures: {min(values):.2f} to {max(values):.2f}"


def _judge_known(
    rows: Sequence[Embedded],
    cosines: Sequence[Sequence[float]],
    repeated: set[str],
    threshold: float | None,
) -> Verdict:
    with_sibling = [
        (row, near)
        for row, near in zip(rows, nearest(rows, cosines), strict=True)
        if row.identity in repeated and near is not None
    ]
    right = sum(1 for row, near in with_sibling if near.identity == row.identity)
    pictures = quantity(len(with_sibling), "picture")
    text = f"most similar to another picture of the same identity: {right} of {pictures}"
    if right < (1 - _FEW) * len(with_sibling):
        why = (
            "the model does not distinguish these identities: its training, quantisation or "
            "preprocessing (mean, std) is wrong, or expected.json belongs to other pictures"
        )
        return Verdict("model", (text, why))
    known = [i for i, row in enumerate(rows) if row.identity is not None]
    pairs = [(cosines[i][j], not _differ(rows, i, j)) for i in known for j in known if j < i]
    if threshold is None:
        return Verdict("ok", (text,))
    own = count_pairs(pairs, threshold)
    if own.good:
        return Verdict("ok", (text, str(own)))
    best = max(
        (count_pairs(pairs, round(step / 20, 2)) for step in range(1, 20)),
        key=lambda one: one.quality,
    )
    if best.quality > own.quality:
        return Verdict("threshold", (text, str(own), str(best)))
    return Verdict("model", (text, str(own), "no threshold does better"))


def count_pairs(pairs: Sequence[tuple[float, bool]], threshold: float) -> Pairs:
    """Count the pairs (cosine, same identity) that a threshold accepts or refuses rightly."""
    return Pairs(
        threshold,
        sum(1 for value, same in pairs if same and value >= threshold),
        sum(1 for _, same in pairs if same),
        sum(1 for value, same in pairs if not same and value < threshold),
        sum(1 for _, same in pairs if not same),
    )
