"""Pictures of objects: JPEGs of the preview channel, the latest few, in memory; asked for by an event's number.

Encoding one holds the interpreter, so it is done where no frame waits, and not too often; all objects
that want a picture at the time share it.
"""

from firmware_app.base.errors import CameraError
from firmware_app.wire import packets

if 0:  # for type checkers; mpy-cross leaves it out
    from firmware_app.base.clock import Clock
    from firmware_app.base.log import Log
    from firmware_app.board.camera import Camera
    from firmware_app.events.follower import Follower
    from firmware_app.link.history import History

KEPT = 8
KEPT_BYTES = 1048576
MOST_BYTES = KEPT_BYTES // 4  # of one
_BETTER = 50  # per mille that a score must gain for another picture
_AGAIN_MS = 5000  # after a failure


class Shot:
    """One picture and the tracks that it shows."""

    def __init__(self, data: bytes, scores: dict, since: int) -> None:
        """scores: score per mille by track; since: number of the first event that may be of these tracks."""
        self.data = data
        self.scores = scores
        self.since = since
        self.until: "int | None" = None  # number of the last one; then ids begin anew


class Snapshots:
    """The ring of pictures."""

    def __init__(self, history: "History", log: "Log", clock: "Clock") -> None:
        self._history = history
        self._log = log
        self._clock = clock
        self._shots: "list[Shot]" = []
        self._bytes = 0
        self._since = 1
        self._wanted: dict = {}  # score by track, of the last frame
        self._late = False  # the frame before wanted one, too
        self._next_ms = 0
        self._said = ""

    def begin(self) -> None:
        """Tracks are numbered from 1 again."""
        for shot in self._shots:
            if shot.until is None:
                shot.until = self._history.newest
        self._since = self._history.newest + 1
        self._wanted = {}
        self._late = False

    def clear(self) -> None:
        """Forget all pictures."""
        self._shots = []
        self._bytes = 0
        self._wanted = {}
        self._late = False

    def look(self, follower: "Follower", time_ms: int) -> None:
        """Note which objects of the frame that was followed just now want a picture."""
        self._late = bool(self._wanted)
        self._wanted = {}
        if self._clock.ms() < self._next_ms:
            return
        for number, score in follower.seen(time_ms):
            before = self.score(number)
            if before is None or score >= before + _BETTER:
                self._wanted[number] = score

    def score(self, track: int) -> "int | None":
        """Return the score in the picture of a track that is followed now, None where it has none."""
        for shot in self._shots:
            if shot.until is None and track in shot.scores:
                return shot.scores[track]
        return None

    def take(self, camera: "Camera", quality: int, every_ms: int) -> None:
        """Take the picture that is wanted, where no frame waits, or one has gone before it already."""
        if not self._wanted or (camera.ready and not self._late):
            return
        wanted = self._wanted
        self._wanted = {}
        self._late = False
        now = self._clock.ms()
        self._next_ms = now + every_ms
        try:
            data = camera.preview(quality)[0]
            if len(data) > MOST_BYTES:
                raise CameraError("expected at most %d bytes, found %d" % (MOST_BYTES, len(data)))
        except CameraError as error:
            self._next_ms = now + max(every_ms, _AGAIN_MS)
            if str(error) != self._said:
                self._said = str(error)
                self._log.warning("events: no snapshot: %s" % error)
            return
        self._said = ""
        for shot in self._shots:
            if shot.until is None:
                for number in wanted:
                    shot.scores.pop(number, None)
        self._keep(Shot(data, wanted, self._since))

    def _keep(self, new: Shot) -> None:
        shots = [shot for shot in self._shots if shot.scores]
        shots.append(new)
        size = sum([len(shot.data) for shot in shots])
        while len(shots) > KEPT or size > KEPT_BYTES:
            size -= len(shots.pop(0).data)
        self._shots = shots
        self._bytes = size

    def find(self, number: int) -> "bytes | None":
        """Return the picture of the object of this event, None where none is kept."""
        history = self._history
        if not history.oldest <= number <= history.newest:
            return None
        track = packets.unpack(history.find(number).payload)[3].get("track")
        for shot in self._shots:
            if track in shot.scores and shot.since <= number:
                if shot.until is None or number <= shot.until:
                    return shot.data
        return None
