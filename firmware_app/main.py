"""Copied to /sdcard/main.py: the board runs it at power-on.

Takes a new version of the service that lies staged (firmware_update.py), and goes back to the version
before where the new one ended early three times. Renames only, so that a power cut at any step leaves
a version that starts. It stands alone: nothing of the service is loaded before.
"""

import os
import sys
import time

ROOT = "/sdcard"
NAME = "firmware_app"
STARTS = 3  # of a new version; then the one before comes back
RETRY_S = 10  # before another start, where nothing can run


def there(name: str) -> bool:
    """Return whether the card has it."""
    try:
        os.stat(ROOT + "/" + name)
        return True
    except OSError:
        return False


def move(name: str, to: str) -> None:
    """Rename on the card."""
    os.rename(ROOT + "/" + name, ROOT + "/" + to)


def drop(name: str) -> None:
    """Remove a file or a folder of files."""
    path = ROOT + "/" + name
    if not there(name):
        return
    if os.stat(path)[0] & 0x4000:
        for inner in os.listdir(path):
            drop(name + "/" + inner)
        os.rmdir(path)
    else:
        os.remove(path)


def tries() -> int:
    """Return how many starts a new version has behind it, -1 where none is on trial."""
    for count in range(STARTS, -1, -1):
        if there(NAME + ".try%d" % count):
            return count
    return -1


def forget_tries() -> None:
    """No new version is on trial."""
    for count in range(STARTS, -1, -1):
        drop(NAME + ".try%d" % count)


def elsewhere() -> bool:
    """Return whether a version lies behind the card on the search path, as on the virtual board."""
    for folder in sys.path:
        if folder not in ("", ROOT) and folder[:1] != ".":
            try:
                os.stat(folder + "/" + NAME)
                return True
            except OSError:
                pass
    return False


def go_back() -> bool:
    """Let the version before run again; False where there is none."""
    before = there(NAME + ".old")
    if there(NAME):
        if not before and not elsewhere():
            return False
        move(NAME, NAME + ".bad")
    forget_tries()
    if before:
        move(NAME + ".old", NAME)
    drop(NAME + ".bad")
    return True


def prepare() -> None:
    """Bring the version in place that is to run at this start."""
    if there(NAME):
        drop(NAME + ".bad")
    if there(NAME + ".new"):
        if there(NAME):
            drop(NAME + ".old")
            forget_tries()
        if tries() < 0:
            open(ROOT + "/" + NAME + ".try0", "w").close()
        if there(NAME):
            move(NAME, NAME + ".old")
        move(NAME + ".new", NAME)
    elif not there(NAME):
        go_back()  # power went off between its renames
    count = tries()
    if count >= STARTS:
        go_back()
    elif count >= 0:
        move(NAME + ".try%d" % count, NAME + ".try%d" % (count + 1))


def start() -> None:
    """Run the service; a new version that does not even load is given back at once."""
    try:
        prepare()
    except OSError as error:
        print("the staged version can't be taken: %s" % error)
    try:
        from firmware_app import service
    except Exception as error:
        if type(error) is Exception:  # the IDE connects: no fault of the version
            raise
        if tries() >= 0 and go_back():
            print("the new version does not load: %s: the one before comes back" % error)
        else:
            # No version to go back to. A board that sat in its REPL would never try again; Ctrl-C
            # still gets there.
            sys.print_exception(error)
            print("the service does not load: the board restarts in %d s" % RETRY_S)
            time.sleep(RETRY_S)
        import machine

        machine.reset()
    service.main()


if __name__ == "__main__":
    start()
