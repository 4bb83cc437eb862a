"""Firmware images like the vendor's, small: partition table, boot loader's table, FAT with its files.

The file systems are made by mkfs.vfat and mcopy, as the vendor's genimage makes them.
"""

from __future__ import annotations

import gzip
import hashlib
import shutil
import struct
import subprocess
import zlib
from pathlib import Path

import pytest

MB = 1 << 20
BIN_PLACE, BIN_SIZE = 4 * MB, MB
APP_PLACE = 5 * MB
KERNEL_PLACE, KERNEL_SIZE = 2 * MB, MB
NAME = "CanMV_K230_01Studio_micropython_v1.7-0-g738f17f_nncase_v2.11.0.img"
UNAME = "k230_canmv_01studio"

needs_mkfs = pytest.mark.skipif(
    shutil.which("mkfs.vfat") is None or shutil.which("mcopy") is None,
    reason="needs mkfs.vfat (dosfstools) and mcopy (mtools)",
)


def run(*words: object) -> str:
    """Run a program and return what it printed."""
    done = subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, check=False
    )
    assert not done.returncode, (words, done.stdout, done.stderr)
    return done.stdout


def interpreter(uname: str, canmv: str) -> bytes:
    """Return what stands for the interpreter: its texts in a noise of other bytes."""
    noise = bytes(range(256)) * 3000
    return noise + f"CanMV version: {canmv}\0{uname}\0K230\0".encode() + noise


def fat(path: Path, size: int, label: str, files: dict[str, bytes], *options: object) -> None:
    """Make a FAT file system with these files."""
    path.write_bytes(b"")
    with path.open("r+b") as file:
        file.truncate(size)
    run("mkfs.vfat", "-n", label, *(options or ("-F", "16", "-s", "4")), path)
    folder = path.with_suffix(".files")
    for name, data in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    if files:
        run("mcopy", "-s", "-i", path, *sorted(folder.iterdir()), "::")
        shutil.rmtree(folder)


def mbr(*parts: tuple[int, int]) -> bytes:
    """Return a partition table of FAT partitions."""
    sector = bytearray(512)
    for number, (offset, size) in enumerate(parts):
        entry = struct.pack("<B3sB3sII", 0, b"\0\2\0", 0x0C, b"\0\2\0", offset >> 9, size >> 9)
        sector[446 + 16 * number : 462 + 16 * number] = entry
    sector[510:] = b"\x55\xaa"
    return bytes(sector)


def toc(*parts: tuple[str, int, int]) -> bytes:
    """Return the boot loader's table."""
    return b"".join(
        struct.pack("<32sQQBB", name.encode(), offset, size, 1, 0).ljust(64, b"\0")
        for name, offset, size in parts
    )


def kernel(content: bytes) -> bytes:
    """Return a kernel's part: the vendor's headers, and gzip data with the vendor's mark."""
    data = bytearray(gzip.compress(content, 1, mtime=0))
    data[2] = 9
    return b"K230" + bytes(512) + bytes(64) + bytes(data)


class Image:
    """An image's parts, before they become one of the vendor's two forms."""

    def __init__(
        self,
        folder: Path,
        *,
        uname: str = UNAME,
        canmv: str = "v1.7-0-g738f17f",
        kmodels: str | None = "2.11.0",
        in_kernel: bool = False,
        label: str = "SDCARD",
        files: dict[str, bytes] | None = None,
        size: int = 24 * MB,
        options: tuple[object, ...] = (),
    ) -> None:
        code = interpreter(uname, canmv)
        content = {
            "revision.txt": b"canmv_k230=738f17f\n",
            "examples/a long name.py": b"print(1)\n",
        }
        if kmodels is not None:
            link = f"https://example.org/k230/downloads/kmodel/kmodel_v{kmodels}.tgz\n"
            content["README.txt"] = link.encode()
        if not in_kernel:
            content["micropython"] = code
        fat(folder / "bin.vfat", BIN_SIZE, "BIN", {"init.sh": b"#\n"}, "-F", "12")
        fat(folder / "app.vfat", size, label, content | (files or {}), *options)
        self.size = APP_PLACE + size
        self.parts = [
            ("[MBR]", 0, mbr((BIN_PLACE, BIN_SIZE), (APP_PLACE, size))),
            ("[TOC]", 0xE0000, toc(("spl", MB, 0), ("rtt_a", KERNEL_PLACE, KERNEL_SIZE))),
            ("spl", MB, b"K230" + b"\x11" * 5000),
            ("rtt_a", KERNEL_PLACE, kernel(code if in_kernel else b"no interpreter here")),
            ("bin", BIN_PLACE, (folder / "bin.vfat").read_bytes()),
            ("app", APP_PLACE, (folder / "app.vfat").read_bytes()),
        ]
        (folder / "bin.vfat").unlink()
        (folder / "app.vfat").unlink()

    def img(self, path: Path) -> Path:
        """Write it as .img, or .img.gz by its name."""
        data = bytearray(self.size)
        for _, offset, content in self.parts:
            data[offset : offset + len(content)] = content
        path.write_bytes(gzip.compress(data, 1, mtime=0) if path.suffix == ".gz" else data)
        return path

    def kdimg(
        self, path: Path, board: str = "K230_CanMV_01Studio", version: int = 2, ota: bool = False
    ) -> Path:
        """Write it as .kdimg."""
        entries = b""
        body = b""
        for name, offset, content in self.parts:
            if ota and name not in ("rtt_a",):
                continue
            data = content if len(content) <= 4096 else content + bytes(-len(content) % 4096)
            sha = hashlib.sha256(data).digest()
            place = 64 * 1024 + len(body)
            padded = len(data) + (8192 if name == "spl" else 0)
            numbers = [0x91DF6DA4, offset, padded, 0, padded]
            if version >= 2:
                entry = struct.pack("<IIIIIIQII", *numbers, 0, 0, place, len(data))
            else:
                entry = struct.pack("<IIIIIIII", *numbers, 0, place, len(data))
            entries += (entry + sha + name.encode().ljust(32, b"\0")).ljust(256, b"\0")
            body += data + bytes(-len(data) % 4096)
        table = (len(entries) // 256, zlib.crc32(entries))
        texts = (b"v1.1.0", b"K230", board.encode())

        def head(crc: int) -> bytes:
            packed = struct.pack("<6I32s32s64s", 0x27CB8F93, crc, 0, version, *table, *texts)
            return packed.ljust(512, b"\0")

        start = head(zlib.crc32(head(0))) + entries
        data = start.ljust(64 * 1024, b"\0") + body
        path.write_bytes(gzip.compress(data, 1, mtime=0) if path.suffix == ".gz" else data)
        return path
