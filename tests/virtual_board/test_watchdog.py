"""The watchdog: seconds, not milliseconds; what the PC takes for the silicon does not count."""

from __future__ import annotations

from pathlib import Path

import pytest

from .scripts import run_script

pytestmark = pytest.mark.alone

START = "import machine, time\nfrom _k230 import silicon\ndog = machine.WDT(1, 1)\n"


def test_a_script_that_hangs_is_reset(tmp_path: Path) -> None:
    run = run_script(tmp_path, START + "time.sleep(10)\nprint('never')\n")
    assert run.details("reset") == ["watchdog"]
    assert "never" not in run.lines


def test_a_script_that_feeds_is_not(tmp_path: Path) -> None:
    source = START + "for _ in range(10):\n    dog.feed()\n    time.sleep_ms(300)\nprint('done')\n"
    run = run_script(tmp_path, source)
    assert run.lines == ["done"]
    assert not run.details("reset")


def test_a_slow_simulator_does_not_count(tmp_path: Path) -> None:
    source = START + "silicon.call('board.hold', [3000])\nprint('done')\n"
    run = run_script(tmp_path, source)
    assert run.lines == ["done"]
    assert not run.details("reset")


def test_it_counts_again_behind_a_slow_call(tmp_path: Path) -> None:
    source = START + "silicon.call('board.hold', [1500])\ntime.sleep(10)\nprint('never')\n"
    run = run_script(tmp_path, source)
    assert run.details("reset") == ["watchdog"]


def test_a_closed_one_does_not_bark(tmp_path: Path) -> None:
    run = run_script(tmp_path, START + "dog.stop()\ntime.sleep(2)\nprint('done')\n")
    assert run.lines == ["done"]
