"""The card's file systems fail as the firmware's do; virtual_board/modules/_k230/storage.py has the sources."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .scripts import run_script

TRY = """
import os
def tell(name, function, *given):
    try:
        print(name, function(*given))
    except OSError as error:
        print(name, "errno", error.errno)
def write(path, size, mode="wb"):
    with open(path, mode) as file:
        return file.write(b"x" * size)
"""


def _lines(folder: Path, faults: dict[str, Any], source: str) -> list[str]:
    storage = folder / "storage.json"
    storage.write_text(json.dumps(faults))
    return run_script(folder, TRY + source, storage=storage).lines


def test_a_full_card_takes_what_fits_and_says_nothing(tmp_path: Path) -> None:
    source = """
print(write("/sdcard/a", 3000), write("/sdcard/b", 3000), write("/sdcard/c", 1))
print(os.stat("/sdcard/b")[6], os.statvfs("/sdcard")[3:5])
with open("/sdcard/t", "w") as file:
    print(file.write("text"))
tell("mkdir", os.mkdir, "/sdcard/folder")
os.remove("/sdcard/a")
print(write("/sdcard/c", 4000), os.stat("/sdcard/c")[6], write("/data/other", 5000))
"""
    assert _lines(tmp_path, {"sdcard": {"free": 5000}}, source) == [
        "3000 2000 0",
        "2000 (0, 0)",
        "0",
        "mkdir errno 30",
        "3000 3000 5000",
    ]


def test_a_folder_without_room_for_a_name(tmp_path: Path) -> None:
    (tmp_path / "card").mkdir()
    (tmp_path / "card" / "there").write_text("old")
    source = """
tell("new", write, "/sdcard/new", 1)
tell("mkdir", os.mkdir, "/sdcard/folder")
tell("rename", os.rename, "/sdcard/there", "/sdcard/here")
tell("there", write, "/sdcard/there", 5)
"""
    assert _lines(tmp_path, {"sdcard": {"state": "full_folder"}}, source) == [
        "new errno 30",
        "mkdir errno 30",
        "rename errno 30",
        "there 5",
    ]


ALL = """
tell("stat", os.stat, "/data/there")
tell("read", lambda: open("/data/there").read())
tell("list", os.listdir, "/data")
tell("write", write, "/data/there", 5)
tell("new", write, "/data/new", 5)
tell("mkdir", os.mkdir, "/data/folder")
tell("remove", os.remove, "/data/there")
tell("rename", os.rename, "/data/there", "/data/here")
tell("statvfs", lambda: len(os.statvfs("/data")))
"""


def test_protected_pulled_and_unmounted(tmp_path: Path) -> None:
    (tmp_path / "card" / ".data").mkdir(parents=True)
    (tmp_path / "card" / ".data" / "there").write_text("old")
    seen = {}
    for state in ("write_protected", "pulled", "unmounted"):
        lines = _lines(tmp_path, {"data": {"state": state}}, ALL)
        seen[state] = [line.split(" ", 1)[1].replace("errno ", "") for line in lines]
    assert seen["write_protected"][1] == "old"
    assert seen["write_protected"][3:] == ["30", "30", "30", "30", "30", "10"]
    assert seen["pulled"] == ["5", "5", "[]", "5", "5", "5", "5", "5", "10"]
    assert seen["unmounted"] == ["2", "2", "[]", "22", "22", "38", "38", "38", "38"]
