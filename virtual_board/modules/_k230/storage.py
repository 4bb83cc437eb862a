"""What is wrong with a file system of the board, as its drivers answer.

A file of the PC says it, and is read again at every access (`k230 sim --storage`): for "sdcard" and
"data" an object with `free` (bytes that still fit) or `state`. Where what comes from, rtsmart v1.7:

* full: f_write (elmfat/ff.c) takes what fits and answers FR_OK; dfs_elm_write (elmfat/dfs_elm.c) returns
  the short count, and MicroPython passes it on. ENOSPC never comes.
* `full_folder`, `write_protected`: FR_DENIED and FR_WRITE_PROTECTED are EROFS (elm_result_to_dfs).
* `pulled`: FR_NOT_READY and FR_DISK_ERR are EIO; a folder can be listed no further (dfs_elm_getdents).
* `unmounted`: the romfs behind: EINVAL to open for writing (dfs_romfs_open), ENOSYS for what it does not
  have (remove, rename, mkdir, statfs), no file in it.
"""

from _k230 import silicon

_ENOENT = 2
_EIO = 5
_EINVAL = 22
_EROFS = 30
_ENOSYS = 38


class Faults:
    """The faults of one file system: name is "sdcard" or "data"."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._version = None
        self._used = 0  # bytes since the file said how many are free

    def _now(self):
        """Return (state or None, bytes that fit or None)."""
        version, found = silicon.call("board.storage", [self._name])[0]
        if version != self._version:
            self._version = version
            self._used = 0
        free = found.get("free")
        return found.get("state"), None if free is None else max(0, free - self._used)

    def _refuse(self, state, makes: bool) -> None:
        if state == "pulled":
            raise OSError(_EIO)
        if state == "unmounted":
            raise OSError(_ENOSYS)
        if state == "write_protected" or (state == "full_folder" and makes):
            raise OSError(_EROFS)

    def open(self, reads: bool, there: bool) -> None:
        """A file is opened; there: it exists."""
        state, _ = self._now()
        if state == "unmounted":
            raise OSError(_ENOENT if reads else _EINVAL)
        if state == "pulled":
            raise OSError(_EIO)
        if not reads:
            self._refuse(state, not there)

    def look(self, path: str) -> None:
        """A name is looked up."""
        state, _ = self._now()
        if state == "pulled":
            raise OSError(_EIO)
        if state == "unmounted" and path != "/":
            raise OSError(_ENOENT)

    def listed(self, path: str) -> bool:
        """Return whether a folder shows anything."""
        return self._now()[0] not in ("pulled", "unmounted")

    def change(self, makes: bool = False) -> None:
        """A name is changed (makes: a new one), or a file flushed."""
        state, free = self._now()
        self._refuse(state, makes)
        if makes and free == 0:
            raise OSError(_EROFS)  # no cluster for the folder's own entries

    def write(self, size: int) -> int:
        """Return how many of size bytes fit, and take them."""
        state, free = self._now()
        self._refuse(state, False)
        count = size if free is None else min(size, free)
        self._used += count
        return count

    def freed(self, size: int) -> None:
        """A file of size bytes is gone."""
        self._used -= max(0, size)

    def statvfs(self, found):
        """Return what statvfs() says."""
        state, free = self._now()
        if state == "unmounted":
            raise OSError(_ENOSYS)
        if free is None:
            return found
        blocks = free // found[0]
        return (found[0], found[0], found[2], blocks, blocks) + tuple(found[5:])
