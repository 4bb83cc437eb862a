"""The same surface as host_client.Board without await: an event loop in a thread of its own.

    from host_client.sync import Board

    with Board.connect("tcp://192.168.1.20") as board:
        for result in board.results():
            print(result.to_dict())

Every method may be called from any thread. An iterator waits for the next item; `next(stream,
timeout)` of it raises RequestTimeout.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from types import TracebackType
from typing import Any, Generic, TypeVar

from host_client import board as _async
from host_client.base.exceptions import Closed, RequestTimeout
from host_client.card_sync import CardCommands
from host_client.commands.gallery import Enrolment, Recognition
from host_client.commands.pictures import PictureSource
from host_client.gallery_sync import Gallery
from host_client.link.address import Address
from host_client.link.calls import Progress
from host_client.link.clock import BoardClock
from host_client.link.keys import KeyStore
from host_client.link.session import Welcome
from host_client.results.decode import Model
from host_client.results.messages import (
    Counts,
    Event,
    LogLine,
    State,
    StateChange,
    Statistics,
    SwitchReport,
    TaskInfo,
)
from host_client.results.streams import Stream as _AsyncStream
from host_client.results.types import Result

T = TypeVar("T")


class _Loop:
    """An event loop that runs in a daemon thread: it never keeps the program from ending."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True, name="k230-loop")
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            self.loop.close()

    def run(self, coroutine: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Run a coroutine there and return its result here."""
        if self.loop.is_closed() or not self._thread.is_alive():
            coroutine.close()
            raise Closed("the board is not connected: it was closed")
        if threading.current_thread() is self._thread:
            coroutine.close()
            raise RuntimeError("on_state and progress callbacks can't call the board")
        future = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        try:
            return future.result(timeout)
        except concurrent.futures.CancelledError:
            raise Closed("the board was closed") from None
        except BaseException:
            future.cancel()  # Ctrl-C, or the timeout
            raise

    def call(self, function: Callable[[], T]) -> T:
        """Run a function there."""

        async def wrapped() -> T:
            return function()

        return self.run(wrapped())

    def stop(self) -> None:
        """End loop and thread."""
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout=5)


class Stream(Generic[T]):
    """An iterator over what a board says by itself; see host_client.Stream."""

    def __init__(self, loop: _Loop, stream: _AsyncStream[T]) -> None:
        self._loop = loop
        self._stream = stream

    @property
    def dropped(self) -> int:
        """What a slow reader missed."""
        return self._stream.dropped

    def __iter__(self) -> Stream[T]:
        return self

    def __next__(self) -> T:
        try:
            return self._loop.run(self._stream.__anext__())
        except (StopAsyncIteration, Closed):
            raise StopIteration from None

    def next(self, timeout: float) -> T:
        """Return the next item; raises RequestTimeout after timeout seconds, Closed at the end."""
        try:
            return self._loop.run(asyncio.wait_for(self._stream.__anext__(), timeout))
        except asyncio.TimeoutError:
            raise RequestTimeout(f"nothing came within {timeout:g} s") from None
        except StopAsyncIteration:
            raise Closed("the board was closed") from None

    def __enter__(self) -> Stream[T]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the stream."""
        with contextlib.suppress(Closed):
            self._loop.run(self._stream.aclose())


class Board(CardCommands):
    """A connected board; use `with Board.connect(url) as board`. See host_client.Board."""

    def __init__(self, make: Callable[[], _async.Board]) -> None:
        """Not for users: see connect()."""
        self._loop = _Loop()
        try:
            self._board = self._loop.call(make)
        except BaseException:
            self._loop.stop()
            raise

    @classmethod
    def connect(
        cls,
        url: str,
        key: bytes | str | bool | None = None,
        *,
        wait: float = 0.0,
        on_state: Callable[[StateChange], None] | None = None,
        key_store: KeyStore | None = None,
        client_name: str = "host_client",
        greeting_timeout: float = 60.0,
        silence_timeout: float = 120.0,
    ) -> Board:
        """Return a connected board; arguments and errors as host_client.Board.connect().

        on_state is called in the board's thread.
        """

        def make() -> _async.Board:
            return _async.Board.connect(
                url,
                key,
                wait=wait,
                on_state=on_state,
                key_store=key_store,
                client_name=client_name,
                greeting_timeout=greeting_timeout,
                silence_timeout=silence_timeout,
            )

        board = cls(make)
        try:
            board._loop.run(board._board.__aenter__())
        except BaseException:
            board._loop.stop()
            raise
        return board

    def __enter__(self) -> Board:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return repr(self._board)

    def close(self) -> None:
        """Close the link; streams end. May be called again."""
        with contextlib.suppress(Closed):
            self._loop.run(self._board.close())
        self._loop.stop()

    @property
    def address(self) -> Address:
        """Where the board is."""
        return self._board.address

    @property
    def state(self) -> State:
        """Where the link stands."""
        return self._board.state

    @property
    def info(self) -> Welcome:
        """Who answered last."""
        return self._board.info

    @property
    def gallery(self) -> Gallery:
        """What is enrolled for metric learning."""
        return Gallery(self._board.gallery, self._loop.run)

    @property
    def model(self) -> Model | None:
        """The running configuration, as far as it was announced."""
        return self._board.model

    @property
    def clock(self) -> BoardClock:
        """The board's clock in this computer's time."""
        return self._board.clock

    @property
    def latest_statistics(self) -> Statistics | None:
        """What the board counted last, where anybody reads statistics()."""
        return self._board.latest_statistics

    @property
    def counts(self) -> Counts:
        """What was thrown away, and why."""
        return self._loop.call(lambda: self._board.counts)

    def results(self, queue: int = _async.QUEUE, rate: int = 0) -> Stream[Result]:
        """Return an iterator over results."""
        return self._stream(lambda: self._board.results(queue, rate))

    def events(self, queue: int = _async.QUEUE) -> Stream[Event]:
        """Return an iterator over what happens on the board."""
        return self._stream(lambda: self._board.events(queue))

    def statistics(self, queue: int = _async.QUEUE) -> Stream[Statistics]:
        """Return an iterator over the board's statistics."""
        return self._stream(lambda: self._board.statistics(queue))

    def logs(self, queue: int = 1000) -> Stream[LogLine]:
        """Return an iterator over the board's log lines."""
        return self._stream(lambda: self._board.logs(queue))

    def states(self, queue: int = _async.QUEUE) -> Stream[StateChange]:
        """Return an iterator over the link's states."""
        return self._stream(lambda: self._board.states(queue))

    def _stream(self, make: Callable[[], _AsyncStream[T]]) -> Stream[T]:
        return Stream(self._loop, self._loop.call(make))

    def request(
        self,
        command: str,
        arguments: dict[str, Any] | None = None,
        timeout: float = _async.REQUEST_TIMEOUT,
        *,
        progress: Progress | None = None,
        repeat: bool = False,
    ) -> Any:
        """Send a command and return its result as it comes."""
        return self._loop.run(
            self._board.request(command, arguments, timeout, progress=progress, repeat=repeat)
        )

    def status(self, timeout: float = _async.REQUEST_TIMEOUT) -> dict[str, Any]:
        """Return the board's own account of its state."""
        return self._loop.run(self._board.status(timeout))

    def snapshot(
        self, quality: int | None = None, timeout: float = _async.REQUEST_TIMEOUT
    ) -> bytes:
        """Return the newest picture of the preview channel as JPEG."""
        return self._loop.run(self._board.snapshot(quality, timeout))

    def previews(
        self,
        every: float = 1.0,
        quality: int | None = None,
        timeout: float = _async.REQUEST_TIMEOUT,
    ) -> Iterator[bytes]:
        """Yield the preview channel's picture as JPEG every so many seconds, for ever."""
        while True:
            begun = time.monotonic()
            yield self.snapshot(quality, timeout)
            time.sleep(max(0.0, begun + every - time.monotonic()))

    def tasks(self, timeout: float = _async.REQUEST_TIMEOUT) -> list[TaskInfo]:
        """Return the tasks that the card offers."""
        return self._loop.run(self._board.tasks(timeout))

    def describe(self, timeout: float = _async.REQUEST_TIMEOUT) -> Model:
        """Return the running configuration."""
        return self._loop.run(self._board.describe(timeout))

    def switch(
        self, task: str, timeout: float = _async.SWITCH_TIMEOUT, *, progress: Progress | None = None
    ) -> SwitchReport:
        """Run another task."""
        return self._loop.run(self._board.switch(task, timeout, progress=progress))

    def set(
        self,
        values: dict[str, Any],
        *,
        save: bool = False,
        timeout: float = _async.REQUEST_TIMEOUT,
    ) -> dict[str, Any]:
        """Change settings of the running task."""
        return self._loop.run(self._board.set(values, save=save, timeout=timeout))

    def infer(
        self,
        picture: PictureSource,
        timeout: float = _async.INFER_TIMEOUT,
        *,
        progress: Progress | None = None,
    ) -> Result:
        """Send a picture and return what the running task finds in it."""
        return self._loop.run(self._board.infer(picture, timeout, progress=progress))

    def infer_on_card(self, path: str, timeout: float = _async.INFER_TIMEOUT) -> Result:
        """Return what the running task finds in a picture on the board's card."""
        return self._loop.run(self._board.infer_on_card(path, timeout))

    def enroll(self, label: str, picture: PictureSource | None = None, **options: Any) -> Enrolment:
        """Add samples of a label to the gallery; options as Gallery.enroll()."""
        return self.gallery.enroll(label, picture, **options)

    def recognize(self, picture: PictureSource | None = None, **options: Any) -> Recognition:
        """Return the best matches for the current frame or a picture."""
        return self.gallery.recognize(picture, **options)
