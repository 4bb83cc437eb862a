"""Derive blocking methods from async ones, with the same arguments, result and docstring."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import functools
import inspect
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, cast, overload

from host_client.base.exceptions import Closed, RequestTimeout
from host_client.results.streams import Stream as AsyncStream

P = ParamSpec("P")
T = TypeVar("T")
R_co = TypeVar("R_co", covariant=True)


class LoopThread:
    """An event loop in a daemon thread, which does not prevent the program from exiting."""

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

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the loop and return its result in the caller's thread."""
        if self.loop.is_closed() or not self._thread.is_alive():
            coroutine.close()
            raise Closed("the board is not connected: it was closed")
        if threading.current_thread() is self._thread:
            coroutine.close()
            raise RuntimeError("on_state and progress callbacks can't call the board")
        future = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise Closed("the board was closed") from None
        except BaseException:
            future.cancel()  # Ctrl-C
            raise

    def call(self, function: Callable[[], T]) -> T:
        """Run a function in the loop and return its result in the caller's thread."""

        async def wrapped() -> T:
            return function()

        return self.run(wrapped())

    def stop(self) -> None:
        """End loop and thread."""
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout=5)


class Stream(Generic[T]):
    """An iterator over a board's messages; see host_client.Stream."""

    def __init__(self, loop: LoopThread, stream: AsyncStream[T]) -> None:
        self._loop = loop
        self._stream = stream

    @property
    def dropped(self) -> int:
        """Number of items that a slow reader missed."""
        return self._stream.dropped

    @property
    def position(self) -> tuple[int, int] | None:
        """Boot id and number of the last event read, for `events(after=…)`; else None."""
        return self._stream.position

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
            raise RequestTimeout(f"nothing arrived within {timeout:g} s") from None
        except StopAsyncIteration:
            raise Closed("the stream has ended") from None

    def __enter__(self) -> Stream[T]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the stream."""
        with contextlib.suppress(Closed):
            self._loop.run(self._stream.aclose())


class Derived:
    """Base of a class with every coroutine method of an async class, without await.

    The class statement names the async class: `class Board(Derived, of=host_client.board.Board)`.
    Methods are added at run time. A line for each in the class's body, such as
    `status = blocking(Async.status)`, shows them to type checkers; a test requires it.
    """

    _loop: LoopThread
    _async: Any

    def __init_subclass__(cls, of: type) -> None:
        for name, method in vars(of).items():
            public = not name.startswith("_") and name not in vars(cls)
            if public and inspect.iscoroutinefunction(method):
                setattr(cls, name, blocking(method))


class Method(Protocol[P, R_co]):
    """The type of a method for type checkers: self is bound, the rest is kept."""

    @overload
    def __get__(self, instance: None, owner: type) -> Callable[Concatenate[Any, P], R_co]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> Callable[P, R_co]: ...


def blocking(method: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]) -> Method[P, T]:
    """Return a method that waits for a coroutine method of the async object."""

    @functools.wraps(method)
    def wait(self: Derived, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._loop.run(method(self._async, *args, **kwargs))

    return cast("Method[P, T]", wait)


def streaming(method: Callable[Concatenate[Any, P], AsyncStream[T]]) -> Method[P, Stream[T]]:
    """Return a method that opens a stream of the async object."""

    @functools.wraps(method)
    def stream(self: Derived, *args: P.args, **kwargs: P.kwargs) -> Stream[T]:
        opened = self._loop.call(lambda: method(self._async, *args, **kwargs))
        return Stream(self._loop, opened)

    return cast("Method[P, Stream[T]]", stream)


def generating(
    method: Callable[Concatenate[Any, P], AsyncIterator[T]],
) -> Method[P, Iterator[T]]:
    """Return a generator method that yields what an async one yields."""

    @functools.wraps(method)
    def generate(self: Derived, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        items = method(self._async, *args, **kwargs)

        async def following() -> T:
            return await items.__anext__()

        with contextlib.suppress(StopAsyncIteration):
            while True:
                yield self._loop.run(following())

    signature = inspect.signature(method)
    result = str(signature.return_annotation).replace("Async", "")
    generate.__signature__ = signature.replace(return_annotation=result)  # type: ignore[attr-defined]
    return cast("Method[P, Iterator[T]]", generate)
