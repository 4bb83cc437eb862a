"""Names of boards, labels and zones in topics."""

from __future__ import annotations

import re

import pytest

from board_hub.base.names import LONGEST, part_of
from board_hub.base.queue import NewestQueue

NASTY = [
    *("", "#", "+", "/", "a/b", "$SYS", "\0", "a\0b", "😀", "菠菜", "Person", "person ", " "),
    *("..", "-", "é", "e\u0301", "\u202e", "\ud800", "a" * 65, "A" * 10_000, "a b", "a_b", "a-b"),
    *("\n", "\t", "person", "PERSON", "a+b", "a#b", "a/#", "+/+", "ı", "ß", "ss", "\x7f"),
]


@pytest.mark.parametrize("name", NASTY, ids=ascii)
def test_each_name_becomes_a_part(name: str) -> None:
    part = part_of(name)
    assert re.fullmatch(r"[a-z0-9_-]{1,64}", part)
    assert len(part) <= LONGEST
    if re.fullmatch(r"[a-z0-9_-]{1,64}", name):
        assert part == name
    else:
        assert re.fullmatch(r"(.*-)?[0-9a-f]{6}", part)


def test_no_two_names_meet() -> None:
    assert len({part_of(name) for name in NASTY}) == len(NASTY)


async def test_the_newest_wins_and_drops_are_counted() -> None:
    queue: NewestQueue[int] = NewestQueue(3)
    for number in range(5):
        queue.put(number)
    assert await queue.get() == [2, 3, 4]
    assert queue.dropped == 2
    queue.close()
    queue.put(9)
    assert await queue.get() == []
