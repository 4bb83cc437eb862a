"""Read and write a FAT file system on a card or in an image, without mounting it.

Supports FAT16 and FAT32 with long names, as mkfs.vfat makes them for the vendor's images. The order
of writes survives pulling the card: content, allocation table, folder entry, then the old content's
clusters are freed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from host_client.flashing import fat_names
from host_client.flashing.errors import FlashError

FOLDER = 0x10
_LABEL = 0x08
_LONG = 0x0F
ENTRY = 32
_FREE = 0xE5
_DATE = 0x5A21  # 1 January 2025: a fixed date, as boards have no clock
_END = 0x0FFFFFF8
_MOST = 1 << 28  # clusters that a table can have
_DEEPEST = 16


class FatError(FlashError):
    """A file system can't be read, or is full."""


class Store(Protocol):
    """The card that holds the volume."""

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to size bytes from a place."""

    def write_at(self, offset: int, data: bytes) -> None:
        """Write data at a place."""

    def flush(self) -> None:
        """Wait until all data is on the card."""


class Entry(NamedTuple):
    """An entry of a folder, and its place there."""

    name: str
    attributes: int
    cluster: int
    size: int
    start: int
    slots: int
    alias: bytes

    @property
    def folder(self) -> bool:
        """Whether it is a folder."""
        return bool(self.attributes & FOLDER)


class Volume:
    """A FAT volume at a place of a store."""

    def __init__(self, store: Store, offset: int, size: int, name: str) -> None:
        self._store = store
        self._offset = offset
        self.name = name
        head = store.read_at(offset, 512)
        if len(head) < 512 or head[510:512] != b"\x55\xaa":
            raise FatError(f"{name}: expected a FAT file system, found none")
        sector: int
        sector, per_cluster, reserved, copies, roots = struct.unpack("<HBHBH", head[11:19])
        sectors = struct.unpack("<H", head[19:21])[0] or struct.unpack("<I", head[32:36])[0]
        length = struct.unpack("<H", head[22:24])[0]
        self.wide = not length
        if self.wide:
            length, _, _, self._root = struct.unpack("<IHHI", head[36:48])
        if (
            sector not in (512, 1024, 2048, 4096)
            or not per_cluster
            or per_cluster & (per_cluster - 1)
            or not 1 <= copies <= 4
            or not length
            or not reserved
        ):
            raise FatError(f"{name}: expected a FAT file system, found a damaged one")
        self._fat = offset + reserved * sector
        self._fat_size = length * sector
        self._copies = copies
        self._roots = roots * ENTRY
        self._root_place = self._fat + copies * self._fat_size
        self._data: int = self._root_place + -(-self._roots // sector) * sector
        self.cluster_size: int = sector * per_cluster
        count = (sectors - (self._data - offset) // sector) // per_cluster
        width = 4 if self.wide else 2
        if not 0 < count < _MOST or (count + 2) * width > self._fat_size:
            raise FatError(f"{name}: expected a FAT file system, found a damaged one")
        if sectors * sector > size:
            raise FatError(
                f"{name}: the file system is larger than its partition: expected {sectors * sector} "
                f"bytes, found {size}"
            )
        if not self.wide and count < 4085 and head[54:62] != b"FAT16   ":
            raise FatError(f"{name}: expected FAT16 or FAT32, found FAT12")
        self._count: int = count
        raw = store.read_at(self._fat, (count + 2) * width)
        self._table: list[int] = list(
            struct.unpack(f"<{count + 2}{'I' if self.wide else 'H'}", raw)
        )
        self._changed: set[int] = set()
        self._next = 2
        hints = struct.unpack("<H", head[48:50])[0] if self.wide else 0
        self._hints = offset + hints * sector if 0 < hints < reserved else None
        place = 71 if self.wide else 43
        self.label = head[place : place + 11].decode("latin-1").strip()

    # Clusters

    def _value(self, cluster: int) -> int:
        value = self._table[cluster]
        if self.wide:
            return value & 0x0FFFFFFF
        return value | 0x0FFF0000 if value >= 0xFFF0 else value

    def _chain(self, cluster: int) -> Iterator[int]:
        for _ in range(self._count):
            if not 2 <= cluster < self._count + 2:
                raise FatError(f"{self.name}: damaged: a file leads to cluster {cluster}")
            yield cluster
            cluster = self._value(cluster)
            if cluster >= _END:
                return
        raise FatError(f"{self.name}: damaged: a file's clusters lead in a circle")

    def _place(self, cluster: int) -> int:
        return self._data + (cluster - 2) * self.cluster_size

    def _set(self, cluster: int, value: int) -> None:
        kept = self._table[cluster] & 0xF0000000 if self.wide else 0
        self._table[cluster] = (value & (0x0FFFFFFF if self.wide else 0xFFFF)) | kept
        self._changed.add(cluster)

    def free(self) -> int:
        """Return the bytes that are free."""
        unused = sum(1 for cluster in range(2, self._count + 2) if not self._value(cluster))
        return unused * self.cluster_size

    def _allocate(self, count: int) -> list[int]:
        found: list[int] = []
        for step in range(self._count):
            if len(found) == count:
                break
            cluster = 2 + (self._next - 2 + step) % self._count
            if not self._value(cluster):
                found.append(cluster)
        if len(found) < count:
            raise FatError(
                f"{self.name}: full: expected {count * self.cluster_size} free bytes, "
                f"found {len(found) * self.cluster_size}"
            )
        for cluster, following in zip(found, [*found[1:], _END | 7], strict=False):
            self._set(cluster, following)
        if found:
            self._next = found[-1]
        return found

    def _release(self, cluster: int) -> None:
        if cluster:
            for each in list(self._chain(cluster)):
                self._set(each, 0)

    def _flush_table(self) -> None:
        if self._hints is not None and self._changed:
            # Mark the number of free clusters as unknown: the board counts them again.
            self._store.write_at(self._hints + 488, b"\xff" * 8)
            self._hints = None
        width = 4 if self.wide else 2
        per_block = 512 // width
        for block in sorted({cluster // per_block for cluster in self._changed}):
            entries = self._table[block * per_block : (block + 1) * per_block]
            data = struct.pack(f"<{len(entries)}{'I' if self.wide else 'H'}", *entries)
            for copy in range(self._copies):
                self._store.write_at(self._fat + copy * self._fat_size + block * 512, data)
        self._changed.clear()

    # Folders

    def _blocks(self, cluster: int) -> list[tuple[int, int]]:
        """Return (place, bytes) of the pieces of a folder; cluster 0 is the root."""
        if not cluster and not self.wide:
            return [(self._root_place, self._roots)]
        first = cluster or self._root
        return [(self._place(each), self.cluster_size) for each in self._chain(first)]

    def _raw(self, cluster: int) -> bytes:
        return b"".join(self._store.read_at(*block) for block in self._blocks(cluster))

    def _patch(self, cluster: int, offset: int, data: bytes) -> None:
        """Write into a folder at an offset that may run from one piece into the next."""
        for place, size in self._blocks(cluster):
            if offset < size and data:
                now = data[: size - offset]
                self._store.write_at(place + offset, now)
                data = data[len(now) :]
                offset = 0
            else:
                offset = max(0, offset - size)

    def _entries(self, cluster: int) -> Iterator[Entry]:
        raw = self._raw(cluster)
        long: list[bytes] = []
        for index in range(len(raw) // ENTRY):
            entry = raw[index * ENTRY : (index + 1) * ENTRY]
            if not entry[0]:
                return
            if entry[0] == _FREE:
                long = []
            elif entry[11] & 0x3F == _LONG:
                long.append(entry)
            elif not entry[11] & _LABEL:
                alias = entry[:11]
                name = fat_names.long_name(long, alias) or fat_names.short_name(alias, entry[12])
                high, low, size = struct.unpack("<H4xHI", entry[20:32])
                first = (high << 16 | low) if self.wide else low
                slots = (len(long) if fat_names.long_name(long, alias) else 0) + 1
                yield Entry(name, entry[11], first, size, index - slots + 1, slots, alias)
                long = []
            else:
                long = []

    def _find(self, path: str) -> tuple[int, Entry | None]:
        """Return the folder's first cluster and the entry; the root has no entry."""
        parts = [part for part in path.split("/") if part not in ("", ".")]
        if len(parts) > _DEEPEST:
            raise FatError(f"{path}: expected at most {_DEEPEST} folders, found {len(parts)}")
        cluster, parent = 0, 0
        entry: Entry | None = None
        for index, part in enumerate(parts):
            parent = cluster
            wanted = part.casefold()
            entry = next((e for e in self._entries(cluster) if e.name.casefold() == wanted), None)
            if entry is None or (index < len(parts) - 1 and not entry.folder):
                raise FileNotFoundError(path)
            cluster = entry.cluster
        return parent, entry

    def find(self, path: str) -> Entry | None:
        """Return the entry of a file or folder, or None."""
        try:
            return self._find(path)[1]
        except FileNotFoundError:
            return None

    def listing(self, path: str) -> list[Entry]:
        """Return the entries of a folder; [] if it does not exist."""
        parts = [part for part in path.split("/") if part not in ("", ".")]
        cluster = 0
        if parts:
            entry = self.find(path)
            if entry is None or not entry.folder:
                return []
            cluster = entry.cluster
        return [each for each in self._entries(cluster) if each.name not in (".", "..")]

    def files(self, path: str = "", deep: int = 0) -> Iterator[tuple[str, Entry]]:
        """Yield every file below a folder: its relative path and its entry."""
        if deep > _DEEPEST:
            raise FatError(f"{self.name}: damaged: folders lie deeper than {_DEEPEST}")
        for entry in self.listing(path):
            if not entry.folder:
                yield entry.name, entry
                continue
            for inner, found in self.files(f"{path}/{entry.name}", deep + 1):
                yield f"{entry.name}/{inner}", found

    # Files

    def pieces(self, entry: Entry) -> Iterator[bytes]:
        """Yield a file's content."""
        left = entry.size
        if not left:
            return
        for cluster in self._chain(entry.cluster):
            yield self._store.read_at(self._place(cluster), min(left, self.cluster_size))
            left -= self.cluster_size
            if left <= 0:
                return
        raise FatError(f"{self.name}: damaged: {entry.name} is shorter than its folder says")

    def read(self, path: str) -> bytes | None:
        """Return a file's content, or None if it does not exist."""
        entry = self.find(path)
        return b"".join(self.pieces(entry)) if entry is not None and not entry.folder else None

    def _content(self, data: bytes) -> int:
        """Write data into free clusters; return the first one, 0 for no data."""
        clusters = self._allocate(-(-len(data) // self.cluster_size))
        size = self.cluster_size
        for index, cluster in enumerate(clusters):
            piece = data[index * size : (index + 1) * size]
            self._store.write_at(self._place(cluster), piece + bytes(-len(piece) % 512))
        return clusters[0] if clusters else 0

    def write(self, path: str, data: bytes) -> None:
        """Write or replace a file, and create its folders."""
        folder, _, name = path.rpartition("/")
        self._encoded(path, name, set())  # before anything is changed
        if folder:
            self.make_folders(folder)
        old = self.find(path)
        if old is not None and old.folder:
            raise FatError(f"{path}: expected a file, found a folder")
        first = self._content(data)
        self._flush_table()
        self._store.flush()
        if old is None:
            try:
                self._enter(folder, name, 0x20, first, len(data))
            except FatError:
                self._release(first)
                self._flush_table()
                raise
        else:
            self._rewrite(path, old, first, len(data))
            self._release(old.cluster)
            self._flush_table()
        self._store.flush()

    def _rewrite(self, path: str, entry: Entry, cluster: int, size: int) -> None:
        parent, _ = self._find(path)
        place = (entry.start + entry.slots - 1) * ENTRY
        raw = self._raw(parent)[place : place + ENTRY]
        tail = struct.pack("<H4xHI", cluster >> 16, cluster & 0xFFFF, size)
        self._patch(parent, place, raw[:20] + tail[:2] + raw[22:26] + tail[6:])

    def _enter(self, folder: str, name: str, attributes: int, cluster: int, size: int) -> None:
        entry = self._find(folder)[1] if folder else None
        parent = entry.cluster if entry is not None else 0
        used = {each.alias for each in self._entries(parent)}
        alias, long = self._encoded(f"{folder}/{name}", name, used)
        slots = b"".join(long)
        raw = slots + fat_names.short_entry(alias, attributes, cluster, size, _DATE)
        place = self._room(parent, len(raw) // ENTRY)
        self._patch(parent, place * ENTRY, raw)

    @staticmethod
    def _encoded(path: str, name: str, used: set[bytes]) -> tuple[bytes, list[bytes]]:
        try:
            return fat_names.encode(name, used)
        except ValueError as error:
            raise FatError(f"{path}: {error}") from None

    def _room(self, cluster: int, slots: int) -> int:
        """Return the place of `count` free entries in a row; a full folder grows."""
        raw = self._raw(cluster)
        row = 0
        ended = False
        for index in range(len(raw) // ENTRY):
            ended = ended or not raw[index * ENTRY]
            row = row + 1 if ended or raw[index * ENTRY] == _FREE else 0
            if row == slots:
                return index - slots + 1
        if not cluster and not self.wide:
            raise FatError(f"{self.name}: its top folder is full")
        more = self._allocate(1)[0]
        self._store.write_at(self._place(more), bytes(self.cluster_size))
        self._set(list(self._chain(cluster or self._root))[-1], more)
        self._flush_table()
        return self._room(cluster, slots)

    def make_folders(self, path: str) -> None:
        """Make a folder and its parents."""
        done = ""
        for part in [each for each in path.split("/") if each not in ("", ".")]:
            above, done = done, f"{done}/{part}" if done else part
            entry = self.find(done)
            if entry is not None:
                if not entry.folder:
                    raise FatError(f"{done}: expected a folder, found a file")
                continue
            parent = self.find(above) if above else None
            cluster = self._allocate(1)[0]
            up = parent.cluster if parent is not None else 0
            dots = fat_names.short_entry(b".          ", FOLDER, cluster, 0, _DATE)
            dots += fat_names.short_entry(b"..         ", FOLDER, up, 0, _DATE)
            self._store.write_at(self._place(cluster), dots.ljust(self.cluster_size, b"\0"))
            self._flush_table()
            self._enter(above, part, FOLDER, cluster, 0)

    def _strike(self, path: str, entry: Entry) -> None:
        """Remove a name from its folder."""
        parent, _ = self._find(path)
        for index in range(entry.start, entry.start + entry.slots):
            self._patch(parent, index * ENTRY, bytes([_FREE]))

    def remove(self, path: str) -> None:
        """Remove a file or a folder with its content, if it exists."""
        entry = self.find(path)
        if entry is None:
            return
        if entry.folder:
            for inner in self.listing(path):
                self.remove(f"{path}/{inner.name}")
        self._strike(path, entry)
        self._store.flush()
        self._release(entry.cluster)
        self._flush_table()
        self._store.flush()

    def rename(self, path: str, to: str) -> None:
        """Rename or move; `to` must not exist. The new name is written before the old one is removed."""
        entry = self.find(path)
        if entry is None:
            raise FatError(f"{path}: there is no such file")
        folder, _, name = to.rpartition("/")
        if folder:
            self.make_folders(folder)
        if self.find(to) is not None:
            raise FatError(f"{to} already exists")
        self._enter(folder, name, entry.attributes, entry.cluster, entry.size)
        self._store.flush()
        self._strike(path, entry)
        if entry.folder:
            parent = self.find(folder) if folder else None
            up = parent.cluster if parent is not None else 0
            raw = fat_names.short_entry(b"..         ", FOLDER, up, 0, _DATE)
            self._patch(entry.cluster, ENTRY, raw)
        self._store.flush()
