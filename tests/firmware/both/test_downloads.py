"""What goes to a client in chunks: each byte once, whatever gets lost, and little of it in memory."""

import os

from firmware_app.link.downloads import Download, Held, Parts
from firmware_app.wire import messages


class Clock:
    now = 0

    def ms(self) -> int:
        return self.now


class Client:
    """Takes chunks in order, as a client does, and may lose them."""

    def __init__(self, download, lose) -> None:
        self.download = download
        self.data = b""
        self.lose = lose
        self.sent = 0
        self.broken = None

    def turn(self) -> bool:
        """Let one message pass; return whether there was one."""
        message = self.download.message()
        if message is None:
            return False
        self.sent += 1
        if self.lose():
            return True
        assert message[0] == messages.CHUNK and message[1] == 7
        if message[3] is None:
            self.broken = message[4]
            return True
        assert len(message[3]) <= 512
        if message[2] == len(self.data):
            self.data += message[3]
        if not self.lose():
            self.download.taken(len(self.data))
        return True


def begin(source, lose=lambda: False, offset: int = 0):
    clock = Clock()
    return Client(Download(7, source, offset, 512, clock), lose), clock


def pattern(size: int) -> bytes:
    return bytes([i * 7 % 251 for i in range(size)])


class Dice:
    """Loses every third or so, the same each time."""

    state = 12345

    def __call__(self) -> bool:
        self.state = (self.state * 1103515245 + 12345) & 0x7FFFFFFF
        return self.state >> 16 & 3 == 0


def test_all_of_it_arrives() -> None:
    for size in (1, 511, 512, 513, 2048, 5000):
        for lose in (lambda: False, Dice()):
            client, clock = begin(Held(pattern(size)), lose)
            for _ in range(3000):
                if client.download.done:
                    break
                if not client.turn():
                    clock.now += 100
            assert client.download.done and client.data == pattern(size), size


def test_no_more_is_under_way_than_the_window() -> None:
    client, clock = begin(Held(pattern(20000)), lambda: True)
    while client.turn():
        pass
    assert client.sent == 4
    clock.now += 2000
    assert not client.turn()
    clock.now += 1100  # nothing is heard of it: it is sent again
    assert client.turn()
    while not client.download.done:
        clock.now += 500
        client.turn()
    assert 30000 < clock.now < 40000  # and given up


def test_it_goes_on_where_a_link_was_lost() -> None:
    client, _ = begin(Held(pattern(3000)), offset=1700)
    client.data = pattern(3000)[:1700]
    while not client.download.done:
        assert client.turn()
    assert client.data == pattern(3000)


def test_what_a_client_says_is_checked() -> None:
    download = Download(7, Held(pattern(3000)), 0, 512, Clock())
    download.message()
    for odd in (-1, 513, 3000, 1 << 70, "x", 1.0, True, b"", []):
        download.taken(odd)
        assert not download.done and download._taken == 0, odd
    download.taken(512)
    assert download._taken == 512
    download.taken(None)
    assert download.done


class Failing:
    size = 3000

    def __init__(self, answer) -> None:
        self.answer = answer

    def read(self, offset: int, length: int) -> bytes:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_a_card_that_fails_is_told() -> None:
    for answer, code in ((OSError(5), "failed"), (MemoryError(), "failed"), (b"", "damaged")):
        client, _ = begin(Failing(answer))
        assert client.turn() and client.broken == code
        assert client.download.done


def test_files_behind_each_other() -> None:
    names = ("test_downloads.a", "test_downloads.b", "test_downloads.c")
    parts = []
    whole = b""
    for name, size in zip(names, (700, 0, 3000)):
        with open(name, "wb") as file:
            file.write(pattern(size))
        parts.append((name, size))
        whole += pattern(size)
    try:
        client, _ = begin(Parts(parts))
        while not client.download.done:
            assert client.turn()
        assert client.data == whole
        client, _ = begin(Parts(parts))
        assert client.turn()
        os.remove(names[2])
        for _ in range(20):
            if client.download.done:
                break
            client.turn()
        assert client.broken == "failed"
    finally:
        for name in names:
            try:
                os.remove(name)
            except OSError:
                pass
