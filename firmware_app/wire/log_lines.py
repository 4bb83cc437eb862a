"""Levels of the log, and its lines as the card keeps them."""

DEBUG = 10
INFO = 20
WARNING = 30
ERROR = 40

NAMES = {DEBUG: "debug", INFO: "info", WARNING: "warning", ERROR: "error"}


def level_of(name: str) -> int:
    """Return the level of this name; KeyError where there is none."""
    for level in NAMES:
        if NAMES[level] == name:
            return level
    raise KeyError(name)


def stamp(time_ms: int) -> str:
    """Return a time since the start in seconds."""
    return "%d.%03d" % (time_ms // 1000, time_ms % 1000)


def line(time_ms: int, level: int, text: str) -> str:
    """Return one line; parse() undoes it."""
    return "%s %s: %s" % (stamp(time_ms), NAMES.get(level, str(level)), text)


def parse(text: str) -> "tuple[int, str, str] | None":
    """Return (time in ms, level's name, text) of one line, or None where it is something else."""
    head, colon, rest = text.partition(": ")
    time, _, name = head.partition(" ")
    seconds, _, fraction = time.partition(".")
    if not colon or not name or not seconds.isdigit() or len(fraction) != 3:
        return None
    return (1000 * int(seconds) + int(fraction), name, rest) if fraction.isdigit() else None
