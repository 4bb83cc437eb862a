"""A connection to the broker that comes back by itself, and never holds more than its outbox."""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
import time
from collections.abc import Callable
from typing import NamedTuple

from board_hub.mqtt import packets
from board_hub.mqtt.outbox import Outbox
from host_client.base.waiting import within
from host_client.link.trace import printable

_log = logging.getLogger(__name__)

_FIRST_DELAY = 0.5  # seconds; doubled up to the longest, each time a random half of it less
_LONGEST_DELAY = 10.0
_REFUSED_DELAY = 30.0  # a wrong password does not become right by asking often
_GREETING_S = 10.0
_CONFIRM_S = 1.0  # under traffic, a PINGREQ this often tells what has arrived
_BUFFER = 256 * 1024  # bytes that wait in the socket's writer
_PIECE = 64 * 1024
# Broken off this soon, this often: another client takes the id away, again and again.
_SHORT_S = 3.0
_SHORT_TIMES = 5


class Settings(NamedTuple):
    """Where the broker is, and who we are."""

    host: str
    port: int
    client_id: str
    keepalive: int = 30
    username: str | None = None
    password: str | None = None
    tls: ssl.SSLContext | None = None
    will: packets.Will | None = None
    subscriptions: tuple[tuple[str, int], ...] = ()


class Client:
    """Keeps one connection up while run() runs. state: connecting, connected, reconnecting."""

    def __init__(
        self,
        settings: Settings,
        outbox: Outbox,
        *,
        on_message: Callable[[packets.Incoming], None],
        on_connected: Callable[[], None] = lambda: None,
    ) -> None:
        self.settings = settings
        self.outbox = outbox
        self.state = "connecting"
        self.reason = ""
        self.code: str | None = None
        self.connections = 0
        self._on_message = on_message
        self._on_connected = on_connected
        self._protocol: _Protocol | None = None
        self._short = 0

    def flush(self) -> None:
        """Send at once what the outbox holds, as far as the broker takes it."""
        if self._protocol is not None:
            self._protocol.flush()

    def wake(self) -> None:
        """Send what the outbox holds, soon."""
        if self._protocol is not None:
            self._protocol.schedule()

    async def run(self) -> None:
        """Connect, and again, until cancelled; then say goodbye."""
        attempt = 0
        while True:
            begun = time.monotonic()
            delay = min(_LONGEST_DELAY, _FIRST_DELAY * 2.0 ** min(attempt, 10))
            try:
                await self._once()
            except _Refused as error:
                self._tell("reconnecting", str(error), "refused")
                delay = _REFUSED_DELAY
            except ssl.SSLError as error:
                why = getattr(error, "verify_message", "") or error.reason or str(error)
                self._tell("reconnecting", f"TLS: {why}", "tls")
                delay = _REFUSED_DELAY
            except (OSError, asyncio.TimeoutError, packets.ProtocolFault, UnicodeError) as error:
                self._tell("reconnecting", _reason(error), "unreachable")
            attempt += 1
            if self.code in ("lost", "silent"):
                attempt, delay = 1, _FIRST_DELAY
                if self._short_lived(begun):
                    delay = _LONGEST_DELAY
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))

    def _short_lived(self, begun: float) -> bool:
        if time.monotonic() - begun > _SHORT_S:
            self._short = 0
            return False
        self._short += 1
        if self._short < _SHORT_TIMES:
            return False
        self._tell(
            "reconnecting",
            f"the broker ends each connection at once: another client may use the client id "
            f"{self.settings.client_id!r}; set mqtt.client_id",
            "client_id",
        )
        return True

    async def _once(self) -> None:
        settings = self.settings
        loop = asyncio.get_running_loop()
        protocol = _Protocol(self)
        try:
            await within(
                loop.create_connection(
                    lambda: protocol,
                    settings.host,
                    settings.port,
                    ssl=settings.tls,
                    server_hostname=settings.host if settings.tls is not None else None,
                ),
                _GREETING_S,
            )
            protocol.send(
                packets.connect(
                    settings.client_id,
                    keepalive=settings.keepalive,
                    will=settings.will,
                    username=settings.username,
                    password=settings.password,
                )
            )
            await asyncio.wait([protocol.greeted], timeout=_GREETING_S)
            if not protocol.greeted.done():
                raise ConnectionError("no answer to the greeting: is it an MQTT broker?")
            protocol.greeted.result()
            self.connections += 1
            self._tell("connected", f"{settings.host}:{settings.port}")
            self.outbox.connected()
            if settings.subscriptions:
                protocol.send(packets.subscribe(1, list(settings.subscriptions)))
            self._protocol = protocol
            self._on_connected()
            protocol.schedule()
            await self._watch(protocol)
        except asyncio.CancelledError:
            await protocol.goodbye()
            raise
        finally:
            self._protocol = None
            protocol.abort()
            self.outbox.disconnected()

    async def _watch(self, protocol: _Protocol) -> None:
        """Ask whether the broker is there; return when the connection is lost."""
        asked: float | None = None
        answered = time.monotonic()
        while True:
            await asyncio.wait([protocol.lost], timeout=_CONFIRM_S)
            if protocol.lost.done():
                self._tell("reconnecting", protocol.lost.result(), "lost")
                return
            now = time.monotonic()
            if protocol.ping_answered:
                protocol.ping_answered = False
                asked, answered = None, now
            if asked is not None:
                if now - asked > self.settings.keepalive:
                    self._tell(
                        "reconnecting", f"the broker said nothing for {now - asked:.0f} s", "silent"
                    )
                    return
            elif protocol.traffic or now - answered > self.settings.keepalive / 2:
                protocol.traffic = False
                asked = now
                self.outbox.ping_sent()
                protocol.send(packets.PINGREQ)

    def take(self, packet: packets.Packet, protocol: _Protocol) -> None:
        """Take a packet of the broker's; raises ProtocolFault."""
        kind, body = packet.kind, packet.body
        if not protocol.greeted.done():
            if kind != packets.CONNACK or len(body) < 2:
                raise packets.ProtocolFault("the server answered, but not in MQTT")
            if body[1]:
                why = packets.REFUSALS.get(body[1], f"the broker refuses, code {body[1]}")
                protocol.greeted.set_exception(_Refused(why))
            else:
                protocol.greeted.set_result(None)
        elif kind == packets.PUBACK and len(body) >= 2:
            self.outbox.acknowledge(int.from_bytes(body[:2], "big"))
            protocol.schedule()
        elif kind == packets.PINGRESP:
            protocol.ping_answered = True
            self.outbox.ping_answered()
        elif kind == packets.PUBLISH:
            message = packets.incoming(packet)
            if message.number:
                protocol.send(packets.puback(message.number))
            self._on_message(message)
        elif kind == packets.SUBACK and any(code == 0x80 for code in body[2:]):
            _log.warning("the broker refuses the subscription to commands")

    def _tell(self, state: str, reason: str, code: str | None = None) -> None:
        reason = printable(reason)
        if (state, code) != (self.state, self.code):
            _log.log(
                logging.INFO if code is None else logging.WARNING, "MQTT: %s: %s", state, reason
            )
        self.state, self.reason, self.code = state, reason, code


class _Refused(Exception):  # noqa: N818 - it names what happened
    """The broker's CONNACK says no."""


class _Protocol(asyncio.Protocol):
    """One connection; writes only while the writer's buffer is short."""

    def __init__(self, client: Client) -> None:
        loop = asyncio.get_running_loop()
        self.greeted: asyncio.Future[None] = loop.create_future()
        self.lost: asyncio.Future[str] = loop.create_future()
        self.traffic = False
        self.ping_answered = False
        self._client = client
        self._loop = loop
        self._parser = packets.Parser()
        self._transport: asyncio.Transport | None = None
        self._paused = False
        self._scheduled = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=_BUFFER)

    def data_received(self, data: bytes) -> None:
        try:
            for packet in self._parser.feed(data):
                self._client.take(packet, self)
        except packets.ProtocolFault as error:
            self._end(str(error))

    def connection_lost(self, exc: Exception | None) -> None:
        self._end("the broker closed the connection" if exc is None else _reason(exc))

    def _end(self, reason: str) -> None:
        if not self.greeted.done():
            self.greeted.set_exception(ConnectionError(reason))
            self.greeted.exception()  # there may be no waiter any more
        if not self.lost.done():
            self.lost.set_result(reason)
        self.abort()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self.schedule()

    def send(self, data: bytes) -> None:
        """Write one small packet."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def schedule(self) -> None:
        """Write what waits, together, when the loop has done what it does now."""
        if not self._scheduled and not self._paused:
            self._scheduled = True
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write what waits, until the writer's buffer is full."""
        self._scheduled = False
        transport = self._transport
        if transport is None or self._client._protocol is not self:
            return
        outbox = self._client.outbox
        while not self._paused and not transport.is_closing():
            data = outbox.take(_PIECE)
            if not data:
                return
            self.traffic = True
            transport.write(data)

    async def goodbye(self) -> None:
        """Send what waits, for a moment, and DISCONNECT."""
        transport = self._transport
        if transport is None or transport.is_closing() or not self.greeted.done():
            return
        self.flush()
        transport.write(packets.DISCONNECT)
        transport.close()
        await asyncio.wait([self.lost], timeout=2.0)

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()


def _reason(error: BaseException) -> str:
    if isinstance(error, asyncio.TimeoutError):
        return f"no answer within {_GREETING_S:.0f} s"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text)
