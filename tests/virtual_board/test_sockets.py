"""The board's sockets: the same answers, waits and losses as the port's own code gives.

What is expected here was measured with the port's unmodified socket layer on a PC.
"""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from virtual_board.board import VirtualBoard

from .scripts import OTHER, run_script

pytestmark = pytest.mark.alone

LISTEN = """
import network, select, socket, time
network.WLAN(network.STA_IF)
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("0.0.0.0", 5230))
listener.listen(2)
def accept():
    listener.settimeout(60)  # what is accepted when the time is over is lost
    return listener.accept()
def took(call):
    start = time.ticks_us()
    answer = call()
    return answer, time.ticks_diff(time.ticks_us(), start)
"""


def connect(board: VirtualBoard) -> socket.socket:
    assert board.url is not None
    host, port = board.url.removeprefix("tcp://").rsplit(":", 1)
    peer = socket.create_connection((host, int(port)), timeout=20)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return peer


@pytest.mark.skipif(OTHER is not None, reason="needs the stand-in's sockets")
def test_a_connection_accepted_too_late_is_lost(tmp_path: Path) -> None:
    source = (
        LISTEN
        + """
class Late:
    def accept(self):
        time.sleep_ms(150)  # the interpreter is held by somebody else
        return real.accept()
    def setblocking(self, blocking):
        real.setblocking(blocking)
real = listener._socket
waiting = select._real.poll()
waiting.register(real, select.POLLIN)
while not waiting.poll(10):
    pass
listener._socket = Late()
for seconds in (0, 60):
    listener.settimeout(seconds)
    try:
        listener.accept()
        print("accepted")
    except OSError as error:
        print(error.errno)
"""
    )

    def peers(board: VirtualBoard) -> None:
        with connect(board), connect(board) as second:
            second.recv(1)  # until the board is off

    assert run_script(tmp_path, source, peers).lines == ["11", "accepted"]


def test_without_an_interface_no_socket_works(tmp_path: Path) -> None:
    source = """
import socket
try:
    socket.socket().bind(("0.0.0.0", 5230))
except OSError as error:
    print(error)
"""
    assert run_script(tmp_path, source).lines == ["no available NIC"]


def test_receiving(tmp_path: Path) -> None:
    source = (
        LISTEN
        + """
peer, address = accept()
print(type(address) is tuple, address[0])
peer.setblocking(False)
answer, us = took(lambda: peer.recv(10))
print(answer, us >= 1000)
poller = select.poll()
poller.register(peer, select.POLLIN)
answer, us = took(lambda: poller.poll(0))
print(answer, us >= 1000)
peer.send(b"1")
time.sleep_ms(300)
print([item[1] for item in poller.poll(0)])
print(peer.read(10), peer.recv(10))
peer.send(b"2")
time.sleep_ms(300)
print(peer.recv(3), peer.recv(10))
peer.settimeout(0.2)
answer, us = took(lambda: peer.recv(4))
print(answer, us >= 200000)
peer.setblocking(False)
peer.send(b"3")
time.sleep_ms(300)
print(peer.readline(), peer.read(1), [item[1] for item in poller.poll(0)])
print(peer.recv(4), peer.recv(4))
peer.close()
"""
    )

    def talk(board: VirtualBoard) -> None:
        with connect(board) as peer:
            for chunk in (b"abc", b"defgh", b"a line\nx"):
                assert peer.recv(1)
                peer.sendall(chunk)

    run = run_script(tmp_path, source, beside=talk)
    assert run.lines == [
        "True 127.0.0.1",
        "b'' True",
        "[] True",
        "[1]",
        "None b''",  # fewer than asked for: read() loses what came
        "b'def' b'gh'",
        "recv timeout!",
        "b'' True",
        "b'a line\\n' b'x' [1]",  # the end is readable
        "b'' b''",  # and looks like nothing
    ], run.events


def test_accepting_and_sending(tmp_path: Path) -> None:
    source = (
        LISTEN
        + """
listener.setblocking(False)
def failing():
    try:
        listener.accept()
    except OSError as error:
        return error.errno
answer, us = took(failing)
print(answer, 100000 <= us < 200000)
peer, _ = accept()
peer.setblocking(False)
sent = 0
try:
    while True:
        sent += peer.send(bytes(4096))
except OSError as error:
    print(error.errno, sent > 4096)
print(peer.write(b"more"))
peer.close()
try:
    peer.send(b"x")
except OSError as error:
    print(error.errno)
other = socket.socket()
try:
    other.connect(("127.0.0.1", 1))
except OSError as error:
    print(error.errno)
"""
    )

    def talk(board: VirtualBoard) -> None:
        time.sleep(1)
        with connect(board):
            time.sleep(1)

    run = run_script(tmp_path, source, beside=talk)
    assert run.lines == ["11 True", "11 True", "None", "32", "connect to server faild!", "111"]


@pytest.mark.parametrize("timeout", ["None", "0.4"])
def test_a_waiting_recv_holds_the_interpreter(tmp_path: Path, timeout: str) -> None:
    source = (
        LISTEN
        + f"""
import _thread, gc
longest = [0]
running = [True]
def beat():
    last = time.ticks_ms()
    while running[0]:
        gc.sys_mmz()  # anything that needs the interpreter's lock
        now = time.ticks_ms()
        longest[0] = max(longest[0], time.ticks_diff(now, last))
        last = now
        time.sleep_ms(5)
peer, _ = accept()
peer.settimeout({timeout})
peer.send(b"1")
_thread.start_new_thread(beat, ())
time.sleep_ms(100)
longest[0] = 0
print(peer.recv(3))
time.sleep_ms(100)
print(longest[0] >= 250)
peer.setblocking(False)
longest[0] = 0
for _ in range(100):
    peer.recv(3)
print(longest[0] < 100)
running[0] = False
time.sleep_ms(50)
"""
    )

    def talk(board: VirtualBoard) -> None:
        with connect(board) as peer:
            assert peer.recv(1)
            time.sleep(0.45)
            peer.sendall(b"abc")
            time.sleep(1)

    run = run_script(tmp_path, source, beside=talk)
    assert run.lines[:1] in (["b'abc'"], ["recv timeout!"])
    assert run.lines[-2:] == ["True", "True"], run.lines


def test_asyncio_serves(tmp_path: Path) -> None:
    source = """
import asyncio, network
network.WLAN(network.STA_IF)
done = asyncio.Event()
async def serve(reader, writer):
    writer.write(b"echo " + await reader.readline())
    await writer.drain()
    writer.close()
    done.set()
async def main():
    await asyncio.start_server(serve, "0.0.0.0", 5230)
    await done.wait()
    try:
        await asyncio.open_connection("127.0.0.1", 1)
    except OSError as error:
        print(error.errno)
asyncio.run(main())
"""
    got = b""

    def talk(board: VirtualBoard) -> None:
        nonlocal got
        with connect(board) as peer:
            peer.sendall(b"hello\n")
            got = peer.recv(100)

    run = run_script(tmp_path, source, beside=talk)
    assert got == b"echo hello\n"
    assert run.lines[-1] in ("11", "111")


def test_datagrams(tmp_path: Path) -> None:
    source = (
        LISTEN
        + """
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.setblocking(False)
udp.bind(("0.0.0.0", 5230))
print(udp.recvfrom(10))
peer, _ = accept()
peer.send(b"1")
data = b""
while not data:
    data, address = udp.recvfrom(100)
print(data)
udp.sendto(b"pong", address)
"""
    )
    got = b""

    def talk(board: VirtualBoard) -> None:
        nonlocal got
        with connect(board) as peer, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(5)
            assert peer.recv(1)
            udp.sendto(b"ping", peer.getpeername())
            got = udp.recv(100)

    run = run_script(tmp_path, source, beside=talk)
    assert run.lines == ["(b'', ('0.0.0.0', 0))", "b'ping'"]
    assert got == b"pong"
