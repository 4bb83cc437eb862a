"""Drive one session over one transport in the event loop: bytes and timers."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from host_client.base.exceptions import K230Error, LinkLost, NoGreeting, ProtocolError
from host_client.link.address import Address, SerialAddress
from host_client.link.calls import Call, Progress, Receiving, Transfer
from host_client.link.greeting import Settings, Welcome
from host_client.link.opening import open_transport
from host_client.link.session import ClientSession
from host_client.link.transport import Transport
from host_client.results.decode import MALFORMED

_log = logging.getLogger(__name__)

OnMessages = Callable[[list[list[Any]]], None]
_PATIENCE = 2.0  # seconds that a greeting may take before it is reported


class Link:
    """One link from open() to its end. `ended`: a future with the reason as its result."""

    def __init__(self, session: ClientSession, on_messages: OnMessages) -> None:
        self.session = session
        self._on_messages = on_messages
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._due = float("inf")
        self.ended: asyncio.Future[K230Error] = self._loop.create_future()
        self._greeted: asyncio.Future[None] = self._loop.create_future()  # with or without an error
        self._transport: Transport | None = None

    @classmethod
    async def open(
        cls,
        address: Address,
        find_key: Callable[[Welcome], bytes | None],
        settings: Settings,
        on_messages: OnMessages,
        on_pong: Callable[[float, float, float], None],
        on_waiting: Callable[[], None] = lambda: None,
    ) -> Link:
        """Open the transport and greet; return the link when the session is ready.

        on_waiting: called once if the greeting is slow.
        """
        if isinstance(address, SerialAddress):
            settings = settings._replace(baudrate=address.baudrate)
        waiting: list[bytes] = []
        early: list[str] = []
        link: Link | None = None

        def on_data(data: bytes) -> None:
            if link is None:
                waiting.append(data)
            else:
                link._receive(data)

        def on_lost(reason: str) -> None:
            if link is None:
                early.append(reason)
            else:
                link._lost(reason)

        begun = time.monotonic()
        transport = await open_transport(address, on_data, on_lost)
        opened = time.monotonic()
        _log.debug("%s: open after %.1f ms", address, 1000 * (opened - begun))
        session = ClientSession(find_key, settings, opened)
        session.on_pong = on_pong
        link = cls(session, on_messages)
        link._transport = transport
        try:
            for data in waiting:
                link._receive(data)
            for reason in early:
                link._lost(reason)
            link._flush()
            timer = link._loop.call_later(_PATIENCE, on_waiting)
            try:
                await link._greeted
            finally:
                timer.cancel()
        except BaseException:
            link.close()
            raise
        if link.ended.done():
            error = link.ended.result()
            if isinstance(error, LinkLost):
                error = session.cut_off(f"{error} during the greeting")
            raise _addressed(error, address)
        welcome = session.welcome
        assert welcome is not None  # a link is ready only after its WELCOME
        _log.debug(
            "%s: greeted after %.1f ms by %s (%s, boot %d, service %s), %s",
            address,
            1000 * (time.monotonic() - opened),
            welcome.board_name,
            welcome.board_id,
            welcome.boot_id,
            welcome.version,
            _protection(welcome),
        )
        return link

    def close(self, error: K230Error | None = None) -> None:
        """End the link; everything in progress fails with error."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._transport is not None:
            if not self.ended.done() and self.session.error is None:
                self.session.goodbye()
                data = self.session.data_to_send()
                if data:
                    self._transport.write(data)
            self._transport.close()
        if not self.ended.done():
            error = error or LinkLost("the link was closed")
            _log.debug("the link ended: %s", error)
            self.session.end(error)
            self.ended.set_result(error)
            if not self._greeted.done():
                self._greeted.set_result(None)

    async def request(
        self,
        command: str,
        arguments: dict[str, Any],
        timeout: float,
        progress: Progress | None = None,
    ) -> Any:
        """Send a command and return its result; raises the error in the answer."""
        call = self.session.request(command, arguments, timeout, time.monotonic())
        call.on_progress = progress
        future = self._loop.create_future()

        def finish(done: Call) -> None:
            if not future.done():
                future.set_result(None)

        call.on_done = finish
        self._flush()
        try:
            await future
        finally:
            self.session.forget(call)
        if call.error is not None:
            raise call.error
        return call.result

    async def transfer(
        self, number: int, data: bytes, offset: int, window: int, progress: Progress | None = None
    ) -> None:
        """Send the data announced by `put`; return when the board has it all."""
        transfer = self.session.transfer(number, data, offset, window, time.monotonic())
        transfer.on_progress = progress
        if not transfer.done:
            future = self._loop.create_future()

            def finish(done: Transfer) -> None:
                if not future.done():
                    future.set_result(None)

            transfer.on_done = finish
            self._flush()
            try:
                await future
            finally:
                self.session.drop_transfer(transfer)
        if transfer.error is not None:
            raise transfer.error

    async def receive(self, receiving: Receiving) -> None:
        """Receive the data announced by the answer to `get`; return when it is complete.

        Raises LinkLost, or the board's error if it can't continue.
        """
        try:
            self.session.receive_transfer(receiving, time.monotonic())
        except MALFORMED as error:
            raise ProtocolError(f"get: a CHUNK can't be read ({error})") from error
        self._flush()
        if not receiving.done:
            future = self._loop.create_future()

            def finish(done: Receiving) -> None:
                if not future.done():
                    future.set_result(None)

            receiving.on_done = finish
            try:
                await future
            finally:
                self.session.drop_receiving(receiving)
                self._flush()
        if receiving.error is not None:
            raise receiving.error

    def _receive(self, data: bytes) -> None:
        if self.ended.done():
            return
        messages = self.session.receive(data, time.monotonic())
        if self.session.ready and not self._greeted.done():
            self._greeted.set_result(None)
        if messages:
            self._on_messages(messages)
        self._flush()

    def _lost(self, reason: str) -> None:
        if not self.ended.done():
            self.close(self.session.error or LinkLost(reason))

    def _tick(self) -> None:
        self._timer = None
        self.session.tick(time.monotonic())
        self._flush()

    def _flush(self) -> None:
        if self.ended.done():
            return
        data = self.session.data_to_send()
        if data and self._transport is not None:
            self._transport.write(data)
        if self.ended.done():
            return  # writing failed: the port is gone
        if self.session.error is not None:
            self.close(self.session.error)
            return
        due = self.session.deadline()
        if self._timer is None or due < self._due:
            # A timer that fires too early is set again; a timer per message would cost more.
            if self._timer is not None:
                self._timer.cancel()
            self._due = due
            delay = max(0.0, due - time.monotonic())
            self._timer = self._loop.call_later(delay, self._tick)


def _addressed(error: K230Error, address: Address) -> K230Error:
    """Return a greeting's error with the address and what to do next."""
    text = str(error)
    if not text.startswith(str(address)):
        text = f"{address}: {text}"
    if isinstance(error, NoGreeting):
        return NoGreeting(
            f"{text} (`k230 doctor {address}` looks closer)", error.cause, error.reason
        )
    return type(error)(text)


def _protection(welcome: Welcome) -> str:
    if not welcome.key_required or not welcome.sealed:
        return "not sealed"
    return "encrypted" if welcome.encrypted else "sealed"
