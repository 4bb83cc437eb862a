"""Counts starts that ended early, so that a task that crashes the board is not started for ever.

A start counts from begin() until settled(); a planned restart takes its own back. Power cuts within
the first minutes count too: nothing tells them from a crash.
"""

import json

from firmware_app import files

PATH = "/data/boots.json"


class Boots:
    """The record in /data/boots.json."""

    def __init__(self, path: str = PATH) -> None:
        self._path = path
        self.early = 0  # starts in a row that did not last
        self.reason = ""  # why the board restarted last, where that is known
        self._settled = False

    def begin(self) -> None:
        """Read the record and count this start."""
        try:
            files.recover(self._path)
            with open(self._path) as file:
                record = json.loads(file.read(1000))
            self.early = int(record["early"])
            self.reason = str(record["reason"])[:300]
        except (OSError, ValueError, KeyError, TypeError):
            self.early = 0
            self.reason = ""
        self._write(self.early + 1, "")

    def settled(self) -> None:
        """The service has run for long enough: this start was a good one."""
        if not self._settled:
            self._settled = True
            self.early = 0
            self._write(0, "")

    def planned(self, reason: str) -> None:
        """The board is about to restart, for this reason; no crash."""
        self._write(0 if self._settled else self.early, reason)

    def crashed(self, reason: str) -> None:
        """The service is about to restart because of a fault of its own."""
        self._write(0 if self._settled else self.early + 1, reason)

    def _write(self, early: int, reason: str) -> None:
        try:
            files.make_folders(self._path[: self._path.rfind("/")])
            files.replace(self._path, json.dumps({"early": early, "reason": reason}).encode())
        except OSError:
            pass  # a card that can't be written must not keep the service from running
