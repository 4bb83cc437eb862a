"""Where the service keeps its own files: in /data, or in a folder of the card where there is no /data.

A board that boots from NAND mounts no /data (rtsmart v1.7: app_canmv/main.c, auto_mount_table), and
where a mount fails, what lies at /data is the read-only romfs behind it: opening a file to write gives
EINVAL (dfs_romfs.c, dfs_romfs_open). Firmware that is not released yet formats /data whenever its
mount fails (rtsmart main: RT_AUTO_RESIZE_PARTITION_ALWAYS).
"""

import os

from firmware_app.base import files
from firmware_app.base.places import DATA, SPARE

GALLERIES = "galleries"  # the folder of those that are known by a name
_LEAST_KB = 64  # with less than this free, a file system is full

_place = [DATA]


def choose() -> str:
    """Find the place, once, at start; return what is wrong with /data, "" where it takes files."""
    _place[0] = DATA
    probe = DATA + "/probe"
    try:
        files.again(lambda: open(probe, "wb").close())
        files.remove(probe)
        return ""
    except OSError as error:
        why = files.why(error)
        if error.args and error.args[0] in (files.EROFS, files.ENOSPC):
            return "%s: %s" % (DATA, why)  # what lies there can be read
    _place[0] = SPARE
    return "%s: %s: key, changes, galleries and log are kept in %s" % (DATA, why, SPARE)


def place() -> str:
    """Return the folder that was chosen."""
    return _place[0]


def path(name: str) -> str:
    """Return the path of one of the service's own files."""
    return _place[0] + "/" + name


def trouble(root: str) -> str:
    """Return what keeps files from being written below root (/sdcard or /data), or nothing."""
    try:
        stat = os.statvfs(root)
        try:
            os.stat(root + "/main.py")
        except OSError as error:
            if error.args[0] == files.EIO:
                raise
    except (OSError, AttributeError) as error:
        return "%s: %s" % (root, files.why(error))
    free = free_bytes(stat) // 1024
    if free < _LEAST_KB:
        return "%s: it is full, %d kB are free" % (root, free)
    return ""


def free_bytes(stat) -> int:
    """Return how many bytes are free, of what statvfs() says."""
    return (stat[1] or stat[0]) * stat[4]
