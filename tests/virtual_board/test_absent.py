"""What the virtual board does not have says so where a script uses it, and in the docs."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

from .scripts import run_script

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "virtual-board.md"


def _tables() -> ModuleType:
    path = ROOT / "virtual_board" / "modules" / "_k230" / "absent.py"
    spec = importlib.util.spec_from_file_location("absent", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_each_says_so_where_it_is_used(tmp_path: Path) -> None:
    tables = _tables()
    names = [
        *(("module", name) for name in tables.MODULES),
        *(("machine", name) for name in tables.MACHINE),
        *(("image", name) for name in tables.IMAGE),
        *(("Image", name) for name in tables.PICTURE),
    ]
    source = f"""
import image, machine
picture = image.Image(8, 8, image.RGB888)
for kind, name in {names!r}:
    try:
        if kind == "module":
            __import__(name)
        else:
            getattr({{"machine": machine, "image": image, "Image": picture}}[kind], name)
    except ImportError as error:
        print(kind, name, "import", error)
    except AttributeError as error:
        print(kind, name, "attribute", error)
    else:
        print(kind, name, "is there")
for again in range(2):
    try:
        from machine import PWM
    except AttributeError as error:
        print(error)
print(hasattr(machine, "PWM"), hasattr(machine, "Pin"), hasattr(picture, "find_qrcodes"))
try:
    machine.nonsense
except AttributeError as error:
    print(error)
"""
    lines = run_script(tmp_path, source).lines
    for (kind, name), line in zip(names, lines, strict=False):
        shown = name if kind == "module" else f"{kind}.{name}"
        how = "import" if kind == "module" else "attribute"
        assert line == (
            f"{kind} {name} {how} {shown}: the virtual board does not have it; "
            "docs/virtual-board.md lists what it lacks"
        )
    assert lines[len(names) :] == [
        *[
            "machine.PWM: the virtual board does not have it; docs/virtual-board.md lists what it lacks"
        ]
        * 2,
        "False True False",
        "'machine' object has no attribute 'nonsense'",
    ]


def test_the_page_lists_each() -> None:
    tables, page = _tables(), PAGE.read_text("utf-8")
    for names in (tables.MODULES, tables.MACHINE, tables.IMAGE, tables.PICTURE):
        assert [name for name in names if f"`{name}`" not in page] == []
