"""The network interface as the firmware has it, and how the service looks after it.

Stars1233/canmv_k230 738f17f port/network/network_rt_smart.c; canmv-k230/rtsmart v1.7 netmgmt.c:
isconnected() is true only with an address; connect() answers False where it can't join; an access
point has no isconnected(); config() may answer False; LAN() never fails; a key has 8 characters or more.
"""

import sys


class _Air:
    """What the radio and the wires are like."""

    networks: dict = {}  # name -> password, None for an open one
    dhcp = True  # an address comes
    broken = ""  # the method that fails
    offered = True  # config() of an access point works
    adapter = ""  # which kind is plugged in
    cable = True
    error = OSError(5)
    joins = 0


def _may_fail(name: str) -> None:
    if _Air.broken == name:
        raise _Air.error


class _Wlan:
    def __init__(self, kind: int = 0) -> None:
        _may_fail("WLAN")
        self.kind = kind
        self._joined = None
        self._offers = False

    def connect(self, ssid, key=None) -> bool:
        _Air.joins += 1
        if key is not None and not 8 <= len(key) <= 64:
            raise OSError("Key length(%d) should be 8 - 64" % len(key))
        _may_fail("connect")
        self._joined = ssid if ssid in _Air.networks and _Air.networks[ssid] == key else None
        return self._joined is not None

    def isconnected(self) -> bool:
        if self.kind == 1:
            raise AttributeError("'rt_wlan_ap' object has no attribute 'isconnected'")
        _may_fail("isconnected")
        return self._joined in _Air.networks and _Air.dhcp

    def ifconfig(self):
        up = self._offers if self.kind == 1 else self.isconnected()
        return ("192.168.1.7" if up else "0.0.0.0", "", "", "")

    def config(self, **settings) -> bool:
        _may_fail("config")
        if "ssid" in settings:
            self._offers = _Air.offered
            return _Air.offered
        return True

    def status(self, what=None):
        _may_fail("status")
        if what == "rssi":
            return -61
        return self._offers


class _Lan:
    def __init__(self, kind: int) -> None:
        self.kind = kind

    def _there(self) -> bool:
        return _Air.adapter == ("rtl" if self.kind == 2 else "ecm")

    def active(self) -> bool:
        _may_fail("active")
        return self._there()

    def status(self) -> int:
        return 1 if self._there() and _Air.cable else 0

    def isconnected(self) -> bool:
        _may_fail("isconnected")
        return self._there() and _Air.cable and _Air.dhcp

    def ifconfig(self):
        return ("10.0.0.%d" % self.kind, "", "", "")


class _Network:
    STA_IF = 0
    AP_IF = 1
    LAN_RTL8152 = 2
    LAN_ECM = 3
    WLAN = _Wlan
    LAN = _Lan


sys.modules["network"] = _Network

from firmware_app.base.errors import VendorError  # noqa: E402
from firmware_app.base.problems import Problems  # noqa: E402
from firmware_app.board import nic  # noqa: E402

nic.network = _Network  # another test may have been first


class _Log:
    def __init__(self) -> None:
        self.lines: list = []

    def info(self, text: str) -> None:
        self.lines.append(text)

    warning = info


HOME = {"home": "secret99"}


def made(kind: str = "station", password="secret99", **air):
    """Return a Nic that was brought up, and its log."""
    values = {"networks": HOME, "dhcp": True, "broken": "", "offered": True, "adapter": ""}
    values.update({"cable": True, "joins": 0, "error": OSError(5)})
    values.update(air)
    for name in values:
        setattr(_Air, name, values[name])
    log = _Log()
    settings = {"interface": kind, "ssid": "home", "password": password}
    link = nic.Nic(settings, log, Problems())
    link.bring_up(0)
    return link, log


def texts(link) -> list:
    return [row["text"] for row in link._problems.rows()]


def test_a_lost_network_is_joined_again_and_the_password_never_told() -> None:
    link, log = made(networks={})
    assert "wrong name or password" in texts(link)[0]
    assert link._problems.codes() == ["network"]
    assert _Air.joins == 1
    for now in range(0, 300000, 5000):
        link.check(now)
    assert 3 <= _Air.joins <= 5  # after 30 s, 60 s more, 120 s more ...
    _Air.networks = HOME
    for now in range(300000, 600000, 5000):
        link.check(now)
    assert texts(link) == []
    assert link.status() == {
        "interface": "station",
        "up": True,
        "waiting": "",
        "address": "192.168.1.7",
        "signal_dbm": -61,
        "reconnects": 0,
    }
    _Air.networks = {}
    link.check(605000)
    assert "lost" in texts(link)[0]
    assert link.status()["reconnects"] == 1
    for now in range(605000, 700000, 5000):
        link.check(now)
    assert "can't be joined" in texts(link)[0]
    assert not [line for line in log.lines if "secret99" in line]
    assert [line for line in log.lines if "192.168.1.7" in line]


def test_an_address_that_takes_eight_seconds() -> None:
    link, log = made(dhcp=False)
    assert link.waiting == "address"
    assert link.pause_ms == 500
    assert texts(link) == []
    assert [line for line in log.lines if "waiting for an address" in line]
    for now in range(500, 8000, 500):
        link.check(now)
        assert (link.waiting, texts(link), link.known) == ("address", [], "")
    _Air.dhcp = True
    link.check(8000)
    assert (link.waiting, texts(link), link.known) == ("", [], "192.168.1.7")
    assert link.pause_ms == 5000
    assert _Air.joins == 1


def test_an_address_that_never_comes() -> None:
    link, _ = made(dhcp=False)
    for now in range(0, 40000, 500):
        link.check(now)
    assert "no address came (DHCP) within 30 s" in texts(link)[0]
    for now in range(40000, 200000, 500):
        link.check(now)
    assert _Air.joins > 1
    _Air.dhcp = True
    link.check(200000)
    assert texts(link) == []


def test_a_wrong_password_and_an_open_network() -> None:
    link, _ = made(password="wrong-one")
    assert "wrong name or password" in texts(link)[0]
    for nothing in ("", None):
        link, _ = made(password=nothing, networks={"home": None})
        assert texts(link) == []
        assert link.known


def test_every_call_may_fail() -> None:
    for name in ("connect", "isconnected", "config"):
        for error in (OSError(5), RuntimeError("driver"), TypeError("must query one param.")):
            link, _ = made(broken=name, error=error)
            for now in range(0, 40000, 5000):
                link.check(now)
            assert (link._problems.codes() == ["network"]) == (name != "config"), name
            _Air.broken = ""
            for now in range(40000, 200000, 500):
                link.check(now)
            assert texts(link) == [], name
    for kind in ("station", "access_point"):
        try:
            made(kind, broken="WLAN")
        except VendorError as error:
            assert "Wi-Fi" in str(error)
        else:
            raise AssertionError(kind)


def test_an_access_point_that_is_not_offered() -> None:
    link, _ = made("access_point")
    assert (texts(link), link.known, link.status()["up"]) == ([], "192.168.1.7", True)
    link, _ = made("access_point", offered=False)
    assert "can't be offered" in texts(link)[0]
    assert link.status()["up"] is False
    _Air.offered = True
    for now in range(0, 100000, 5000):
        link.check(now)
    assert (texts(link), link.known) == ([], "192.168.1.7")


def test_usb_adapters_of_both_kinds() -> None:
    for adapter, address in (("rtl", "10.0.0.2"), ("ecm", "10.0.0.3")):
        link, _ = made("ethernet", adapter=adapter)
        assert (texts(link), link.known) == ([], address)
        _Air.cable = False
        link.check(5000)
        assert "lost" in texts(link)[0]
        _Air.cable = True
        link.check(10000)
        assert (texts(link), link.known) == ([], address)
        link, _ = made("ethernet", adapter=adapter, cable=False)
        assert "no cable" in texts(link)[0]
        link, _ = made("ethernet", adapter=adapter, dhcp=False)
        assert (texts(link), link.waiting) == ([], "address")
    link, _ = made("ethernet")
    assert "no USB adapter was found" in texts(link)[0]
    _Air.adapter = "ecm"  # plugged in later
    link.check(5000)
    assert (texts(link), link.known) == ([], "10.0.0.3")


def test_a_network_that_is_somebody_elses() -> None:
    link, _ = made("none")
    for now in range(0, 100000, 5000):
        link.check(now)
    assert (texts(link), link.waiting, _Air.joins) == ([], "", 0)
