"""What a consumer of the hub reads: items of some kinds, from all boards or one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from board_hub.base.lines import dumps
from board_hub.base.queue import NewestQueue
from board_hub.session import KINDS, BoardSession


class Item:
    """One thing that a board said, or that happened to its session.

    value: a Result, Event, Statistics or LogLine of host_client, or the session's `state` (text).
    """

    __slots__ = ("_json", "kind", "session", "value")

    def __init__(self, kind: str, session: BoardSession, value: Any) -> None:
        self.kind = kind
        self.session = session
        self.value = value
        self._json: bytes | None = None

    @property
    def json(self) -> bytes:
        """The line of docs/json.md, made once for all consumers."""
        if self._json is None:
            value = self.session.account() if self.kind == "state" else self.value.to_dict()
            self._json = dumps(value)
        return self._json


class Feed(NewestQueue[Item]):
    """A bounded queue of items. Boards send what some feed wants, and nothing else."""

    def __init__(
        self,
        kinds: Iterable[str],
        limit: int,
        *,
        board: str | None,
        rate: int,
        closed: Callable[[Feed], None],
    ) -> None:
        super().__init__(limit)
        self.kinds = frozenset(kinds)
        if not self.kinds <= set(KINDS):
            raise ValueError(f"kinds: expected some of {', '.join(KINDS)}")
        self.board = board
        self.rate = rate
        self._closed_by = closed

    def wants(self, session: BoardSession, kind: str) -> bool:
        """Return whether items of this kind and board go into this feed."""
        return kind in self.kinds and (self.board is None or self.board == session.id)

    def close(self) -> None:
        """End the feed; boards are told to send no more where it was the last reader."""
        if not self.closed:
            super().close()
            self._closed_by(self)

    def __enter__(self) -> Feed:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
