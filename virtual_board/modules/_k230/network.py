"""Network interfaces without a radio: the PC's own network, behind the board's names.

As the firmware has them (Stars1233/canmv_k230 738f17f port/network/network_rt_smart.c): connect() holds
the interpreter and answers False where it can't join; a name has 1 to 32 characters and a key 8 to 64,
else OSError; isconnected() is true only once DHCP gave an address (canmv-k230/rtsmart v1.7 netmgmt.c,
_wlan_mgmt_cmd_sta_isconnected, _lan_mgmt_cmd_get_isconnected); an access point has no connect, scan and
isconnected, and its config() answers False where it is not offered; LAN() never fails.
"""

import time

from _k230 import silicon

STA_IF = 0
AP_IF = 1
LAN_RTL8152 = 2
LAN_ECM = 3

_JOIN_MS = 300  # a real one takes seconds
_DHCP_MS = 300
_ADDRESS = ("127.0.0.1", "255.0.0.0", "127.0.0.1", "127.0.0.1")
_MAC = b"\x02\x4b\x32\x33\x30\x01"

_nics = []
_state = {"hostname": "k230", "country": "CN", "ssid": None, "key": None, "reconnect": False}
_state["since"] = 0  # when the network was joined, ticks_ms
_state["offers"] = False  # an access point is on


def _air() -> dict:
    """Return what `k230 sim --air` says of radio and wires; an empty map: all is well."""
    return silicon.call("net.air")[0] or {}


def _came(since: int, air: dict) -> bool:
    """Return whether DHCP has given an address."""
    return time.ticks_diff(time.ticks_ms(), since) >= air.get("dhcp_ms", _DHCP_MS)


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
            return self._address if self._linked() else ("0.0.0.0", "0.0.0.0", "0.0.0.0", "0.0.0.0")
        if address != "dhcp" and len(address) != 4:
            raise ValueError('expected "dhcp" or (address, netmask, gateway, name server)')
        return True


def _check(ssid, key) -> None:
    if ssid is not None and not 1 <= len(ssid) <= 32:
        raise OSError("SSID can't be empty, and can't longer than 32")
    if key is not None and not 8 <= len(key) <= 64:
        raise OSError("Key length(%d) should be 8 - 64" % len(key))


class WLAN(_Nic):
    """A Wi-Fi station or access point."""

    SECURITY_OPEN = 0
    BAND_2_4GHZ = 1
    BAND_5GHZ = 0

    def __init__(self, interface: int = STA_IF) -> None:
        super().__init__()
        self._interface = STA_IF if interface == STA_IF else AP_IF

    def _station(self, name: str) -> None:
        if self._interface != STA_IF:
            raise AttributeError("'rt_wlan_ap' object has no attribute '%s'" % name)

    def connect(self, ssid=None, key=None, info=None) -> bool:
        """Join a network: blocks with the interpreter held, like the driver. True when joined."""
        self._station("connect")
        if ssid is None and info is None:
            raise OSError("should set ssid or ap")
        _check(ssid, key)
        air = _air()
        silicon.call("board.hold", [air.get("join_ms", _JOIN_MS)])
        networks = air.get("networks")
        _state["ssid"] = None
        if networks is not None and (ssid not in networks or (networks[ssid] or None) != key):
            print("run connect failed.")
            return False
        _state["ssid"] = ssid
        _state["key"] = key
        _state["since"] = time.ticks_ms()
        return True

    def disconnect(self, mac=None) -> bool:
        _state["ssid"] = None
        return True

    def isconnected(self) -> bool:
        self._station("isconnected")
        ssid = _state["ssid"]
        if ssid is None:
            return False
        air = _air()
        networks = air.get("networks")
        if networks is not None and (
            ssid not in networks or (networks[ssid] or None) != _state["key"]
        ):
            _state["since"] = (
                time.ticks_ms()
            )  # out of reach: it joins again, and asks for an address
            return False
        return _came(_state["since"], air)

    def _linked(self) -> bool:
        return _state["offers"] if self._interface == AP_IF else self.isconnected()

    def scan(self):
        """Return the networks in reach: none, there is no radio."""
        self._station("scan")
        return []

    def status(self, what=None):
        if what is None:
            return self._linked()
        if what == "rssi" and self._interface == STA_IF:
            return _air().get("rssi", -50) if self.isconnected() else -99
        if what == "stations" and self._interface == AP_IF:
            return []
        raise ValueError("unknown status param")

    def config(self, *names, **settings):
        """Return "mac" or "auto_reconnect", or set auto_reconnect=; an AP takes ssid= and key=."""
        if names:
            if names[0] == "mac":
                return _MAC
            if names[0] == "auto_reconnect":
                return _state["reconnect"]
            return True  # the firmware knows no other, and says so with True
        if not settings:
            raise TypeError("must query one param")
        if self._interface == AP_IF and "key" in settings and "ssid" in settings:
            _check(settings["ssid"], settings["key"])
            _state["offers"] = bool(_air().get("ap", True))
            if not _state["offers"]:
                print("start ap failed.")
            return _state["offers"]
        if "auto_reconnect" in settings:
            _state["reconnect"] = bool(settings["auto_reconnect"])
        return True

    def stop(self) -> bool:
        return True


class LAN(_Nic):
    """A USB Ethernet adapter, plugged into the PC's network."""

    def __init__(self, interface: int = LAN_RTL8152) -> None:
        if interface not in (LAN_RTL8152, LAN_ECM):
            raise TypeError("Unsupport type")
        super().__init__()
        self._kind = "rtl8152" if interface == LAN_RTL8152 else "ecm"
        self._since = None  # when the link came up

    def _wires(self) -> dict:
        return _air().get("lan", {"adapter": "rtl8152"})

    def active(self) -> bool:
        """Return whether the adapter is plugged in."""
        return self._wires().get("adapter") == self._kind

    def status(self, what=None) -> int:
        """Return whether there is a link."""
        if what is not None:
            raise ValueError("unknown status param")
        return 1 if self.active() and self._wires().get("cable", True) else 0

    def isconnected(self) -> bool:
        if not self.status():
            self._since = None
            return False
        if self._since is None:
            self._since = time.ticks_ms()
        return _came(self._since, _air())

    def _linked(self) -> bool:
        return self.isconnected()

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
