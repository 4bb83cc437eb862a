"""The settings of hub.yaml, in the order of that file and of docs/hub.md.

A new setting is one entry here. `boards` is a list: BOARD_FIELDS are those of each of its items.
"""

from __future__ import annotations

from firmware_app.settings.schema import Field

DEFAULT_LISTEN = "127.0.0.1:8230"

GROUPS = {
    "discover": "Boards that answer on the local network, beside those that are listed.",
    "mqtt": "The broker.",
    "homeassistant": "Home Assistant, by MQTT discovery.",
    "web": "Pages, /metrics and /sd.",
    "files": "Files with everything that arrives.",
    "recordings": "Recordings (MCAP) of all boards.",
}

BOARD_FIELDS = (
    Field.string("url", None, length=(1, 300), required=True, text="Where the board is."),
    Field.string(
        "key_file",
        None,
        length=(1, 4096),
        text="File with the board's key, 64 hexadecimal digits; null: the key store.",
    ),
    Field.string("name", None, length=(1, 64), text="Name to show; null: the board's own."),
    Field.string("group", None, length=(1, 64), text="Group that the board belongs to."),
    Field.boolean(
        "unencrypted",
        False,
        text="Accept the board where it encrypted before and does not any more.",
    ),
)

FIELDS = (
    Field.string(
        "shard",
        "1/1",
        length=(3, 9),
        text="Share of the boards that this hub serves, i/n; all hubs use one list of boards.",
    ),
    Field.string(
        "state_file",
        None,
        length=(1, 4096),
        text="Where the hub remembers which boards it announced; null: beside the key store.",
    ),
    Field.boolean("discover.enabled", False, text="Look for boards."),
    Field.integer("discover.every_s", 60, range=(5, 86400), unit="s", text="How often."),
    Field.string(
        "discover.group", None, length=(1, 64), text="Group of the boards that are found."
    ),
    Field.string(
        "mqtt.url",
        None,
        length=(1, 300),
        text="mqtt://HOST[:1883] or mqtts://HOST[:8883]; null: no MQTT.",
    ),
    Field.string("mqtt.prefix", "k230", length=(1, 64), text="First part of every topic."),
    Field.string(
        "mqtt.client_id",
        None,
        length=(1, 64),
        text="Name of this hub at the broker; null: made from the computer's name and the shard.",
    ),
    Field.string("mqtt.username", None, length=(1, 256), text="User at the broker."),
    Field.string(
        "mqtt.password",
        None,
        length=(1, 256),
        secret=True,
        text="Password at the broker; better: password_file, or K230_MQTT_PASSWORD.",
    ),
    Field.string("mqtt.password_file", None, length=(1, 4096), text="File with the password."),
    Field.string("mqtt.ca_file", None, length=(1, 4096), text="Certificates to trust (mqtts)."),
    Field.string("mqtt.cert_file", None, length=(1, 4096), text="Client certificate (mqtts)."),
    Field.string("mqtt.key_file", None, length=(1, 4096), text="Key of the client certificate."),
    Field.integer(
        "mqtt.keepalive_s", 30, range=(5, 3600), unit="s", text="Silence that is allowed."
    ),
    Field.integer(
        "mqtt.queue",
        10000,
        range=(100, 1000000),
        text="Messages kept while the broker is slow or away; then the oldest go, counted.",
    ),
    Field.boolean("mqtt.events", True, text="Publish events, QoS 1."),
    Field.boolean("mqtt.counts", True, text="Publish count and presence by label and zone."),
    Field.number(
        "mqtt.off_delay_s",
        1.0,
        range=(0.0, 3600.0),
        unit="s",
        text="A label counts as gone, and a count as lower, after this long.",
    ),
    Field.boolean("mqtt.results", False, text="Publish every result, as JSON."),
    Field.number(
        "mqtt.results_rate",
        0.0,
        range=(0.0, 1000.0),
        unit="1/s",
        text="Results a second and board at most; 0: all.",
    ),
    Field.number(
        "mqtt.snapshot_s",
        0.0,
        range=(0.0, 86400.0),
        unit="s",
        text="Publish a JPEG this often, retained; 0: never by itself.",
    ),
    Field.boolean("mqtt.logs", False, text="Publish log lines."),
    Field.number(
        "mqtt.statistics_s",
        10.0,
        range=(0.0, 3600.0),
        unit="s",
        text="Publish statistics this often; 0: never.",
    ),
    Field.boolean("mqtt.commands", False, text="Take commands: task, settings, snapshot."),
    Field.boolean(
        "mqtt.risky_commands",
        False,
        text="With commands: also restart, enroll and updates.",
    ),
    Field.boolean("homeassistant.enabled", False, text="Announce each board as a device."),
    Field.string(
        "homeassistant.prefix", "homeassistant", length=(1, 64), text="Home Assistant's own prefix."
    ),
    Field.integer(
        "homeassistant.expire_after_s",
        0,
        range=(0, 86400),
        unit="s",
        text="Sensors without news become unavailable after this long; 0: never.",
    ),
    Field.boolean("web.enabled", True, text="Serve pages."),
    Field.string(
        "web.listen", DEFAULT_LISTEN, length=(1, 300), text="Address and port, HOST:PORT."
    ),
    Field.boolean(
        "web.login",
        True,
        text="Ask for name and password; false: only where web.listen is this computer's own address.",
    ),
    Field.string(
        "web.users_file",
        None,
        length=(1, 4096),
        text="File of users and tokens, made at the first start; null: beside the key store.",
    ),
    Field.labels(
        "web.trusted_proxies",
        text="Addresses or networks of reverse proxies with X-Forwarded headers to trust, such as "
        "[127.0.0.1].",
    ),
    Field.boolean("web.metrics", True, text="Serve /metrics and /sd for Prometheus."),
    Field.string(
        "files.json_lines", None, length=(1, 4096), text="Append every line as JSON to this file."
    ),
    Field.string("files.csv", None, length=(1, 4096), text="Append a row per object to this file."),
    Field.string(
        "recordings.folder",
        None,
        length=(1, 4096),
        text="Record results, events and statistics into files here; null: record nothing.",
    ),
    Field.integer(
        "recordings.minutes",
        60,
        range=(1, 1440),
        unit="min",
        text="Begin a new file this often.",
    ),
    Field.integer(
        "recordings.keep_mb",
        10000,
        range=(10, 10000000),
        unit="MB",
        text="Remove the oldest recordings of the folder where all are more than this.",
    ),
    Field.number(
        "recordings.pictures_s",
        0.0,
        range=(0.0, 86400.0),
        unit="s",
        text="Record the preview's picture of each board this often; 0: never.",
    ),
)
