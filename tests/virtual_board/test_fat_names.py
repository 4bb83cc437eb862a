"""FAT does not tell names apart that differ in case only; neither does the virtual card."""

from __future__ import annotations

from pathlib import Path

from .scripts import run_script

SCRIPT = """
import os

def tell(name, what, *arguments):
    try:
        print(name, what(*arguments))
    except OSError as error:
        print(name, "errno", error.errno)

def read(path):
    with open(path) as file:
        return file.read()

for root in ("/sdcard", "/data"):
    os.mkdir(root + "/Folder")
    with open(root + "/Folder/Cup.gallery", "w") as file:
        file.write("one")
    tell("read", read, root + "/folder/cup.GALLERY")
    with open(root + "/FOLDER/cup.gallery", "w") as file:
        file.write("two")
    tell("listdir", os.listdir, root + "/folder")
    tell("mkdir", os.mkdir, root + "/FOLDER")
    tell("rename", os.rename, root + "/Folder/Cup.gallery", root + "/folder/CUP.gallery")
    tell("listdir", os.listdir, root + "/folder")
    tell("rename", os.rename, root + "/Folder/Cup.gallery", root + "/folder/CUP.gallery")
    with open(root + "/Folder/new", "w") as file:
        file.write("three")
    tell("rename", os.rename, root + "/Folder/new", root + "/folder/cup.gallery")
    tell("read", read, root + "/folder/cup.gallery")
    tell("remove", os.remove, root + "/folder/CUP.GALLERY")
    tell("read", read, root + "/folder/cup.gallery")
    tell("remove", os.remove, root + "/folder/NEW")
    tell("rmdir", os.rmdir, root + "/FOLDER")
    print("Folder" in os.listdir(root))
"""
SAID = """
read one
listdir ['Cup.gallery']
mkdir errno 17
rename None
listdir ['CUP.gallery']
rename None
rename errno 17
read two
remove None
read errno 2
remove None
rmdir None
False
"""


def test_names_differ_in_more_than_case(tmp_path: Path) -> None:
    lines = run_script(tmp_path, SCRIPT).lines
    assert lines == 2 * SAID.split("\n")[1:-1]
