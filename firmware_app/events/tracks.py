"""Follows objects from frame to frame: greedy overlap by class, with a guess of constant velocity.

What overlaps no guess begins a track of its own. Where that is beside an object that is missing in this
frame for the first time, it may be its heir: if the next frame confirms it, and the object is still
missing, both were one (it turned, or was faster). A false box there comes only once.

Positions are sixteenths of a pixel, velocities 1/4096 of that a millisecond. Everything is bounded:
MOST tracks, and the first MOST boxes of a frame.
"""

if 0:  # for type checkers; mpy-cross leaves it out
    from typing import Any

MOST = 64
LAST_NUMBER = 65535  # then ids begin anew, and skip those in use
_UNIT = 16
_SHIFT = 12
_LEAST_OVERLAP = 200  # per mille, of a guess and a box of the same object
_SEEN_BONUS = 150  # per mille: a track that was seen in the last frame goes before one that was not
_SURE_BONUS = 200  # a followed one before one that is not confirmed
# Gains of position and velocity, 256ths, by the number of boxes that a track has. High ones: a camera that
# moves, and people who turn, are worse than jitter.
_POSITION = (256, 256, 220, 210, 205, 200)
_VELOCITY = (0, 256, 128, 96, 80, 70)
_LEAST_POSITION = 200
_LEAST_VELOCITY = 64
_SIZE = 96  # gain of width and height, 256ths
_FORGIVEN = 2  # frames that an object may be missed before it is confirmed
# Frames that an object may be missed and still be trusted at once where it should be.
_NEAR_MISSED = 5


class Track:
    """One object; number is 0 until it is confirmed."""

    def __init__(self, row: tuple, time_ms: int) -> None:
        x, y, w, h, score, kind = row
        self.number = 0
        self.kind = kind
        self.box: tuple = (x, y, w, h)  # as it was seen last
        self.first_box: tuple = (x, y, w, h)
        self.score = score  # the best so far, per mille
        self.last_score = score
        self.first_ms = time_ms
        self.seen_ms = time_ms
        self.hits = 1
        self.missed = 0  # frames since it was seen
        self.leapt = False  # it was lost, and this box may be something else
        self.cx = (2 * x + w) * _UNIT // 2
        self.cy = (2 * y + h) * _UNIT // 2
        self.w = w * _UNIT
        self.h = h * _UNIT
        self.vx = 0
        self.vy = 0
        self.heir_of: "Track | None" = None  # maybe it is that one, missing for one frame
        self.more: "Any" = None  # what the follower keeps of it: its places, its text

    def guess(self, time_ms: int) -> tuple:
        """Return (left, top, right, bottom) in pixels where the object should be now."""
        passed = time_ms - self.seen_ms
        cx = self.cx + (self.vx * passed >> _SHIFT)
        cy = self.cy + (self.vy * passed >> _SHIFT)
        w = self.w
        h = self.h
        return (
            (2 * cx - w) // (2 * _UNIT),
            (2 * cy - h) // (2 * _UNIT),
            (2 * cx + w) // (2 * _UNIT),
            (2 * cy + h) // (2 * _UNIT),
        )

    def see(self, row: tuple, time_ms: int) -> None:
        """The object is here now."""
        x, y, w, h, score, _ = row
        passed = time_ms - self.seen_ms
        hits = self.hits
        at = self.cx + (self.vx * passed >> _SHIFT)
        off_x = (2 * x + w) * _UNIT // 2 - at
        along = self.cy + (self.vy * passed >> _SHIFT)
        off_y = (2 * y + h) * _UNIT // 2 - along
        gain = _POSITION[hits] if hits < len(_POSITION) else _LEAST_POSITION
        self.cx = at + (off_x * gain >> 8)
        self.cy = along + (off_y * gain >> 8)
        if passed > 0:
            gain = _VELOCITY[hits] if hits < len(_VELOCITY) else _LEAST_VELOCITY
            gain = (gain << _SHIFT) // passed
            self.vx += off_x * gain >> 8
            self.vy += off_y * gain >> 8
        self.w += (w * _UNIT - self.w) * _SIZE >> 8
        self.h += (h * _UNIT - self.h) * _SIZE >> 8
        self.box = (x, y, w, h)
        self.last_score = score
        self.score = max(self.score, score)
        self.seen_ms = time_ms
        self.hits = hits + 1
        self.missed = 0

    def inherit(self, other: "Track") -> None:
        """It was the same object all along."""
        self.number = other.number
        self.first_box = other.first_box
        self.first_ms = other.first_ms
        self.score = max(self.score, other.score)
        self.hits += other.hits
        self.more = other.more


class Tracker:
    """All tracks of one task."""

    def __init__(self, confirm: int, lost_ms: int) -> None:
        """confirm: boxes that make an object; lost_ms: without a box end it."""
        self._confirm = confirm
        self._lost_ms = lost_ms
        self._number = 0
        self.tracks: "list[Track]" = []
        self.ended: "list[Track]" = []  # of this frame, confirmed ones

    def update(self, time_ms: int, rows: list) -> list:
        """Take a frame's boxes (x, y, w, h, score1000, class), best first; return the Track of each, or None."""
        tracks = self.tracks
        boxes: list = []
        if len(rows) > MOST:
            found: list = [None] * len(rows)
            rows = rows[:MOST]
        else:
            found = [None] * len(rows)
        for i in range(len(rows)):
            x, y, w, h, _, kind = rows[i]
            boxes.append((x, y, x + w, y + h, w * h, kind, i))
        boxes.sort()
        # Every pair that overlaps, as one number: how much, then which.
        pairs: list = []
        guesses: list = []
        at = 0
        for track in tracks:
            guess = track.guess(time_ms)
            guesses.append(guess)
            left, top, right, bottom = guess
            area = (right - left) * (bottom - top)
            kind = track.kind
            bonus = (0 if track.missed else _SEEN_BONUS) + (_SURE_BONUS if track.number else 0)
            for box in boxes:
                if box[0] >= right:
                    break
                if box[2] <= left or box[5] != kind or box[1] >= bottom or box[3] <= top:
                    continue
                x1, y1, x2, y2, size, _, i = box
                w = (x2 if x2 < right else right) - (x1 if x1 > left else left)
                h = (y2 if y2 < bottom else bottom) - (y1 if y1 > top else top)
                both = w * h
                overlap = 1000 * both // (area + size - both + 1)
                if overlap >= _LEAST_OVERLAP:
                    pairs.append((overlap + bonus) << 12 | at << 6 | i)
            at += 1
        pairs.sort(reverse=True)
        free = [True] * len(tracks)
        self._match(pairs, found, free)
        heirs: list = []
        if len(rows) > len(tracks) - sum(free):
            heirs = self._far(rows, found, free)
        return self._settle(time_ms, rows, found, free, heirs)

    def _far(self, rows: list, found: list, free: list) -> list:
        """Match boxes that overlap no guess; return (box, track) of those that need another frame to tell.

        A new object's velocity is not known. One that was seen in the frame before may have turned, or
        jumped: but a false box beside it looks the same, so the next frame decides.
        """
        tracks = self.tracks
        pairs: list = []
        for at in range(len(tracks)):
            track = tracks[at]
            if not free[at] or track.missed > (_FORGIVEN if track.hits == 1 else 0):
                continue
            left, top, w, h = track.box
            reach = w + h if track.hits == 1 else (w + h) // 2
            for i in range(len(rows)):
                x, y, w2, h2, _, kind = rows[i]
                if found[i] is not None or kind != track.kind:
                    continue
                far = abs(2 * (x - left) + w2 - w) // 2 + abs(2 * (y - top) + h2 - h) // 2
                if far > reach or 2 * w2 < w or w2 > 2 * w or 2 * h2 < h or h2 > 2 * h:
                    continue
                pairs.append((1000 * far // (reach + 1)) << 12 | at << 6 | i)
        pairs.sort()
        heirs: list = []
        for pair in pairs:
            i = pair & 63
            at = pair >> 6 & 63
            if free[at] and found[i] is None:
                if tracks[at].hits == 1:
                    free[at] = False
                    found[i] = tracks[at]
                else:
                    heirs.append((i, tracks[at]))
        return heirs

    def _match(self, pairs: list, found: list, free: list) -> None:
        """Give each box its track, the first pairs first; a pair is overlap << 12 | track << 6 | box."""
        tracks = self.tracks
        for pair in pairs:
            i = pair & 63
            at = pair >> 6 & 63
            if free[at] and found[i] is None:
                track = tracks[at]
                free[at] = False
                found[i] = track
                track.leapt = track.missed > _NEAR_MISSED

    def _settle(self, time_ms: int, rows: list, found: list, free: list, heirs: list) -> list:
        """Let the tracks see their boxes, end those that are lost, and begin new ones."""
        gone: list = []
        for i in range(len(rows)):
            track = found[i]
            if track is not None:
                track.see(rows[i], time_ms)
                other = track.heir_of
                if other is not None and other in self.tracks and other not in found:
                    if other not in gone:  # it has one heir, and it did not end meanwhile
                        track.inherit(other)
                        gone.append(other)
                if not track.number and track.hits >= self._confirm:
                    track.number = self._next()
        kept: list = []
        ended: list = []
        at = 0
        for track in self.tracks:
            track.heir_of = None
            if gone and track in gone:
                at += 1
                continue
            if free[at]:
                track.missed += 1
                if track.number:
                    if time_ms - track.seen_ms > self._lost_ms:
                        ended.append(track)
                        at += 1
                        continue
                elif track.missed > _FORGIVEN:
                    at += 1
                    continue
            kept.append(track)
            at += 1
        for i in range(len(rows)):
            if found[i] is None and len(kept) < MOST:
                track = Track(rows[i], time_ms)
                if self._confirm <= 1:
                    track.number = self._next()
                for place, other in heirs:
                    if place == i and track.heir_of is None:
                        track.heir_of = other
                kept.append(track)
                found[i] = track
        self.tracks = kept
        self.ended = ended
        return found

    def _next(self) -> int:
        """Return an id that no track has."""
        used = [track.number for track in self.tracks]
        number = self._number
        while True:
            number = number + 1 if number < LAST_NUMBER else 1
            if number not in used:
                self._number = number
                return number
