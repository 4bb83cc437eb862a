"""Large data over a noisy UART while results flow: both ends of the product, and a clock that only the wire moves.

The board's link and the client's session are the real ones; bytes take their time on a wire of 115200
baud in each direction, where some bits flip and some bytes get lost.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from firmware_app.base.problems import Problems
from firmware_app.link.downloads import Download, Held
from firmware_app.link.outbox import Outgoing
from firmware_app.link.uart import UartLink
from firmware_app.wire import messages, packets
from host_client.link.calls import Receiving, Transfer
from host_client.link.greeting import Settings
from host_client.link.session import ClientSession

BAUDRATE = 115200
BYTE_US = 10_000_000 / BAUDRATE
FRAME_US = 33_333
TURN_US = 200  # of the board's loop, when there is nothing to write
RING = 16384  # bytes that the board's UART driver keeps
WIRE = {
    "id": 1,
    "baudrate": BAUDRATE,
    "tx": None,
    "rx": None,
    "publish": "on_request",
    "key_required": False,
    "share": 90,
}
DATA = random.Random(5).randbytes(500_000)


class Clock:
    now_us = 0

    def us(self) -> int:
        return self.now_us

    def ms(self) -> int:
        return self.now_us // 1000


class Identity:
    version, name, board_id, boot_id, key = "1", "board", "00aa", 7, b""


class Gateway:
    """What the link asks of the board; one command is known, and begins a download."""

    identity = Identity()

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.taken = bytearray()
        self.asked = 0

    def nonce(self) -> bytes:
        return bytes(16)

    def opened(self, session: Any) -> None:
        session.subscribe(True, True, True, False, 0)

    def closed(self, session: Any) -> None:
        raise AssertionError(f"the session ended: {session.closing}")

    def failed(self, error: BaseException) -> None:
        raise error

    def request(self, session: Any, request: Any, command: str, arguments: dict[str, Any]) -> None:
        self.asked += 1
        if command == "get":
            source: Any = Held(DATA)
            clock: Any = self.clock
            session.downloads.append(Download(3, source, 0, session.chunk, clock))
        session.reply(request, {"transfer": 3})

    def chunk(self, session: Any, number: int, offset: int, data: bytes) -> None:
        if offset == len(self.taken):
            self.taken += data
        session.send([messages.TAKEN, number, len(self.taken)])


class Line:
    """One direction: bytes that arrive when their time has come, if the noise lets them."""

    def __init__(self, clock: Clock, chance: random.Random, flips: float, losses: float) -> None:
        self._clock = clock
        self._chance = chance
        self._rates = flips, losses
        self._free_us = 0.0
        self._under_way: deque[tuple[float, bytes]] = deque()
        self.bytes = 0

    def put(self, data: bytes) -> None:
        self._free_us = max(self._free_us, self._clock.now_us) + len(data) * BYTE_US
        self.bytes += len(data)
        self._under_way.append((self._free_us, self._noisy(data)))

    def take(self) -> bytes:
        found = b""
        while self._under_way and self._under_way[0][0] <= self._clock.now_us:
            found += self._under_way.popleft()[1]
        return found

    def _noisy(self, data: bytes) -> bytes:
        flips, losses = self._rates
        if self._chance.random() > len(data) * (8 * flips + losses):
            return data
        noisy = bytearray(data)
        at = self._chance.randrange(len(noisy))
        if self._chance.random() * (8 * flips + losses) < losses:
            del noisy[at]
        else:
            noisy[at] ^= 1 << self._chance.randrange(8)
        return bytes(noisy)


class Uart:
    """The board's end, as its driver: a write takes the time of its bytes, a read does not wait."""

    def __init__(self, clock: Clock, up: Line, down: Line) -> None:
        self._clock, self._up, self._down = clock, up, down
        self._ring = b""

    def read(self) -> bytes:
        data = (self._ring + self._up.take())[:RING]
        self._ring = b""
        return data

    def write(self, data: Any) -> int:
        self._down.put(bytes(data))
        self._clock.now_us += round(len(data) * BYTE_US)
        return len(data)


class Wired:
    """A board and a client at the two ends of a wire."""

    def __init__(self, seed: int, flips: float, losses: float, boxes: int = 5) -> None:
        self.clock = Clock()
        chance = random.Random(seed)
        self._up = Line(self.clock, chance, flips, losses)
        self.down = Line(self.clock, chance, flips, losses)
        self.board = Gateway(self.clock)
        gateway: Any = self.board
        self._link = UartLink(gateway, WIRE, Problems())
        self._link._uart = Uart(self.clock, self._up, self.down)
        self._link._renew(0)
        settings = Settings(baudrate=BAUDRATE, greeting_timeout=60)
        self.client = ClientSession(lambda _: None, settings, 0.0)
        self._boxes = boxes
        self._frame_us = 0
        self.made = 0
        self.results = 0

    @property
    def now(self) -> float:
        return self.clock.now_us / 1e6

    def step(self) -> None:
        """One turn of the board's loop, and what the client does meanwhile."""
        clock = self.clock
        if clock.now_us >= self._frame_us and self._link.session.results:
            self._frame_us += FRAME_US
            self.made += 1
            head = [messages.DETECTION, self.made, clock.ms(), 1, bytes(range(8)) * self._boxes]
            outgoing = Outgoing(packets.payload_of(head))
            self._link.session.push_result(outgoing, clock.ms())
        begun = clock.now_us
        self._link.serve(clock.ms())
        if clock.now_us == begun:
            clock.now_us += TURN_US
        data = self.down.take()
        if data:
            self.results += len(
                [m for m in self.client.receive(data, self.now) if m[0] == messages.DETECTION]
            )
        if self.now >= self.client.deadline():
            self.client.tick(self.now)
        assert self.client.error is None, self.client.error
        said = self.client.data_to_send()
        if said:
            self._up.put(said)

    def until(self, done: Any, seconds: float) -> None:
        end = self.now + seconds
        while not done():
            assert self.now < end, f"after {seconds:g} s of the wire's time it is not done"
            self.step()


# Of each bit to flip, and each byte to get lost; seconds that it may take each way, where 500,000 bytes
# take 44 s on the line alone; and the share of the results that must come. A packet of 200 bytes gets
# through 100, 98 and 92 of 100 times.
NOISE: dict[str, tuple[float, float, int, int, float]] = {
    "none": (0.0, 0.0, 60, 50, 0.99),
    "some": (8e-6, 1e-6, 65, 60, 0.98),
    "much": (5e-5, 1e-5, 180, 260, 0.95),
}


def asked(noise: str, seed: int, command: str) -> Wired:
    """Return both ends of a wire, once the board has answered a command."""
    flips, losses, *_ = NOISE[noise]
    wired = Wired(seed, flips, losses)
    wired.until(lambda: wired.client.ready, 60)
    call = wired.client.request(command, {}, 60, wired.now)
    wired.until(lambda: call.done, 60)
    return wired


def moved(wired: Wired, noise: str, done: Callable[[], bool], limit_s: int) -> None:
    """Wait for large data to be there; so many results as the noise allows come meanwhile."""
    results, made = wired.results, wired.made
    wired.until(done, limit_s)
    share = (wired.results - results) / (wired.made - made)
    assert share >= NOISE[noise][4], f"{wired.results - results} of {wired.made - made} results"


@pytest.mark.slow
@pytest.mark.parametrize("noise", NOISE)
def test_half_a_megabyte_comes_while_results_flow(noise: str) -> None:
    wired = asked(noise, 1, "get")
    came = bytearray()
    receiving = Receiving(3, len(DATA), came, wired.now)
    wired.client.receive_transfer(receiving, wired.now)
    moved(wired, noise, lambda: receiving.done, NOISE[noise][2])
    assert receiving.error is None and came == DATA


@pytest.mark.slow
@pytest.mark.parametrize("noise", NOISE)
def test_half_a_megabyte_goes_while_results_flow(noise: str) -> None:
    wired = asked(noise, 2, "put")
    window = messages.CHUNK_SIZE * 15
    transfer: Transfer = wired.client.transfer(3, DATA, 0, window, wired.now)
    moved(wired, noise, lambda: transfer.done, NOISE[noise][3])
    assert transfer.error is None and wired.board.taken == DATA
