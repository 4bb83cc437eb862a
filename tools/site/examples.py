"""The page of examples, from examples/."""

from __future__ import annotations

import ast
import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "examples"


def files() -> list[Path]:
    """Return the programs: Python first, then those for microcontrollers."""
    return [
        *sorted(FOLDER.glob("*.py")),
        *sorted(FOLDER.glob("*/*.py")),
        *sorted(FOLDER.glob("*/*.c")),
    ]


def anchor(path: Path) -> str:
    """Return where the page has a program."""
    return re.sub(r"[^a-z0-9_-]", "", path.relative_to(FOLDER).as_posix().lower())


def summary(path: Path) -> str:
    """Return the first sentence of a program's own text."""
    text = path.read_text("utf-8")
    if path.suffix == ".py":
        text = ast.get_docstring(ast.parse(text)) or ""
    else:
        text = text.partition("/*")[2].partition("*/")[0].replace("\n *", "\n")
    return text.strip().partition("\n\n")[0]


def page() -> str:
    """Return the page."""
    lines = [
        "# Examples",
        "",
        "Short programs, each run by the tests against a virtual board. `python examples/NAME.py URL`",
        "starts one; without URL it takes `K230_URL`. [The guide](python.md) explains what they use.",
    ]
    for path in files():
        name = path.relative_to(FOLDER).as_posix()
        kind = "python" if path.suffix == ".py" else "c"
        text = path.read_text("utf-8").rstrip()
        lines += ["", f"## {name}", "", " ".join(summary(path).split())]
        lines += ["", f"```{kind}", text, "```"]
    return "\n".join(lines) + "\n"
