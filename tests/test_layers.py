"""tools.layers sees circles among the virtual board's modules, which import each other by bare names."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import layers


def _write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.parametrize(
    ("first", "second"),
    [("import second", "import first"), ("from second import x", "def f():\n    import first")],
)
def test_circles_by_bare_names(tmp_path: Path, first: str, second: str) -> None:
    modules = "virtual_board/modules"
    _write(tmp_path, {f"{modules}/first.py": first, f"{modules}/second.py": second})
    arrows = layers.graph(layers.read_modules(tmp_path, "virtual_board"))
    pair = ["virtual_board.modules.first", "virtual_board.modules.second"]
    assert layers.circles(arrows) == [pair]


def test_bare_names_are_found_in_that_folder_alone(tmp_path: Path) -> None:
    files = {"modules/os.py": "import uos", "board.py": "import os", "modules/a.py": "import json"}
    _write(tmp_path, {f"virtual_board/{name}": text for name, text in files.items()})
    arrows = layers.graph(layers.read_modules(tmp_path, "virtual_board"))
    assert set().union(*arrows.values()) == set()
