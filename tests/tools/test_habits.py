"""What CONTRIBUTING.md and the decision records name is there; make quick touches every room."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = (
    "board_hub",
    "board_types",
    "dashboard",
    "firmware",
    "flashing",
    "host",
    "integration",
    "silicon",
    "tools",
    "virtual_board",
    "wire",
)


def test_paths_in_contributing() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    tops = (
        "board_hub|clients|configs|docs|firmware_app|host_client|models|tests|tools|virtual_board"
    )
    paths = re.findall(rf"\b((?:{tops})/[a-z_0-9/]*(?:\.[a-z]+)?)", text)
    assert len(paths) > 30
    assert [path for path in paths if "NAME" not in path and not (ROOT / path).exists()] == []
    for target in re.findall(r"^make (\w+)", text, re.MULTILINE):
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE), target


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"\[\d+\]\(([^)]+)\)", index)
    assert named == sorted(path.name for path in folder.glob("0*.md"))


@pytest.mark.slow
def test_make_quick_touches_every_room() -> None:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--collect-only",
        "-q",
        "-m",
        "quick",
        "-p",
        "no:xdist",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    rooms = set(re.findall(r"^tests/(\w+)/", done.stdout, re.MULTILINE))
    assert rooms == set(ROOMS)
    assert "tests/firmware/test_both.py" in done.stdout  # MicroPython
