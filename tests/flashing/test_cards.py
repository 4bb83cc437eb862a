"""Cards that are written, and all that must not be. Block devices are loop devices where root may make them.

Elsewhere the same code writes files; the tests that need a block device say so.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_client.cli.app import run
from host_client.flashing import devices
from host_client.flashing.devices import Device, Mount, find, refusal
from host_client.flashing.errors import FlashError
from host_client.flashing.image import open_image
from host_client.flashing.writer import HEAD, Card, open_error, write_image

from .conftest import Images
from .images import MB, needs_mkfs

pytestmark = needs_mkfs
ROOT = Path(__file__).parents[2]
K230 = [sys.executable, "-c", "from host_client.cli import main; main()"]
SIZE = 40 * MB


def loop(path: Path, *more: str) -> str | None:
    """Return a loop device for a file, None where this machine gives none."""
    if os.geteuid() or shutil.which("losetup") is None:
        return None
    done = subprocess.run(
        ["losetup", "-f", "--show", *more, str(path)], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or None


@contextlib.contextmanager
def block_device(path: Path, *more: str) -> Iterator[str]:
    """Yield a loop device; skip where there is none."""
    device = loop(path, *more)
    if device is None:
        pytest.skip("no block device here (needs root and loop devices); files are tested alike")
    if "-r" not in more:  # a device keeps that from whoever had it before
        subprocess.run(["blockdev", "--setrw", device], check=True)
    try:
        yield device
    finally:
        subprocess.run(["losetup", "-d", device], check=False)


@pytest.fixture(params=["block device", "file"])
def card(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Device]:
    """Yield a card with something on it."""
    path = tmp_path / "card"
    path.write_bytes(b"\xa5" * SIZE)
    if request.param == "file":
        yield find(str(path))
        return
    with block_device(path) as device:
        yield find(device)


def flags(device: Device) -> list[str]:
    """Return what a script gives: the serial, and that a loop device is no removable disk."""
    return ["--yes", device.serial, *([] if device.image else ["--fixed-disk"])]


def content(device: Device) -> bytes:
    return Path(device.path).read_bytes()


@pytest.mark.parametrize("form", ["img", "gz", "kdimg"])
def test_an_image_is_written_and_compared(
    images: Images, card: Device, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    image = getattr(images, form)
    assert run(["flash", str(image), "--card", card.path, *flags(card), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["compared"] is True
    assert report["device"] == card.path
    found = content(card)
    expected = images.img.read_bytes()
    if form == "kdimg":
        for _, offset, part in images.source.parts:
            assert found[offset : offset + len(part)] == part
    else:
        assert found[: len(expected)] == expected
        assert report["sha256"] == hashlib.sha256(expected).hexdigest()
    # Nothing grows, nothing behind the image is touched.
    assert found[len(expected) :] == b"\xa5" * (SIZE - len(expected))
    assert "2: 25.2 MB fat SDCARD" in find(card.path).contents


def test_the_wrong_serial_writes_nothing(
    images: Images, card: Device, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["flash", str(images.img), "--card", card.path, "--yes", "another", "--fixed-disk"]
    assert run(words) == FlashError.exit_code
    assert f"expected --yes {card.serial}" in capsys.readouterr().err
    assert content(card) == b"\xa5" * SIZE


def test_nobody_to_ask(images: Images, card: Device, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["flash", str(images.img), "--card", card.path, "--fixed-disk"]) == 13
    assert "in a script add --yes" in capsys.readouterr().err
    assert content(card) == b"\xa5" * SIZE


def test_a_fixed_disk_must_be_told_twice(
    images: Images, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "card"
    path.write_bytes(bytes(SIZE))
    with block_device(path) as device:
        serial = find(device).serial
        assert run(["flash", str(images.img), "--card", device, "--yes", serial]) == 13
        assert "add --fixed-disk" in capsys.readouterr().err
    assert path.read_bytes() == bytes(SIZE)


def test_a_mounted_card_is_never_written(
    images: Images, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "card"
    path.write_bytes(bytes(SIZE))
    place = tmp_path / "a folder"
    place.mkdir()
    with block_device(path) as device:
        if shutil.which("mkfs.ext4") is None:
            pytest.skip("needs mkfs.ext4")
        subprocess.run(["mkfs.ext4", "-q", device], check=True)
        mounted = subprocess.run(["mount", device, str(place)], capture_output=True, check=False)
        if mounted.returncode:
            pytest.skip("this machine does not mount a loop device")
        try:
            words = ["flash", str(images.img), "--card", device, *flags(find(device))]
            assert run(words) == 13
            said = capsys.readouterr().err
            assert f"is mounted at {place}: close it with `umount {device}` first" in said
            assert (place / "lost+found").is_dir()
            # The kernel says so too, whatever /proc says at that moment.
            clean = Device(device, SIZE, serial="x")
            with pytest.raises(FlashError, match="is in use"):
                Card(clean)
        finally:
            subprocess.run(["umount", str(place)], check=True)


def test_a_write_protected_card(
    images: Images, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "card"
    path.write_bytes(bytes(SIZE))
    with block_device(path, "-r") as device:
        assert run(["flash", str(images.img), "--card", device, *flags(find(device))]) == 13
        assert "is write-protected: move the switch" in capsys.readouterr().err


def test_a_card_that_is_too_small(
    images: Images, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "card"
    path.write_bytes(b"\xa5" * 8 * MB)
    assert run(["flash", str(images.gz), "--card", str(path), *flags(find(str(path)))]) == 13
    assert "too small: expected at least 30.4 MB, found 8.4 MB" in capsys.readouterr().err
    assert path.read_bytes() == b"\xa5" * 8 * MB


def test_a_card_that_fails_in_the_middle(
    images: Images, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file behind the loop device has no room: the writes fail as a broken card's do."""
    place = tmp_path / "small"
    place.mkdir()
    if os.geteuid():
        pytest.skip("no block device here (needs root and loop devices)")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("this machine does not mount a tmpfs")
    try:
        path = place / "card"
        with path.open("wb") as file:
            file.truncate(SIZE)
        with block_device(path) as device:
            raw = images.img.read_bytes()
            image = tmp_path / "noise.img"
            image.write_bytes(raw[: 20 * MB] + os.urandom(len(raw) - 20 * MB))
            assert run(["flash", str(image), "--card", device, *flags(find(device))]) == 13
            said = capsys.readouterr().err
            assert "the card does not answer any more; it was pulled out" in said
            assert said.count("\n") == 1
            with Path(device).open("rb") as file:
                assert file.read(512) == bytes(512)
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_card_that_lies_about_its_size(images: Images, tmp_path: Path) -> None:
    """What is written beyond its true size comes back as something else."""
    path = tmp_path / "card"
    path.write_bytes(bytes(SIZE))
    device = find(str(path))
    source, facts = open_image(images.img)

    class Liar(Card):
        def read_at(self, offset: int, size: int) -> bytes:
            return super().read_at(offset % (16 * MB), size)

    with source, pytest.MonkeyPatch.context() as patch:
        patch.setattr("host_client.flashing.writer.Card", Liar)
        with pytest.raises(FlashError, match="the data read back differs"):
            write_image(source, facts, device)


def test_another_card_in_the_meantime(images: Images, tmp_path: Path) -> None:
    path = tmp_path / "card"
    path.write_bytes(bytes(SIZE))
    device = find(str(path))
    with path.open("r+b") as file:
        file.truncate(SIZE * 2)
    source, facts = open_image(images.img)
    with source, pytest.raises(FlashError, match="is another card now"):
        write_image(source, facts, device)


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_command_that_is_ended_leaves_no_partition_table(
    images: Images, tmp_path: Path, ending: signal.Signals
) -> None:
    path = tmp_path / "card"
    image = tmp_path / "large.img"
    for place, size in ((path, 400 * MB), (image, 300 * MB)):
        with place.open("wb") as file:
            file.write(images.img.read_bytes())
            file.truncate(size)
    device = find(str(path))
    words = ["flash", str(image), "--card", str(path), "--yes", device.serial]
    process = subprocess.Popen(
        [*K230, *words], cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    stop = time.monotonic() + 120
    while time.monotonic() < stop and process.poll() is None:
        with path.open("rb") as file:
            if file.read(HEAD) == bytes(HEAD):
                break
    process.send_signal(ending)
    _, said = process.communicate(timeout=120)
    assert process.returncode not in (0, 1)
    with path.open("rb") as file:
        assert file.read(HEAD) == bytes(HEAD)
    assert find(str(path)).contents == ("no partition table",)
    if ending is not signal.SIGKILL:
        assert "the card is not usable now" in said
        assert "Traceback" not in said


# Disks as the system describes them, and what is said of each.
DISKS: list[tuple[Device, str]] = [
    (Device("/dev/sda", 10**12, system=True, removable=True), "holds the running system"),
    (
        Device("/dev/sdb", 10**10, removable=True, mounts=(Mount("/dev/sdb1", "/media/me/CARD"),)),
        "is mounted at /media/me/CARD: close it with `umount /dev/sdb1`",
    ),
    (Device("/dev/sdb", 10**10, removable=True, users=("swap",)), "is in use by swap"),
    (Device("/dev/sdb", 10**10, removable=True, users=("dm-0",)), "is in use by dm-0"),
    (Device("/dev/sdb", 0, removable=True), "there is no card in the reader"),
    (Device("/dev/sdb", 10**10, removable=True, read_only=True), "is write-protected"),
    (Device("/dev/nvme0n1", 10**12), "is not removable"),
]


@pytest.mark.parametrize(("device", "said"), DISKS)
def test_disks_that_are_not_written(device: Device, said: str) -> None:
    assert said in (refusal(device, fixed_too=False) or "")
    told_twice = refusal(device, fixed_too=True)
    assert (told_twice is None) == (said == "is not removable")


def test_the_disk_of_the_running_system_is_known() -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("disks are read on Linux alone")
    found = [devices._device(each.name) for each in Path("/sys/block").glob("*")]
    holding = [each for each in found if each.system]
    number = os.stat("/").st_dev
    if not Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}").exists():
        pytest.skip("the root of this machine lies on no disk of its own (a container)")
    assert holding
    for each in holding:
        assert refusal(each, fixed_too=True)
    assert not {each.path for each in holding} & {each.path for each in devices.candidates()}


def test_ways_to_name_no_card(
    images: Images, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for place, said in (
        (str(tmp_path), "found a folder"),
        ("/dev/null", "found another kind of file"),
        (str(tmp_path / "none"), "no such file or directory"),
    ):
        assert run(["flash", str(images.img), "--card", place, "--yes", "x"]) == 13
        shown = capsys.readouterr().err
        assert said in shown
        assert shown.count("\n") == 1
    assert run(["flash", str(images.img), "--card", "/dev/null", "--usb"]) == 2


def test_two_cards_must_be_named(
    images: Images, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cards = [
        Device(f"/dev/sd{letter}", 10**10, model="Reader", serial=letter, removable=True)
        for letter in "bc"
    ]
    monkeypatch.setattr(devices, "candidates", lambda: cards)
    assert run(["flash", str(images.img)]) == 13
    assert re.search(r"expected one card, found 2: /dev/sdb .* /dev/sdc", capsys.readouterr().err)
    assert run(["flash", str(images.img), "--yes", "d"]) == 13
    assert "no card was found" in capsys.readouterr().err


def test_what_a_card_that_can_not_be_opened_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["k230", "flash", "a b.img", "--card", "/dev/sdz"])
    device = Device("/dev/null", 10**10)
    for number, said in (
        (13, "permission denied; run `sudo k230 flash 'a b.img' --card /dev/sdz`"),
        (16, "is in use"),
        (30, "is write-protected"),
        (123, "there is no card in the reader"),
        (5, "input/output error"),
    ):
        assert said in str(open_error(device, OSError(number, os.strerror(number))))


def test_without_permission(images: Images, tmp_path: Path) -> None:
    """Another user may not write root's disk: the line with sudo is said."""
    if os.geteuid() or shutil.which("runuser") is None:
        pytest.skip("needs root, to become another user")
    path = tmp_path / "card"
    path.write_bytes(bytes(SIZE))
    with block_device(path) as device:
        words = ["flash", "x.img", "--card", device]
        code = (
            "import os, sys; os.setgid(65534); os.setuid(65534); "
            f"sys.argv = ['k230', *{words!r}]; "
            "from host_client.flashing.writer import Card; "
            "from host_client.flashing.devices import Device; "
            "from host_client.flashing.errors import FlashError\n"
            f"try: Card(Device({device!r}, {SIZE}))\n"
            "except FlashError as error: print(error)"
        )
        # Imported before the user changes: a checkout may lie where others may not read.
        first = "import host_client.flashing.writer, grp, shlex; "
        said = subprocess.run(
            [sys.executable, "-c", first + code],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert f"permission denied; run `sudo k230 flash x.img --card {device}`" in said.stdout, (
            said
        )
