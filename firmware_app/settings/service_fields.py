"""The settings of configs/service.yaml, in the order of that file and of docs/configuration.md.

A new setting is one entry here; `python -m tools.configuration_reference` writes it into both.
"""

from firmware_app.settings.schema import Field
from firmware_app.wire import log_lines

# (TX, RX) pins by UART, from the firmware's pin function table.
UART_PINS = {
    1: ((3, 4), (9, 10), (40, 41)),
    2: ((5, 6), (11, 12), (44, 45)),
    3: ((28, 29), (32, 33), (50, 51)),
    4: ((36, 37), (48, 49)),
}
DEFAULT_PORT = 5230
DEFAULT_BAUDRATE = 115200

GROUPS = {
    "board": "The board's identity.",
    "camera": "The camera.",
    "network": "The network and its link.",
    "uart": "The wired link.",
    "results": "Which results are sent, and how often.",
    "log": "The log, on the console and on the card.",
    # Below this line: groups that most boards keep at their defaults.
    "preview": "A second, small camera channel for snapshots; the model's frames are unaffected.",
    "switch": "Changing tasks and models while the service runs.",
    "memory": "Garbage collection.",
    "watchdog": "The hardware watchdog.",
    "recovery": "Safe mode: start without a task after repeated crashes.",
}
FIRST_RARE_GROUP = "preview"

FIELDS = (
    Field.task_name("task", text="Task to run: configs/tasks/NAME.yaml; null runs none."),
    Field.choice(
        "priority",
        "latency",
        ("latency", "completeness"),
        live=True,
        text="latency: always take the newest frame; completeness: skip no captured frame.",
    ),
    Field.string("board.name", "k230", length=(1, 32), live=True, text="Name that clients show."),
    Field.boolean(
        "camera.enabled", True, text="Use the camera; false: only pictures that clients send."
    ),
    Field.integer(
        "camera.width",
        1280,
        range=(64, 3840),
        step=16,
        unit="pixels",
        live=True,
        text="Frame width.",
    ),
    Field.integer(
        "camera.height", 720, range=(64, 2160), unit="pixels", live=True, text="Frame height."
    ),
    Field.integer(
        "camera.fps",
        30,
        range=(1, 120),
        unit="1/s",
        live=True,
        text="Frame rate; fast modes of a sensor have a smaller field of view.",
    ),
    Field.boolean("camera.hmirror", False, live=True, text="Mirror left and right."),
    Field.boolean("camera.vflip", False, live=True, text="Turn the picture upside down."),
    Field.integer(
        "camera.csi_id", None, range=(0, 2), text="CSI connector; null: the board's default."
    ),
    Field.boolean("network.enabled", True, text="Listen for clients."),
    Field.choice(
        "network.interface",
        "none",
        ("none", "station", "access_point", "ethernet"),
        text="Interface to bring up at start; none: already up.",
    ),
    # 802.11 counts bytes.
    Field.string(
        "network.ssid",
        None,
        length=(1, 32),
        octets=True,
        text="Wi-Fi name to join or to offer, in quotes.",
    ),
    Field.string(
        "network.password",
        None,
        length=(8, 63),
        octets=True,
        secret=True,
        text="Wi-Fi password, in quotes.",
    ),
    Field.integer("network.port", DEFAULT_PORT, range=(1, 65535), text="TCP port."),
    Field.boolean("network.key_required", True, text="Clients must prove the board's key."),
    Field.boolean(
        "network.sealed", True, text="Protect every packet of a session against changes."
    ),
    Field.boolean(
        "network.encryption", True, text="Encrypt and protect every packet of a session."
    ),
    Field.boolean("network.discovery", True, live=True, text="Answer k230 discover."),
    Field.integer(
        "network.max_clients",
        8,
        range=(1, 8),
        live=True,
        text="Maximum network clients; more are refused.",
    ),
    Field.boolean("uart.enabled", False, text="Open the UART link."),
    Field.integer("uart.id", 3, range=(1, 4), text="UART number; UART 0 is the console."),
    Field.integer(
        "uart.baudrate", DEFAULT_BAUDRATE, range=(9600, 3000000), unit="baud", text="Speed."
    ),
    Field.integer("uart.tx", None, range=(0, 63), text="TX pin; null: the board's default."),
    Field.integer("uart.rx", None, range=(0, 63), text="RX pin; null: the board's default."),
    Field.choice(
        "uart.publish",
        "always",
        ("always", "events", "on_request"),
        live=True,
        text="always: send results unasked, for readers that only listen; events: send events "
        + "unasked; on_request, or with a key: send both to subscribers.",
    ),
    Field.integer(
        "uart.share",
        90,
        range=(1, 100),
        unit="%",
        live=True,
        text="Share of the UART's bandwidth that results may use.",
    ),
    Field.boolean("uart.key_required", False, text="Require the board's key on this link too."),
    Field.number(
        "results.rate_limit",
        0.0,
        range=(0, 1000),
        unit="1/s",
        live=True,
        text="Maximum results per second on each link; 0: no limit.",
    ),
    Field.integer(
        "results.every_nth_frame",
        1,
        range=(1, 1000),
        live=True,
        text="Run the model on every n-th frame.",
    ),
    Field.integer(
        "results.statistics_period_ms",
        1000,
        range=(0, 60000),
        unit="ms",
        live=True,
        text="Time between statistics messages; 0: send none.",
    ),
    Field.integer(
        "results.queue",
        4,
        range=(1, 64),
        live=True,
        text="Results kept for a slow client; the newest win.",
    ),
    Field.choice(
        "log.level",
        "info",
        tuple([log_lines.NAMES[level] for level in sorted(log_lines.NAMES, reverse=True)]),
        live=True,
        text="Lowest level to log.",
    ),
    Field.integer(
        "log.size", 64, range=(4, 1024), unit="kB", live=True, text="Size of the log on the card."
    ),
    Field.boolean("preview.enabled", False, live=True, text="Open the second channel."),
    Field.integer(
        "preview.width",
        320,
        range=(64, 1280),
        step=16,
        unit="pixels",
        live=True,
        text="Preview width.",
    ),
    Field.integer(
        "preview.height", 180, range=(64, 720), unit="pixels", live=True, text="Preview height."
    ),
    Field.integer("preview.quality", 70, range=(5, 95), live=True, text="JPEG quality."),
    Field.number(
        "preview.rate",
        0.0,
        range=(0, 30),
        unit="1/s",
        live=True,
        text="Maximum snapshots per second; faster requests get the cached picture; 0: no limit.",
    ),
    Field.choice(
        "switch.policy",
        "beside",
        ("beside", "unload_first"),
        live=True,
        text="beside: load the new model next to the old one; unload_first: for little memory.",
    ),
    Field.integer(
        "switch.watch_s",
        2,
        range=(0, 60),
        unit="s",
        live=True,
        text="Time between checks for edited YAML files; 0: never.",
    ),
    Field.integer(
        "memory.collect_frames",
        60,
        range=(1, 1000),
        live=True,
        text="Maximum frames between collections.",
    ),
    Field.integer(
        "memory.collect_kb",
        1024,
        range=(64, 16384),
        unit="kB",
        live=True,
        text="Collect as soon as the heap has grown by this much.",
    ),
    Field.boolean("watchdog.enabled", True, text="Reset the board if the service hangs."),
    Field.integer(
        "watchdog.timeout_s",
        60,
        range=(5, 300),
        unit="s",
        text="Timeout; it must exceed the longest model load.",
    ),
    Field.integer(
        "recovery.early_crashes", 3, range=(1, 20), text="Early crashes in a row before safe mode."
    ),
    Field.integer(
        "recovery.early_s",
        120,
        range=(5, 3600),
        unit="s",
        live=True,
        text="A crash within this time after the start is early.",
    ),
    Field.integer(
        "recovery.retry_s",
        600,
        range=(0, 86400),
        unit="s",
        text="Safe mode retries the task after this time, doubled after each crash; 0: never.",
    ),
)
