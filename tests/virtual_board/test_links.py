"""A path for a pty's link is the user's: whatever lies there stays (docs/cli.md, Files)."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from host_client.cli.app import run
from virtual_board.board import BoardError, VirtualBoard
from virtual_board.silicon.wires import links
from virtual_board.silicon.wires.console import Console
from virtual_board.silicon.wires.uart import Line

PACKAGE = Path(__file__).parents[2] / "models/packages/shapes_cls/mp_deployment_source"


def taken(place: Path, kind: str) -> None:
    if kind == "file":
        place.write_text("precious")
    elif kind == "folder":
        place.mkdir()
    elif kind == "link":
        place.symlink_to("notes.txt")
    elif kind == "fifo":
        os.mkfifo(place)
    else:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(os.fspath(place))


@pytest.mark.parametrize("kind", ["file", "folder", "link", "fifo", "socket"])
@pytest.mark.parametrize("option", ["uart", "console"])
def test_what_lies_there_stays(
    kind: str, option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "a"
    taken(place, kind)
    before = os.lstat(place)
    words = ["--package", str(PACKAGE), "--camera", "none", "--seconds", "1"]
    assert run(["sim", "run", *words, f"--{option}", str(place)]) == 9
    error = capsys.readouterr().err
    assert error.startswith(f"k230: --{option} {place}: expected a free path")
    assert error.count("\n") == 1
    assert os.lstat(place).st_ino == before.st_ino
    with pytest.raises(links.LinkError):  # the board's own process looks once more
        Console(place) if option == "console" else Line(place)
    assert os.lstat(place).st_ino == before.st_ino


def test_no_folder_for_it(tmp_path: Path) -> None:
    (tmp_path / "card").mkdir()
    with pytest.raises(BoardError, match=r"--uart .*: expected a folder for the link, found no"):
        VirtualBoard(sdcard=tmp_path / "card", uart=tmp_path / "none" / "uart")
    with pytest.raises(BoardError, match="expected two paths"):
        VirtualBoard(sdcard=tmp_path / "card", uart=tmp_path / "a", console=tmp_path / "a")


def test_the_link_of_a_board_that_was_killed_is_replaced_and_goes_at_the_end(
    tmp_path: Path,
) -> None:
    place = tmp_path / "uart"
    place.symlink_to("/dev/pts/99999")
    line = Line(place)
    assert os.readlink(place) == str(line.path)
    line.close()
    assert not os.path.lexists(place)


def test_what_came_to_its_place_meanwhile_stays(tmp_path: Path) -> None:
    place = tmp_path / "uart"
    line = Line(place)
    place.unlink()
    place.write_text("precious")
    line.close()
    console = Console(tmp_path / "console")
    (tmp_path / "console").unlink()
    (tmp_path / "console").write_text("precious")
    console.close()
    assert place.read_text() == (tmp_path / "console").read_text() == "precious"


def test_a_board_has_no_ipv6(tmp_path: Path) -> None:
    with pytest.raises(BoardError, match=r"--tcp \[::1\]:0: expected an IPv4 address or a name"):
        VirtualBoard(sdcard=tmp_path, tcp="[::1]:0")
