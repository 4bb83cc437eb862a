"""What a gallery is asked with and what it answers: rule and decision. Cosines are floats -1...1."""

BEST = "best"
MEAN = "mean"
NEAREST = "nearest"

# Why an embedding is unknown.
EMPTY = "empty"  # nothing is enrolled
THRESHOLD = "threshold"  # the best label's score is too low
MARGIN = "margin"  # its lead over the next label is too small
NEGATIVE = "negative"  # a negative sample is as near
NO_DIRECTION = "no_direction"  # the embedding is zero or not finite


class Rule:
    """How a gallery decides: threshold and margin (cosines), how a label's samples combine, k of nearest."""

    def __init__(
        self, threshold: float, margin: float = 0.0, combine: str = BEST, nearest: int = 3
    ) -> None:
        self.threshold = threshold
        self.margin = margin
        self.combine = combine
        self.nearest = nearest


class Decision:
    """The label that an embedding matches (text), or None with the reason; cosine of the best label, its margin.

    nearest: the best label whether accepted or not, or None. Without a second label the margin is
    the cosine itself, at least 0.
    """

    def __init__(
        self,
        label: "str | None",
        cosine: float,
        margin: float,
        reason: "str | None",
        nearest: "str | None",
    ) -> None:
        self.label = label
        self.cosine = cosine
        self.margin = margin
        self.reason = reason
        self.nearest = nearest

    def row(self) -> "list[object]":
        """Return [label or nil, cosine x 10,000, margin x 10,000], as results carry it."""
        return [self.label, int(round(self.cosine * 10000)), int(round(self.margin * 10000))]
