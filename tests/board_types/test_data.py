"""The files in board_types/data: complete, plausible, with sources, and what the docs show of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

import board_types
from board_types import BoardType, BoardTypeError
from firmware_app.settings.reader import read_service
from firmware_app.settings.service_fields import UART_PINS
from host_client.cli.app import cli
from host_client.installer.content import DEFAULT_SERVICE
from host_client.installer.suited import suited, unknown, with_setting
from tools import board_tables

TYPES = board_types.all_types()
REAL = [each for each in TYPES if each.name != board_types.VIRTUAL]

by_name = pytest.mark.parametrize("kind", TYPES, ids=lambda each: each.name)


def test_the_types_that_users_have() -> None:
    wanted = {
        "01studio",
        "atk-dnk230d",
        "bpi-zero",
        "canmv-v1",
        "canmv-v3",
        "k230d-evb",
        "lushanpi",
        "lushanpi-lite",
        "yahboom",
    }
    assert wanted <= set(board_types.names())
    assert len({each.uname for each in TYPES}) == len(TYPES)


@by_name
def test_memory_adds_up(kind: BoardType) -> None:
    assert kind.rtsmart_kb + kind.mmz_kb <= kind.total_kb
    assert 0 < kind.pages_kb < kind.rtsmart_kb
    assert kind.pages_kb > board_types.ASSUMED_INTERPRETER_KB + kind.gc_first_kb
    assert (kind.chip == "K230D") == kind.small == (kind.buffers == 3)


@by_name
def test_pins_are_the_chips(kind: BoardType) -> None:
    for number, tx, rx in (*kind.wired, kind.link):
        assert number != kind.console
        assert (tx, rx) in UART_PINS[number]
    assert not kind.wired or kind.link in kind.wired


@by_name
def test_camera(kind: BoardType) -> None:
    assert kind.default_csi in kind.csi_ids
    assert set(kind.csi_ids) <= {0, 1, 2}
    assert kind.sensors


@by_name
def test_each_group_names_its_source(kind: BoardType) -> None:
    groups = {"uname", "memory", "modules", "camera", "uart", "storage", "firmware"}
    details = {"memory.gc", "memory.jpeg", "camera.buffers", "uart.console"}
    assert kind.sources.keys() == groups | details
    for source in kind.sources.values():
        public = ("kendryte/", "canmv-k230/", "Stars1233/", "v1.7 has no", "the v1.7 pin table")
        assert source.startswith(public) or kind.name == board_types.VIRTUAL
    assert kind.unknown


@pytest.mark.parametrize("kind", REAL, ids=lambda each: each.name)
def test_a_real_board_has_a_release(kind: BoardType) -> None:
    assert kind.images
    assert kind.uname.startswith(("k230_", "k230d_"))


def test_missing_modules_are_those_of_the_sources() -> None:
    without_wlan = {each.name for each in REAL if not each.wlan}
    without_lan = {each.name for each in REAL if not each.lan}
    assert without_wlan == {"atk-dnk230d", "k230d-evb", "labplus"}
    assert without_lan == {
        *("bpi-zero", "junroc", "k230d-evb", "labplus", "labplus-v2"),
        *("lushanpi-lite", "mini", "mrt"),
    }


@pytest.mark.parametrize("name", ["bpi-zero", "BPI_Zero", "k230d_canmv_bpi_zero", " bpi-zero "])
def test_found_by_name_and_by_uname(name: str) -> None:
    assert board_types.find(name).title == "BPI-CanMV-K230D-Zero"


@pytest.mark.parametrize(
    ("name", "near"),
    [("lushan-pi", "lushanpi"), ("bpizero", "bpi-zero"), ("01-studio", "01studio")],
)
def test_a_wrong_name_gets_the_closest_and_all(name: str, near: str) -> None:
    with pytest.raises(BoardTypeError) as caught:
        board_types.find(name)
    assert str(caught.value).endswith(f"did you mean {near}?")
    assert ", ".join(board_types.names()) in str(caught.value)


def test_nothing_like_it() -> None:
    with pytest.raises(BoardTypeError, match=r"found no such type$"):
        board_types.find("zzzz")


def test_recognised_by_what_the_board_says() -> None:
    assert all(board_types.recognise(each.uname) == each for each in TYPES)
    assert board_types.recognise("k230_of_tomorrow") is None


def test_the_docs_show_the_data() -> None:
    for path, text in board_tables.files().items():
        assert path.read_text("utf-8") == text, "run python -m tools.board_tables"


@by_name
def test_settings_that_suit_the_type(kind: BoardType) -> None:
    text = suited(DEFAULT_SERVICE.read_text("utf-8"), kind)
    read = read_service(text, "service.yaml")
    assert (read.get("uart.id"), read.get("uart.tx"), read.get("uart.rx")) == kind.link
    assert read.get("network.enabled") == (kind.wlan or kind.lan)
    assert read.get("uart.enabled") != read.get("network.enabled")
    if not kind.wlan and kind.lan:
        assert read.get("network.interface") == "ethernet"
    assert [line.partition("#")[2] for line in text.splitlines()] == [
        line.partition("#")[2] for line in DEFAULT_SERVICE.read_text("utf-8").splitlines()
    ]


def test_a_setting_that_the_text_lacks() -> None:
    with pytest.raises(ValueError, match=r"uart\.id: expected a line"):
        with_setting("camera:\n  id: 3\n", "uart.id", 2)


def test_install_takes_the_type_for_a_card(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["install", "--card", str(tmp_path), "--board", "bpi-zero"])
    assert done.exit_code == 0, done.output
    read = read_service((tmp_path / "configs" / "service.yaml").read_text("utf-8"), "service.yaml")
    assert (read.get("uart.id"), read.get("uart.tx"), read.get("uart.rx")) == (2, 44, 45)


def test_a_wrong_type_on_the_command_line() -> None:
    done = CliRunner().invoke(cli, ["sim", "run", "--sdcard", ".", "--board", "lushan-pi"])
    assert done.exit_code == 2
    assert "did you mean lushanpi?" in done.output


def test_install_says_that_a_card_tells_no_type(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["install", "--card", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert "name the type with --board" in done.output


def test_a_type_of_tomorrow_is_told() -> None:
    assert unknown("k230_of_tomorrow").startswith("unknown board type k230_of_tomorrow")
