"""Says what is wrong with a deployment package: its model, its threshold, its labels, or its files.

A package's pictures run twice through the service on a virtual board, with its own threshold and
with a low one; what should be in them is compared where it is known.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from host_client.exceptions import PictureError
from host_client.results import (
    ClassificationResult,
    DetectionResult,
    MultilabelResult,
    OcrResult,
    Result,
    SegmentationResult,
)

PICTURES = (".jpg", ".jpeg", ".png", ".bmp")
LOW = 0.05  # the threshold of the second run
_MOST = 0.6  # of the expected answers that another order of the labels must explain
_SPECK = 0.002  # of a picture's area that a class must have to count
_FEW = 0.2  # of the expected answers that may be missed without a word


class Answer(NamedTuple):
    """What was found in a picture: labels with their scores, best first."""

    labels: tuple[tuple[str, float], ...]

    @property
    def names(self) -> set[str]:
        """The labels alone."""
        return {label for label, _ in self.labels}


class Row(NamedTuple):
    """One picture: with the package's threshold, with a low one, and what should be there.

    expected: labels, or None where nobody said; size: (width, height) in pixels.
    """

    picture: str
    normal: Answer
    low: Answer
    expected: frozenset[str] | None
    size: tuple[int, int]


class Verdict(NamedTuple):
    """Where the trouble lies (ok, threshold, labels, model, deployment or unknown) and why."""

    trouble: str
    reasons: tuple[str, ...]


def answer_of(
    result: Result, threshold: float | None = None, background: str | None = None
) -> Answer:
    """Return the labels of a result.

    threshold: takes those of a classification's `top` from it on; background: is no answer.
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
    elif isinstance(result, OcrResult):
        rows = [(text.text or "text", text.score) for text in result.texts]
    elif isinstance(result, SegmentationResult):
        whole = result.width * result.height or 1
        rows = [
            (name, area / whole)
            for name, area in result.areas.items()
            if area >= _SPECK * whole and name != background
        ]
    else:
        rows = [("embedding", 1.0)]
    return Answer(tuple(sorted(rows, key=lambda row: -row[1])))


def judge(
    rows: Sequence[Row],
    threshold: float | None,
    model_size: tuple[int, int] | None = None,
) -> Verdict:
    """Return the verdict over all pictures.

    threshold: the package's own, where its task has one; model_size: the model's input.
    """
    known = [row for row in rows if row.expected]
    hints = _size_hints(rows, model_size)
    if not rows:
        return Verdict("unknown", ("there are no pictures to try: give some",))
    if not known:
        return _without_expectations(rows, threshold, hints)
    swapped = _swapped(known)
    if swapped:
        pairs = ", ".join(f"{a} is called {b}" for a, b in sorted(swapped.items()))
        return Verdict(
            "labels", (f"the labels are in another order than in the training: {pairs}", *hints)
        )
    found, below, missed, false = _count(known)
    total = found + below + missed
    if below > _FEW * total and below >= missed:
        scores = _scores_below(known)
        return Verdict(
            "threshold",
            (
                f"{below} of {total} expected answers score below the threshold of {threshold:g}"
                if threshold is not None
                else f"{below} of {total} expected answers come with a lower threshold only",
                f"their scores: {min(scores):.2f} to {max(scores):.2f}",
                *hints,
            ),
        )
    if missed > _FEW * total or false > _FEW * total + 1:
        text = f"{missed} of {total} expected answers are not there at any threshold"
        if false:
            text += f", {false} others are"
        why = (
            "the kmodel is another model's, or its training, quantisation or preprocessing "
            "(mean, std) is wrong"
        )
        return Verdict("model", (text, why, *hints))
    reasons = [f"{found} of {total} expected answers are there"]
    if threshold is not None:
        reasons += _margin(known, threshold)
    return Verdict("ok", (*reasons, *hints))


def _without_expectations(
    rows: Sequence[Row], threshold: float | None, hints: tuple[str, ...]
) -> Verdict:
    normal = sum(1 for row in rows if row.normal.labels)
    low = sum(1 for row in rows if row.low.labels)
    note = "what should be in the pictures is not known: look at those that were drawn"
    if normal < low and normal <= len(rows) // 2:
        at = f" of {threshold:g}" if threshold is not None else ""
        text = (
            f"{low} of {len(rows)} pictures have answers, but only {normal} above the threshold{at}"
        )
        return Verdict("threshold", (text, note, *hints))
    if low == 0:
        text = f"nothing is found in any of {len(rows)} pictures, at any threshold"
        return Verdict("model", (text, note, *hints))
    text = f"{normal} of {len(rows)} pictures have answers"
    return Verdict("ok" if normal > len(rows) // 2 else "unknown", (text, note, *hints))


def _swapped(rows: Sequence[Row]) -> dict[str, str]:
    """Return true label -> label given, where giving the labels another order explains the answers."""
    pairs = [(row.expected or frozenset(), row.low.names) for row in rows]
    names = sorted(frozenset().union(*(expected | given for expected, given in pairs)))

    def score(order: dict[str, str]) -> int:
        return sum(
            len(moved & given) - len(moved - given)
            for expected, given in pairs
            for moved in [{order[name] for name in expected}]
        )

    order = {name: name for name in names}
    plain = best = score(order)
    improved = True
    while improved:
        # Two labels change places as long as that explains more: it finds circles of labels too.
        improved = False
        for k, first in enumerate(names):
            for second in names[k + 1 :]:
                trial = order | {first: order[second], second: order[first]}
                if score(trial) > best:
                    order, best, improved = trial, score(trial), True
    total = sum(len(expected) for expected, _ in pairs)
    used = frozenset().union(*(expected for expected, _ in pairs))
    wrong = {label: other for label, other in order.items() if label != other and label in used}
    explains = best >= _MOST * total and best - plain > _FEW * total
    return wrong if len(wrong) > 1 and explains else {}


def _count(rows: Iterable[Row]) -> tuple[int, int, int, int]:
    found = below = missed = false = 0
    for row in rows:
        assert row.expected is not None
        found += len(row.expected & row.normal.names)
        below += len((row.expected & row.low.names) - row.normal.names)
        missed += len(row.expected - row.low.names - row.normal.names)
        false += len(row.normal.names - row.expected)
    return found, below, missed, false


def _scores_below(rows: Iterable[Row]) -> list[float]:
    return [
        score
        for row in rows
        for label, score in row.low.labels
        if row.expected and label in row.expected and label not in row.normal.names
    ]


def _margin(rows: Sequence[Row], threshold: float) -> list[str]:
    right = [
        score
        for row in rows
        for label, score in row.normal.labels
        if row.expected and label in row.expected
    ]
    wrong = [
        score
        for row in rows
        for label, score in row.low.labels
        if row.expected and label not in row.expected
    ]
    if not right:
        return []
    text = f"right answers score {min(right):.2f} or more"
    if wrong:
        text += f", wrong ones {max(wrong):.2f} or less"
    return [f"{text}; the threshold is {threshold:g}"]


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


# Pictures and what should be in them.


def find_pictures(package: Path) -> list[Path]:
    """Return the result pictures that lie with an unpacked package, or its own `pictures` folder."""
    base = package if package.is_dir() else package.parent
    for root in (base, base.parent):
        found = sorted(
            path
            for folder in sorted(root.glob("*_result*"))
            for path in folder.rglob("test_*")
            if path.suffix.lower() in PICTURES
        )
        if found:
            return found
        if (root / "pictures").is_dir():
            return pictures_in(root / "pictures")
    return []


def pictures_in(place: Path) -> list[Path]:
    """Return the pictures of a folder in name order, or the picture itself; PictureError."""
    if place.is_file():
        return [place]
    found = sorted(p for p in place.rglob("*") if p.suffix.lower() in PICTURES)
    if not found:
        raise PictureError(f"{place}: expected a picture or a folder of pictures, found none")
    return found


def expectations(
    pictures: Sequence[Path], labels: Sequence[str], given: Path | None
) -> dict[Path, frozenset[str]]:
    """Return what should be in the pictures, as far as anything says so.

    It is said by a JSON file {picture: label, [labels] or {"label"|"labels"|"boxes": …}} (given, or
    `expected.json` beside the pictures or above), else by folders or files that are named like a label.
    """
    known = set(labels)
    found: dict[Path, frozenset[str]] = {}
    tables: dict[Path, dict[str, Any]] = {}
    for picture in pictures:
        table: dict[str, Any] = {}
        places = (
            [given] if given is not None else [p / "expected.json" for p in picture.parents[:2]]
        )
        for place in places:
            if place.is_file():
                if place not in tables:
                    tables[place] = _table(place)
                table = tables[place]
                break
        names = _labels_of(table.get(picture.name))
        if not names:
            stem = picture.stem.lower()
            # The longest first: "red_car" is no "red".
            ordered = sorted(known, key=len, reverse=True)
            by_folder = [label for label in ordered if picture.parent.name == label]
            by_name = [label for label in ordered if stem.startswith(label.lower() + "_")]
            names = frozenset((by_folder or by_name)[:1])
        if names:
            found[picture] = names
    return found


def _table(place: Path) -> dict[str, Any]:
    try:
        table = json.loads(place.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise PictureError(f"{place}: expected JSON of what is in the pictures: {error}") from None
    if not isinstance(table, dict):
        raise PictureError(f"{place}: expected a JSON object of picture names")
    return table


def _labels_of(value: Any) -> frozenset[str]:
    if isinstance(value, str):
        return frozenset((value,))
    if isinstance(value, list):
        return frozenset(
            str(row["label"]) if isinstance(row, dict) and "label" in row else str(row)
            for row in value
        )
    if isinstance(value, dict):
        for name in ("labels", "label", "boxes", "shapes", "texts", "text"):
            if name in value:
                rows = value[name]
                if name == "texts" and isinstance(rows, list):
                    rows = [row.get("text", row) if isinstance(row, dict) else row for row in rows]
                return _labels_of(rows)
        if isinstance(value.get("areas"), dict):
            return frozenset(value["areas"])
    return frozenset()
