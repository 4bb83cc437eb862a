"""The service's log: to the console, and the latest lines in memory for who asks.

Nothing secret may be written here; the only exception, the board's key at first start, goes
to the console by print and never into the log.
"""

DEBUG = 10
INFO = 20
WARNING = 30
ERROR = 40

NAMES = {DEBUG: "debug", INFO: "info", WARNING: "warning", ERROR: "error"}
MAX_LINES = 200
MAX_TEXT = 300  # characters of one line


class Log:
    """A bounded log; listeners get (time_ms, level, text) of every line."""

    def __init__(self, clock, level: int = INFO) -> None:
        self._clock = clock
        self.level = level
        self.lines: list = []  # (time_ms, level, text), oldest first
        self._listeners: list = []

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
        print("[%d.%03d] %s: %s" % (line[0] // 1000, line[0] % 1000, NAMES[level], text))
        for listener in self._listeners:
            listener(line)

    def keep(self, listener) -> None:
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
