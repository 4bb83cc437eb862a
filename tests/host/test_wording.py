"""Texts count in whole words: one sample, two samples."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from host_client.base.wording import quantity, reason

ROOT = Path(__file__).resolve().parents[2]
# What the texts count. A number that is written right before one of them may be 1.
_THINGS = (
    *("board", "file", "frame", "label", "line", "message", "package", "picture"),
    *("result", "sample", "setting", "zone"),
)
# Limits are more than one; a rate (1.0 results/s) keeps its plural.
_LIMITS = re.compile(r"\{[\w.]*(?:MAX|_MOST|_ENOUGH|_RESULTS)\w*\}|\{classes - 1\}")


@pytest.mark.parametrize(
    ("number", "thing", "said"),
    [
        (0, "sample", "0 samples"),
        (1, "sample", "1 sample"),
        (2, "damaged packet", "2 damaged packets"),
        (1, "gallery", "1 gallery"),
        (2, "gallery", "2 galleries"),
        (2, "key", "2 keys"),
        (2, "box", "2 boxes"),
        (10_000, "class", "10000 classes"),
    ],
)
def test_a_quantity(number: int, thing: str, said: str) -> None:
    assert quantity(number, thing) == said


def uncounted(text: str) -> list[str]:
    """Return the places of a text that write a whole number before a plural by hand."""
    found = re.findall(rf"\{{[^{{}}]+(?<!f)\}} (?:{'|'.join(_THINGS)})s\b", text)
    return [place for place in found if not _LIMITS.match(place)]


def test_no_text_counts_by_hand() -> None:
    assert uncounted('f"{len(rows)} samples"') == ["{len(rows)} samples"]
    assert uncounted('f"at most {MAX_FILES} files"') == []
    for room in ("host_client", "board_hub"):
        for path in sorted((ROOT / room).rglob("*.py")):
            assert uncounted(path.read_text("utf-8")) == [], path.relative_to(ROOT)


def test_no_word_of_the_dashboard_counts_by_hand() -> None:
    text = (ROOT / "board_hub/dashboard/static/words.js").read_text("utf-8")
    assert "{n|sample|samples}" in text
    assert uncounted(text) == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FileNotFoundError(2, "No such file or directory"), "no such file or directory"),
        (OSError("the disk is gone"), "the disk is gone"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_reasons_stand_within_a_sentence(error: OSError, said: str) -> None:
    assert reason(error) == said


def test_one_sentence_for_files_that_cannot_be_read() -> None:
    """Everywhere the same: "PATH: can't be read: no such file or directory"."""
    other = re.compile(r"cannot be (?:read|written|opened)")
    found = [
        f"{path.relative_to(ROOT)}: {text}"
        for folder in ("host_client", "board_hub")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for text in other.findall(path.read_text("utf-8"))
    ]
    assert found == []
