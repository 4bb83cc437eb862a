"""A card in memory with folders, on which power can go off at any step of any write.

Behaves as FAT does: rename refuses an existing target and moves whole folders, rmdir wants an empty
folder. What was written and not flushed may be there, in part or not at all, when power comes back.

The card can be full as FatFs is (rtsmart v1.7: ff.c, f_write; dfs_elm.c, dfs_elm_write): write() takes
what fits, returns the count and raises nothing. It can refuse every change, or every access, from one
step on: EROFS for a full folder and for write-protection (dfs_elm.c, elm_result_to_dfs), EIO for a card
that was pulled out, EINVAL for the read-only romfs behind a mount (dfs_romfs.c, dfs_romfs_open).
"""

import errno
import os


class PowerCutError(Exception):
    """Power went off."""


LOST = "lost"  # what was not flushed is gone
HALF = "half"  # half of it is there
KEPT = "kept"  # all of it is there


class FolderCard:
    """Stands for `os` and `open` of the modules under test; steps counts what could be cut."""

    def __init__(self, unflushed: str = LOST) -> None:
        self.tree = {"/sdcard": None, "/data": None}  # path -> bytes, or None for a folder
        self.steps = 0
        self.cut_at = -1
        self.free = 1 << 30
        self._unflushed = unflushed
        self.writes = 0  # calls of write()
        self.full_at = -1  # the write() with which the card is full
        self.fits = 0.0  # the share of its bytes that still fit
        self.full = False
        self.refused_at = -1  # the step from which on `refusal` is raised
        self.refusal = 0  # an errno

    def mend(self) -> None:
        """The card is as it should be again."""
        self.full = False
        self.full_at = self.refused_at = -1

    def copy(self) -> "FolderCard":
        card = FolderCard(self._unflushed)
        card.tree = dict(self.tree)
        return card

    def put(self, path: str, data: bytes) -> None:
        """Make a file, and the folders above it, without any step."""
        parts = path.split("/")
        for count in range(2, len(parts)):
            self.tree.setdefault("/".join(parts[:count]), None)
        self.tree[path] = data

    def under(self, folder: str) -> dict:
        """Return {relative path: content} of the files below a folder."""
        start = folder + "/"
        return {
            path[len(start) :]: self.tree[path]
            for path in self.tree
            if path.startswith(start) and self.tree[path] is not None
        }

    def step(self) -> None:
        self.steps += 1
        if self.steps == self.cut_at:
            raise PowerCutError
        if self.refused_at >= 0 and self.steps >= self.refused_at:
            raise OSError(self.refusal)

    def taken(self, size: int) -> int:
        """Return how many of size bytes of one write() fit."""
        self.writes += 1
        if self.full:
            return 0
        if self.writes == self.full_at:
            self.full = True
            return min(size - 1, int(size * self.fits))
        return size

    def _need(self, path: str) -> str:
        path = path.rstrip("/")
        if self.refusal == errno.EIO and 0 <= self.refused_at <= self.steps:
            raise OSError(errno.EIO)
        if path not in self.tree:
            raise OSError(errno.ENOENT)
        return path

    def _parent(self, path: str) -> None:
        if self.tree.get(path[: path.rfind("/")], b"") is not None:
            raise OSError(errno.ENOENT)

    def open(self, path: str, mode: str = "r", **_):
        if "r" in mode:
            data = self.tree[self._need(path)]
            if data is None:
                raise OSError(errno.EISDIR)
            return _Reading(data, "b" in mode)
        self._parent(path)
        if path in self.tree and self.tree[path] is None:
            raise OSError(errno.EISDIR)
        self.step()
        if "w" in mode or path not in self.tree:
            self.tree[path] = b""
        return _Writing(self, path)

    def stat(self, path: str):
        data = self.tree[self._need(path)]
        if data is None:
            return (0x4000, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        return (0x8000, 0, 0, 0, 0, 0, len(data), 0, 0, 0)

    def urandom(self, count: int) -> bytes:
        return os.urandom(count)

    def statvfs(self, path: str):
        return (4096, 4096, 1 << 20, self.free // 4096, self.free // 4096, 0, 0, 0, 0, 255)

    def listdir(self, path: str) -> list:
        start = self._need(path) + "/"
        if self.tree[start[:-1]] is not None:
            raise OSError(errno.ENOTDIR)
        return sorted(
            [
                p[len(start) :]
                for p in self.tree
                if p.startswith(start) and "/" not in p[len(start) :]
            ]
        )

    def mkdir(self, path: str) -> None:
        if path in self.tree:
            raise OSError(errno.EEXIST)
        self._parent(path)
        self.step()
        self.tree[path] = None

    def rmdir(self, path: str) -> None:
        if self.tree[self._need(path)] is not None:
            raise OSError(errno.ENOTDIR)
        if self.listdir(path):
            raise OSError(errno.EACCES)
        self.step()
        self.tree.pop(path)

    def rename(self, old: str, new: str) -> None:
        old = self._need(old)
        if new in self.tree:
            raise OSError(errno.EEXIST)
        self._parent(new)
        self.step()
        for path in list(self.tree):
            if path == old or path.startswith(old + "/"):
                self.tree[new + path[len(old) :]] = self.tree.pop(path)

    def remove(self, path: str) -> None:
        if self.tree[self._need(path)] is None:
            raise OSError(errno.EISDIR)
        self.step()
        self.tree.pop(path)


class _Reading:
    def __init__(self, data: bytes, binary: bool) -> None:
        self._data = data if binary else str(data, "utf-8")
        self._at = 0

    def read(self, count: int = -1):
        end = len(self._data) if count < 0 else self._at + count
        data = self._data[self._at : end]
        self._at += len(data)
        return data

    def seek(self, at: int, whence: int = 0) -> int:
        self._at = at + (0, self._at, len(self._data))[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def close(self) -> None:
        pass


class _Writing:
    def __init__(self, card: FolderCard, path: str) -> None:
        self._card = card
        self._path = path
        self._pending = b""

    def write(self, data) -> int:
        data = data.encode() if isinstance(data, str) else bytes(data)
        count = self._card.taken(len(data))
        self._pending += data[:count]
        self._cut_or_go_on()
        return count

    def flush(self) -> None:
        self._cut_or_go_on()
        self._card.tree[self._path] += self._pending
        self._pending = b""

    def close(self) -> None:
        if self._pending:
            self.flush()

    def _cut_or_go_on(self) -> None:
        try:
            self._card.step()
        except PowerCutError:
            share = {LOST: 0, HALF: len(self._pending) // 2, KEPT: len(self._pending)}
            kept = share[self._card._unflushed]
            self._card.tree[self._path] += self._pending[:kept]
            self._pending = b""
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
