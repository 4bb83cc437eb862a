"""Pictures of followed objects: when one is taken, of whom, what is kept, and which event has which."""

from firmware_app.base.errors import CameraError
from firmware_app.link.history import History
from firmware_app.run.snapshots import KEPT, KEPT_BYTES, MOST_BYTES, Snapshots
from firmware_app.wire import messages, packets

EVERY_MS = 1000


class Camera:
    """Takes pictures that are told apart by their first byte."""

    def __init__(self) -> None:
        self.ready = False
        self.taken = 0
        self.size = 100
        self.problem = ""

    def preview(self, quality: int) -> tuple:
        assert quality == 60
        if self.problem:
            raise CameraError(self.problem)
        self.taken += 1
        return bytes([self.taken]) + bytes(self.size - 1), 1, 1


class Follower:
    """Sees what the test says."""

    def __init__(self) -> None:
        self.here: dict = {}

    def seen(self, time_ms: int) -> list:
        return list(self.here.items())


class Scene:
    def __init__(self) -> None:
        self.now = 0
        self.warnings: list = []
        self.camera = Camera()
        self.follower = Follower()
        self.history = History()
        self.snapshots = Snapshots(self.history, self, self)
        self.snapshots.begin()

    def ms(self) -> int:
        return self.now

    def warning(self, text: str) -> None:
        self.warnings.append(text)

    def event(self, **details) -> int:
        payload = packets.payload_of([messages.EVENT, self.now, "track.new", details, 0])
        self.history.add(payload)
        return self.history.newest

    def frame(self, here: dict, ms: int = 33) -> int:
        """Show these tracks with their scores; return how many pictures were taken."""
        before = self.camera.taken
        self.now += ms
        self.follower.here = here
        self.snapshots.look(self.follower, self.now)
        self.snapshots.take(self.camera, 60, EVERY_MS)
        return self.camera.taken - before

    def picture_of(self, track: int) -> "int | None":
        data = self.snapshots.find(self.event(track=track))
        return None if data is None else data[0]


def test_an_object_has_one_picture_and_a_better_one_later() -> None:
    scene = Scene()
    assert scene.frame({}) == 0
    assert scene.frame({1: 700}) == 1
    assert scene.picture_of(1) == 1
    assert scene.frame({1: 990}) == 0  # too early
    assert scene.frame({1: 740}, EVERY_MS) == 0  # hardly better
    assert scene.frame({1: 750}) == 1
    assert scene.picture_of(1) == 2
    assert scene.frame({1: 100}, EVERY_MS) == 0
    assert scene.picture_of(1) == 2
    assert scene.picture_of(2) is None
    assert scene.snapshots.find(scene.event(place="frame", count=1)) is None


def test_all_that_want_one_share_it() -> None:
    scene = Scene()
    assert scene.frame({1: 700, 2: 800}) == 1
    assert scene.frame({1: 900, 2: 800, 3: 500}, EVERY_MS) == 1
    assert [scene.picture_of(track) for track in (1, 2, 3)] == [2, 1, 2]
    assert scene.snapshots.score(1) == 900 and scene.snapshots.score(2) == 800


def test_it_waits_for_a_frame_of_spare_time_and_no_longer() -> None:
    scene = Scene()
    scene.camera.ready = True
    assert scene.frame({1: 700}) == 0
    scene.camera.ready = False
    scene.snapshots.take(scene.camera, 60, EVERY_MS)
    assert scene.camera.taken == 1
    scene.camera.ready = True
    assert scene.frame({2: 700}, EVERY_MS) == 0
    assert scene.frame({2: 600}) == 1
    assert scene.snapshots.score(2) == 600  # of the frame that it belongs to
    # What is gone before its picture is taken has none: it would show somebody else.
    assert scene.frame({3: 700}, EVERY_MS) == 0
    assert scene.frame({}) == 0
    assert scene.picture_of(3) is None


def test_eight_are_kept_and_no_more_than_a_mebibyte() -> None:
    scene = Scene()
    for track in range(1, 13):
        assert scene.frame({track: 700}, EVERY_MS) == 1
    kept = [track for track in range(1, 13) if scene.picture_of(track) is not None]
    assert kept == list(range(13 - KEPT, 13))
    scene.camera.size = MOST_BYTES
    for track in range(20, 30):
        assert scene.frame({track: 700}, EVERY_MS) == 1
    kept = [track for track in range(1, 30) if scene.picture_of(track) is not None]
    assert len(kept) == KEPT_BYTES // MOST_BYTES and kept[-1] == 29
    scene.snapshots.clear()
    assert scene.picture_of(29) is None


def test_what_fails_is_said_once_and_tried_again() -> None:
    scene = Scene()
    scene.camera.size = MOST_BYTES + 1
    for _ in range(20):
        scene.frame({1: 700}, EVERY_MS)
    assert scene.camera.taken in (3, 4)  # every 5 s
    assert len(scene.warnings) == 1 and "262144 bytes, found 262145" in scene.warnings[0]
    assert scene.picture_of(1) is None
    scene.camera.problem = "no picture"
    scene.frame({1: 700}, 5000)
    scene.frame({1: 700}, 5000)
    assert len(scene.warnings) == 2
    scene.camera.problem = ""
    scene.camera.size = 10
    assert scene.frame({1: 700}, 5000) == 1
    assert scene.picture_of(1) is not None


def test_ids_that_begin_anew_get_no_pictures_of_before() -> None:
    scene = Scene()
    scene.frame({1: 700, 2: 700})
    first = scene.event(track=1)
    scene.snapshots.begin()
    second = scene.event(track=1)
    assert scene.snapshots.find(first) is not None
    assert scene.snapshots.find(second) is None and scene.snapshots.score(1) is None
    assert scene.frame({1: 600}, EVERY_MS) == 1
    found = [scene.snapshots.find(number) for number in (first, second)]
    assert [data[0] for data in found if data is not None] == [1, 2]


def test_an_event_that_fell_out_has_no_picture() -> None:
    scene = Scene()
    scene.frame({1: 700})
    number = scene.event(track=1)
    assert scene.snapshots.find(number) is not None
    for wrong in (0, -1, number + 1, 1 << 40):
        assert scene.snapshots.find(wrong) is None
    for _ in range(300):
        scene.event(track=1)
    assert scene.snapshots.find(number) is None
