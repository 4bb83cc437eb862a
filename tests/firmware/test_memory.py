"""board/memory.py at its edges: what fits by one byte, what lacks one, and what the firmware can't tell."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from firmware_app.board import memory
from firmware_app.package import footprint, kmodel
from firmware_app.package.footprint import PAGE, Footprint, rounded

MB = 1 << 20
SMALL = 70 * MB  # of a K230D
PACKAGES = Path(__file__).parents[2] / "models" / "packages"


class Board:
    """The firmware's gc: a media memory and pages of given sizes; collect() frees `garbage`."""

    def __init__(self, total: int = SMALL, used: int = 0, pages: int = 30 * MB) -> None:
        self.total, self.used, self.pages = total, used, pages
        self.garbage = 0
        self.looks = 0
        self.uname = "k230d_canmv_bpi_zero"

    def collect(self) -> None:
        self.used -= self.garbage
        self.garbage = 0

    def sys_mmz(self) -> tuple[int, int, int]:
        self.looks += 1
        return self.total, self.used, self.total - self.used

    def sys_page(self) -> tuple[int, int, int]:
        return 40 * MB, 40 * MB - self.pages, self.pages


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Board:
    made = Board()
    monkeypatch.setattr(memory, "gc", made)
    monkeypatch.setattr(memory, "os", type("os", (), {"uname": lambda: (made.uname,)}))
    monkeypatch.setattr(memory, "accounts", memory._Accounts())
    return made


def leave(board: Board, room: int) -> None:
    """Let so many bytes be there for something new."""
    board.used = board.total - memory.RESERVE - room


@pytest.mark.parametrize("size", [1, PAGE, 3 * 640 * 480])
def test_a_tensor_at_the_edge(board: Board, size: int) -> None:
    leave(board, rounded(size))
    memory.take(size, "a picture")
    leave(board, rounded(size) - 1)
    memory.look_again()
    with pytest.raises(memory.MemoryShort) as caught:
        memory.take(size, "a picture")
    assert isinstance(caught.value, MemoryError)
    needed, free = -(-rounded(size) // 1024), (rounded(size) - 1) // 1024
    assert (
        str(caught.value)
        == f"a picture: {needed} kB of media memory are needed, {free} kB are free"
    )


def test_what_was_handed_out_is_not_handed_out_again(board: Board) -> None:
    leave(board, 10 * PAGE)
    for _ in range(10):
        memory.take(PAGE, "a picture")  # nothing of it is taken yet
    board.used += 10 * PAGE
    with pytest.raises(memory.MemoryShort):
        memory.take(1, "a picture")


def test_the_firmware_is_asked_seldom(board: Board) -> None:
    for _ in range(1000):
        memory.take(PAGE, "a picture")
        board.used += PAGE
    assert board.looks <= 2


def test_garbage_is_collected_before_anything_is_refused(board: Board) -> None:
    leave(board, PAGE - 1)
    board.garbage = PAGE
    memory.take(1, "a picture")
    leave(board, PAGE - 1)
    memory.look_again()
    memory.accounts.give_back = lambda: setattr(board, "used", 0)
    memory.take(1, "a picture")


def _raises(error: BaseException) -> Callable[[], Any]:
    def call() -> Any:
        raise error

    return call


@pytest.mark.parametrize(
    "answer",
    [
        _raises(OSError(2)),
        _raises(AttributeError("sys_mmz")),
        lambda: 5,
        lambda: (0, 0, 0),
        lambda: (-1, 3, 4),
        lambda: (70, -5, 75),
        lambda: (70, 60, 60),
        lambda: (1, 2),
    ],
)
def test_a_firmware_that_can_not_tell_is_not_asked(
    board: Board, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    monkeypatch.setattr(board, "sys_mmz", answer)
    monkeypatch.setattr(board, "sys_page", answer)
    memory.take(1 << 40, "a picture")
    memory.need_models([Footprint(1, 1 << 40, 1 << 40)])
    memory.need_models_after([Footprint(1, 1 << 40, 0)], 0)
    memory.could_hold([Footprint(1, 1 << 40, 0)])
    assert memory.holds_file(1 << 40)
    assert memory.garbage_limit(7) == 7
    layout = memory.camera_layout(3840, 2160, 0, False)
    assert (layout.width, layout.height, layout.second, layout.choice) == (3840, 2160, True, "")
    assert memory.state()["media_free_bytes"] is None


def test_models_at_the_edge(board: Board) -> None:
    model = Footprint(0, 5 * PAGE, 7 * PAGE)
    leave(board, 12 * PAGE)
    memory.need_models([model])
    leave(board, 12 * PAGE - 1)
    with pytest.raises(memory.MemoryShort, match="the model: 48 kB"):
        memory.need_models([model])


def test_models_run_one_after_the_other(board: Board) -> None:
    memory.accounts.works.append(7 * PAGE)  # a loaded one's run
    leave(board, 12 * PAGE)
    memory.need_models([Footprint(0, 5 * PAGE, 3 * PAGE)])
    with pytest.raises(memory.MemoryShort):
        memory.need_models([Footprint(0, 5 * PAGE + 1, 7 * PAGE)])
    with pytest.raises(memory.MemoryShort):
        memory.need_models([Footprint(0, 5 * PAGE, 8 * PAGE)])


def test_a_replacement_that_would_not_even_fit_alone(board: Board) -> None:
    leave(board, 0)
    memory.need_models_after([Footprint(0, 3 * PAGE, PAGE)], 4 * PAGE)
    with pytest.raises(memory.MemoryShort, match="old one unloaded"):
        memory.need_models_after([Footprint(0, 3 * PAGE, PAGE)], 4 * PAGE - 1)
    all_of_it = board.total - memory.RESERVE
    memory.could_hold([Footprint(0, all_of_it - PAGE, PAGE)])
    with pytest.raises(memory.MemoryShort, match="nothing beside it"):
        memory.could_hold([Footprint(0, all_of_it - PAGE, PAGE + 1)])


def test_files_and_garbage_by_the_pages(board: Board) -> None:
    board.pages = 4 * MB + 100
    assert memory.holds_file(100)
    assert not memory.holds_file(101)
    assert memory.garbage_limit(40 * MB) == MB + 25
    board.pages = 0
    assert memory.garbage_limit(40 * MB) == 65536


@pytest.mark.parametrize(("uname", "count"), [("k230d_canmv_mini", 3), ("k230_canmv_lckfb", 4)])
def test_camera_channels_at_the_edge(board: Board, uname: str, count: int) -> None:
    board.uname = uname
    one = count * rounded(3 * 1280 * 720)
    leave(board, 2 * one)
    assert memory.camera_layout(1280, 720, 0, True).second
    layout = memory.camera_layout(1280, 720, 0, False)
    assert (layout.second, layout.choice) == (False, "")  # nothing needs it on a small board
    leave(board, 2 * one - 1)
    layout = memory.camera_layout(1280, 720, 0, True)
    assert (layout.width, layout.height, layout.second) == (1280, 720, False)
    assert "one is used" in layout.choice
    leave(board, one)
    assert memory.camera_layout(1280, 720, 0, False).choice == ""
    leave(board, one - 1)
    layout = memory.camera_layout(1280, 720, 0, False)
    assert (layout.width, layout.height) == (1120, 630)
    assert "frames of 1120 x 630 are used" in layout.choice


def test_the_preview_counts(board: Board) -> None:
    one = 3 * rounded(3 * 640 * 480)
    leave(board, one + 3 * rounded(3 * 320 * 180))
    assert memory.camera_layout(640, 480, 320 * 180, False).width == 640
    leave(board, one + 3 * rounded(3 * 320 * 180) - 1)
    assert memory.camera_layout(640, 480, 320 * 180, False).width == 560


def test_a_large_board_opens_both_channels(board: Board) -> None:
    board.total, board.used = 256 * MB, 0
    assert memory.camera_layout(1280, 720, 0, False).second


def test_no_room_for_any_frame(board: Board) -> None:
    leave(board, PAGE)
    with pytest.raises(memory.MemoryShort, match="frames of 640 x 480: 2700 kB"):
        memory.camera_layout(640, 480, 0, False)


# -- what a kmodel takes


def _kmodels() -> list[Path]:
    return sorted(PACKAGES.glob("*/*/*.kmodel"))


@pytest.mark.parametrize("path", _kmodels(), ids=lambda path: path.stem)
def test_footprint_of_the_demo(path: Path) -> None:
    needs = footprint.read(str(path))
    model = kmodel.read(str(path))
    ends = sum(rounded(footprint.tensor_bytes(each)) for each in model.inputs + model.outputs)
    assert needs.size == path.stat().st_size
    assert ends < needs.loaded <= needs.size + ends + 4 * PAGE
    assert 0 < needs.work < 4 * MB


def test_footprint_by_hand() -> None:
    path = PACKAGES / "shapes_cls" / "mp_deployment_source" / "shapes_cls.kmodel"
    needs = footprint.read(str(path))
    # .text 4558 and .rdata 120396 bytes of the k230 module; 1x3x96x96 in, 6 floats out.
    assert needs.loaded == rounded(4558) + rounded(120396) + rounded(3 * 96 * 96) + rounded(24)
    assert needs.work == rounded(3 * 96 * 96 + 24)


def test_a_damaged_file_is_refused() -> None:
    data = _kmodels()[0].read_bytes()
    with pytest.raises(kmodel.KmodelError):
        footprint.read_from(io.BytesIO(data[: len(data) // 2]), "half")
