"""A new version of this service: staged beside the running one, taken by main.py at the next start.

main.py keeps the version before it, and goes back to it where the new one does not last. It knows
the same names as this file.
"""

import os

from firmware_app.base import files
from firmware_app.base.errors import CommandError

ROOT = "/sdcard"
NEW = "firmware_app.new"
TRIES = "firmware_app.try"  # + the number of starts of a new version that did not last
_DROPPED = "firmware_app.dropped"
_NEEDED = ("__init__.py", "main.py", "service.py", "version.py", "wire.py")


async def check(folder: str, names: list, pause) -> None:
    """Raise CommandError where the files in a folder can't be this service."""
    for name in _NEEDED:
        if name not in names:
            raise CommandError(
                "bad_argument", "files: expected %s of the service, found none" % name
            )
    for name in names:
        if not name.endswith(".py"):
            raise CommandError("bad_argument", "files: expected .py files, found %s" % name)
        try:
            with open(folder + "/" + name) as file:
                compile(file.read(), name, "exec")
        except (SyntaxError, ValueError) as error:
            raise CommandError(
                "bad_argument", "%s: this is no Python for the board: %s" % (name, error)
            )
        except OSError as error:
            raise CommandError("failed", "%s can't be read: %s" % (name, error))
        await pause()


def stage(folder: str) -> None:
    """Let the folder, checked before, be taken at the next start; OSError."""
    new = ROOT + "/" + NEW
    dropped = ROOT + "/" + _DROPPED
    files.remove_tree(dropped)
    if files.exists(new):
        # Renamed first: half of a removed version must never be taken for one.
        os.rename(new, dropped)
    os.rename(folder, new)
    files.remove_tree(dropped)


def lasted() -> None:
    """This start was a good one: a new version has proved itself."""
    try:
        names = os.listdir(ROOT)
    except OSError:
        return
    for name in names:
        if name.startswith(TRIES):
            files.remove(ROOT + "/" + name)


def recover() -> None:
    """At start: remove what a power cut left of replacing a staged version."""
    files.remove_tree(ROOT + "/" + _DROPPED)
