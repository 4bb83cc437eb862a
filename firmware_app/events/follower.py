"""From results to events: one task's tracks, zones, lines, counters and steady answers.

The same on the board and on the host: nothing in here knows a clock, a link or a file.
"""

import struct

from firmware_app.events import rows
from firmware_app.events.places import anchor_point
from firmware_app.events.steady import Vote
from firmware_app.events.tracks import Tracker
from firmware_app.wire import messages

if 0:  # for type checkers; mpy-cross leaves it out
    from typing import Callable

    from firmware_app.events.counters import Counters
    from firmware_app.events.rules import Rules
    from firmware_app.events.tracks import Track

GONE = "gone"
LEFT = "left"
SWITCHED = "switched"
_MOVED = 8  # an eighth of its size is worth an update
_MOST_LABELS = 64  # of multilabel that are looked after


class _More:
    """What is kept of a track beside its way."""

    def __init__(self, zones: list, lines: list) -> None:
        self.zones = zones
        self.lines = lines
        self.vote: "Vote | None" = None
        self.told_ms = 0
        self.told_box: tuple = ()


class Follower:
    """Takes results, tells events: tell(time_ms, kind, details)."""

    def __init__(
        self,
        rules: "Rules",
        counters: "Counters",
        tell: "Callable[[int, str, dict], None]",
    ) -> None:
        self._rules = rules
        self._counters = counters
        self._tell = tell
        self._tracker = Tracker(rules.confirm, rules.lost_ms)
        self._here: dict = {}  # class: confirmed tracks now
        self._told: dict = {}  # (zone or None, class): the count that was told last
        self._told_ms: "int | None" = None
        self._stale = False  # counts have changed since
        self._votes: dict = {}  # of answers without boxes
        self._said = "text"  # what objects say of themselves

    # -- results

    def take(self, kind: int, time_ms: int, fields: list) -> "bytes | None":
        """Take a result's fields; return the ids of the tracks of its objects, None where it has no boxes."""
        if kind in rows.BOXES:
            return self._boxes(kind, time_ms, fields)
        if kind == messages.SEGMENTATION:
            for area in self._rules.areas:
                if area.see(fields[3], fields[0] * fields[1], time_ms):
                    self._state(time_ms, area.name, area.value, not area.value)
        elif kind == messages.CLASSIFICATION:
            top = fields[1]
            self._answer(time_ms, "label", self._label(top[0]) if fields[0] and top else None)
        elif kind == messages.MULTILABEL:
            self._labels(time_ms, fields[0])
        elif kind == messages.METRIC_LEARNING:
            who = fields[1] if len(fields) > 1 else None
            name = who[0] if who is not None else None
            self._answer(time_ms, "identity", rows.short(name))
        elif kind == messages.OCR_RECOGNITION:
            text = fields[0][0][0] if fields[0] else None
            self._answer(time_ms, "text", rows.short(text) if text else None)
        return None

    def end(self, time_ms: int, reason: str = SWITCHED) -> None:
        """End all tracks: another task, other settings, or the end of a recording."""
        tracks = self._tracker.tracks
        self._tracker.tracks = []
        for track in tracks:
            if track.number:
                self._end(time_ms, track, reason)
        self._counts(time_ms, True)

    def counts(self) -> list:
        """Return [zone or None, label, objects now] of the frame and of each zone."""
        found: list = []
        for kind in sorted(self._here):
            found.append([None, self._label(kind), self._here[kind]])
        for zone in self._rules.zones:
            for kind in sorted(zone.inside):
                found.append([zone.name, self._label(kind), zone.inside[kind]])
        return found

    def seen(self, time_ms: int) -> list:
        """Return (track, score per mille) of the objects in the frame of this time."""
        return [
            (track.number, track.last_score)
            for track in self._tracker.tracks
            if track.number and track.seen_ms == time_ms
        ]

    # -- answers without boxes

    def _answer(self, time_ms: int, name: str, value: "str | None") -> None:
        vote = self._votes.get(name)
        if vote is None:
            vote = self._votes[name] = Vote(self._rules.steady, self._rules.steady_of)
        before = vote.value
        if vote.add(value):
            self._state(time_ms, name, value, before)

    def _labels(self, time_ms: int, top: list) -> None:
        now = top[0::2]
        votes = self._votes
        for kind in now:
            if kind not in votes and len(votes) < _MOST_LABELS:
                votes[kind] = Vote(self._rules.steady, self._rules.steady_of, False)
        for kind in votes:
            vote = votes[kind]
            value = kind in now
            if vote.add(value):
                self._state(time_ms, self._label(kind), value, not value)

    def _state(self, time_ms: int, name: str, value, before) -> None:
        self._tell(time_ms, "state.change", {"name": name, "value": value, "before": before})

    # -- objects

    def _boxes(self, kind: int, time_ms: int, fields: list) -> bytes:
        rules = self._rules
        found = rows.boxes(kind, fields)
        said = rows.texts(kind, fields)
        if kind == messages.IDENTITIES:
            self._said = "identity"
        chosen = rules.kinds
        if chosen is None:
            tracks = self._tracker.update(time_ms, found)
        else:
            places = [i for i in range(len(found)) if found[i][5] in chosen]
            some = self._tracker.update(time_ms, [found[i] for i in places])
            tracks = [None] * len(found)
            for i in range(len(places)):
                tracks[places[i]] = some[i]
        for track in self._tracker.ended:
            self._end(time_ms, track, GONE)
        zones = rules.zones
        lines = rules.lines
        update_ms = rules.update_ms
        numbers: list = []
        for i in range(len(found)):
            track = tracks[i]
            if track is None:
                numbers.append(0)
                continue
            number = track.number
            numbers.append(number)
            more = track.more
            if more is None:
                more = track.more = _More(
                    [zone.begin() for zone in zones], [line.begin() for line in lines]
                )
            if number:
                if not more.told_box:
                    self._begin(time_ms, track, more)
                elif update_ms and time_ms - more.told_ms >= update_ms and _moved(track, more):
                    self._update(time_ms, track, more)
            if said is not None:
                self._say(time_ms, track, more, said[i])
            if zones or lines:
                self._place(time_ms, track, more)
        self._counts(time_ms, False)
        return struct.pack("<" + "H" * len(numbers), *numbers)

    def _place(self, time_ms: int, track: "Track", more: _More) -> None:
        box = track.box
        kind = track.kind
        anchor = -1
        x = y = 0
        states = more.zones
        for at, zone in enumerate(self._rules.zones):
            if zone.kinds is None or kind in zone.kinds:
                if zone.anchor != anchor:
                    anchor = zone.anchor
                    x, y = anchor_point(anchor, box)
                step = zone.see(states[at], track, x, y, time_ms)
                if step:
                    self._zone(time_ms, zone, states[at], track, "" if step > 0 else LEFT)
        states = more.lines
        for at, line in enumerate(self._rules.lines):
            if line.kinds is None or kind in line.kinds:
                if line.anchor != anchor:
                    anchor = line.anchor
                    x, y = anchor_point(anchor, box)
                step = line.see(states[at], track, x, y)
                if step:
                    both = self._counters.count(line.name, self._label(kind), step > 0)
                    details = self._object(track)
                    details["line"] = line.name
                    details["direction"] = "in" if step > 0 else "out"
                    details["in"] = both[0]
                    details["out"] = both[1]
                    self._tell(time_ms, "line.cross", details)

    def _zone(self, time_ms: int, zone, state: list, track: "Track", reason: str) -> None:
        details = self._object(track)
        details["zone"] = zone.name
        details["enter_ms"] = state[2]
        details["inside"] = zone.inside[track.kind]
        if reason:
            details["leave_ms"] = state[3]
            details["dwell_ms"] = state[3] - state[2]
            details["reason"] = reason
        self._stale = True
        self._tell(time_ms, "zone.leave" if reason else "zone.enter", details)

    def _begin(self, time_ms: int, track: "Track", more: _More) -> None:
        self._here[track.kind] = self._here.get(track.kind, 0) + 1
        self._stale = True
        more.told_ms = time_ms
        more.told_box = track.box
        self._tell(time_ms, "track.new", self._life(track, more))

    def _update(self, time_ms: int, track: "Track", more: _More) -> None:
        more.told_ms = time_ms
        more.told_box = track.box
        self._tell(time_ms, "track.update", self._life(track, more))

    def _end(self, time_ms: int, track: "Track", reason: str) -> None:
        more = track.more
        if more is None or not more.told_box:
            return
        for at, zone in enumerate(self._rules.zones):
            state = more.zones[at]
            if state[0]:
                zone.leave(state, track)
                self._zone(time_ms, zone, state, track, reason)
        self._here[track.kind] -= 1
        self._stale = True
        details = self._life(track, more)
        details["first_box"] = list(track.first_box)
        details["reason"] = reason
        self._tell(time_ms, "track.end", details)

    def _say(self, time_ms: int, track: "Track", more: _More, text: "str | None") -> None:
        """The object says who or what it is; an update tells when that is steady."""
        vote = more.vote
        if vote is None:
            vote = more.vote = Vote(self._rules.steady, self._rules.steady_of)
        if vote.add(text) and track.number:
            self._update(time_ms, track, more)

    def _object(self, track: "Track") -> dict:
        return {
            "track": track.number,
            "label": self._label(track.kind),
            "class_id": track.kind,
            "score": track.score,
            "box": list(track.box),
        }

    def _life(self, track: "Track", more: _More) -> dict:
        details = self._object(track)
        details["first_ms"] = track.first_ms
        details["last_ms"] = track.seen_ms
        details["count"] = self._here[track.kind]
        vote = more.vote
        if vote is not None and vote.value is not None:
            details[self._said] = vote.value
        return details

    def _counts(self, time_ms: int, now: bool) -> None:
        """Tell how many objects there are, where that has changed, and not too often."""
        every_ms = self._rules.count_ms
        if not self._stale or not every_ms:
            return
        if not now and self._told_ms is not None and time_ms - self._told_ms < every_ms:
            return
        self._stale = False
        self._told_ms = time_ms
        self._count(time_ms, "frame", None, self._here)
        for zone in self._rules.zones:
            self._count(time_ms, "zone", zone.name, zone.inside)

    def _count(self, time_ms: int, place: str, name: "str | None", counts: dict) -> None:
        for kind in counts:
            key = (name, kind)
            if self._told.get(key, 0) != counts[kind]:
                self._told[key] = counts[kind]
                details = {"place": place, "label": self._label(kind), "count": counts[kind]}
                if name is not None:
                    details["name"] = name
                self._tell(time_ms, "count", details)

    def _label(self, kind: int) -> str:
        names = self._rules.names
        label: str = names[kind] if kind < len(names) else str(kind)
        return label[: rows.MOST_TEXT]


def _moved(track: "Track", more: _More) -> bool:
    x, y, w, h = track.box
    x2, y2, w2, h2 = more.told_box
    return abs(x - x2) + abs(y - y2) + abs(w - w2) + abs(h - h2) > (w + h) // _MOVED
