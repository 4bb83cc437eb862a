"""A board in boot mode, played against k230-flash's own code: it is what talks to the device.

No board was tried: the device here answers as that package expects it to.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("k230_flash", reason="needs the extra `flash`")
import usb.core
from k230_flash import usb_utils

from host_client.cli.app import run
from host_client.flashing import usb as boot_mode
from host_client.flashing.errors import FlashError

from .conftest import Images
from .images import MB, needs_mkfs

pytestmark = [needs_mkfs, pytest.mark.quick]


class Endpoint:
    bmAttributes = 2  # noqa: N815 - pyusb's name

    def __init__(self, address: int) -> None:
        self.bEndpointAddress = address


class Board:
    """A K230 at USB: its boot ROM, and after that the loader with a card of so many bytes."""

    def __init__(self, port: int = 2, size: int = 64 * MB) -> None:
        self.bus, self.address, self.port_numbers = 1, 5, (port,)
        self.stage = "Kendryte K230"
        self.card = bytearray(size)
        self.loader = 0
        self.answers: list[bytes] = []
        self.expected = 0
        self.place = 0
        self.rebooted = False
        self.fail_at: int | None = None
        self.protected = False
        self.mediums: list[int] = []

    def set_configuration(self) -> None:
        """Nothing to do."""

    def get_active_configuration(self) -> list[list[Endpoint]]:
        out = 0x01 if self.stage == "Kendryte K230" else 0x02
        return [[Endpoint(0x81), Endpoint(out)]]

    def ctrl_transfer(self, *, bRequest: int, **more: Any) -> Any:  # noqa: N803
        if bRequest == usb_utils.EP0_GET_CPU_INFO:
            return self.stage.encode()
        if bRequest == usb_utils.EP0_PROG_START:
            assert self.loader > 1000
            self.stage = "Uboot Stage for K230"
        return 0

    def write(self, endpoint: int, data: bytes, timeout: int) -> int:
        if self.stage == "Kendryte K230":
            self.loader += len(data)
            return len(data)
        if self.expected:
            self.take(bytes(data))
            return len(data)
        if not data:
            return 0
        command, _, size = struct.unpack("<HHH", data[:6])
        body = bytes(data[6 : 6 + size])
        if command == 0x00:
            self.answer(command, bytes(16))
        elif command == 0x10:
            self.mediums.append(body[0])
            self.answer(command, struct.pack("<QQ", 1 << 17, 1 << 17))
        elif command == 0x11:
            self.answer(command, struct.pack("<QQQQ", len(self.card), 512, 512, 0))
        elif command == 0x21:
            self.place, self.expected, _, _ = struct.unpack("<QQQQ", body)
            if self.protected:
                self.expected = 0
                self.answer(command, b"MEDIUM PROTECTED", 2)
            else:
                self.answer(command, bytes(8))
        elif command == 0x01:
            self.rebooted = True
        return len(data)

    def take(self, data: bytes) -> None:
        if self.fail_at is not None and self.place >= self.fail_at:
            raise usb.core.USBError("No such device (it may have been disconnected)", errno=19)
        self.card[self.place : self.place + len(data)] = data
        self.place += len(data)
        self.expected -= len(data)
        if not self.expected:
            self.answer(0x21, b"WRITE DONE")

    def answer(self, command: int, data: bytes, result: int = 1) -> None:
        head = struct.pack("<HHH", command | 0x8000, result, len(data))
        self.answers.append((head + data).ljust(60, b"\0"))

    def read(self, endpoint: int, size: int, timeout: int) -> bytes:
        if not self.answers:
            raise usb.core.USBTimeoutError("timed out", errno=110)
        return self.answers.pop(0)


@pytest.fixture
def boards(monkeypatch: pytest.MonkeyPatch) -> list[Board]:
    found: list[Board] = []
    monkeypatch.setattr(usb.core, "find", lambda **_: list(found))
    monkeypatch.setattr(usb_utils, "fresh_usb_backend", lambda: None)
    monkeypatch.setattr("k230_flash.burners.do_sleep", lambda _: None)
    return found


@pytest.mark.parametrize("form", ["img", "gz", "kdimg"])
def test_an_image_goes_into_the_board(
    images: Images, boards: list[Board], form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    boards.append(Board())
    words = ["flash", str(getattr(images, form)), "--usb", "--yes", "1-2", "--medium", "emmc"]
    assert run([*words, "--json"]) == 0
    shown = capsys.readouterr()
    report = json.loads(shown.out)
    assert (report["device"], report["compared"], report["medium"]) == ("1-2", False, "emmc")
    assert shown.err == ""
    for _, offset, part in images.source.parts:
        assert boards[0].card[offset : offset + len(part)] == part
    assert boards[0].rebooted
    assert boards[0].mediums == [1]


def test_people_are_told_that_nothing_is_read_back(
    images: Images, boards: list[Board], capsys: pytest.CaptureFixture[str]
) -> None:
    boards.append(Board())
    assert run(["flash", str(images.img), "--usb-port", "1-2", "--yes", "1-2"]) == 0
    assert "not read back; the board restarts" in capsys.readouterr().out


def test_what_keeps_a_board_from_being_written(
    images: Images, boards: list[Board], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = ["flash", str(images.img), "--usb", "--yes", "1-2"]

    def said(*more: str) -> str:
        assert run([*words, *more]) == 13
        shown = capsys.readouterr()
        assert shown.err.count("\n") == 1
        return shown.err

    assert "no board in boot mode at USB 1-2 (found: none): hold the board's boot button" in said()
    boards += [Board(2), Board(3)]
    assert run([*words[:-2]]) == 13
    assert "expected one board in boot mode, found 2 (1-2, 1-3)" in capsys.readouterr().err
    assert "expected --yes 1-3, found 1-2" in said("--usb-port", "1-3")
    boards[:] = [Board(size=8 * MB)]
    assert "the board was not written: k230-flash says: " in said()
    boards[:] = [Board()]
    boards[0].fail_at = 5 * MB
    assert "No such device" in said()
    boards[:] = [Board()]
    boards[0].protected = True
    assert "MEDIUM PROTECTED" in said()


def test_no_library_and_no_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: Any) -> None:
        raise usb.core.NoBackendError("No backend available")

    monkeypatch.setattr(usb.core, "find", refuse)
    with pytest.raises(FlashError, match="no USB library was found"):
        boot_mode.boards()

    def deny(**_: Any) -> None:
        raise usb.core.USBError("Access denied (insufficient permissions)", errno=13)

    monkeypatch.setattr(usb.core, "find", deny)
    with pytest.raises(FlashError, match=r"with sudo, or add a udev rule: SUBSYSTEM"):
        boot_mode.boards()
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(FlashError, match=r'pip install "k230-vision\[flash\]"'):
        boot_mode.boards()
