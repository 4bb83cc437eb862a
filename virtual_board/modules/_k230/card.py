"""The board's file systems as they behave: FAT's rename refuses to overwrite.

A folder of the PC is mounted at /sdcard and another at /data. Every write goes through here,
so that a power cut can be placed between any two of them, and so that a card can be full, refuse, or be
gone (storage.py).
"""

import errno
import io
import os

from _k230.absent import source_of

_EROFS = 30  # the interpreter's errno has no name for it


class Card:
    """A MicroPython file system over one folder."""

    def __init__(self, folder: str, power, faults=None) -> None:
        # Not VfsPosix(folder): in MicroPython 1.21 a rooted one has a single path buffer, which
        # rename overwrites with its second path and threads with each other's.
        self._posix = os.VfsPosix()
        self._folder = folder
        self._here = "/"
        self._power = power
        self._faults = faults

    def _path(self, path: str) -> str:
        """Return the path on the PC; FAT does not tell names apart that differ in case only."""
        if not path.startswith("/"):
            path = self._here + path
        try:
            self._posix.stat(self._folder + path)
            return self._folder + path
        except OSError:
            at = self._folder
            for part in path.split("/"):
                if part:
                    at += "/" + self._as_made(at, part)
            return at

    def _there(self, path: str) -> bool:
        try:
            self._posix.stat(path)
            return True
        except OSError:
            return False

    def _as_made(self, folder: str, name: str) -> str:
        """Return what a folder calls a name; the name itself where it is free."""
        if name in (".", ".."):
            return name
        folded = name.lower()
        try:
            for row in self._posix.ilistdir(folder):
                if row[0].lower() == folded:
                    return row[0]
        except OSError:
            pass
        return name

    def _step(self, what: str) -> None:
        if self._power is not None:
            self._power.step(what)

    def mount(self, readonly: bool, mkfs: bool) -> None:
        pass

    def umount(self) -> None:
        pass

    def size(self, path: str) -> int:
        """Return the size of a file, -1 where there is none."""
        try:
            return self._posix.stat(self._path(path))[6]
        except OSError:
            return -1

    def open(self, path: str, mode: str, *rest):
        faults = self._faults
        reads = mode.replace("b", "").replace("t", "") == "r"
        if faults is not None:
            size = -1 if reads else self.size(path)
            faults.open(reads, size >= 0)
            if "w" in mode and size > 0:
                faults.freed(size)
        if reads or self._power is faults is None:
            return self._posix.open(self._path(path), mode, *rest)
        self._step("open %s" % path)
        file = self._posix.open(self._path(path), mode, *rest)
        return _Written(file, self._power, faults, path)

    def stat(self, path: str):
        if self._faults is not None:
            self._faults.look(path)
        return self._posix.stat(self._path(path))

    def statvfs(self, path: str):
        found = self._posix.statvfs(self._path(path))
        return found if self._faults is None else self._faults.statvfs(found)

    def ilistdir(self, path: str):
        if self._faults is not None and not self._faults.listed(path):
            return iter(())
        return self._posix.ilistdir(self._path(path))

    def _change(self, makes: bool = False) -> None:
        if self._faults is not None:
            self._faults.change(makes)

    def chdir(self, path: str) -> None:
        if not path.startswith("/"):
            path = self._here + path
        if self._posix.stat(self._folder + path)[0] & 0x4000 == 0:
            raise OSError(errno.ENOENT)
        self._here = path if path.endswith("/") else path + "/"

    def getcwd(self) -> str:
        return self._here

    def mkdir(self, path: str) -> None:
        self._change(True)
        self._step("mkdir %s" % path)
        self._posix.mkdir(self._path(path))

    def rmdir(self, path: str) -> None:
        self._change()
        self._step("rmdir %s" % path)
        self._posix.rmdir(self._path(path))

    def remove(self, path: str) -> None:
        self._change()
        self._step("remove %s" % path)
        size = self.size(path)
        self._posix.remove(self._path(path))
        if self._faults is not None:
            self._faults.freed(size)

    def rename(self, old: str, new: str) -> None:
        self._change(True)
        source, target = self._path(old), self._path(new)
        # FatFs answers FR_EXIST where POSIX would replace the file; its own name is free for it, in
        # another case too (ff.c, f_rename).
        if source == target:
            target = target.rsplit("/", 1)[0] + "/" + new.rsplit("/", 1)[-1]
        elif self._there(target):
            raise OSError(errno.EEXIST)
        self._step("rename %s to %s" % (old, new))
        self._posix.rename(source, target)


class Rom:
    """A MicroPython file system over one folder that can't be changed."""

    def __init__(self, folder: str) -> None:
        self._posix = os.VfsPosix()
        self._folder = folder

    def mount(self, readonly: bool, mkfs: bool) -> None:
        pass

    def umount(self) -> None:
        pass

    def open(self, path: str, mode: str, *rest):
        if mode not in ("r", "rt", "rb"):
            raise OSError(_EROFS)
        absent = source_of(path)
        if absent is not None:
            return io.StringIO(absent) if "b" not in mode else io.BytesIO(absent.encode())
        return self._posix.open(self._folder + path, mode, *rest)

    def stat(self, path: str):
        if source_of(path) is not None:
            return (0x8000, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        return self._posix.stat(self._folder + path)

    def statvfs(self, path: str):
        return self._posix.statvfs(self._folder + path)

    def ilistdir(self, path: str):
        return self._posix.ilistdir(self._folder + path)

    def _refuse(self, *_) -> None:
        raise OSError(_EROFS)

    mkdir = rmdir = remove = rename = chdir = _refuse

    def getcwd(self) -> str:
        return "/"


class _Written:
    """A file open for writing: every write and flush is a step, and may fail."""

    def __init__(self, file, power, faults, path: str) -> None:
        self._file = file
        self._power = power
        self._faults = faults
        self._name = path

    def write(self, data) -> int:
        if self._power is not None:
            self._power.step("write %s" % self._name)
        if self._faults is None:
            return self._file.write(data)
        data = data.encode() if isinstance(data, str) else data
        count = self._faults.write(len(data))
        return self._file.write(memoryview(data)[:count]) if count else 0

    def flush(self) -> None:
        if self._power is not None:
            self._power.step("flush %s" % self._name)
        if self._faults is not None:
            self._faults.change()
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __getattr__(self, name: str):
        return getattr(self._file, name)


class Power:
    """Goes off when so many changes of the card were made, or before one; says in front of which."""

    def __init__(self, steps, before) -> None:
        self._left = steps
        self._before = before

    def step(self, what: str) -> None:
        if self._left == 0 or (self._before and self._before in what):
            from _k230 import silicon

            silicon.die("power cut before: %s" % what)
        if self._left is not None:
            self._left -= 1


def mount_rom(folder: str, where: str) -> None:
    """Mount folder at where, for reading only."""
    os.mount(Rom(folder), where)


def mount(folder: str, where: str, power=None, faults=None) -> None:
    """Mount folder at where ("/sdcard" or "/data").

    power, a Power, may go off at any write; faults, of storage.py: what else is wrong with it.
    """
    os.mount(Card(folder, power, faults), where)
