"""The topics of one hub and of its boards (docs/mqtt.md)."""

from __future__ import annotations

import functools

from board_hub.base.names import part_of

# Parts that mean something at that place: a label or zone of that name gets a hash.
_LEAVES = frozenset(("count", "present", "set", "state"))
_HOLDERS = frozenset(("task", "settings"))

ONLINE, OFFLINE = b"online", b"offline"
ON, OFF = b"ON", b"OFF"


def bridge(prefix: str, shard: tuple[int, int]) -> str:
    """Return the topic that says whether this hub runs."""
    number, count = shard
    return f"{prefix}/bridge/state" if count == 1 else f"{prefix}/bridge/{number}/state"


@functools.lru_cache(maxsize=4096)
def label_part(label: str) -> str:
    """Return a label as a part of a topic."""
    return part_of(label + "\0") if label in _LEAVES or label in _HOLDERS else part_of(label)


@functools.lru_cache(maxsize=4096)
def zone_part(zone: str) -> str:
    """Return a zone as a part of a topic; `zone-` keeps it from meeting a label."""
    return f"zone-{part_of(zone)}"


class BoardTopics:
    """The topics of one board, in bytes."""

    def __init__(self, prefix: str, board: str) -> None:
        self.root = f"{prefix}/{board}"
        root = self.root
        self.availability = f"{root}/availability".encode()
        self.state = f"{root}/state".encode()
        self.names = f"{root}/names".encode()
        self.snapshot = f"{root}/snapshot".encode()
        self.event = f"{root}/event".encode()
        self.result = f"{root}/result".encode()
        self.statistics = f"{root}/statistics".encode()
        self.log = f"{root}/log".encode()
        self.outcome = f"{root}/outcome".encode()
        self.task = f"{root}/task/state".encode()

    def count(self, label: str) -> bytes:
        """Return the topic of a label's count."""
        return f"{self.root}/{label_part(label)}/count".encode()

    def present(self, label: str) -> bytes:
        """Return the topic of a label's presence."""
        return f"{self.root}/{label_part(label)}/present".encode()

    def zone(self, zone: str, label: str) -> bytes:
        """Return the topic of a label's count in a zone."""
        return f"{self.root}/{zone_part(zone)}/{label_part(label)}".encode()

    def setting(self, name: str) -> bytes:
        """Return the topic of a setting's value."""
        return f"{self.root}/settings/{name}/state".encode()
