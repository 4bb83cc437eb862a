"""The board's file systems as they behave: FAT, whose rename refuses to overwrite.

A folder of the PC is mounted at /sdcard and another at /data. Every write goes through here,
so that a power cut can be placed between any two of them.
"""

import errno
import os


class Card:
    """A MicroPython file system over one folder."""

    def __init__(self, folder: str) -> None:
        # Not VfsPosix(folder): in MicroPython 1.21 a rooted one has a single path buffer, which
        # rename overwrites with its second path and threads with each other's.
        self._posix = os.VfsPosix()
        self._folder = folder
        self._here = "/"

    def _path(self, path: str) -> str:
        if not path.startswith("/"):
            path = self._here + path
        return self._folder + path

    def mount(self, readonly: bool, mkfs: bool) -> None:
        pass

    def umount(self) -> None:
        pass

    def open(self, path: str, mode: str, *rest):
        return self._posix.open(self._path(path), mode, *rest)

    def stat(self, path: str):
        return self._posix.stat(self._path(path))

    def statvfs(self, path: str):
        return self._posix.statvfs(self._path(path))

    def ilistdir(self, path: str):
        return self._posix.ilistdir(self._path(path))

    def chdir(self, path: str) -> None:
        if not path.startswith("/"):
            path = self._here + path
        if self._posix.stat(self._folder + path)[0] & 0x4000 == 0:
            raise OSError(errno.ENOENT)
        self._here = path if path.endswith("/") else path + "/"

    def getcwd(self) -> str:
        return self._here

    def mkdir(self, path: str) -> None:
        self._posix.mkdir(self._path(path))

    def rmdir(self, path: str) -> None:
        self._posix.rmdir(self._path(path))

    def remove(self, path: str) -> None:
        self._posix.remove(self._path(path))

    def rename(self, old: str, new: str) -> None:
        # FatFs answers FR_EXIST where POSIX would replace the file.
        try:
            self._posix.stat(self._path(new))
        except OSError:
            self._posix.rename(self._path(old), self._path(new))
            return
        raise OSError(errno.EEXIST)


def mount(folder: str, where: str) -> None:
    """Mount folder at where ("/sdcard" or "/data")."""
    os.mount(Card(folder), where)
