"""End a command early: signals become exceptions, so that everything is closed."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Coroutine, Iterator
from types import FrameType
from typing import Any, TypeVar

from host_client.base import undisturbed

T = TypeVar("T")

SIGNALS = tuple(number for number in undisturbed.SIGNALS if number != signal.SIGINT)


class Terminated(BaseException):
    """The process was asked to end: SIGTERM, or SIGHUP when its terminal closed."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


@contextlib.contextmanager
def endings() -> Iterator[None]:
    """Raise Terminated on a signal to end; ignored signals stay ignored (nohup)."""

    def end(number: int, frame: FrameType | None) -> None:
        raise Terminated(number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[int, Any] = {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in before.items():
        if handler == signal.SIG_DFL:
            signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler == signal.SIG_DFL:
                signal.signal(number, handler)


def run_async(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a verb's coroutine; Ctrl-C and signals to end cancel it, so that it closes everything."""
    ended = 0

    async def guarded() -> T:
        task = asyncio.current_task()
        assert task is not None

        def stop(number: int) -> None:
            nonlocal ended
            if not ended:  # a second signal does not disturb closing
                ended = number
                task.cancel()

        for number in SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:
                with contextlib.suppress(NotImplementedError, RuntimeError):  # Windows, threads
                    asyncio.get_running_loop().add_signal_handler(number, stop, number)
        return await coroutine

    handlers = _handlers()
    try:
        return asyncio.run(guarded())
    except asyncio.CancelledError:
        if ended:
            raise Terminated(ended) from None
        raise
    finally:
        for number, handler in handlers.items():  # a closed loop leaves the default handlers
            signal.signal(number, handler)


def _handlers() -> dict[int, Any]:
    if threading.current_thread() is not threading.main_thread():
        return {}
    return {number: signal.getsignal(number) for number in SIGNALS}
