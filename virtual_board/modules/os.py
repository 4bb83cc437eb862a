"""The board's os: what the firmware's has and not what a PC's has more (no getenv, system, sync)."""

from collections import namedtuple

import uos as _real
from _k230 import silicon as _silicon
from uos import (
    VfsPosix,
    chdir,
    getcwd,
    ilistdir,
    listdir,
    mkdir,
    mount,
    remove,
    rename,
    rmdir,
    stat,
    statvfs,
    umount,
    unlink,
    urandom,
)

EXITPOINT_DISABLE = 0
EXITPOINT_ENABLE = 1
EXITPOINT_ENABLE_SLEEP = 2
sep = "/"

_Uname = namedtuple("uname", ("sysname", "nodename", "release", "version", "machine"))
_UNAME = _Uname(
    "rt-smart", "rt-smart", "1.7.0", "1.21.0 on 2026-01-01", _silicon.config["board"]["uname"]
)
_exitpoint = EXITPOINT_ENABLE


def uname():
    """Return the board's names: the release is CanMV's, the last field the board's name."""
    return _UNAME


def exitpoint(mode: int = -1) -> int:
    """Choose where a pending interrupt is raised; without a mode: here."""
    global _exitpoint
    if mode >= 0:
        _exitpoint = mode
    return _exitpoint


def cpu_usage() -> int:
    """Return the processor's load in percent."""
    return _silicon.call("board.load")[0]


def tid() -> int:
    """Return the number of the calling thread."""
    import _thread

    return _thread.get_ident()


def log(*_) -> None:
    """Set up the system log: the virtual board has none."""


def dupterm(stream=None, index: int = 0):
    """Duplicate the REPL: the virtual board has none."""
    return None
