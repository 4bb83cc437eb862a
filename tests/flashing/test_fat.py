"""Files on a FAT card without mounting it; fsck.vfat and mcopy judge what was written."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from host_client.flashing.fat import FatError, Volume

from .images import MB, fat, needs_mkfs, run

pytestmark = needs_mkfs
SHAPES = {
    "fat16": (8 * MB, ("-F", "16", "-s", "1")),
    "fat16 of the vendor's clusters": (140 * MB, ("-F", "16", "-s", "64")),
    "fat32": (40 * MB, ("-F", "32", "-s", "1")),
}


class FileStore:
    """A file as a card."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.size = path.stat().st_size
        self.broken_after: int | None = None
        self.writes = 0

    def read_at(self, offset: int, size: int) -> bytes:
        with self._path.open("rb") as file:
            file.seek(offset)
            return file.read(size)

    def write_at(self, offset: int, data: bytes) -> None:
        if self.broken_after is not None and self.writes >= self.broken_after:
            raise FatError("pulled out")
        self.writes += 1
        with self._path.open("r+b") as file:
            file.seek(offset)
            file.write(data)

    def flush(self) -> None:
        """All is in the file."""


def opened(path: Path) -> tuple[FileStore, Volume]:
    store = FileStore(path)
    return store, Volume(store, 0, store.size, path.name)


@pytest.fixture(params=SHAPES)
def card(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "card"
    size, options = SHAPES[request.param]
    fat(path, size, "SDCARD", {"revision.txt": b"abc", "a/b/c.txt": b"deep"}, *options)
    return path


def checked(path: Path, *more: str) -> None:
    """Let fsck.vfat find nothing."""
    done = subprocess.run(
        ["fsck.vfat", "-n", *more, str(path)], capture_output=True, text=True, check=False
    )
    assert not done.returncode, done.stdout
    assert "differences" not in done.stdout


def test_random_work_against_a_folder(card: Path, tmp_path: Path) -> None:
    """The same steps on a card and in a folder leave the same files; fsck.vfat and mcopy see them."""
    rng = random.Random(7)
    _, volume = opened(card)
    assert volume.label == "SDCARD"
    twin = tmp_path / "twin"
    (twin / "a/b").mkdir(parents=True)
    (twin / "revision.txt").write_bytes(b"abc")
    (twin / "a/b/c.txt").write_bytes(b"deep")
    names = [
        "main.py",
        "README.md",
        "A long name with spaces.json",
        "模型.kmodel",
        "x",
        "UPPER.TXT",
    ]
    names += [f"longer_name_{number}.mpy" for number in range(30)]
    folders = ["", "firmware_app", "firmware_app/link", ".k230/stage", "packages/my model"]
    for _ in range(150):
        path = "/".join(part for part in (rng.choice(folders), rng.choice(names)) if part)
        place = twin / path
        step = rng.random()
        if step < 0.6:
            data = rng.randbytes(rng.choice((0, 1, 511, 512, 33_000, 70_000)))
            volume.write(path, data)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        elif step < 0.75 and place.exists():
            volume.remove(path)
            place.unlink()
        elif place.exists():
            to = f"moved/{rng.choice(names)}"
            if (twin / to).exists():
                with pytest.raises(FatError, match="already exists"):
                    volume.rename(path, to)
            else:
                volume.rename(path, to)
                (twin / "moved").mkdir(exist_ok=True)
                place.rename(twin / to)
    volume.rename("firmware_app", "firmware_app.old")
    (twin / "firmware_app").rename(twin / "firmware_app.old")
    expected = {
        each.relative_to(twin).as_posix(): each.read_bytes()
        for each in twin.rglob("*")
        if each.is_file()
    }
    _, again = opened(card)
    assert {path: again.read(path) for path, _ in again.files()} == expected
    checked(card)
    seen = tmp_path / "seen"
    seen.mkdir()
    run("mcopy", "-s", "-n", "-i", card, "::*", seen)
    found = {
        each.relative_to(seen).as_posix(): each.read_bytes()
        for each in seen.rglob("*")
        if each.is_file()
    }
    assert found == expected
    before = again.free()
    again.remove("moved")
    again.remove("firmware_app.old")
    assert again.free() > before
    checked(card)


def test_a_full_card_and_bad_names(tmp_path: Path) -> None:
    path = tmp_path / "card"
    fat(path, 8 * MB, "SDCARD", {}, "-F", "16", "-s", "1")
    _, volume = opened(path)
    with pytest.raises(FatError, match="full: expected"):
        volume.write("large", bytes(9 * MB))
    for name in ("a:b", "trailing.", "", "x" * 256, "con\x01"):
        with pytest.raises((FatError, FileNotFoundError)):
            volume.write(f"folder/{name}", b"1")
    volume.write("file", b"1")
    with pytest.raises(FatError, match="found a file"):
        volume.write("file/inner", b"1")
    volume.make_folders("folder")
    with pytest.raises(FatError, match="found a folder"):
        volume.write("folder", b"1")
    for number in range(100):
        volume.write(f"many/a rather long name {number}", b"")
    wide = "w" * 250
    for number in range(24):
        volume.write(f"{number:02}{wide}", b"")
    with pytest.raises(FatError, match="its top folder is full"):
        volume.write(f"no{wide}{wide[:3]}", b"")
    assert volume.read("none") is None
    assert volume.listing("none") == []
    volume.remove("none")
    checked(path)


def test_a_card_that_is_pulled_out_keeps_the_old_file_or_has_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "card"
    fat(path, 8 * MB, "SDCARD", {"main.py": b"old" * 1000}, "-F", "16", "-s", "1")
    whole = path.read_bytes()
    for step in range(40):
        path.write_bytes(whole)
        store, volume = opened(path)
        store.broken_after = step
        try:
            volume.write("main.py", b"new" * 2000)
            done = True
        except FatError:
            done = False
        _, again = opened(path)
        assert again.read("main.py") in (b"old" * 1000, b"new" * 2000)
        if done:
            assert again.read("main.py") == b"new" * 2000
            checked(path)
            return
    raise AssertionError("it never came to an end")


@pytest.mark.parametrize("seed", range(3))
def test_a_damaged_file_system_is_a_sentence(tmp_path: Path, seed: int) -> None:
    """Whatever the bytes say, nothing but FatError comes out, and it comes to an end."""
    path = tmp_path / "card"
    files = {"a/b/c.txt": b"x" * 5000, "long name here.txt": b"y"}
    fat(path, 4 * MB, "SDCARD", files, "-F", "16", "-s", "1")
    whole = path.read_bytes()
    rng = random.Random(seed)
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(rng.choice((1, 5, 200))):
            data[rng.randrange(rng.choice((64, 60_000)))] = rng.randrange(256)
        path.write_bytes(data)
        try:
            _, volume = opened(path)
            for name, entry in volume.files():
                assert name
                sum(len(piece) for piece in volume.pieces(entry))
        except FatError:
            pass
