"""The board's half of a session: greeting, key, seal, commands once, full and silent clients."""

from firmware_app.base.errors import VendorError
from firmware_app.link.attempts import FORGET_S, FREE, Attempts
from firmware_app.link.history import History
from firmware_app.link.outbox import Outgoing
from firmware_app.link.requests import MOST_KEPT, Requests
from firmware_app.link.session import GREETING_MS, SILENCE_MS, Session
from firmware_app.wire import messages, packets, seal

KEY = bytes(range(32))
NONCE = bytes(range(16))


class Turned:
    """In place of AES, which one of the interpreters lacks: every block XOR the key."""

    def __init__(self, key: bytes) -> None:
        self.key = key

    def encrypt(self, blocks: bytes) -> bytes:
        return bytes([blocks[i] ^ self.key[i % 16] for i in range(len(blocks))])


class Clock:
    def us(self) -> int:
        return 5_000_000


class Host:
    """What the service offers to a session, recording what the session asks of it."""

    version = "0.1.0"
    name = "test"
    board_id = "0011"
    boot_id = 7
    key = KEY

    def __init__(self) -> None:
        self.identity = self
        self.attempts = Attempts()
        self.clock = Clock()
        self.requests: list = []
        self.last = None
        self.faults: list = []
        self.ended: list = []
        self.chunks: list = []

    def nonce(self) -> bytes:
        return bytes(16)

    def cipher(self, key: bytes) -> seal.Cipher:
        return seal.Cipher(Turned(key).encrypt)

    def opened(self, session) -> None:
        pass

    def closed(self, session) -> None:
        self.ended.append(session.closing)

    def failed(self, error) -> None:
        self.faults.append(str(error))

    def request(self, session, request, command, arguments) -> None:
        self.requests.append((request.number, command, arguments))
        self.last = request

    def chunk(self, session, number, offset, data) -> None:
        self.chunks.append((number, offset, data))


class Client:
    """The other half, as small as it can be."""

    def __init__(
        self,
        key_required: bool = False,
        sealed: bool = False,
        key: bytes = KEY,
        encrypted: bool = False,
    ) -> None:
        self.host = Host()
        self.session = Session(self.host, "10.0.0.9:4000", 0, key_required, sealed, 4, encrypted)
        self.decoder = packets.Decoder()
        self.key = key
        self.sealer = None

    def send(self, message: list, now_ms: int = 0) -> None:
        payload = packets.payload_of(message)
        if self.sealer is not None:
            payload = self.sealer.seal(payload)
        self.session.feed(packets.packet_of(payload), now_ms)

    def received(self) -> list:
        arrived: list = []
        while True:
            packet = self.session.next_packet()
            if packet is None:
                return arrived
            arrived.extend(self.decoder.feed(packet))

    def greet(self) -> list:
        hello = [messages.HELLO, messages.PROTOCOL_VERSION, "test", NONCE]
        self.send(hello)
        welcome = self.received()[0]
        self.handshake = seal.Handshake(
            self.key, packets.payload_of(hello), packets.payload_of(welcome)
        )
        return welcome

    def prove(self) -> list:
        self.send([messages.AUTH, self.handshake.client_proof()])
        answer = self.received()[0]
        if answer[0] == messages.READY and self.session._sealed:
            ours = theirs = None
            if self.session._encrypted:
                ours = self.host.cipher(self.handshake.client_cipher())
                theirs = self.host.cipher(self.handshake.board_cipher())
            self.sealer = seal.Sealer(self.handshake.client_seal(), ours)
            self.decoder.opener = seal.Opener(self.handshake.board_seal(), theirs).open
        return answer


def test_open_without_key() -> None:
    client = Client()
    client.send([messages.HELLO, messages.PROTOCOL_VERSION, "test", NONCE])
    welcome, ready = client.received()
    assert welcome[:2] == [messages.WELCOME, messages.PROTOCOL_VERSION]
    assert welcome[6] == 0
    assert ready == [messages.READY, b""]
    assert client.session.open


def test_key_is_proven_both_ways() -> None:
    client = Client(True, True)
    welcome = client.greet()
    assert welcome[6] == messages.FLAG_KEY_REQUIRED | messages.FLAG_SEALED
    assert not client.session.open
    ready = client.prove()
    assert ready == [messages.READY, client.handshake.board_proof()]
    client.send([messages.REQUEST, 1, "status", {}])
    assert client.host.requests == [(1, "status", {})]
    client.session.reply(client.host.last, {"a": 1})
    assert client.received() == [[messages.REPLY, 1, {"a": 1}]]


def test_wrong_key_is_refused_and_has_to_wait() -> None:
    host = Host()
    for i in range(6):
        client = Client(True, True, bytes(32))
        client.host = host
        client.session = Session(host, "10.0.0.9:%d" % i, 0, True, True, 4)
        client.send([messages.HELLO, messages.PROTOCOL_VERSION, "test", NONCE])
        answer = client.received()[0]
        if answer[0] == messages.REFUSED:
            break
        client.handshake = seal.Handshake(client.key, b"", b"")
        client.send([messages.AUTH, client.handshake.client_proof()])
        assert client.received()[0][:2] == [messages.REFUSED, "key"]
        assert not client.session.open
    assert answer[:2] == [messages.REFUSED, "wait"]
    # Another address is not kept out by the first one's failures.
    other = Session(host, "10.0.0.10:1", 0, True, True, 4)
    other.feed(packets.encode([messages.HELLO, messages.PROTOCOL_VERSION, "test", NONCE]), 0)
    assert packets.Decoder().feed(other.next_packet())[0][0] == messages.WELCOME


def test_a_command_without_proof_is_not_executed() -> None:
    client = Client(True, True)
    client.greet()
    client.send([messages.REQUEST, 1, "status", {}])
    assert client.host.requests == []


def test_plain_and_replayed_packets_are_dropped_once_sealed() -> None:
    client = Client(True, True)
    client.greet()
    client.prove()
    client.session.feed(packets.encode([messages.REQUEST, 1, "status", {}]), 0)
    assert client.host.requests == []
    frame = packets.packet_of(
        client.sealer.seal(packets.payload_of([messages.REQUEST, 2, "status", {}]))
    )
    client.session.feed(frame, 0)
    client.session.feed(frame, 0)
    assert client.host.requests == [(2, "status", {})]
    assert client.session.decoder.rejected == 2


def test_repeated_greeting_gets_the_same_welcome() -> None:
    client = Client(True, True)
    first = client.greet()
    client.send([messages.HELLO, messages.PROTOCOL_VERSION, "test", NONCE])
    assert client.received() == [first]
    assert client.prove()[0] == messages.READY


def test_another_version_is_refused() -> None:
    for version in (99, 1, 0, -1, True, False, 2.0, "2", None, b"2", [2]):
        client = Client()
        client.send([messages.HELLO, version, "test", NONCE])
        answer = client.received()[0]
        assert answer[:2] == [messages.REFUSED, "version"], version
        assert answer[3] == messages.PROTOCOL_VERSION == 2
    client = Client()
    client.send([messages.HELLO, 99, "test", NONCE])
    assert "99" in client.received()[0][2]


def test_a_command_is_executed_once_and_answered_again() -> None:
    client = Client()
    client.send([messages.HELLO, messages.PROTOCOL_VERSION, "test", NONCE])
    client.received()
    client.send([messages.REQUEST, 5, "status", {}])
    client.send([messages.REQUEST, 5, "status", {}])
    assert client.host.requests == [(5, "status", {})]
    client.session.reply(client.host.last, 1)
    assert client.received() == [[messages.REPLY, 5, 1]]
    client.send([messages.REQUEST, 5, "status", {}])
    assert client.received() == [[messages.REPLY, 5, 1]]
    assert len(client.host.requests) == 1


def test_a_command_under_way_is_not_executed_again_whatever_else_is_asked() -> None:
    client = Client()
    client.send([messages.HELLO, messages.PROTOCOL_VERSION, "test", NONCE])
    client.received()
    client.send([messages.REQUEST, 1, "enroll", {}])
    long = client.host.last
    for number in range(2, 30):
        client.send([messages.REQUEST, number, "status", {}])
        client.session.reply(client.host.last, number)
    client.received()
    executed = len(client.host.requests)
    client.send([messages.REQUEST, 1, "enroll", {}])
    assert client.received() == []
    client.session.reply(long, "done")
    assert client.received() == [[messages.REPLY, 1, "done"]]
    client.send([messages.REQUEST, 1, "enroll", {}])
    assert client.received() == [[messages.REPLY, 1, "done"]]
    # What was answered too long ago to be answered again is refused, not done again.
    client.send([messages.REQUEST, 3, "status", {}])
    assert client.received()[0][:3] == [messages.FAILURE, 3, "failed"]
    assert len(client.host.requests) == executed


def test_answers_are_kept_while_the_client_waits_for_them() -> None:
    client = Client()
    client.send([messages.HELLO, messages.PROTOCOL_VERSION, "test", NONCE])
    client.received()
    for number in range(1, 25):
        # The answer to 3 got lost; 10 never arrived.
        waiting = [one for one in (3, 10) if one < number]
        if number != 10:
            client.send([messages.REQUEST, number, "status", {}, waiting])
            client.session.reply(client.host.last, number)
    client.received()
    executed = len(client.host.requests)
    client.send([messages.REQUEST, 3, "status", {}, []])
    assert client.received() == [[messages.REPLY, 3, 3]]
    # What the client said it has is done with, should a late copy of the command arrive.
    client.send([messages.REQUEST, 5, "status", {}, []])
    assert client.received()[0][:3] == [messages.FAILURE, 5, "failed"]
    assert len(client.host.requests) == executed
    client.send([messages.REQUEST, 10, "status", {}, [3]])
    assert client.host.requests[-1][0] == 10
    client.session.reply(client.host.last, 10)
    client.received()
    client.send([messages.REQUEST, 3, "status", {}, []])
    assert client.received() == [[messages.REPLY, 3, 3]]


def test_kept_answers_are_bounded() -> None:
    kept = Requests()
    kept.settle(1, [])
    answers = []
    for number in range(2, 80):
        request = kept.begin(number)
        answers.append(Outgoing(bytes(100)))
        kept.answer(request, answers[-1])
    assert [n for n in range(2, 80) if kept.find(n)] == list(range(80 - MOST_KEPT, 80))
    for number in range(80, 90):
        kept.answer(kept.begin(number), Outgoing(bytes(30000)))
    assert [n for n in range(90) if kept.find(n)] == [88, 89]
    assert [n for n in range(95) if kept.gone(n)] == list(range(88))


def test_an_answer_that_still_waits_is_not_queued_again() -> None:
    client = Client()
    client.send([messages.HELLO, messages.PROTOCOL_VERSION, "test", NONCE])
    client.received()
    client.send([messages.REQUEST, 1, "status", {}])
    client.session.reply(client.host.last, bytes(30000))
    for _ in range(50):
        client.send([messages.REQUEST, 1, "status", {}])
    assert len(client.received()) == 1


def test_an_answer_to_an_earlier_client_reaches_no_later_one() -> None:
    client = Client()
    client.send([messages.HELLO, messages.PROTOCOL_VERSION, "first", NONCE])
    client.send([messages.REQUEST, 1, "enroll", {}])
    first = client.host.last
    client.send([messages.HELLO, messages.PROTOCOL_VERSION, "second", bytes(16)])
    client.received()
    client.send([messages.REQUEST, 1, "status", {}])
    client.session.reply(first, "of the first")
    assert client.received() == []
    client.session.reply(client.host.last, "of the second")
    assert client.received() == [[messages.REPLY, 1, "of the second"]]


def test_a_command_that_is_none_is_answered() -> None:
    client = Client()
    client.send([messages.HELLO, messages.PROTOCOL_VERSION, "test", NONCE])
    client.received()
    for number, fields in enumerate(([], ["status"], ["status", 5], [5, {}], ["status", None])):
        client.send([messages.REQUEST, number] + fields)
        assert client.received()[0][:3] == [messages.FAILURE, number, "bad_argument"]
    for odd in ([], ["1"], [None], [-1], [1 << 63], [True]):
        client.send([messages.REQUEST] + odd + ["status", {}])
        assert client.received() == []
    assert client.host.requests == []


def test_an_answer_that_is_no_message_fails_alone() -> None:
    client = Client()
    client.send([messages.HELLO, messages.PROTOCOL_VERSION, "test", NONCE])
    client.received()
    for number, result in enumerate((bytes(messages.MAX_PAYLOAD), Client)):
        client.send([messages.REQUEST, number, "status", {}])
        client.session.reply(client.host.last, result)
        assert client.received()[0][:2] == [messages.FAILURE, number]
    assert not client.session.closing


def test_what_comes_unsealed_behind_the_proof_is_dropped() -> None:
    client = Client(True, True)
    client.greet()
    proof = packets.encode([messages.AUTH, client.handshake.client_proof()])
    injected = packets.encode([messages.REQUEST, 1, "restart", {}])
    client.session.feed(proof + injected, 0)  # as one segment of TCP
    assert client.session.open
    assert client.host.requests == []
    assert client.session.decoder.rejected == 1


def test_an_encrypted_session() -> None:
    client = Client(True, False, encrypted=True)
    welcome = client.greet()
    assert welcome[6] == messages.FLAG_KEY_REQUIRED | messages.FLAG_SEALED | messages.FLAG_ENCRYPTED
    assert client.prove()[0] == messages.READY
    client.send([messages.REQUEST, 1, "status", {}])
    assert client.host.requests == [(1, "status", {})]
    client.session.reply(client.host.last, "an answer that nobody reads on the way")
    packet = client.session.next_packet()
    assert b"answer" not in packet
    assert client.decoder.feed(packet) == [
        [messages.REPLY, 1, "an answer that nobody reads on the way"]
    ]
    # Sealed with the right key, but in clear: it opens to no message.
    payload = packets.payload_of([messages.REQUEST, 2, "restart", {}])
    plain = seal.Sealer(client.handshake.client_seal())
    plain._counter = client.sealer._counter
    client.session.feed(packets.packet_of(plain.seal(payload)), 0)
    assert len(client.host.requests) == 1


def test_what_was_promised_encrypted_never_goes_in_clear() -> None:
    client = Client(True, True, encrypted=True)
    client.greet()

    def fails(key: bytes):
        raise VendorError("AES: no memory")

    client.host.cipher = fails
    client.send([messages.AUTH, client.handshake.client_proof()])
    assert client.session.closing == "AES: no memory"
    assert not client.session.open
    assert client.received() == []


def test_a_greeting_counts_as_it_was_sent() -> None:
    hello = b"\xdc\x00\x05\x00\xcc\x02\xd9\x04test\xc5\x00\x10" + NONCE + b"\x82\xa1z\x01\xa1a\x02"
    client = Client(True, True)
    client.session.feed(packets.packet_of(hello), 0)
    welcome = client.received()[0]
    client.handshake = seal.Handshake(KEY, hello, packets.payload_of(welcome))
    assert client.prove()[0] == messages.READY


def test_a_name_can_not_forge_the_log() -> None:
    client = Client()
    client.send(
        [messages.HELLO, messages.PROTOCOL_VERSION, "a\n[0.000] \x1b[2J\x9bé" + 100 * "x", NONCE]
    )
    assert client.session.client[:16] == "a?[0.000] ?[2J?é"
    assert len(client.session.client) == 64


def test_greeting_again_gains_no_time() -> None:
    client = Client(True, True)
    for i in range(20):
        client.send([messages.HELLO, messages.PROTOCOL_VERSION, "test", bytes([i] * 16)], i * 1000)
        client.session.check_silence(i * 1000)
    assert client.session.closing.startswith("expected AUTH within 5 s of HELLO")


def test_many_proofs_at_a_time_are_not_tried_either() -> None:
    host = Host()
    sessions = [Session(host, "10.0.0.9:%d" % i, 0, True, True, 4) for i in range(12)]
    for session in sessions:
        session.feed(packets.encode([messages.HELLO, messages.PROTOCOL_VERSION, "test", NONCE]), 0)
    codes = []
    for session in sessions:
        session.feed(packets.encode([messages.AUTH, bytes(32)]), 0)
        while True:
            packet = session.next_packet()
            if packet is None:
                break
            codes += [m[1] for m in packets.Decoder().feed(packet) if m[0] == messages.REFUSED]
    assert codes == ["key"] * FREE + ["wait"] * (12 - FREE)
    # In time it is forgotten.
    assert host.attempts.wait_s("10.0.0.9:1", 500)
    late = FORGET_S * 1000 + 1
    assert not host.attempts.wait_s("10.0.0.9:1", late)
    host.attempts.note("10.0.0.9:1", False, late)
    assert not host.attempts.wait_s("10.0.0.9:1", late)


def test_a_fault_ends_one_session_and_raises_nothing() -> None:
    client = Client()
    client.send([messages.HELLO, messages.PROTOCOL_VERSION, "test", NONCE])
    client.received()
    client.send([messages.PING, bytes(messages.MAX_PAYLOAD - 5)])  # its PONG would be too large
    client.send([messages.PING])
    assert not client.session.closing
    client.session.feed(packets.encode([messages.CHUNK, 1, 0, b"x"]), 0)

    def fail(session, number, offset, data) -> None:
        raise RuntimeError("a fault")

    client.host.chunk = fail
    client.send([messages.CHUNK, 1, 0, b"x"])
    assert client.received()[0][:2] == [messages.REFUSED, "protocol"]
    assert client.session.closing
    assert client.host.faults == ["a fault"]


def test_full_board_says_so() -> None:
    client = Client()
    client.session.admits = lambda: False
    client.send([messages.HELLO, messages.PROTOCOL_VERSION, "test", NONCE])
    assert client.received()[0][:2] == [messages.REFUSED, "full"]


def test_silence_and_missing_greeting_close() -> None:
    client = Client()
    client.session.check_silence(GREETING_MS)
    assert not client.session.closing
    client.session.check_silence(GREETING_MS + 1)
    assert client.session.closing
    client = Client()
    client.send([messages.HELLO, messages.PROTOCOL_VERSION, "test", NONCE], 100)
    client.session.check_silence(100 + SILENCE_MS)
    assert not client.session.closing
    client.session.check_silence(101 + SILENCE_MS)
    assert client.session.closing


def test_results_never_displace_answers() -> None:
    client = Client()
    client.send([messages.HELLO, messages.PROTOCOL_VERSION, "test", NONCE])
    client.received()
    client.session.subscribe(True, True, True, False, 0)
    for seq in range(100):
        client.session.push_result(Outgoing(packets.payload_of([messages.CLASSIFICATION, seq])), 0)
        if seq == 50:
            client.session.send([messages.EVENT, 0, "switched", {}])
    arrived = client.received()
    assert arrived[0][0] == messages.EVENT
    assert [m[1] for m in arrived[1:]] == [96, 97, 98, 99]
    assert client.session.outbox.dropped == 96


def test_a_reader_that_never_reads_is_given_up() -> None:
    client = Client()
    client.send([messages.HELLO, messages.PROTOCOL_VERSION, "test", NONCE])
    for i in range(1000):
        client.session.send([messages.EVENT, i, "x", {}])
    assert client.session.closing
    assert client.host.ended


def test_result_rate_is_met_on_average() -> None:
    client = Client()
    client.send([messages.HELLO, messages.PROTOCOL_VERSION, "test", NONCE])
    client.received()
    client.session.subscribe(True, False, False, False, 10)
    taken = 0
    for i in range(300):  # 33 ms frames for 10 s
        client.session.push_result(Outgoing(b"\x90"), i * 33)
        if client.session.outbox.pop() is not None:
            taken += 1
    assert 95 <= taken <= 101


def test_garbage_never_raises() -> None:
    client = Client(True, True)
    for i in range(300):
        noise = bytes((i * 7 + j * 13) & 255 for j in range(i))
        client.session.feed(noise, 0)
        for message in (
            [i],
            [i & 63, None],
            [messages.HELLO],
            [messages.AUTH],
            [messages.HELLO, 1, 2, 3],
        ):
            client.session.feed(packets.encode(message) if message[0] < 128 else b"\0", 0)
    assert client.host.requests == []


class _Steps(Clock):
    """A clock that moves with each look at it."""

    def __init__(self) -> None:
        self.now = 0

    def us(self) -> int:
        self.now += 1000
        return self.now


def test_no_more_is_begun_when_the_time_is_over() -> None:
    client = Client()
    client.send([messages.HELLO, messages.PROTOCOL_VERSION, "test", NONCE])
    client.received()
    client.host.clock = _Steps()
    data = b"".join([packets.encode([messages.REQUEST, n, "status", {}]) for n in range(1, 11)])
    taken = client.session.feed(data, 0, 3000)
    assert [request[0] for request in client.host.requests] == [1, 2, 3]
    # One at least, however late it is; what is left comes next, cut anywhere.
    taken += client.session.feed(data[taken:], 0, 0)
    assert len(client.host.requests) == 4
    assert client.session.feed(data[taken:], 0) == len(data) - taken
    assert [request[0] for request in client.host.requests] == list(range(1, 11))
    assert client.session.taken == 11


def test_empty_packets_are_skipped_in_one_go() -> None:
    client = Client()
    client.host.clock = _Steps()
    hello = packets.encode([messages.HELLO, messages.PROTOCOL_VERSION, "test", NONCE])
    data = bytes(4000) + hello + bytes(4000)
    taken = client.session.feed(data, 0, 0)
    assert taken == 4000 + len(hello)
    assert client.session.open
    assert client.session.feed(data[taken:], 0, 0) == 4000
    assert client.session.taken == 1
    assert client.session.decoder.rejected == 0


def test_what_follows_the_end_of_a_session_is_dropped() -> None:
    client = Client()
    client.send([messages.HELLO, messages.PROTOCOL_VERSION, "test", NONCE])
    data = packets.encode([messages.BYE]) * 3
    assert client.session.feed(data, 0, 0) == len(data)
    assert client.session.taken == 2


def test_an_oversized_packet_of_a_stranger_is_skipped() -> None:
    client = Client()
    client.session.decoder.most = 200
    client.session.feed(b"x" * 500 + b"\0", 0)
    assert client.session.decoder.rejected == 1
    client.send([messages.HELLO, messages.PROTOCOL_VERSION, "test", NONCE])
    assert client.session.open


def numbered(history, count: int) -> None:
    for _ in range(count):
        number = history.newest + 1
        history.add(packets.payload_of([messages.EVENT, number, "track.new", {}, number]))


def follower(history, after) -> tuple:
    client = Client()
    client.send([messages.HELLO, messages.PROTOCOL_VERSION, "test", NONCE])
    client.received()
    client.session.subscribe(False, True, False, False, 0)
    return client, client.session.follow(history, 7, after)


def numbers(client) -> list:
    return [message[4] for message in client.received()]


def test_numbered_events_come_once_and_in_order_however_many() -> None:
    history = History()
    client, lost = follower(history, None)
    assert lost == 0
    numbered(history, 200)  # more than the queue of answers holds
    client.session.send([messages.EVENT, 0, "switched", {}, 0])
    assert client.session.outbox.waits(False)
    assert numbers(client) == [0] + list(range(1, 201))
    assert not client.session.outbox.waits(False)
    numbered(history, 300)
    assert numbers(client) == list(range(245, 501))  # 44 fell out: the numbers tell
    assert not client.session.closing


def test_a_client_that_comes_back_gets_what_it_missed() -> None:
    history = History()
    numbered(history, 300)
    # number that it had, what is lost, the first that it gets
    for after, lost, first in (
        (None, 0, 301),
        ((7, 290), 0, 291),
        ((7, 44), 0, 45),
        ((7, 40), 4, 45),
        ((7, 0), 44, 45),
        ((7, 300), 0, 301),
        ((7, 999), 0, 301),  # of a board that counts anew with the same boot id: none is made up
        ((6, 290), None, 45),
    ):
        client, told = follower(history, after)
        assert told == lost, after
        numbered(history, 1)
        newest = history.newest
        assert numbers(client) == list(range(max(first, newest - 255), newest + 1)), after
        history = History()
        numbered(history, 300)


def test_a_later_subscription_goes_on_where_the_events_were() -> None:
    history = History()
    client, _ = follower(history, None)
    numbered(history, 3)
    client.session.subscribe(True, True, False, False, 0)
    client.session.follow(history, 7, None)
    assert numbers(client) == [1, 2, 3]
    client.session.subscribe(True, False, False, False, 0)
    numbered(history, 2)
    assert numbers(client) == []
    client.session.subscribe(True, True, False, False, 0)
    client.session.follow(history, 7, None)
    numbered(history, 1)
    assert numbers(client) == [6]
    client.send([messages.HELLO, messages.PROTOCOL_VERSION, "another", NONCE])
    numbered(history, 1)
    assert [message[0] for message in client.received()] == [messages.WELCOME, messages.READY]


def test_the_history_is_bounded_in_bytes_too() -> None:
    history = History(256, 1000)
    assert (history.oldest, history.newest) == (1, 0)
    for number in range(1, 50):
        history.add(bytes(90))
        assert history.newest - history.oldest + 1 == min(11, number)
    history.add(bytes(1001))
    assert (history.oldest, history.newest) == (51, 50)
