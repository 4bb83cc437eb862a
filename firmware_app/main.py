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
LOOKS = 3  # at a file of a card that does not answer
EIO = 5
CARD = (OSError, MemoryError)  # how a call to it may fail
RETRY_S = 10  # before another start, where nothing can run
TRIAL_S = 30  # without a sign of life of a version on trial
# A staged version that another one takes the place of (firmware_update.stage).
DROPPED = NAME + ".dropped"
# For card/boots.py: why a new version gave way. base/storage.py says where the service keeps its files.
NOTES = ("/data", "/sdcard/.k230")
trouble: list = []  # what went wrong before the service: it tells in `status`


def there(name: str) -> bool:
    """Return whether the card has it; OSError where it does not answer.

    A version that can't be seen for a moment is not missing: another one must not take its place.
    """
    left = LOOKS
    while True:
        left -= 1
        try:
            os.stat(ROOT + "/" + name)
            return True
        except MemoryError:
            if not left:
                raise
        except OSError as error:
            if error.args[0] != EIO:
                return False
            if not left:
                raise


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


def on_trial() -> bool:
    """Return whether a new version is on trial, as far as the card answers."""
    try:
        return tries() >= 0
    except CARD:
        return False


def tries() -> int:
    """Return how many starts a new version has behind it, -1 where none is on trial; OSError."""
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
    try:
        move(NAME + ".new", NAME)
    except CARD:
        if there(NAME + ".old"):
            move(NAME + ".old", NAME)
            forget_tries()
        raise
    drop(NAME + ".bad")


def gave_way(why: str) -> bool:
    """Let the version before run again and leave a note why; False where there is none."""
    try:
        if not go_back():
            return False
    except CARD as error:
        trouble.append("the version of the service before can't come back: %s" % error)
        print(trouble[-1])
        return False
    for folder in NOTES:
        try:
            with open(folder + "/update_failed", "w") as note:
                if note.write(why[:200]) == len(why[:200]):
                    break
        except CARD:
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
    except CARD as error:
        trouble.append("the staged version of the service can't be taken: %s" % error)
        print(trouble[-1])
    dog = watch() if on_trial() else None
    why = "it returned"
    try:
        from firmware_app import service

        service.trial_dog = dog  # the service feeds it
        service.trouble = trouble  # and tells this
        service.main()
    except BaseException as error:
        if console(error):  # no fault of the version, and nothing may reset the board
            if dog is not None:
                dog.stop()
            raise
        sys.print_exception(error)
        why = "%s: %s" % (type(error).__name__, error)
    if on_trial() and gave_way(why):
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
