"""A new version of this service: staged beside the running one, taken by main.py at the next start.

main.py keeps the version before it, and goes back to it where the new one does not last. It knows
the same names as this file.
"""

import os
import sys

from firmware_app.base import files
from firmware_app.base.errors import CommandError

ROOT = "/sdcard"
NEW = "firmware_app.new"
TRIES = "firmware_app.try"  # + the number of starts of a new version that did not last
_DROPPED = "firmware_app.dropped"
_NEEDED = ("__init__", "service", "version", "wire/packets")
_MPY_VERSION = 6  # MicroPython 1.19 and later


async def check(folder: str, names: list, pause) -> None:
    """Raise CommandError where the files in a folder can't be this service."""
    for name in ("main.py",) + _NEEDED:
        if name not in names and name + ".py" not in names and name + ".mpy" not in names:
            raise CommandError(
                "bad_argument", "files: expected %s of the service, found none" % name
            )
    for name in names:
        # A source is not compiled here: that holds the interpreter, for as long as its sender likes.
        # The client does, and main.py gives a version back that does not load.
        if not name.endswith(".mpy"):
            continue
        try:
            fault = _compiled_fault(folder + "/" + name)
        except OSError as error:
            raise CommandError("failed", "%s can't be read: %s" % (name, error))
        if fault:
            raise CommandError("bad_argument", "%s: %s" % (name, fault))
        await pause()


def _compiled_fault(path: str) -> str:
    """Return why the board does not load a .mpy file, "" where it does: MicroPython's own test."""
    with open(path, "rb") as file:
        head = file.read(4)
    if len(head) < 4 or head[0] != 0x4D:  # "M"
        return "this is no .mpy file: compile it with mpy-cross 1.21"
    version = getattr(sys.implementation, "_mpy", _MPY_VERSION) & 0xFF
    if head[1] != version:
        return "expected .mpy version %d, found %d: compile it with mpy-cross 1.21" % (
            version,
            head[1],
        )
    if head[2] >> 2:
        return "expected bytecode, found native code: compile it without -march"
    return ""


def stage(folder: str) -> None:
    """Let the folder, checked before, be taken at the next start; OSError."""
    new = ROOT + "/" + NEW
    dropped = ROOT + "/" + _DROPPED
    if files.exists(new):
        files.remove_tree(dropped)
        # Renamed first: half of a removed version must never be taken for one. Until the other one
        # is in its place, main.py finds it there.
        os.rename(new, dropped)
    try:
        os.rename(folder, new)
    except OSError:
        if files.exists(dropped):
            os.rename(dropped, new)
        raise
    files.remove_tree(dropped)


def _tries() -> list:
    try:
        return [name for name in files.names(ROOT) if name.startswith(TRIES)]
    except OSError:
        return []


def on_trial() -> bool:
    """Return whether this version still has to prove itself."""
    return bool(_tries())


def lasted() -> None:
    """A new version has proved itself."""
    for name in _tries():
        files.remove(ROOT + "/" + name)


def interrupted() -> None:
    """This start ends as planned: it says nothing against a new version, and does not count."""
    for name in _tries():
        count = int(name[len(TRIES) :])
        if count:
            try:
                os.rename(ROOT + "/" + name, ROOT + "/" + TRIES + str(count - 1))
            except OSError:
                pass  # then it counts: the worst is that the version before comes back


def recover() -> None:
    """At start: remove what a power cut left of replacing a staged version."""
    files.remove_tree(ROOT + "/" + _DROPPED)
