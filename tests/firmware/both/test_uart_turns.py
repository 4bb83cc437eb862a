"""What arrives on a wire is taken in turns; runs on CPython and MicroPython."""

import card_tools  # noqa: F401  (names the modules that are only on a board)
from test_session import NONCE, Host

from firmware_app.base.problems import Problems
from firmware_app.link.uart import UartLink
from firmware_app.wire import messages, packets

SETTINGS = {
    "id": 1,
    "baudrate": 115200,
    "tx": None,
    "rx": None,
    "publish": "on_request",
    "key_required": False,
    "share": 90,
}
COST_US = 200  # of each look at a packet


class _Clock:
    now = 0

    def us(self) -> int:
        self.now += COST_US
        return self.now


class _Wire:
    def __init__(self) -> None:
        self.waiting = b""
        self.sent = b""

    def read(self) -> bytes:
        data, self.waiting = self.waiting, b""
        return data

    def write(self, data) -> int:
        self.sent += bytes(data)
        return len(data)


def fresh():
    host = Host()
    host.clock = _Clock()
    link = UartLink(host, SETTINGS, Problems())
    wire = link._uart = _Wire()
    link._renew(0)
    return link, wire, host.clock


def test_noise_takes_a_few_milliseconds_of_a_turn() -> None:
    link, wire, clock = fresh()
    wire.waiting = b"\1\0" * 5000
    turns = 0
    while link._unfed or wire.waiting:
        start = clock.now
        assert link.serve(0)
        turns += 1
        assert clock.now - start <= 4500, clock.now - start
    assert turns > 100
    assert link.rejected == 5000
    # Behind it a greeting is heard.
    wire.waiting = packets.encode([messages.HELLO, messages.PROTOCOL_VERSION, "test", NONCE])
    for _ in range(50):
        link.serve(0)
    kinds = [message[0] for message in packets.Decoder().feed(wire.sent)]
    assert kinds == [messages.WELCOME, messages.READY]


def test_zeros_take_no_time() -> None:
    link, wire, clock = fresh()
    wire.waiting = bytes(100000)
    start = clock.now
    link.serve(0)
    assert not link._unfed and clock.now - start < 3000
