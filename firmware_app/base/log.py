"""The service's log: to the console, and the latest lines in memory for who asks.

Nothing secret may be written here; the only exception, the board's key at first start, goes
to the console by print and never into the log.
"""

from firmware_app.wire.log_lines import DEBUG, ERROR, INFO, NAMES, WARNING, stamp

__all__ = ["DEBUG", "ERROR", "INFO", "WARNING", "Log", "printable"]

if 0:  # for type checkers; mpy-cross leaves it out
    from typing import Callable

    from firmware_app.base.clock import Clock

MAX_LINES = 200
MAX_TEXT = 300  # characters of one line


class Log:
    """A bounded log; listeners get (time_ms, level, text) of every line."""

    def __init__(self, clock: "Clock", level: int = INFO) -> None:
        self._clock = clock
        self.level = level
        self.lines: "list[tuple[int, int, str]]" = []  # (time_ms, level, text), oldest first
        self._listeners: "list[Callable[[tuple[int, int, str]], None]]" = []

    def write(self, level: int, text: str) -> None:
        """Write one line; it is cut at MAX_TEXT characters."""
        if level < self.level:
            return
        if len(text) > MAX_TEXT:
            text = text[: MAX_TEXT - 1] + "…"
        line = (self._clock.ms(), level, text)
        if len(self.lines) >= MAX_LINES:
            self.lines = self.lines[MAX_LINES // 4 :]
        self.lines.append(line)
        print("[%s] %s: %s" % (stamp(line[0]), NAMES[level], text))
        for listener in self._listeners:
            listener(line)

    def keep(self, listener: "Callable[[tuple[int, int, str]], None]") -> None:
        """Let listener(line) have every line from now on."""
        self._listeners.append(listener)

    def info(self, text: str) -> None:
        self.write(INFO, text)

    def warning(self, text: str) -> None:
        self.write(WARNING, text)

    def error(self, text: str) -> None:
        self.write(ERROR, text)


def printable(text: str) -> str:
    """Return what a stranger chose without the characters that end a line or steer a terminal."""
    return "".join(c if " " <= c < "\x7f" or c >= "\xa0" else "?" for c in text)
