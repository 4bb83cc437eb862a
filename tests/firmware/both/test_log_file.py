"""The log on the card; runs on CPython and MicroPython."""

from card_tools import use
from folder_card import FolderCard

from firmware_app.base.problems import Problems
from firmware_app.card import log_file


def fresh():
    card = FolderCard()
    use(card)
    log_file.os = card
    log_file.open = card.open
    return card, log_file.LogFile(Problems())


def everything(log) -> str:
    text = ""
    offset = 0
    while offset is not None:
        page = log.read(offset)
        text += page["text"]
        offset = page["next"]
    return text


def test_lines_are_kept_in_order_and_page_by_page() -> None:
    _, log = fresh()
    lines = ["%d.000 info: line ä %d" % (i, i) for i in range(600)]
    for line in lines:
        log.add(line)
        log.flush()
    assert everything(log).split("\n") == lines + [""]


def test_the_log_keeps_its_size() -> None:
    card, log = fresh()
    log.limit(8)
    for i in range(500):
        log.add("%d.000 info: %s" % (i, "x" * 80))
        log.flush()
    size = sum([len(card.tree[path]) for path in card.tree if path.startswith("/data/log")])
    assert 3000 < size <= 8192
    text = everything(log)
    assert "499.000" in text
    assert "\n1.000" not in text


def test_a_card_that_cannot_be_written_is_told_and_costs_no_memory() -> None:
    _, log = fresh()

    def refuse(*_):
        raise OSError(28)

    log_file.open = refuse
    for _ in range(2000):
        log.add("x" * 80)
        log.flush()
    assert log._problems.codes() == ["log"]
    assert len(log._waiting) < 200
