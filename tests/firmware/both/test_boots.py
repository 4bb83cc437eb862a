"""Which ends of a start count as crashes; runs on CPython and MicroPython."""

import json
import random

from card_tools import use
from folder_card import LOST, FolderCard, PowerCutError

from firmware_app.base import restarts
from firmware_app.card.boots import CAMERA, LOAD, RUN, Boots, mark

LIMIT = 3
PHASES = (LOAD + " aaaaaaaa", RUN + " aaaaaaaa", CAMERA + " cccccccc")


def started(version: str = "1") -> Boots:
    boots = Boots(version=version)
    boots.begin()
    return boots


def ended_in(phase: str, times: int) -> Boots:
    """Let so many starts end in a phase, without a word; return the next one."""
    for _ in range(times):
        started().enter(phase)
    return started()


def fresh() -> FolderCard:
    card = FolderCard(LOST)
    use(card)
    return card


def test_ends_without_a_word_are_no_crashes() -> None:
    fresh()
    for _ in range(20):
        boots = started()
        assert boots.early == 0
        assert not boots.enter_safe_mode(1)


def test_starts_that_end_in_the_same_phase_count() -> None:
    for phase in PHASES:
        fresh()
        assert not ended_in(phase, 2).enter_safe_mode(LIMIT)
        fresh()
        boots = ended_in(phase, 3)
        assert boots.enter_safe_mode(LIMIT)
        assert boots.blamed == phase.split(" ")[0]
        assert boots.restart_reason()["code"] == restarts.UNANNOUNCED
        # It stays so, over power cuts too.
        boots = started()
        assert boots.enter_safe_mode(LIMIT)
        assert boots.blamed == phase.split(" ")[0]


def test_others_between_break_the_row() -> None:
    fresh()
    ended_in(PHASES[0], 2)  # the next one ended outside
    assert ended_in(PHASES[0], 2).early == 2
    fresh()
    ended_in(PHASES[0], 2).enter(PHASES[1])
    assert started().early == 1


def test_what_returned_is_no_crash() -> None:
    card = fresh()
    for good in (False, True):
        for _ in range(5):
            boots = started()
            boots.enter(PHASES[2])
            boots.leave(PHASES[2], good)
            assert boots.early == 0
    # What succeeded is not written again; what failed, not again in this start.
    boots = started()
    boots.enter(PHASES[0])
    boots.leave(PHASES[0], False)
    before = card.steps
    for _ in range(1000):
        for phase in (PHASES[0], PHASES[2]):
            boots.enter(phase)
            boots.leave(phase, phase == PHASES[2])
    assert card.steps == before
    # A camera that comes back later has succeeded all the same.
    boots.enter(PHASES[0])
    boots.leave(PHASES[0], True)
    assert card.steps > before
    boots = started()
    before = card.steps
    boots.enter(PHASES[0])
    assert card.steps == before


def test_what_has_returned_before_counts_half() -> None:
    fresh()
    boots = started()
    boots.enter(PHASES[2])
    boots.leave(PHASES[2], False)
    assert not ended_in(PHASES[2], 5).enter_safe_mode(LIMIT)
    fresh()
    boots = started()
    boots.enter(PHASES[2])
    boots.leave(PHASES[2], False)
    assert ended_in(PHASES[2], 6).enter_safe_mode(LIMIT)


def test_exceptions_and_native_faults_count() -> None:
    card = fresh()
    for count in range(LIMIT):
        boots = started()
        assert boots.early == count
        assert not boots.enter_safe_mode(LIMIT)
        boots.crashed("ValueError: x")
        started()  # a power cut between them takes none back
    assert started().enter_safe_mode(LIMIT)
    card = fresh()
    for count in range(LIMIT):
        assert started().early == count
        card.put("/data/fault", b"")
    boots = started()
    assert boots.early == LIMIT
    assert boots.restart_reason()["code"] == restarts.NATIVE_FAULT
    # One that lasts takes them back.
    boots.settled()
    assert started().early == 0


def test_an_end_in_a_phase_and_its_fault_are_one_crash() -> None:
    card = fresh()
    for count in range(LIMIT):
        boots = started()
        assert boots.early == count
        boots.enter(PHASES[1])
        card.put("/data/fault", b"")
    assert started().enter_safe_mode(LIMIT)


def test_planned_ends_are_no_crashes() -> None:
    fresh()
    for _ in range(5):
        boots = started()
        assert boots.early == 0
        boots.enter(PHASES[0])
        boots.planned(restarts.COMMAND, "a client asked for it")


def test_a_start_that_lasted_writes_nothing() -> None:
    card = fresh()
    boots = started()
    before = card.steps
    boots.settled()
    assert card.steps == before


def test_safe_mode_tries_again() -> None:
    fresh()
    boots = ended_in(PHASES[1], 3)
    assert boots.enter_safe_mode(LIMIT)
    # A try that crashes: safe mode again, and the count grows.
    boots.try_again()
    assert not boots.safe
    boots.enter(PHASES[1])
    boots = started()
    assert boots.enter_safe_mode(LIMIT)
    assert boots.early == 4
    # One whose power went off: the same.
    boots.try_again()
    boots = started()
    assert boots.enter_safe_mode(LIMIT)
    # One that lasts.
    boots.try_again()
    boots.enter(PHASES[1])
    boots.leave(PHASES[1], True)
    boots.settled()
    boots = started()
    assert boots.early == 0
    assert not boots.enter_safe_mode(LIMIT)


def test_a_client_leads_out_of_safe_mode() -> None:
    fresh()
    boots = ended_in(PHASES[1], 3)
    assert boots.enter_safe_mode(LIMIT)
    boots.leave_safe_mode()
    assert not boots.safe
    assert not started().enter_safe_mode(LIMIT)


def test_another_version_begins_anew() -> None:
    fresh()
    ended_in(PHASES[0], 3).enter_safe_mode(LIMIT)
    boots = started("2")
    assert not boots.enter_safe_mode(LIMIT)
    assert boots.early == 0
    assert boots.starts == 5


def test_why_an_update_failed() -> None:
    card = fresh()
    started()
    card.put("/data/update_failed", b"TypeError: x")
    reason = started().restart_reason()
    assert reason["code"] == restarts.UPDATE_FAILED
    assert reason["text"].endswith("TypeError: x")
    assert started().restart_reason()["code"] == restarts.UNANNOUNCED


def test_records_that_cannot_be_read() -> None:
    for text in (
        "",
        "{",
        "[]",
        "null",
        '{"reason": 1, "starts": "x"}',
        '{"reason": "", "proven": 3}',
    ):
        card = fresh()
        card.put("/data/boots.json", text.encode())
        boots = started()
        assert boots.early == 0
        assert boots.starts == 1
    # One of a version that took power cuts for crashes.
    card = fresh()
    card.put("/data/boots.json", b'{"early": 9, "reason": "", "safe": true, "starts": 7}')
    boots = started()
    assert not boots.enter_safe_mode(LIMIT)
    assert boots.starts == 8


def test_marks() -> None:
    assert mark([{"a": 1, "b": "x"}]) == mark([{"b": "x", "a": 1}])
    assert mark([{"a": 1}]) != mark([{"a": 2}])
    assert len(mark([])) == 8


def _start(card: FolderCard, camera: bool) -> None:
    """Go through a start as the service does, its phases with steps of their own that may be cut."""
    boots = Boots(version="1")
    for _ in range(20):
        card.step()  # imports
    boots.begin()
    if boots.enter_safe_mode(LIMIT):
        raise AssertionError("safe mode after power cuts")
    for phase, steps, good in (
        (PHASES[0], 3, True),
        (PHASES[2], 6, camera),
        (PHASES[1], 2, True),
    ):
        if phase == PHASES[1] and not camera:
            break
        boots.enter(phase)
        for _ in range(steps):
            card.step()
        boots.leave(phase, good)
    for _ in range(60):
        card.step()  # results
    boots.settled()


def test_a_hundred_power_cuts() -> None:
    """At any time of a start, a hundred times in a row, with and without a camera: never safe mode."""
    for seed in range(10):
        random.seed(seed)
        card = fresh()
        camera = bool(seed % 2)
        for number in range(100):
            card.steps = 0
            card.cut_at = 1 + random.getrandbits(16) % 110
            try:
                _start(card, camera or number >= 50)
            except PowerCutError:
                pass
        card.cut_at = -1
        boots = started()
        assert boots.early < LIMIT
        record = json.loads(card.tree["/data/boots.json"])
        assert record["starts"] > 50, record


def test_a_real_crash_loop_still_ends_in_safe_mode() -> None:
    """The first run kills the board, with power cuts at any other time between."""
    for seed in range(10):
        random.seed(seed)
        fresh()
        starts = 0
        while True:
            boots = started()
            starts += 1
            assert starts < 60
            if boots.enter_safe_mode(LIMIT):
                break
            boots.enter(PHASES[0])
            boots.leave(PHASES[0], True)
            if random.getrandbits(3) == 0:
                continue  # power went off
            boots.enter(PHASES[1])
        assert boots.blamed == RUN
