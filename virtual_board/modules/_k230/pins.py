"""machine.Pin and machine.FPIOA: which function a pin has, and levels that nothing drives."""

from _k230 import silicon

PINS = 64

# Pins that can carry a UART: (tx, rx) pairs, from the pin multiplexer's table.
_UART_PINS = {
    0: ((38, 39),),
    1: ((3, 4), (9, 10), (40, 41)),
    2: ((5, 6), (11, 12), (44, 45)),
    3: ((28, 29), (32, 33), (50, 51)),
    4: ((36, 37), (48, 49)),
}
# What the board's firmware has set up at power-on: the console, and what its type says.
_mapped = {"UART0_TXD": 38, "UART0_RXD": 39}
for _id, _tx, _rx in silicon.config["board"]["wired"]:
    _mapped["UART%d_TXD" % _id] = _tx
    _mapped["UART%d_RXD" % _id] = _rx

_FIRST_OTHER = 64  # function numbers: GPIO0 to GPIO63, then the others


class FPIOA:
    """The pin multiplexer: set_function(pin, FPIOA.UART1_TXD)."""

    def set_function(
        self, pin: int, func: int, ie=-1, oe=-1, pu=-1, pd=-1, st=-1, sl=-1, ds=-1
    ) -> None:
        if not 0 <= pin < PINS:
            raise ValueError("invalid pin")
        name = _names.get(func)
        if name is None:
            raise ValueError("invalid function")
        if not _carries(pin, name):
            raise ValueError("Pin(%d) can not set to %s" % (pin, name))
        release(pin)
        _mapped[name] = pin

    def get_pin_num(self, func: int):
        """Return the pin that has the function, or None."""
        return _mapped.get(_names.get(func))

    def get_pin_func(self, pin: int):
        """Return the function of the pin."""
        for name in _mapped:
            if _mapped[name] == pin:
                return getattr(FPIOA, name)
        return pin  # a GPIO of the same number

    def help(self, *_) -> None:
        for name in sorted(_mapped):
            print("%s: pin %d" % (name, _mapped[name]))


_names = {}
for _n in range(PINS):
    _names[_n] = "GPIO%d" % _n
for _id in range(5):
    for _line in ("TXD", "RXD"):
        _names[_FIRST_OTHER + len(_names) - PINS] = "UART%d_%s" % (_id, _line)
for _n in range(5):
    for _line in ("SCL", "SDA"):
        _names[_FIRST_OTHER + len(_names) - PINS] = "IIC%d_%s" % (_n, _line)
for _n in range(6):
    _names[_FIRST_OTHER + len(_names) - PINS] = "PWM%d" % _n
for _number in _names:
    setattr(FPIOA, _names[_number], _number)


def release(pin: int) -> None:
    """Take the function off a pin."""
    for name in list(_mapped):
        if _mapped[name] == pin:
            del _mapped[name]


def _carries(pin: int, name: str) -> bool:
    if not name.startswith("UART"):
        return not name.startswith("GPIO") or name == "GPIO%d" % pin
    column = 0 if name.endswith("TXD") else 1
    return pin in [pair[column] for pair in _UART_PINS[int(name[4])]]


def route_uart(id: int, tx, rx) -> None:
    """Give UART id its pins; AssertionError for pins that cannot, or that were not mapped."""
    for pin, line in ((tx, "TXD"), (rx, "RXD")):
        name = "UART%d_%s" % (id, line)
        short = line[:2].lower()
        if pin is None:
            if name not in _mapped:
                raise AssertionError("UART(%d) %s not configured, see machine.FPIOA" % (id, short))
        elif not _carries(pin, name):
            raise AssertionError("Pin(%d) can not set to UART(%d) %s" % (pin, id, short))
        else:
            release(pin)
            _mapped[name] = pin


class Pin:
    """A pin with a level of its own: an output keeps what was set, an input reads its pull."""

    IN = 0
    OUT = 1
    PULL_NONE = 0
    PULL_UP = 1
    PULL_DOWN = 2
    IRQ_RISING = 1
    IRQ_FALLING = 2
    IRQ_BOTH = 3
    IRQ_LOW_LEVEL = 4
    IRQ_HIGH_LEVEL = 5

    def __init__(
        self,
        id: int,
        mode: int = IN,
        pull: int = PULL_NONE,
        value: int = -1,
        drive: int = 7,
        alt: int = -1,
    ) -> None:
        if not 0 <= id < PINS:
            raise ValueError("invalid pin")
        self._id = id
        self.init(mode, pull, value, drive)

    def init(
        self, mode: int, pull: int = PULL_NONE, value: int = -1, drive: int = 7, alt: int = -1
    ) -> None:
        self._mode = mode
        self._pull = pull
        self._drive = drive
        self._level = value if value >= 0 else (1 if pull == Pin.PULL_UP else 0)

    def value(self, level=None):
        if level is None:
            return self._level
        self._level = 1 if level else 0

    def __call__(self, level=None):
        return self.value(level)

    def on(self) -> None:
        self._level = 1

    high = on

    def off(self) -> None:
        self._level = 0

    low = off

    def toggle(self) -> None:
        self._level ^= 1

    def mode(self, mode=None):
        if mode is None:
            return self._mode
        self._mode = mode

    def pull(self, pull=None):
        if pull is None:
            return self._pull
        self._pull = pull

    def drive(self, drive=None):
        if drive is None:
            return self._drive
        self._drive = drive

    def irq(
        self,
        handler=None,
        trigger: int = IRQ_BOTH,
        *,
        priority: int = 1,
        wake=None,
        hard: bool = False,
        debounce: int = 10,
    ):
        """Accept a handler; no level changes by itself here, so it is never called."""
        return None
