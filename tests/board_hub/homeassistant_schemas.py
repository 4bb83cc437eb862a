"""Whether Home Assistant would take a device: by its own schemas where it is installed, else by ours.

Its own: `pip install --no-deps homeassistant==2024.3.3` and what it imports, on Python 3.11 (450 MB).
That version knows no device discovery yet: each component is put to its platform's schema, with the
device and the availability that the message has beside it, as newer versions do.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
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


def installed() -> bool:
    """Return whether Home Assistant's own schemas are here."""
    return importlib.util.find_spec("homeassistant") is not None


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
        if installed():
            found += _by_home_assistant(key, row, payload)
    return found


def _by_home_assistant(key: str, row: dict[str, Any], payload: dict[str, Any]) -> list[str]:
    module = importlib.import_module(f"homeassistant.components.mqtt.{row['platform']}")
    config = {name: value for name, value in row.items() if name != "platform"}
    device = {k: v for k, v in payload["device"].items() if k != "serial_number"}
    config |= {"device": device, "origin": payload["origin"]}
    config |= {name: payload[name] for name in ("availability", "availability_mode", "qos")}
    if row["platform"] == "camera":
        config.pop("qos", None)
    try:
        module.DISCOVERY_SCHEMA(config)
    except Exception as error:
        return [f"{key}: {error}"]
    return []
