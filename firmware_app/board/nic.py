"""The network interface: brings up what service.yaml names, and keeps it up.

Sockets work on the board only once an interface was constructed. Joining a Wi-Fi network blocks for
seconds with the interpreter held: it is done at the start, and afterwards rarely. In between the
driver reconnects by itself.
"""

import network

from firmware_app.base.errors import VendorError
from firmware_app.base.problems import NETWORK
from firmware_app.board import vendor

CHECK_MS = 5000  # between looks at the link
_FIRST_MS = 30000  # without a link, before the network is joined anew; doubles up to the next
_LONGEST_MS = 600000


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
        self.kind = settings["interface"]
        self._told = False  # that there is no link
        self.known = ""  # the address at the last look, or empty
        self.joined = 0  # how often a lost link came back
        self._up = False
        self._wait_ms = _FIRST_MS
        self._next_ms: "int | None" = None

    def bring_up(self) -> None:
        """Construct the interface and join the network; OSError where there is no interface.

        NoInterface where this board's firmware can't have it.

        With interface `none` the network is somebody else's; an interface is constructed all the same,
        because sockets need one.
        """
        settings = self._settings
        self._need()
        if self.kind == "access_point":
            try:
                self._nic = network.WLAN(network.AP_IF)
                self._nic.config(ssid=settings["ssid"], key=settings["password"])
            except Exception as error:
                raise vendor.failed(VendorError, "the access point", error)
            self._log.info("network: offering the Wi-Fi network %s" % settings["ssid"])
        elif self.kind == "ethernet":
            self._nic = self._ethernet()
        elif self.kind == "station":
            self._nic = self._station()
            try:
                self._nic.config(auto_reconnect=True)
            except Exception as error:
                vendor.passed_on(error)  # else: a firmware that does not know it
            if not self._connected():
                self._join()
        else:
            try:
                self._nic = self._station()
            except VendorError:
                self._nic = self._ethernet()
        self._look()

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

    def _ethernet(self):
        if not hasattr(network, "LAN"):
            raise VendorError("no network interface was found")
        for kind in ("LAN_RTL8152", "LAN_ECM"):
            try:
                return network.LAN(getattr(network, kind))
            except Exception as error:
                vendor.passed_on(error)
        raise VendorError("no network interface was found")

    def _station(self):
        try:
            return network.WLAN(network.STA_IF)
        except Exception as error:
            raise vendor.failed(VendorError, "Wi-Fi", error)

    def _connected(self) -> bool:
        try:
            return bool(self._nic.isconnected())
        except Exception as error:
            vendor.passed_on(error)
            return True  # an interface that can't tell

    def _join(self) -> None:
        settings = self._settings
        self._log.info("network: joining the Wi-Fi network %s" % settings["ssid"])
        try:
            self._nic.connect(settings["ssid"], settings["password"])
        except Exception as error:
            vendor.passed_on(error)
            # The driver's own words may hold the password.
            self._log.warning("network: joining failed: %s" % type(error).__name__)

    def _look(self) -> bool:
        """Take note of whether the link is up."""
        up = self.kind == "access_point" or self._connected()
        address = self.address() if up or self.kind == "none" else ""
        if address and address != self.known:
            self._log.info("network: the board's address is %s" % address)
        self.known = address
        if up and self._told:
            self._told = False
            self._problems.clear(NETWORK)
        if up and not self._up:
            self._wait_ms = _FIRST_MS
            self._next_ms = None
        elif self.kind != "none" and not up and (self._up or not self._told):
            self._told = True
            text = (
                "the Wi-Fi network %s can't be joined: wrong name or password, or out of reach"
                % self._settings["ssid"]
                if self.kind == "station"
                else "no cable, or nothing at its other end"
            )
            if self._up:
                text = "the link was lost; the board tries to join it again"
                self.joined += 1
            self._problems.set(NETWORK, text)
        self._up = up
        return up

    def check(self, now_ms: int) -> None:
        """Look after the link: every CHECK_MS."""
        if self._nic is None or self._look() or self.kind != "station":
            return
        if self._next_ms is None:
            self._next_ms = now_ms + self._wait_ms
        elif now_ms >= self._next_ms:
            self._join()
            self._wait_ms = min(2 * self._wait_ms, _LONGEST_MS)
            self._next_ms = now_ms + self._wait_ms
            self._look()

    def address(self) -> str:
        """Return the board's address on the network, or an empty text."""
        try:
            address = self._nic.ifconfig()[0]
            return "" if address == "0.0.0.0" else address
        except Exception as error:
            vendor.passed_on(error)
            return ""

    def status(self) -> "dict[str, object]":
        """Return interface, address, whether it is up, and the signal in dBm where there is one."""
        signal = None
        if self.kind == "station" and self._up:
            try:
                signal = int(self._nic.status("rssi"))
            except Exception as error:
                vendor.passed_on(error)
        return {
            "interface": self.kind,
            "up": self._up,
            "address": self.address() if self._nic is not None else "",
            "signal_dbm": signal,
            "reconnects": self.joined,
        }
