"""Typed, immutable answers of a board about galleries.

Cosines and margins are floats -1...1; the wire carries them times 10,000.
"""

from __future__ import annotations

from typing import NamedTuple

from host_client.results.answers import Answer

Region = tuple[int, int, int, int]


class Enrolment(NamedTuple):
    """The result of an enrolment.

    added: numbers of the new samples. samples, negatives: totals of the label. total_samples: of
    all labels, negatives included. frames_seen: frames examined. refused: reason -> frames that
    were not good. warnings: sentences about doubtful samples, which are enrolled nevertheless.
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
        """Return the enrolment from the answer to `enroll`."""
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
    """The best matches of one embedding. identity None means unknown; reason says why.

    reason: empty, threshold, margin, negative or no_direction. box: (x, y, w, h) in pixels, with
    label and label_score, if a detector found the object, else None. light: a fault of the picture.
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
        """Return the matches from one map of the answer."""
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
    """The matches of a frame or picture; found is empty if a detector found nothing."""

    gallery: str
    threshold: float
    found: tuple[Recognized, ...]
    image: str | None = None

    @classmethod
    def from_map(cls, row: Answer, image: str | None = None) -> Recognition:
        """Return the matches from the answer to `recognize`."""
        return cls(
            row.text("gallery"),
            row.cosine("threshold"),
            row.rows("found", dict, Recognized.from_map),
            image,
        )


class LabelInfo(NamedTuple):
    """A label with its numbers of positive and negative samples, and its own threshold or None."""

    label: str
    samples: int
    negatives: int
    threshold: float | None

    @classmethod
    def from_row(cls, row: Answer) -> LabelInfo:
        """Return one row of the labels."""
        return cls(row.text(0), row.integer(1), row.integer(2), row.optional(3, Answer.cosine))


class SampleInfo(NamedTuple):
    """A sample. own: best cosine to other samples of its label; other: to samples of other labels."""

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
    """The selected gallery (None: none), the rule, the labels, and all galleries on the card.

    sha256 (hex) and dimension: of the embedding model. problem: why a gallery can't be used.
    """

    selected: str | None
    problem: str
    labels: tuple[LabelInfo, ...]
    samples: int
    negatives: int
    capacity: int
    size_bytes: int
    dimension: int
    sha256: str
    threshold: float
    margin: float
    combine: str
    nearest: int
    galleries: dict[str, int]

    @classmethod
    def from_map(cls, row: Answer, labels: tuple[LabelInfo, ...]) -> GalleryInfo:
        """Return the gallery from the answer to `gallery.list`, with the labels of all pages."""
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
    """A suggested threshold. refused, accepted: wrong decisions it makes on the enrolled samples.

    within: each sample's score for its own label, without itself. between: its best score for
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
        """Return the suggestion from the answer to `gallery.suggest`."""
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
