"""Counts starts that crashed, so that a task that crashes the board is not started for ever.

The firmware tells no reset cause. Before a native call that has not yet succeeded with this package
(or these camera settings) its phase is written to the card, and cleared after it. A start that ended
by an exception counts, and one of which the firmware noticed a native fault (fallback.py leaves a
note); starts in a row that ended in the same phase count, too, half where that call has returned
with an error before: a missing camera is no crash. Nothing else that ends unannounced does: a product
that is switched on and off is no broken one. A start that lasts takes the count back.

After too many the service stays in safe mode, over further starts too. It leaves it when a client
lets a task run, or when a try of its own (run/safe_mode.py) lasts.

A phase that succeeded is remembered: from the second start on, one write is all that a start costs.
"""

import hashlib
import json

from firmware_app.base import files, places, restarts, storage

NAME = places.BOOTS
FAULT = "fault"
GAVE_WAY = "update_failed"  # main.py left it: why a new version of the service gave way
LOAD = "load"
RUN = "run"
CAMERA = "camera"
# machine has no reset_cause: what did not announce itself is one of these.
_UNANNOUNCED = "unannounced: power cut, reset button, watchdog or native fault"
_NATIVE_FAULT = "a native fault soon after the start"
_DURING = {
    LOAD: "while the model was loaded",
    RUN: "while the model ran for the first time",
    CAMERA: "while the camera was set up",
}
_MAX_PROVEN = 24  # phases remembered of each kind
_MAX_SIZE = 4000


def mark(parts: list) -> str:
    """Return eight digits that stand for dicts: native calls with equal ones behave alike."""
    digest = hashlib.sha256()
    for part in parts:
        for name in sorted(part):
            digest.update(("%s=%r;" % (name, part[name])).encode())
    return digest.digest()[:4].hex()


class Boots:
    """The record in boots.json of the service's own folder."""

    def __init__(self, version: str = "") -> None:
        """version: of service and firmware; what is known of another one counts no more."""
        self._path = storage.path(NAME)
        self.unwritten = ""  # why the record could not be written, or empty
        self._version = version
        self.code = ""  # of restarts: why the board restarted last; empty at the first start
        self.reason = ""  # the same for people
        self.safe = False  # no task is started by itself
        self.starts = 1  # ever counted, this one with them
        self.anew = False  # what may have been missing is there: safe mode tries again at once
        self._kept_safe = False  # so on the card, until a try has lasted
        self._crashes = 0  # exceptions and native faults of starts that did not last
        self._last = ""  # the phase in which the last start ended
        self._same = 0  # starts in a row that ended in it
        self._phases: list = []  # under way, the newest last
        self._proven: list = []
        self._returned: list = []  # that failed without a crash
        self._quiet: list = []  # of those, of this start: not written again in it
        self._settled = False

    @property
    def early(self) -> int:
        """Starts in a row that count as crashes."""
        same = self._same // 2 if self._last in self._returned else self._same
        return max(self._crashes, same)

    @property
    def blamed(self) -> str:
        """Which kind of phase the last start ended in, empty where none."""
        return self._last.split(" ")[0]

    def begin(self) -> None:
        """Read the record, and count the start before this one where it crashed."""
        record = self._read()
        phase = ""
        if record is not None:
            self.starts = record["starts"] + 1
            self.reason = record["reason"]
            self.code = record["code"]
            if not self.reason:
                self.code = restarts.UNANNOUNCED
                self.reason = _UNANNOUNCED
            if record["version"] == self._version:
                phase = record["phase"]
                self._crashes = record["crashes"]
                self._proven = record["proven"]
                self._returned = record["returned"]
                self._kept_safe = self.safe = record["safe"]
                if phase:
                    self._same = record["same"] + 1 if record["last"] == phase else 1
                    self._last = phase
                    self.reason = "%s, %s" % (_UNANNOUNCED, _DURING.get(self.blamed, phase))
                elif record["safe"]:  # why it is in safe mode is still so
                    self._same = record["same"]
                    self._last = record["last"]
        if _take(FAULT) is not None:  # fallback.py left it: the firmware had put main.py aside
            self.code = restarts.NATIVE_FAULT
            self.reason = _NATIVE_FAULT
            if phase:
                self.reason += ", " + _DURING.get(self.blamed, phase)
            self._crashes += 1
        gave_way = _take(GAVE_WAY)
        if gave_way is not None:
            self.code = restarts.UPDATE_FAILED
            self.reason = "the new version gave way to the one before: " + gave_way
        self._write()

    def restart_reason(self) -> "dict | None":
        """Return why the board restarted last, as a map {code, text}; None: not known."""
        return {"code": self.code, "text": self.reason} if self.code else None

    # -- phases

    def enter(self, phase: str) -> None:
        """A native call comes: LOAD, RUN or CAMERA, a space, and what with."""
        if phase not in self._proven + self._quiet + self._phases:
            self._phases.append(phase)
            self._write()

    def leave(self, phase: str, good: bool) -> None:
        """The call returned; good: it succeeded, and need not be written down again."""
        if phase in self._phases:
            self._phases.remove(phase)
        elif not good or phase not in self._quiet:
            return
        self._quiet = _with(self._quiet, phase, not good)
        self._returned = _with(self._returned, phase, not good)
        self._proven = _with(self._proven, phase, good)
        self._write()

    # -- safe mode

    def enter_safe_mode(self, limit: int) -> bool:
        """Return whether no task may be started: limit starts in a row crashed, or it was so before."""
        if self.early >= limit and not self.safe:
            self.safe = self._kept_safe = True
            self._write()
        return self.safe

    def try_again(self) -> None:
        """The task is tried again; the next start is in safe mode all the same, unless this one lasts."""
        self.safe = False
        self.anew = False

    def leave_safe_mode(self) -> None:
        """A client let a task run: this start is like a first one."""
        if self._kept_safe:
            self._settled = False
            self._forget()

    def settled(self) -> None:
        """The service has run for long enough: this start was a good one."""
        if not self._settled and not self.safe:
            self._settled = True
            if self.early or self._kept_safe:
                self._forget()

    def _forget(self) -> None:
        self.safe = self._kept_safe = False
        self._crashes = self._same = 0
        self._last = ""
        self._write()

    # -- ends

    def planned(self, code: str, reason: str) -> None:
        """The board is about to restart, for this reason (code: of restarts); no crash."""
        self._phases = []
        self._write(code, reason)

    def crashed(self, reason: str) -> None:
        """The service is about to restart because of a fault of its own."""
        self._phases = []  # counted here
        if not self._settled:
            self._crashes += 1
        self._write(restarts.CRASH, reason)

    # -- the card

    def _read(self) -> "dict | None":
        """Return the record with all its fields, None where there is none that can be read."""
        try:
            files.recover(self._path)
            found = json.loads(str(files.read(self._path, _MAX_SIZE), "utf-8"))
            return {
                "version": str(found.get("version", "")),
                "starts": max(0, int(found.get("starts", 0))),
                "code": str(found.get("code") or ""),
                "reason": str(found["reason"])[:300],
                "crashes": max(0, int(found.get("crashes", 0))),
                "safe": found.get("safe") is True,
                "phase": str(found.get("phase", "")),
                "last": str(found.get("last", "")),
                "same": max(0, int(found.get("same", 0))),
                "proven": [str(each) for each in found.get("proven", [])],
                "returned": [str(each) for each in found.get("returned", [])],
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def _write(self, code: str = "", reason: str = "") -> None:
        record = {
            "version": self._version,
            "starts": self.starts,
            "code": code,
            "reason": reason[:300],
            "crashes": self._crashes,
            "safe": self._kept_safe,
            "phase": self._phases[-1] if self._phases else "",
            "last": self._last,
            "same": self._same,
            "proven": self._proven,
            "returned": self._returned,
        }
        try:
            files.make_folders(self._path[: self._path.rfind("/")])
            files.replace(self._path, json.dumps(record).encode())
            self.unwritten = ""
        except OSError as error:  # it must not keep the service from running
            self.unwritten = files.why(error)


def _with(phases: list, phase: str, there: bool) -> list:
    """Return the latest phases with this one as the last, or without it."""
    phases = [each for each in phases if each != phase]
    return phases[1 - _MAX_PROVEN :] + [phase] if there else phases


def _take(name: str) -> "str | None":
    """Return the text of a note, and remove it; None where there is none."""
    path = storage.path(name)
    try:
        text = str(files.read(path, 300), "utf-8")
        files.remove(path)
        return text
    except (OSError, ValueError):
        return None
