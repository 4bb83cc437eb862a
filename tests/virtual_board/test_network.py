"""The stand-in of network fails as the firmware's: virtual_board/modules/_k230/network.py has the sources."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .scripts import run_script

TRY = """
import network, time
def tell(name, function, *given, **named):
    try:
        print(name, function(*given, **named))
    except Exception as error:
        print(name, type(error).__name__, error)
"""


def _lines(folder: Path, air: dict[str, Any], source: str) -> list[str]:
    path = folder / "air.json"
    path.write_text(json.dumps(air))
    return run_script(folder, TRY + source, air=path).lines


def test_a_station_is_connected_only_with_an_address(tmp_path: Path) -> None:
    source = """
nic = network.WLAN(network.STA_IF)
tell("short", nic.connect, "home", "short")
tell("empty", nic.connect, "home", "")
tell("nameless", nic.connect, "", "long enough")
tell("wrong", nic.connect, "home", "wrong-password")
start = time.ticks_ms()
tell("right", nic.connect, "home", "long enough")
print(time.ticks_diff(time.ticks_ms(), start) >= 100, nic.isconnected(), nic.ifconfig()[0])
time.sleep_ms(350)
print(nic.isconnected(), nic.ifconfig()[0])
tell("open", nic.connect, "cafe")
"""
    air = {"networks": {"home": "long enough", "cafe": None}, "join_ms": 100, "dhcp_ms": 300}
    assert _lines(tmp_path, air, source) == [
        "short OSError Key length(5) should be 8 - 64",
        "empty OSError Key length(0) should be 8 - 64",
        "nameless OSError SSID can't be empty, and can't longer than 32",
        "run connect failed.",
        "wrong False",
        "right True",
        "True False 0.0.0.0",
        "True 127.0.0.1",
        "open True",
    ]


def test_an_access_point_and_adapters(tmp_path: Path) -> None:
    source = """
nic = network.WLAN(network.AP_IF)
tell("isconnected", nic.isconnected)
tell("config", nic.config, ssid="k230", key="long enough")
print(nic.status(), nic.ifconfig()[0])
for kind in (network.LAN_RTL8152, network.LAN_ECM):
    nic = network.LAN(kind)
    print(nic.active(), nic.status(), nic.isconnected(), nic.ifconfig()[0])
time.sleep_ms(150)
print(nic.isconnected(), nic.ifconfig()[0])
tell("LAN", network.LAN, 7)
"""
    air = {"ap": False, "lan": {"adapter": "ecm"}, "dhcp_ms": 100}
    assert _lines(tmp_path, air, source) == [
        "isconnected AttributeError 'rt_wlan_ap' object has no attribute 'isconnected'",
        "start ap failed.",
        "config False",
        "False 0.0.0.0",
        "False 0 False 0.0.0.0",
        "True 1 False 0.0.0.0",
        "True 127.0.0.1",
        "LAN TypeError Unsupport type",
    ]
