"""One session with each board, for ever, and its fan-out to all readers.

sessions = Sessions(configuration)
await sessions.start()
with sessions.feed(("result", "event"), limit=1000) as feed:
    for item in await feed.get():
        ...
session = sessions.find("0123456789abcdef")
jpeg = await session.picture(max_age=0.5)
await session.board.switch("detection")
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections.abc import Iterable, Iterator
from typing import Any

from board_hub.configuration.reader import BoardEntry, Configuration
from board_hub.feed import Feed, Item
from board_hub.memory import Memory
from board_hub.session import KINDS, BoardSession
from host_client.base.exceptions import AddressError
from host_client.link.discovery import discover

_STARTS = 16  # sessions that are greeted at the same time


class Sessions:
    """All boards of this hub."""

    def __init__(self, configuration: Configuration, memory: Memory | None = None) -> None:
        self.configuration = configuration
        self.memory = memory or Memory(None)
        self.confirms_events = False  # set by who knows when an event has arrived at last (MQTT)
        self.greeting = asyncio.Semaphore(_STARTS)
        self.started = time.time()
        self._sessions: dict[str, BoardSession] = {}  # by URL
        self._feeds: list[Feed] = []
        self._feeds_of: dict[str, tuple[Feed, ...]] = dict.fromkeys(KINDS, ())
        self._changed = asyncio.Event()
        self._searching: asyncio.Task[None] | None = None
        self.problem = ""  # of the search
        for entry in configuration.boards:
            if self.is_ours(entry.url):
                self.add(entry)

    def __iter__(self) -> Iterator[BoardSession]:
        return iter(list(self._sessions.values()))

    def __len__(self) -> int:
        return len(self._sessions)

    def find(self, board: str) -> BoardSession | None:
        """Return the session of a board's id (as in topics and URLs); the connected one first."""
        found = [session for session in self._sessions.values() if session.id == board]
        found.sort(key=lambda session: not session.connected)
        return found[0] if found else None

    def is_ours(self, name: str) -> bool:
        """Return whether this hub's shard has the board of that URL or id."""
        number, count = self.configuration.shard
        digest = hashlib.sha256(name.encode("utf-8", "replace")).digest()
        return int.from_bytes(digest[:8], "big") % count == number - 1

    def add(self, entry: BoardEntry) -> BoardSession:
        """Add a board; one with the same URL is the one that is there."""
        session = self._sessions.get(entry.url)
        if session is None:
            session = self._sessions[entry.url] = BoardSession(entry, self)
        return session

    async def start(self) -> None:
        """Begin all sessions, and the search for boards where it is switched on."""
        for session in self:
            session.start()
        if self.configuration["discover.enabled"]:
            self._searching = asyncio.create_task(self._search(), name="hub-search")

    async def stop(self) -> None:
        """End everything."""
        if self._searching is not None:
            self._searching.cancel()
            await asyncio.gather(self._searching, return_exceptions=True)
        await asyncio.gather(*(session.stop() for session in self))
        for feed in list(self._feeds):
            feed.close()
        self.memory.save()

    # Who reads.

    def feed(
        self, kinds: Iterable[str], limit: int, *, board: str | None = None, rate: int = 0
    ) -> Feed:
        """Return a bounded queue of what boards say.

        Args:
            kinds: some of KINDS. "state" comes with each change of a session and each new status.
            limit: items kept for a slow reader; then the oldest go, counted in `dropped`.
            board: the id of one board; None for all.
            rate: results a second and board that are asked for at most, 0 for all. Another reader
                may ask for more: then more come.
        """
        feed = Feed(kinds, limit, board=board, rate=rate, closed=self._feed_closed)
        self._feeds.append(feed)
        self._feeds_changed()
        return feed

    def demanded(self, session: BoardSession, kind: str) -> int | None:
        """Return the rate at which items of a kind are wanted (0: all), None where there is no reader."""
        if kind == "event":
            return 0  # they tell of the board's own changes
        rates = [feed.rate for feed in self._feeds_of[kind] if feed.wants(session, kind)]
        if not rates:
            return None
        return 0 if 0 in rates or kind != "result" else max(rates)

    async def changed_demand(self) -> None:
        """Return when a feed was opened or closed."""
        await self._changed.wait()

    def hand_out(self, kind: str, session: BoardSession, value: Any) -> None:
        """Give a value to every feed that wants it."""
        session.latest[kind] = value
        item = Item(kind, session, value)
        for feed in self._feeds_of[kind]:
            if feed.board is None or feed.board == session.id:
                feed.put(item)

    def _feed_closed(self, feed: Feed) -> None:
        with contextlib.suppress(ValueError):
            self._feeds.remove(feed)
        self._feeds_changed()

    def _feeds_changed(self) -> None:
        for kind in KINDS:
            self._feeds_of[kind] = tuple(feed for feed in self._feeds if kind in feed.kinds)
        # Tasks that wait now are woken; later ones wait for the next change.
        self._changed.set()
        self._changed = asyncio.Event()

    # Who is there.

    def other_with(self, board_id: str, session: BoardSession) -> BoardSession | None:
        """Return another session that holds the same board."""
        for other in self._sessions.values():
            if other is not session and other.connected and other.board_id == board_id:
                return other
        return None

    async def _search(self) -> None:
        every = self.configuration["discover.every_s"]
        while True:
            try:
                found = await discover()
                self.problem = ""
            except AddressError as error:
                self.problem = str(error)
                found = []
            listed = {entry.url for entry in self.configuration.boards}
            held = {session.board_id for session in self if session.connected}
            for board in found:
                if (
                    board.url in listed
                    or board.board_id in held
                    or not self.is_ours(board.board_id)
                ):
                    continue
                group = self.configuration["discover.group"]
                self.add(BoardEntry(board.url, group=group)).start()
            await asyncio.sleep(every)
