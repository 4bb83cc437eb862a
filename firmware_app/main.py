"""Copied to /sdcard/main.py: the board runs it at power-on.

Takes a new version of the service that lies staged (firmware_update.py). A new version is on trial,
under the watchdog, until it says that it works (Service.settle). One that raises, returns or is
stopped by anything but the console gives way to the version before at once; one that hangs or
restarts the board, after three starts. Renames only, so that a power cut at any step leaves a version
that starts. It stands alone: nothing of the service is loaded before.
"""

import os
import sys
import time

ROOT = "/sdcard"
NAME = "firmware_app"
STARTS = 3  # of a new version; then the one before comes back
RETRY_S = 10  # before another start, where nothing can run
TRIAL_S = 30  # without a sign of life of a version on trial
# A staged version that another one takes the place of (firmware_update.stage).
DROPPED = NAME + ".dropped"
# For card/boots.py: why a new version gave way. base/storage.py says where the service keeps its files.
NOTES = ("/data", "/sdcard/.k230")


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
        drop(DROPPED)
    elif there(DROPPED):
        move(DROPPED, NAME + ".new")  # power went off before the other one was in its place
    if there(NAME + ".new"):
        take()
    elif not there(NAME):
        go_back()  # power went off between its renames
    count = tries()
    if count >= STARTS:
        gave_way("it ended %d times before its first result" % STARTS)
    elif count >= 0:
        move(NAME + ".try%d" % count, NAME + ".try%d" % (count + 1))


def take() -> None:
    """Put the staged version in place, on trial; the one before stays, as long as it is a proven one."""
    count = tries()
    if there(NAME):
        if count >= 0 and (there(NAME + ".old") or elsewhere()):
            # The one that runs is on trial itself: it goes, and what it came after stays.
            if count:
                move(NAME + ".try%d" % count, NAME + ".try0")
            move(NAME, NAME + ".bad")
        else:
            drop(NAME + ".old")
            forget_tries()
            count = -1
    if count < 0:
        open(ROOT + "/" + NAME + ".try0", "w").close()
    if there(NAME):
        move(NAME, NAME + ".old")
    move(NAME + ".new", NAME)
    drop(NAME + ".bad")


def gave_way(why: str) -> bool:
    """Let the version before run again and leave a note why; False where there is none."""
    try:
        if not go_back():
            return False
    except OSError as error:
        print("the version before can't come back: %s" % error)
        return False
    for folder in NOTES:
        try:
            with open(folder + "/update_failed", "w") as note:
                if note.write(why[:200]) == len(why[:200]):
                    break
        except OSError:
            pass
    return True


def console(error: BaseException) -> bool:
    """Return whether the console wants the board: Ctrl-C, or what the firmware raises for its IDE.

    The second is a plain Exception with this text (canmv_k230, port/omv/ide_dbg.c, init).
    """
    if type(error) is Exception:
        return error.args == ("IDE interrupt",)
    return isinstance(error, KeyboardInterrupt)


def watch():
    """Start the watchdog for a version on trial; None where there is none."""
    try:
        import machine

        return machine.WDT(1, TRIAL_S)
    except Exception as error:
        if console(error):
            raise
        print("no watchdog looks after the new version: %s" % error)
        return None


def start() -> None:
    """Run the service; a new version that ends is given back at once."""
    try:
        prepare()
    except OSError as error:
        print("the staged version can't be taken: %s" % error)
    dog = watch() if tries() >= 0 else None
    why = "it returned"
    try:
        from firmware_app import service

        service.trial_dog = dog  # the service feeds it
        service.main()
    except BaseException as error:
        if console(error):  # no fault of the version, and nothing may reset the board
            if dog is not None:
                dog.stop()
            raise
        sys.print_exception(error)
        why = "%s: %s" % (type(error).__name__, error)
    if tries() >= 0 and gave_way(why):
        print("the new version ended: the one before comes back")
    else:
        # No version to go back to. A board that sat in its REPL would never try again; Ctrl-C
        # still gets there.
        print("the service ended (%s): the board restarts in %d s" % (why, RETRY_S))
        if dog is not None:
            dog.stop()
        time.sleep(RETRY_S)
    import machine

    machine.reset()


if __name__ == "__main__":
    start()
