"""Find the disks of this computer, and decide which of them may be overwritten.

The facts come from Linux' /sys, /proc and udev's database. A disk is only opened to read it.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from host_client.base.wording import reason
from host_client.flashing.errors import FlashError
from host_client.flashing.fat import Volume
from host_client.flashing.partitions import SECTOR, partitions

_SYSTEM = ("/", "/boot", "/boot/efi", "/efi", "/usr", "/var", "/home", "/nix", "/opt")
_LEFT_OUT = ("loop", "ram", "zram", "dm-", "md", "sr", "fd", "nbd")


@dataclass(frozen=True)
class Mount:
    """Where a partition is mounted."""

    device: str
    folder: str


@dataclass(frozen=True)
class Device:
    """A disk, a card in a reader, or a file that holds a card.

    Attributes:
        path: /dev/sdb.
        size: bytes; 0 where no card is in the reader.
        model: name to show.
        serial: for --yes: the disk's own, or one derived from name and size if it has none.
        own_serial: whether the serial is the disk's own.
        removable: whether it is a card or a stick.
        read_only: whether it is write-protected.
        contents: what is on it: partitions and labels.
        mounts: where it is mounted.
        users: other uses by the system: swap, RAID, encryption.
        system: whether it holds the running system.
        image: whether it is an ordinary file.
    """

    path: str
    size: int
    model: str = ""
    serial: str = ""
    own_serial: bool = False
    removable: bool = False
    read_only: bool = False
    contents: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()
    users: tuple[str, ...] = ()
    system: bool = False
    image: bool = False

    @property
    def name(self) -> str:
        """Name to type as confirmation: sdb."""
        return self.path.rpartition("/")[2]


def candidates() -> list[Device]:
    """Return the cards and sticks in this computer's readers."""
    if not sys.platform.startswith("linux"):
        return []
    found = []
    for folder in sorted(Path("/sys/block").glob("*")):
        if folder.name.startswith(_LEFT_OUT):
            continue
        device = _device(folder.name)
        if device.removable and device.size and not device.system:
            found.append(device)
    return found


def find(path: str) -> Device:
    """Return the disk with this path, or the file that holds a card.

    Raises:
        FlashError: the path does not exist, or is a partition or another kind of file.
    """
    try:
        real = os.path.realpath(path)
        status = os.stat(real)
    except OSError as error:
        raise FlashError(f"--card {path}: {reason(error)}; {_listed()}") from None
    if stat.S_ISREG(status.st_mode):
        return _file(path, status.st_size)
    if stat.S_ISDIR(status.st_mode):
        raise FlashError(f"--card {path}: expected the card's device, found a folder; {_listed()}")
    if not stat.S_ISBLK(status.st_mode):
        raise FlashError(f"--card {path}: expected a disk, found another kind of file")
    if not sys.platform.startswith("linux"):
        raise FlashError(
            f"--card {path}: writing a card is supported on Linux only; here, write the image "
            "with a tool like balenaEtcher or Rufus, then run k230 setup --from restart"
        )
    name = _name_of(status.st_rdev)
    folder = Path("/sys/block") / name
    if not folder.is_dir():
        parent = _disk_of(status.st_rdev)
        hint = f"; take /dev/{parent}" if parent else ""
        raise FlashError(f"--card {path}: expected a whole card, found a partition of one{hint}")
    return _device(name)


def refusal(device: Device, fixed_too: bool) -> str | None:
    """Return why a device must not be written, or None if it may be.

    fixed_too: the user allows a disk that is not removable.
    """
    where = f"{device.path} ({device.model})" if device.model else device.path
    if device.system:
        return f"{where} holds the running system: it is never written"
    if device.mounts:
        mount = device.mounts[0]
        places = ", ".join(each.folder for each in device.mounts)
        return f"{where} is mounted at {places}: close it with `umount {mount.device}` first"
    if device.users:
        return f"{where} is in use by {', '.join(device.users)}: it is never written"
    if not device.size:
        return f"{where}: there is no card in the reader"
    if device.read_only:
        return (
            f"{where} is write-protected: move the switch at the side of the card or its adapter, "
            "and put it in again"
        )
    if not device.removable and not device.image and not fixed_too:
        return (
            f"{where} is not removable, so it may be a disk of this computer; if it is the card, "
            "add --fixed-disk"
        )
    return None


def _listed() -> str:
    found = candidates()
    if not found:
        return "no card was found in a reader of this computer"
    return "cards found: " + ", ".join(f"{each.path} ({size_text(each.size)})" for each in found)


def size_text(size: int) -> str:
    """Return a size in decimal units, as printed on cards: 31.9 GB."""
    if size >= 10**9:
        return f"{size / 10**9:.1f} GB"
    return f"{size / 10**6:.1f} MB"


def _file(path: str, size: int) -> Device:
    name = Path(path).name
    return Device(
        path,
        size,
        model="a file",
        serial=f"{name}-{size}",
        read_only=not os.access(path, os.W_OK),
        contents=_contents(path),
        users=tuple(_loops(path)),
        image=True,
    )


def _device(name: str) -> Device:
    folder = Path("/sys/block") / name
    size = int(_text(folder / "size") or "0") * 512
    properties = _udev(_text(folder / "dev"))
    own = properties.get("ID_SERIAL_SHORT") or _text(folder / "device/serial")
    kind = _text(folder / "device/type")
    model = " ".join(
        part
        for part in (
            "" if name.startswith(("mmcblk", "vd")) else _text(folder / "device/vendor"),
            _text(folder / "device/model") or _text(folder / "device/name"),
        )
        if part
    )
    numbers = {_text(folder / "dev"): name}
    for inner in sorted(folder.glob(f"{name}*/dev")):
        numbers[_text(inner)] = inner.parent.name
    holders = [each.name for each in folder.glob("holders/*")]
    for inner in folder.glob(f"{name}*/holders/*"):
        holders.append(inner.name)
    mounts = tuple(_mounts(numbers))
    return Device(
        f"/dev/{name}",
        size,
        model=model,
        serial=own or f"{name}-{size}",
        own_serial=bool(own),
        removable=_text(folder / "removable") == "1"
        or (name.startswith("mmcblk") and kind == "SD"),
        read_only=_text(folder / "ro") == "1",
        contents=_contents(f"/dev/{name}"),
        mounts=mounts,
        users=(*_swaps(numbers.values()), *sorted(set(holders))),
        system=_system(numbers, mounts, holders),
    )


def _loops(path: str) -> Iterator[str]:
    """Yield the loop devices of a file."""
    for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
        with contextlib.suppress(OSError):
            if os.path.samefile(_text(backing), path):
                yield f"/dev/{backing.parts[3]}"


def _text(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text("utf-8", "replace").strip()
    return ""


def _udev(numbers: str) -> dict[str, str]:
    found = {}
    for line in _text(Path(f"/run/udev/data/b{numbers}")).splitlines():
        if line.startswith("E:"):
            key, _, value = line[2:].partition("=")
            found[key] = value
    return found


def _mounts(numbers: dict[str, str]) -> Iterator[Mount]:
    for line in _text(Path("/proc/self/mountinfo")).splitlines():
        words = line.split(" ")
        if len(words) > 4 and words[2] in numbers:
            place = words[4].encode().decode("unicode_escape")
            yield Mount(f"/dev/{numbers[words[2]]}", place)
    # A file system with its own device number (btrfs) names its disk only by path.
    paths = {f"/dev/{name}": name for name in numbers.values()}
    for line in _text(Path("/proc/self/mounts")).splitlines():
        words = line.split(" ")
        name = os.path.realpath(words[0]) if words[0].startswith("/dev/") else ""
        status = None
        with contextlib.suppress(OSError):
            status = os.stat(words[1])
        if name in paths and status is not None:
            number = f"{os.major(status.st_dev)}:{os.minor(status.st_dev)}"
            if number not in numbers:
                yield Mount(name, words[1].encode().decode("unicode_escape"))


def _swaps(names: Iterable[str]) -> list[str]:
    paths = {f"/dev/{name}" for name in names}
    lines = _text(Path("/proc/swaps")).splitlines()[1:]
    return ["swap" for line in lines if os.path.realpath(line.split()[0]) in paths]


def _system(numbers: dict[str, str], mounts: tuple[Mount, ...], holders: list[str]) -> bool:
    if any(mount.folder in _SYSTEM for mount in mounts):
        return True
    for place in _SYSTEM:
        with contextlib.suppress(OSError):
            device = os.stat(place).st_dev
            number = f"{os.major(device)}:{os.minor(device)}"
            if number in numbers:
                return True
            # With encryption or LVM the system is on a mapper's disk, and that is on this disk.
            if holders and _name_of(device) in holders:
                return True
    return False


def _name_of(number: int) -> str:
    link = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}")
    with contextlib.suppress(OSError):
        return link.resolve(strict=True).name
    return ""


def _disk_of(number: int) -> str:
    link = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}")
    with contextlib.suppress(OSError):
        folder = link.resolve(strict=True)
        if (folder / "partition").exists():
            return folder.parent.name
    return ""


class _Reader:
    """The first bytes of a disk; empty if this user may not read it."""

    def __init__(self, handle: int, size: int) -> None:
        self._handle = handle
        self.size = size

    def read_at(self, offset: int, size: int) -> bytes:
        """Return bytes of the disk."""
        return os.pread(self._handle, size, offset)

    def write_at(self, offset: int, data: bytes) -> None:
        """Nothing is written here."""
        raise FlashError("this disk is opened for reading only")

    def flush(self) -> None:
        """Nothing is written here."""


def _contents(path: str) -> tuple[str, ...]:
    """Return the content of a card, one line per partition."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except OSError:
        return ()
    found = []
    try:
        reader = _Reader(handle, os.lseek(handle, 0, os.SEEK_END))
        for part in partitions(reader):
            label = part.name
            with contextlib.suppress(FlashError):
                label = Volume(reader, part.offset, part.size, path).label
            text = f"{part.number}: {size_text(part.size)} {part.kind}"
            found.append(f"{text} {label}".strip())
        if not found:
            full = any(os.pread(handle, SECTOR, 0))
            found.append("data without a partition table" if full else "no partition table")
    except OSError:
        pass
    finally:
        os.close(handle)
    return tuple(found)
