"""What is there and is no board: the likely cause by what arrived, in seconds, and `k230 doctor`."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import pty
import threading
import tty
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from firmware_app.wire import messages, packets
from host_client import Board, ConnectionFailed, NoGreeting, State, StateChange
from host_client.check import doctor
from host_client.link import driver, strangers
from host_client.link.address import SerialAddress
from host_client.link.greeting import GREETING_TIMEOUT
from tests.servers import Server

HELLO = packets.packet_of(packets.payload_of([messages.HELLO, 2, "host_client", bytes(16)]))
REPL = b"host_client\r\nTraceback (most recent call last):\r\nSyntaxError\r\n>>> "
NOISE = bytes((byte * 157 + 99) & 0xFF for byte in HELLO * 20)
# Bytes that arrive, whole packets among them, baud rate -> code, words.
CAUSES = [
    (b"", 0, None, "silence", "nothing arrives: the service is busy"),
    (b"", 0, 115200, "silence", "TX and RX are swapped"),
    (b"\0" + HELLO, 0, 115200, "echo", "TX and RX are connected"),
    (HELLO * 3, 0, None, "echo", "an echo server"),
    (REPL, 0, 115200, "repl", "a MicroPython REPL answers"),
    (b"\r\n>>> ", 0, 115200, "repl", "a MicroPython REPL answers"),
    (bytes(b for b in HELLO if 32 <= b < 127), 0, 115200, "repl", "a MicroPython REPL answers"),
    (b"CanMV v1.4 (based on MicroPython)\r\n", 0, 115200, "repl", "a MicroPython REPL"),
    (b"SSH-2.0-OpenSSH_9.6\r\n", 0, None, "protocol", "an SSH server answered"),
    (b"HTTP/1.1 400 Bad Request\r\n\r\n", 0, None, "protocol", "a web server (HTTP) answered"),
    (b"220 mail.example ESMTP\r\n", 0, None, "protocol", "a mail or FTP server answered"),
    (b"\x15\x03\x01\x00\x02\x02\x46", 0, None, "protocol", "a TLS server answered"),
    (b"\xff\xfd\x18\xff\xfd\x20", 0, None, "protocol", "a Telnet server answered"),
    (b"\x01\x02\x03" * 30, 0, None, "protocol", "bytes of another protocol arrive (01 02 03"),
    (b"temp=21.5 hum=40\r\n" * 9, 0, 115200, "text", "text arrived ('temp=21.5 hum=40"),
    (b"raspberrypi login: ", 0, 115200, "text", "a computer's console answered ('raspberrypi"),
    (HELLO * 9, 9, 115200, "echo", "TX and RX are connected"),
    (b"\x09\x01\0" * 9, 9, 115200, "packets", "results arrive, but the board does not answer"),
    (NOISE, 0, 115200, "noise", "the board's baud rate is not 115200"),
    (b"\0" * 64, 0, 115200, "noise", "64 bytes arrive"),
    (b"\x15\x03", 0, 115200, "noise", "2 bytes arrive"),
]


@pytest.mark.parametrize(("arrived", "whole", "baudrate", "code", "words"), CAUSES)
def test_the_cause_by_what_arrived(
    arrived: bytes, whole: int, baudrate: int | None, code: str, words: str
) -> None:
    found = strangers.cause(arrived[: strangers.KEPT], len(arrived), whole, HELLO, baudrate)
    assert found.code == code
    assert words in found.text
    assert found.text.isprintable()


def test_ten_seconds_are_the_default_everywhere() -> None:
    assert GREETING_TIMEOUT == 10
    assert inspect.signature(Board.connect).parameters["greeting_timeout"].default == 10


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorter waits: the rules are the same."""
    monkeypatch.setattr(driver, "_PATIENCE", 0.05)
    monkeypatch.setattr(doctor, "LISTEN_S", 0.05)


@contextlib.asynccontextmanager
async def server(speech: bytes, ends: bool) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\0")
        writer.write(speech)
        if not ends:
            await reader.read(-1)

    async with Server(serve) as made:
        yield made.url


@pytest.mark.parametrize("ends", [False, True], ids=["waits", "hangs up"])
async def test_over_the_network(ends: bool) -> None:
    told: list[StateChange] = []
    async with server(b"SSH-2.0-OpenSSH_9.6\r\n", ends) as url:
        with pytest.raises(NoGreeting) as caught:
            await Board.connect(url, greeting_timeout=0.3, on_state=told.append)
    why = (
        "the board closed the connection during the greeting" if ends else "no greeting within 0 s"
    )
    assert str(caught.value) == (
        f"{url}: {why}: an SSH server answered, not a K230 service (`k230 doctor {url}` looks closer)"
    )
    assert (caught.value.cause, caught.value.exit_code) == ("protocol", 3)
    if not ends:
        assert [change.state for change in told][:2] == [State.CONNECTING, State.GREETING]
        assert [change.state for change in told].count(State.GREETING) == 1


async def test_what_hangs_up_without_a_word_says_nothing_of_itself() -> None:
    async with server(b"", True) as url:
        with pytest.raises(ConnectionFailed) as caught:
            await Board.connect(url)
    assert not isinstance(caught.value, NoGreeting)
    assert str(caught.value).endswith("the board closed the connection during the greeting")


@contextlib.contextmanager
def line(answer: Callable[[bytes], bytes]) -> Iterator[str]:
    """Yield the URL of a tty at whose other end something answers."""
    master, slave = pty.openpty()
    tty.setraw(slave)

    def speak() -> None:
        with contextlib.suppress(OSError):
            while True:
                os.write(master, answer(os.read(master, 4096)))

    thread = threading.Thread(target=speak)
    thread.start()
    try:
        yield f"serial://{os.ttyname(slave)}?baudrate=115200"
    finally:
        with contextlib.suppress(OSError):
            os.write(slave, b"\0")  # the reader wakes up ...
        os.close(slave)
        thread.join(5)  # ... and finds nobody
        os.close(master)


def repl(data: bytes) -> bytes:
    return bytes(byte for byte in data if 32 <= byte < 127)


@pytest.mark.parametrize(
    ("answer", "code", "what", "words"),
    [
        (bytes, "echo", "wires", "every byte is returned: TX and RX are connected to each other"),
        (repl, "repl", "console", "a MicroPython REPL answers"),
        (lambda _: b"OK\r\n", "text", "port", "text arrived ('OK"),
        (lambda _: b"\xf1\x80\x00\xfe", "noise", "baud rate", "no complete packet"),
    ],
    ids=["loop", "repl", "text", "noise"],
)
async def test_over_a_wire_connect_and_doctor_name_the_same_cause(
    answer: Any, code: str, what: str, words: str
) -> None:
    with line(answer) as url:
        with pytest.raises(NoGreeting) as caught:
            await Board.connect(url, greeting_timeout=0.3)
        assert caught.value.cause == code
        doctor_board = Board.connect

        def quick(*arguments: Any, **options: Any) -> Board:
            return doctor_board(*arguments, greeting_timeout=0.3, **options)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Board, "connect", quick)
            rows = await doctor.look_at_url(url, None)
        assert [(row.what, row.state) for row in rows] == [(what, "trouble")]
        assert rows[0].text.split(",")[-1] == caught.value.reason.split(",")[-1]  # but for counts
        assert "nothing arrives" not in rows[0].text
        assert words in rows[0].text


def test_doctor_listens_where_nothing_came() -> None:
    with line(lambda _: b"") as url:
        path = url.removeprefix("serial://").partition("?")[0]
        row = doctor._serial_trouble(SerialAddress(path, 115200), NoGreeting("no greeting"))
    assert (row.what, row.state) == ("wires", "trouble")
    assert row.text.endswith("or the service is not running")
