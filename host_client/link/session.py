"""The client's half of a session (docs/protocol.md), without any I/O.

Bytes and the time go in, messages and bytes to send come out; `error` tells why a session
ended. host_client.link.driver drives it over a transport, tests drive it over nothing.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from typing import Any, NamedTuple

from firmware_app.wire import messages, packets, seal
from host_client.base.exceptions import (
    REFUSALS,
    AuthenticationError,
    CommandFailed,
    ConnectionFailed,
    K230Error,
    LinkLost,
    RequestTimeout,
    VersionError,
)
from host_client.link.calls import Call, Retry, Transfer
from host_client.link.trace import details, printable, type_name
from host_client.results.decode import MALFORMED

_log = logging.getLogger(__name__)

PING_INTERVAL = 3.0  # seconds; the board closes after 20 s of silence
_FIRST_PINGS = 4  # quick ones at the start, so that the clocks are compared soon
_FIRST_PING_INTERVAL = 0.25
# A UART session ends without a word when the board restarts: asked after this long with no PONG.
_DEAF_SECONDS = 10.0
_GREETING_TRIES = 4
# What only a board says that knows our session.
_ANSWERS = (messages.PONG, messages.REPLY, messages.FAILURE, messages.PROGRESS, messages.TAKEN)


class Welcome(NamedTuple):
    """Who answers: what WELCOME says; version is the service's."""

    protocol: int
    version: str
    board_name: str
    board_id: str
    boot_id: int
    key_required: bool
    sealed: bool
    max_payload: int


class Settings(NamedTuple):
    """How a session behaves; baudrate is None on TCP."""

    client_name: str = "host_client"
    baudrate: int | None = None
    greeting_timeout: float = 60.0  # seconds; a board may be busy with one frame for 20
    silence_timeout: float = 120.0


class ClientSession:
    """One session from HELLO to its end; find_key gets the WELCOME and returns the key or None."""

    def __init__(
        self, find_key: Callable[[Welcome], bytes | None], settings: Settings, now: float
    ) -> None:
        self.welcome: Welcome | None = None
        self.ready = False
        self.error: K230Error | None = None
        self.on_pong: Callable[[float, float, float], None] | None = None
        self._settings = settings
        self._find_key = find_key
        self._decoder: Any = packets.Decoder()
        self._outgoing: list[bytes] = []
        self._sealer: seal.Sealer | None = None
        self._lossy = settings.baudrate is not None
        self._retry = Retry(settings.baudrate)
        self._handshake: seal.Handshake | None = None
        self._started = self._heard = now
        self._bytes_in = 0
        self._last_id = 0
        self._calls: dict[int, Call] = {}
        self._transfers: dict[int, Transfer] = {}
        self._pings = 0
        self._next_ping = now
        self._last_answer = now
        self._welcome_payload = b""
        self.other_protocol: int | None = None  # the board's version, where it is not ours
        self._say_hello(now)

    @property
    def rejected(self) -> int:
        """Packets thrown away because they were damaged, or not sealed as they should be."""
        return int(self._decoder.rejected)

    def data_to_send(self) -> bytes:
        """Return what is to be sent now, once."""
        data = b"".join(self._outgoing)
        self._outgoing.clear()
        return data

    # What comes in.

    def receive(self, data: bytes, now: float) -> list[list[Any]]:
        """Take bytes; return the messages that are not the session's own (results, MODEL, ...)."""
        self._bytes_in += len(data)
        others: list[list[Any]] = []
        traced = _log.isEnabledFor(logging.DEBUG)
        rejected = self.rejected
        while data and self.error is None:
            cut = len(data)
            if not self.ready or self._lossy or traced:
                # Packet by packet: what follows READY may be sealed, and WELCOME is hashed as sent.
                cut = data.find(b"\0") + 1 or cut
            for message in self._decoder.feed(data[:cut]):
                self._heard = now
                if traced:
                    self._trace(message, now)
                if message[0] >= messages.CLASSIFICATION:
                    if self.ready:
                        others.append(message)
                else:
                    self._take(message, now, others)
            data = data[cut:]
        if traced and self.rejected != rejected:
            _log.debug("in: %d damaged or unexpected packets", self.rejected - rejected)
        return others

    def _trace(self, message: list[Any], now: float) -> None:
        kind = message[0]
        about = details(message)
        if kind in (messages.REPLY, messages.FAILURE, messages.PROGRESS) and len(message) > 1:
            number = message[1]
            call = self._calls.get(number) if type(number) is int else None
            if call is not None:
                about = f", {call}, after {1000 * (now - call.started):.1f} ms{about}"
        elif kind == messages.PONG and len(message) > 1 and type(message[1]) is int:
            about = f", round trip {1000 * now - message[1] / 1000:.1f} ms"
        _log.debug("in %s, %d bytes%s", type_name(kind), len(self._decoder.payload), about)

    def _take(self, message: list[Any], now: float, others: list[list[Any]]) -> None:
        kind = message[0]
        try:
            if kind == messages.WELCOME:
                self._take_welcome(message, now)
            elif kind == messages.READY:
                self._take_ready(message, now)
            elif kind == messages.REFUSED:
                self._take_refused(str(message[1]), str(message[2]), message[3:4])
            elif not self.ready:
                pass  # a UART may publish without any session
            elif kind in _ANSWERS:
                self._last_answer = now
                self._take_answer(message, now)
            else:
                others.append(message)
        except MALFORMED:
            self._decoder.rejected += 1  # well framed, but not what the protocol says

    def _take_welcome(self, message: list[Any], now: float) -> None:
        payload = bytes(self._decoder.payload)
        if self.welcome is not None:
            if self.ready and payload != self._welcome_payload:
                self.error = LinkLost("the board restarted")
            if payload == self._welcome_payload or self.ready:
                return  # our HELLO arrived twice
        self._welcome_payload = payload
        protocol = message[1]
        if protocol != messages.PROTOCOL_VERSION:
            self._take_version(protocol)
            return
        _, _, version, name, board_id, boot, flags, _nonce, largest = message[:9]
        welcome = Welcome(
            protocol,
            printable(version),
            printable(name),
            printable(board_id),
            int(boot),
            bool(flags & messages.FLAG_KEY_REQUIRED),
            bool(flags & messages.FLAG_SEALED),
            int(largest),
        )
        self.welcome = welcome
        key = self._find_key(welcome)
        if not welcome.key_required:
            if key is not None and not self._lossy:
                # Else an impostor would only have to ask for no key to be believed.
                self.error = AuthenticationError(
                    "a key was given, but what answers does not ask for one: it is another board, "
                    "or its key was switched off (connect without a key to accept that)"
                )
            return
        if key is None:
            self.error = AuthenticationError(
                f"the board {welcome.board_name!r} needs its key: give --key, set K230_KEY, "
                "or keep it with `k230 key add`"
            )
            return
        self._handshake = seal.Handshake(key, self._hello, self._welcome_payload)
        proof = packets.payload_of([messages.AUTH, self._handshake.client_proof()])
        self._greet(messages.AUTH, proof, now)

    def _take_ready(self, message: list[Any], now: float) -> None:
        welcome, handshake = self.welcome, self._handshake
        if self.ready or self.error or welcome is None:
            return
        if handshake is not None:
            proof = message[1]
            if not isinstance(proof, bytes) or not seal.same(proof, handshake.board_proof()):
                self.error = AuthenticationError(
                    "what answers could not prove that it knows the key: it is another board, "
                    "or somebody who pretends to be this one"
                )
                return
            if welcome.sealed:
                self._sealer = seal.Sealer(handshake.client_seal())
                self._decoder.opener = seal.Opener(handshake.board_seal()).open
                # On a wire, the answer to _probe(): unsealed, and only ever compared.
                self._decoder.plain = (messages.WELCOME,) if self._lossy else ()
        elif welcome.key_required:
            return
        self.ready = True
        self._last_answer = now
        self._next_ping = now

    def _take_refused(self, code: str, text: str, protocol: list[Any]) -> None:
        if self.ready:
            self.error = LinkLost(f"the board ended the session: {text}")
        elif code == "session":
            pass  # of a client before us on this wire
        elif code == "version":
            self._take_version(protocol[0] if protocol else 1)  # version 1 did not say
        else:
            kind = REFUSALS.get(code, ConnectionFailed)
            self.error = kind(f"the board refused: {printable(text)}")

    def _take_version(self, protocol: object) -> None:
        """The board speaks another version of the protocol: name the upgrade."""
        if type(protocol) is not int:
            raise ValueError("a version is an integer")
        self.other_protocol = protocol
        upgrade = (
            "update the board with `k230 install --port TTY`"
            if protocol < messages.PROTOCOL_VERSION
            else "update this client with `pip install --upgrade k230-vision`"
        )
        self.error = VersionError(
            f"the board speaks protocol version {protocol}, "
            f"this client {messages.PROTOCOL_VERSION}: {upgrade}"
        )

    def _take_answer(self, message: list[Any], now: float) -> None:
        kind = message[0]
        if kind == messages.PONG:
            if self.on_pong:
                self.on_pong(message[1] / 1e6, now, message[2] / 1e6)
            return
        if kind == messages.TAKEN:
            transfer = self._transfers.get(message[1])
            if transfer is not None:
                transfer.taken(message[2], now)
                self._pump(transfer)
            return
        call = self._calls.get(message[1])
        if call is None:
            return  # an answer repeated, or given up
        if kind == messages.PROGRESS:
            call.deadline = now + call.timeout
            if call.on_progress:
                call.on_progress(int(message[2]), int(message[3]), str(message[4]))
            return
        outcome: tuple[Any, K230Error | None]
        if kind == messages.REPLY:
            outcome = (message[2], None)
        else:
            outcome = (None, CommandFailed(str(message[2]), str(message[3])))
        del self._calls[message[1]]
        call.finish(*outcome)

    # What goes out.

    def request(self, command: str, arguments: dict[str, Any], timeout: float, now: float) -> Call:
        """Send a command; the Call gets the answer. The session must be ready."""
        self._last_id += 1
        message = [messages.REQUEST, self._last_id, command, arguments]
        if self._lossy:
            message.append(list(self._calls))  # the board keeps these answers, and no others
        payload = packets.payload_of(message)
        call = Call(self._last_id, command, payload, timeout=timeout, now=now, retry=self._retry)
        self._calls[call.number] = call
        self._send(messages.REQUEST, payload, f", {call}")
        return call

    def forget(self, call: Call) -> None:
        """Wait no longer for an answer."""
        self._calls.pop(call.number, None)

    def transfer(self, number: int, data: bytes, offset: int, window: int, now: float) -> Transfer:
        """Send data that a `put` announced; the Transfer tells when everything was taken."""
        transfer = Transfer(number, data, offset, window=window, now=now, retry=self._retry)
        if offset >= len(data):
            transfer.finish()
            return transfer
        self._transfers[number] = transfer
        self._pump(transfer)
        return transfer

    def drop_transfer(self, transfer: Transfer) -> None:
        """Send no more of it."""
        self._transfers.pop(transfer.number, None)

    def _pump(self, transfer: Transfer) -> None:
        for message in transfer.chunks():
            self._send(messages.CHUNK, packets.payload_of(message), details(message))
        if transfer.done:
            self._transfers.pop(transfer.number, None)

    def _send(self, kind: int, payload: bytes, about: str = "") -> None:
        if _log.isEnabledFor(logging.DEBUG):
            _log.debug("out %s, %d bytes%s", type_name(kind), len(payload), about)
        if self._sealer is not None:
            payload = self._sealer.seal(payload)
        # On a UART a delimiter in front ends whatever noise came before.
        self._outgoing.append((b"\0" if self._lossy else b"") + packets.packet_of(payload))

    def _greet(self, kind: int, payload: bytes, now: float) -> None:
        self._greeting = kind, payload
        self._greeting_wait = self._retry.first(len(payload))
        self._next_greeting = now + self._greeting_wait
        self._greetings = 1
        self._send(kind, payload)

    def _say_hello(self, now: float) -> None:
        nonce = secrets.token_bytes(messages.NONCE_SIZE)
        name = self._settings.client_name
        self._hello = packets.payload_of([messages.HELLO, messages.PROTOCOL_VERSION, name, nonce])
        self.welcome = None
        self._handshake = None
        self._greet(messages.HELLO, self._hello, now)

    # Time.

    def tick(self, now: float) -> None:
        """Do what is due: say things again, PING, give up."""
        if self.error:
            return
        if not self.ready:
            self._tick_greeting(now)
            return
        if now - self._heard > self._settings.silence_timeout:
            self.error = LinkLost(f"the board said nothing for {now - self._heard:.0f} s")
            return
        if now >= self._next_ping:
            self._ping(now)
        for call in list(self._calls.values()):
            if now >= call.deadline:
                del self._calls[call.number]
                call.finish(error=RequestTimeout(f"no answer within {call.timeout:g} s"))
            elif now >= call.next_try:
                # The same number: the board executes it once, however often it arrives.
                call.again(now)
                self._send(messages.REQUEST, call.payload, f", {call}, again")
        for transfer in list(self._transfers.values()):
            if now >= transfer.next_try:
                transfer.late(now)
                self._pump(transfer)

    def _tick_greeting(self, now: float) -> None:
        waited = now - self._started
        if waited > self._settings.greeting_timeout:
            if self._bytes_in and self.welcome is None:
                self.error = ConnectionFailed(
                    "what answers does not speak the K230 protocol"
                    + (" (or at another baud rate)" if self._lossy else "")
                )
            else:
                self.error = ConnectionFailed(f"no greeting within {waited:.0f} s")
        elif now >= self._next_greeting:
            if self._greetings >= _GREETING_TRIES and self._handshake is not None:
                # The board took our proof, but its READY was lost: only a new HELLO helps.
                self._say_hello(now)
                return
            self._greetings += 1
            self._greeting_wait = Retry.next(self._greeting_wait)
            self._next_greeting = now + self._greeting_wait
            self._send(*self._greeting, ", again")

    def _ping(self, now: float) -> None:
        self._send(messages.PING, packets.payload_of([messages.PING, int(now * 1e6)]))
        self._pings += 1
        quick = self._pings < _FIRST_PINGS
        self._next_ping = now + (_FIRST_PING_INTERVAL if quick else PING_INTERVAL)
        if self._lossy and now - self._last_answer > _DEAF_SECONDS:
            self._probe()

    def _probe(self) -> None:
        """Ask on a wire whether our session still exists.

        A board that knows this very HELLO repeats its WELCOME and changes nothing; one that has
        restarted answers with another WELCOME (see _take_welcome).
        """
        _log.debug("out HELLO, %d bytes, does the board know this session?", len(self._hello))
        self._outgoing.append(b"\0" + packets.packet_of(self._hello))

    def deadline(self) -> float:
        """Return when tick() has something to do next."""
        if self.error:
            return float("inf")
        if not self.ready:
            return min(self._started + self._settings.greeting_timeout + 0.01, self._next_greeting)
        times = [self._next_ping, self._heard + self._settings.silence_timeout + 0.01]
        times += [min(call.deadline, call.next_try) for call in self._calls.values()]
        times += [transfer.next_try for transfer in self._transfers.values()]
        return min(times)

    def goodbye(self) -> None:
        """Tell the board that this client goes, so that its place is free at once."""
        if self.ready and self.error is None:
            self._send(messages.BYE, packets.payload_of([messages.BYE]))

    def end(self, error: K230Error) -> None:
        """Let everything that waits fail with error."""
        for call in list(self._calls.values()):
            call.finish(error=error)
        for transfer in list(self._transfers.values()):
            transfer.finish(error)
        self._calls.clear()
        self._transfers.clear()
