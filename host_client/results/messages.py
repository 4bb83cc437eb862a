"""What a board says and answers besides results: immutable and typed."""

from __future__ import annotations

import enum
from typing import Any, NamedTuple

from host_client.base.exceptions import K230Error


class State(str, enum.Enum):
    """Where a Board object stands."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    RECONNECTING = "reconnecting"
    FAILED = "failed"  # for good: wrong key or another protocol version
    CLOSED = "closed"


class StateChange(NamedTuple):
    """A step between states; reason is a sentence, restarted says that the board started anew.

    delay: seconds until the next attempt while reconnecting, attempt: its number.
    """

    state: State
    reason: str
    error: K230Error | None = None
    restarted: bool = False
    attempt: int = 0
    delay: float = 0.0


class Event(NamedTuple):
    """Something that happened on the board; time_ms on its clock, host_time in Unix seconds."""

    time_ms: int
    kind: str
    details: dict[str, Any]
    host_time: float | None = None


class Statistics(NamedTuple):
    """What the board counts and measures; values as docs/protocol.md lists them."""

    time_ms: int
    values: dict[str, Any]


class LogLine(NamedTuple):
    """A line of the board's log; level 10 debug, 20 info, 30 warning, 40 error."""

    time_ms: int
    level: int
    text: str


class TaskInfo(NamedTuple):
    """A task that the card offers; problem says why it can't run, None where it can."""

    name: str
    task: str | None
    package: str | None
    active: bool
    problem: str | None

    @classmethod
    def from_map(cls, row: dict[str, Any]) -> TaskInfo:
        """Return the task of one map of the answer; unknown keys are ignored."""
        return cls(
            str(row.get("name", "")),
            row.get("task"),
            row.get("package"),
            bool(row.get("active", False)),
            row.get("problem") or None,
        )


class SwitchReport(NamedTuple):
    """What a switch did; what the board does not tell is None. Times in ms, memory in bytes."""

    task: str
    generation: int
    first_seq: int | None
    gap_ms: float | None
    gap_frames: int | None
    heap_before: int | None
    heap_after: int | None
    sha256: str | None
    pause_ms: int | None = None
    mmz_before: int | None = None
    mmz_after: int | None = None

    @classmethod
    def from_map(cls, row: dict[str, Any]) -> SwitchReport:
        """Return the report of the answer's map; unknown keys are ignored."""
        digest = row.get("sha256")
        if isinstance(digest, bytes):
            digest = digest.hex()
        return cls(
            str(row.get("task", "")),
            int(row.get("generation", 0)),
            row.get("first_seq"),
            row.get("gap_ms"),
            row.get("gap_frames"),
            row.get("heap_before"),
            row.get("heap_after"),
            digest,
            row.get("pause_ms"),
            row.get("mmz_before"),
            row.get("mmz_after"),
        )


class Counts(NamedTuple):
    """What this client threw away since it was created.

    damaged: frames with a wrong CRC, encoding or seal; malformed: intact messages that made
    no sense; undescribed: results whose generation the board never described; dropped: what
    slow readers of this program missed, over all open streams.
    """

    damaged: int
    malformed: int
    undescribed: int
    dropped: int


def plain(value: Any) -> Any:
    """Return value with binary as hexadecimal text, so that JSON can hold it."""
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex()
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value
