"""Scripted scenes seen by a detector that jitters, misses and invents: counts that must be exactly right."""

from test_event_rules import LINE, Noise, Scene

FEET = 300


class Seen:
    """A scene of objects on ways of their own, as a detector sees them: always the same for a seed."""

    def __init__(self, seed: int, jitter: int = 0, missed: int = 0, invented: int = 0) -> None:
        """jitter: per mille of an object's size; missed, invented: per cent of frames."""
        self.scene = Scene(lines="[" + LINE + "]")
        self._noise = Noise(seed)
        self._jitter = jitter
        self._missed = missed
        self._invented = invented

    def _chance(self, percent: int) -> bool:
        return self._noise.next(500) % 100 < percent

    def frame(self, *things) -> None:
        """Show things: (x of the feet, y of the feet, width, height)."""
        rows = []
        for x, y, w, h in things:
            if self._chance(self._missed):
                continue
            off = [self._noise.next(side * self._jitter // 1000) for side in (w, h, w, h)]
            rows.append([x - w // 2 + off[0], y - h + off[1], w + off[2], h + off[3], 900, 0])
        if self._chance(self._invented):
            size = 40 + self._noise.next(20)
            rows.append(
                [300 + self._noise.next(290), 200 + self._noise.next(190), size, size, 400, 0]
            )
        self.scene.rows(rows)

    def counts(self) -> list:
        """Return [in, out] of the line."""
        return self.scene.counters.lines.get("door", {}).get("person", [0, 0])


def _back_and_forth(seen: Seen, speed: int, turns: int) -> list:
    """Let one walk from side to side, each time turning at another place; return the true [in, out]."""
    noise = Noise(speed * 31 + turns)
    x = 120
    true = [0, 0]
    for turn in range(turns):
        goal = 470 + noise.next(60) if turn % 2 == 0 else 170 + noise.next(60)
        true[1 - turn % 2] += 1
        while x != goal:
            x += max(-speed, min(speed, goal - x))
            seen.frame((x, FEET, 45, 100))
    return true


def test_back_and_forth_at_any_speed() -> None:
    for speed in (2, 5, 9, 17, 26, 33):
        seen = Seen(speed)
        true = _back_and_forth(seen, speed, 7)
        assert seen.counts() == true == [3, 4], speed
        assert seen.scene.kinds().count("track.new") == 1, speed


def test_back_and_forth_before_a_mediocre_detector() -> None:
    for seed in (11, 12, 13, 14):
        for speed in (3, 8, 14):
            seen = Seen(seed, jitter=20, missed=5)
            assert _back_and_forth(seen, speed, 6) == seen.counts(), (seed, speed)


def test_who_stops_on_the_line_is_counted_where_it_goes_on() -> None:
    for seed in (21, 22, 23, 24, 25, 26):
        for way, expected in ((1, [0, 1]), (-1, [0, 0])):
            seen = Seen(seed, jitter=25, missed=8)
            noise = Noise(seed)
            on = 320 + noise.next(3)
            for x in range(120, on, 6):
                seen.frame((x, FEET, 45, 100))
            for _ in range(150):
                seen.frame((on, FEET, 45, 100))
            assert seen.counts() == [0, 0], seed
            for step in range(30):
                seen.frame((on + way * 6 * step, FEET, 45, 100))
            assert seen.counts() == expected, (seed, way)


def test_who_vanishes_on_the_line_is_not_counted_whatever_else_is_seen() -> None:
    for seed in (31, 32, 33, 34, 35, 36, 37, 38):
        seen = Seen(seed, jitter=20, missed=5, invented=5)
        for x in range(120, 321, 8):
            seen.frame((x, FEET, 45, 100))
        for _ in range(60):
            seen.frame()
        assert seen.counts() == [0, 0], seed


def test_a_box_on_the_other_side_is_no_crossing() -> None:
    # Twelve frames after it was lost on the line, something else shows once, where it would be by now.
    for late in range(7, 20):
        seen = Seen(41)
        for x in range(120, 321, 8):
            seen.frame((x, FEET, 45, 100))
        for _ in range(late):
            seen.frame()
        seen.frame((320 + 8 * late, FEET, 45, 100))
        for _ in range(40):
            seen.frame()
        assert seen.counts() == [0, 0], late


def test_who_is_hidden_at_the_line_is_counted_when_it_shows_again() -> None:
    for hidden in (2, 5, 9, 14):
        seen = Seen(51)
        for i in range(60):
            x = 120 + 7 * i
            if abs(x - 320) < 7 * hidden / 2:
                seen.frame()
            else:
                seen.frame((x, FEET, 45, 100))
        assert seen.counts() == [0, 1], hidden
        assert seen.scene.kinds().count("track.new") == 1, hidden


def test_fast_ones_of_any_size_are_counted() -> None:
    for size in (60, 90, 130):
        for speed in range(20, size + size // 2, 13):
            for way, expected in ((1, [0, 1]), (-1, [1, 0])):
                seen = Seen(61)
                x = 20 if way > 0 else 620
                while 0 < x < 640:
                    seen.frame((x, FEET, size // 2, size))
                    x += way * speed
                # Three boxes before the line make an object, one behind it may be far enough.
                if speed <= 85:
                    assert seen.counts() == expected, (size, speed, way)


def test_two_against_each_other_and_side_by_side() -> None:
    for seed in (71, 72, 73):
        for speed in (3, 6, 11):
            for apart in (0, 12, 40, 90):
                seen = Seen(seed, jitter=15)
                for i in range(480 // speed):
                    left, right = 80 + speed * i, 560 - speed * i
                    things = [(left, FEET, 40, 90)]
                    if abs(left - right) > 24 or apart > 60:  # else one hides the other
                        things.append((right, FEET - apart, 40, 90))
                    seen.frame(*things)
                assert seen.counts() == [1, 1], (seed, speed, apart)
                assert seen.scene.kinds().count("track.new") == 2
        seen = Seen(seed, jitter=15, missed=5)
        for i in range(80):
            seen.frame((90 + 6 * i, FEET, 40, 90), (40 + 6 * i, FEET + 20, 40, 90))
        assert seen.counts() == [0, 2], seed


def test_a_crowd_of_twenty_both_ways() -> None:
    for seed in (81, 82):
        seen = Seen(seed, jitter=20, missed=3)
        for i in range(170):
            things = []
            for k in range(20):
                at = 4 * i - 6 * k + 30
                if 20 < at < 620:
                    things.append((at if k % 2 else 640 - at, 40 + 22 * k, 18, 20))
            seen.frame(*things)
        assert seen.counts() == [10, 10], seed
