"""tools/layers.py on small trees, each with one import that goes the wrong way."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import layers

ROOT = Path(__file__).resolve().parents[2]
# A house without a fault: the service above a room, the client beside them.
SOUND = {
    "firmware_app/service.py": "from firmware_app.link import outbox\nimport asyncio\n",
    "firmware_app/link/outbox.py": "from firmware_app.wire.packets import packet\n",
    "firmware_app/wire/packets.py": "import struct\n",
    "firmware_app/board/camera.py": "from media.sensor import Sensor\n",
    "host_client/link/tcp.py": "from firmware_app.wire import frames\n",
}


def _write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def faults(root: Path, **changes: str) -> list[str]:
    """Return the faults of the sound tree with some files added or replaced ("/" is "__")."""
    files = SOUND | {f"{name.replace('__', '/')}.py": text for name, text in changes.items()}
    _write(root, files)
    for package in ("firmware_app", "host_client"):
        (root / package / "__init__.py").write_text("")
    return layers.faults(root)


def test_a_sound_tree(tmp_path: Path) -> None:
    assert faults(tmp_path) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {
                "firmware_app__link__outbox": "from firmware_app.link import session\n",
                "firmware_app__link__session": "from firmware_app.link import outbox\n",
            },
            "import each other: firmware_app.link.outbox, firmware_app.link.session",
        ),
        (
            {
                "firmware_app__link__outbox": "from firmware_app.link import session\n",
                "firmware_app__link__session": "def f():\n    import firmware_app.link.outbox\n",
            },
            "import each other: firmware_app.link.outbox, firmware_app.link.session",
        ),
        (
            {
                "firmware_app__wire__packets": "import struct\nfrom firmware_app.link import outbox\n"
            },
            "wire/packets.py:2: wire imports firmware_app.link.outbox, which is not on a floor below",
        ),
        (
            {"firmware_app__link__late": "def f():\n    from firmware_app import service\n"},
            "link/late.py:2: link imports firmware_app.service, which is not on a floor below",
        ),
        (
            {"firmware_app__card__state": "from firmware_app.link import outbox\n"},
            "card/state.py:1: card imports firmware_app.link.outbox, which is not on a floor below",
        ),
        (
            {"firmware_app__attic__box": "import struct\n"},
            "attic/box.py: the room firmware_app/attic stands on no floor",
        ),
        (
            {"firmware_app__board__second": "from media import display\n"},
            "media: expected one file that imports it, found firmware_app/board/camera.py, "
            "firmware_app/board/second.py",
        ),
        (
            {"firmware_app__link__uart": "import machine\n"},
            "link/uart.py:1: imports machine; only files in firmware_app/board may",
        ),
        (
            {"firmware_app__wire__packets": "import socket\n"},
            "wire/packets.py:1: imports socket; firmware_app/wire does no I/O",
        ),
        (
            {"firmware_app__link__outbox": "import dataclasses\n"},
            "link/outbox.py:1: imports dataclasses, which the board does not have",
        ),
        (
            {"host_client__link__tcp": "from firmware_app.link.outbox import Outbox\n"},
            "link/tcp.py:1: imports firmware_app.link.outbox.Outbox, which is not one of the pure",
        ),
    ],
    ids=[
        "circle",
        "circle through a function",
        "upwards",
        "upwards in a function",
        "on one floor",
        "unknown room",
        "vendor module twice",
        "vendor module elsewhere",
        "I/O in a pure room",
        "not on the board",
        "host and impure firmware",
    ],
)
def test_each_fault_is_found(tmp_path: Path, changes: dict[str, str], words: str) -> None:
    found = faults(tmp_path, **changes)
    assert any(words in fault for fault in found), found


def test_the_tables_of_rooms_in_the_docs() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    for place, floors in layers.FLOORS.items():
        assert layers.table(place, floors) in text, f"run: python -m tools.layers (for {place})"


def test_summary_counts() -> None:
    lines = layers.summary(ROOT).splitlines()
    assert len(lines) == len(layers.FLOORS)
    assert all(line.endswith(" 0 circles") for line in lines)


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
