"""What a board answers about galleries: immutable and typed.

Cosines and margins are floats -1...1, as everywhere in the library; the wire has them x 10,000.
"""

from __future__ import annotations

from typing import NamedTuple

Region = tuple[int, int, int, int]


class Enrolment(NamedTuple):
    """What was enrolled: added are the new samples' numbers; samples and negatives the label's in all.

    frames were looked at, refused says how many of them were not good and why; warnings are
    sentences about samples that should be looked at (they are enrolled all the same).
    """

    gallery: str
    label: str
    added: tuple[int, ...]
    samples: int
    negatives: int
    total: int
    frames: int
    refused: dict[str, int]
    warnings: tuple[str, ...]


class Match(NamedTuple):
    """A label and its score."""

    label: str
    score: float


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


class Recognition(NamedTuple):
    """What a frame or picture shows; found is empty where a detector found nothing."""

    gallery: str
    threshold: float
    found: tuple[Recognized, ...]
    image: str | None = None


class LabelInfo(NamedTuple):
    """A label: positive samples and negative ones; threshold is its own, or None."""

    label: str
    samples: int
    negatives: int
    threshold: float | None


class SampleInfo(NamedTuple):
    """A sample: own is its best cosine to the others of its label, other that to another label's."""

    number: int
    negative: bool
    own: float | None
    other_label: str | None
    other: float | None


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
