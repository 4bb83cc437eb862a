"""The board's time: whole UTC seconds, nanoseconds since boot, C's calendar conventions."""

import utime as _real
from utime import sleep, sleep_ms, sleep_us, ticks_add, ticks_diff, ticks_ms, ticks_us

ticks_cpu = ticks_us

_ZONE_S = 8 * 3600  # the board's RTC stands at GMT+8 until timezone() is called


def time() -> int:
    """Return the seconds since 1970, UTC."""
    return int(_real.time())


def time_ns() -> int:
    """Return the nanoseconds since the board was switched on (not since 1970)."""
    return ticks_us() * 1000


def gmtime(seconds=None):
    """Return (year, month, day, hour, minute, second, weekday, yearday); Sunday is weekday 0."""
    return _broken_down(time() if seconds is None else seconds)


def localtime(seconds=None):
    """Return gmtime() in the board's time zone when asked for now; given seconds are taken as UTC."""
    return _broken_down(time() + _ZONE_S if seconds is None else seconds)


def mktime(parts) -> int:
    """Return the seconds of a broken-down UTC time."""
    year, month, day, hour, minute, second = parts[:6]
    return ((_days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second


def ntp_sync() -> bool:
    """Return whether a time server answered: the PC's clock is right already."""
    return True


class clock:
    """The frame-rate clock of OpenMV scripts."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._last = self._start = ticks_ms()
        self._frames = 0

    def tick(self) -> None:
        self._last = ticks_ms()
        self._frames += 1

    def fps(self) -> float:
        passed = ticks_diff(ticks_ms(), self._start)
        return self._frames * 1000 / passed if passed > 0 else 0.0

    def avg(self) -> float:
        passed = ticks_diff(ticks_ms(), self._start)
        return passed / self._frames if self._frames else 0.0


def _days(year: int, month: int, day: int) -> int:
    # Days since 1970 in the Gregorian calendar, years counted from March.
    month += year * 12 - 3
    year, month = month // 12, month % 12
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * month + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468


def _broken_down(seconds: int):
    seconds = int(seconds)
    days, rest = seconds // 86400, seconds % 86400
    shifted = days + 719468
    era = shifted // 146097
    of_era = shifted - era * 146097
    year = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    day = of_year - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    year += era * 400 + (1 if month <= 2 else 0)
    hour, minute, second = rest // 3600, rest // 60 % 60, rest % 60
    return (year, month, day, hour, minute, second, (days + 4) % 7, days - _days(year, 1, 1))
