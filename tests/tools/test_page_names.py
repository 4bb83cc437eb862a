"""Each file that a page names in backticks is there, or is one that is known to lie elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
# A page may leave these out.
ROOTS = ("", "board_hub/", "firmware_app/", "host_client/", "virtual_board/")
NAME = re.compile(r"`(/?[\w.-]+(?:/[\w.-]+)*\.(?:py|mpy|c|h|md|yaml|yml|toml|json|txt))`")
FOLDERS = (
    *("benchmarks", "board_hub", "clients", "configs", "docs", "firmware_app"),
    *("host_client", "models", "tests", "tools", "vendor", "virtual_board"),
)
FILES = {path.name for path in ROOT.iterdir() if path.is_file()} | {
    path.relative_to(ROOT).as_posix() for folder in FOLDERS for path in (ROOT / folder).rglob("*.*")
}
SOURCES = "".join(
    (ROOT / name).read_text("utf-8")
    for name in FILES
    if name.endswith(".py") and name.startswith(ROOTS[1:])
)


def is_elsewhere(name: str) -> bool:
    """Whether a name is no file of the repository: on a board, the platform's, or made up."""
    stem = name.rpartition("/")[2].partition(".")[0]
    return (
        name.startswith("/")
        or re.search(r"\b[A-Z]+\b", name) is not None  # NAME.py
        or len(stem) == 1  # a.py
        or stem.startswith("deploy_")  # the platform's scripts
        or re.search(r"yolov?\d", stem) is not None  # the firmware's examples
        or f'"{name}"' in SOURCES  # a name that the product itself looks for or makes
    )


def is_there(name: str, page: Path) -> bool:
    """Whether the repository has the file: bare YAML by its name, all others where the page says."""
    if any(root + name in FILES for root in ROOTS) or (page.parent / name).is_file():
        return True
    return name.endswith(".yaml") and any(path.endswith("/" + name) for path in FILES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_named_files_are_there(page: Path) -> None:
    names = NAME.findall(page.read_text("utf-8"))
    assert [name for name in names if not is_elsewhere(name) and not is_there(name, page)] == []
