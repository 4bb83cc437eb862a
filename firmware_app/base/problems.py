"""What is wrong with the board now: a code for programs and a sentence for people.

The codes are part of the protocol (docs/protocol.md, section 9); the sentences may change at any time.
"""

if 0:  # for type checkers; mpy-cross leaves it out
    from typing import Any

CAMERA = "camera"  # it can't be set up, or gives no frames
NETWORK = "network"  # the interface has no link, or can't join its network
NETWORK_PORT = "network_port"  # TCP is not open
DISCOVERY = "discovery"  # UDP is not open
UART = "uart"
KEY = "key"  # links that need it stay closed
ENCRYPTION = "encryption"  # the firmware has no AES: sessions are sealed only
WATCHDOG = "watchdog"
CHIP = "chip"  # its number can't be read: the board has no id
STATE = "state"  # what was changed over the link, and is lost
SETTINGS = "settings"  # service.yaml: a row for each fault
TASK = "task"  # none runs
SAFE_MODE = "safe_mode"  # none is started
OLD_TASK = "old_task"  # what the card asks for can't run: the old one runs on
UNSAVED = "unsaved"  # the running task does not outlast a power loss
UPDATE = "update"  # a new version of the service, or the one before, can't be put in place
GALLERY = "gallery"
RESULTS = "results"  # the running task fails on the camera's frames
LOG = "log"
EVENTS = "events"  # a label or a place that the running task does not have
COUNTS = "counts"  # of lines: they can't be kept on the card
CARD = "card"  # /sdcard is full, or can't be read or written
DATA = "data"  # the same of the service's own folder, or what was there is lost
MEMORY = "memory"  # something smaller than wanted is used, for want of memory


class Problems:
    """The store: parts set and clear their codes, everybody reads the rows."""

    def __init__(self) -> None:
        self._rows: list = []  # (code, text), in the order in which they came up
        self.listener: "Any" = (
            None  # called with (code, text) of what comes up; without a text: solved
        )

    def set(self, code: str, text: str) -> None:
        """Let text be the one thing that is wrong under code; an empty text: nothing is."""
        known = [row[1] for row in self._rows if row[0] == code]
        if known == ([text] if text else []):
            return
        self._rows = [row for row in self._rows if row[0] != code]
        if text:
            self._rows.append((code, text))
        if self.listener is not None:
            self.listener(code, text)

    def add(self, code: str, text: str) -> None:
        """Add one more thing that is wrong under code."""
        if (code, text) not in self._rows:
            self._rows.append((code, text))
            if self.listener is not None:
                self.listener(code, text)

    def clear(self, code: str) -> None:
        """Nothing is wrong under code any more."""
        self.set(code, "")

    def codes(self) -> list:
        """Return the codes of what is wrong, each once."""
        codes: list = []
        for row in self._rows:
            if row[0] not in codes:
                codes.append(row[0])
        return codes

    def rows(self) -> list:
        """Return what is wrong as maps {code, text}, oldest first."""
        return [{"code": row[0], "text": row[1]} for row in self._rows]

    def why_no_task(self) -> str:
        """Return the sentence for a command that needs a running task."""
        for row in self._rows:
            if row[0] in (TASK, SAFE_MODE):
                return row[1]
        return "no task is running"
