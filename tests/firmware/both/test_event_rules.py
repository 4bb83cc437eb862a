"""Tracks, zones, lines, counters and steady answers: scripted scenes with exactly known events."""

import struct

from firmware_app.events import geometry, rows
from firmware_app.events.counters import MOST_LABELS, OTHER, Counters
from firmware_app.events.follower import Follower
from firmware_app.events.rules import Rules, outside, pixels, unknown
from firmware_app.events.steady import Area, Vote
from firmware_app.events.tracks import MOST, Tracker
from firmware_app.settings.reader import read_task
from firmware_app.wire import messages
from firmware_app.wire.mpack import Text

FRAME_MS = 33
W, H = 640, 480
LINE = "{name: door, from: [320, 0], to: [320, 480]}"
SQUARE = "[[200, 100], [400, 100], [400, 400], [200, 400]]"
ZONE = "{name: yard, points: " + SQUARE + "}"


def settings(task: str = "detection", **events) -> dict:
    text = "task: %s\npackage: /sdcard/p\nevents:\n  enabled: true\n" % task
    for name in sorted(events):
        text += "  %s: %s\n" % (name, events[name])
    return read_task(text, "task.yaml").values["events"]


class Scene:
    """Objects that are where a test puts them, and the events that come of it."""

    def __init__(self, **events) -> None:
        events.setdefault("count_ms", 0)
        events.setdefault("update_ms", 0)
        self.counters = Counters([1, 0, None])
        self.told: list = []
        self.ids: list = []
        self.time_ms = 1000
        self._settings = settings(**events)
        self.follower = self._new()

    def _new(self) -> Follower:
        rules = Rules(self._settings, ["person", "car"], W, H)
        return Follower(rules, self.counters, self._tell)

    def restart(self) -> None:
        self.counters = Counters([2, 0, None], self.counters.saved())
        self.follower = self._new()

    def _tell(self, time_ms: int, kind: str, details: dict) -> None:
        assert time_ms == self.time_ms
        self.told.append((kind, details))

    def frame(self, *feet, size: int = 60, kind: int = 0) -> None:
        """Show people with their feet at these points."""
        found = [[x - size // 4, y - size, size // 2, size, 900, kind] for x, y in feet]
        self.rows(found)

    def rows(self, found: list) -> None:
        ids = self.follower.take(messages.DETECTION, self.time_ms, [found])
        self.ids = list(struct.unpack("<" + "H" * len(found), ids))
        self.time_ms += FRAME_MS

    def walk(self, *points, step: int = 8, size: int = 60) -> None:
        """Walk from point to point, and be seen in each frame."""
        x, y = points[0]
        self.frame((x, y), size=size)
        for to_x, to_y in points[1:]:
            while (x, y) != (to_x, to_y):
                x += max(-step, min(step, to_x - x))
                y += max(-step, min(step, to_y - y))
                self.frame((x, y), size=size)

    def rest(self, point: tuple, frames: int) -> None:
        for _ in range(frames):
            self.frame(point)

    def nothing(self, frames: int) -> None:
        for _ in range(frames):
            self.frame()

    def kinds(self) -> list:
        return [kind for kind, _ in self.told]

    def crossings(self) -> list:
        return [details["direction"] for kind, details in self.told if kind == "line.cross"]


class Noise:
    """The same in both interpreters."""

    def __init__(self, seed: int) -> None:
        self._state = seed

    def next(self, size: int) -> int:
        """Return an integer -size...size."""
        self._state = (self._state * 1103515245 + 12345) & 0x7FFFFFFF
        return (self._state >> 8) % (2 * size + 1) - size


def test_an_object_comes_and_goes() -> None:
    scene = Scene()
    scene.walk((100, 300), (180, 300))
    scene.nothing(40)
    assert scene.kinds() == ["track.new", "track.end"]
    new, end = scene.told[0][1], scene.told[1][1]
    assert new == {
        "track": 1,
        "label": "person",
        "class_id": 0,
        "score": 900,
        "box": [101, 240, 30, 60],
        "first_ms": 1000,
        "last_ms": 1066,
        "count": 1,
    }
    assert end["track"] == 1
    assert end["reason"] == "gone"
    assert end["count"] == 0
    assert end["first_box"] == [85, 240, 30, 60]
    assert end["box"] == [165, 240, 30, 60]
    assert end["last_ms"] == 1000 + 10 * FRAME_MS


def test_ids_stand_beside_the_boxes_and_only_confirmed_ones() -> None:
    scene = Scene()
    scene.frame((100, 300), (400, 300))
    assert scene.ids == [0, 0]
    scene.frame((102, 300), (400, 302))
    scene.frame((104, 300), (400, 304))
    assert sorted(scene.ids) == [1, 2]
    scene.frame((402, 306), (106, 300))  # another order: the ids go along
    assert sorted(scene.ids) == [1, 2]
    first = scene.ids
    scene.frame((108, 300), (404, 308))
    assert scene.ids == [first[1], first[0]]
    scene.frame()
    assert scene.ids == []


def test_a_flash_is_no_object() -> None:
    scene = Scene(zones="[" + ZONE + "]", lines="[" + LINE + "]")
    for _ in range(20):
        scene.frame((310, 300))
        scene.frame((330, 300))
        scene.nothing(10)
    assert scene.told == []


def test_missed_frames_don_t_end_an_object() -> None:
    scene = Scene()
    for i in range(60):
        if i % 5 in (3, 4) and i > 5:
            scene.frame()
        else:
            scene.frame((100 + 5 * i, 300))
    assert scene.kinds() == ["track.new"]


def test_who_jumps_keeps_its_track_where_the_next_frame_confirms_it() -> None:
    scene = Scene()
    scene.walk((100, 300), (180, 300))
    before = scene.ids
    scene.frame((225, 300))  # out of its own reach
    assert scene.ids == [0]
    scene.frame((227, 300))
    assert scene.ids == before
    scene.nothing(40)
    assert scene.kinds() == ["track.new", "track.end"]
    assert scene.told[1][1]["first_box"] == [85, 240, 30, 60]
    assert scene.told[1][1]["first_ms"] == 1000


def test_a_false_box_beside_a_missing_object_is_not_its_heir() -> None:
    for feet in ((225, 300), (180, 345), (140, 300)):
        scene = Scene()
        scene.walk((100, 300), (180, 300))
        before = scene.ids
        scene.frame(feet)
        scene.frame((196, 300))
        assert scene.ids == before
        scene.frame((204, 300), feet)
        assert scene.ids[0] == before[0] and scene.ids[1] == 0
        scene.nothing(40)
        assert scene.kinds() == ["track.new", "track.end"], feet
    # One that ended meanwhile, at few frames a second, is not continued.
    scene = Scene(lost_ms=400)
    scene.walk((100, 300), (180, 300))
    scene.time_ms += 500
    for _ in range(5):
        scene.frame((225, 300))
    assert scene.kinds() == ["track.new", "track.end", "track.new"]
    assert [details["count"] for _, details in scene.told] == [1, 0, 1]
    assert scene.ids == [2]
    # Two heirs of one object: one of them gets it.
    scene = Scene()
    scene.walk((100, 300), (180, 300))
    for _ in range(4):
        scene.frame((220, 300), (180, 345))
    assert sorted(scene.ids) == [1, 2]
    assert scene.kinds().count("track.new") == 2


def test_classes_are_apart() -> None:
    scene = Scene()
    for i in range(10):
        scene.rows([[100, 100, 50, 50, 900, 0], [102 + i, 100, 50, 50, 800, 1]])
    assert [(kind, d["label"]) for kind, d in scene.told] == [
        ("track.new", "person"),
        ("track.new", "car"),
    ]
    assert scene.ids == [1, 2]


def test_labels_choose_what_is_followed() -> None:
    scene = Scene(labels="[car]")
    for _ in range(5):
        scene.rows([[100, 100, 50, 50, 900, 0], [300, 100, 50, 50, 800, 1]])
    assert scene.ids == [0, 1]
    assert [d["label"] for _, d in scene.told] == ["car"]


def test_a_line_counts_back_and_forth() -> None:
    scene = Scene(lines="[" + LINE + "]")
    scene.walk((200, 300), (440, 300), (200, 300), (440, 300), (200, 300))
    # From above to below: who walks to the right comes to the line's left side, as one sees it.
    assert scene.crossings() == ["out", "in", "out", "in"]
    last = [details for kind, details in scene.told if kind == "line.cross"][-1]
    assert (last["line"], last["in"], last["out"]) == ("door", 2, 2)
    assert scene.counters.rows() == [["door", "person", 2, 2]]


def test_who_stops_on_a_line_counts_once_and_only_after() -> None:
    noise = Noise(7)
    scene = Scene(lines="[" + LINE + "]")
    scene.walk((200, 300), (320, 300))
    for _ in range(300):
        scene.frame((320 + noise.next(3), 300 + noise.next(3)))
    assert scene.crossings() == []
    scene.walk((320, 300), (440, 300))
    assert scene.crossings() == ["out"]
    # And who turns back on it has not crossed.
    scene.walk((440, 300), (324, 300))
    for _ in range(100):
        scene.frame((320 + noise.next(3), 300 + noise.next(3)))
    scene.walk((320, 300), (440, 300))
    assert scene.crossings() == ["out"]


def test_who_vanishes_on_a_line_has_not_crossed() -> None:
    scene = Scene(lines="[" + LINE + "]")
    scene.walk((200, 300), (322, 300))
    scene.nothing(60)
    assert scene.crossings() == []
    assert scene.kinds() == ["track.new", "track.end"]


def test_fast_objects_are_counted() -> None:
    for step in (30, 60, 90):
        for size in (60, 120):
            scene = Scene(lines="[" + LINE + "]")
            scene.walk((40, 300), (40 + step * (560 // step), 300), step=step, size=size)
            assert scene.crossings() == ["out"], (step, size)


def test_two_at_once_are_two() -> None:
    scene = Scene(lines="[" + LINE + "]")
    for i in range(30):
        scene.frame((200 + 8 * i, 200), (200 + 8 * i, 400))
    assert scene.crossings() == ["out", "out"]
    scene = Scene(lines="[" + LINE + "]")
    for i in range(30):  # against each other, on ways that touch
        scene.frame((200 + 8 * i, 300), (440 - 8 * i, 330))
    assert sorted(scene.crossings()) == ["in", "out"]
    assert scene.kinds().count("track.new") == 2


def test_past_the_end_of_a_line_is_not_through_it() -> None:
    scene = Scene(lines="[{name: door, from: [320, 100], to: [320, 250]}]")
    scene.walk((200, 400), (440, 400))
    assert scene.crossings() == []
    scene.walk((440, 400), (440, 200), (200, 200))
    assert scene.crossings() == ["in"]
    scene.walk((200, 200), (200, 400), (440, 400), (440, 200), (200, 200))
    assert scene.crossings() == ["in", "in"]


def test_noise_counts_nothing() -> None:
    for seed in range(5):
        noise = Noise(seed)
        scene = Scene(lines="[" + LINE + "]", zones="[" + ZONE + "]")
        for _ in range(200):
            scene.frame((305 + noise.next(8), 300 + noise.next(8)), size=120)
        assert scene.crossings() == [], seed


def test_a_crowd_is_counted_one_by_one() -> None:
    scene = Scene(lines="[" + LINE + "]")
    for i in range(160):
        feet = [
            (20 + 14 * (k % 4) + 4 * i - 10 * k, 110 + 18 * k)
            for k in range(20)
            if 0 < 20 + 14 * (k % 4) + 4 * i - 10 * k < 640
        ]
        scene.frame(*feet, size=40)
    assert scene.kinds().count("track.new") == 20
    assert scene.crossings() == ["out"] * 20


def test_a_zone_is_entered_after_some_frames_and_left_after_some_time() -> None:
    scene = Scene(zones="[" + ZONE + "]")
    scene.walk((100, 300), (300, 300))
    assert scene.kinds() == ["track.new", "zone.enter"]
    entered = scene.told[1][1]
    first_in = 1000 + FRAME_MS * 13  # 100 + 13 * 8 is the first point behind 200
    assert (entered["zone"], entered["inside"], entered["enter_ms"]) == ("yard", 1, first_in)
    scene.walk((300, 300), (450, 300))
    scene.walk((450, 300), (350, 300))  # back within a second
    assert scene.kinds() == ["track.new", "zone.enter"]
    scene.walk((350, 300), (500, 300))
    scene.rest((500, 300), 40)
    assert scene.kinds() == ["track.new", "zone.enter", "zone.leave"]
    left = scene.told[2][1]
    assert left["reason"] == "left"
    assert left["inside"] == 0
    assert left["dwell_ms"] == left["leave_ms"] - first_in
    scene.nothing(40)
    assert scene.kinds()[3:] == ["track.end"]


def test_who_vanishes_in_a_zone_leaves_it() -> None:
    scene = Scene(zones="[" + ZONE + "]")
    scene.walk((100, 300), (300, 300))
    scene.nothing(40)
    assert scene.kinds() == ["track.new", "zone.enter", "zone.leave", "track.end"]
    assert scene.told[2][1]["reason"] == "gone"
    assert scene.told[2][1]["leave_ms"] == scene.told[3][1]["last_ms"]


def test_dwell_labels_and_anchor_of_a_zone() -> None:
    zone = "{name: yard, points: " + SQUARE + ", dwell_ms: 1000}"
    scene = Scene(zones="[" + zone + "]")
    scene.rest((300, 300), 29)
    assert scene.kinds() == ["track.new"]
    scene.rest((300, 300), 4)
    assert scene.kinds() == ["track.new", "zone.enter"]
    assert scene.told[1][1]["enter_ms"] == 1000
    zone = "{name: yard, points: " + SQUARE + ", labels: [car]}"
    scene = Scene(zones="[" + zone + "]")
    scene.rest((300, 300), 10)
    assert scene.kinds() == ["track.new"]
    for anchor, entered in (("bottom_center", True), ("top_center", False), ("center", False)):
        scene = Scene(zones="[" + ZONE + "]", anchor=anchor)
        scene.rest((300, 120), 10)  # feet inside, head above
        assert ("zone.enter" in scene.kinds()) == entered, anchor


def test_a_switch_ends_everything() -> None:
    scene = Scene(zones="[" + ZONE + "]", count_ms=1000)
    scene.rest((300, 300), 10)
    scene.told.clear()
    scene.follower.end(scene.time_ms)
    assert scene.kinds() == ["zone.leave", "track.end", "count", "count"]
    assert scene.told[0][1]["reason"] == scene.told[1][1]["reason"] == "switched"
    assert [d["count"] for kind, d in scene.told if kind == "count"] == [0, 0]
    scene.follower.end(scene.time_ms)
    assert len(scene.told) == 4


def test_counters_survive_a_restart_and_are_reset() -> None:
    scene = Scene(lines="[" + LINE + "]")
    scene.walk((200, 300), (440, 300))
    scene.restart()
    scene.walk((440, 300), (200, 300))
    assert scene.told[-1][1]["in"] == scene.told[-1][1]["out"] == 1
    assert scene.counters.since == [1, 0, None]
    scene.counters.reset([2, 500, 1700000000000])
    assert scene.counters.rows() == []
    assert scene.counters.saved() == {"since": [2, 500, 1700000000000], "lines": {}}


def test_kept_counters_that_make_no_sense_begin_anew() -> None:
    good = {"since": [1, 2, None], "lines": {"a": {"x": [1, 2]}}}
    assert Counters([9, 9, None], good).rows() == [["a", "x", 1, 2]]
    for kept in (
        None,
        {},
        {"since": [1], "lines": {}},
        {"since": [1, 2, None], "lines": {"a": 5}},
        {"since": [1, 2, None], "lines": {"a": {"x": [1]}}},
        {"since": [1, 2, None], "lines": {"a": {"x": ["b", 2]}}},
        {"since": None, "lines": {}},
    ):
        counters = Counters([9, 9, None], kept)
        assert (counters.rows(), counters.since) == ([], [9, 9, None])


def test_counters_are_bounded() -> None:
    counters = Counters([1, 0, None])
    for i in range(MOST_LABELS + 10):
        counters.count("door", "label %d" % i, True)
    assert len(counters.lines["door"]) == MOST_LABELS + 1
    assert counters.lines["door"][OTHER] == [10, 0]
    counters.keep_only(["gate"])
    assert counters.lines == {}


def test_counts_are_told_on_change_and_not_too_often() -> None:
    scene = Scene(count_ms=1000, zones="[" + ZONE + "]")
    scene.rest((300, 300), 60)
    counts = [details for kind, details in scene.told if kind == "count"]
    assert counts == [
        {"place": "frame", "label": "person", "count": 1},
        {"place": "zone", "name": "yard", "label": "person", "count": 1},
    ]
    scene.nothing(100)
    counts = [details["count"] for kind, details in scene.told if kind == "count"]
    assert counts == [1, 1, 0, 0]


def test_updates_are_told_on_change_and_not_too_often() -> None:
    scene = Scene(update_ms=500)
    scene.rest((300, 300), 60)
    assert scene.kinds() == ["track.new"]
    scene.walk((300, 300), (600, 300), step=5)  # 60 frames, two seconds
    assert 3 <= scene.kinds().count("track.update") <= 4


def test_a_text_is_told_once_it_is_steady() -> None:
    told: list = []
    rules = Rules(settings("ocr_recognition"), ["text"], W, H)
    rules.confirm, rules.lost_ms = 3, 1000
    follower = Follower(rules, Counters([1, 0, None]), lambda t, kind, d: told.append((kind, d)))
    quad = [100, 100, 200, 100, 200, 130, 100, 130]
    texts = ["AB1", "AB1", "A81", "AB1", "AB1", "AB1", "AB1", "X"]
    for i in range(len(texts)):
        ids = follower.take(messages.OCR, 33 * i, [[[texts[i], 60000, quad]]])
    assert ids == b"\x01\x00"
    assert [(kind, d.get("text")) for kind, d in told] == [
        ("track.new", None),
        ("track.update", "AB1"),
    ]


def test_identities_behind_a_detector() -> None:
    told: list = []
    rules = Rules(settings("metric_learning", update_ms=0, count_ms=0), ["face"], W, H)
    follower = Follower(rules, Counters([1, 0, None]), lambda t, kind, d: told.append((kind, d)))
    for i in range(10):
        row = ["Ann" if i > 1 else None, 9000, 100, 10, 20, 50, 60, 0, 950]
        follower.take(messages.IDENTITIES, 33 * i, [[row]])
    assert [(kind, d.get("identity")) for kind, d in told] == [
        ("track.new", None),
        ("track.update", "Ann"),
    ]


def answers(kind: int, fields: list, **events) -> list:
    task = messages.RESULT_TASKS[kind]
    told: list = []
    rules = Rules(settings(task, **events), ["ok", "broken"], W, H)
    follower = Follower(rules, Counters([1, 0, None]), lambda t, k, d: told.append(d))
    for i in range(len(fields)):
        assert follower.take(kind, 33 * i, fields[i]) is None
    return [(d["name"], d["before"], d["value"]) for d in told]


def test_steady_answers() -> None:
    ok, broken, none = [1, [0, 60000]], [1, [1, 60000]], [0, []]
    assert answers(messages.CLASSIFICATION, [ok] * 4) == []
    assert answers(messages.CLASSIFICATION, [ok] * 5) == [("label", None, "ok")]
    flicker = [ok] * 8 + [broken, ok, broken, ok] * 10
    assert answers(messages.CLASSIFICATION, flicker) == [("label", None, "ok")]
    turned = [ok] * 8 + [broken] * 5 + [none] * 8
    assert answers(messages.CLASSIFICATION, turned) == [
        ("label", None, "ok"),
        ("label", "ok", "broken"),
        ("label", "broken", None),
    ]
    both = [[[0, 50000, 1, 40000]]] * 5 + [[[0, 50000]]] * 5
    assert answers(messages.MULTILABEL, both) == [
        ("ok", False, True),
        ("broken", False, True),
        ("broken", True, False),
    ]
    who = [[None, ["Ann", 9000, 5]]] * 5 + [[None, [None, 1000, 5]]] * 5
    assert answers(messages.METRIC_LEARNING, who) == [
        ("identity", None, "Ann"),
        ("identity", "Ann", None),
    ]
    text = [[[["AB", 60000, None]]]] * 5
    assert answers(messages.OCR_RECOGNITION, text) == [("text", None, "AB")]
    # As the task gives it: UTF-8, for the wire.
    text = [[[[Text("AB\u83e0".encode()), 60000, None]]]] * 5
    assert answers(messages.OCR_RECOGNITION, text) == [("text", None, "AB\u83e0")]


def _line(text: str) -> list:
    return [[[text, 60000, None]]]


# One steady answer, and one that differs in every other frame without ever being steady.
FLICKERS = (
    (messages.CLASSIFICATION, [1, [0, 60000]], [1, [1, 60000]], ("label", None, "ok")),
    (messages.CLASSIFICATION, [1, [0, 60000]], [0, []], ("label", None, "ok")),
    (messages.MULTILABEL, [[0, 50000]], [[1, 40000]], ("ok", False, True)),
    (messages.MULTILABEL, [[0, 50000]], [[0, 50000, 1, 40000]], ("ok", False, True)),
    (messages.MULTILABEL, [[0, 50000]], [[]], ("ok", False, True)),
    (messages.METRIC_LEARNING, [None, ["A", 9, 5]], [None, ["B", 9, 5]], ("identity", None, "A")),
    (messages.METRIC_LEARNING, [None, ["A", 9, 5]], [None, [None, 1, 5]], ("identity", None, "A")),
    (messages.OCR_RECOGNITION, _line("B8"), _line("88"), ("text", None, "B8")),
    (messages.OCR_RECOGNITION, _line("B8"), [[]], ("text", None, "B8")),
)


def test_an_answer_that_flickers_is_told_once() -> None:
    for kind, steady, other, told in FLICKERS:
        flicker = [steady] * 8 + [other, steady, other, steady] * 10
        assert answers(kind, flicker) == [told], kind
        # The same answers, each for long enough, are told: the flicker alone kept them back.
        turned = answers(kind, [steady] * 8 + [other] * 8)
        assert turned[0] == told, kind
        assert len(turned) > 1, kind


def test_areas() -> None:
    dry, wet = [10, 10, b"", [90, 10]], [10, 10, b"", [70, 30]]
    area = "[{name: flood, label: broken, above: 0.2, for_ms: 100}]"
    assert answers(messages.SEGMENTATION, [wet] * 3 + [dry] + [wet] * 3, areas=area) == []
    assert answers(messages.SEGMENTATION, [wet] * 9 + [dry] * 9, areas=area) == [
        ("flood", False, True),
        ("flood", True, False),
    ]
    area = "[{name: clear, label: broken, below: 0.2, for_ms: 0}]"
    assert answers(messages.SEGMENTATION, [dry, wet, dry], areas=area) == [
        ("clear", False, True),
        ("clear", True, False),
        ("clear", False, True),
    ]
    area = "[{name: odd, label: none, above: 0.2}]"
    assert answers(messages.SEGMENTATION, [wet] * 99, areas=area) == []


def test_votes() -> None:
    vote = Vote(2, 3)
    assert [vote.add(value) for value in ("a", "b", "a", "b", "b", None, None)] == [
        False,
        False,
        True,
        True,
        False,
        False,
        True,
    ]
    assert vote.value is None
    assert Area("a", 5, 100, True, 0).see([100], 100, 0) is False


def test_tracks_are_bounded() -> None:
    tracker = Tracker(1, 1000)
    many = [((i % 30) * 20, (i // 30) * 20, 15, 15, 900, 0) for i in range(300)]
    for i in range(5):
        found = tracker.update(33 * i, many)
        assert len(found) == 300
        assert len(tracker.tracks) == MOST
    assert sorted([track.number for track in tracker.tracks]) == list(range(1, MOST + 1))


def test_ids_begin_anew_and_skip_those_in_use() -> None:
    tracker = Tracker(1, 1000)
    kept = tracker.update(0, [(0, 0, 20, 20, 900, 0)])[0]
    tracker._number = 65534
    at = 33
    numbers = []
    for i in range(3):
        found = tracker.update(at, [(0, 0, 20, 20, 900, 0), (100 + 100 * i, 200, 20, 20, 900, 0)])
        numbers.append(found[1].number)
        at += 33
    assert kept.number == 1
    assert numbers == [65535, 2, 3]


def test_a_clock_that_stands_still_breaks_nothing() -> None:
    tracker = Tracker(3, 1000)
    for i in range(20):
        tracker.update(50, [(10 + i, 10, 20, 20, 900, 0)])
    for i in range(20):
        tracker.update(50 - i, [(10, 10, 0, 0, 900, 0)])


def test_geometry() -> None:
    square = geometry.edges([(10, 10), (20, 10), (20, 20), (10, 20)])
    assert [geometry.inside(square, x, 15) for x in (9, 10, 15, 19, 20, 21)] == [
        False,
        True,
        True,
        True,
        False,
        False,
    ]
    for value in list(range(200)) + [1 << 20, (1 << 20) - 1, 409600]:
        root = geometry.root(value)
        assert root * root <= value < (root + 1) * (root + 1), value
    hollow = geometry.edges([(0, 0), (100, 0), (100, 100), (50, 20), (0, 100)])
    assert geometry.inside(hollow, 10, 50)
    assert not geometry.inside(hollow, 50, 50)


def test_coordinates_are_pixels_or_parts() -> None:
    assert [pixels(value, 640) for value in (0, 5, 0.0, 0.5, 1.0, 0.3333)] == [
        0,
        5,
        0,
        320,
        640,
        213,
    ]


def test_rows_of_every_task_with_boxes() -> None:
    packed = struct.pack("<II", 100 | 900 << 11 | 50 << 21, 40 | 3 << 11 | 30 << 21)
    box = (100, 50, 40, 30, 900, 3)
    for kind in (messages.DETECTION, messages.POSE, messages.INSTANCE_SEGMENTATION):
        assert rows.boxes(kind, [packed]) == [box]
        assert rows.boxes(kind, [[list(box)]]) == [box]
    who = ["Ann", 9000, 5, 100, 50, 40, 30, 3, 900]
    assert rows.boxes(messages.IDENTITIES, [[who]]) == [box]
    quad = ["AB", 65535, [100, 50, 140, 55, 139, 80, 101, 79]]
    assert rows.boxes(messages.OCR, [[quad]]) == [(100, 50, 40, 30, 1000, 0)]
    assert rows.boxes(messages.OCR_DETECTION, [[]]) == []
    upright = struct.pack("<7h", 8 * 120, 8 * 65, 8 * 40, 8 * 30, 0, 900, 3)
    assert rows.boxes(messages.ORIENTED_DETECTION, [upright]) == [box]
    turned = struct.pack("<7h", 8 * 120, 8 * 65, 8 * 30, 8 * 40, 9000, 900, 3)
    assert rows.boxes(messages.ORIENTED_DETECTION, [turned]) == [box]
    slanted = struct.pack("<7h", 8 * 100, 8 * 100, 8 * 100, 0, 4500, 900, 3)
    assert rows.boxes(messages.ORIENTED_DETECTION, [slanted]) == [(64, 64, 70, 70, 900, 3)]


def test_places_outside_the_frame() -> None:
    for zone, line, text in (
        ("[[0, 0], [640, 0], [640, 480]]", "{from: [0, 0], to: [1.0, 1.0]}", ""),
        (
            "[[0, 0], [641, 0], [640, 480]]",
            "{from: [0, 0], to: [1, 1]}",
            "zone a: expected points in",
        ),
        ("[[0, 0], [9, 0], [9, 481]]", "{from: [0, 0], to: [1, 1]}", "640 x 480, found [9, 481]"),
        (
            "[[0, 0], [9, 0], [9, 9]]",
            "{from: [0, 0], to: [320, 1000]}",
            "line b: expected points in",
        ),
    ):
        values = settings(
            zones="[{name: a, points: " + zone + "}]",
            lines="[" + line.replace("{", "{name: b, ") + "]",
        )
        found = outside(values, W, H)
        assert text in found if text else not found, (zone, line, found)


def test_labels_that_the_model_has_not() -> None:
    values = settings(
        labels="[person, dog]", lines="[{name: a, from: [0, 0], to: [1, 1], labels: [cat, dog]}]"
    )
    assert unknown(values, ["person"]) == ["dog", "cat"]


GOOD = (
    ("zones", "[]"),
    ("zones", "[" + ZONE + "]"),
    ("zones", "[{name: a, points: [[0.1, 0.1], [0.5, 0.1], [0.5, 0.9]], leave_ms: 0}]"),
    ("lines", "[{name: a, from: [0, 0.5], to: [640, 0.5], frames: 1}]"),
    ("labels", "[a, b]"),
)
BAD = (
    ("zones", "5", "zones: expected a list of 0..8 zones or null, found 5"),
    ("zones", "[5]", "number 1: expected a mapping with name, points, found 5"),
    ("zones", "[{points: " + SQUARE + "}]", "number 1: name is missing"),
    ("zones", "[{name: a}]", "number 1: points is missing"),
    ("zones", "[{name: 5, points: " + SQUARE + "}]", "number 1: name: expected text of 1..32"),
    ("zones", "[{name: a, points: [[0, 0], [1, 1]]}]", "a: points: expected 3..16 points"),
    ("zones", "[{name: a, points: [[0, 0], [1, 1], [1]]}]", "a: points: expected a point [x, y]"),
    ("zones", "[{name: a, points: [[0, 0], [1, 1], [1, 1.5]]}]", "a part of the frame 0.0..1.0"),
    ("zones", "[{name: a, points: [[0, 0], [1, 1], [1, -5]]}]", "expected pixels 0..4096"),
    ("zones", "[{name: a, points: " + SQUARE + ", frame: 3}]", "did you mean frames?"),
    ("zones", "[{name: a, points: " + SQUARE + ", frames: 0}]", "an integer 1..100, found 0"),
    ("zones", "[{name: a, points: " + SQUARE + ", anchor: top}]", "one of bottom_center"),
    ("zones", "[{name: a, points: " + SQUARE + ", labels: []}]", "a list of 1..32 labels"),
    ("zones", "[" + ZONE + ", " + ZONE + "]", 'the name "yard" is there twice'),
    ("zones", "[" + ", ".join([ZONE.replace("yard", "y%d" % i) for i in range(9)]) + "]", "0..8"),
    ("lines", "[{name: a, from: [5, 5], to: [5, 5]}]", "from and to are the same point"),
    ("lines", "[{name: a, from: [5, 5]}]", "number 1: to is missing"),
    ("labels", "[5]", "labels: expected texts only"),
    ("areas", "[]", "unknown setting"),
)


def fault(task: str, name: str, value: str) -> str:
    try:
        settings(task, **{name: value})
    except ValueError as error:
        return str(error)
    return ""


def test_settings_that_are_good_and_bad() -> None:
    for name, value in GOOD:
        assert fault("detection", name, value) == "", (name, value)
    for name, value, text in BAD:
        said = fault("detection", name, value)
        assert text in said, (said, text)
        assert "events." in said
        assert "\n" not in said
    for value, text in (
        ("[{name: a, label: b}]", "either above or below"),
        ("[{name: a, label: b, above: 0.5, below: 0.2}]", "either above or below"),
        ("[{name: a, label: b, above: 20}]", "a part of the frame 0..1, found 20"),
        ("[{name: a, above: 0.5}]", "label is missing"),
    ):
        assert text in fault("segmentation", "areas", value), text
    said = fault("classification", "steady_frames", "9")
    assert "expected at most events.steady_of (8), found 9" in said


def test_texts_of_ocr_are_told_in_characters():
    quad = [0, 0, 9, 0, 9, 9, 0, 9]
    fields = [[[Text("Tür 7".encode()), 65535, quad], [Text(("ä" * 60).encode()), 1, quad]]]
    assert rows.texts(messages.OCR, fields) == ["Tür 7", "ä" * 48]
