"""The log: what comes again is counted; runs on CPython and MicroPython."""

from firmware_app.base import log as log_file
from firmware_app.base.log import DEBUG, ERROR, INFO, MAX_KNOWN, MAX_TEXT, WARNING, Log


class _Clock:
    def __init__(self) -> None:
        self.now = 0

    def ms(self) -> int:
        return self.now


def fresh():
    """Return a log, its clock, and the texts that it writes."""
    log_file.print = lambda line: None  # the console of this test is the runner's
    clock = _Clock()
    log = Log(clock)
    texts = []
    log.keep(lambda line: texts.append(line[2]))
    return log, clock, texts


def test_a_missing_camera_of_four_hours() -> None:
    """Two lines every two seconds: each once, then its count now and then."""
    log, clock, texts = fresh()
    for _ in range(7200):
        log.error("camera: the sensor can't be set up: no device")
        log.warning("the sensor is set up again")
        clock.now += 2000
        log.tell()
    assert texts[:2] == [
        "camera: the sensor can't be set up: no device",
        "the sensor is set up again",
    ]
    assert len(texts) < 20, len(texts)
    assert sorted(texts[2:4]) == [
        "camera: the sensor can't be set up: no device (30 more in 60 s)",
        "the sensor is set up again (30 more in 60 s)",
    ]
    counted = sum([int(text.split("(")[1].split(" ")[0]) for text in texts[2:]])
    log.tell(True)
    pending = sum([int(text.split("(")[1].split(" ")[0]) for text in texts[2:]]) - counted
    assert counted + pending == 2 * 7199


def test_a_fault_is_written_at_once_and_again_when_it_comes_back_late() -> None:
    log, clock, texts = fresh()
    log.error("a")
    log.error("a")
    assert texts == ["a"]
    clock.now = 60000
    log.tell()
    assert texts == ["a", "a (1 more in 60 s)"]
    clock.now = 120000
    log.tell()
    assert len(texts) == 2
    clock.now += 600001
    log.error("a")
    assert texts[2:] == ["a"]


def test_others_get_through() -> None:
    log, clock, texts = fresh()
    for number in range(100):
        log.error("a")
        log.error("b%d" % (number % 3))
        clock.now += 10
    assert texts == ["a", "b0", "b1", "b2"]
    # The same text at another level is another line.
    log.warning("a")
    assert texts[4:] == ["a"]


def test_numbers_that_change_make_no_new_line() -> None:
    log, _, texts = fresh()
    for port in range(40000, 40100):
        log.warning("192.168.1.7:%d: gone after %d ms" % (port, port * 3))
    assert len(texts) == 1
    log.tell(True)
    assert texts[1] == "192.168.1.7:40099: gone after 120297 ms (99 more in 0 s)", texts[1]
    # Short numbers do: they are codes.
    log.warning("error 5")
    log.warning("error 11")
    assert len(texts) == 4


def test_lines_that_are_no_faults_may_come_some_times() -> None:
    log, clock, texts = fresh()
    for _ in range(20):
        log.info("a client connected")
    assert texts == ["a client connected"] * 8
    clock.now = 60000
    log.tell()
    assert texts[8:] == ["a client connected (12 more in 60 s)"]


def test_memory_is_bounded() -> None:
    log, clock, texts = fresh()
    for number in range(200):
        for _ in range(2):
            log.write(
                (INFO, WARNING, ERROR)[number % 3], chr(97 + number % 23) * (1 + number) + "!"
            )
        clock.now += 1
    assert len(log._known) <= MAX_KNOWN
    assert max([len(text) for text in texts]) <= MAX_TEXT
    # What is pushed out says its count first.
    assert any([text.endswith("(1 more in 1 s)") for text in texts[-40:]]), texts[-3:]
    log.write(DEBUG, "x")
    assert texts[-1] != "x"
