"""Events of the running task: follows its results, publishes what happens, keeps the counters.

Loaded with the first task that has events on.
"""

from firmware_app.base.files import why
from firmware_app.base.problems import COUNTS, EVENTS
from firmware_app.card.counts import Counts
from firmware_app.events import rules as event_rules
from firmware_app.events.counters import Counters
from firmware_app.events.follower import Follower
from firmware_app.run.snapshots import Snapshots
from firmware_app.settings.schema import suggestion
from firmware_app.wire import messages

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.base.clock import Clock
    from firmware_app.base.log import Log
    from firmware_app.base.problems import Problems
    from firmware_app.board.camera import Camera
    from firmware_app.card.boots import Boots
    from firmware_app.link.publisher import Publisher
    from firmware_app.run.running import Running
    from firmware_app.tasks.base import Task

_KEEP_MS = 10000  # between writes: a power cut loses no more of the counting
_TEXTS = (messages.OCR, messages.OCR_DETECTION, messages.OCR_RECOGNITION)
_MOST_NAMED = 8  # labels in a sentence


class Happenings:
    """What goes on in front of the camera, for one task at a time."""

    def __init__(
        self,
        publisher: "Publisher",
        boots: "Boots",
        problems: "Problems",
        log: "Log",
        clock: "Clock",
    ) -> None:
        self._publisher = publisher
        self._boots = boots
        self._problems = problems
        self._log = log
        self._clock = clock
        self._store = Counts()
        self._task = ""
        self._made_of: tuple = ()  # what the follower was made of
        self._follower: "Follower | None" = None
        self._rules: "event_rules.Rules | None" = None
        self.counters: "Counters | None" = None
        self._kept_ms = 0
        self._time_ms = 0  # of the last frame
        self.snapshots = Snapshots(publisher.history, log, clock)
        self._snapshot_ms = 0  # between two at least; 0: none
        self._looking = False  # the preview is on, and pictures are wanted

    def use(self, running: "Running", width: int, height: int) -> None:
        """Follow the results of this task in frames of this size; what was followed before ends."""
        task = running.task
        settings = running.values["events"]
        if task is None or not settings["enabled"]:
            self.stop()
            return
        made_of = (running.generation, width, height)
        if self._follower is not None and self._made_of == made_of:
            return
        self.stop()
        self._problems.set(EVENTS, fault_of(task, settings, width, height))
        if self.counters is None or self._task != running.name:
            since = [self._boots.starts, self._clock.ms(), None]
            self.counters = Counters(since, self._store.find(running.name))
            self._task = running.name
        rules = self._rules = event_rules.Rules(settings, _names(task), width, height)
        self.counters.keep_only([line.name for line in rules.lines])
        self.snapshots.begin()
        self._snapshot_ms = settings.get("snapshot_ms", 0)
        self._follower = Follower(rules, self.counters, self._tell)
        self._made_of = made_of

    def stop(self) -> None:
        """End all tracks, and keep the counters."""
        if self._follower is not None:
            self._follower.end(self._time_ms)
            self._follower = None
            self._problems.clear(EVENTS)
            self.flush()

    def take(self, kind: int, time_ms: int, fields: list) -> list:
        """Take a result; return its fields, with the ids of its tracks behind them where it has boxes."""
        if self._follower is None:
            return fields
        self._time_ms = time_ms
        ids = self._follower.take(kind, time_ms, fields)
        if self._looking:
            self.snapshots.look(self._follower, time_ms)
        return fields if ids is None else fields + [ids]

    def _tell(self, time_ms: int, kind: str, details: dict) -> None:
        if kind == "track.end" and self.snapshots.score(details["track"]) is not None:
            details["snapshot"] = True
        self._publisher.numbered(time_ms, kind, details)

    def picture(self, camera: "Camera", quality: int) -> None:
        """Take a picture of objects that want one, where the time for it has come."""
        if camera.preview_settings is not None and self._follower is not None and self._snapshot_ms:
            self._looking = True
            self.snapshots.take(camera, quality, self._snapshot_ms)
        elif self._looking:
            self._looking = False
            self.snapshots.clear()

    def keep(self) -> None:
        """Write the counters to the card, where something was counted, and not too often."""
        counters = self.counters
        if counters is None or not counters.changed:
            return
        if self._kept_ms and self._clock.ms() - self._kept_ms < _KEEP_MS:
            return
        self.flush()

    def flush(self) -> None:
        """Write the counters to the card now."""
        counters = self.counters
        if counters is None or not counters.changed:
            return
        self._kept_ms = max(1, self._clock.ms())
        try:
            self._store.keep(self._task, counters.saved())
            counters.changed = False
            self._problems.clear(COUNTS)
        except OSError as error:
            text = "the counters of lines can't be kept on the card: %s" % why(error)
            self._problems.set(COUNTS, text)

    def report(self) -> dict:
        """Return what was counted, and what is there now."""
        counters = self.counters
        follower = self._follower
        return {
            "task": self._task,
            "since": counters.since if counters is not None else None,
            "lines": counters.rows() if counters is not None else [],
            "now": follower.counts() if follower is not None else [],
            "kept": counters is None or not counters.changed,
        }

    def lines(self) -> list:
        """Return the names of the lines."""
        return [line.name for line in self._rules.lines] if self._rules is not None else []

    def reset(self, line: "str | None", unix_ms: "int | None") -> None:
        """Begin counting anew: at one line, or at all."""
        counters = self.counters
        if counters is None:
            return
        now_ms = self._clock.ms()
        lines = [line] if line is not None else self.lines()
        counters.reset([self._boots.starts, now_ms, unix_ms], line)
        for name in lines:
            details = {"place": "line", "name": name, "in": 0, "out": 0}
            self._publisher.numbered(now_ms, "count", details)
        self.flush()


def fault_of(task: "Task", settings: dict, width: int, height: int) -> str:
    """Return what is wrong with `events:` for this task and frames of this size; empty: nothing."""
    names = _names(task)
    missing = event_rules.unknown(settings, names)
    if not missing:
        fault = event_rules.outside(settings, width, height)
        return "events: " + fault if fault else ""
    hint = suggestion(missing[0], names, "") or "; its labels: " + _some(names)
    return "events: the model has no label " + _some(missing) + hint


def _names(task: "Task") -> list:
    return ["text"] if task.result_type in _TEXTS else list(task.labels)


def _some(names: list) -> str:
    more = ", …" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
