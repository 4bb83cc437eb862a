"""The check of words and lines finds what it looks for, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import words

ROOT = Path(__file__).resolve().parents[2]


def test_the_repository_keeps_to_them() -> None:
    assert words.faults(ROOT) == []


def test_too_many_rare_words(tmp_path: Path) -> None:
    page = tmp_path / "a.md"
    page.write_text("Whoever reads.\n" * words.LIMIT)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "b.py").write_text("# nobody\n")
    (tmp_path / "c.bin").write_text("nobody\n")
    assert words.faults(tmp_path) == []
    (tmp_path / "d.yaml").write_text("a: 1 # NOBODY\n")
    found = words.faults(tmp_path)
    assert found[0].endswith("found 21: name the person or thing instead")
    assert found[-1] == "d.yaml:1: NOBODY"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a" * 100, []),
        ("a" * 101, [1]),
        ("short\n" + "汉" * 101, [2]),
        ("| " + "a" * 200 + " |", []),
        ("```\n" + "a" * 200 + "\n```\n" + "b" * 101, [4]),
        ("    " + "a" * 200, []),
        ("- [" + "a" * 90 + "](b.md)", []),
        ("see [" + "a" * 90 + "](b.md)", [1]),
    ],
)
def test_long_lines(text: str, lines: list[int]) -> None:
    assert [number for number, _ in words.long_lines(text)] == lines
