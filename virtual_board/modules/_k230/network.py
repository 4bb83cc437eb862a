"""Network interfaces without a radio: the PC's own network, behind the board's names."""

import time

from _k230 import silicon

STA_IF = 0
AP_IF = 1
LAN_RTL8152 = 2
LAN_ECM = 3

_CONNECT_MS = 300  # a real one takes seconds
_ADDRESS = ("127.0.0.1", "255.0.0.0", "127.0.0.1", "127.0.0.1")
_MAC = b"\x02\x4b\x32\x33\x30\x01"

_nics = []
_state = {"hostname": "k230", "country": "CN", "ssid": None, "key": "", "reconnect": False}


def have_nic() -> bool:
    """Return whether a network interface was made, without which no socket works."""
    return bool(_nics)


class _Nic:
    def __init__(self) -> None:
        self._address = _ADDRESS
        _nics[:] = [self]

    def active(self) -> bool:
        """Return whether the interface is up; read-only in this firmware."""
        return True

    def ifconfig(self, address=None):
        """Return (address, netmask, gateway, name server), or set them ("dhcp" or a tuple)."""
        if address is None:
            return (
                self._address
                if self.isconnected()
                else ("0.0.0.0", "0.0.0.0", "0.0.0.0", "0.0.0.0")
            )
        if address != "dhcp" and len(address) != 4:
            raise ValueError('expected "dhcp" or (address, netmask, gateway, name server)')
        return True


class WLAN(_Nic):
    """A Wi-Fi station or access point."""

    SECURITY_OPEN = 0
    BAND_2_4GHZ = 1
    BAND_5GHZ = 0

    def __init__(self, interface: int = STA_IF) -> None:
        if interface not in (STA_IF, AP_IF):
            raise ValueError("expected network.STA_IF or network.AP_IF")
        super().__init__()
        self._interface = interface

    def connect(self, ssid=None, key=None, info=None) -> bool:
        """Join a network: blocks with the interpreter held, like the driver. True when joined."""
        if self._interface != STA_IF:
            raise AttributeError("connect")
        if key is not None and key != "" and len(key) < 8:
            raise ValueError("expected a key of 8 characters or more")
        silicon.call("board.hold", [_CONNECT_MS])
        _state["ssid"] = ssid
        _state["key"] = key or ""
        if self.isconnected():
            return True
        _state["ssid"] = None
        return False

    def disconnect(self) -> bool:
        _state["ssid"] = None
        return True

    def isconnected(self) -> bool:
        if self._interface == AP_IF:
            return True
        ssid = _state["ssid"]
        air = silicon.call("net.air")[0] if ssid is not None else None
        return ssid is not None and (air is None or air["networks"].get(ssid) == _state["key"])

    def scan(self):
        """Return the networks in reach: none, there is no radio."""
        return []

    def status(self, what=None):
        if what == "rssi":
            air = silicon.call("net.air")[0] or {}
            return air.get("rssi", -50) if self.isconnected() else -99
        if what == "stations":
            return []
        return 1 if self.isconnected() else 0

    def config(self, *names, **settings):
        """Return "mac" or "auto_reconnect", or set auto_reconnect=; an AP takes ssid= and key=."""
        if names:
            if names[0] == "mac":
                return _MAC
            if names[0] == "auto_reconnect":
                return _state["reconnect"]
            if names[0] == "ssid":
                return _state["ssid"]
            raise ValueError("unknown config param")
        if "auto_reconnect" in settings:
            _state["reconnect"] = bool(settings["auto_reconnect"])
        if "ssid" in settings:
            _state["ssid"] = settings["ssid"]
        return True

    def stop(self) -> bool:
        return True


class LAN(_Nic):
    """A USB Ethernet adapter, plugged into the PC's network."""

    def __init__(self, interface: int = LAN_RTL8152) -> None:
        if interface not in (LAN_RTL8152, LAN_ECM):
            raise ValueError("expected network.LAN_RTL8152 or network.LAN_ECM")
        super().__init__()

    def isconnected(self) -> bool:
        return True

    def status(self, what=None) -> int:
        return 1

    def config(self, *names, **settings):
        if names:
            if names[0] == "mac":
                return _MAC
            raise ValueError("unknown config param")
        return True


# A build without one of them has neither the class nor, without both, the constants
# (Stars1233/canmv_k230 port/mpconfigport.h lines 100 to 124).
for _name in silicon.config["board"]["absent"]:
    if _name.startswith("network."):
        del globals()[_name[8:]]
if "LAN" not in globals() and "WLAN" not in globals():
    del LAN_RTL8152, LAN_ECM


def hostname(name=None):
    """Return or set the host name."""
    if name is not None:
        _state["hostname"] = name
    return _state["hostname"]


def country(code=None):
    """Return or set the regulatory country."""
    if code is not None:
        _state["country"] = code
    return _state["country"]


def get_dev_list():
    """Return the names of the interfaces."""
    return ["w0"] if _nics else []


def get_default_dev():
    return "w0" if _nics else None


def set_default_dev(name) -> bool:
    return True
