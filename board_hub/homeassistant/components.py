"""What a board is in Home Assistant: the payload of its device discovery, as plain data."""

from __future__ import annotations

from typing import Any

from board_hub.mqtt.commands import LIVE
from board_hub.mqtt.publisher import Speaker
from board_hub.mqtt.topics import label_part, zone_part
from firmware_app.settings.schema import Field
from firmware_app.version import VERSION

ALL_LABELS = 16  # a model with more announces those that were seen
MOST = 100  # labels and zones of a board
_DOCS = "https://www.home-assistant.io/integrations/mqtt/"

Component = dict[str, Any]


class Options:
    """What hub.yaml says of it."""

    def __init__(self, bridge: str, *, commands: bool, counts: bool, expire_s: int) -> None:
        self.bridge = bridge
        self.commands = commands
        self.counts = counts
        self.expire_s = expire_s


def device(speaker: Speaker, options: Options) -> dict[str, Any]:
    """Return the discovery payload of a board, without what is to be removed."""
    session = speaker.session
    about = session.account()
    dev: dict[str, Any] = {
        "identifiers": [f"k230_{speaker.board}"],
        "name": session.name,
        "manufacturer": "K230 vision service",
    }
    if about["board_type"]:
        dev["model"] = str(about["board_type"])
    if about["version"]:
        dev["sw_version"] = str(about["version"])
    if session.board_id:
        dev["serial_number"] = session.board_id
    if session.group:
        dev["suggested_area"] = session.group
    topics = speaker.topics
    return {
        "device": dev,
        "origin": {"name": "k230-hub", "sw_version": VERSION},
        "components": components(speaker, options),
        "availability": [
            {"topic": options.bridge},
            {"topic": topics.availability.decode()},
        ],
        "availability_mode": "all",
        "qos": 1,
    }


def components(speaker: Speaker, options: Options) -> dict[str, Component]:
    """Return the components by their keys."""
    made: dict[str, Component] = {}
    root, state = speaker.topics.root, speaker.topics.state.decode()

    def add(key: str, platform: str, name: str, **more: Any) -> None:
        made[key] = {
            "platform": platform,
            "unique_id": f"k230_{speaker.board}_{key}",
            "name": name,
            **more,
        }

    add("camera", "camera", "Camera", topic=f"{root}/snapshot")
    add(
        "last_event",
        "sensor",
        "Last event",
        state_topic=f"{root}/event",
        value_template="{{ value_json.kind }}",
        json_attributes_topic=f"{root}/event",
        icon="mdi:bell-outline",
    )
    add(
        "problem",
        "binary_sensor",
        "Problem",
        state_topic=state,
        value_template="{{ 'ON' if value_json.problems else 'OFF' }}",
        json_attributes_topic=state,
        device_class="problem",
        entity_category="diagnostic",
    )
    add(
        "temperature",
        "sensor",
        "Temperature",
        state_topic=state,
        value_template="{{ value_json.temperature }}",
        device_class="temperature",
        unit_of_measurement="°C",
        state_class="measurement",
        entity_category="diagnostic",
    )
    tasks = [task.name for task in speaker.session.tasks]
    task_topics = {"state_topic": f"{root}/task/state"}
    if options.commands and tasks:
        add(
            "task",
            "select",
            "Task",
            command_topic=f"{root}/task/set",
            options=tasks,
            **task_topics,
        )
    if not options.commands:
        add("task", "sensor", "Task", **task_topics)
    else:
        add(
            "take_picture",
            "button",
            "Take picture",
            command_topic=f"{root}/snapshot/get",
        )
        for name in speaker.settings:
            component = _setting(LIVE[name], root)
            if component is not None:
                platform = component.pop("platform")
                add(f"setting_{name.replace('.', '_')}", platform, _title(name), **component)
    if options.counts:
        _add_counts(speaker, options, add)
    return made


def _add_counts(speaker: Speaker, options: Options, add: Any) -> None:
    root = speaker.topics.root
    more: dict[str, Any] = {"expire_after": options.expire_s} if options.expire_s else {}
    labels = speaker.labels if len(speaker.labels) <= ALL_LABELS else tuple(speaker.seen)
    for label in labels[:MOST]:
        part = label_part(label)
        add(
            f"count_{part}",
            "sensor",
            f"{label} count",
            state_topic=f"{root}/{part}/count",
            state_class="measurement",
            icon="mdi:counter",
            **more,
        )
        add(
            f"present_{part}",
            "binary_sensor",
            f"{label} present",
            state_topic=f"{root}/{part}/present",
            device_class="occupancy",
            **more,
        )
    for (zone, label), _ in list(speaker.zones)[:MOST]:
        key = f"{zone_part(zone)}_{label_part(label)}"
        topic = f"{root}/{zone_part(zone)}/{label_part(label)}"
        add(
            f"count_{key}",
            "sensor",
            f"{label} in {zone}",
            state_topic=topic,
            state_class="measurement",
            icon="mdi:counter",
            **more,
        )
        add(
            f"present_{key}",
            "binary_sensor",
            f"{label} present in {zone}",
            state_topic=topic,
            value_template="{{ 'ON' if value | int(0) > 0 else 'OFF' }}",
            device_class="occupancy",
            **more,
        )


def _setting(field: Field, root: str) -> Component | None:
    topics = {
        "state_topic": f"{root}/settings/{field.path}/state",
        "command_topic": f"{root}/settings/{field.path}/set",
        "entity_category": "config",
    }
    nothing = "{{ None if value == 'null' else value }}"
    if field.kind == "boolean":
        return {"platform": "switch", **topics}
    if field.kind in ("integer", "number") and field.low is not None and field.high is not None:
        step = field.step if field.kind == "integer" else 0.01
        component: Component = {
            "platform": "number",
            "min": field.low,
            "max": field.high,
            "step": step,
            "mode": "box",
            "value_template": nothing,
            **topics,
        }
        if field.unit:
            component["unit_of_measurement"] = field.unit
        return component
    if field.kind == "choice":
        return {
            "platform": "select",
            "options": list(field.choices),
            "value_template": nothing,
            **topics,
        }
    return None


def _title(name: str) -> str:
    text = name.replace(".", " ").replace("_", " ")
    return text[:1].upper() + text[1:]
