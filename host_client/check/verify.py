"""Find the fault of a deployment package: model, threshold, labels, resolution or files.

Pictures run through the service on a virtual board: with the package's own threshold, with a low one,
in parts if something is missing, and with the model from before the conversion if there is one. The
answers are compared with the expected ones, if these are known.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from host_client.base.wording import quantity
from host_client.check.label_order import swapped_labels
from host_client.results.types import (
    ClassificationResult,
    DetectionResult,
    InstanceSegmentationResult,
    MultilabelResult,
    OcrResult,
    OrientedDetectionResult,
    PoseResult,
    Result,
    SegmentationResult,
)

LOW = 0.05  # the threshold of the second run
THRESHOLDS = (0.05, *(round(0.1 * step, 1) for step in range(1, 10)), 0.95)
_SPECK = 0.002  # of a picture's area: a smaller class does not count
_FEW = 0.2  # of the expected answers: so many may be missing, and so many wrong, in a good package
_STRONG = 0.5  # of a picture's best score: higher answers are certain
_CLEARLY = 0.1  # difference of F1 that shows a fault of the conversion
_ALIKE = 0.7  # of the pictures: both models must agree in at least so many
_CARELESS = 0.1  # a threshold that accepts almost everything


class Answer(NamedTuple):
    """The answer for a picture: labels with their scores, best first."""

    labels: tuple[tuple[str, float], ...]

    @property
    def names(self) -> set[str]:
        """The labels without scores."""
        return {label for label, _ in self.labels}

    def at(self, threshold: float) -> set[str]:
        """Return the labels with at least this score."""
        return {label for label, score in self.labels if score >= threshold}

    @property
    def strong(self) -> set[str]:
        """The labels that the model is certain of, independent of the threshold."""
        best = max((score for _, score in self.labels), default=0.0)
        return self.at(_STRONG * best)


class Row(NamedTuple):
    """One picture: answers with the package's threshold and with a low one, and expected labels.

    expected: labels, or None if unknown. size: (width, height) in pixels. parts: answers for its parts
    with the package's threshold, None if not tried. before: answers of the model before its conversion
    with a low threshold, None without one.
    """

    picture: str
    normal: Answer
    low: Answer
    expected: frozenset[str] | None
    size: tuple[int, int]
    parts: Answer | None = None
    before: Answer | None = None

    @property
    def all(self) -> Answer:
        """All answers; a package's threshold may be lower than the low one."""
        return Answer(tuple(dict.fromkeys((*self.low.labels, *self.normal.labels))))


class Verdict(NamedTuple):
    """Where the trouble lies and why: ok, unknown, or the name of what is wrong.

    trouble: threshold, labels, resolution, model or deployment.
    """

    trouble: str
    reasons: tuple[str, ...]


class Count(NamedTuple):
    """How many of the expected answers are found at a threshold, and how many others."""

    threshold: float
    found: int
    wrong: int

    def good(self, total: int) -> bool:
        """Return whether that is what one wants."""
        return self.found >= (1 - _FEW) * total and self.wrong <= max(1.0, _FEW * total)

    def quality(self, total: int) -> float:
        """Return the F1 score."""
        return 2 * self.found / ((self.found + self.wrong + total) or 1)

    def above(self, other: Count, total: int, margin: float = _CLEARLY) -> bool:
        """Return whether this is clearly better than another one."""
        return self.quality(total) - other.quality(total) > margin


def answer_of(result: Result, threshold: float | None = None) -> Answer:
    """Return the labels of a result; of a segmentation without the class that is its background.

    threshold: takes those of a classification's `top` from it on.
    """
    rows: list[tuple[str, float]] = []
    if isinstance(result, ClassificationResult):
        if threshold is None:
            rows = [(result.label, result.score)] if result.label is not None else []
        else:
            rows = [(row.label, row.score) for row in result.top[:1] if row.score >= threshold]
    elif isinstance(result, DetectionResult):
        rows = [(box.label, box.score) for box in result.boxes]
    elif isinstance(result, MultilabelResult):
        rows = [(row.label, row.score) for row in result.labels]
    elif isinstance(result, InstanceSegmentationResult | PoseResult | OrientedDetectionResult):
        rows = [(item.label, item.score) for item in result.objects]
    elif isinstance(result, OcrResult):
        rows = [(text.text or "text", text.score) for text in result.texts]
    elif isinstance(result, SegmentationResult):
        whole = result.width * result.height or 1
        # The largest area, not the first label: the labels may be in the wrong order.
        background = max(result.areas, key=lambda name: result.areas[name], default=None)
        rows = [
            (name, area / whole)
            for name, area in result.areas.items()
            if area >= _SPECK * whole and name != background
        ]
    else:
        rows = [("embedding", 1.0)]
    return Answer(tuple(sorted(rows, key=lambda row: -row[1])))


def counts(rows: Iterable[Row], thresholds: Sequence[float] = THRESHOLDS) -> list[Count]:
    """Return the counts at each threshold, over the pictures with expected labels."""
    return _counts([(row.all, row.expected) for row in rows if row.expected], thresholds)


def _counts(
    pairs: Sequence[tuple[Answer, frozenset[str]]], thresholds: Sequence[float]
) -> list[Count]:
    found = []
    for threshold in thresholds:
        given = [(answer.at(threshold), expected) for answer, expected in pairs]
        right = sum(len(names & expected) for names, expected in given)
        wrong = sum(len(names - expected) for names, expected in given)
        found.append(Count(threshold, right, wrong))
    return found


def judge(
    rows: Sequence[Row],
    threshold: float | None,
    model_size: tuple[int, int] | None = None,
    labels: Sequence[str] = (),
) -> Verdict:
    """Return the verdict over all pictures.

    threshold: the package's own, if its task has one. model_size: of the model's input. labels: all
    labels of the package.
    """
    known = [row for row in rows if row.expected]
    hints = _size_hints(rows, model_size)
    if not rows:
        return Verdict(
            "unknown",
            (
                "no pictures were given and the package has none: add IMAGE or FOLDER to the command",
            ),
        )
    if not known:
        trouble, *reasons = _without_expectations(rows, threshold)
        return Verdict(trouble, (*reasons, *hints))
    expected = frozenset().union(*(row.expected or () for row in known))
    strange = sorted(expected - set(labels)) if labels else []
    if len(strange) > _FEW * len(expected):
        text = f"expected {', '.join(strange)}, but the package knows only {', '.join(labels)}"
        return Verdict("labels", (text, *hints))
    swapped = swapped_labels(
        [
            # Only high scores count; for segmentation each area counts.
            (
                row.expected or frozenset(),
                row.all.strong if threshold is not None else row.all.names,
            )
            for row in known
        ]
    )
    if swapped:
        pairs = ", ".join(f"{a} is reported as {b}" for a, b in sorted(swapped.items()))
        text = f"the order of the labels differs from the training: {pairs}"
        return Verdict("labels", (text, *hints))
    total = sum(len(row.expected or ()) for row in known)
    own = Count(
        threshold or 0.0,
        sum(len((row.expected or frozenset()) & row.normal.names) for row in known),
        sum(len(row.normal.names - (row.expected or frozenset())) for row in known),
    )
    if own.good(total):
        return Verdict("ok", (*_praise(known, own, threshold, total), *hints))
    trouble, *reasons = _blame(known, own, threshold, total)
    return Verdict(trouble, (*reasons, *hints))


def _praise(rows: Sequence[Row], own: Count, threshold: float | None, total: int) -> Iterable[str]:
    yield f"{own.found} of {total} expected answers were found" + (
        f", and {own.wrong} wrong ones" if own.wrong else ""
    )
    if threshold is None:
        return
    right = _scores(rows, right=True, low=False)
    wrong = _scores(rows, right=False, low=True)
    if right:
        text = f"right answers score {min(right):.2f} or more"
        if wrong:
            text += f", wrong ones {max(wrong):.2f} or less"
        yield f"{text}; the threshold is {threshold:g}"
    if right and threshold <= _CARELESS and min(right) > 2 * threshold:
        yield f"the threshold {threshold:g} is very low: almost every object will get a label"


def _blame(rows: Sequence[Row], own: Count, threshold: float | None, total: int) -> tuple[str, ...]:
    """Return the fault and its reasons, of a package with missing or wrong answers."""
    table = counts(rows)
    best = max(table, key=lambda count: count.quality(total))
    before = _before(rows, threshold)
    # The package's threshold suits the model before its conversion, and none suits the kmodel:
    if before is not None and before.good(total) and before.above(best, total):
        return _lost(before, own, total)
    if threshold is not None and best.good(total):
        return _threshold_reasons(rows, own, best, threshold, total)
    parts = sum(
        len((row.expected or frozenset()) & ((row.parts or Answer(())).names | row.normal.names))
        for row in rows
    )
    missing = total - own.found
    if parts - own.found > max(1.0, missing / 2):
        text = (
            f"{missing} of {total} expected answers are missing; {parts - own.found} of them are found "
            "when each part of the picture is tried separately: the objects are too small for "
            "the model's input"
        )
        return (
            "resolution",
            text,
            "train with a larger input resolution, set region, or move the camera closer",
        )
    gone = total - max(count.found for count in table)
    text = f"{own.found} of {total} expected answers were found"
    if own.wrong:
        text += f", and {own.wrong} wrong ones"
    text += f"; {gone} are missing at every threshold" if threshold is not None else ""
    if before is None:
        why = (
            "the kmodel belongs to another model, or its training, quantisation or preprocessing "
            "(mean, std) is wrong; add --onnx MODEL.onnx to find out which"
        )
        return ("model", text, why)
    reachable = max(_counts(_pairs_before(rows), THRESHOLDS), key=lambda one: one.quality(total))
    if reachable.above(best, total, _CLEARLY if reachable.good(total) else 2 * _CLEARLY):
        return _lost(reachable, own, total)
    why = (
        f"the model before its conversion finds {before.found} of {total}, and {before.wrong} wrong: "
        "the training is the cause, not the conversion"
    )
    return ("model", text, why)


def _lost(before: Count, own: Count, total: int) -> tuple[str, ...]:
    return (
        "deployment",
        f"the model before its conversion finds {before.found} of {total} expected answers and "
        f"{before.wrong} wrong ones, the kmodel {own.found} and {own.wrong}",
        "the kmodel belongs to another model, is damaged, or lost accuracy in the conversion: convert "
        "again with pictures from real use, and with the mean and std of the training",
    )


def _pairs_before(rows: Iterable[Row]) -> list[tuple[Answer, frozenset[str]]]:
    return [(row.before, row.expected) for row in rows if row.before and row.expected]


def _before(rows: Sequence[Row], threshold: float | None) -> Count | None:
    pairs = _pairs_before(rows)
    return _counts(pairs, (threshold or 0.0,))[0] if pairs else None


def _threshold_reasons(
    rows: Sequence[Row], own: Count, best: Count, threshold: float, total: int
) -> tuple[str, ...]:
    advice = f"with {best.threshold:g}: {best.found} of {total} found, and {best.wrong} wrong"
    if best.threshold < threshold:
        below = total - own.found
        scores = [
            score
            for row in rows
            for label, score in row.all.labels
            if row.expected and label in row.expected and label not in row.normal.names
        ]
        return (
            "threshold",
            f"{below} of {total} expected answers score below the threshold of {threshold:g}",
            f"their scores: {min(scores):.2f} to {max(scores):.2f}"
            if scores
            else "no scores at all",
            advice,
        )
    return (
        "threshold",
        f"at the threshold {threshold:g}, {own.wrong} answers are wrong and {own.found} of "
        f"{total} are right",
        advice,
    )


def _without_expectations(rows: Sequence[Row], threshold: float | None) -> tuple[str, ...]:
    normal = sum(1 for row in rows if row.normal.labels)
    low = sum(1 for row in rows if row.low.labels)
    pictures = quantity(len(rows), "picture")
    note = "no expected answers were given (--expected): look at the drawn pictures"
    compared = [row for row in rows if row.before is not None]
    alike = sum(1 for row in compared if row.before and row.before.strong == row.low.strong)
    if compared and alike < _ALIKE * len(compared):
        text = (
            f"the model before its conversion agrees in only {alike} of {quantity(len(compared), 'picture')}: "
            "the kmodel belongs to another model, is damaged, or lost accuracy in the conversion"
        )
        return ("deployment", text, note)
    if normal < low and normal <= len(rows) // 2:
        at = f" of {threshold:g}" if threshold is not None else ""
        text = f"answers in {low} of {pictures}, but only in {normal} above the threshold{at}"
        return ("threshold", text, note)
    parts = sum(1 for row in rows if row.parts and row.parts.labels and not row.normal.labels)
    if parts > len(rows) // 2:
        text = (
            f"in {parts} of {pictures}, objects are found only when each part is tried "
            "separately: the objects are too small for the model's input"
        )
        return ("resolution", text, note)
    if low == 0:
        return (
            "model",
            f"nothing is found in {pictures}, at any threshold",
            note,
        )
    text = f"answers in {normal} of {pictures}"
    return ("ok" if normal > len(rows) // 2 else "unknown", text, note)


def _scores(rows: Iterable[Row], *, right: bool, low: bool) -> list[float]:
    return [
        score
        for row in rows
        for label, score in (row.all if low else row.normal).labels
        if row.expected and (label in row.expected) is right
    ]


def _size_hints(rows: Sequence[Row], model_size: tuple[int, int] | None) -> tuple[str, ...]:
    if model_size is None:
        return ()
    large = [row for row in rows if max(row.size) > 6 * max(model_size)]
    if not large:
        return ()
    width, height = large[0].size
    return (
        f"the model sees pictures of {width}x{height} as {model_size[0]}x{model_size[1]}: small "
        "objects vanish; a region or a larger input resolution helps",
    )
