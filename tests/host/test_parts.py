"""The small parts: addresses, the clock, streams, errors, exports."""

from __future__ import annotations

import asyncio
import importlib
import random
import re
import time

import pytest

import host_client
from host_client import AddressError, BoardClock, SerialAddress, Stream, TcpAddress, parse_address
from host_client.base.exceptions import K230Error
from host_client.link.clock import DRIFT


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("tcp://board", TcpAddress("board", 5230)),
        ("tcp://192.168.1.7:99/", TcpAddress("192.168.1.7", 99)),
        ("tcp://[::1]:99", TcpAddress("::1", 99)),
        ("serial:///dev/ttyUSB0", SerialAddress("/dev/ttyUSB0", 115200)),
        ("serial:///dev/pts/3?baudrate=115200", SerialAddress("/dev/pts/3", 115200)),
        ("serial:///tmp/a%20b", SerialAddress("/tmp/a b", 115200)),
        ("serial:///COM3", SerialAddress("COM3", 115200)),
        ("localhost", TcpAddress("localhost", 5230)),
        ("localhost:6000", TcpAddress("localhost", 6000)),
        ("192.168.1.7", TcpAddress("192.168.1.7", 5230)),
        ("board.local:5230", TcpAddress("board.local", 5230)),
        ("::1", TcpAddress("::1", 5230)),
        ("[fe80::1]:5231", TcpAddress("fe80::1", 5231)),
        ("/dev/ttyUSB0", SerialAddress("/dev/ttyUSB0", 115200)),
        ("/dev/ttyUSB0?baudrate=115200", SerialAddress("/dev/ttyUSB0", 115200)),
        ("COM3", SerialAddress("COM3", 115200)),
    ],
)
def test_addresses(url: str, address: object) -> None:
    assert parse_address(url) == address
    assert parse_address(str(parse_address(url))) == address


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("", "is not"),
        ("board", "is not"),
        ("detection", "is not"),
        ("localhost:0", "1 to 65535"),
        ("http://board", "expected tcp://HOST"),
        ("tcp://", "found no host"),
        ("tcp://board:0", "1 to 65535"),
        ("tcp://board:x", "1 to 65535"),
        ("tcp://board:70000", "1 to 65535"),
        ("tcp://board/path", "after the port"),
        ("tcp://[::1", "is not"),
        ("serial://dev/ttyUSB0", "three slashes"),
        ("serial:///", "found no tty"),
        ("serial:///dev/tty?baud=9600", "found 'baud'"),
        ("serial:///dev/tty?baudrate=fast", "from 300 to"),
        ("serial:///dev/tty?baudrate=", "from 300 to"),
    ],
)
def test_bad_addresses(url: str, text: str) -> None:
    with pytest.raises(AddressError, match=re.escape(text)):
        parse_address(url)


def test_clock_is_right_within_its_uncertainty_through_delays_and_drift() -> None:
    numbers = random.Random(3)
    clock = BoardClock()
    assert clock.host_time(5) == (None, None)
    now, drift = time.monotonic(), 40e-6

    def board(host: float) -> float:
        return (host - now) * (1 + drift) + 7.0

    widest = 0.0
    for step in range(400):
        sent = now + 3.0 * step
        there, back = numbers.expovariate(1 / 0.02), numbers.expovariate(1 / 0.02)
        there += 0.5 if step % 7 else 0.0  # a frame was being computed
        clock.add(sent, sent + there + back, board(sent + there))
        if step < 10:
            continue
        moment = sent + 1.0
        host, uncertainty = clock.host_time(int(board(moment) * 1000))
        assert host is not None
        assert uncertainty is not None
        true = moment + time.time() - time.monotonic()
        assert abs(host - true) <= uncertainty + 1e-4
        widest = max(widest, uncertainty)
    assert widest < 0.1
    assert drift < DRIFT


async def test_streams_have_one_reader_and_drop_the_oldest() -> None:
    stream: Stream[int] = Stream(2)
    for item in range(5):
        stream.push(item)
    assert [await stream.__anext__(), await stream.__anext__()] == [3, 4]
    assert stream.dropped == 3
    waiting = asyncio.ensure_future(stream.__anext__())
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="one reader"):
        await stream.__anext__()
    stream.push(9)
    assert await waiting == 9
    waiting = asyncio.ensure_future(stream.__anext__())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    stream.push(10)
    stream.end(K230Error("over"))
    stream.push(11)
    assert await stream.__anext__() == 10
    with pytest.raises(K230Error, match="over"):
        await stream.__anext__()


def test_exports() -> None:
    assert sorted(host_client.__all__) == host_client.__all__
    for name in host_client.__all__:
        assert hasattr(host_client, name), name
    assert {"Board", "AuthenticationError", "VersionError", "ConnectionFailed", "LinkLost"} <= set(
        host_client.__all__
    )


def test_the_demos_latencies_in_order_for_few_results_too() -> None:
    meter = importlib.import_module("host_client.cli.demo").Meter()
    assert meter.latency() is None
    meter.latencies = [5.0, 1.0]
    assert meter.latency() == (3.0, 5.0)
    meter.latencies = [float(i) for i in range(1, 201)]
    assert meter.latency() == (100.5, 198.0)
