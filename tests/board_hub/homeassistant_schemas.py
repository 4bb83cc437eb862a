"""Whether Home Assistant would take a device: by its own schemas where it is installed, else by ours.

Its own: an environment of Python 3.11 with `pip install --no-deps homeassistant==2024.3.3` and what
that imports (450 MB); K230_TEST_HOMEASSISTANT names its site-packages.
That version knows no device discovery yet: each component is put to its platform's schema, with the
device and the availability that the message has beside it, as newer versions do.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
from typing import Any

# What each platform needs, and may have here (the integration's documentation).
_COMMON = {"platform", "unique_id", "name", "icon", "entity_category", "json_attributes_topic"}
_PLATFORMS: dict[str, tuple[set[str], set[str]]] = {
    "binary_sensor": ({"state_topic"}, {"value_template", "device_class", "expire_after"}),
    "button": ({"command_topic"}, set()),
    "camera": ({"topic"}, set()),
    "number": (
        {"command_topic", "min", "max", "step"},
        {"state_topic", "mode", "value_template", "unit_of_measurement"},
    ),
    "select": ({"command_topic", "options"}, {"state_topic", "value_template"}),
    "sensor": (
        {"state_topic"},
        {"value_template", "device_class", "unit_of_measurement", "state_class", "expire_after"},
    ),
    "switch": ({"command_topic"}, {"state_topic"}),
}
_OF_DEVICE = {
    *("identifiers", "name", "manufacturer", "model", "sw_version", "serial_number"),
    "suggested_area",
}


def faults(payload: dict[str, Any]) -> list[str]:
    """Return a sentence for each thing that Home Assistant would refuse."""
    found = [f"device: {name}" for name in payload["device"].keys() - _OF_DEVICE]
    if "name" not in payload["origin"]:
        found.append("origin: no name")
    for key, row in payload["components"].items():
        if not re.fullmatch(r"[a-zA-Z0-9_-]+", key):
            found.append(f"{key}: no key")
        if set(row) == {"platform"}:
            continue  # to be removed
        needed, allowed = _PLATFORMS[row["platform"]]
        missing = (needed | {"unique_id", "name"}) - row.keys()
        odd = row.keys() - needed - allowed - _COMMON
        if missing or odd:
            found.append(f"{key}: missing {sorted(missing)}, unknown {sorted(odd)}")
        if row["platform"] == "number" and not row["min"] < row["max"]:
            found.append(f"{key}: min and max")
        if row["platform"] == "select" and not row["options"]:
            found.append(f"{key}: no options")
    place = os.environ.get("K230_TEST_HOMEASSISTANT")
    if place:
        # A process of its own: importing Home Assistant changes time.sleep for everything.
        command = [sys.executable, __file__, place]
        done = subprocess.run(
            command, input=json.dumps(payload), capture_output=True, text=True, check=True
        )
        found += json.loads(done.stdout)
    return found


def _by_home_assistant(payload: dict[str, Any]) -> list[str]:
    found = []
    for key, row in payload["components"].items():
        if set(row) == {"platform"}:
            continue
        module = importlib.import_module(f"homeassistant.components.mqtt.{row['platform']}")
        config = {name: value for name, value in row.items() if name != "platform"}
        device = {k: v for k, v in payload["device"].items() if k != "serial_number"}
        config |= {"device": device, "origin": payload["origin"]}
        config |= {name: payload[name] for name in ("availability", "availability_mode", "qos")}
        try:
            module.DISCOVERY_SCHEMA(config)
        except Exception as error:
            found.append(f"{key}: {error}")
    return found


if __name__ == "__main__":
    sys.path.append(sys.argv[1])  # behind our own: their versions differ
    print(json.dumps(_by_home_assistant(json.load(sys.stdin))))
