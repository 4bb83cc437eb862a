"""One board: results, events and commands over a link that reconnects."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterable
from types import TracebackType
from typing import Any

from host_client.base.exceptions import Closed, CommandFailed, K230Error
from host_client.commands.card import Card
from host_client.commands.configurations import rounded
from host_client.commands.gallery import Gallery
from host_client.commands.pictures import PictureSource, load_picture
from host_client.commands.requester import GET_TIMEOUT, PICTURE_TIMEOUT, REQUEST_TIMEOUT, Received
from host_client.commands.requests import Requests
from host_client.link.address import Address, parse_address
from host_client.link.calls import Progress
from host_client.link.clock import BoardClock
from host_client.link.connection import Connection
from host_client.link.driver import Link
from host_client.link.encryption import Encryption
from host_client.link.greeting import GREETING_TIMEOUT, Settings, Welcome
from host_client.link.inbox import Channel, Inbox
from host_client.link.keys import KeyRing, KeyStore
from host_client.link.subscriber import Subscriber
from host_client.results.answers import Answer, decoded
from host_client.results.counters import Counters
from host_client.results.decode import Model
from host_client.results.messages import (
    Counts,
    Event,
    LogLine,
    State,
    StateChange,
    Statistics,
    Status,
    SwitchReport,
    TaskInfo,
)
from host_client.results.scaling import enlarged
from host_client.results.settings import SetReport, Setting
from host_client.results.streams import Stream
from host_client.results.types import Result

_log = logging.getLogger(__name__)

SWITCH_TIMEOUT = 300.0  # seconds
_LARGE_PICTURE = 30000  # bytes; larger snapshots are requested in chunks at once
QUEUE = 64  # items a stream buffers for a slow reader
EVENT_QUEUE = 1024

OnState = Callable[[StateChange], None]


class Board:
    """A connected board; use `async with Board.connect(url) as board`.

    The link reconnects with growing pauses. Streams continue across reconnects and restarts of
    the board. A command in progress raises LinkLost when the link is lost, unless it is safe to
    repeat. Use a Board in one event loop only.
    """

    def __init__(
        self,
        address: Address,
        keys: KeyRing,
        settings: Settings,
        wait: float,
        on_state: OnState | None,
        encryption: Encryption,
    ) -> None:
        """Not for users: see connect()."""
        self._address = address
        self._wait = wait
        self._on_state = on_state
        self._subscriber = Subscriber()
        self._inbox = Inbox(self._subscriber.streams_changed, self._ask_model)
        self._states: Channel[StateChange] = Channel(lambda: None)
        self._connection = Connection(
            address,
            keys,
            settings,
            self._inbox,
            encryption,
            on_link=self._new_link,
            on_state=self._changed,
        )
        self._requests = Requests(self._connection)
        self._background: set[asyncio.Task[Any]] = set()
        self._asking = self._ask_again = False
        self._large_pictures = False  # the last snapshot did not fit into one answer

    @classmethod
    def connect(
        cls,
        url: str,
        key: bytes | str | bool | None = None,
        *,
        wait: float = 0.0,
        on_state: OnState | None = None,
        key_store: KeyStore | None = None,
        client_name: str = "host_client",
        greeting_timeout: float = GREETING_TIMEOUT,
        silence_timeout: float = 120.0,
        encryption: Encryption = "remembered",
    ) -> Board:
        """Return a board for `async with` (or await it, and call close() later).

        Args:
            url: tcp://HOST[:5230] or serial:///dev/ttyUSB0?baudrate=921600.
            key: 32 bytes, 64 hexadecimal digits, "@FILE", or False for none. Default: K230_KEY,
                then the key store.
            wait: seconds to keep trying to connect.
            on_state: called with each StateChange, in the event loop.
            key_store: file to use instead of the user's key store (link.keys.default_store).
            client_name: name of this client in the board's log.
            greeting_timeout: seconds to wait for the board's greeting before giving up; 10 by default, and
                10 s is the limit for a TCP connection to be made.
            silence_timeout: seconds of silence after which a link counts as lost; 120 by default.
            encryption: of network sessions. "required": refuse a board without it. "remembered":
                required if this board encrypted an earlier session. "optional": the board decides.

        Raises on entering: ConnectionFailed (NoGreeting names the likely cause),
        AuthenticationError, VersionError.
        """
        settings = Settings(
            client_name=client_name,
            greeting_timeout=greeting_timeout,
            silence_timeout=silence_timeout,
        )
        keys = KeyRing(key, key_store)
        return cls(parse_address(url), keys, settings, wait, on_state, encryption)

    async def __aenter__(self) -> Board:
        self._subscriber.attach(asyncio.get_running_loop())
        await self._connection.open(self._wait)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def __await__(self) -> Generator[Any, None, Board]:
        return self.__aenter__().__await__()

    def __repr__(self) -> str:
        return f"<Board {self.address} {self.state.value}>"

    # State.

    @property
    def address(self) -> Address:
        """The board's address."""
        return self._address

    @property
    def state(self) -> State:
        """The state of the link."""
        return self._connection.state

    @property
    def info(self) -> Welcome:
        """Service version, name, id and boot id of the board that answered last."""
        info = self._connection.info
        if info is None:
            raise Closed("the board was never connected")
        return info

    @property
    def gallery(self) -> Gallery:
        """The galleries for metric learning: enroll, recognize, list, suggest and more."""
        return Gallery(self._requests)

    @property
    def card(self) -> Card:
        """The board's card: push, packages, config_get and more."""
        return Card(self._requests)

    @property
    def model(self) -> Model | None:
        """The running configuration; None until the board announced it (see describe())."""
        return self._inbox.model

    @property
    def clock(self) -> BoardClock:
        """The board's clock in this computer's time."""
        return self._inbox.clock

    @property
    def latest_statistics(self) -> Statistics | None:
        """The latest statistics; None unless a statistics() stream is read."""
        return self._inbox.latest_statistics

    @property
    def counts(self) -> Counts:
        """How many packets and results were dropped, by reason."""
        inbox = self._inbox
        channels: list[Channel[Any]] = [
            inbox.results,
            inbox.events,
            inbox.statistics,
            inbox.logs,
        ]
        dropped = sum(s.dropped for channel in channels for s in channel.open_streams)
        return Counts(self._connection.rejected, inbox.malformed, inbox.undescribed, dropped)

    # Streams. Each keeps the newest `queue` items for its reader and counts what it dropped.

    def results(self, queue: int = QUEUE, rate: int = 0) -> Stream[Result]:
        """Return a stream of results. rate: at most this many a second; 0 for all."""
        return self._inbox.results.open(queue, rate)

    def events(
        self, queue: int = EVENT_QUEUE, after: tuple[int, int] | None = None
    ) -> Stream[Event]:
        """Return a stream of the board's events.

        Numbered events (tracks, zones, lines, steady answers) arrive in order and once each, also
        across reconnects. An event `lost` marks a gap: `reason` is "restart" (of the board) or
        "overflow", `count` is the number of missing events or None.

        after: `position` of an earlier stream. The board resends the events it kept since (up to 256).
        """
        return self._inbox.open_events(queue, after)

    def statistics(self, queue: int = QUEUE) -> Stream[Statistics]:
        """Return a stream of the board's statistics."""
        return self._inbox.statistics.open(queue)

    def logs(self, queue: int = 1000) -> Stream[LogLine]:
        """Return a stream of the board's log lines."""
        return self._inbox.logs.open(queue)

    def states(self, queue: int = QUEUE) -> Stream[StateChange]:
        """Return a stream of the link's state changes."""
        return self._states.open(queue)

    # Commands.

    async def request(
        self,
        command: str,
        arguments: dict[str, Any] | None = None,
        timeout: float = REQUEST_TIMEOUT,
        *,
        progress: Progress | None = None,
        repeat: bool = False,
    ) -> Any:
        """Send a command and return its result undecoded.

        timeout: seconds; each progress report restarts it. repeat: resend the command over the
        next link if this one is lost; use it only for commands that may run twice.
        Raises CommandFailed, RequestTimeout, LinkLost.
        """
        return await self._requests.request(
            command, arguments, timeout, progress=progress, repeat=repeat
        )

    async def status(self, timeout: float = REQUEST_TIMEOUT) -> Status:
        """Return the board's status; Status lists the fields."""
        answer = await self.request("status", timeout=timeout, repeat=True)
        return Answer("status", answer).typed(Status)

    async def snapshot(self, quality: int | None = None, timeout: float = REQUEST_TIMEOUT) -> bytes:
        """Return the newest picture of the preview channel as JPEG; the model's frames are unaffected.

        quality: 5...95; default: preview.quality. Raises CommandFailed unless preview.enabled is set.
        """
        arguments = {"quality": quality} if quality is not None else {}
        if not self._large_pictures:
            try:
                # Most snapshots fit into one answer.
                asked = {**arguments, "fit": False}
                answer = await self.request("snapshot", asked, timeout=timeout, repeat=True)
                return Answer("snapshot", answer).data("jpeg")
            except CommandFailed as error:
                if error.code != "too_large":
                    raise
        received = await self.get("snapshot", arguments, timeout)
        self._large_pictures = len(received.data) > _LARGE_PICTURE
        return received.data

    async def get(
        self,
        kind: str,
        arguments: dict[str, Any] | None = None,
        timeout: float = GET_TIMEOUT,
        *,
        progress: Progress | None = None,
    ) -> Received:
        """Download large data in chunks between results; return the data and the board's answer.

        kind, arguments: "snapshot" (`quality`), "file" (`name`, see card.pull()), "log", "gallery"
        (`name`, default: the selected one), "event_snapshot" (`number` of the event). timeout:
        seconds without progress. The download resumes after a reconnect.
        Raises CommandFailed, RequestTimeout, LinkLost, ProtocolError.
        """
        return await self._requests.get(kind, arguments or {}, timeout, progress)

    async def event_snapshot(self, number: int, timeout: float = GET_TIMEOUT) -> bytes:
        """Return the picture (JPEG) of an event's object, by the event's number (docs/events.md).

        The board keeps the latest eight, and takes them only while the preview is on.
        Raises CommandFailed "not_found" if it has none for this event.
        """
        return (await self.get("event_snapshot", {"number": number}, timeout)).data

    async def previews(
        self, every: float = 1.0, quality: int | None = None, timeout: float = REQUEST_TIMEOUT
    ) -> AsyncIterator[bytes]:
        """Yield a snapshot() every `every` seconds, without end."""
        while True:
            begun = time.monotonic()
            yield await self.snapshot(quality, timeout)
            await asyncio.sleep(max(0.0, begun + every - time.monotonic()))

    async def tasks(self, timeout: float = REQUEST_TIMEOUT) -> list[TaskInfo]:
        """Return the tasks on the card."""
        answer = await self.request("tasks", timeout=timeout, repeat=True)
        return [*Answer("tasks", answer, list).read_all(dict, TaskInfo.from_map)]

    async def describe(self, timeout: float = REQUEST_TIMEOUT) -> Model:
        """Return the running configuration: task, model, labels, frame size."""
        fields = await self.request("describe", timeout=timeout, repeat=True)
        return decoded("describe", lambda: self._inbox.learn(fields))

    async def switch(
        self, task: str, timeout: float = SWITCH_TIMEOUT, *, progress: Progress | None = None
    ) -> SwitchReport:
        """Switch to another task. If that fails (CommandFailed), the old task keeps running."""
        answer = await self.request("switch", {"task": task}, timeout, progress=progress)
        return SwitchReport.from_map(Answer("switch", answer))

    async def set(
        self,
        values: dict[str, Any],
        *,
        save: bool = False,
        timeout: float = REQUEST_TIMEOUT,
    ) -> SetReport:
        """Change settings of the board and its running task, from the next frame on.

        values: setting name (docs/configuration.md) -> value; strings as in a YAML file are accepted.
        save: keep the values across restarts; settings that take effect at the next start need it.
        Either all values change or none (CommandFailed). A change of `camera`, or of the preview's
        size or `enabled`, restarts the sensor; results pause meanwhile.
        """
        answer = await self.request("set", {"changes": values, "save": save}, timeout)
        return SetReport.from_map(Answer("set", answer))

    async def settings(self, timeout: float = REQUEST_TIMEOUT) -> list[Setting]:
        """Return all settings: current value, value in the YAML file, and whether a change is kept."""
        answer = rounded(await self.request("settings", timeout=timeout, repeat=True))
        return [*Answer("settings", answer, list).read_all(list, Setting.from_row)]

    async def keep(
        self, names: Iterable[str] | None = None, timeout: float = REQUEST_TIMEOUT
    ) -> SetReport:
        """Keep the current values of settings across restarts. None: all changed settings."""
        return await self._settle("keep", names, timeout)

    async def forget(
        self, names: Iterable[str] | None = None, timeout: float = REQUEST_TIMEOUT
    ) -> SetReport:
        """Reset settings to the values in the card's YAML files. None: all changed settings."""
        return await self._settle("forget", names, timeout)

    async def _settle(self, command: str, names: Iterable[str] | None, timeout: float) -> SetReport:
        arguments = {} if names is None else {"names": list(names)}
        return SetReport.from_map(Answer(command, await self.request(command, arguments, timeout)))

    async def counters(self, timeout: float = REQUEST_TIMEOUT) -> Counters:
        """Return the line counters of the running task, and the objects present now.

        Raises CommandFailed unless the task's YAML enables events.
        """
        answer = await self.request("counters", timeout=timeout, repeat=True)
        return Counters.from_map(Answer("counters", answer))

    async def reset_counters(
        self, line: str | None = None, timeout: float = REQUEST_TIMEOUT
    ) -> Counters:
        """Reset the counters of one line, or of all lines (None); `since` becomes this computer's time."""
        arguments: dict[str, Any] = {"time_ms": int(time.time() * 1000)}
        if line is not None:
            arguments["line"] = line
        answer = await self.request("counters.reset", arguments, timeout)
        return Counters.from_map(Answer("counters.reset", answer))

    async def infer(
        self,
        picture: PictureSource,
        timeout: float = PICTURE_TIMEOUT,
        *,
        progress: Progress | None = None,
    ) -> Result:
        """Send a picture and return what the running task finds in it.

        picture: path, encoded bytes, Pillow image, or uint8 array (height, width, 3) RGB or
        (height, width) grey. A picture above 1920 x 1088 pixels is sent smaller; the result's
        coordinates are those of the original.
        Raises PictureError, CommandFailed, and the errors of request().
        """
        loop = asyncio.get_running_loop()
        loaded = await loop.run_in_executor(None, load_picture, picture)
        answer, name = await self._requests.send_picture(
            "infer", loaded, {}, timeout, progress=progress, repeat=True
        )
        result = await self._picture_result(answer, name)
        size = round(loaded.width * loaded.scale_x), round(loaded.height * loaded.scale_y)
        result = result._replace(source=result.source._replace(width=size[0], height=size[1]))
        return decoded("infer", lambda: enlarged(result, loaded.scale_x, loaded.scale_y))

    async def infer_on_card(self, path: str, timeout: float = PICTURE_TIMEOUT) -> Result:
        """Return what the running task finds in a picture on the board's card.

        path: JPEG, PNG or BMP on the board, such as /sdcard/pictures/a.jpg. The board decodes
        through RGB565, so the low bits of each colour are lost.
        Raises CommandFailed, and the errors of request().
        """
        answer = await self.request("infer", {"path": path}, timeout, repeat=True)
        result = await self._picture_result(answer, path)
        # The board does not say how large the picture is.
        return result._replace(source=result.source._replace(width=None, height=None))

    async def restart(self, timeout: float = REQUEST_TIMEOUT) -> None:
        """Restart the board; the link reconnects."""
        await self.request("restart", timeout=timeout)

    async def _picture_result(self, message: Any, name: str | None) -> Result:
        row = Answer("infer", message, list)
        for position in range(3):
            row.integer(position)
        model = self._inbox.find_model(row.integer(3)) or await self.describe()
        return decoded("infer", lambda: self._inbox.decode(message, model, name))

    # The link.

    async def close(self) -> None:
        """Close the link and end all streams. Calling it again does nothing."""
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self._subscriber.stop()
        await self._connection.close()
        self._inbox.end(None)
        self._states.end(None)

    def _new_link(self, link: Link) -> None:
        self._subscriber.start(link, self._inbox)

    def _changed(self, change: StateChange) -> None:
        self._states.push(change)
        if change.state is State.FAILED:
            self._states.end(None)
        if self._on_state is not None:
            try:
                self._on_state(change)
            except Exception:
                _log.exception("the on_state callback failed")

    def _ask_model(self) -> None:
        """Request the model of an unknown generation; one request at a time."""
        if self._asking:
            self._ask_again = True
            return

        async def ask() -> None:
            with contextlib.suppress(K230Error):
                await self.describe()

        def asked(task: asyncio.Task[Any]) -> None:
            self._background.discard(task)
            self._asking = False
            if self._ask_again and not task.cancelled():
                self._ask_again = False
                self._ask_model()

        self._asking = True
        task = asyncio.get_running_loop().create_task(ask())
        self._background.add(task)
        task.add_done_callback(asked)
