"""Connect to a board, and reconnect with growing pauses until closed."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable

from host_client.base.exceptions import (
    FINAL_ERRORS,
    Closed,
    ConnectionFailed,
    K230Error,
    RequestTimeout,
)
from host_client.base.waiting import happened
from host_client.link.address import Address, TcpAddress
from host_client.link.driver import Link
from host_client.link.encryption import Encryption, Remembered, check
from host_client.link.greeting import Settings, Welcome
from host_client.link.inbox import Inbox
from host_client.link.keys import KeyRing
from host_client.results.messages import State, StateChange

_log = logging.getLogger(__name__)

_FIRST_DELAY = 0.25  # seconds; doubled up to the longest, minus a random part of up to half
_LONGEST_DELAY = 10.0


class Connection:
    """Keeps a link to one board. on_link: called with each new link; on_state: with each change."""

    def __init__(
        self,
        address: Address,
        keys: KeyRing,
        settings: Settings,
        inbox: Inbox,
        encryption: Encryption,
        *,
        on_link: Callable[[Link], None],
        on_state: Callable[[StateChange], None],
    ) -> None:
        self.address = address
        self.state = State.CONNECTING
        self.info: Welcome | None = None
        self._keys = keys
        self._encryption = encryption
        self._encrypted = Remembered(keys.folder / "encrypted")
        self._settings = settings
        self._inbox = inbox
        self._on_link = on_link
        self._on_state = on_state
        self._link: Link | None = None
        self._link_changed = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._error: K230Error | None = None
        self._rejected = 0  # counts of closed links

    @property
    def rejected(self) -> int:
        """Packets dropped over all links."""
        return self._rejected + (self._link.session.rejected if self._link else 0)

    async def open(self, wait: float) -> None:
        """Connect; keep trying for `wait` seconds."""
        if self._keeper is not None or self.state is not State.CONNECTING:
            raise Closed("a Board is connected once; make another one with Board.connect()")
        give_up = time.monotonic() + wait
        attempt = 0
        self._change(StateChange(State.CONNECTING, f"connecting to {self.address}"))
        while True:
            try:
                await self._connect_once()
                break
            except ConnectionFailed as error:
                attempt += 1
                delay = _delay(attempt)
                if time.monotonic() + delay > give_up:
                    self._change(StateChange(State.CLOSED, str(error), error))
                    raise
                _log.debug("%s: %s; attempt %d in %.2f s", self.address, error, attempt + 1, delay)
                await asyncio.sleep(delay)
            except K230Error as error:
                self._change(StateChange(State.CLOSED, str(error), error))
                raise
        self._keeper = asyncio.create_task(self._keep(), name="k230-keeper")

    async def close(self) -> None:
        """Close the link permanently. Calling it again does nothing."""
        if self.state is State.CLOSED:
            return
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        if self._link is not None:
            self._link.close(Closed("the board was closed"))
        self._change(StateChange(State.CLOSED, "closed by this program"))
        self._link_changed.set()

    async def usable_link(self, deadline: float) -> Link:
        """Return the link, waiting for it until deadline (monotonic seconds)."""
        while True:
            if self._error is not None:
                raise self._error
            if self.state is State.CLOSED or self._keeper is None:
                raise Closed(
                    "the board is not connected: it was closed, or not entered with `async with`"
                )
            if self._link is not None:
                if not self._link.ended.done():
                    return self._link
                await asyncio.sleep(0)  # the reconnecting task has not seen the end yet
                continue
            remaining = deadline - time.monotonic()
            if remaining > 0 and await happened(self._link_changed, remaining):
                continue
            raise RequestTimeout(f"{self.address}: not reconnected before the timeout")

    async def _connect_once(self) -> None:
        link = await Link.open(
            self.address,
            self._find_key,
            self._settings,
            self._inbox.take,
            self._pong,
            self._wait_for_greeting,
        )
        welcome = link.session.welcome
        assert welcome is not None  # a link is ready only after its WELCOME
        restarted = self.info is not None and (
            (self.info.board_id, self.info.boot_id) != (welcome.board_id, welcome.boot_id)
        )
        if restarted:
            self._inbox.restart()
        self._inbox.relink(welcome.board_id, welcome.board_name, welcome.boot_id)
        if welcome.encrypted:  # and it has proved that it is the board
            self._encrypted.add(welcome.board_id)
        self.info = welcome
        self._link = link
        self._link_changed.set()
        self._on_link(link)
        reason = "the board restarted" if restarted else f"{welcome.board_name} answers"
        self._change(StateChange(State.CONNECTED, reason, None, restarted))

    def _find_key(self, welcome: Welcome) -> bytes | None:
        key = self._keys.find(str(self.address), welcome.board_id)
        # Without a key there is no encryption to remember, unless the caller requires it.
        wanted = welcome.key_required or self._encryption == "required"
        if wanted and isinstance(self.address, TcpAddress):
            check(welcome, self._encryption, self._encrypted)
        return key

    def _wait_for_greeting(self) -> None:
        self._change(StateChange(State.GREETING, f"{self.address}: waiting for a greeting"))

    def _pong(self, sent: float, received: float, board_seconds: float) -> None:
        self._inbox.clock.add(sent, received, board_seconds)

    async def _keep(self) -> None:
        """Reconnect after each lost link, until closed or until an error is final."""
        while self._link is not None:
            error = await asyncio.shield(self._link.ended)
            self._rejected += self._link.session.rejected
            self._link = None
            self._link_changed.clear()
            attempt = 0
            while self._link is None:
                if isinstance(error, FINAL_ERRORS):
                    self._fail(error)
                    return
                attempt += 1
                delay = _delay(attempt)
                self._change(
                    StateChange(State.RECONNECTING, str(error), error, attempt=attempt, delay=delay)
                )
                await asyncio.sleep(delay)
                try:
                    await self._connect_once()
                except K230Error as failure:
                    error = failure
                except Exception as failure:  # a bug here must not end reconnecting
                    _log.exception("connecting to %s", self.address)
                    error = ConnectionFailed(f"{self.address}: {failure}")

    def _fail(self, error: K230Error) -> None:
        self._error = error
        self._change(StateChange(State.FAILED, str(error), error))
        self._inbox.end(error)
        self._link_changed.set()

    def _change(self, change: StateChange) -> None:
        self.state = change.state
        again = f"; attempt {change.attempt} in {change.delay:.2f} s" if change.attempt else ""
        _log.debug("%s: %s: %s%s", self.address, change.state.value, change.reason, again)
        self._on_state(change)


def _delay(attempt: int) -> float:
    longest = min(_LONGEST_DELAY, _FIRST_DELAY * 2.0 ** min(attempt - 1, 16))
    return longest * random.uniform(0.5, 1.0)
