"""Events of 20 objects over a wire of 115200 baud, with and without results beside them; no time but the wire's."""

import gc

import card_tools  # noqa: F401  (names the modules that are only on a board)
from test_session import NONCE, Host

from firmware_app.base.problems import Problems
from firmware_app.events.counters import Counters
from firmware_app.events.follower import Follower
from firmware_app.events.rules import Rules
from firmware_app.link.publisher import Publisher
from firmware_app.link.uart import UartLink
from firmware_app.settings.reader import read_task
from firmware_app.wire import messages, packets

OBJECTS = 20
BAUDRATE = 115200
FRAME_US = 33333
FRAMES = 360
MOST_LATE_MS = 1000
TASK = """task: detection
package: /sdcard/p
events:
  enabled: true
  zones:
    - {name: upper left, points: [[0, 0], [320, 0], [320, 240], [0, 240]]}
    - {name: upper right, points: [[320, 0], [640, 0], [640, 240], [320, 240]]}
    - {name: lower left, points: [[0, 240], [320, 240], [320, 480], [0, 480]]}
    - {name: lower right, points: [[320, 240], [640, 240], [640, 480], [320, 480]]}
  lines:
    - {name: middle, from: [320, 0], to: [320, 480]}
"""


class Clock:
    now = 0

    def us(self) -> int:
        return self.now

    def ms(self) -> int:
        return self.now // 1000


class Wire:
    """Takes the time of each byte, as on the board, where a write holds the interpreter."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._decoder = packets.Decoder()
        self.waiting = b""
        self.kinds: list = []
        self.events: list = []  # number, milliseconds from the frame to the last byte

    def read(self) -> bytes:
        data, self.waiting = self.waiting, b""
        return data

    def write(self, data) -> int:
        self._clock.now += len(data) * 10_000_000 // BAUDRATE
        for message in self._decoder.feed(bytes(data)):
            self.kinds.append(message[0])
            if message[0] == messages.EVENT:
                self.events.append((message[4], message[2], self._clock.now // 1000 - message[1]))
        return len(data)


class Board:
    """A wire, and objects that walk across the frame together, go, and come back."""

    def __init__(self, publish: str) -> None:
        host = Host()
        self.clock = host.clock = Clock()
        settings = {
            "id": 1,
            "baudrate": BAUDRATE,
            "tx": None,
            "rx": None,
            "publish": publish,
            "key_required": False,
            "share": 90,
        }
        self.link = UartLink(host, settings, Problems())
        self.wire = self.link._uart = Wire(self.clock)
        self.link._renew(0)
        self.publisher = Publisher(self, self.clock)
        self.publisher.set_model([messages.MODEL, 1])
        rules = Rules(read_task(TASK, "task.yaml").values["events"], ["person"], 640, 480)
        self._follower = Follower(rules, Counters([1, 0, None]), self.publisher.numbered)

    def sessions(self) -> list:
        return self.link.sessions()

    def greet(self) -> None:
        """Let a client ask for results and events."""
        hello = [messages.HELLO, messages.PROTOCOL_VERSION, "test", NONCE]
        self.wire.waiting = packets.encode(hello)
        self.link.serve(0)
        session = self.link.session
        assert session.open
        session.subscribe(True, True, True, False, 0)
        session.follow(self.publisher.history, 7, None)

    def run(self) -> None:
        frame = 0
        clock = self.clock
        while frame < FRAMES or self.link.due():
            if frame < FRAMES and clock.now >= frame * FRAME_US:
                self._frame(frame, frame * FRAME_US // 1000)
                frame += 1
            before = clock.now
            self.link.serve(clock.ms())
            if clock.now == before:
                clock.now += 500

    def _frame(self, frame: int, time_ms: int) -> None:
        boxes = []
        if frame % 120 < 80:  # then they are gone for longer than lost_ms
            step = 4 * (frame % 120)
            for i in range(OBJECTS):
                x = 10 + 62 * (i % 5) + step
                boxes.append([x, 10 + 115 * (i // 5), 40, 80, 900, 0])
        self._follower.take(messages.DETECTION, time_ms, [boxes])
        result = [messages.DETECTION, frame, time_ms, 1, bytes(8 * OBJECTS)]
        self.publisher.result(result, time_ms, 0)
        if frame % 30 == 0:
            self.publisher.statistics({"results": frame}, time_ms)


def check(board: Board) -> None:
    gc.collect()  # what the run left fills the small heap of MicroPython's tests
    numbers = [number for number, _, _ in board.wire.events]
    assert numbers == list(range(1, board.publisher.history.newest + 1))
    kinds = [kind for _, kind, _ in board.wire.events]
    assert kinds.count("track.new") == kinds.count("track.end") == 3 * OBJECTS
    assert kinds.count("zone.enter") == kinds.count("zone.leave") >= 3 * OBJECTS
    assert kinds.count("line.cross") >= 3 * OBJECTS // 2
    latest = max(late for _, _, late in board.wire.events)
    assert latest <= MOST_LATE_MS, latest


def test_events_go_out_unasked_and_alone() -> None:
    board = Board("events")
    board.run()
    check(board)
    assert set(board.wire.kinds) == {messages.EVENT, messages.STATISTICS}


def test_events_beside_results() -> None:
    board = Board("on_request")
    board.greet()
    board.run()
    check(board)
    assert board.wire.kinds.count(messages.DETECTION) > FRAMES // 4


def test_results_go_out_unasked_without_events() -> None:
    board = Board("always")
    board.run()
    assert not board.wire.events
    assert set(board.wire.kinds) == {messages.MODEL, messages.DETECTION, messages.STATISTICS}


def test_a_client_of_the_wire_gets_what_it_asks_for_and_then_the_reader_goes_on() -> None:
    board = Board("events")
    board.greet()
    board.link.session.subscribe(False, False, False, False, 0)
    board.publisher.numbered(0, "track.new", {"track": 1})
    board.link.session.close("it said goodbye")
    for _ in range(100):
        board.link.serve(0)
    assert messages.EVENT not in board.wire.kinds
    board.publisher.numbered(0, "track.new", {"track": 2})
    for _ in range(100):
        board.link.serve(0)
    assert [number for number, _, _ in board.wire.events] == [2]
