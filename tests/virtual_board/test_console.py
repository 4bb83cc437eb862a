"""The USB console: unmodified mpremote, the REPL's modes, and what hurts on the board."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import serial

from virtual_board.board import VirtualBoard
from virtual_board.silicon.wires.console import RING_SIZE, Console, Interrupts

from .scripts import OTHER

MPREMOTE = shutil.which("mpremote") or str(Path(sys.executable).with_name("mpremote"))
FOREVER = "import time\nprint('running')\nwhile True:\n    time.sleep(5)\n"
BUSY = "x = 0\nprint('running')\nwhile True:\n    x += 1\n"


class Terminal:
    """The PC's side of the console."""

    def __init__(self, path: Path) -> None:
        self.port = serial.Serial(os.path.realpath(path), timeout=0.05, exclusive=True)

    def send(self, data: bytes) -> None:
        self.port.write(data)

    def until(self, ending: bytes, seconds: float = 10) -> bytes:
        """Return what comes, up to ending."""
        data = b""
        stop = time.monotonic() + seconds
        while not data.endswith(ending):
            assert time.monotonic() < stop, data
            data += self.port.read(1)
        return data

    def interrupt(self) -> bytes:
        """Interrupt what runs; before a script begins, a Ctrl-C is lost."""
        data = b""
        stop = time.monotonic() + 20
        while not data.endswith(b">>> "):
            assert time.monotonic() < stop, data
            self.send(b"\x03")
            again = time.monotonic() + 1
            while not data.endswith(b">>> ") and time.monotonic() < again:
                data += self.port.read(1)
        return data

    def raw(self) -> None:
        self.send(b"\x01")
        self.until(b"raw REPL; CTRL-B to exit\r\n>")


def on_board(folder: Path, source: str, beside: Callable[[Path], Any], **options: Any) -> list[Any]:
    """Run source as main.py; beside(console) runs in a thread once it prints; return the events."""
    card = folder / "card"
    card.mkdir(exist_ok=True)
    if source:
        (card / "main.py").write_text(source)
    console = folder / "console"
    options = {"sdcard": card, "console": console, "bare": True, "tcp": None, **options}

    async def run() -> list[Any]:
        async with VirtualBoard(micropython=OTHER, seconds=60, **options) as board:
            events = board.events()
            seen = [await events.__anext__()]
            await asyncio.to_thread(beside, console)
            await board.stop()
            seen.extend([event async for event in events])
        return seen

    return asyncio.run(run())


def mpremote(console: Path, *arguments: str) -> tuple[int, str]:
    """Run the mpremote command against the console."""
    done = subprocess.run(
        [MPREMOTE, "connect", str(console), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout.decode()


@pytest.mark.parametrize("source", [FOREVER, BUSY], ids=["sleeping", "computing"])
def test_unmodified_mpremote(tmp_path: Path, source: str) -> None:
    text = tmp_path / "text"
    text.write_bytes(bytes(range(256)) * 40)
    script = tmp_path / "script.py"
    script.write_text("import os\nprint('ran on', os.uname()[-1], 1000)\n")

    def beside(console: Path) -> None:
        assert mpremote(console, "resume", "exec", "print(6 * 7)") == (0, "42\r\n")
        assert mpremote(console, "resume", "fs", "cp", str(text), ":/sdcard/text")[0] == 0
        assert "text" in mpremote(console, "resume", "fs", "ls", "/sdcard")[1]
        back = tmp_path / "back"
        assert mpremote(console, "resume", "fs", "cp", ":/sdcard/text", str(back))[0] == 0
        assert back.read_bytes() == text.read_bytes()
        assert mpremote(console, "resume", "fs", "mkdir", ":/sdcard/folder")[0] == 0
        assert mpremote(console, "resume", "fs", "cp", ":/sdcard/text", ":/sdcard/folder/b")[0] == 0
        code, said = mpremote(console, "resume", "fs", "cat", ":/sdcard/main.py")
        assert (code, said.replace("\r", "")) == (0, source)
        assert mpremote(console, "resume", "fs", "rm", "-r", ":/sdcard/folder")[0] == 0
        assert "folder" not in mpremote(console, "resume", "fs", "ls", "/sdcard")[1]
        code, said = mpremote(console, "resume", "run", str(script))
        assert (code, said.strip()) == (0, "ran on k230_canmv_virtual 1000")
        code, said = mpremote(console, "resume", "exec", "1 / 0")
        assert code == 1
        assert "ZeroDivisionError" in said
        assert "_k230/repl.py" not in said

    on_board(tmp_path, source, beside)
    assert (tmp_path / "card" / "text").read_bytes() == text.read_bytes()


def test_mpremotes_own_soft_reset_starts_main_again(tmp_path: Path) -> None:
    def beside(console: Path) -> None:
        code, said = mpremote(console, "exec", "print(1)")
        assert code == 1
        assert "could not enter raw repl" in said

    events = on_board(tmp_path, FOREVER, beside)
    assert [e["detail"] for e in events if e["event"] == "reset"] == ["soft reset"]
    assert [e["detail"] for e in events if e["event"] == "console"].count("running") == 2


def test_an_interrupted_call_into_the_silicon_stays_whole(tmp_path: Path) -> None:
    source = (
        "import machine, time\nprint('running')\n"
        "while True:\n    machine.temperature(); machine.chipid()\n"
    )

    def beside(console: Path) -> None:
        terminal = Terminal(console)
        for _ in range(20):
            terminal.interrupt()
            terminal.send(b"print(len(machine.chipid()))\r")
            assert b"\r\n32\r\n" in terminal.until(b">>> ")
            # It says when it runs: a Ctrl-C before that is a character like any other, as on a board.
            terminal.send(b"\x05print('go')\rwhile True: machine.chipid()\r\x04")
            terminal.until(b"go\r\n")

    events = on_board(tmp_path, source, beside)
    assert not [e for e in events if e["event"] in ("bug", "fault")]


def test_mpremotes_soft_reset_where_no_script_runs(tmp_path: Path) -> None:
    def beside(console: Path) -> None:
        assert mpremote(console, "soft-reset") == (0, "")
        assert mpremote(console, "exec", "print('after', 6 * 7)") == (0, "after 42\r\n")

    on_board(tmp_path, "", beside)


def test_scripts_do_not_reach_this_computers_files(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")

    def beside(console: Path) -> None:
        code, said = mpremote(console, "resume", "fs", "ls", ":/")
        assert code == 0
        assert {line.split()[-1] for line in said.splitlines()[1:]} == {
            "bin/",
            "firmware/",
            "sdcard/",
            "data/",
        }
        for path in (tmp_path / "precious", Path("/bin/boot.py"), Path("/new")):
            for harm in (f"import os; os.remove({str(path)!r})", f"open({str(path)!r}, 'w')"):
                assert "OSError" in mpremote(console, "resume", "exec", harm)[1]

    on_board(tmp_path, FOREVER, beside)
    assert (tmp_path / "precious").read_text() == "mine"


def test_friendly_repl(tmp_path: Path) -> None:
    def beside(console: Path) -> None:
        terminal = Terminal(console)
        terminal.interrupt()
        terminal.send(b"1 + 1\r")
        assert terminal.until(b">>> ").endswith(b"2\r\n>>> ")
        terminal.send(b"for i in range(2):\r    print(i)\r\r")
        assert b"0\r\n1\r\n" in terminal.until(b"1\r\n>>> ")
        terminal.send(b"abc\x7f\x7f\x7fprint(7)\r")
        assert b"7\r\n" in terminal.until(b">>> ")
        terminal.send(b"x" * 20 + b"\x03")
        terminal.until(b"\r\n>>> ")
        terminal.send(b"while True: pass\r\r")
        time.sleep(0.3)
        assert b"KeyboardInterrupt" in terminal.interrupt()
        terminal.send(b"import sys; sys.exit()\r")
        assert b"MPY: soft reboot\r\nrunning" in terminal.until(b"running")

    on_board(tmp_path, FOREVER, beside)


def test_a_block_larger_than_the_ring_is_lost_unless_acknowledged(tmp_path: Path) -> None:
    def beside(console: Path) -> None:
        terminal = Terminal(console)
        terminal.interrupt()
        terminal.raw()
        # While a script runs nobody takes what comes.
        terminal.send(b"import time; time.sleep(1)\x04")
        terminal.until(b"OK")
        block = b"# " + b"x" * (2 * RING_SIZE) + b"\nprint('whole')\x04"
        terminal.send(block)
        time.sleep(1.5)
        assert b"whole" not in terminal.until(b"\x04\x04>")[:2]
        terminal.send(b"\x03\x02")

    on_board(tmp_path, FOREVER, beside)


def test_a_zero_waits_for_more(tmp_path: Path) -> None:
    def beside(console: Path) -> None:
        terminal = Terminal(console)
        terminal.interrupt()
        terminal.send(b"0")
        start = time.monotonic()
        terminal.until(b"0")
        assert time.monotonic() - start > 0.1
        terminal.send(b"12345\r")  # held back once more than the frame's head is there
        assert b"12345" in terminal.until(b">>> ")

    on_board(tmp_path, FOREVER, beside)


def test_a_reset_takes_the_usb_device_away(tmp_path: Path) -> None:
    def beside(console: Path) -> None:
        terminal = Terminal(console)
        terminal.interrupt()
        terminal.send(b"import machine; machine.reset()\r")
        with pytest.raises((serial.SerialException, OSError, AssertionError)):
            terminal.until(b"never", 5)
        terminal.port.close()
        stop = time.monotonic() + 5
        while not console.exists():
            assert time.monotonic() < stop
            time.sleep(0.02)
        Terminal(console).interrupt()

    events = on_board(tmp_path, FOREVER, beside)
    assert "machine.reset()" in [e["detail"] for e in events if e["event"] == "reset"]


def test_a_fault_soon_after_the_start_puts_main_aside(tmp_path: Path) -> None:
    card = tmp_path / "card"
    card.mkdir()
    (card / "fallback.py").write_text("print('fallback runs')\n")
    source = "from _k230 import silicon\nprint('main runs')\nsilicon.die('a bad pointer')\n"

    def beside(console: Path) -> None:
        stop = time.monotonic() + 10
        while not (card / "bad_main.py").exists() and time.monotonic() < stop:
            time.sleep(0.05)
        time.sleep(1)
        terminal = Terminal(console)
        terminal.send(b"\r")
        terminal.until(b">>> ")

    events = on_board(tmp_path, source, beside)
    lines = [e["detail"] for e in events if e["event"] == "console"]
    assert lines.count("main runs") == 1
    assert "fallback runs" in lines
    assert not (card / "main.py").exists()


def test_a_bare_board_without_scripts_waits_in_the_repl(tmp_path: Path) -> None:
    def beside(console: Path) -> None:
        terminal = Terminal(console)
        terminal.send(b"\rimport firmware_app\r")
        assert b"ImportError" in terminal.until(b"'firmware_app'\r\n>>> ")

    on_board(tmp_path, "", beside)


def test_interrupts_wait_for_the_end_of_a_call() -> None:
    signals: list[float] = []
    interrupts = Interrupts()
    waiting = False
    interrupts.start(lambda: signals.append(time.monotonic()), lambda: waiting)
    assert not interrupts.request()  # no script runs yet
    interrupts.allow(True)
    interrupts.begin()
    assert interrupts.request()
    time.sleep(0.4)
    assert not signals
    assert interrupts.end()
    interrupts.begin()
    assert not interrupts.end()
    waiting = True  # a call came that nobody has looked at
    assert interrupts.request()
    time.sleep(0.6)
    assert not signals
    waiting = False
    stop = time.monotonic() + 10
    while not signals and time.monotonic() < stop:
        time.sleep(0.05)
    assert len(signals) == 1
    interrupts.allow(False)
    assert not interrupts.request()


def test_the_ring_forgets_what_it_overruns(tmp_path: Path) -> None:
    console = Console(tmp_path / "pty")
    try:
        console.interrupts.allow(False)
        read = console.operations()["console.read"]
        with open(os.path.realpath(tmp_path / "pty"), "wb", buffering=0) as pc:
            pc.write(b"a" * 100)
            time.sleep(0.2)
            assert bytes(read([200], [])[1][0]) == b"a" * 100
            for _ in range(RING_SIZE // 256):
                pc.write(b"b" * 256)
                time.sleep(0.01)
            pc.write(b"c" * 10)
            time.sleep(0.3)
            assert bytes(read([2 * RING_SIZE], [])[1][0]) == b"c" * 10
    finally:
        console.close()


PRINTS = """
import time
count = 0
while True:
    print("line %06d" % count)
    count += 1
    with open("/data/count", "w") as file:
        file.write(str(count))
    time.sleep_ms(1)
"""


async def _on(folder: Path, source: str, beside: Callable[[Path, Path], Any]) -> Any:
    """Run beside(console, data folder) in a thread while source runs."""
    card = folder / "card"
    card.mkdir()
    (card / "main.py").write_text(source)
    options: Any = {"sdcard": card, "console": folder / "console", "bare": True, "tcp": None}
    async with VirtualBoard(micropython=OTHER, seconds=60, **options) as board:
        async for event in board.events():
            if event["event"] == "console":
                break
        return await asyncio.to_thread(beside, folder / "console", card / ".data")


@pytest.mark.slow
async def test_a_port_that_nobody_reads_blocks_whoever_prints(tmp_path: Path) -> None:
    """Stars1233/canmv_k230 mphalport.c, mp_hal_uart_tx; canmv-k230/rtsmart v1.7 serial.c, _serial_dma_tx."""

    def use(console: Path, data: Path) -> tuple[int, int, int]:
        def count() -> int:
            text = (data / "count").read_text()
            return int(text) if text else 0

        while not (data / "count").exists():
            time.sleep(0.05)
        first = count()
        port = serial.Serial(os.path.realpath(console), timeout=0.05)
        port.write(b"x")  # no guard
        last, still = -1, count()
        while last != still:
            last = still
            time.sleep(1)
            still = count()
        blocked = still
        while count() < blocked + 200:
            port.read(1000)
        port.close()
        return first, blocked, count()

    first, blocked, later = await _on(tmp_path, PRINTS, use)
    assert first < blocked < first + 3000, "whoever prints goes on"
    assert later >= blocked + 200


@pytest.mark.slow
async def test_text_is_held_back_after_the_port_opens(tmp_path: Path) -> None:
    """Stars1233/canmv_k230 ide_dbg.c, ide_dbg_stdout_capture and STDOUT_PROBE_GUARD_MS."""

    def use(console: Path, data: Path) -> tuple[float, float]:
        took = []
        for typed in (b"", b"x"):
            port = serial.Serial(os.path.realpath(console), timeout=0.05)
            start = time.monotonic()
            port.write(typed)
            while not port.read(1):
                assert time.monotonic() < start + 10
            took.append(time.monotonic() - start)
            port.close()
            time.sleep(0.5)  # the board notices
        return took[0], took[1]

    silent, typed = await _on(tmp_path, PRINTS, use)
    assert silent > 1.8
    assert typed < 1.5
