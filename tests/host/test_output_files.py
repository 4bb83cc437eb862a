"""An output file is written whole or not at all, and nothing else is touched (docs/cli.md, Files)."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from host_client.cli.app import run
from host_client.cli.drawings import drawing_places
from host_client.cli.files import write_file
from host_client.cli.terminal import FileError
from host_client.drawing.result import DRAWN_BY
from tests.host.board_thread import BoardThread

JPEG = b"\xff\xd8picture\xff\xd9"


def test_a_named_file_is_made_and_replaced_and_nothing_beside_it(tmp_path: Path) -> None:
    beside = tmp_path / "a.jpg.part"
    beside.write_text("precious")
    for data in (b"one", b"two"):
        write_file(tmp_path / "a.jpg", data)
        assert (tmp_path / "a.jpg").read_bytes() == data
    assert beside.read_text() == "precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jpg", "a.jpg.part"]


def test_modes_are_those_of_a_new_file_or_of_the_one_before(tmp_path: Path) -> None:
    os.umask(umask := os.umask(0))
    write_file(tmp_path / "new", b"1")
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o666 & ~umask
    (tmp_path / "new").chmod(0o640)
    write_file(tmp_path / "new", b"2")
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640


def test_through_a_link_what_it_points_at_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"old")
    (tmp_path / "link").symlink_to("there")
    write_file(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there").read_bytes() == b"new"


def test_devices_and_pipes_stay(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    write_file(tmp_path / "pipe", b"data")
    reader.join(5)
    assert got == [b"data"]
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    (tmp_path / "null").symlink_to("/dev/null")
    write_file(tmp_path / "null", b"data")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_a_file_that_cannot_be_written_is_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_bytes(b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileError, match=r"a: can't be written: no space left on device$"):
        write_file(tmp_path / "a", b"new")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"old"}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("folder", "expected the name of a file, found a folder"),
        ("file/below", "can't be written: not a directory"),
        ("missing/file", "can't be written: no such file or directory"),
        ("x" * 300, "can't be written: file name too long"),
        ("/dev/full", "can't be written: no space left on device"),
        ("loop", "can't be written: "),
    ],
)
def test_one_sentence_and_one_exit_code(
    name: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each verb that writes a file says the same of the same cause."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    with BoardThread() as scripted:
        scripted.board.answers = {"snapshot": lambda _: {"jpeg": JPEG}}
        assert run(["snapshot", scripted.board.url, str(tmp_path / name)]) == 12
    error = capsys.readouterr().err
    assert error.startswith("k230: ") and words in error
    assert error.count("\n") == 1


def test_a_snapshot_is_the_file_that_was_named(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"an older one")
    with BoardThread() as scripted:
        scripted.board.answers = {"snapshot": lambda _: {"jpeg": JPEG}}
        assert run(["snapshot", scripted.board.url, str(tmp_path / "a.jpg")]) == 0
    assert (tmp_path / "a.jpg").read_bytes() == JPEG


def test_a_folder_is_filled_and_nothing_in_it_replaced_but_our_own(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    pictures = [tmp_path / "a.jpg", tmp_path / "b.jpg"]
    mark = PngInfo()
    mark.add_text("Software", DRAWN_BY)
    Image.new("RGB", (8, 8)).save(out / "a.png", pnginfo=mark)  # of an earlier run
    assert drawing_places(pictures, out)[pictures[0]] == out / "a.png"
    Image.new("RGB", (8, 8)).save(out / "b.png")
    with pytest.raises(FileError, match=r"b\.png exists and is not a drawing of an earlier"):
        drawing_places(pictures, out)
    (out / "b.png").unlink()
    (out / "b.png").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileError, match="not a drawing"):
        drawing_places(pictures, out)
