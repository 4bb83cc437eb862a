"""One board as the dashboard knows it: its state, figures and events, handed to every browser."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

from board_hub.dashboard import settings
from board_hub.dashboard.history import Events, Figures
from board_hub.dashboard.outbox import Message, Outbox
from board_hub.dashboard.preview import Picture, Preview
from host_client.base.exceptions import K230Error
from host_client.base.waiting import happened
from host_client.board import Board
from host_client.link.address import SerialAddress
from host_client.results.messages import Event, State, StateChange, Statistics, plain
from host_client.results.streams import Stream
from host_client.results.types import Result

if TYPE_CHECKING:
    from board_hub.session import BoardSession

_log = logging.getLogger(__name__)

STATUS_S = 5.0  # between two looks at temperature and memory, while a user watches the board
SETTLE_S = 0.2  # events within this time are answered by one look
CHANGES = ("switched", "problem", "solved", "settings", "camera")  # after which the board is asked
SNAPSHOT_KINDS = ("track.end", "zone.enter", "line.cross", "state.change", "problem")
# Once a second and object: the picture shows them, and of a day's events nothing else would be left.
UNLISTED = ("track.update",)
SNAPSHOTS = 8  # pictures of objects that wait to be fetched; a board keeps as many
SNAPSHOT_S = 1.0  # between two of them
_STAGES = ("wait_us", "ai2d_us", "kpu_us", "decode_us", "publish_us", "gc_us", "idle_us")


class View:
    """A board's state and what flows from it; every browser is in `browsers`."""

    def __init__(self, session: BoardSession, browsers: set[Outbox]) -> None:
        """Follow nothing yet: see start()."""
        self.session = session
        self.events = Events()
        self.figures = Figures()
        self.preview = Preview(lambda: self.connected, self.tell)
        self.jobs: dict[str, Message] = {}
        self._browsers = browsers
        self._watching: dict[Outbox, object] = {}
        self._listening: set[Outbox] = set()
        self._state: Message = {}
        self._latency: list[float] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._results: asyncio.Task[None] | None = None
        self._lines: asyncio.Task[None] | None = None
        self._look = asyncio.Event()
        self._attached: Board | None = None
        self._last_statistics = 0.0
        self._snapshots: deque[tuple[int, int]] = deque(
            maxlen=SNAPSHOTS
        )  # ours, the board's number
        self._snapshot = asyncio.Event()

    # Life.

    def start(self) -> None:
        """Follow the board until stop()."""
        self._tasks = [asyncio.create_task(self._follow())]

    async def stop(self) -> None:
        """Follow no more."""
        self.preview.stop()
        tasks = [*self._tasks, *filter(None, (self._results, self._lines))]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def key(self) -> str:
        """The board's name in addresses; another one once an unknown board has answered."""
        return self.session.id

    @property
    def connected(self) -> Board | None:
        """The board, where it can be asked now."""
        return self.session.last_board if self.session.connected else None

    async def _follow(self) -> None:
        """Keep streams open on the board of the session, also where it becomes another object."""
        inner: list[asyncio.Task[None]] = []
        try:
            while True:
                board = self.session.last_board
                if board is not self._attached:
                    for task in inner:
                        task.cancel()
                    await asyncio.gather(*inner, return_exceptions=True)
                    inner = []
                    self._attached = board
                    if board is not None:
                        if self.session.connected:
                            self.note("link.connected", {})
                        inner = [
                            asyncio.create_task(self._each(board.states(), self._state_changed)),
                            asyncio.create_task(self._each(board.events(), self._happened)),
                            asyncio.create_task(self._each(board.statistics(), self._counted)),
                            asyncio.create_task(self._watch_status()),
                            asyncio.create_task(self._fetch_snapshots(board)),
                        ]
                    self._restart_streams()
                    self.tell()
                await asyncio.sleep(0.5)
        finally:
            for task in inner:
                task.cancel()
            await asyncio.gather(*inner, return_exceptions=True)

    async def _each(self, stream: Stream[Any], handle: Callable[[Any], None]) -> None:
        async with stream:
            with contextlib.suppress(K230Error):
                async for item in stream:
                    try:
                        handle(item)
                    except Exception:
                        _log.exception("%s: a message could not be shown", self.key)

    # What the board says.

    def _state_changed(self, change: StateChange) -> None:
        kind = "board.restarted" if change.restarted else f"link.{change.state.value}"
        self._add_event(kind, {"reason": change.reason}, time.time())
        if change.state is State.CONNECTED:
            self._look.set()
        self.tell()

    def _happened(self, event: Event) -> None:
        if event.kind in UNLISTED:
            return
        row = self._add_event(event.kind, plain(event.details), event.host_time, event.number)
        if event.kind in SNAPSHOT_KINDS:
            self._attach(row, event)
        if event.details.get("snapshot") is True and event.number:
            self._snapshots.append((row["n"], event.number))
            self._snapshot.set()
        if event.kind in CHANGES:
            self._look.set()

    async def _fetch_snapshots(self, board: Board) -> None:
        """Fetch the best picture of each object that is gone; with many objects, of the newest."""
        self._snapshots.clear()
        if isinstance(board.address, SerialAddress):
            return  # a picture would fill the wire for a second
        while True:
            await self._snapshot.wait()
            self._snapshot.clear()
            while self._snapshots:
                number, event = self._snapshots.pop()
                with contextlib.suppress(K230Error):
                    self._keep_picture(number, await board.event_snapshot(event))
                await asyncio.sleep(SNAPSHOT_S)

    def _keep_picture(self, number: int, jpeg: bytes) -> None:
        self.events.attach(number, jpeg)
        for browser in self._browsers:
            browser.line({"op": "event.picture", "board": self.key, "n": number})

    def _add_event(self, kind: str, details: Message, at: float | None, number: int = 0) -> Message:
        row = {"kind": kind, "details": details, "t": at or time.time(), "number": number}
        row = self.events.add({"board": self.key, **row})
        for browser in self._browsers:
            browser.line({"op": "event", **row})
        return row

    def _attach(self, row: Message, event: Event) -> None:
        """Keep the picture of the moment, where pictures come anyway: the board takes none for this."""
        latest = self.preview.latest
        if latest is not None and abs(latest.time_ms - event.time_ms) < 1000:
            self._keep_picture(row["n"], latest.jpeg)

    def _counted(self, statistics: Statistics) -> None:
        values = statistics.values
        period = values.get("period_us") or 0
        results = values.get("results") or 0
        row: Message = {"t": round(statistics.host_time or time.time(), 2)}
        row["fps"] = round(1e6 * results / period, 2) if period else None
        row["heap_kb"] = _kb(values.get("heap_used_bytes"))
        row["dropped"] = values.get("dropped")
        row["skipped"] = values.get("skipped")
        row["latency_ms"] = round(max(self._latency), 1) if self._latency else None
        for name in _STAGES:
            spent = values.get(name)
            each = spent / results / 1000 if isinstance(spent, int) and results else None
            row[name[:-3] + "_ms"] = None if each is None else round(each, 2)
        self._latency.clear()
        self.figures.add(row)
        self._state["figures"] = row
        for browser in self._browsers:
            browser.state(f"figures {self.key}", {"op": "figures", "board": self.key, "row": row})

    async def _watch_status(self) -> None:
        """Ask the board while a user watches it: every few seconds, and at once after changes."""
        stale = True
        while True:
            if await happened(self._look, STATUS_S):
                await asyncio.sleep(SETTLE_S)
            stale = stale or self._look.is_set()
            self._look.clear()
            if self._watching and self.connected is not None:
                await self.refresh(everything=stale or "packages" not in self._state)
                stale = False

    def note(self, kind: str, details: Message) -> None:
        """Tell of something that a person did here."""
        self._add_event(kind, details, time.time())

    async def refresh_settings(self) -> None:
        """Ask the board for its settings, and tell the browsers."""
        board = self.connected
        if board is not None:
            with contextlib.suppress(K230Error):
                self._state["settings"] = await settings.read(board)
            self.tell()

    async def refresh(self, *, everything: bool = True) -> None:
        """Ask the board how it is, and tell the browsers."""
        board = self.connected
        if board is None:
            return

        async def ask(name: str, question: Callable[[], Awaitable[Any]]) -> None:
            with contextlib.suppress(K230Error):
                self._state[name] = await question()
                self.tell()  # a busy board takes a second for each answer

        if everything:
            await ask("settings", lambda: settings.read(board))
            await ask("model", lambda: _model(board))
            await ask("tasks", lambda: _tasks(board))
        await ask("status", lambda: board.status(timeout=10))
        if everything:
            await ask("packages", lambda: _packages(board))

    # What browsers see.

    def describe(self) -> Message:
        """Return the board's state as browsers have it."""
        preview = self.preview
        return {
            **self.session.account(),
            "status": dict(self.session.status),
            "preview": {
                "problem": preview.problem,
                "message": preview.message,
                "rate": preview.rate,
            },
            "jobs": list(self.jobs.values()),
            **self._state,
        }

    def tell(self) -> None:
        """Hand the state to every browser."""
        message = {"op": "board", "board": self.describe()}
        for browser in self._browsers:
            browser.state(f"board {self.key}", message)

    def tell_job(self, job: Message) -> None:
        """Hand the progress of something long to every browser; a job that is over is forgotten."""
        if job.get("over"):
            self.jobs.pop(job["job"], None)
        else:
            self.jobs[job["job"]] = job
        for browser in self._browsers:
            browser.state(f"job {job['job']}", {"op": "job", **job})

    def watch(self, browser: Outbox, *, pictures: bool) -> None:
        """Let results, and pictures, flow to a browser."""
        key = self._watching.setdefault(browser, object())
        self._look.set()
        if pictures:
            self.preview.look(key, lambda picture: self._show(browser, picture))
            if self.preview.latest is not None:
                self._show(browser, self.preview.latest)
        else:
            self.preview.leave(key)
        self._restart_streams()

    def listen(self, browser: Outbox) -> None:
        """Let the board's log flow to a browser."""
        self._listening.add(browser)
        self._restart_streams()

    def leave(self, browser: Outbox) -> None:
        """Let nothing flow to a browser any more but states and events."""
        key = self._watching.pop(browser, None)
        if key is not None:
            self.preview.leave(key)
        self._listening.discard(browser)
        browser.forget(self.key)
        self._restart_streams()

    def _show(self, browser: Outbox, picture: Picture) -> None:
        browser.picture(self.key, picture.packed(self.key))

    def _restart_streams(self) -> None:
        """Read results and the log while a user looks: a board sends only what is wanted."""
        board = self._attached
        self._results = self._kept(self._results, board, bool(self._watching), self._read_results)
        self._lines = self._kept(self._lines, board, bool(self._listening), self._read_log)

    @staticmethod
    def _kept(
        task: asyncio.Task[None] | None,
        board: Board | None,
        wanted: bool,
        work: Callable[[Board], Awaitable[None]],
    ) -> asyncio.Task[None] | None:
        if board is None or not wanted:
            if task is not None:
                task.cancel()
            return None
        if task is not None and not task.done():
            return task
        return asyncio.ensure_future(_ended(work(board)))

    async def _read_results(self, board: Board) -> None:
        async with board.results() as stream:
            async for result in stream:
                self._result(result)

    def _result(self, result: Result) -> None:
        if result.host_time is not None and len(self._latency) < 1000:
            self._latency.append(1000 * (time.time() - result.host_time))
        row = result.to_dict()
        row.pop("embedding", None)  # a page shows none of its hundreds of numbers
        message = {"board": self.key, **row}
        for browser in self._watching:
            browser.result(self.key, message)

    async def _read_log(self, board: Board) -> None:
        async for line in _all(board):
            for browser in self._listening:
                browser.line({"op": "log", "board": self.key, **line})


async def _ended(work: Awaitable[None]) -> None:
    with contextlib.suppress(K230Error):
        await work


async def _all(board: Board) -> AsyncIterator[Message]:
    async with board.logs() as stream:
        async for line in stream:
            yield line.to_dict()


async def _tasks(board: Board) -> list[Message]:
    return [task._asdict() for task in await board.tasks()]


async def _packages(board: Board) -> list[Message]:
    return [package._asdict() for package in await board.card.packages()]


async def _model(board: Board) -> Message:
    model = await board.describe()
    row = {name: getattr(model, name, None) for name in ("task", "task_name", "model", "labels")}
    row["labels"] = list(row["labels"] or ())
    row["generation"] = model.generation
    for name in ("width", "height", "frame_width", "frame_height", "skeleton", "keypoints"):
        value = getattr(model, name, None)
        if value is not None:
            row[name] = plain(value)
    return row


def _kb(value: object) -> int | None:
    return value // 1024 if isinstance(value, int) else None
