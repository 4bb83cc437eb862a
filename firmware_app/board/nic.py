"""The network interface: brings up what service.yaml names, and keeps it up.

Sockets work on the board only once an interface was constructed. Joining a Wi-Fi network blocks for
seconds with the interpreter held: it is done at the start, and afterwards rarely. In between the
driver reconnects by itself. connect() returns once the radio has joined; the address comes later, by
DHCP, and isconnected() is true only with it (rtsmart v1.7: netmgmt.c, _wlan_mgmt_cmd_sta_isconnected).
"""

import network

from firmware_app.base.errors import VendorError
from firmware_app.base.problems import NETWORK
from firmware_app.board import vendor

_CHECK_MS = 5000  # between looks at the link
_SOON_MS = 500  # the same while an address is awaited
_ADDRESS_MS = 30000  # for DHCP, before it is a problem
LONGEST_JOIN_S = 50  # three scans, and joining: 10 s each at most (rtsmart v1.7: wlan_mgnt.c)
_FIRST_MS = 30000  # without a link, before the network is joined anew; doubles up to the next
_LONGEST_MS = 600000
_PASSIVE = ("ethernet", "none")  # nothing can be done but wait
_UNREACHABLE = "the Wi-Fi network %s can't be joined: wrong name or password, or out of reach"


if 0:  # for type checkers; mpy-cross leaves it out
    from typing import Any


class NoInterface(VendorError):
    """This board's firmware was built without what the settings ask for; the text says what to do.

    Builds without network.WLAN: ATK-DNK230D, LabPlus AI camera, K230D-EVB; without network.LAN: most
    K230D boards (board_types/data).
    """


def _interfaces() -> str:
    """Return what network.interface may be with this firmware, in words."""
    found = []
    if hasattr(network, "WLAN"):
        found += ["station", "access_point"]
    if hasattr(network, "LAN"):
        found.append("ethernet")
    return " or ".join(found)


class Nic:
    """The network interface of the service; kept for as long as it runs."""

    def __init__(self, settings, log, problems) -> None:
        self._settings = settings
        self._log = log
        self._problems = problems
        self._nic: "Any" = None
        self._others: "list[Any]" = []  # the other kind of USB adapter: which one is there shows only later
        self.kind = settings["interface"]
        self._lost = False  # there was a link, and nothing was done about it yet
        self.known = ""  # the address at the last look, or empty
        self.joined = 0  # how often a lost link came back
        self.waiting = ""  # "address": there is a link, and DHCP is to give one; else empty
        self._refused = ""  # why the network was not joined, or not offered
        self._up = False
        self._wait_ms = _FIRST_MS
        self._next_ms: "int | None" = None
        self._waits_ms: "int | None" = None  # since when an address is awaited

    @property
    def there(self) -> bool:
        """Whether an interface was constructed."""
        return self._nic is not None

    @property
    def pause_ms(self) -> int:
        """How long check() may wait for its next call."""
        return _SOON_MS if self.waiting else _CHECK_MS

    def bring_up(self, now_ms: int) -> None:
        """Construct the interface, join or offer the network; VendorError where there is no interface.

        NoInterface where this board's firmware can't have it.

        With interface `none` other code has the network; an interface is constructed all the same,
        because sockets need one.
        """
        self._need()
        if self.kind == "access_point":
            self._nic = self._wlan("AP_IF")
            self._offer()
        elif self.kind == "ethernet":
            self._ethernet()
        elif self.kind == "station":
            self._nic = self._wlan("STA_IF")
            try:
                if not self._nic.config(auto_reconnect=True):
                    self._log.warning("network: the driver does not join again by itself")
            except Exception as error:
                vendor.passed_on(error)  # else: a firmware that does not know it
            if not self._connected():
                self._join()
        else:
            try:
                self._nic = self._wlan("STA_IF")
            except VendorError:
                self._ethernet()
        self._look(now_ms)

    def _need(self) -> None:
        """Raise NoInterface where the firmware was built without this kind of interface."""
        usable = _interfaces()
        if not usable:
            raise NoInterface(
                "this board's firmware has neither network.WLAN nor network.LAN: "
                "use the UART (uart.enabled: true, network.enabled: false)"
            )
        name = {"none": "", "ethernet": "LAN"}.get(self.kind, "WLAN")
        if name and not hasattr(network, name):
            raise NoInterface(
                "network.interface: expected %s, found %s; this board's firmware has no network.%s"
                % (usable, self.kind, name)
            )

    def _ethernet(self) -> None:
        """Construct both kinds of USB adapter: LAN() succeeds whether one is plugged in or not."""
        found = []
        for kind in ("LAN_RTL8152", "LAN_ECM"):
            try:
                found.append(network.LAN(getattr(network, kind)))
            except Exception as error:
                vendor.passed_on(error)
        if not found:
            raise VendorError("no network interface was found")
        self._nic = found[0]
        self._others = found[1:]

    def _wlan(self, kind: str):
        try:
            return network.WLAN(getattr(network, kind))
        except Exception as error:
            raise vendor.failed(VendorError, "Wi-Fi", error)

    # -- what the driver says

    def _connected(self) -> bool:
        """Return whether there is a link with an address; for an access point, whether it is offered."""
        try:
            if self.kind == "access_point":
                return bool(self._nic.status())
            return bool(self._nic.isconnected())
        except Exception as error:
            vendor.passed_on(error)
            return self.kind != "station"  # an interface that can't tell

    def _ethernet_connected(self) -> bool:
        """Return whether one of the adapters has an address; use that one, or the one that is plugged in."""
        for _ in range(1 + len(self._others)):
            if self._connected():
                return True
            self._turn()
        for _ in range(1 + len(self._others)):
            if self._plugged():
                return False
            self._turn()
        return False

    def _turn(self) -> None:
        if self._others:
            self._others.append(self._nic)
            self._nic = self._others.pop(0)

    def _plugged(self) -> bool:
        """Return whether the adapter is there."""
        try:
            return bool(self._nic.active())
        except Exception as error:
            vendor.passed_on(error)
            return False

    def _linked(self) -> bool:
        """Return whether there is a link, though no address may have come yet."""
        if self.kind == "station":
            return not self._refused
        try:
            return self.kind == "ethernet" and self._plugged() and self._nic.status() > 0
        except Exception as error:
            vendor.passed_on(error)
            return False

    # -- what is done

    def _join(self) -> None:
        settings = self._settings
        self._log.info("network: joining the Wi-Fi network %s" % settings["ssid"])
        self._lost = False
        self._waits_ms = None
        self._refused = _UNREACHABLE % settings["ssid"]
        try:
            # No password is None: the driver takes "" for one that is too short.
            if self._nic.connect(settings["ssid"], settings["password"] or None):
                self._refused = ""
                self._log.info("network: joined, waiting for an address")
        except Exception as error:
            vendor.passed_on(error)
            # The driver's own words may hold the password.
            self._log.warning("network: joining failed: %s" % type(error).__name__)

    def _offer(self) -> None:
        settings = self._settings
        self._lost = False
        self._refused = "the Wi-Fi network %s can't be offered" % settings["ssid"]
        try:
            if self._nic.config(ssid=settings["ssid"], key=settings["password"] or None):
                self._refused = ""
                self._log.info("network: offering the Wi-Fi network %s" % settings["ssid"])
        except Exception as error:
            vendor.passed_on(error)
            self._log.warning("network: offering failed: %s" % type(error).__name__)

    def _look(self, now_ms: int) -> bool:
        """Take note of whether the link is up."""
        up = self._ethernet_connected() if self.kind == "ethernet" else self._connected()
        if self.kind == "access_point" and self._refused:
            up = False
        address = self.address() if up or self.kind == "none" else ""
        if address and address != self.known:
            self._log.info("network: the board's address is %s" % address)
        self.known = address
        if self._up and not up:
            self.joined += 1
            self._lost = True
        self._up = up
        self.waiting = "" if up or self.kind == "none" else self._awaited(now_ms)
        if up:
            self._refused = ""
            self._lost = False
            self._wait_ms = _FIRST_MS
            self._next_ms = self._waits_ms = None
            self._problems.clear(NETWORK)
        elif not self.waiting and self.kind != "none":
            self._problems.set(NETWORK, self._why())
        return up

    def _awaited(self, now_ms: int) -> str:
        """Return "address" where one is awaited: that is no problem for _ADDRESS_MS."""
        if self._lost or not self._linked():
            self._waits_ms = None
            return ""
        if self._waits_ms is None:
            self._waits_ms = now_ms
        return "address" if now_ms - self._waits_ms < _ADDRESS_MS else ""

    def _why(self) -> str:
        """Return why there is no link with an address."""
        if self._lost:
            return "the link was lost; the board tries to join it again"
        if self._refused:
            return self._refused
        if self.kind == "access_point":
            return "the Wi-Fi network %s is not offered any more" % self._settings["ssid"]
        if self._linked():
            return "there is a link, but no address came (DHCP) within %d s" % (_ADDRESS_MS // 1000)
        if self._plugged():
            return "no cable, or nothing at its other end"
        return "no USB adapter was found; expected an RTL8152 or a CDC-ECM one"

    def check(self, now_ms: int) -> None:
        """Look after the link: every pause_ms."""
        if self._nic is None or self._look(now_ms) or self.waiting or self.kind in _PASSIVE:
            return
        if self._next_ms is None:
            self._next_ms = now_ms + self._wait_ms
        elif now_ms >= self._next_ms:
            if self.kind == "station":
                self._join()
            else:
                self._offer()
            self._wait_ms = min(2 * self._wait_ms, _LONGEST_MS)
            self._next_ms = now_ms + self._wait_ms
            self._look(now_ms)

    def address(self) -> str:
        """Return the board's address on the network, or an empty text."""
        try:
            address = self._nic.ifconfig()[0]
            return "" if address == "0.0.0.0" else address
        except Exception as error:
            vendor.passed_on(error)
            return ""

    def status(self) -> "dict[str, object]":
        """Return interface, address, whether it is up, what it waits for, and the signal in dBm where there is one."""
        signal = None
        if self.kind == "station" and self._up:
            try:
                signal = int(self._nic.status("rssi"))
            except Exception as error:
                vendor.passed_on(error)
        return {
            "interface": self.kind,
            "up": self._up,
            "waiting": self.waiting,
            "address": self.address() if self._nic is not None else "",
            "signal_dbm": signal,
            "reconnects": self.joined,
        }
