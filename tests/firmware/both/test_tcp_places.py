"""Who gets a place and whose turn it is on the TCP link; runs on CPython and MicroPython.

The threads of the link do not run here: the tests are the network. The clock is the board's, moved by
what things cost, so that shares of its time can be told exactly on any computer.
"""

import time as real_time

from test_session import KEY, NONCE, Host

from firmware_app.link import tcp, tcp_threads
from firmware_app.link.tcp import MAX_CLIENTS, TcpLink
from firmware_app.link.tcp_threads import MAX_STRANGERS
from firmware_app.wire import messages, packets, seal

SETTINGS = {
    "port": 1,
    "max_clients": 8,
    "key_required": True,
    "sealed": False,
    "encryption": False,
}
FRAME_US = 15000  # between two turns of the link
HELLO_US = 3000  # what a greeting costs
COST_US = 300  # what any look at a packet costs


class _Time:
    """Stands for `time`, and for the gateway's clock."""

    sleep_ms = getattr(real_time, "sleep_ms", None)

    def __init__(self) -> None:
        self.now = 0

    def ticks_us(self) -> int:
        return self.now

    @staticmethod
    def ticks_diff(a: int, b: int) -> int:
        return a - b

    def us(self) -> int:
        self.now += COST_US
        return self.now


class _Socket:
    """The board's end of a connection."""

    def __init__(self) -> None:
        self.sent = b""

    def send(self, data) -> int:
        self.sent += bytes(data)
        return len(data)

    def close(self) -> None:
        pass


class Net:
    """A link, and what its threads would do."""

    def __init__(self, **settings) -> None:
        self.time = tcp.time = _Time()
        self.host = Host()
        self.host.clock = self.time
        self.host.nonce = self._nonce
        self.link = TcpLink(self.host, dict(SETTINGS, **settings), 4, None)

    def _nonce(self) -> bytes:
        self.time.now += HELLO_US
        return bytes(16)

    @property
    def now_ms(self) -> int:
        return self.time.now // 1000

    def connect(self):
        """Accept a connection as the link's thread does; return its slot, None where it may not."""
        free = None
        strangers = 0
        for slot in self.link._slots:
            if slot.close:
                slot.socket = None
                slot.close = False
                self.link._waiters.went += 1
            if slot.socket is None:
                free = slot
            elif not slot.known:
                strangers += 1
        if free is None or strangers >= MAX_STRANGERS:
            return None
        free.address = "10.0.0.%d:4000" % len(self.link._slots)
        free.head = free.tail = 0
        free.known = False
        free.fresh = True
        free.socket = _Socket()
        self.link._waiters.came += 1
        return free

    def arrive(self, slot, data: bytes) -> None:
        """Let bytes arrive, as far as the link's thread takes them."""
        if slot.socket is not None and (slot.known or slot.head == slot.tail):
            slot.inbox[slot.head] = data if slot.known else data[: tcp_threads._STRANGER_CHUNK]
            slot.head = (slot.head + 1) % len(slot.inbox)

    def turn(self) -> int:
        """Let the link have its turn; return what it took, us."""
        start = self.time.now
        self.link.serve(self.now_ms)
        return self.time.now - start

    def run(self, ms: int) -> None:
        for _ in range(ms * 1000 // FRAME_US):
            self.turn()
            self.time.now += FRAME_US

    def join(self):
        """Connect, greet and prove the key; return the slot."""
        slot = self.connect()
        hello = [messages.HELLO, messages.PROTOCOL_VERSION, "test", NONCE]
        self.arrive(slot, packets.encode(hello))
        self.run(200)
        arrived = packets.Decoder().feed(slot.socket.sent)
        welcome = next(each for each in arrived if each[0] == messages.WELCOME)
        handshake = seal.Handshake(KEY, packets.payload_of(hello), packets.payload_of(welcome))
        self.arrive(slot, packets.encode([messages.AUTH, handshake.client_proof()]))
        self.run(200)
        return slot


def hello(number: int) -> bytes:
    name = "stranger %d" % number
    return packets.encode([messages.HELLO, messages.PROTOCOL_VERSION, name, NONCE])


FLOODS = {
    "idle": lambda number: b"",
    "hello": lambda number: hello(number) * 5,
    "zeros": lambda number: bytes(4096),
    "pairs": lambda number: b"\1\0" * 2048,
    "noise": lambda number: bytes([(number * 31 + i * i * 7) % 256 for i in range(4096)]),
    "requests": lambda number: packets.encode([messages.REQUEST, number, "status", {}]) * 100,
    "half packets": lambda number: hello(number)[:20],
    "endless packet": lambda number: b"\x07" * 4096,
}


def flood(net: Net, kind: str, attackers: list, number: int) -> None:
    """Four connections that send all they can, and come back when they were ended."""
    for at in range(4):
        slot = attackers[at]
        if slot is None or slot.close or slot.socket is None:
            slot = attackers[at] = net.connect()
        if slot is not None and slot.head == slot.tail:
            data = FLOODS[kind](number)
            if data:
                net.arrive(slot, data)


def spent_by(net: Net, kind: str) -> int:
    """Return how many microseconds the link took in 700 turns, with a client that is answered in each."""
    client = net.join()
    assert client.known
    attackers = [None] * 4
    spent = 0
    for number in range(700):
        if kind:
            flood(net, kind, attackers, number)
        client.socket.sent = b""
        net.arrive(client, packets.encode([messages.PING, number]))
        spent += net.turn()
        pongs = [m for m in packets.Decoder().feed(client.socket.sent) if m[0] == messages.PONG]
        assert pongs and pongs[0][1] == number, (kind, number)
        net.time.now += FRAME_US
    assert client.session.open
    return spent


def test_strangers_cost_little_whatever_they_send() -> None:
    """The stream keeps its time, and the client's own packets are answered in the turn in which they came."""
    own = spent_by(Net(), "")
    for kind in sorted(FLOODS):
        share = (spent_by(Net(), kind) - own) * 100 // (700 * FRAME_US)
        assert share <= 5, (kind, share)


def test_a_client_gets_in_between_strangers() -> None:
    for kind in sorted(FLOODS):
        net = Net()
        attackers = [None] * 4
        slot = None
        waited = 0
        greeting = [messages.HELLO, messages.PROTOCOL_VERSION, "test", NONCE]
        for number in range(2000):
            if slot is None:
                slot = net.connect()  # it waits in front of those that come back
                if slot is not None:
                    net.arrive(slot, packets.encode(greeting))
            flood(net, kind, attackers, number)
            net.turn()
            net.time.now += FRAME_US
            if slot is not None:
                welcome = [
                    m for m in packets.Decoder().feed(slot.socket.sent) if m[0] == messages.WELCOME
                ]
                if welcome and not waited:
                    handshake = seal.Handshake(
                        KEY, packets.payload_of(greeting), packets.payload_of(welcome[0])
                    )
                    net.arrive(slot, packets.encode([messages.AUTH, handshake.client_proof()]))
                    waited = number
                assert not slot.close, (kind, number)
                if slot.known:
                    break
        assert slot is not None and slot.known, kind
        assert net.now_ms < 8000, (kind, net.now_ms)


def test_strangers_hold_no_places_of_clients() -> None:
    net = Net()
    strangers = [net.connect() for _ in range(MAX_STRANGERS)]
    assert all(strangers)
    assert net.connect() is None
    net.run(3000)  # silent ones make room, one after another
    clients = []
    while len(clients) < MAX_CLIENTS:
        clients.append(net.join())
        assert clients[-1].known
    assert len(net.link.sessions()) == MAX_CLIENTS
    # The ninth is told why, and strangers push nobody out.
    ninth = net.connect()
    net.arrive(ninth, hello(9))
    net.run(100)
    refused = packets.Decoder().feed(ninth.socket.sent)
    assert [m[1] for m in refused if m[0] == messages.REFUSED] == ["full"]
    for _ in range(20):
        net.connect()
        net.run(100)
    assert len(net.link.sessions()) == MAX_CLIENTS


def test_a_client_that_greets_again_keeps_its_place() -> None:
    net = Net(max_clients=2)
    clients = [net.join(), net.join()]
    clients[0].socket.sent = b""
    net.arrive(clients[0], hello(7))
    net.run(100)
    kinds = [m[0] for m in packets.Decoder().feed(clients[0].socket.sent)]
    assert kinds == [messages.WELCOME], kinds
    # Its place waits for its proof.
    third = net.connect()
    net.arrive(third, hello(8))
    net.run(100)
    refused = packets.Decoder().feed(third.socket.sent)
    assert [m[1] for m in refused if m[0] == messages.REFUSED] == ["full"]
    # Who says goodbye gives it back.
    net.arrive(clients[1], packets.encode([messages.BYE]))
    net.run(1000)
    assert net.join().known
