"""The board's half of a session: greeting, proof of the key, commands in, messages out.

Sans-I/O: bytes and times come in, packets go out; links move them. docs/protocol.md section 3.
"""

from firmware_app.base import log
from firmware_app.base.errors import VendorError
from firmware_app.link import outbox
from firmware_app.link.requests import Requests
from firmware_app.wire import messages, packets, seal

if 0:  # for type checkers; mpy-cross leaves it out
    from typing import Any

    from firmware_app.link.gateway import Gateway
    from firmware_app.link.history import History
    from firmware_app.link.requests import Request

GREETING_MS = 5000  # from connecting to HELLO, and from WELCOME to AUTH
SILENCE_MS = 20000  # of a network client
ALIVE_MS = 3000  # a link on which nothing else is sent gets a sign of life

_GREETING = 0
_PROVING = 1
_OPEN = 2
CLOSED = 3


class Session:
    """One client on one link."""

    def __init__(
        self,
        gateway: "Gateway",
        name: str,
        now_ms: int,
        key_required: bool,
        sealed: bool,
        depth: int,
        encrypted: bool = False,
    ) -> None:
        """name: for the log; depth: results that wait for a slow reader; encrypted: sealed, too."""
        self._gateway = gateway
        self.name = name
        self._key_required = key_required
        self._sealed = sealed or encrypted
        self._encrypted = encrypted
        self.decoder = packets.Decoder()
        self.taken = 0  # packets, good or not
        self.outbox = outbox.Outbox(depth)
        self._sealer: "seal.Sealer | None" = None
        self._handshake: "seal.Handshake | None" = None
        self._greeting = b""  # the HELLO that began this, as payload
        self._welcome = b""  # and what it was answered with
        self._proof = b""  # the client's that was good
        self._answer_proof = b""  # and the board's
        self._state = _GREETING
        self.open = False  # the greeting is done
        self.started_ms = now_ms
        self.heard_ms = now_ms
        self._said_ms = now_ms
        self.check_ms = 0  # before it check_silence() finds nothing
        self._requests = Requests()
        self.client = ""
        self.notable = False  # a client with the key, or with a wrong one: its end is for the log
        self.admits: "Any" = None  # the link's word on whether this session may open
        self.closing = ""  # why the link should close once everything is sent
        self.results = False
        self.events = False
        self.statistics = False
        self.logs = False
        self.downloads: list = []  # large data on its way to this client
        self.chunk = messages.CHUNK_SIZE  # bytes of one piece of it
        self.lossy = False  # packets may get lost on the way
        self.private = encrypted  # no one else reads what is sent
        self._period_ms = 0
        self._next_ms = 0

    @property
    def greeted(self) -> bool:
        """Whether a client is there, its greeting done or not."""
        return self._state in (_PROVING, _OPEN)

    def feed(self, data: bytes, now_ms: int, until_us: "int | None" = None) -> int:
        """Take what arrived, packet by packet; return how many bytes are done with.

        until_us: of the gateway's clock; nothing is begun from then on, but for the first packet.
        """
        start = 0
        while start < len(data) and self._state != CLOSED:
            if data[start] == 0 and self.decoder.between:
                # Empty packets say nothing, and a stranger may send millions: all in one go.
                start = len(data) - len(data[start:].lstrip(b"\0"))
                continue
            # Packet by packet: AUTH decides how the very next one must be sealed.
            stop = data.find(b"\0", start) + 1
            if stop:
                self.taken += 1
            else:
                stop = len(data)
            for message in self.decoder.feed(data[start:stop]):
                self.heard_ms = now_ms
                try:
                    self._take(message, now_ms)
                except Exception as error:  # a fault of ours ends no more than this session
                    self._gateway.failed(error)
                    self.refuse("protocol", "a message of type %d failed: %s" % (message[0], error))
            start = stop
            if until_us is not None and self._gateway.clock.us() >= until_us:
                break
        return len(data) if self._state == CLOSED else start

    def check_silence(self, now_ms: int) -> None:
        """Close where a network client says nothing for too long."""
        if self._state < _OPEN:
            self.check_ms = self.started_ms + GREETING_MS + 1
            if now_ms >= self.check_ms:
                what = ("HELLO", "connecting") if self._state == _GREETING else ("AUTH", "HELLO")
                text = "expected %s within %d s of %s, found none"
                self.refuse("protocol", text % (what[0], GREETING_MS // 1000, what[1]))
        elif now_ms - self.heard_ms > SILENCE_MS:
            self.close("nothing heard for %d s" % (SILENCE_MS // 1000))
        elif now_ms - self._said_ms > ALIVE_MS:
            # On the board a peer that went away shows only when something is sent to it.
            self._said_ms = now_ms
            self.send([messages.ALIVE])
        if self._state >= _OPEN:
            self.check_ms = min(self.heard_ms + SILENCE_MS, self._said_ms + ALIVE_MS) + 1

    def _take(self, message: list, now_ms: int) -> None:
        kind = message[0]
        if kind == messages.HELLO:
            self._hello(message, now_ms)
        elif self._state == _PROVING and kind == messages.AUTH:
            self._auth(message)
        elif self._state == _OPEN and kind == messages.AUTH:
            if self._proof and message[1:2] == [self._proof]:
                self._ready(self._answer_proof)  # said again because READY was lost
        elif self._state == _GREETING and kind in (messages.REQUEST, messages.PING, messages.CHUNK):
            # On a wire a restart of the board is no event of its own: this tells the client.
            text = "there is no session: greet the board first"
            self.outbox.push(outbox.Outgoing(_refusal("session", text), True))
        elif self._state == _OPEN:
            if kind == messages.BYE:
                self.close("it said goodbye")
            elif kind == messages.REQUEST:
                self._request(message)
            elif kind == messages.PING and len(message) > 1 and type(message[1]) is int:
                self.send([messages.PONG, message[1], self._gateway.clock.us()])
            elif kind == messages.CHUNK and len(message) > 3:
                self._gateway.chunk(self, message[1], message[2], message[3])
            elif kind == messages.TAKEN and len(message) > 2:
                for download in self.downloads:
                    if download.number == message[1]:
                        download.taken(message[2])

    def _hello(self, message: list, now_ms: int) -> None:
        # True is 1 and 2.0 is 2, but neither is a version.
        if len(message) > 1 and (
            type(message[1]) is not int or message[1] != messages.PROTOCOL_VERSION
        ):
            self.refuse(
                "version",
                "the board speaks protocol version %d, the client %s"
                % (
                    messages.PROTOCOL_VERSION,
                    message[1] if type(message[1]) is int else "names none",
                ),
            )
            return
        if (
            len(message) < 4
            or not isinstance(message[2], str)
            or not isinstance(message[3], bytes)
            or len(message[3]) != messages.NONCE_SIZE
        ):
            self.refuse(
                "protocol",
                "HELLO: expected protocol version, client name and nonce (%d bytes)"
                % messages.NONCE_SIZE,
            )
            return
        payload = bytes(self.decoder.payload)
        if self._welcome and payload == self._greeting:
            # Said again because our answer was lost.
            self.outbox.push(outbox.Outgoing(self._welcome, True))
            if self._state == _OPEN and not self._key_required:
                self._ready(b"")
            return
        if self._full():
            return
        if self._key_required and self._must_wait(now_ms):
            return
        try:
            nonce = self._gateway.nonce()
        except VendorError as error:
            self.close(str(error))  # without chance no proof is worth anything
            return
        again = self._state == _PROVING
        self._forget()
        self.client = log.printable(message[2][:64])
        flags = 0
        if self._key_required:
            flags = (
                messages.FLAG_KEY_REQUIRED
                | (messages.FLAG_SEALED if self._sealed else 0)
                | (messages.FLAG_ENCRYPTED if self._encrypted else 0)
            )
        identity = self._gateway.identity
        welcome = [
            messages.WELCOME,
            messages.PROTOCOL_VERSION,
            identity.version,
            identity.name,
            identity.board_id,
            identity.boot_id,
            flags,
            nonce,
            messages.MAX_PAYLOAD,
        ]
        self._greeting = payload
        self._welcome = packets.payload_of(welcome)
        self.outbox.push(outbox.Outgoing(self._welcome, True))
        if not again:
            self.started_ms = now_ms  # a client that only greets, again and again, gains no time
        if self._key_required:
            self._handshake = seal.Handshake(identity.key, payload, self._welcome)
            self._state = _PROVING
        else:
            self._opens()
            self.notable = True
            self._ready(b"")
            self._gateway.opened(self)

    def _opens(self) -> None:
        self._state = _OPEN
        self.open = True
        self.check_ms = 0

    def _full(self) -> bool:
        if self.admits is None or self.admits():
            return False
        self.refuse("full", "all network sessions of the board are taken")
        return True

    def _must_wait(self, now_ms: int) -> bool:
        wait_s = self._gateway.attempts.wait_s(self.name, now_ms)
        if wait_s:
            text = "too many failed attempts from this address: try again in %d s" % wait_s
            self.refuse("wait", text)
        return wait_s > 0

    def _ready(self, proof: bytes) -> None:
        self.outbox.push(outbox.Outgoing(packets.payload_of([messages.READY, proof]), True))

    def _auth(self, message: list) -> None:
        proof = message[1] if len(message) > 1 else b""
        handshake = self._handshake
        if self._must_wait(self.heard_ms):
            return
        good = isinstance(proof, bytes) and seal.same(proof, handshake.client_proof())
        self._gateway.attempts.note(self.name, good, self.heard_ms)
        self.notable = True
        if not good:
            self.refuse("key", "the key is not this board's")
            return
        if self._full():
            return
        ours = theirs = None
        if self._encrypted:
            try:
                ours = self._gateway.cipher(handshake.board_cipher())
                theirs = self._gateway.cipher(handshake.client_cipher())
            except VendorError as error:
                self.close(str(error))  # what was promised encrypted does not go in clear
                return
        self._opens()
        self._proof = proof
        self._answer_proof = handshake.board_proof()
        self._ready(self._answer_proof)
        if self._sealed:
            self._sealer = seal.Sealer(handshake.board_seal(), ours)
            self.decoder.opener = seal.Opener(handshake.client_seal(), theirs).open
            # On a wire there is no new connection: only a new greeting can begin anew.
            self.decoder.plain = (messages.HELLO, messages.AUTH)
        self._handshake = None
        self._gateway.opened(self)

    def _request(self, message: list) -> None:
        if len(message) < 2 or type(message[1]) is not int or not 0 <= message[1] < 1 << 63:
            return  # without an id there is nothing to answer to
        number = message[1]
        known = self._requests.find(number)
        if known is not None:
            if known.answer is not None and not self.outbox.holds(known.answer):
                self.push(known.answer)
            return
        if self._requests.gone(number):
            text = "the answer to command %d is no longer kept, and ids must grow" % number
            self.send([messages.FAILURE, number, "failed", text])
            return
        if len(message) > 4 and isinstance(message[4], list):
            self._requests.settle(number, [one for one in message[4] if type(one) is int])
        request = self._requests.begin(number)
        if len(message) < 4 or not isinstance(message[2], str) or not isinstance(message[3], dict):
            self.fail(request, "bad_argument", "REQUEST: expected id, command and a map")
            return
        self._gateway.request(self, request, message[2], message[3])

    def reply(self, request: "Request", result: object) -> None:
        """Answer a command."""
        self._answer(request, [messages.REPLY, request.number, result])

    def fail(self, request: "Request", code: str, text: str) -> None:
        """Answer a command that can't be done."""
        self._answer(request, [messages.FAILURE, request.number, code, text])

    def _answer(self, request: "Request", message: list) -> None:
        if request not in self._requests:
            return  # of an earlier client on this wire
        try:
            payload = packets.payload_of(message)
        except Exception as error:
            code = "too_large" if isinstance(error, packets.WireError) else "internal"
            text = "the answer: %s" % error
            payload = packets.payload_of([messages.FAILURE, request.number, code, text])
        answer = outbox.Outgoing(payload)
        self._requests.answer(request, answer)
        self.push(answer)

    def send(self, message: list) -> None:
        """Queue a message that no result may displace."""
        self.push(outbox.Outgoing(packets.payload_of(message)))

    def push(self, outgoing: outbox.Outgoing) -> None:
        """Queue what may go to several sessions."""
        if self._state != CLOSED and not self.outbox.push(outgoing):
            self.close("the reader doesn't keep up")

    def push_result(self, outgoing: outbox.Outgoing, now_ms: int, least_ms: int = 0) -> None:
        """Queue a result, if the client asked for results and the time for the next has come.

        least_ms: the time between results that the board's settings demand of every link.
        """
        if not self.results:
            return
        period_ms = self._period_ms
        if least_ms > period_ms:
            period_ms = least_ms
        if period_ms:
            if now_ms < self._next_ms:
                return
            # A slot is kept where it was due, so that the rate is met on average.
            self._next_ms = max(self._next_ms + period_ms, now_ms - period_ms)
        self.outbox.push_result(outgoing)

    def subscribe(
        self, results: bool, events: bool, statistics: bool, logs: bool, rate: int
    ) -> None:
        """Set what the client gets by itself; rate: results a second at most, 0 for all."""
        self.results = results
        self.events = events
        self.statistics = statistics
        self.logs = logs
        self._period_ms = 1000 // rate if rate else 0
        self._next_ms = 0
        if not events:
            self.outbox.history = None

    def follow(self, history: "History", boot_id: int, after: "tuple | None") -> "int | None":
        """Send numbered events, those after `after` (boot id, number) first; return how many of them are gone.

        None: it is not known, because they were of another start of the board; all that are kept are sent.
        Without `after` the reader goes on where it is, or begins with the next event.
        """
        box = self.outbox
        lost: "int | None" = 0
        if after is None:
            if box.history is None:
                box.next_number = history.newest + 1
        elif after[0] != boot_id:
            lost = None
            box.next_number = history.oldest
        else:
            box.next_number = min(after[1], history.newest) + 1
            lost = max(0, history.oldest - box.next_number)
        box.history = history
        return lost

    def next_packet(self, results: bool = True):
        """Return the next packet to send, or None."""
        outgoing = self.outbox.pop(results)
        if outgoing is None:
            return None
        if self._sealer is None or outgoing.plain:
            return outgoing.packet()
        sealer = self._sealer
        return packets.packet_of_parts(sealer.parts(outgoing.payload), sealer.zeros)

    def next_chunk(self):
        """Return the packet of the next piece of a download, or None; only where nothing else waits."""
        for download in self.downloads:
            message = None if download.done else download.message()
            if message is not None:
                # The others have their turn first.
                self.downloads = [each for each in self.downloads if each is not download]
                self.downloads.append(download)
                self.push(outbox.Outgoing(packets.payload_of(message)))
                return self.next_packet(False)
        self.downloads = [each for each in self.downloads if not each.done]
        return None

    def refuse(self, code: str, text: str) -> None:
        """Say why not, then close."""
        self.outbox.clear()
        plain = self._state != _OPEN
        self.outbox.push(outbox.Outgoing(_refusal(code, text), plain))
        self.close(text)

    def close(self, reason: str) -> None:
        """Close the session; what is queued still goes out where the link can."""
        if self._state != CLOSED:
            self._state = CLOSED
            self.open = False
            self.closing = reason
            self.downloads = []
            self._gateway.closed(self)

    def _forget(self) -> None:
        # A HELLO begins anew: answers to an earlier client must not reach this one.
        if self._state == _OPEN:
            self._gateway.closed(self)
        self._state = _GREETING
        self.open = False
        self.check_ms = 0
        self._sealer = None
        self._handshake = None
        self._proof = b""
        self.decoder.opener = None
        self.decoder.plain = None
        self.outbox.clear()
        self.downloads = []
        self._requests = Requests()
        self.subscribe(False, False, False, False, 0)


def _refusal(code: str, text: str) -> bytes:
    return packets.payload_of([messages.REFUSED, code, text, messages.PROTOCOL_VERSION])
