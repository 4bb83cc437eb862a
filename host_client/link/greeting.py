"""The client's half of a greeting, without I/O: HELLO, WELCOME, AUTH, READY.

Each side proves that it knows the key. Failures are raised as K230Error.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from firmware_app.wire import messages, packets, seal
from host_client.base.exceptions import (
    REFUSALS,
    AuthenticationError,
    ConnectionFailed,
    LinkLost,
    NoGreeting,
    VersionError,
)
from host_client.link import strangers
from host_client.link.calls import Retry
from host_client.link.trace import printable

_TRIES = 4
GREETING_TIMEOUT = 10.0  # seconds; no greeting after this means no board, or a very busy one


class Welcome(NamedTuple):
    """The board's identity from WELCOME; version is the service's."""

    protocol: int
    version: str
    board_name: str
    board_id: str
    boot_id: int
    key_required: bool
    sealed: bool
    max_payload: int
    encrypted: bool = False


class Settings(NamedTuple):
    """The parameters of a session; baudrate is None on TCP."""

    client_name: str = "host_client"
    baudrate: int | None = None
    greeting_timeout: float = GREETING_TIMEOUT
    silence_timeout: float = 120.0


class Send(Protocol):
    """Sends a payload; kind and about go to the log."""

    def __call__(self, kind: int, payload: bytes, about: str = "", /) -> None: ...


class Greeting:
    """The greeting from HELLO to READY. find_key: takes the WELCOME, returns the key or None."""

    def __init__(
        self,
        find_key: Callable[[Welcome], bytes | None],
        settings: Settings,
        retry: Retry,
        send: Send,
        now: float,
    ) -> None:
        self.welcome: Welcome | None = None
        self.done = False
        self.handshake: seal.Handshake | None = None
        self.other_protocol: int | None = None  # the board's version, if it differs from ours
        self._arrived = b""  # the first bytes
        self._count = 0  # bytes that arrived
        self._packets = 0  # packets of a board among them
        self.hello = b""
        self._find_key = find_key
        self._settings = settings
        self._lossy = settings.baudrate is not None
        self._retry = retry
        self._send = send
        self._started = now
        self._welcome_payload = b""
        self._say_hello(now)

    def _say_hello(self, now: float) -> None:
        nonce = secrets.token_bytes(messages.NONCE_SIZE)
        name = self._settings.client_name
        self.hello = packets.payload_of([messages.HELLO, messages.PROTOCOL_VERSION, name, nonce])
        self.welcome = None
        self.handshake = None
        self._say(messages.HELLO, self.hello, now)

    def _say(self, kind: int, payload: bytes, now: float) -> None:
        self._said = kind, payload
        self._wait = self._retry.first(len(payload))
        self._next_try = now + self._wait
        self._tries = 1
        self._send(kind, payload)

    def take_welcome(self, message: list[Any], payload: bytes, now: float) -> None:
        """Take the board's answer to HELLO; prove that this client knows the key, if required."""
        if self.welcome is not None:
            if self.done and payload != self._welcome_payload:
                raise LinkLost("the board restarted")
            if payload == self._welcome_payload or self.done:
                return  # our HELLO arrived twice
        self._welcome_payload = payload
        protocol = message[1]
        if protocol != messages.PROTOCOL_VERSION:
            self._refuse_version(protocol)
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
            bool(flags & messages.FLAG_SEALED and flags & messages.FLAG_ENCRYPTED),
        )
        self.welcome = welcome
        key = self._find_key(welcome)
        if not welcome.key_required:
            if key is not None and not self._lossy:
                # Otherwise an impostor could pass by not asking for a key.
                raise AuthenticationError(
                    "a key was given, but this board does not use one: it may be another board, "
                    "or its key was switched off (connect without a key to accept that)"
                )
            return
        if key is None:
            raise AuthenticationError(
                f"the board {welcome.board_name!r} needs its key: give --key, set K230_KEY, "
                "or store it with `k230 key add`"
            )
        self.handshake = seal.Handshake(key, self.hello, payload)
        proof = packets.payload_of([messages.AUTH, self.handshake.client_proof()])
        self._say(messages.AUTH, proof, now)

    def take_ready(self, message: list[Any]) -> bool:
        """Check the board's proof; return whether that completes the greeting."""
        welcome = self.welcome
        if self.done or welcome is None:
            return False
        if self.handshake is not None:
            proof = message[1]
            if not isinstance(proof, bytes) or not seal.same(proof, self.handshake.board_proof()):
                raise AuthenticationError(
                    "the device could not prove that it knows the key: it is a different board, "
                    "or it pretends to be this one"
                )
        elif welcome.key_required:
            return False
        self.done = True
        return True

    def take_refused(self, code: str, text: str, protocol: list[Any]) -> None:
        """Raise the board's refusal. protocol: its version, if it sends one."""
        if self.done:
            raise LinkLost(f"the board ended the session: {printable(text)}")
        if code == "session":
            return  # for an earlier client on this wire
        if code == "version":
            self._refuse_version(protocol[0] if protocol else 1)  # version 1 did not send it
        raise REFUSALS.get(code, ConnectionFailed)(f"the board refused: {printable(text)}")

    def _refuse_version(self, protocol: object) -> None:
        """Raise VersionError with the upgrade to make."""
        if type(protocol) is not int:
            raise ValueError("a version is an integer")
        self.other_protocol = protocol
        upgrade = (
            "update the board with `k230 install --port TTY`"
            if protocol < messages.PROTOCOL_VERSION
            else "update this client with `pip install --upgrade k230-vision`"
        )
        raise VersionError(
            f"the board uses protocol version {protocol}, "
            f"this client {messages.PROTOCOL_VERSION}: {upgrade}"
        )

    def hear(self, data: bytes) -> None:
        """Record the bytes that arrive before the greeting is done; they show what is connected."""
        if self.welcome is None:
            self._count += len(data)
            self._arrived += data[: strangers.KEPT - len(self._arrived)]

    def hear_packet(self) -> None:
        """Count a complete packet of a board that is not part of the greeting."""
        self._packets += 1

    def missed(self, what: str, ended: bool = False) -> ConnectionFailed:
        """Return why there was no greeting. what: "no greeting within 10 s"; ended: the link is closed."""
        if ended and not self._count:
            return ConnectionFailed(what)
        if self.welcome is not None:
            return ConnectionFailed(f"{what}: {self.welcome.board_name} began one and stopped")
        found = strangers.cause(
            self._arrived,
            self._count,
            self._packets,
            packets.packet_of(self.hello),
            self._settings.baudrate,
        )
        return NoGreeting(f"{what}: {found.text}", found.code, found.text)

    def tick(self, now: float) -> None:
        """Repeat messages that are due; raise ConnectionFailed after the timeout."""
        waited = now - self._started
        if waited > self._settings.greeting_timeout:
            raise self.missed(f"no greeting within {waited:.0f} s")
        if now >= self._next_try:
            if self._tries >= _TRIES and self.handshake is not None:
                # The board accepted our proof, but its READY was lost: send a new HELLO.
                self._say_hello(now)
                return
            self._tries += 1
            self._wait = Retry.next(self._wait)
            self._next_try = now + self._wait
            self._send(*self._said, ", again")

    def deadline(self) -> float:
        """Return the time of the next tick()."""
        return min(self._started + self._settings.greeting_timeout + 0.01, self._next_try)
