"""Read what a firmware image is from the file itself: board, versions, completeness, size."""

from __future__ import annotations

import contextlib
import hashlib
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import board_types
from board_types.releases import ReleaseName, is_supported, number, parse_name, releases
from host_client.flashing.errors import FlashError, ImageError
from host_client.flashing.fat import Store, Volume
from host_client.flashing.kdimg import Kdimg, check_parts, is_kdimg, read_kdimg
from host_client.flashing.partitions import (
    SECTOR,
    Partition,
    boot_parts,
    has_loader,
    partitions,
)
from host_client.flashing.source import CHUNK, Progress, Source, open_source

CARD_LABEL = "SDCARD"  # genimage-sdcard.cfg: the partition that becomes /sdcard
_INTERPRETERS = ("micropython", "app/micropython")
_KERNELS = ("rtt_a", "rtt", "rtapp_a", "rtapp")
_README = "README.txt"  # tools/gen_image.sh writes the link of the kmodels into it
_KMODELS = re.compile(rb"kmodel_v(\d+\.\d+\.\d+)\.tgz")
_CANMV = re.compile(rb"CanMV version: ([ -~]{1,80})")
_MOST_KERNEL = 256 << 20
_OVERLAP = 256
_MEDIA = (
    (b"\x50\x4b\x03\x04", "a zip file"),
    (b"\xfd7zXZ\0", "an .xz file"),
    (b"7z\xbc\xaf\x27\x1c", "a .7z file"),
    (b"Rar!", "a .rar file"),
    (b"BZh", "a .bz2 file"),
    (b"\x28\xb5\x2f\xfd", "a .zst file"),
)
_PAGE = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?<(?:!doctype html|html|head|body)\b", re.IGNORECASE)


class Segment(NamedTuple):
    """A piece of the card: where it goes, where it lies in the image, and how it is padded."""

    place: int
    source: int
    size: int
    padding: int = 0


class Problem(NamedTuple):
    """A problem of an image: a code for programs, a sentence for people."""

    code: str
    text: str


@dataclass
class ImageFacts:
    """An image.

    Attributes:
        path: the file.
        form: img or kdimg.
        compressed: whether it is a .gz.
        file_size: bytes of the file.
        card_size: bytes that the card needs at least.
        segments: the pieces to write.
        boards: names of the board types it is for; several if the image does not distinguish them.
        board_from: source of that: image, header, name; "" if unknown.
        canmv: version, from the image or its name.
        nncase: version. nncase_from: its source: image, name, release.
        partitions: partitions of the card.
        label: label of the partition for /sdcard.
        hash: which hash of the release was compared: md5, sha256, or None.
        update: whether it holds only a kernel, for a running board.
        problems: problems found so far.
    """

    path: Path
    form: str = "img"
    compressed: bool = False
    file_size: int = 0
    card_size: int = 0
    segments: list[Segment] = field(default_factory=list)
    boards: tuple[str, ...] = ()
    board_from: str = ""
    canmv: str | None = None
    nncase: str | None = None
    nncase_from: str = ""
    partitions: list[Partition] = field(default_factory=list)
    label: str | None = None
    hash: str | None = None
    update: bool = False
    problems: list[Problem] = field(default_factory=list)

    @property
    def written(self) -> int:
        """Bytes to write."""
        return sum(segment.size + segment.padding for segment in self.segments)


class _Card:
    """Shows a .kdimg as the card it would become."""

    def __init__(self, source: Source, segments: list[Segment], size: int) -> None:
        self._source = source
        self._segments = segments
        self.size = size

    def read_at(self, offset: int, size: int) -> bytes:
        """Return bytes of the card; zeros between the parts."""
        size = max(0, min(size, self.size - offset))
        data = bytearray(size)
        for place, source, length, padding in self._segments:
            first, last = max(offset, place), min(offset + size, place + length + padding)
            if first >= last:
                continue
            piece = self._source.read_at(source + first - place, min(last, place + length) - first)
            data[first - offset : last - offset] = piece.ljust(last - first, b"\xff")
        return bytes(data)

    def write_at(self, offset: int, data: bytes) -> None:
        """An image is not written to."""
        raise FlashError("an image is opened for reading only")

    def flush(self) -> None:
        """Nothing is written."""


def open_image(path: Path, progress: Progress | None = None) -> tuple[Source, ImageFacts]:
    """Open an image and read its facts; the caller closes the source.

    Raises:
        ImageError: it is not an image, or is damaged or cut off.
    """
    source = open_source(path, progress)
    try:
        return source, _facts(source, progress)
    except BaseException:
        source.close()
        raise


def inspect(path: Path, progress: Progress | None = None) -> ImageFacts:
    """Return the facts of an image."""
    source, facts = open_image(path, progress)
    source.close()
    return facts


def _facts(source: Source, progress: Progress | None) -> ImageFacts:
    facts = ImageFacts(source.path, compressed=source.compressed)
    facts.file_size = source.path.stat().st_size
    _refuse_others(source)
    name = parse_name(source.path.name)
    header: Kdimg | None = None
    if is_kdimg(source):
        header = read_kdimg(source)
        check_parts(source, header, progress)
        facts.form = "kdimg"
        facts.segments = [
            Segment(part.offset, part.content, part.content_size, part.written - part.content_size)
            for part in header.parts
        ]
        facts.card_size = header.end
        facts.update = header.parts[0].offset != 0
    else:
        facts.segments = [Segment(0, 0, source.size)]
        facts.card_size = source.size
    card = _Card(source, facts.segments, facts.card_size)
    facts.partitions = partitions(card)
    if facts.form == "img":
        _check_layout(source, facts)
    facts.hash = _check_hash(source.path)
    binary = _Binary()
    if not facts.update:
        _look_inside(card, facts, binary)
    _conclude(facts, binary, name, header)
    return facts


def _refuse_others(source: Source) -> None:
    """Raise ImageError for files that are often mistaken for an image."""
    head = source.read_at(0, 512)
    path = source.path
    if not head:
        raise ImageError(f"{path}: expected an image, found an empty file; download it again")
    if _PAGE.match(head):
        raise ImageError(
            f"{path}: expected an image, found a web page; open it in a browser to see why, and "
            "download the file itself"
        )
    for magic, what in _MEDIA:
        if head.startswith(magic):
            raise ImageError(f"{path}: expected .img, .img.gz or .kdimg, found {what}; unpack it")
    if head.startswith(b"version https://git-lfs"):
        raise ImageError(f"{path}: expected an image, found a Git LFS pointer; run git lfs pull")
    with contextlib.suppress(UnicodeDecodeError):
        text = head.decode("utf-8")
        if text.isprintable() or all(c.isprintable() or c.isspace() for c in text):
            raise ImageError(f"{path}: expected an image, found a text file")


def _check_layout(source: Source, facts: ImageFacts) -> None:
    path = source.path
    if not facts.partitions:
        raise ImageError(
            f"{path}: expected a partition table in the first {SECTOR} bytes, found none: "
            "not an image of a card"
        )
    last = max(facts.partitions, key=lambda each: each.end)
    if last.end > source.size:
        missing = last.end - source.size
        raise ImageError(
            f"{path}: the image is cut off: partition {last.number} ends at byte {last.end}, "
            f"found {source.size} bytes ({missing} are missing); download it again"
        )
    if not has_loader(source):
        facts.problems.append(
            Problem("not_k230", "the image has no boot loader for the K230 at byte 1048576")
        )


_HASHES = ((".md5", 32, "md5"), (".sha256", 64, "sha256"))


def _check_hash(path: Path) -> str | None:
    """Compare the file with the release's hash file beside it; return its kind."""
    for end, digits, kind in _HASHES:
        beside = path.with_name(path.name + end)
        try:
            lines = beside.read_text("utf-8", "replace").splitlines()[:100]
        except OSError:
            continue
        wanted = {}
        for line in lines:
            found = re.fullmatch(rf"([0-9a-fA-F]{{{digits}}})\s+\*?(.*?)\s*", line)
            if found is not None:
                wanted[Path(found[2].replace("\\", "/")).name] = found[1].lower()
        if path.name not in wanted:
            continue
        digest = hashlib.new(kind, usedforsecurity=False)
        with path.open("rb") as file:
            while piece := file.read(CHUNK):
                digest.update(piece)
        if digest.hexdigest() != wanted[path.name]:
            raise ImageError(
                f"{path}: its {kind.upper()} is not the one in {beside.name}: expected "
                f"{wanted[path.name]}, found {digest.hexdigest()}; download it again"
            )
        return kind
    return None


class _Binary:
    """Collects facts from the interpreter's texts, piece by piece."""

    def __init__(self) -> None:
        self.canmv: str | None = None
        self.unames: set[str] = set()
        self.nncase: str | None = None
        self._rest = b""
        names = sorted((each.uname for each in board_types.all_types()), key=len, reverse=True)
        choice = "|".join(re.escape(name) for name in names if name)
        self._names = re.compile(rf"(?<![A-Za-z0-9_])(?:{choice})(?![A-Za-z0-9_])".encode())

    def take(self, piece: bytes) -> bool:
        """Search the next piece; return whether everything is known."""
        data = self._rest + piece
        found = _CANMV.search(data)
        if found is not None and self.canmv is None:
            self.canmv = found[1].decode("ascii").strip()
        for name in self._names.findall(data):
            self.unames.add(name.decode("ascii"))
        self._rest = data[-_OVERLAP:]
        return self.canmv is not None and bool(self.unames)


def card_volume(store: Store, parts: list[Partition], name: str) -> Volume | None:
    """Return the volume that becomes /sdcard: by its label, else the last FAT volume."""
    found = None
    for partition in parts:
        with contextlib.suppress(FlashError):
            volume = Volume(store, partition.offset, partition.size, name)
            if volume.label == CARD_LABEL:
                return volume
            found = volume if partition is parts[-1] else found
    return found


def _look_inside(card: _Card, facts: ImageFacts, binary: _Binary) -> None:
    volume = card_volume(card, facts.partitions, str(facts.path))
    if volume is not None:
        facts.label = volume.label
        with contextlib.suppress(FlashError):
            kmodels = _KMODELS.search(volume.read(_README) or b"")
            if kmodels is not None:
                binary.nncase = kmodels[1].decode("ascii")
            for place in _INTERPRETERS:
                entry = volume.find(place)
                if entry is None or entry.folder:
                    continue
                for piece in volume.pieces(entry):
                    if binary.take(piece):
                        return
    for piece in _kernel(card):
        if binary.take(piece):
            return


def _kernel(card: _Card) -> Iterator[bytes]:
    """Yield the unpacked kernel; on some boards it holds the interpreter (boards/*/romfs.toml).

    The vendor's gzip data has its own magic number (tools/image_tools/k230_priv_gzip.py).
    """
    for part in boot_parts(card):
        if part.name not in _KERNELS or part.offset >= card.size:
            continue
        head = card.read_at(part.offset, 8192)
        found = re.search(rb"\x1f\x8b[\x08\x09][\0-\x1f]", head)
        if found is None:
            continue
        decoder = zlib.decompressobj(31)
        place, end = part.offset + found.start(), part.offset + part.size
        first = b"\x1f\x8b\x08" + card.read_at(place + 3, CHUNK - 3)
        total = 0
        piece = first
        while piece and place < end and total < _MOST_KERNEL and not decoder.eof:
            try:
                data = decoder.decompress(piece, 4 * CHUNK)
            except zlib.error:
                break
            total += len(data)
            yield data
            piece = decoder.unconsumed_tail
            if not piece:
                place += CHUNK
                piece = card.read_at(place, CHUNK)


def _conclude(
    facts: ImageFacts, binary: _Binary, name: ReleaseName | None, header: Kdimg | None
) -> None:
    by_name = tuple(each.name for each in name.boards) if name is not None else ()
    inside = tuple(
        each.name for each in board_types.all_types() if each.uname in sorted(binary.unames)
    )
    if inside:
        both = tuple(each for each in inside if each in by_name)
        facts.boards, facts.board_from = both or inside, "image"
    elif by_name:
        facts.boards, facts.board_from = by_name, "name"
    elif header is not None:
        facts.boards = _by_header(header.board_info)
        facts.board_from = "header" if facts.boards else ""
    if inside and by_name and not set(inside) & set(by_name):
        facts.problems.append(
            Problem(
                "name",
                f"the file is named like one for {', '.join(by_name)}, but the image is for "
                f"{', '.join(inside)}",
            )
        )
    facts.canmv = binary.canmv or (name.version if name is not None else None)
    if binary.nncase is not None:
        facts.nncase, facts.nncase_from = binary.nncase, "image"
    elif name is not None:
        facts.nncase, facts.nncase_from = name.nncase, "name"
    elif facts.canmv is not None:
        text = number(facts.canmv) or ""
        facts.nncase = releases().nncase_of.get(".".join(text.split(".")[:2]))
        facts.nncase_from = "release" if facts.nncase else ""
    facts.update = facts.update or bool(name is not None and name.update)
    if facts.update:
        facts.problems.append(
            Problem(
                "update_only",
                "the file updates the kernel of a running board; a card needs the whole image "
                "(without _ota in its name)",
            )
        )
    elif facts.label is None and facts.form == "img":
        facts.problems.append(
            Problem("not_canmv", f"the image has no FAT partition ({CARD_LABEL}) for /sdcard")
        )
    elif not facts.canmv and "_rtsmart_" in facts.path.name.lower():
        facts.problems.append(
            Problem("not_canmv", "the file is named like firmware without MicroPython (rtsmart)")
        )
    if facts.canmv is not None and is_supported(facts.canmv) is False:
        wanted = " or ".join(releases().supported)
        facts.problems.append(
            Problem(
                "old_firmware", f"expected CanMV {wanted}, found {facts.canmv}; get a supported one"
            )
        )


def _by_header(text: str) -> tuple[str, ...]:
    """Return the board types in a .kdimg's header, which joins the same words in another order."""

    def words(name: str) -> frozenset[str]:
        return frozenset(re.split(r"[_\- ]+", name.casefold()))

    wanted = words(text)
    return tuple(
        each.name
        for each in board_types.all_types()
        if wanted in [words(image) for image in each.images]
    )


def fits(
    facts: ImageFacts, board: str | None = None, room: int | None = None, nncase: str | None = None
) -> list[Problem]:
    """Return why an image does not fit a board, a card of `room` bytes, or an nncase version."""
    found = list(facts.problems)
    if board is not None and facts.boards and board not in facts.boards:
        found.append(
            Problem(
                "wrong_board",
                f"expected an image for {board}, found one for {', '.join(facts.boards)}",
            )
        )
    if room is not None and facts.card_size > room:
        found.append(
            Problem(
                "too_small",
                f"the card is too small: expected at least {facts.card_size} bytes, found {room}",
            )
        )
    if nncase and facts.nncase and nncase.split(".")[:2] != facts.nncase.split(".")[:2]:
        found.append(
            Problem(
                "nncase",
                f"the package was converted with nncase {nncase}, the image runs {facts.nncase}: "
                f"take CanMV {' or '.join(releases().supported)}, or convert the model again",
            )
        )
    return found
