"""What a board answers to those that look for one; runs on CPython and MicroPython."""

from firmware_app.link import discovery
from firmware_app.link.discovery import Discovery
from firmware_app.wire import messages, packets


class _Identity:
    board_id = "0123456789abcdef"
    name = "K" * 32
    version = "10.20.30"


class _Time:
    """Stands for `time`."""

    now = 0

    @staticmethod
    def ticks_ms() -> int:
        return _Time.now

    @staticmethod
    def ticks_diff(a: int, b: int) -> int:
        return a - b


discovery.time = _Time


def seek(number, size: int = 240) -> bytes:
    return packets.encode([messages.SEEK, number, b"\xff" * max(0, size - 16)])


def fresh() -> Discovery:
    return Discovery(_Identity(), 5230, True)


def test_one_answer_to_a_question() -> None:
    (answer,) = packets.Decoder().feed(fresh().answer(seek(7)))
    assert answer[:5] == [messages.HERE, 7, _Identity.board_id, _Identity.name, _Identity.version]
    assert answer[5:] == [messages.FLAG_KEY_REQUIRED, messages.PROTOCOL_VERSION]


def test_no_more_bytes_than_were_asked_with() -> None:
    board = fresh()
    for size in range(16, 250):
        asked = seek(7, size)
        assert len(board.answer(asked)) <= len(asked), size
    assert board.answer(seek(7, 16)) == b""
    # Many questions in one datagram are one.
    many = packets.encode([messages.SEEK, 1]) * 20
    assert len(board.answer(many)) <= len(many)
    assert len(packets.Decoder().feed(board.answer(many))) <= 1


def test_what_is_no_question_gets_no_answer() -> None:
    board = fresh()
    for message in (
        [messages.SEEK, "7", bytes(200)],
        [messages.SEEK, True, bytes(200)],
        [messages.HERE, 7, bytes(200)],
        [messages.HELLO, 2, "x", bytes(200)],
    ):
        assert board.answer(packets.encode(message)) == b"", message
    for data in (b"", bytes(240), b"\xff" * 240, seek(7)[:-1], seek(7)[1:]):
        assert board.answer(data) == b""


class _Port:
    """A UDP port at which somebody asks all the time."""

    answers = 0

    def recvfrom(self, size: int):
        return seek(7), ("10.0.0.9", 4000)

    def sendto(self, data: bytes, address) -> None:
        self.answers += 1


def test_a_flood_of_questions_is_answered_twenty_times_a_second() -> None:
    board = fresh()
    port = board._listener = _Port()
    for _ in range(10000):
        _Time.now += 1
        board.serve()
    assert 180 <= port.answers <= 200, port.answers


def test_a_board_that_is_not_to_be_found_is_silent_at_once() -> None:
    board = fresh()
    port = board._listener = _Port()
    for on, answers in ((False, 0), (True, 1)):
        board.on = on
        _Time.now += 1000
        board.serve()
        assert port.answers == answers
    _Identity.name = "another"
    (answer,) = packets.Decoder().feed(board.answer(seek(7)))
    assert answer[3] == "another"  # renamed meanwhile
    _Identity.name = "K" * 32
