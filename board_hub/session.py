"""One board: its session, for ever, what is known of it, and the way to it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import random
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol

from board_hub.base.names import part_of
from board_hub.configuration.reader import BoardEntry
from board_hub.memory import Memory
from host_client.base.exceptions import (
    FINAL_ERRORS,
    ConnectionFailed,
    K230Error,
    LinkLost,
)
from host_client.base.waiting import happened
from host_client.board import Board
from host_client.link.trace import printable
from host_client.results.messages import Event, State, StateChange, Status, TaskInfo
from host_client.results.streams import Stream

_log = logging.getLogger(__name__)

_FIRST_DELAY = 0.5  # seconds; doubled up to the longest, each time a random half of it less
_LONGEST_DELAY = 15.0
# A wrong key costs the board's patience (docs/protocol.md, section 3): a person has to mend it.
_HOPELESS_DELAY = 300.0
_DUPLICATE_DELAY = 60.0
_STATUS_EVERY = 30.0
_PROMPT_STATUS = 0.2  # after an event that changes it
_QUEUE = 64  # items of one board that wait for their turn in the loop
_EVENT_QUEUE = 512  # a board may send all 256 that it has kept

KINDS = ("result", "event", "statistics", "log", "state")

CONNECTING = "connecting"
CONNECTED = "connected"
RECONNECTING = "reconnecting"
FAILED = "failed"  # tried again seldom: wrong key, another protocol version
DUPLICATE = "duplicate"  # another session has this board
CLOSED = "closed"


class Counts:
    """What came from one board, since the hub's start."""

    __slots__ = ("connections", "events", "logs", "results", "statistics")

    def __init__(self) -> None:
        self.connections = self.results = self.events = self.statistics = self.logs = 0


class Exchange(Protocol):
    """What a session needs of the hub around it (Sessions)."""

    memory: Memory
    confirms_events: bool  # a reader tells by itself how far it is (Memory.handed_on)
    greeting: asyncio.Semaphore

    def demanded(self, session: BoardSession, kind: str) -> int | None:
        """Return the rate at which items of a kind are wanted (0: all), None where there is no reader."""

    async def changed_demand(self) -> None:
        """Return when a reader began or ceased to read."""

    def hand_out(self, kind: str, session: BoardSession, value: Any) -> None:
        """Give a value to every reader that wants it."""

    def other_with(self, board_id: str, session: BoardSession) -> BoardSession | None:
        """Return another session that holds the same board."""


class BoardSession:
    """One board: its session, what is known of it, and the way to it."""

    def __init__(self, entry: BoardEntry, hub: Exchange) -> None:
        self.entry = entry
        self.url = entry.url
        self.group = entry.group
        remembered = hub.memory.boards.get(entry.url)
        self.board_id: str | None = remembered[0] if remembered else None
        self._board_name = remembered[1] if remembered else ""
        self.state = CONNECTING
        self.reason = f"connecting to {entry.url}"
        self.code: str | None = None
        self.since = time.time()
        self.counts = Counts()
        self.latest: dict[str, Any] = {}  # the newest value of each kind
        self.status: Status = {}
        self.tasks: list[TaskInfo] = []
        self._hub = hub
        self._board: Board | None = None
        self._runner: asyncio.Task[None] | None = None
        self._demand = asyncio.Event()
        self._place: tuple[str, tuple[int, int]] | None = None  # board id, its last event read
        self._ask = asyncio.Event()
        self._picture: tuple[float, bytes] | None = None
        self._taking: asyncio.Task[bytes] | None = None
        self._dropped = 0  # of links that are gone
        self._rejected = 0

    def __repr__(self) -> str:
        return f"<BoardSession {self.id} {self.state}>"

    # What is known.

    @property
    def id(self) -> str:
        """The board in topics and URLs: from its serial number, or its URL before it ever answered."""
        return part_of(self.board_id or self.url)

    @property
    def known(self) -> bool:
        """Whether the board ever answered, now or in an earlier run of the hub."""
        return self.board_id is not None

    @property
    def name(self) -> str:
        """The name to show: of hub.yaml, or the board's own."""
        return self.entry.name or self._board_name or self.url

    @property
    def connected(self) -> bool:
        """Whether the board answers."""
        return self.state == CONNECTED

    @property
    def board(self) -> Board:
        """The board's commands; raises LinkLost while it is away."""
        if self._board is None or not self.connected:
            raise LinkLost(f"{self.name} is not connected: {self.reason}")
        return self._board

    @property
    def last_board(self) -> Board | None:
        """The board object of the running session, in any state."""
        return self._board

    @property
    def dropped(self) -> int:
        """Items of this board that the hub itself was too slow for."""
        board = self._board
        return self._dropped + (board.counts.dropped if board is not None else 0)

    @property
    def rejected(self) -> int:
        """Packets and messages of this board that made no sense."""
        counts = self._board.counts if self._board is not None else None
        return self._rejected + (counts.rejected + counts.malformed if counts is not None else 0)

    def account(self) -> dict[str, Any]:
        """Return what pages and the topic `state` say of this board."""
        status = self.status
        return {
            "id": self.id,
            "board_id": self.board_id,
            "board_name": self.name,
            "group": self.group,
            "url": self.url,
            "state": self.state,
            "reason": self.reason,
            "code": self.code,
            "since": round(self.since, 3),
            "board_type": status.get("board_type"),
            "version": status.get("version"),
            "task": status.get("task"),
            "model": status.get("model"),
            "temperature": status.get("temperature_c"),
            "signal_dbm": (status.get("network") or {}).get("signal_dbm"),
            "problems": list(status.get("problems") or ()),
        }

    # What may be done.

    async def picture(self, max_age: float = 0.0, timeout: float = 10.0) -> bytes:
        """Return a JPEG that is at most max_age seconds old; requests meanwhile get the same one.

        Raises CommandFailed where the board has no preview, LinkLost while it is away.
        """
        kept = self._picture
        if kept is not None and time.monotonic() - kept[0] <= max_age:
            return kept[1]
        if self._taking is None or self._taking.done():
            self._taking = asyncio.get_running_loop().create_task(self._take_picture(timeout))
            # There may be no reader left to hear of a failure.
            self._taking.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(self._taking)

    async def _take_picture(self, timeout: float) -> bytes:
        begun = time.monotonic()
        data = await self.board.snapshot(timeout=timeout)
        self._picture = (begun, data)
        return data

    def refresh(self) -> None:
        """Ask for status and tasks soon."""
        self._ask.set()

    # The session.

    def start(self) -> None:
        """Begin; a session that runs already is left alone."""
        if self._runner is None:
            self._runner = asyncio.create_task(self._run(), name=f"hub-{self.url}")

    async def stop(self) -> None:
        """End for good."""
        runner, self._runner = self._runner, None
        if runner is not None:
            runner.cancel()
            await asyncio.gather(runner, return_exceptions=True)
        self._tell(CLOSED, "the hub stops")

    def demand_changed(self) -> None:
        """Note that a feed was opened or closed."""
        self._demand.set()

    async def _run(self) -> None:
        attempt = 0
        while True:
            attempt += 1
            delay = min(_LONGEST_DELAY, _FIRST_DELAY * 2.0 ** min(attempt - 1, 16))
            try:
                if await self._once():
                    attempt = 0
                    delay = _FIRST_DELAY
            except FINAL_ERRORS as error:
                self._tell(FAILED, str(error), error.code)
                delay = _HOPELESS_DELAY
            except ConnectionFailed as error:
                self._tell(RECONNECTING, str(error), error.code)
            except K230Error as error:  # a key that can't be read, an address
                self._tell(FAILED, str(error), error.code)
                delay = _HOPELESS_DELAY
            except Exception as error:  # a fault of ours must not end the other sessions
                _log.exception("the session with %s", self.url)
                self._tell(RECONNECTING, f"a fault of the hub ({type(error).__name__})", "internal")
            if self.state == DUPLICATE:
                delay = _DUPLICATE_DELAY
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))

    async def _once(self) -> bool:
        """Hold one session until it can't come back; return whether it ever stood."""
        over = asyncio.Event()

        def changed(change: StateChange) -> None:
            self._link_changed(board, change, over)

        entry = self.entry
        board = Board.connect(
            entry.url,
            entry.key or (f"@{entry.key_file}" if entry.key_file is not None else None),
            on_state=changed,
            client_name="k230 hub",
            encryption="optional" if entry.unencrypted else "remembered",
        )
        self._board = board
        try:
            async with self._hub.greeting:
                await board
            if self.state == DUPLICATE:
                return False
            await self._serve(board, over)
        finally:
            counts = board.counts
            self._dropped += counts.dropped
            self._rejected += counts.rejected + counts.malformed
            self._board = None
            await board.close()
        return True

    async def _serve(self, board: Board, over: asyncio.Event) -> None:
        async with _tasks() as run:
            run(self._keep_status(board))
            pumps = {kind: run(self._pump(board, kind)) for kind in KINDS if kind != "state"}
            waiting = run(over.wait())
            await asyncio.wait([waiting, *pumps.values()], return_when=asyncio.FIRST_COMPLETED)

    async def _pump(self, board: Board, kind: str) -> None:
        """Hand on what the board says of one kind, while it has readers."""
        hub = self._hub
        while True:
            wanted = hub.demanded(self, kind)
            if wanted is None:
                await hub.changed_demand()
                continue
            if kind == "event":
                await self._read_events(board)
                return
            stream: Stream[Any] = _open(board, kind, wanted)
            stream.forward(functools.partial(self._take, kind))
            try:
                await self._until_other(kind, wanted)
            finally:
                await stream.aclose()

    async def _read_events(self, board: Board) -> None:
        """Hand on events after the last one of this board, over lost links and the hub's own restarts."""
        memory, board_id = self._hub.memory, board.info.board_id
        after = memory.places.get(board_id)
        if self._place is not None and self._place[0] == board_id:
            after = self._place[1]
        async with board.events(_EVENT_QUEUE, after) as stream:
            async for event in stream:
                if stream.position is not None:
                    self._place = (board_id, stream.position)
                self._take("event", event)
                if not self._hub.confirms_events and event.number and event.boot_id is not None:
                    memory.handed_on(board_id, event.boot_id, event.number)

    async def _until_other(self, kind: str, wanted: int) -> None:
        while self._hub.demanded(self, kind) == wanted:
            await self._hub.changed_demand()

    def _take(self, kind: str, value: Any) -> None:
        counts = self.counts
        if kind == "result":
            counts.results += 1
        elif kind == "event":
            counts.events += 1
            self._heard(value)
        elif kind == "statistics":
            counts.statistics += 1
        else:
            counts.logs += 1
        self._hub.hand_out(kind, self, value)

    def _heard(self, event: Event) -> None:
        if event.kind in ("switched", "problem", "solved"):
            self._ask.set()

    async def _keep_status(self, board: Board) -> None:
        """Know status and tasks: at the start, from time to time, and after events that change them."""
        while True:
            self._ask.clear()
            with contextlib.suppress(K230Error):
                self.status = await board.status()
                self.tasks = await board.tasks()
                self._hub.hand_out("state", self, self.state)
            if await happened(self._ask, _STATUS_EVERY * random.uniform(0.9, 1.1)):
                await asyncio.sleep(_PROMPT_STATUS)

    def _link_changed(self, board: Board, change: StateChange, over: asyncio.Event) -> None:
        state = change.state
        if state is State.CONNECTED:
            info = board.info
            board_id, name = printable(info.board_id), printable(info.board_name)
            other = self._hub.other_with(board_id, self)
            if other is not None:
                self._tell(DUPLICATE, f"the same board as {other.url}", "duplicate")
                over.set()
                return
            self.board_id, self._board_name = board_id, name
            self._hub.memory.learn(self.url, board_id, name)
            self.counts.connections += 1
            self._tell(CONNECTED, change.reason)
            self._ask.set()
        elif state is State.FAILED:
            error = change.error
            self._tell(FAILED, change.reason, error.code if error is not None else None)
            over.set()
        elif state is State.RECONNECTING:
            code = change.error.code if change.error is not None else None
            self._tell(RECONNECTING, change.reason, code)

    def _tell(self, state: str, reason: str, code: str | None = None) -> None:
        reason = printable(reason)
        if (state, reason, code) == (self.state, self.reason, self.code):
            return
        if state != self.state:
            self.since = time.time()
            _log.info("%s (%s): %s: %s", self.name, self.url, state, reason)
        self.state, self.reason, self.code = state, reason, code
        self._hub.hand_out("state", self, state)


def _open(board: Board, kind: str, rate: int) -> Stream[Any]:
    if kind == "result":
        return board.results(_QUEUE, rate)
    if kind == "statistics":
        return board.statistics(_QUEUE)
    return board.logs(_QUEUE)


@contextlib.asynccontextmanager
async def _tasks() -> AsyncIterator[Callable[[Any], asyncio.Task[Any]]]:
    """Run coroutines beside each other and end them all at the end of the block."""
    running: list[asyncio.Task[Any]] = []

    def run(coroutine: Any) -> asyncio.Task[Any]:
        task = asyncio.create_task(coroutine)
        running.append(task)
        return task

    try:
        yield run
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
