"""`k230 sim exec` and `k230 sim run` show how far they are, and keep their output whole."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from host_client.cli.sim import _progress
from virtual_board.board import VirtualBoard

SCRIPT = """
import time
from media.sensor import *
from media.media import *
sensor = Sensor()
sensor.reset()
sensor.set_framesize(width=160, height=120)
sensor.set_pixformat(Sensor.RGB565)
MediaManager.init()
sensor.run()
print("script begins")
while True:
    sensor.snapshot()
    time.sleep_ms(30)
"""


def seen(arguments: list[str]) -> str:
    """Return what a terminal gets from a k230 command."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", "from host_client.cli import main; main()", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=os.environ | {"COLUMNS": "80", "TERM": "xterm"},
    )
    os.close(theirs)
    text = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # Linux: the other end is closed
            break
        if not piece:
            break
        text += piece
    os.close(ours)
    assert process.wait(60) == 0, text
    return text.decode()


@pytest.mark.slow
def test_a_script_shows_its_frames(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    text = seen(["sim", "exec", "--frames", "120", str(script)])
    counts = re.findall(r"running  [#.]{24}  (\d+) of 120 frames", text)
    assert counts
    assert sorted(map(int, counts)) == list(map(int, counts))
    lines = [re.split(r"\r", line.rstrip("\r"))[-1].strip() for line in text.split("\n")]
    assert "script begins" in lines


class Taken(VirtualBoard):
    """A board that only counts."""

    def __init__(self, taken: int = 0) -> None:
        self.taken = taken


def test_time_left_counts_from_the_first_frame() -> None:
    board = Taken()
    line = _progress(board, {"frames": 100})
    assert line(20.0) == f"running  {'.' * 24}  0 of 100 frames"
    board.taken = 10
    assert line(30.0) == f"running  {'#' * 2}{'.' * 22}  10 of 100 frames"
    board.taken = 20
    assert line(31.0) == f"running  {'#' * 4}{'.' * 20}  20 of 100 frames  8 s left"


def test_a_limit_in_seconds_is_a_bar() -> None:
    line = _progress(Taken(), {"seconds": 60.0})
    assert line(15.0) == f"running  {'#' * 6}{'.' * 18}  15 of 60 s"
    assert line(75.0) == f"running  {'#' * 24}  60 of 60 s"


@pytest.mark.parametrize(("taken", "said"), [(0, "0 frames"), (1, "1 frame"), (9, "9 frames")])
def test_without_a_limit_it_says_what_was_done(taken: int, said: str) -> None:
    assert _progress(Taken(taken), {})(7.2) == f"running, Ctrl-C ends it  {said}  7 s"
