"""Links that can't be opened at the start: tried again, with the settings that came meanwhile.

The links are doubles: what a real one does on the wire is tested elsewhere.
"""

import sys

for _name in ("network", "machine"):  # only the names matter: the doubles touch neither
    try:
        __import__(_name)
    except ImportError:
        sys.modules[_name] = sys

from firmware_app.base import problems  # noqa: E402
from firmware_app.base.errors import VendorError  # noqa: E402
from firmware_app.base.problems import Problems  # noqa: E402
from firmware_app.board.nic import NoInterface  # noqa: E402
from firmware_app.link import links, tcp, uart  # noqa: E402
from firmware_app.link.links import Links  # noqa: E402

_AGAIN_MS = links._AGAIN_MS


class _Clock:
    now = 0

    def ms(self) -> int:
        return self.now


class _Log:
    def info(self, text: str) -> None:
        pass


class _Gateway:
    class identity:
        key = b"k"


class _World:
    """What fails, and how often still."""

    def __init__(self, **failures) -> None:
        self.failures = failures  # "uart", "nic", "port" or "discovery" -> times
        self.nics = 0

    def fails(self, name: str) -> bool:
        left = self.failures.get(name, 0)
        self.failures[name] = max(0, left - 1)
        return left > 0


class _Link:
    threads = 0

    def __init__(self, world: _World, store: Problems) -> None:
        self.world = world
        self.store = store
        self.adopted: list = []
        self.closed = False
        self.found = False

    def close(self) -> None:
        self.closed = True


class _Uart(_Link):
    def start(self) -> None:
        if self.world.fails("uart"):
            raise VendorError("set Pin(3) to fpioa func 1 failed")

    def adopt(self, settings: dict) -> bool:
        self.adopted.append(settings["uart"]["share"])
        return True


class _Tcp(_Link):
    def start(self) -> None:
        if self.world.fails("port"):
            raise OSError(98)

    def adopt(self, settings: dict) -> bool:
        self.adopted.append(settings["network"]["max_clients"])
        return self.discover(settings["network"]["discovery"])

    def discover(self, wanted: bool) -> bool:
        self.wanted = wanted
        if wanted and not self.found:
            if self.world.fails("discovery"):
                self.store.set(problems.DISCOVERY, "UDP port 1 can't be opened")
                return False
            self.found = True
        self.store.clear(problems.DISCOVERY)
        return True

    def discover_again(self) -> bool:
        return self.discover(self.wanted)


def _settings(share: int = 90, clients: int = 4, discovery: bool = True) -> dict:
    return {
        "uart": {"enabled": True, "key_required": True, "id": 1, "baudrate": 9600, "share": share},
        "network": {
            "enabled": True,
            "key_required": True,
            "encryption": False,
            "port": 1,
            "discovery": discovery,
            "max_clients": clients,
        },
        "results": {"queue": 4},
    }


class _Nic:
    there = True

    def __init__(self, settings: dict, log: _Log, store: Problems) -> None:
        if settings["missing"]:
            raise NoInterface("network.interface: this firmware has no station")
        settings["world"].nics += 1

    def bring_up(self, now_ms: int) -> None:
        pass


class _Links(Links):
    """Opens doubles."""

    def _try(self) -> None:
        kept = links.Nic, uart.UartLink, tcp.TcpLink
        links.Nic = _Nic
        uart.UartLink = lambda gateway, settings, store: _Uart(self.world, store)
        tcp.TcpLink = lambda gateway, settings, depth, store: _Tcp(self.world, store)
        try:
            super()._try()
        finally:
            links.Nic, uart.UartLink, tcp.TcpLink = kept


def _open(world: _World, settings: dict, missing: bool = False):
    """Return the links, their clock and the problems, of a board in this world."""
    store = Problems()
    clock = _Clock()
    opened = _Links(clock, _Log(), store)
    opened.world = world
    settings["network"]["world"] = world
    settings["network"]["missing"] = missing
    opened.open(_Gateway, settings)
    return opened, clock, store


def _kinds(opened: Links) -> list:
    return sorted([type(each).__name__ for each in opened.all])


def test_what_fails_is_opened_later_and_the_rest_at_once() -> None:
    for name, code in (("uart", problems.UART), ("port", problems.NETWORK_PORT)):
        opened, clock, store = _open(_World(**{name: 2}), _settings())
        assert store.codes() == [code], (name, store.codes())
        assert len(opened.all) == 1
        opened.again()  # it is not time yet
        assert len(opened.all) == 1
        clock.now += _AGAIN_MS
        opened.again()
        assert len(opened.all) == 1 and store.codes() == [code]
        clock.now += _AGAIN_MS  # the wait has doubled
        opened.again()
        assert len(opened.all) == 1
        clock.now += _AGAIN_MS
        opened.again()
        assert _kinds(opened) == ["_Tcp", "_Uart"] and store.codes() == []
        clock.now += 1000000
        opened.again()  # nothing is opened twice
        assert len(opened.all) == 2


def test_settings_that_came_before_a_link_was_open_hold_for_it() -> None:
    opened, clock, _ = _open(_World(uart=1, port=1), _settings())
    assert opened.all == []
    opened.adopt(_settings(share=10, clients=2, discovery=False))
    opened.adopt(_settings(share=20, clients=3, discovery=False))
    clock.now += _AGAIN_MS
    opened.again()
    found = {type(each).__name__: each for each in opened.all}
    assert found["_Uart"].adopted[-1] == 20
    assert found["_Tcp"].adopted[-1] == 3
    assert found["_Tcp"].wanted is False
    opened.adopt(_settings(share=30, clients=1))
    assert found["_Uart"].adopted[-1] == 30
    assert found["_Tcp"].adopted[-1] == 1


def test_the_interface_comes_up_once() -> None:
    world = _World(port=3)
    opened, clock, _ = _open(world, _settings())
    for _ in range(3):
        clock.now += 1000000
        opened.again()
    assert world.nics == 1 and opened.port == 1


def test_an_interface_that_the_build_lacks_is_not_tried_again() -> None:
    opened, clock, store = _open(_World(), _settings(), missing=True)
    assert store.codes() == [problems.NETWORK]
    assert _kinds(opened) == ["_Uart"]
    clock.now += 1000000
    opened.again()
    assert store.codes() == [problems.NETWORK]


def test_answers_to_seekers_come_later() -> None:
    """At the start, and where a setting asks for them while the board runs; once for each."""
    for settings, count in ((_settings(), 2), (_settings(discovery=False), 3)):
        opened, clock, store = _open(_World(discovery=count), settings)
        opened.adopt(_settings())
        opened.adopt(_settings())
        assert len(opened._shut) <= 1
        for _ in range(4):
            clock.now += 1000000
            opened.again()
        link = next(each for each in opened.all if isinstance(each, _Tcp))
        assert link.found and store.codes() == [] and opened._shut == []


def test_links_end_together() -> None:
    opened, _, _ = _open(_World(), _settings())
    opened.all[1].threads = 2
    opened.close()
    assert all(each.closed for each in opened.all)
    assert not opened.closed()
    opened.all[1].threads = 0
    assert opened.closed()
