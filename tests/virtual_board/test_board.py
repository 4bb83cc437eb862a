"""Starting, watching and switching off a virtual board."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from virtual_board.board import BoardError, VirtualBoard
from virtual_board.interpreter import find_interpreter
from virtual_board.silicon.base.options import BoardOptions

from .scripts import OTHER, run_script


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sdcard": Path("/nowhere/card")}, "expected a folder, found nothing"),
        ({"camera": "/nowhere/pictures"}, "no such file or folder"),
        ({"micropython": "/nowhere/micropython"}, "found nothing to run at /nowhere/micropython"),
        ({"tcp": "5230"}, "expected HOST:PORT"),
        ({"key": "12ab"}, "expected 64 hexadecimal digits, found 4 characters"),
        ({"timing": "k210"}, "expected one of k230 or a file"),
        ({"scripts": ["/sdcard/none.py"]}, "expected a file at"),
    ],
)
def test_bad_options_are_told_before_anything_starts(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(BoardError, match=message.replace("/", "/")):
        VirtualBoard(**{"sdcard": tmp_path, **options})


def test_options_travel_whole(tmp_path: Path) -> None:
    options = BoardOptions(
        sdcard=tmp_path, data=tmp_path / "data", uart=tmp_path / "uart", ports={5230: ("::1", 9)}
    )
    assert BoardOptions.from_json(options.to_json()) == options
    assert "ab" * 32 not in replace(options, key="ab" * 32).to_json()


def test_fields_replace_those_of_options(tmp_path: Path) -> None:
    options = BoardOptions(sdcard=tmp_path, key="cd" * 32)
    assert VirtualBoard(options).key == "cd" * 32
    assert VirtualBoard(options, data=tmp_path / "other", key="ef" * 32).key == "ef" * 32
    with pytest.raises(TypeError):
        VirtualBoard(options, camra="synthetic")


def test_the_key_is_kept_in_the_data_folder(tmp_path: Path) -> None:
    first = VirtualBoard(sdcard=tmp_path).key
    assert (tmp_path / ".data" / "key").read_text() == first + "\n"
    assert VirtualBoard(sdcard=tmp_path).key == first
    wanted = "ab" * 32
    assert VirtualBoard(sdcard=tmp_path, key=wanted).key == wanted
    assert VirtualBoard(sdcard=tmp_path).key == wanted
    (tmp_path / ".data" / "key").write_text("damaged")
    with pytest.raises(BoardError, match="remove the file to make a new key"):
        VirtualBoard(sdcard=tmp_path)


def test_a_script_that_ends_leaves_the_board_in_its_repl(tmp_path: Path) -> None:
    run = run_script(tmp_path, "print('hello')")
    assert run.lines == ["hello"]
    assert run.details("repl") == ["finished"]
    assert run.code == 0


def test_a_script_that_raises(tmp_path: Path) -> None:
    run = run_script(tmp_path, "raise ValueError('wrong')")
    assert run.lines[-1] == "ValueError: wrong"
    assert run.details("repl") == ["raised ValueError"]
    assert run.code == 1


@pytest.mark.quick
def test_reset_starts_the_board_again(tmp_path: Path) -> None:
    source = """
import machine, os
if "count" not in os.listdir("/data"):
    with open("/data/count", "w") as file:
        file.write("1")
    print("first")
    machine.reset()
    print("not reached")
print("second")
"""
    run = run_script(tmp_path, source, restart=True)
    assert run.lines == ["first", "second"]
    assert run.details("reset") == ["machine.reset()"]


def test_the_watchdog_bites_whoever_does_not_feed_it(tmp_path: Path) -> None:
    source = """
import machine, time
dog = machine.WDT(timeout=1)
for _ in range(4):
    time.sleep_ms(400)
    dog.feed()
print("fed")
time.sleep(5)
print("not reached")
"""
    run = run_script(tmp_path, source)
    assert run.lines == ["fed"]
    assert run.details("reset") == ["watchdog"]


def test_frames_switch_the_board_off_when_all_are_worked_on(tmp_path: Path) -> None:
    source = """
from media.sensor import *
sensor = Sensor()
sensor.reset()
sensor.set_framesize(width=320, height=240)
sensor.set_pixformat(Sensor.RGB888)
sensor.run()
count = 0
while True:
    picture = sensor.snapshot()
    picture.to_jpeg()
    count += 1
    print(count)
"""
    run = run_script(tmp_path, source, frames=3)
    assert run.lines[-1] == "3"
    assert run.details("off") == ["all frames taken"]
    assert run.code == 0


def test_an_interpreter_is_named_from_the_folder_one_is_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").symlink_to(find_interpreter(OTHER))
    (tmp_path / "card").mkdir()
    monkeypatch.chdir(tmp_path)
    assert run_script(tmp_path, "print('up')", micropython="./mine").lines == ["up"]


@pytest.mark.quick
async def test_stop_ends_a_script_that_never_does(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("print('up')\nwhile True:\n    pass\n")

    async with VirtualBoard(sdcard=tmp_path, tcp=None) as board:
        async for event in board.events():
            if event["detail"] == "up":
                break
        await board.stop()
        assert await board.wait() == 0


async def test_ready_says_why_not(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("import nothing_like_this\n")

    with pytest.raises(BoardError, match="switched off: the script raised ImportError"):
        async with VirtualBoard(sdcard=tmp_path) as board:
            await board.ready(20)


def test_the_uart_is_a_tty(tmp_path: Path) -> None:
    source = """
import machine, time
try:
    machine.UART(1, 115200)
except AssertionError as error:
    print(error)
uart = machine.UART(3, 921600, timeout=0)
print(uart.read(4), uart.any())
uart.write(b"go\\n")
line = b""
while not line.endswith(b"\\n"):
    line += uart.read(16) or b""
    time.sleep_ms(5)
print(line)
uart.write(b"answer\\n")
time.sleep_ms(300)
"""
    path = tmp_path / "uart"
    answer = b""

    def talk() -> None:
        nonlocal answer
        handle = os.open(path, os.O_RDWR | os.O_NOCTTY)
        while os.read(handle, 1) != b"\n":
            pass
        os.write(handle, b"question\n")
        while not answer.endswith(b"\n"):
            answer += os.read(handle, 64)
        os.close(handle)

    run = run_script(tmp_path, source, beside=lambda board: talk(), uart=path, tcp=None)
    assert run.lines == [
        "UART(1) tx not configured, see machine.FPIOA",
        "None 0",
        "b'question\\n'",
    ]
    assert answer == b"answer\n"
    assert not path.is_symlink()
