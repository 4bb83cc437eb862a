"""The log on the card, and the network looked after; runs on CPython and MicroPython."""

import sys

from card_tools import use
from folder_card import FolderCard


class _Nic:
    """A network interface as the tests want it."""

    up = True
    joins = 0
    address = "192.168.1.7"

    def __init__(self, kind: int = 0) -> None:
        self.kind = kind

    def isconnected(self) -> bool:
        return _Nic.up

    def ifconfig(self):
        return (_Nic.address, "", "", "") if _Nic.up else ("0.0.0.0", "", "", "")

    def config(self, **settings) -> None:
        pass

    def connect(self, ssid, password) -> bool:
        _Nic.joins += 1
        if not _Nic.up:
            raise OSError("no network takes " + password)
        return True

    def status(self, what):
        return -61


class _Network:
    STA_IF = 0
    AP_IF = 1
    LAN_RTL8152 = 2
    LAN_ECM = 3
    WLAN = _Nic
    LAN = _Nic


sys.modules["network"] = _Network

from firmware_app.base.problems import Problems  # noqa: E402
from firmware_app.board import nic  # noqa: E402
from firmware_app.card import log_file  # noqa: E402


class _Log:
    def __init__(self) -> None:
        self.lines: list = []

    def info(self, text: str) -> None:
        self.lines.append(text)

    warning = info


def fresh():
    card = FolderCard()
    use(card)
    log_file.os = card
    log_file.open = card.open
    return card, log_file.LogFile(Problems())


def everything(log) -> str:
    text = ""
    offset = 0
    while offset is not None:
        page = log.read(offset)
        text += page["text"]
        offset = page["next"]
    return text


def test_lines_are_kept_in_order_and_page_by_page() -> None:
    _, log = fresh()
    lines = ["%d.000 info: line ä %d" % (i, i) for i in range(600)]
    for line in lines:
        log.add(line)
        log.flush()
    assert everything(log).split("\n") == lines + [""]


def test_the_log_keeps_its_size() -> None:
    card, log = fresh()
    log.limit(8)
    for i in range(500):
        log.add("%d.000 info: %s" % (i, "x" * 80))
        log.flush()
    size = sum([len(card.tree[path]) for path in card.tree if path.startswith("/data/log")])
    assert 3000 < size <= 8192
    text = everything(log)
    assert "499.000" in text
    assert "\n1.000" not in text


def test_a_card_that_cannot_be_written_is_told_and_costs_no_memory() -> None:
    _, log = fresh()

    def refuse(*_):
        raise OSError(28)

    log_file.open = refuse
    for _ in range(2000):
        log.add("x" * 80)
        log.flush()
    assert log._problems.codes() == ["log"]
    assert len(log._waiting) < 200


def station():
    _Nic.up = True
    _Nic.joins = 0
    log = _Log()
    settings = {"interface": "station", "ssid": "home", "password": "secret99"}
    return nic.Nic(settings, log, Problems()), log


def test_a_lost_network_is_joined_again_and_the_password_never_told() -> None:
    link, log = station()
    _Nic.up = False
    link.bring_up()
    assert "can't be joined" in link._problems.rows()[0]["text"]
    assert link._problems.codes() == ["network"]
    assert _Nic.joins == 1
    for now in range(0, 300000, 5000):
        link.check(now)
    assert 3 <= _Nic.joins <= 5  # after 30 s, 60 s more, 120 s more ...
    _Nic.up = True
    link.check(300000)
    assert link._problems.rows() == []
    assert link.status() == {
        "interface": "station",
        "up": True,
        "address": "192.168.1.7",
        "signal_dbm": -61,
        "reconnects": 0,
    }
    _Nic.up = False
    link.check(305000)
    assert "lost" in link._problems.rows()[0]["text"]
    assert link.status()["reconnects"] == 1
    assert not [line for line in log.lines if "secret99" in line]
    assert [line for line in log.lines if "192.168.1.7" in line]


def test_an_access_point_and_ethernet() -> None:
    for kind in ("access_point", "ethernet", "none"):
        _Nic.up = True
        link = nic.Nic(
            {"interface": kind, "ssid": "k230", "password": "secret99"}, _Log(), Problems()
        )
        link.bring_up()
        assert link._problems.rows() == []
        assert link.status()["address"] == "192.168.1.7"
        assert link.status()["signal_dbm"] is None
