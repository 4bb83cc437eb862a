"""The client's half of a session (docs/protocol.md), without I/O.

Bytes and times go in, messages and bytes to send come out; `error` is why a session ended.
host_client.link.driver runs it over a transport; tests run it without one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from firmware_app.wire import messages, packets, seal
from host_client.base.exceptions import (
    ArgumentError,
    CommandFailed,
    K230Error,
    LinkLost,
    RequestTimeout,
)
from host_client.link.calls import Call, Receiving, Retry, Transfer
from host_client.link.decoder import Decoder
from host_client.link.encryption import Opener, cipher
from host_client.link.greeting import Greeting, Settings, Welcome
from host_client.link.trace import details, printable, type_name
from host_client.results.decode import MALFORMED

_log = logging.getLogger(__name__)

PING_INTERVAL = 3.0  # seconds; the board closes after 20 s of silence
_RECEIVED = (
    8  # transfers from the board to remember, and CHUNKs that arrive before their transfer is known
)
_FIRST_PINGS = 16  # fast at the start, to compare the clocks soon
_FIRST_PING_INTERVAL = 0.11
# A board's restart ends a UART session silently: the client checks after this long without PONG.
_DEAF_SECONDS = 10.0
# Messages that only a board with our session sends.
_ANSWERS = (
    messages.PONG,
    messages.REPLY,
    messages.FAILURE,
    messages.PROGRESS,
    messages.TAKEN,
    messages.CHUNK,
)


class ClientSession:
    """One session from HELLO to its end. find_key: takes the WELCOME, returns the key or None."""

    def __init__(
        self, find_key: Callable[[Welcome], bytes | None], settings: Settings, now: float
    ) -> None:
        self.error: K230Error | None = None
        self.on_pong: Callable[[float, float, float], None] | None = None
        self._settings = settings
        self._decoder: Any = Decoder()
        self._outgoing: list[bytes] = []
        self._sealer: seal.Sealer | None = None
        self._lossy = settings.baudrate is not None
        self._retry = Retry(settings.baudrate)
        self._heard = now
        self._last_id = 0
        self._calls: dict[int, Call] = {}
        self._transfers: dict[int, Transfer] = {}
        self._receiving: dict[int, Receiving] = {}
        self._early: list[list[Any]] = []  # CHUNKs of transfers not known yet
        self._pings = 0
        self._next_ping = now
        self._last_answer = now
        self._greeting = Greeting(find_key, settings, self._retry, self._send, now)

    @property
    def welcome(self) -> Welcome | None:
        """The board's WELCOME, once it arrived."""
        return self._greeting.welcome

    @property
    def ready(self) -> bool:
        """Whether the greeting is done."""
        return self._greeting.done

    @property
    def other_protocol(self) -> int | None:
        """The board's protocol version, if it differs from ours."""
        return self._greeting.other_protocol

    @property
    def rejected(self) -> int:
        """Packets dropped because they were damaged or not sealed correctly."""
        return int(self._decoder.rejected)

    def data_to_send(self) -> bytes:
        """Return the bytes to send now, and forget them."""
        data = b"".join(self._outgoing)
        self._outgoing.clear()
        return data

    # Incoming.

    def receive(self, data: bytes, now: float) -> list[list[Any]]:
        """Take bytes; return the messages that the session does not handle (results, MODEL, ...)."""
        if not self.ready:
            self._greeting.hear(data)
        others: list[list[Any]] = []
        traced = _log.isEnabledFor(logging.DEBUG)
        rejected = self.rejected
        while data and self.error is None:
            cut = len(data)
            if not self.ready or self._lossy or traced:
                # Packet by packet: packets after READY may be sealed, and WELCOME is hashed as sent.
                cut = data.find(b"\0") + 1 or cut
            for message in self._decoder.feed(data[:cut]):
                self._heard = now
                if traced:
                    self._trace(message, now)
                if message[0] >= messages.CLASSIFICATION:
                    if self.ready:
                        others.append(message)
                    else:
                        self._greeting.hear_packet()
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
            if kind in (messages.WELCOME, messages.READY, messages.REFUSED):
                self._take_greeting(message, now)
            elif not self.ready:
                self._greeting.hear_packet()  # a UART may publish without any session
            elif kind in _ANSWERS:
                self._last_answer = now
                self._take_answer(message, now)
            else:
                others.append(message)
        except MALFORMED:
            self._decoder.rejected += 1  # well framed, but not valid in the protocol

    def _take_greeting(self, message: list[Any], now: float) -> None:
        try:
            if message[0] == messages.WELCOME:
                self._greeting.take_welcome(message, bytes(self._decoder.payload), now)
            elif message[0] == messages.REFUSED:
                self._greeting.take_refused(str(message[1]), str(message[2]), message[3:4])
            elif self.error is None and self._greeting.take_ready(message):
                self._open(now)
        except K230Error as error:  # before MALFORMED: some of our errors are also a ValueError
            self.error = error

    def _open(self, now: float) -> None:
        """Complete the greeting: seal from here on, if the board does."""
        handshake, welcome = self._greeting.handshake, self.welcome
        if handshake is not None and welcome is not None and welcome.sealed:
            ours = cipher(handshake.client_cipher()) if welcome.encrypted else None
            theirs = cipher(handshake.board_cipher()) if welcome.encrypted else None
            self._sealer = seal.Sealer(handshake.client_seal(), ours)
            self._decoder.opener = Opener(handshake.board_seal(), theirs).open
            # On a wire: the answer to the HELLO of _ping(), unsealed and only compared.
            self._decoder.plain = (messages.WELCOME,) if self._lossy else ()
        self._last_answer = now
        self._next_ping = now

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
        if kind == messages.CHUNK:
            self._take_chunk(message, now)
            return
        call = self._calls.get(message[1])
        if call is None:
            return  # a repeated answer, or one to a cancelled call
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

    # Outgoing.

    def request(self, command: str, arguments: dict[str, Any], timeout: float, now: float) -> Call:
        """Send a command; the Call gets the answer. The session must be ready.

        Raises ArgumentError if it does not fit into a message.
        """
        message = [messages.REQUEST, self._last_id + 1, command, arguments]
        if self._lossy:
            message.append(list(self._calls))  # the board keeps only these answers
        try:
            payload = packets.payload_of(message)
        except (TypeError, ValueError, OverflowError) as error:
            raise ArgumentError(f"{printable(command)}: it can't be sent: {error}") from error
        self._last_id += 1
        call = Call(self._last_id, command, payload, timeout=timeout, now=now, retry=self._retry)
        self._calls[call.number] = call
        self._send(messages.REQUEST, payload, f", {call}")
        return call

    def forget(self, call: Call) -> None:
        """Stop waiting for an answer."""
        self._calls.pop(call.number, None)

    def transfer(self, number: int, data: bytes, offset: int, window: int, now: float) -> Transfer:
        """Send the data announced by `put`; the Transfer reports when everything was taken."""
        transfer = Transfer(number, data, offset, window=window, now=now, retry=self._retry)
        if offset >= len(data):
            transfer.finish()
            return transfer
        self._transfers[number] = transfer
        self._pump(transfer)
        return transfer

    def receive_transfer(self, receiving: Receiving, now: float) -> None:
        """Receive the data announced by the answer to `get`."""
        while len(self._receiving) >= _RECEIVED:
            done = next((r for r in self._receiving.values() if r.done), None)
            if done is None:
                break
            del self._receiving[done.number]
        self._receiving[receiving.number] = receiving
        early, self._early = self._early, []
        for message in early:
            self._take_chunk(message, now)

    def drop_receiving(self, receiving: Receiving) -> None:
        """Stop receiving, and tell the board; repeated chunks of a complete download are still answered."""
        if not receiving.done and self._receiving.pop(receiving.number, None) is not None:
            self._send_taken([messages.TAKEN, receiving.number, None])

    def _take_chunk(self, message: list[Any], now: float) -> None:
        receiving = self._receiving.get(message[1])
        if receiving is None:
            # It may directly follow the answer to `get`, before the caller sees that.
            self._early = [*self._early[1 - _RECEIVED :], message]
            return
        answer = receiving.chunk(message[2:], now)
        if answer is not None:
            self._send_taken(answer)

    def _send_taken(self, message: list[Any]) -> None:
        self._send(messages.TAKEN, packets.payload_of(message), details(message))

    def drop_transfer(self, transfer: Transfer) -> None:
        """Stop sending."""
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
        # On a UART a leading delimiter separates the packet from noise before it.
        self._outgoing.append((b"\0" if self._lossy else b"") + packets.packet_of(payload))

    # Time.

    def tick(self, now: float) -> None:
        """Do what is due: repeat messages, PING, give up."""
        if self.error:
            return
        if not self.ready:
            try:
                self._greeting.tick(now)
            except K230Error as error:
                self.error = error
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
                # The same number: the board executes it only once.
                call.again(now)
                self._send(messages.REQUEST, call.payload, f", {call}, again")
        for transfer in list(self._transfers.values()):
            if now >= transfer.next_try:
                transfer.late(now)
                self._pump(transfer)

    def _ping(self, now: float) -> None:
        self._send(messages.PING, packets.payload_of([messages.PING, int(now * 1e6)]))
        self._pings += 1
        quick = self._pings < _FIRST_PINGS
        self._next_ping = now + (_FIRST_PING_INTERVAL if quick else PING_INTERVAL)
        if self._lossy and now - self._last_answer > _DEAF_SECONDS:
            # On a wire, check that our session still exists: a board that knows this HELLO repeats its
            # WELCOME and changes nothing; one that has restarted answers with another WELCOME.
            hello = self._greeting.hello
            _log.debug("out HELLO, %d bytes, does the board know this session?", len(hello))
            self._outgoing.append(b"\0" + packets.packet_of(hello))

    def deadline(self) -> float:
        """Return the time of the next tick()."""
        if self.error:
            return float("inf")
        if not self.ready:
            return self._greeting.deadline()
        times = [self._next_ping, self._heard + self._settings.silence_timeout + 0.01]
        times += [min(call.deadline, call.next_try) for call in self._calls.values()]
        times += [transfer.next_try for transfer in self._transfers.values()]
        return min(times)

    def cut_off(self, what: str) -> K230Error:
        """Return why the link ended during the greeting."""
        return self._greeting.missed(what, ended=True)

    def goodbye(self) -> None:
        """Tell the board that this client leaves, to free its place at once."""
        if self.ready and self.error is None:
            self._send(messages.BYE, packets.payload_of([messages.BYE]))

    def end(self, error: K230Error) -> None:
        """Fail everything in progress with error."""
        for call in list(self._calls.values()):
            call.finish(error=error)
        for transfer in list(self._transfers.values()):
            transfer.finish(error)
        for receiving in list(self._receiving.values()):
            receiving.finish(error)
        self._receiving.clear()
        self._calls.clear()
        self._transfers.clear()
