"""Counts starts that crashed, so that a task that crashes the board is not started for ever.

A start counts where it ended before its task made a first result, where the service fell over, or
where the firmware noticed a native fault (fallback.py leaves a note). A power cut at any other time
does not: a product that is switched on and off is no broken one. A start that lasts takes the count
back. Once there were too many, the service stays in safe mode, over further starts too, until
somebody lets a task run.
"""

import json

from firmware_app.base import files, restarts, storage

NAME = "boots.json"
FAULT = "fault"
# machine has no reset_cause: what did not announce itself is one of these.
_UNANNOUNCED = "unannounced: power cut, reset button, watchdog or native fault"
_NATIVE_FAULT = "a native fault soon after the start"


class Boots:
    """The record in boots.json of the service's own folder."""

    def __init__(self) -> None:
        self._path = storage.path(NAME)
        self.unwritten = ""  # why the record could not be written, or empty
        self.early = 0  # starts in a row that did not last
        self.code = ""  # of restarts: why the board restarted last; empty at the first start
        self.reason = ""  # the same for people
        self.safe = False  # no task is started by itself
        self.starts = 1  # ever counted, this one with them
        self._settled = False
        self._trying = True  # no result was made yet

    def begin(self) -> None:
        """Read the record, and count the start before this one where it crashed."""
        crashed = False
        try:
            files.recover(self._path)
            with open(self._path) as file:
                record = json.loads(file.read(1000))
            self.early = max(0, int(record["early"]))
            self.reason = str(record["reason"])[:300]
            self.code = str(record.get("code") or "")
            self.safe = record.get("safe") is True
            self.starts = int(record.get("starts", 0)) + 1
            if not self.reason:
                self.code = restarts.UNANNOUNCED
                self.reason = _UNANNOUNCED
            crashed = record.get("trying") is True
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            self.early = 0
            self.code = ""
            self.reason = ""
            self.safe = False
        fault = storage.path(FAULT)
        try:
            if files.exists(fault):
                # fallback.py left it: the firmware had put main.py aside.
                self.code = restarts.NATIVE_FAULT
                self.reason = _NATIVE_FAULT
                files.remove(fault)
                crashed = True
        except OSError:
            pass  # what _write() says next is enough
        if crashed:
            self.early += 1
        self._write(self.early)

    def restart_reason(self) -> "dict | None":
        """Return why the board restarted last, as a map {code, text}; None: not known."""
        return {"code": self.code, "text": self.reason} if self.code else None

    def enter_safe_mode(self, limit: int) -> bool:
        """Return whether no task may be started: limit starts in a row crashed, or it was so before."""
        if self.early >= limit and not self.safe:
            self.safe = True
            self._write(self.early)
        return self.safe

    def leave_safe_mode(self) -> None:
        """Somebody let a task run: this start is on trial like a first one."""
        if self.safe:
            self.safe = False
            self._settled = False
            self.early = 0
            self._trying = True
            self._write(0)

    def proven(self) -> None:
        """The task made a result, or there is none to make any: an end from here on is no crash by itself."""
        if self._trying:
            self._trying = False
            self._write(self.early)

    def settled(self) -> None:
        """The service has run for long enough: this start was a good one."""
        if not self._settled and not self.safe:
            self._settled = True
            self._trying = False
            self.early = 0
            self._write(0)

    def planned(self, code: str, reason: str) -> None:
        """The board is about to restart, for this reason (code: of restarts); no crash."""
        self._trying = False
        self._write(0 if self._settled else self.early, code, reason)

    def crashed(self, reason: str) -> None:
        """The service is about to restart because of a fault of its own."""
        self._trying = False  # counted here
        self._write(0 if self._settled else self.early + 1, restarts.CRASH, reason)

    def _write(self, early: int, code: str = "", reason: str = "") -> None:
        record = {
            "early": early,
            "code": code,
            "reason": reason[:300],
            "safe": self.safe,
            "starts": self.starts,
            "trying": self._trying and not self.safe,
        }
        try:
            files.make_folders(self._path[: self._path.rfind("/")])
            files.replace(self._path, json.dumps(record).encode())
            self.unwritten = ""
        except OSError as error:  # it must not keep the service from running
            self.unwritten = files.why(error)
