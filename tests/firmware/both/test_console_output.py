"""What goes to the console is bounded until somebody types; runs on CPython and MicroPython."""

from firmware_app.base import console


class _Sys:
    """CPython's sys has no print_exception."""

    @staticmethod
    def print_exception(error, stream) -> None:
        stream.write("Traceback:\n  File\n%s\n" % error)


LINES: list = []


class _Stdin:
    """What poll() and read() see of the keyboard."""

    typed = b""
    closed = False

    def register(self, stream, events: int) -> None:
        pass

    def poll(self, timeout: int) -> bool:
        return bool(_Stdin.typed) or _Stdin.closed

    def read(self, count: int) -> bytes:
        data, _Stdin.typed = _Stdin.typed[:count], _Stdin.typed[count:]
        return data


def _fresh() -> None:
    LINES.clear()
    console.print = LINES.append
    console.sys = _Sys
    console._left[:] = [console.PEOPLE, console.PROGRAMS]
    _Stdin.typed, _Stdin.closed = b"", False
    stdin = _Stdin()
    console._asked[0] = True
    console._waits[0] = False
    console._stdin[:] = [stdin, stdin]


def _bytes() -> int:
    return sum([len(line.encode()) + 2 for line in LINES])


def _flood() -> None:
    for number in range(1000):
        console.say("line %d: ä" % number)
        console.tell("k230-ready {%d}" % number)
        console.exception(ValueError("fault %d" % number))


def test_a_console_that_nobody_reads_gets_less_than_a_tty_holds() -> None:
    _fresh()
    _flood()
    assert 3000 < _bytes() <= console.PEOPLE + console.PROGRAMS < 4096
    assert len([line for line in LINES if "press Enter" in line]) == 1
    shown = len(LINES)
    _flood()
    assert not console.typed()
    _flood()
    assert len(LINES) == shown


def test_a_long_line_and_a_last_small_one() -> None:
    _fresh()
    console.say("x" * 5000)
    assert LINES == [console._MORE]
    console.say("small")
    assert LINES == [console._MORE]
    console.tell("x" * 5000)
    console.tell("k230-ready {}")
    assert LINES[-1] == "k230-ready {}"


def test_whoever_types_sees_more() -> None:
    _fresh()
    _flood()
    _Stdin.typed = b"\r"
    assert not console.typed()  # it may belong to whoever ends the service
    assert console.typed()
    before = len(LINES)
    console.say("again")
    console.tell("k230-ready {}")
    assert LINES[before:] == ["again", "k230-ready {}"]
    _Stdin.typed = b"x" * 1000  # what is pasted costs a few looks, and no more memory
    looks = 0
    assert not console.typed()
    while console.typed():
        looks += 1
    assert looks == 1000 // console._MOST_TYPED + 1


def test_a_closed_input_is_not_asked_again() -> None:
    _fresh()
    _Stdin.closed = True
    assert not console.typed()
    assert not console.typed()
    assert console._stdin == []
    assert not console.typed()
