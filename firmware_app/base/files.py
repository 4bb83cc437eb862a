"""Files that survive a power cut: on FAT, rename refuses to overwrite and nothing is atomic.

replace() writes NAME.new, flushes, renames NAME to NAME.old, NAME.new to NAME, and removes NAME.old.
After a cut at any step, recover() (at start) finds the old or the new content, never neither.
"""

import os

if 0:  # for type checkers; mpy-cross leaves it out
    from typing import Callable, TypeVar

    Found = TypeVar("Found")

NEW = ".new"
OLD = ".old"
ENOENT = 2
EIO = 5
ENOSPC = 28
EROFS = 30
# What the board's file systems answer (rtsmart v1.7: dfs_elm.c, elm_result_to_dfs; dfs_romfs.c). FatFs
# says EROFS for a write-protected card, and for a folder that has no room for another name.
_TRIES = 3  # to read
_NOT_MOUNTED = "it is not mounted"
_WHY = {
    EIO: "it does not answer",
    19: _NOT_MOUNTED,  # ENODEV
    22: _NOT_MOUNTED,  # EINVAL: to write a file of the romfs behind a mount
    ENOSPC: "it is full",
    EROFS: "it is write-protected, or a folder is full",
    38: _NOT_MOUNTED,  # ENOSYS
}


def why(error: Exception) -> str:
    """Return what a card's error number means."""
    return _WHY.get(error.args[0] if error.args else 0, str(error))


def again(action: "Callable[[], Found]") -> "Found":
    """Return action(), which only reads: a card that does not answer once may answer at once.

    OSError: the file is missing, or it did not answer a third time. MemoryError: neither did the memory
    suffice then.
    """
    left = _TRIES
    while True:
        left -= 1
        try:
            return action()
        except OSError as error:
            if not left or error.args[0] == ENOENT:
                raise
        except MemoryError:
            if not left:
                raise


def read(path: str, most: int) -> bytes:
    """Return the content of a file, at most so many bytes; OSError."""

    def whole() -> bytes:
        with open(path, "rb") as file:
            return file.read(most)

    return again(whole)


def names(folder: str) -> "list[str]":
    """Return the names in a folder, none where it is missing; OSError where the card does not answer."""
    try:
        return again(lambda: os.listdir(folder))
    except OSError as error:
        if error.args[0] == ENOENT:
            return []
        raise


def exists(path: str) -> bool:
    """Return whether path names a file or folder; OSError(EIO) where the card does not answer.

    A file that can't be seen for a moment must not be taken for one that is missing, and replaced.
    """
    try:
        again(lambda: os.stat(path))
        return True
    except OSError as error:
        if error.args[0] == EIO:
            raise
        return False


def size(path: str) -> int:
    """Return a file's size in bytes; OSError."""
    return again(lambda: os.stat(path))[6]


def is_folder(path: str) -> bool:
    """Return whether path names a folder."""
    try:
        return again(lambda: os.stat(path))[0] & 0x4000 != 0
    except OSError:
        return False


def make_folders(path: str) -> None:
    """Make path and the folders above it where they are missing."""
    at = ""
    for part in path.split("/"):
        if not part:
            continue
        at += "/" + part
        if not exists(at):
            os.mkdir(at)


def remove(path: str) -> None:
    """Remove a file where there is one."""
    try:
        os.remove(path)
    except OSError:
        pass


def remove_tree(path: str) -> None:
    """Remove a file, or a folder with all that is in it; what can't be removed stays."""
    if not is_folder(path):
        remove(path)
        return
    try:
        for name in names(path):
            remove_tree(path + "/" + name)
        os.rmdir(path)
    except OSError:
        pass


def write(file, data) -> None:
    """Write all of data; OSError(ENOSPC) where only a part of it fits.

    On a full card FatFs takes what fits and answers without an error (rtsmart: ff.c, f_write;
    dfs_elm.c, dfs_elm_write), and MicroPython returns the short count.
    """
    if file.write(data) != len(data):
        raise OSError(ENOSPC)


def recover_all(folder: str, kind: str = "") -> None:
    """Finish or take back what a power cut left of every file in a folder; kind: how their names end."""
    try:
        found = names(folder)
    except OSError:
        return
    for name in found:
        for end in (NEW, OLD):
            if name.endswith(kind + end) and len(name) > len(kind + end):
                recover(folder + "/" + name[: -len(end)])


def replace(path: str, data: bytes) -> None:
    """Make data the content of path; OSError leaves the old content in place."""
    recover(path)
    try:
        with open(path + NEW, "wb") as file:
            write(file, data)
            file.flush()  # fsync, on the board
        put_in_place(path)
    except OSError:
        remove(path + NEW)  # half a file would keep a full card full
        raise


def put_in_place(path: str) -> None:
    """Make path + NEW, which is written, flushed and closed, the content of path.

    OSError leaves the old content in place.
    """
    there = exists(path)
    if there:
        os.rename(path, path + OLD)
    try:
        os.rename(path + NEW, path)
    except OSError:
        if there:
            os.rename(path + OLD, path)
        raise
    remove(path + OLD)


def take(source: str, path: str) -> None:
    """Make a file elsewhere on the same card, flushed and closed, the content of path."""
    os.rename(source, path + NEW)
    put_in_place(path)


def recover(path: str) -> None:
    """Finish or take back what a power cut left of replace(path)."""
    new = path + NEW
    old = path + OLD
    if exists(path):
        # Cut before the first rename (a new one that may be half written) or before the last removal.
        remove(new)
        remove(old)
    elif exists(old):
        # Cut between the renames: the new one was flushed before them, so it is whole.
        if exists(new):
            os.rename(new, path)
            remove(old)
        else:
            os.rename(old, path)
    else:
        # A first write that never finished.
        remove(new)
