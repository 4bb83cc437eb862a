"""The board's machine module: reset, watchdog, clock, serial ports and pins."""

import time

from _k230 import silicon as _silicon
from _k230.absent import MACHINE as _ABSENT
from _k230.absent import attribute as _attribute
from _k230.pins import FPIOA, Pin
from _k230.uart import UART

_ZONE_STEP = 3600


def reset() -> None:
    """Start the board again; does not return."""
    _silicon.call("board.reset", ["machine.reset()"])
    while True:  # the supervisor ends this process
        time.sleep(1)


def bootloader(*_) -> None:
    """Enter the boot loader: on the virtual board a reset."""
    reset()


def chipid() -> bytearray:
    """Return the 32 bytes of the chip's serial number, the same for every run over a data folder."""
    return _silicon.call("board.chipid")[1][0]


def temperature() -> float:
    """Return the chip's temperature in degrees Celsius."""
    return _silicon.call("board.temperature")[0]


def mem_copy(to: int, source: int, size: int) -> None:
    """Copy memory by address."""
    import uctypes

    uctypes.bytearray_at(to, size)[:] = uctypes.bytearray_at(source, size)


class WDT:
    """The watchdog: resets the board when it is not fed for timeout seconds (not milliseconds)."""

    def __init__(self, id: int = 1, timeout: int = 5, *, auto_close: bool = True) -> None:
        if timeout <= 0:
            raise ValueError("WDT timeout too short")
        if not _silicon.call("wdt.start", [int(timeout)])[0]:
            raise ValueError("WDT is already in use")
        self._timeout = int(timeout)
        self._active = True

    def feed(self) -> None:
        if not self._active:
            raise OSError("watchdog is closed")
        _silicon.call("wdt.feed")

    def close(self) -> None:
        if self._active:
            self._active = False
            _silicon.call("wdt.close")

    stop = close

    def __repr__(self) -> str:
        return "WDT: timeout=%ds" % self._timeout


class RTC:
    """The real-time clock; the PC's, shifted when it is set."""

    _zone = [8]
    _shift = [0]

    def timezone(self, hours=None):
        if hours is None:
            return RTC._zone[0]
        if not -12 <= hours <= 12:
            raise ValueError("timezone should be -12 to 12, not %d" % hours)
        RTC._zone[0] = hours
        return True

    def datetime(self, parts=None):
        """Return (year, month, day, weekday, hour, minute, second, 0), or set the clock."""
        if parts is None:
            t = time.gmtime(time.time() + RTC._shift[0] + RTC._zone[0] * _ZONE_STEP)
            return (t[0], t[1], t[2], t[6], t[3], t[4], t[5], 0)
        if len(parts) not in (8, 9):
            raise ValueError("requested length 8 or 9 but object has length %d" % len(parts))
        zone = 8
        if len(parts) == 9:
            self.timezone(parts[8])
            zone = parts[8]
        seconds = time.mktime((parts[0], parts[1], parts[2], parts[4], parts[5], parts[6]))
        RTC._shift[0] = seconds - zone * _ZONE_STEP - time.time()

    def init(self, date) -> None:
        if len(date) < 3:
            raise ValueError("tuple/list has wrong length")
        if len(date) >= 8:
            _silicon.die("RTC.init() with 8 items writes behind its tuple; use RTC.datetime()")
        now = list(self.datetime())
        now[0:3] = date[0:3]
        for i in range(3, len(date)):
            now[i + 1] = date[i]
        self.datetime(tuple(now))

    def now(self):
        return self.datetime()

    def ntp_sync(self) -> bool:
        """Return whether a time server answered; blocks with the interpreter held."""
        _silicon.call("board.hold", [50])
        RTC._shift[0] = 0
        return True


class LED:
    """Not on this board."""

    def __init__(self, *_) -> None:
        raise NotImplementedError("this board has no LED class, use Pin or neopixel")


def __getattr__(name: str):
    raise _attribute("machine", name, _ABSENT)
