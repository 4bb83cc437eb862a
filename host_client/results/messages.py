"""Typed, immutable messages and answers of a board, other than results."""

from __future__ import annotations

import enum
import math
from typing import Any, NamedTuple, TypedDict

from firmware_app.wire import log_lines
from host_client.base.exceptions import K230Error
from host_client.results.answers import Answer
from host_client.results.lines import UNKNOWN, Json, Source, head


class State(str, enum.Enum):
    """The state of a Board object's link."""

    CONNECTING = "connecting"
    GREETING = "greeting"  # the connection is open, but there was no greeting for two seconds
    CONNECTED = "connected"
    RECONNECTING = "reconnecting"
    FAILED = "failed"  # permanent: wrong key or another protocol version
    CLOSED = "closed"


class StateChange(NamedTuple):
    """A change of state. reason: a sentence; restarted: the board has restarted.

    delay: seconds until the next attempt while reconnecting. attempt: its number.
    """

    state: State
    reason: str
    error: K230Error | None = None
    restarted: bool = False
    attempt: int = 0
    delay: float = 0.0


class Event(NamedTuple):
    """An event of the board. time_ms: on its clock; host_time: in Unix seconds.

    number: counts events of tracks, zones and lines; 0 for the board's own events and `lost`.
    boot_id: identifies the board's start. uncertainty: of host_time, plus or minus seconds.
    """

    time_ms: int
    kind: str
    details: dict[str, Any]
    host_time: float | None = None
    number: int = 0
    uncertainty: float | None = None
    source: Source = UNKNOWN
    boot_id: int | None = None

    def to_dict(self) -> Json:
        """Return the JSON of this event (docs/json.md)."""
        row = head("event", self.source, self.time_ms, self.host_time, self.uncertainty)
        row.update(kind=self.kind, number=self.number, boot_id=self.boot_id)
        row["details"] = plain(self.details) if not self.number else _numbered(self.details)
        return row


class Statistics(NamedTuple):
    """The board's statistics; docs/protocol.md lists the values."""

    time_ms: int
    values: dict[str, Any]
    host_time: float | None = None
    uncertainty: float | None = None
    source: Source = UNKNOWN

    def to_dict(self) -> Json:
        """Return the JSON of this (docs/json.md)."""
        row = head("statistics", self.source, self.time_ms, self.host_time, self.uncertainty)
        row["values"] = plain(self.values)
        return row


class LogLine(NamedTuple):
    """A line of the board's log. level: 10 debug, 20 info, 30 warning, 40 error."""

    time_ms: int
    level: int
    text: str
    host_time: float | None = None
    uncertainty: float | None = None
    source: Source = UNKNOWN

    def to_dict(self) -> Json:
        """Return the JSON of this line (docs/json.md)."""
        row = head("log", self.source, self.time_ms, self.host_time, self.uncertainty)
        row.update(level=log_lines.NAMES.get(self.level, "info"), text=self.text)
        return row


class TaskInfo(NamedTuple):
    """A task on the card. problem: why it can't run, or None."""

    name: str
    task: str | None
    package: str | None
    active: bool
    problem: str | None

    @classmethod
    def from_map(cls, row: Answer) -> TaskInfo:
        """Return a task from one map of the answer to `tasks`."""
        return cls(
            row.text("name"),
            row.optional("task", Answer.text),
            row.optional("package", Answer.text),
            row.flag("active"),
            row.optional("problem", Answer.text) or None,
        )


class SwitchReport(NamedTuple):
    """The report of a switch. Times in ms, memory in bytes; None if the board does not report it."""

    task: str
    generation: int
    first_seq: int | None
    gap_ms: int | None
    gap_frames: int | None
    heap_before_bytes: int | None
    heap_after_bytes: int | None
    sha256: str | None
    pause_ms: int | None = None
    mmz_before_bytes: int | None = None
    mmz_after_bytes: int | None = None

    @classmethod
    def from_map(cls, row: Answer) -> SwitchReport:
        """Return the report from the answer to `switch`."""
        return cls(
            row.text("task"),
            row.integer("generation"),
            row.optional("first_seq", Answer.integer),
            row.optional("gap_ms", Answer.integer),
            row.optional("gap_frames", Answer.integer),
            row.optional("heap_before_bytes", Answer.integer),
            row.optional("heap_after_bytes", Answer.integer),
            row.optional("sha256", Answer.text),
            row.optional("pause_ms", Answer.integer),
            row.optional("mmz_before_bytes", Answer.integer),
            row.optional("mmz_after_bytes", Answer.integer),
        )


class Problem(TypedDict):
    """A problem of the board: a code for programs, a sentence for people."""

    code: str
    text: str


class RestartReason(TypedDict):
    """The reason for the board's last restart: a code for programs, a sentence for people."""

    code: str
    text: str


class MemoryStatus(TypedDict, total=False):
    """The board's memory; None if its firmware can't report it (docs/boards.md)."""

    media_total_bytes: int | None
    media_free_bytes: int | None
    programs_free_bytes: int | None


class NetworkStatus(TypedDict, total=False):
    """The board's network: interface, whether it is up, address, signal in dBm, reconnects.

    waiting: "address" while the interface is up and waits for DHCP, else empty.
    """

    interface: str
    up: bool
    waiting: str
    address: str
    signal_dbm: int | None
    reconnects: int


class ClientStatus(TypedDict, total=False):
    """One session of the board: messages sent, and results dropped because the client was slow."""

    name: str
    client: str | None
    sent: int
    dropped: int


class Status(TypedDict, total=False):
    """What `status` answers; a board may leave fields out, and add some that stand nowhere here.

    Integers, their units at the end of their names: _ms, _us, _bytes, _c (degrees Celsius). stages_us: a
    frame's. problems: what is wrong now. restart_reason: None where it is not known.
    """

    board_name: str
    version: str
    board_type: str
    firmware: str
    board_id: str
    boot_id: int
    uptime_ms: int
    early_starts: int
    safe_mode: bool
    restart_reason: RestartReason | None
    starts: int
    watchdog_ms: int
    network: NetworkStatus | None
    task: str | None
    model: str
    generation: int
    camera: bool
    processed: int
    captured: int
    skipped: int
    renewed: int
    stages_us: dict[str, int]
    heap_floor_bytes: int | None
    heap_floor_first_bytes: int | None
    seq: int
    clients: list[ClientStatus]
    rejected: int
    refused: int
    failed_attempts: int
    heap_used_bytes: int
    heap_free_bytes: int
    memory: MemoryStatus
    heap_growth_bytes_per_hour: int | None
    card_free_bytes: int | None
    data_free_bytes: int | None
    temperature_c: int | None
    problems: list[Problem]


class Counts(NamedTuple):
    """What this client dropped since it was created.

    rejected: packets with a wrong CRC, encoding or seal. malformed: intact but invalid messages.
    undescribed: results of a generation without a MODEL. dropped: items that slow readers of this
    program missed, over all open streams.
    """

    rejected: int
    malformed: int
    undescribed: int
    dropped: int


def _numbered(details: dict[str, Any]) -> dict[str, Any]:
    """Return the details of a numbered event, with scores 0...1 and boxes as maps."""
    row: dict[str, Any] = plain(details)
    score = row.get("score")
    if type(score) is int:
        row["score"] = score / 1000
    for name in ("box", "first_box"):
        box = row.get(name)
        if isinstance(box, list) and len(box) == 4:
            row[name] = dict(zip("xywh", box, strict=True))
    return row


def plain(value: Any) -> Any:
    """Return a value for JSON, with bytes as hexadecimal text."""
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex()
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def finite(value: Any) -> Any:
    """Return value with null for what JSON has no number for."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    return [finite(item) for item in value] if isinstance(value, (list, tuple)) else value
