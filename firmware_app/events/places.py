"""Zones and lines: what a track's way through the frame means for each.

A zone is entered after some frames in a row inside, and left after some time outside. A line is crossed
where an object was held on both sides, off the line by more than its box jitters, and came through the
line itself, not around its ends.
"""

from firmware_app.events import geometry

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.events.tracks import Track

_BAND = 16  # a 16th of width and height together, beside a line, says nothing
_LEAST_BAND = 2  # pixels


def anchor_point(anchor: int, box: tuple) -> tuple:
    """Return the point of a box that stands for the object; anchor: place in event_fields.ANCHORS."""
    x, y, w, h = box
    if anchor == 0:
        return (x + (w >> 1), y + h)
    if anchor == 1:
        return (x + (w >> 1), y + (h >> 1))
    if anchor == 2:
        return (x + (w >> 1), y)
    return (x if anchor == 3 else x + w, y + (h >> 1))


class Zone:
    """A named polygon."""

    def __init__(
        self, name: str, points: list, anchor: int, kinds, frames: int, leave_ms: int, dwell_ms: int
    ) -> None:
        """kinds: classes that count, None for all; dwell_ms: time inside before it counts as entered."""
        self.name = name
        self.anchor = anchor
        self.kinds = kinds
        self._edges = geometry.edges(points)
        self._left = min([point[0] for point in points])
        self._right = max([point[0] for point in points])
        self._top = min([point[1] for point in points])
        self._bottom = max([point[1] for point in points])
        self._frames = frames
        self._leave_ms = leave_ms
        self._dwell_ms = dwell_ms
        self.inside: dict = {}  # class: how many are in it now

    def begin(self) -> list:
        """Return what is known of a track that was never seen: [entered, frames inside, first ms, last ms]."""
        return [False, 0, 0, 0]

    def see(self, state: list, track: "Track", x: int, y: int, time_ms: int) -> int:
        """The track's point is here now; return 1 where that is an entry, -1 where it has left, else 0."""
        within = (
            self._left <= x <= self._right
            and self._top <= y <= self._bottom
            and geometry.inside(self._edges, x, y)
        )
        if within:
            if not state[1]:
                state[2] = time_ms
            state[1] += 1
            state[3] = time_ms
            if (
                not state[0]
                and state[1] >= self._frames
                and track.number
                and time_ms - state[2] >= self._dwell_ms
            ):
                state[0] = True
                self.inside[track.kind] = self.inside.get(track.kind, 0) + 1
                return 1
        elif not state[0]:
            state[1] = 0
        elif time_ms - state[3] >= self._leave_ms:
            self.leave(state, track)
            return -1
        return 0

    def leave(self, state: list, track: "Track") -> None:
        """The track is not in the zone any more; state[2], state[3] say from when to when it was."""
        state[0] = False
        state[1] = 0
        self.inside[track.kind] = max(0, self.inside.get(track.kind, 0) - 1)


class Line:
    """A named line from one point to another; "in" is from its left to its right, as one sees it."""

    def __init__(
        self, name: str, start: tuple, end: tuple, anchor: int, kinds, frames: int
    ) -> None:
        """kinds: classes that count, None for all; frames: held on each side."""
        self.name = name
        self.anchor = anchor
        self.kinds = kinds
        self._x1, self._y1 = start
        self._x2, self._y2 = end
        self._dx = self._x2 - self._x1
        self._dy = self._y2 - self._y1
        self._length = max(1, geometry.root(self._dx * self._dx + self._dy * self._dy))
        self._frames = frames

    def begin(self) -> list:
        """Return what is known of a track that was never seen.

        [side held, side lately, frames on it, whether it came through, side of the last point, x, y].
        """
        return [0, 0, 0, False, 0, 0, 0]

    def see(self, state: list, track: "Track", x: int, y: int) -> int:
        """The track's point is here now; return 1 where that crosses to the right ("in"), -1: left, else 0."""
        off = self._dx * (y - self._y1) - self._dy * (x - self._x1)
        if off > 0:
            now = 1
        elif off < 0:
            now = -1
            off = -off
        else:
            return 0  # on the line: the way goes on from the last point beside it
        if now == state[0] == state[1] == state[4]:
            state[5] = x
            state[6] = y
            return 0
        if now != state[4]:
            if state[4] and self._through(state[5], state[6], x, y):
                state[3] = not state[3]
            state[4] = now
        state[5] = x
        state[6] = y
        _, _, w, h = track.box
        band = max(_LEAST_BAND, (w + h) // _BAND)
        off //= self._length
        if off <= band:
            return 0
        # Far from the line, noise is no explanation: one frame there counts for several.
        weight = 1 if track.leapt else 1 + (off - band) * 4 // (w + h)
        if now == state[1]:
            state[2] += weight
        else:
            state[1] = now
            state[2] = weight
        if state[2] < self._frames:
            return 0
        if state[0] and state[0] != now and state[3]:
            if not track.number:
                return 0
            state[0] = now
            state[3] = False
            return now
        state[0] = now
        state[3] = False
        return 0

    def _through(self, x1: int, y1: int, x2: int, y2: int) -> bool:
        """Return whether the way from 1 to 2, which goes from one side to the other, meets the line itself."""
        first = geometry.side(x1, y1, x2, y2, self._x1, self._y1)
        second = geometry.side(x1, y1, x2, y2, self._x2, self._y2)
        return first <= 0 <= second or second <= 0 <= first
