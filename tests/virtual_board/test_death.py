"""Deaths, as the firmware answers them: what is restarted, what stays dead, what a soft reset waits for.

The sources of each rule stand in virtual_board/death.py and virtual_board/modules/_k230/threads.py.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from virtual_board.board import VirtualBoard
from virtual_board.death import BOOT, EARLY_S, FALLBACK, MAIN, Outcome, name_aside, outcome
from virtual_board.silicon.base.errors import Death

from .scripts import OTHER
from .test_console import Terminal, on_board

LIMIT_S = 60.0


@pytest.mark.parametrize(
    ("abort", "main", "stage", "seconds", "expected"),
    [
        # A CPU fault while boot.py or main.py runs: misc.c, 454; whatever thread, lwp_syscall.c, 1630.
        (False, True, MAIN, 5.0, Outcome.PUT_ASIDE),
        (False, False, MAIN, 5.0, Outcome.PUT_ASIDE),
        (False, True, BOOT, EARLY_S - 1, Outcome.PUT_ASIDE),
        (False, True, MAIN, EARLY_S, Outcome.RESET),  # misc.c, 463
        # In fallback.py and in the REPL nothing is done: trap.c goes on to sys_exit(-1).
        (False, True, FALLBACK, 5.0, Outcome.DEAD),
        (False, False, FALLBACK, 5.0, Outcome.FROZEN),
        (False, True, "", 5.0, Outcome.DEAD),
        # An abort never asks: lwp_signal.c, 283. lwp_syscall.c, 416: the main thread's ends the process.
        (True, True, MAIN, 5.0, Outcome.DEAD),
        (True, False, MAIN, 5.0, Outcome.FROZEN),
        (True, True, BOOT, 5.0, Outcome.DEAD),
        (True, False, "", 5.0, Outcome.FROZEN),
    ],
)
def test_what_becomes_of_the_board(
    abort: bool, main: bool, stage: str, seconds: float, expected: Outcome
) -> None:
    assert outcome(Death("x", abort, main), stage, seconds) is expected


def _run(
    folder: Path,
    scripts: dict[str, str],
    until: tuple[str, str],
    cut: bool = False,
    rubbish: str = "",
) -> Any:
    """Run a card until an event comes; cut: cut the power when the board is dead, and go on."""
    card = folder / "card"
    card.mkdir()
    for name, source in scripts.items():
        (card / name).write_text(source)

    async def run() -> list[Any]:
        seen: list[Any] = []
        async with VirtualBoard(
            sdcard=card,
            bare=True,
            tcp=None,
            micropython=OTHER,
            seconds=LIMIT_S,
            rubbish=rubbish,
        ) as board:
            async for event in board.events():
                seen.append(event)
                if event["event"] == "dead" and cut:
                    await board.cut_power()
                if event["event"] == until[0] and until[1] in event["detail"]:
                    await board.stop()
                    return seen
        raise AssertionError(f"{until} never came: {seen}")

    return asyncio.run(run())


def _details(events: list[Any], kind: str) -> list[str]:
    return [event["detail"] for event in events if event["event"] == kind]


ONCE = """
import _thread, machine, os, time
from _k230 import silicon
dog = machine.WDT(1, 1)
def once():
    try:
        os.stat("/data/once")
        return False
    except OSError:
        open("/data/once", "w").close()
        return True
"""
MAIN_ABORTS = ONCE + "if once():\n    silicon.abort('no MMZ left')\nprint('again')\n"
THREAD_ABORTS = (
    ONCE
    + """
if once():
    _thread.start_new_thread(silicon.abort, ("no MMZ left",))
    while True:
        time.sleep_ms(50)
        dog.feed()
print("again")
"""
)
UNWATCHED = THREAD_ABORTS.replace("dog.feed()", "pass").replace(
    "dog = machine.WDT(1, 1)", "dog = None"
)


def test_an_abort_in_the_main_thread_takes_the_watchdog_along(tmp_path: Path) -> None:
    events = _run(tmp_path, {"main.py": MAIN_ABORTS}, ("console", "again"), cut=True)
    assert _details(events, "fault")[0] == "no MMZ left"
    assert "the process is gone" in _details(events, "dead")[0]
    assert "watchdog" not in _details(events, "reset")


def test_an_abort_in_another_thread_leaves_the_watchdog(tmp_path: Path) -> None:
    events = _run(tmp_path, {"main.py": THREAD_ABORTS}, ("console", "again"))
    assert _details(events, "reset") == ["watchdog"]
    assert not _details(events, "dead")


def test_without_a_watchdog_it_stays_frozen(tmp_path: Path) -> None:
    events = _run(tmp_path, {"main.py": UNWATCHED}, ("console", "again"), cut=True)
    assert "no Python runs" in _details(events, "dead")[0]
    assert not _details(events, "reset")


def test_a_second_fault_in_fallback_is_final(tmp_path: Path) -> None:
    fault = "from _k230 import silicon\nsilicon.die('a bad pointer')\n"
    scripts = {"main.py": fault, "fallback.py": "print('falls back')\n" + fault}
    events = _run(tmp_path, scripts, ("dead", "the process is gone"))
    assert _details(events, "fault") == ["a bad pointer"] * 2
    assert "falls back" in _details(events, "console")


def test_our_fallback_lets_main_run_where_a_fault_is_answered(tmp_path: Path) -> None:
    main = ONCE + "if once():\n    silicon.die('a bad pointer')\nsilicon.die('once more')\n"
    fallback = Path(__file__).resolve().parents[2] / "firmware_app" / "fallback.py"
    scripts = {"main.py": main, "fallback.py": fallback.read_text()}
    events = _run(tmp_path, scripts, ("reset", "machine.reset()"))
    assert not _details(events, "dead")
    assert (tmp_path / "card" / "main.py").is_file()
    assert (tmp_path / "card" / ".data" / "fault").is_file()


def test_main_runs_behind_a_boot_that_raises(tmp_path: Path) -> None:
    scripts = {"boot.py": "raise ValueError('x')\n", "main.py": "print('main runs')\n"}
    events = _run(tmp_path, scripts, ("console", "main runs"))  # main.c, 521: do_str of each
    assert "ValueError: x" in _details(events, "console")


def test_a_stack_takes_pages_and_none_is_started_without(tmp_path: Path) -> None:
    source = """
import _thread, gc, time
before = gc.sys_page()[1]
_thread.start_new_thread(time.sleep, (1,))
print("pages", 65536 <= gc.sys_page()[1] - before < 80000)
_thread.stack_size(1 << 30)
try:
    _thread.start_new_thread(time.sleep, (1,))
except OSError as error:
    print("refused", error.errno)
"""
    lines = _details(_run(tmp_path, {"main.py": source}, ("repl", "")), "console")
    assert lines == ["pages True", "refused 12"]  # mpthreadport.c, 307: er


THREADS = """
import _thread, time
from _k230 import threads
print("kept", threads.kept())
def ends():
    pass
def sleeps():
    while True:
        time.sleep_ms(20)
_thread.start_new_thread(ends, ())
_thread.stack_size(0x8000)
_thread.start_new_thread(sleeps, ())
while True:
    time.sleep(1)
"""


def test_ended_threads_keep_their_stacks_over_soft_resets(tmp_path: Path) -> None:
    def beside(console: Path) -> None:
        for _ in range(3):
            terminal = Terminal(console)
            terminal.interrupt()
            terminal.send(b"\x04")
            terminal.until(b"kept")
            terminal.port.close()

    events = on_board(tmp_path, THREADS, beside)
    each = 65536 + 0x8000  # mpthreadport.c, 247 and 272; the sleeping one got its SystemExit
    assert _details(events, "console")[:1] == ["kept 0"]
    assert f"kept {each}" in _details(events, "console")
    assert f"kept {2 * each}" in _details(events, "console")
    assert _details(events, "reset").count("soft reset") == 3


LOCKED = """
import _thread, time
lock = _thread.allocate_lock()
lock.acquire()
_thread.start_new_thread(lock.acquire, ())
print("waits")
while True:
    time.sleep(1)
"""


def test_a_soft_reset_waits_for_a_thread_in_a_lock_for_ever(tmp_path: Path) -> None:
    def beside(console: Path) -> None:
        terminal = Terminal(console)
        terminal.interrupt()
        terminal.send(b"\x04")
        terminal.until(b"soft reboot\r\n")
        stop = time.monotonic() + 2
        while time.monotonic() < stop:
            assert terminal.port.read(64) == b""  # main.c, 603; no Ctrl-C helps
            terminal.send(b"\x03")

    events = on_board(tmp_path, LOCKED, beside)
    assert "soft reset" not in _details(events, "reset")
    assert _details(events, "console").count("waits") == 1


@pytest.mark.parametrize(
    ("rubbish", "expected"),
    [
        ("", "bad_main.py"),
        ("\x01abc", "bad_main.py"),  # ff.c, create_name: it ends below a space
        ("~x\x02", "bad_main.py~x"),
        ("é", "bad_main.pyé"),
        (". ", "bad_main.py"),
        ("?", None),
        ("a/b", None),
    ],
)
def test_what_lies_behind_the_name_becomes_a_part_of_it(rubbish: str, expected: str | None) -> None:
    """misc.c, check_delete_file_mark: rt_strncpy() of all but the zero."""
    assert name_aside(MAIN, rubbish) == expected


FAULTS_ONCE = (
    '"""Copied to /sdcard/main.py"""\n'
    + ONCE
    + "if once():\n    silicon.die('x')\nprint('again')\n"
)
OWN = Path(__file__).resolve().parents[2] / "firmware_app"


@pytest.mark.parametrize("rubbish", ["", "~\x7e0", "?"])
def test_our_scripts_bring_main_back_whatever_the_firmware_calls_it(
    tmp_path: Path, rubbish: str
) -> None:
    scripts = {"main.py": FAULTS_ONCE}
    for name in ("boot.py", "fallback.py"):
        scripts[name] = (OWN / name).read_text()
    events = _run(tmp_path, scripts, ("console", "again"), rubbish=rubbish)
    assert not _details(events, "dead")
    names = sorted(path.name for path in (tmp_path / "card").iterdir() if path.is_file())
    assert names == ["boot.py", "fallback.py", "main.py"]
    assert (tmp_path / "card" / ".data" / "fault").is_file() == (rubbish != "?")


def test_without_our_boot_an_odd_name_is_the_end(tmp_path: Path) -> None:
    scripts = {"main.py": FAULTS_ONCE, "fallback.py": (OWN / "fallback.py").read_text()}
    events = _run(tmp_path, scripts, ("repl", ""), rubbish="~x")
    assert "again" not in _details(events, "console")
    assert (tmp_path / "card" / "bad_main.py~x").is_file()


def test_our_boot_takes_no_other_file_for_main(tmp_path: Path) -> None:
    scripts = {"bad_main.py.txt": "print('mine')\n", "boot.py": (OWN / "boot.py").read_text()}
    events = _run(tmp_path, scripts, ("repl", ""))
    assert "mine" not in _details(events, "console")
    assert (tmp_path / "card" / "bad_main.py.txt").is_file()
