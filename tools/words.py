"""Whether texts keep to plain words, and pages to lines that fit a screen.

- At most LIMIT of the words in RARE, in everything outside tests: texts full of them are riddles.
- Lines of pages have WIDTH characters at most. Rows of tables, code and links that are a line of
  their own can't be wrapped and may be longer.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

RARE = re.compile(r"\b(whoever|whatever|somebody|nobody|whose)\b", re.IGNORECASE)
LIMIT = 20
WIDTH = 100
_KINDS = {".c", ".css", ".h", ".html", ".js", ".md", ".py", ".pyi", ".sh", ".toml", ".yaml", ".yml"}
_LEFT_OUT = {"tests", "vendor", "build", "dist", "node_modules", "__pycache__"}
_OWN = "words.py"  # names the words


def files(root: Path) -> Iterator[Path]:
    """Yield the texts of the repository, tests and files of others left out."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(
            name for name in folders if name not in _LEFT_OUT and not name.startswith(".")
        )
        for name in sorted(names):
            if Path(name).suffix in _KINDS and name != _OWN:
                yield Path(folder, name)


def rare(root: Path) -> list[str]:
    """Return a line for each place that has one of the words."""
    found = []
    for path in files(root):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            place = f"{path.relative_to(root)}:{number}"
            found += [f"{place}: {word}" for word in RARE.findall(line)]
    return found


def long_lines(text: str) -> Iterator[tuple[int, int]]:
    """Yield (number, characters) of each line of a page that is too long."""
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    ") or line.lstrip().startswith("|"):
            continue
        elif len(line) > WIDTH and not re.fullmatch(
            r"[-*\d. ]*(\[[^\]]*\]\([^)]*\)|<\S+>)[.,]?", line
        ):
            yield number, len(line)


def faults(root: Path) -> list[str]:
    """Return what is wrong, a line each."""
    found = [
        f"{path.relative_to(root)}:{number}: expected at most {WIDTH} characters, found {length}"
        for path in files(root)
        if path.suffix == ".md"
        for number, length in long_lines(path.read_text("utf-8"))
    ]
    words = rare(root)
    if len(words) > LIMIT:
        found.append(
            f"expected at most {LIMIT} of whoever, whatever, somebody, nobody, whose, "
            f"found {len(words)}: name the person or thing instead"
        )
        found += words
    return found
