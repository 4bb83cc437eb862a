"""What a board answers about galleries: immutable and typed.

Cosines and margins are floats -1...1, as everywhere in the library; the wire has them x 10,000.
"""

from __future__ import annotations

from typing import NamedTuple

from host_client.results.answers import Answer

Region = tuple[int, int, int, int]


class Enrolment(NamedTuple):
    """What was enrolled: added are the new samples' numbers; samples and negatives the label's in all.

    total_samples counts those of all labels, negatives included. frames_seen were looked at, refused
    says how many of them were not good and why; warnings are
    sentences about samples that should be looked at (they are enrolled all the same).
    """

    gallery: str
    label: str
    added: tuple[int, ...]
    samples: int
    negatives: int
    total_samples: int
    frames_seen: int
    refused: dict[str, int]
    warnings: tuple[str, ...]

    @classmethod
    def from_map(cls, row: Answer) -> Enrolment:
        """Return what the answer to `enroll` says."""
        return cls(
            row.text("gallery"),
            row.text("label"),
            row.integers("added"),
            row.integer("samples"),
            row.integer("negatives"),
            row.integer("total_samples"),
            row.integer("frames_seen"),
            row.counts("refused"),
            row.texts("warnings"),
        )


class Match(NamedTuple):
    """A label and its score."""

    label: str
    score: float

    @classmethod
    def from_row(cls, row: Answer) -> Match:
        """Return one pair of the matches."""
        return cls(row.text(0), row.cosine(1))


class Recognized(NamedTuple):
    """One embedding's best matches; identity None is unknown and reason says why.

    reason: empty, threshold, margin, negative or no_direction. box: (x, y, w, h) in pixels and
    label, label_score behind a detector, else None. light: what is wrong with the picture.
    """

    identity: str | None
    score: float
    margin: float
    reason: str | None
    matches: tuple[Match, ...]
    box: Region | None = None
    label: str | None = None
    label_score: float | None = None
    light: str | None = None

    @classmethod
    def from_map(cls, row: Answer) -> Recognized:
        """Return one map of what was found."""
        identity, score, margin = row.row("identity", _decision)
        box = row.optional("box", lambda item, name: item.row(name, _rectangle))
        return cls(
            identity,
            score,
            margin,
            row.optional("reason", Answer.text),
            row.rows("matches", list, Match.from_row),
            box,
            row.optional("class", Answer.text),
            None if box is None else row.number("score1000") / 1000,
            row.optional("light", Answer.text),
        )


class Recognition(NamedTuple):
    """What a frame or picture shows; found is empty where a detector found nothing."""

    gallery: str
    threshold: float
    found: tuple[Recognized, ...]
    image: str | None = None

    @classmethod
    def from_map(cls, row: Answer, image: str | None = None) -> Recognition:
        """Return what the answer to `recognize` says about the frame, or the image."""
        return cls(
            row.text("gallery"),
            row.cosine("threshold"),
            row.rows("found", dict, Recognized.from_map),
            image,
        )


class LabelInfo(NamedTuple):
    """A label: positive samples and negative ones; threshold is its own, or None."""

    label: str
    samples: int
    negatives: int
    threshold: float | None

    @classmethod
    def from_row(cls, row: Answer) -> LabelInfo:
        """Return one row of the labels."""
        return cls(row.text(0), row.integer(1), row.integer(2), row.optional(3, Answer.cosine))


class SampleInfo(NamedTuple):
    """A sample: own is its best cosine to the others of its label, other that to another label's."""

    number: int
    negative: bool
    own: float | None
    other_label: str | None
    other: float | None

    @classmethod
    def from_row(cls, row: Answer) -> SampleInfo:
        """Return one row of the samples."""
        return cls(
            row.integer(0),
            row.flag(1),
            row.optional(2, Answer.cosine),
            row.optional(3, Answer.text),
            row.optional(4, Answer.cosine),
        )


class GalleryInfo(NamedTuple):
    """The gallery in use (selected; None: none), the rule, the labels, and all files on the card.

    sha256 (hex) and dimension are the embedding model's; problem says why a gallery can't be used.
    """

    selected: str | None
    problem: str
    labels: tuple[LabelInfo, ...]
    samples: int
    negatives: int
    capacity: int
    size: int
    dimension: int
    sha256: str
    threshold: float
    margin: float
    combine: str
    nearest: int
    galleries: dict[str, int]

    @classmethod
    def from_map(cls, row: Answer, labels: tuple[LabelInfo, ...]) -> GalleryInfo:
        """Return what an answer to `gallery.list` says, with the labels of all its pages."""
        return cls(
            row.optional("selected", Answer.text),
            row.text("problem"),
            labels,
            row.integer("samples"),
            row.integer("negatives"),
            row.integer("capacity"),
            row.integer("bytes"),
            row.integer("dimension"),
            row.data("sha256").hex(),
            row.cosine("threshold"),
            row.cosine("margin"),
            row.text("combine"),
            row.integer("nearest"),
            dict(row.rows("galleries", list, lambda pair: (pair.text(0), pair.integer(1)))),
        )


class Suggestion(NamedTuple):
    """A threshold from what is enrolled: refused and accepted would then be wrong.

    within: each sample's score for its own label, itself left out; between: the best score of
    another label.
    """

    gallery: str
    threshold: float
    refused: int
    accepted: int
    current: float
    combine: str
    within: tuple[float, ...]
    between: tuple[float, ...]

    @classmethod
    def from_map(cls, row: Answer) -> Suggestion:
        """Return what the answer to `gallery.suggest` says."""
        return cls(
            row.text("gallery"),
            row.cosine("threshold"),
            row.integer("refused"),
            row.integer("accepted"),
            row.cosine("current"),
            row.text("combine"),
            row.cosines("within"),
            row.cosines("between"),
        )


def _decision(row: Answer) -> tuple[str | None, float, float]:
    return row.optional(0, Answer.text), row.cosine(1), row.cosine(2)


def _rectangle(row: Answer) -> Region:
    return row.integer(0), row.integer(1), row.integer(2), row.integer(3)
